//! What is tried with tokens, one attack after the other. Each one is made with a real key, so that
//! nothing but the attack is wrong with it.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test may fail loudly")]

#[path = "attacks/claims.rs"]
mod claims;

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::Value;
use yumen_jose::{
    Algorithm, Algorithms, Key, KeySet, Refused, SigningKey, Unusable, Verifier, Wanted,
};

const NOW: u64 = 1_700_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const CLAIMS: &str = r#"{"iss":"https://id","sub":"ada","aud":"shop","exp":1700000060}"#;

static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

/// The issuer: a key of each kind, all of them in one set but the secret.
struct Issuer {
    rsa: RsaKeyPair,
    ecdsa: EcdsaKeyPair,
    public_pem: String,
    public_jwk: Value,
    keys: KeySet,
    secrets: KeySet,
}

impl Issuer {
    fn new() -> Self {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
        let signer = pem("PRIVATE KEY", pkcs8.as_ref());
        let signer = SigningKey::from_pem(&signer, Algorithm::Rs256).unwrap();
        let public_jwk = Value::Object(signer.with_kid("rsa").unwrap().public_jwk().unwrap());
        let public_pem = pem("PUBLIC KEY", rsa.public_key().as_der().unwrap().as_ref());
        let ecdsa_pem = pem("PUBLIC KEY", ecdsa.public_key().as_der().unwrap().as_ref());
        let keys = vec![
            Key::from_jwk(&public_jwk.to_string()).unwrap(),
            Key::from_pem(&ecdsa_pem).unwrap().with_kid("ecdsa").unwrap(),
        ];
        let secret = Key::from_secret(SECRET).unwrap().with_kid("secret").unwrap();
        Self {
            rsa,
            ecdsa,
            public_pem,
            public_jwk,
            keys: KeySet::of(keys).unwrap(),
            secrets: KeySet::of(vec![secret]).unwrap(),
        }
    }

    fn rsa(&self, how: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut made = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(how, &SystemRandom::new(), message, &mut made).unwrap();
        made
    }

    fn rs256(&self, header: &str, claims: &str) -> String {
        signed(header, claims, |message| self.rsa(&signature::RSA_PKCS1_SHA256, message))
    }

    fn es256(&self, header: &str, claims: &str) -> String {
        signed(header, claims, |message| {
            self.ecdsa.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
        })
    }

    /// What becomes of a token, when every algorithm is allowed.
    fn judge(&self, token: &str) -> Result<(), Refused> {
        let wanted = Wanted {
            algorithms: Algorithm::ALL.into_iter().collect(),
            issuers: vec!["https://id".to_owned()],
            audiences: vec!["shop".to_owned(), "store".to_owned()],
            ..Wanted::default()
        };
        let verifier = Verifier::new(wanted).unwrap();
        let judged = verifier.verify(&self.keys, token, NOW);
        // What a log may have of it says nothing of the token.
        assert!(!format!("{judged:?}").contains("ada"));
        judged.map(drop)
    }

    /// What becomes of claims that are signed well.
    fn judge_claims(&self, claims: &str) -> Result<(), Refused> {
        self.judge(&self.es256(r#"{"alg":"ES256","kid":"ecdsa"}"#, claims))
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(part.as_ref())
}

fn signed(
    header: impl AsRef<[u8]>,
    claims: impl AsRef<[u8]>,
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    format!("{message}.{}", encoded(sign(message.as_bytes())))
}

fn hs256(secret: &[u8], header: &str, claims: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signed(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

fn expect(name: &str, judged: Result<(), Refused>, refused: Refused) {
    assert_eq!(judged, Err(refused), "{name}");
}

#[test]
fn tokens_without_an_attack_are_good() {
    let issuer = &*ISSUER;
    assert_eq!(issuer.judge(&issuer.rs256(r#"{"alg":"RS256","kid":"rsa"}"#, CLAIMS)), Ok(()));
    assert_eq!(issuer.judge(&issuer.rs256(r#"{"alg":"RS256"}"#, CLAIMS)), Ok(()));
    assert_eq!(issuer.judge(&issuer.es256(r#"{"alg":"ES256"}"#, CLAIMS)), Ok(()));
    assert_eq!(issuer.judge_claims(CLAIMS), Ok(()));
}

/// Row 72.
#[test]
fn no_algorithm_in_any_spelling() {
    let issuer = &*ISSUER;
    let cases = (0..16_u32).map(|upper| {
        let letters = "none".chars().enumerate();
        let spell = |(at, letter): (usize, char)| {
            if upper >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        letters.map(spell).collect::<String>()
    });
    for name in
        cases.chain(["", " none", "none ", "none\\u0000", "null", "\u{43e}ne"].map(String::from))
    {
        let header = format!(r#"{{"alg":"{name}","kid":"rsa"}}"#);
        for signature in [vec![], vec![0], issuer.rsa(&signature::RSA_PKCS1_SHA256, b"x")] {
            let token = signed(&header, CLAIMS, |_| signature.clone());
            expect(&name, issuer.judge(&token), Refused::AlgorithmUnknown);
        }
    }
}

/// Row 73.
#[test]
fn a_public_key_is_no_secret_of_an_hmac() {
    let issuer = &*ISSUER;
    let jwk = issuer.public_jwk.to_string();
    let modulus = issuer.public_jwk["n"].as_str().unwrap();
    let pem = issuer.public_pem.as_str();
    let der = issuer.rsa.public_key().as_der().unwrap();
    let secrets: [(&str, Vec<u8>); 8] = [
        ("PEM", pem.into()),
        ("PEM without its last end of line", pem.trim_end().into()),
        ("PEM in one line", pem.replace('\n', "").into()),
        ("DER", der.as_ref().to_vec()),
        ("PKCS #1", issuer.rsa.public_key().as_ref().to_vec()),
        ("modulus", BASE64URL_NOPAD.decode(modulus.as_bytes()).unwrap()),
        ("modulus as text", modulus.into()),
        ("JWK", jwk.into()),
    ];
    for (name, secret) in &secrets {
        let named = hs256(secret, r#"{"alg":"HS256","kid":"rsa"}"#, CLAIMS);
        expect(name, issuer.judge(&named), Refused::AlgorithmRefused);
        let nameless = hs256(secret, r#"{"alg":"HS256"}"#, CLAIMS);
        expect(name, issuer.judge(&nameless), Refused::KeyUnknown);
    }
    // Nor can one be configured as one by mistake.
    for (_, secret) in &secrets[..3] {
        assert_eq!(Key::from_secret(secret).err(), Some(Unusable::NotSecret));
    }
}

/// Row 73, the other way: a set of secrets does not verify signatures.
#[test]
fn a_secret_is_no_public_key() {
    let issuer = &*ISSUER;
    let algorithms = Algorithm::ALL.into_iter().collect();
    let verifier = Verifier::new(Wanted { algorithms, ..Wanted::default() }).unwrap();
    let token = issuer.rs256(r#"{"alg":"RS256","kid":"secret"}"#, CLAIMS);
    assert_eq!(verifier.open(&issuer.secrets, &token), Err(Refused::AlgorithmRefused));
    let token = hs256(SECRET, r#"{"alg":"HS256","kid":"secret"}"#, CLAIMS);
    assert!(verifier.open(&issuer.secrets, &token).is_ok());
    // What the caller does not allow is refused, though the key could.
    let verifier = Verifier::new(Wanted::default()).unwrap();
    assert_eq!(verifier.open(&issuer.secrets, &token), Err(Refused::AlgorithmRefused));
}

/// Row 74.
#[test]
fn the_algorithm_is_the_one_of_the_key() {
    let issuer = &*ISSUER;
    for alg in
        ["1", "null", "[\"RS256\"]", "{}", "true", "\"rs256\"", "\"RS256 \"", "\"RS257\"", "\"\""]
    {
        let header = format!(r#"{{"alg":{alg},"kid":"rsa"}}"#);
        expect(alg, issuer.judge(&issuer.rs256(&header, CLAIMS)), Refused::AlgorithmUnknown);
    }
    let header = r#"{"kid":"rsa"}"#;
    expect("none", issuer.judge(&issuer.rs256(header, CLAIMS)), Refused::AlgorithmUnknown);
    // Signed well in another way, with the same key.
    let others: [(&str, &'static dyn RsaEncoding); 5] = [
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
        ("PS256", &signature::RSA_PSS_SHA256),
        ("PS384", &signature::RSA_PSS_SHA384),
        ("PS512", &signature::RSA_PSS_SHA512),
    ];
    let any = Key::from_pem(&issuer.public_pem).unwrap();
    for (name, how) in others {
        let header = format!(r#"{{"alg":"{name}","kid":"rsa"}}"#);
        let token = signed(&header, CLAIMS, |message| issuer.rsa(how, message));
        expect(name, issuer.judge(&token), Refused::AlgorithmRefused);
        // A key that says nothing of it takes them all, as far as the caller allows.
        let keys = KeySet::of(vec![any.clone()]).unwrap();
        let wanted =
            Wanted { algorithms: Algorithms::of(&[Algorithm::Rs256]), ..Wanted::default() };
        let open = |wanted| Verifier::new(wanted).unwrap().open(&keys, &token).map(drop);
        assert_eq!(open(Wanted::default()), Ok(()), "{name}");
        assert_eq!(open(wanted), Err(Refused::AlgorithmRefused), "{name}");
    }
    let token = issuer.es256(r#"{"alg":"ES256","kid":"rsa"}"#, CLAIMS);
    expect("ES256 under the name of RSA", issuer.judge(&token), Refused::AlgorithmRefused);
}

/// Row 75.
#[test]
fn signatures_that_fit_anything() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let issuer = &*ISSUER;
    let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
    let (zero, mut one) = (vec![0; 32], vec![0; 32]);
    one[31] = 1;
    let header = r#"{"alg":"ES256","kid":"ecdsa"}"#;
    let good = issuer.es256(header, CLAIMS);
    let good = BASE64URL_NOPAD.decode(good.rsplit_once('.').unwrap().1.as_bytes()).unwrap();
    let der = |number: &[u8]| [&[2, 33, 0], number].concat();
    let forged: [(&str, Vec<u8>); 11] = [
        ("r = s = 0", [zero.as_slice(), &zero].concat()),
        ("r = s = n", [order.as_slice(), &order].concat()),
        ("r = n, s = 1", [order.as_slice(), &one].concat()),
        ("r = 1, s = 0", [one.as_slice(), &zero].concat()),
        ("r = s = 1", [one.as_slice(), &one].concat()),
        ("DER", [vec![0x30, 70], der(&good[..32]), der(&good[32..])].concat()),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [good.as_slice(), &[0]].concat()),
        (
            "66 bytes, each number with a zero in front",
            [&[0], &good[..32], &[0], &good[32..]].concat(),
        ),
        ("swapped", [&good[32..], &good[..32]].concat()),
        ("empty", vec![]),
    ];
    for (name, signature) in forged {
        let token = signed(header, CLAIMS, |_| signature.clone());
        expect(name, issuer.judge(&token), Refused::Signature);
    }
    let header = r#"{"alg":"RS256","kid":"rsa"}"#;
    for length in [0, 1, 255, 256, 257, 512] {
        let token = signed(header, CLAIMS, |_| vec![0; length]);
        expect("zeros for RSA", issuer.judge(&token), Refused::Signature);
    }
}

/// Row 76.
#[test]
fn names_of_keys_lead_nowhere() {
    let issuer = &*ISSUER;
    let long = "a".repeat(6 * 1024);
    for (kid, refused) in [
        ("\"../../../../dev/null\"", Refused::KeyUnknown),
        ("\"' OR 1=1 --\"", Refused::KeyUnknown),
        ("\"rsa/\"", Refused::KeyUnknown),
        ("\"RSA\"", Refused::KeyUnknown),
        ("\"rsa\\r\\nx: y\"", Refused::KeyId),
        ("\"rsa\\u0000\"", Refused::KeyId),
        ("\"\"", Refused::KeyId),
        ("1", Refused::KeyId),
        ("[\"rsa\"]", Refused::KeyId),
        ("null", Refused::KeyId),
        (&format!("\"{long}\""), Refused::KeyId),
    ] {
        let header = format!(r#"{{"alg":"RS256","kid":{kid}}}"#);
        expect(kid, issuer.judge(&issuer.rs256(&header, CLAIMS)), refused);
    }
    // An empty file as the key of an HMAC.
    let token = hs256(b"", r#"{"alg":"HS256","kid":"/dev/null"}"#, CLAIMS);
    expect("empty secret", issuer.judge(&token), Refused::KeyUnknown);
    for (secret, bytes) in [(&b""[..], 0), (&SECRET[1..], 31), (&[7; 5000], 5000)] {
        assert_eq!(Key::from_secret(secret).err(), Some(Unusable::SecretBytes(bytes)));
    }
    assert_eq!(
        Key::from_jwk(r#"{"kty":"oct","k":"","alg":"HS256"}"#).err(),
        Some(Unusable::SecretBytes(0)),
    );
}

/// Row 77.
#[test]
fn keys_that_a_token_brings_along() {
    let (issuer, attacker) = (&*ISSUER, Issuer::new());
    for (name, member) in [
        ("jwk", format!(r#""jwk":{}"#, attacker.public_jwk)),
        ("jku", r#""jku":"http://127.0.0.1:1/keys""#.to_owned()),
        ("x5u", r#""x5u":"file:///etc/passwd""#.to_owned()),
        ("x5c", r#""x5c":["MIIB"]"#.to_owned()),
    ] {
        let header = format!(r#"{{"alg":"RS256","kid":"rsa",{member}}}"#);
        expect(name, issuer.judge(&attacker.rs256(&header, CLAIMS)), Refused::Signature);
        // It is not even looked at.
        assert_eq!(issuer.judge(&issuer.rs256(&header, CLAIMS)), Ok(()), "{name}");
    }
}

/// Row 78.
#[test]
fn extensions() {
    let issuer = &*ISSUER;
    for (member, refused) in [
        (
            r#""crit":["http://example.com/unknown"],"http://example.com/unknown":true"#,
            Refused::Critical,
        ),
        (r#""crit":["exp"],"exp":1"#, Refused::Critical),
        (r#""crit":[]"#, Refused::Critical),
        (r#""crit":null"#, Refused::Critical),
        (r#""crit":["b64"],"b64":false"#, Refused::Critical),
        (r#""b64":false"#, Refused::Unencoded),
        (r#""b64":true"#, Refused::Unencoded),
        (r#""zip":"DEF""#, Refused::Compressed),
        (r#""enc":"A128GCM""#, Refused::Encrypted),
    ] {
        let header = format!(r#"{{"alg":"RS256","kid":"rsa",{member}}}"#);
        expect(member, issuer.judge(&issuer.rs256(&header, CLAIMS)), refused);
    }
}

/// Row 80.
#[test]
fn names_that_stand_twice() {
    let issuer = &*ISSUER;
    for header in [
        r#"{"alg":"RS256","kid":"rsa","alg":"none"}"#,
        r#"{"alg":"none","kid":"rsa","alg":"RS256"}"#,
        r#"{"alg":"RS256","kid":"rsa","\u0061lg":"HS256"}"#,
        r#"{"alg":"RS256","kid":"rsa","kid":"rsa"}"#,
        r#"{"alg":"RS256","kid":"rsa","jwk":{"kty":"RSA","kty":"RSA"}}"#,
    ] {
        expect(header, issuer.judge(&issuer.rs256(header, CLAIMS)), Refused::Header);
    }
    let behind = &CLAIMS[1..];
    for front in [
        r#"{"sub":"eve","#,
        r#"{"exp":9999999999,"#,
        r#"{"s\u0075b":"eve","#,
        r#"{"a":{"b":[{"c":1,"c":2}]},"#,
        r#"{"":1,"":1,"#,
    ] {
        expect(front, issuer.judge_claims(&format!("{front}{behind}")), Refused::Claims);
    }
}

/// Row 81.
#[test]
fn other_writings_of_the_same_bytes() {
    let issuer = &*ISSUER;
    // Of each part, the last character has bits that belong to no byte.
    let token = issuer.es256(r#"{"alg":"ES256","kid":"ecdsa"}"#, CLAIMS);
    assert_eq!(issuer.judge(&token), Ok(()));
    let parts: Vec<&str> = token.split('.').collect();
    let next = |last: char| char::from_u32(u32::from(last) + 1).unwrap();
    for at in 0..3 {
        let (front, last) = parts[at].split_at(parts[at].len() - 1);
        let last = last.chars().next().unwrap();
        assert!(
            !parts[at].len().is_multiple_of(4) && last.is_ascii_alphanumeric(),
            "part {at} has no spare bits"
        );
        for (name, part) in [
            ("padding", format!("{front}{last}{}", "=".repeat(4 - parts[at].len() % 4))),
            ("half a padding", format!("{front}{last}=")),
            ("spare bits", format!("{front}{}", next(last))),
            ("space behind", format!("{front}{last} ")),
            ("space in front", format!(" {front}{last}")),
            ("tab inside", format!("\t{front}{last}")),
            ("end of line", format!("{front}\n{last}")),
            ("end of line behind", format!("{front}{last}\r\n")),
            ("standard alphabet", format!("+/{front}{last}")),
            ("percent", format!("%41{front}{last}")),
            ("no ASCII", format!("\u{e9}{front}{last}")),
            ("NUL", format!("{front}{last}\0")),
        ] {
            let mut forged = parts.clone();
            forged[at] = &part;
            expect(name, issuer.judge(&forged.join(".")), Refused::Base64);
        }
    }
    for (name, forged, refused) in [
        ("Bearer", format!("Bearer {token}"), Refused::Base64),
        ("quotes", format!("\"{token}\""), Refused::Base64),
        ("two tokens", format!("{token}, {token}"), Refused::Encrypted),
        ("dot behind", format!("{token}."), Refused::Parts),
        ("dot in front", format!(".{token}"), Refused::Parts),
        ("nothing", String::new(), Refused::Parts),
        ("JSON", format!(r#"{{"payload":"{}"}}"#, parts[1]), Refused::Parts),
    ] {
        expect(name, issuer.judge(&forged), refused);
    }
}

/// Row 82.
#[test]
fn encrypted_tokens() {
    let issuer = &*ISSUER;
    for header in [
        r#"{"alg":"RSA-OAEP","enc":"A128GCM","kid":"rsa"}"#,
        r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2147483648,"p2s":"AAAA"}"#,
        r#"{"alg":"ECDH-ES","enc":"A128GCM","epk":{"kty":"EC","crv":"P-256","x":"","y":""}}"#,
    ] {
        let five = format!("{}.AAAA.AAAA.AAAA.AAAA", encoded(header));
        expect(header, issuer.judge(&five), Refused::Encrypted);
        let direct = format!("{}..AAAA.AAAA.AAAA", encoded(header));
        expect(header, issuer.judge(&direct), Refused::Encrypted);
        let judged = issuer.judge(&issuer.rs256(header, CLAIMS));
        assert!(matches!(judged, Err(Refused::Encrypted | Refused::Compressed)), "{judged:?}");
    }
}

/// Without a name no more keys are tried than there are tries.
#[test]
fn many_keys_and_no_name() {
    let issuer = &*ISSUER;
    let other = |_| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pem = pem("PUBLIC KEY", pair.public_key().as_der().unwrap().as_ref());
        Key::from_pem(&pem).unwrap().with_kid("same").unwrap()
    };
    let own = pem("PUBLIC KEY", issuer.ecdsa.public_key().as_der().unwrap().as_ref());
    let own = Key::from_pem(&own).unwrap().with_kid("same").unwrap();
    let nameless = issuer.es256(r#"{"alg":"ES256"}"#, CLAIMS);
    let named = issuer.es256(r#"{"alg":"ES256","kid":"same"}"#, CLAIMS);
    let verifier = Verifier::new(Wanted::default()).unwrap();
    let mut keys: Vec<Key> = (0..3).map(other).collect();
    keys.push(own);
    for (more, expect) in [(0, Ok(())), (1, Err(Refused::KeyAmbiguous))] {
        keys.extend((0..more).map(other));
        // Keys of another kind do not count.
        let mut all = keys.clone();
        all.extend(issuer.keys.keys().iter().filter(|key| key.kid() == Some("rsa")).cloned());
        let keys = KeySet::of(all).unwrap();
        for token in [&nameless, &named] {
            assert_eq!(verifier.open(&keys, token).map(drop), expect);
        }
    }
}

/// A key without a name may be the one that a token names.
#[test]
fn a_key_without_a_name() {
    let issuer = &*ISSUER;
    let keys = KeySet::of(vec![Key::from_pem(&issuer.public_pem).unwrap()]).unwrap();
    let verifier = Verifier::new(Wanted::default()).unwrap();
    let good = issuer.rs256(r#"{"alg":"RS256","kid":"any"}"#, CLAIMS);
    assert_eq!(verifier.open(&keys, &good).map(drop), Ok(()));
    let other = Issuer::new().rs256(r#"{"alg":"RS256","kid":"any"}"#, CLAIMS);
    assert_eq!(verifier.open(&keys, &other), Err(Refused::KeyUnknown));
    let other = issuer.es256(r#"{"alg":"ES256","kid":"any"}"#, CLAIMS);
    assert_eq!(verifier.open(&keys, &other), Err(Refused::KeyUnknown));
    let nameless = Issuer::new().rs256(r#"{"alg":"RS256"}"#, CLAIMS);
    assert_eq!(verifier.open(&keys, &nameless), Err(Refused::Signature));
    // Once a key has the name, no other one is tried.
    let mut keys = keys.keys().to_vec();
    keys.push(keys[0].clone().with_kid("one").unwrap());
    let keys = KeySet::of(keys).unwrap();
    let other = Issuer::new().rs256(r#"{"alg":"RS256","kid":"one"}"#, CLAIMS);
    assert_eq!(verifier.open(&keys, &other), Err(Refused::Signature));
}

//! What is signed here is verified here, for claims at random; and nothing that was changed is.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use data_encoding::BASE64;
use serde_json::{Map, Value};
use yumen_jose::{
    Algorithm, Algorithms, KeySet, Refused, SIGNED_LIFETIME_MAX, SigningKey, TIME_MAX, Unsigned,
    Verifier, Wanted,
};

/// Tokens of each key.
const CASES: usize = 60;

/// A small generator with a seed (xorshift), so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn text(&mut self) -> String {
        const LETTERS: &[char] = &['a', 'Z', '0', ' ', '"', '\\', '/', '\n', '\0', 'é', '門', '🚪'];
        (0..self.below(12)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth > 4 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => (self.below(2) == 0).into(),
            2 => (self.0 >> self.below(60)).into(),
            3 => (f64::from(u32::try_from(self.below(1 << 30)).unwrap()) / -128.0).into(),
            4 => self.text().into(),
            5 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect::<Vec<_>>().into(),
            _ => Value::Object(self.object(depth + 1)),
        }
    }

    fn object(&mut self, depth: usize) -> Map<String, Value> {
        (0..self.below(6)).map(|_| (self.text(), self.value(depth))).collect()
    }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(der))
}

fn signers() -> Vec<SigningKey> {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let rsa = pem(rsa.as_ref());
    let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ecdsa = pem(ecdsa.to_pkcs8v1().unwrap().as_ref());
    let edwards = Ed25519KeyPair::generate().unwrap();
    let edwards = [edwards.to_pkcs8().unwrap(), edwards.to_pkcs8v1().unwrap()];
    let edwards = edwards.map(|document| pem(document.as_ref()));
    vec![
        SigningKey::from_pem(&rsa, Algorithm::Rs256).unwrap(),
        SigningKey::from_pem(&rsa, Algorithm::Ps256).unwrap(),
        SigningKey::from_pem(&ecdsa, Algorithm::Es256).unwrap(),
        SigningKey::from_pem(&edwards[0], Algorithm::EdDsa).unwrap(),
        SigningKey::from_pem(&edwards[1], Algorithm::Ed25519).unwrap(),
        SigningKey::from_secret(b"0123456789abcdef0123456789abcdef").unwrap(),
    ]
}

fn verifier(algorithm: Algorithm) -> Verifier {
    let algorithms = Algorithms::of(&[algorithm]);
    let typ = Some("at+jwt".to_owned());
    Verifier::new(Wanted { algorithms, typ, ..Wanted::default() }).unwrap()
}

#[test]
fn what_is_signed_is_good_for_its_time() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for signer in signers() {
        let keys = KeySet::of(vec![signer.verifying().clone()]).unwrap();
        let verifier = verifier(signer.algorithm());
        for _ in 0..CASES {
            let mut claims = dice.object(0);
            let now = u64::try_from(dice.below(1 << 31)).unwrap();
            let lifetime = 1 + u64::try_from(dice.below(3600)).unwrap();
            let token = signer.sign(claims.clone(), Some("at+jwt"), now, lifetime).unwrap();
            claims.insert("iat".to_owned(), now.into());
            claims.insert("exp".to_owned(), (now + lifetime).into());

            let verified = verifier.verify(&keys, &token, now).unwrap();
            assert_eq!(verified.claims(), &claims);
            assert_eq!(verified.header().kid.as_deref(), signer.kid());
            assert_eq!((verified.issued(), verified.expires()), (Some(now), Some(now + lifetime)));
            assert_eq!(verified.good_until(), Some(now + lifetime));
            assert_eq!(verified.check_times(now + lifetime - 1), Ok(()));
            assert_eq!(verified.check_times(now + lifetime), Err(Refused::Expired));
            assert_eq!(verifier.verify(&keys, &token, now + lifetime), Err(Refused::Expired));

            // One other byte anywhere.
            let mut forged = token.clone().into_bytes();
            let at = dice.below(forged.len());
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(verifier.open(&keys, &forged).is_err(), "{forged}");
            // One byte less or more.
            let at = dice.below(token.len());
            let less = [&token[..at], &token[at + 1..]].concat();
            assert!(verifier.open(&keys, &less).is_err(), "{less}");
            let more = [&token[..at], "A", &token[at..]].concat();
            assert!(verifier.open(&keys, &more).is_err(), "{more}");
        }
    }
}

#[test]
fn a_token_of_one_key_is_none_of_another() {
    let signers = signers();
    for signer in &signers {
        let token = signer.sign(Map::new(), Some("at+jwt"), 100, 60).unwrap();
        for other in &signers {
            let keys = KeySet::of(vec![other.verifying().clone()]).unwrap();
            let same = signer.verifying().algorithms() == other.verifying().algorithms();
            let good = verifier(signer.algorithm()).open(&keys, &token).is_ok();
            assert_eq!(good, same, "{signer:?} {other:?}");
        }
    }
}

#[test]
fn nothing_is_signed_for_long() {
    let signer = SigningKey::from_secret(&[7; 32]).unwrap();
    let sign = |now, lifetime| signer.sign(Map::new(), None, now, lifetime).map(drop);
    for (now, lifetime, expect) in [
        (0, 1, Ok(())),
        (0, SIGNED_LIFETIME_MAX, Ok(())),
        (0, 0, Err(Unsigned::Lifetime)),
        (0, SIGNED_LIFETIME_MAX + 1, Err(Unsigned::Lifetime)),
        (TIME_MAX - 1, 1, Ok(())),
        (TIME_MAX, 1, Err(Unsigned::Lifetime)),
        (u64::MAX, 1, Err(Unsigned::Lifetime)),
    ] {
        assert_eq!(sign(now, lifetime), expect, "{now} {lifetime}");
    }
}

#[test]
fn wishes_are_kept() {
    let signer = SigningKey::from_secret(&[7; 32]).unwrap().with_kid("one").unwrap();
    let keys = KeySet::of(vec![signer.verifying().clone()]).unwrap();
    let claims = serde_json::json!({"scope": "read", "empty": null, "iss": "a"});
    let claims = claims.as_object().unwrap();
    let plain = || Wanted { algorithms: Algorithms::SECRET, ..Wanted::default() };
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let typed = |typ: &str| Wanted { typ: Some(typ.to_owned()), ..plain() };
    let cases = [
        (None, plain(), Ok(())),
        (None, Wanted { claims: texts(&["scope"]), ..plain() }, Ok(())),
        (
            None,
            Wanted { claims: texts(&["scope", "empty"]), ..plain() },
            Err(Refused::ClaimMissing),
        ),
        (None, Wanted { claims: texts(&["sub"]), ..plain() }, Err(Refused::ClaimMissing)),
        (None, Wanted { issuers: texts(&["b", "a"]), ..plain() }, Ok(())),
        (None, Wanted { issuers: texts(&["b"]), ..plain() }, Err(Refused::Issuer)),
        (None, Wanted { lifetime_max: Some(60), ..plain() }, Ok(())),
        (None, Wanted { lifetime_max: Some(59), ..plain() }, Err(Refused::Lifetime)),
        (None, Wanted { bytes_max: 50, ..plain() }, Err(Refused::TooLong)),
        (None, typed("JWT"), Ok(())),
        (None, typed("at+jwt"), Err(Refused::Type)),
        (Some("at+jwt"), typed("at+jwt"), Ok(())),
        (Some("at+jwt"), typed("application/at+jwt"), Ok(())),
        (Some("application/at+jwt"), typed("at+jwt"), Ok(())),
        (Some("APPLICATION/AT+JWT"), typed("at+jwt"), Ok(())),
        (Some("text/at+jwt"), typed("at+jwt"), Err(Refused::Type)),
        (Some("application/x/at+jwt"), typed("x/at+jwt"), Err(Refused::Type)),
        (Some("at+jwt "), typed("at+jwt"), Err(Refused::Type)),
        (Some(""), typed("at+jwt"), Err(Refused::Type)),
    ];
    for (typ, wanted, expect) in cases {
        let token = signer.sign(claims.clone(), typ, 100, 60).unwrap();
        let verifier = Verifier::new(wanted.clone()).unwrap();
        assert_eq!(verifier.verify(&keys, &token, 130).map(drop), expect, "{typ:?} {wanted:?}");
    }
    // A skew is for both ends, and goes with the token.
    let token = signer.sign(claims.clone(), None, 100, 60).unwrap();
    let verifier = Verifier::new(Wanted { skew: 10, ..plain() }).unwrap();
    let verified = verifier.verify(&keys, &token, 90).unwrap();
    assert_eq!(verified.check_times(89), Err(Refused::IssuedLater));
    assert_eq!(verified.check_times(169), Ok(()));
    assert_eq!(verified.check_times(170), Err(Refused::Expired));
    assert_eq!(verified.good_until(), Some(170));
}

#[test]
fn what_cannot_be_wanted_is_told_at_once() {
    let wanted = Wanted {
        algorithms: Algorithms::NONE,
        issuers: vec![String::new()],
        audiences: vec!["a".to_owned(); 65],
        claims: Vec::new(),
        typ: Some(String::new()),
        skew: 301,
        lifetime_max: Some(0),
        bytes_max: 64 * 1024 + 1,
    };
    let problems = Verifier::new(wanted).unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| problem.at).collect();
    let expect = ["algorithms", "issuers", "audiences", "typ", "skew", "lifetime_max", "bytes_max"];
    assert_eq!(places, expect);
    assert!(problems.iter().all(|problem| problem.to_string().contains(": ")));
}

//! Keys as people write them, and sets of keys: which ones are taken, and why others are not.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RsaKeyPair,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Map, Value, json};
use yumen_jose::{
    Algorithm, Algorithms, Key, KeySet, PEM_BYTES_MAX, SET_BYTES_MAX, SigningKey, Unusable,
    UnusableSet, Verifier, Wanted, key_set_document,
};

/// Private keys in PKCS #8: RSA, P-256, P-384, Ed25519.
static PAIRS: LazyLock<[String; 4]> = LazyLock::new(|| {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let edwards = Ed25519KeyPair::generate().unwrap();
    [
        pem("PRIVATE KEY", rsa.as_ref()),
        pem("PRIVATE KEY", p256.to_pkcs8v1().unwrap().as_ref()),
        pem("PRIVATE KEY", p384.to_pkcs8v1().unwrap().as_ref()),
        pem("PRIVATE KEY", edwards.to_pkcs8().unwrap().as_ref()),
    ]
});

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

fn signer(algorithm: Algorithm) -> SigningKey {
    let [rsa, p256, _, edwards] = &*PAIRS;
    let pem = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => rsa,
        Algorithm::Es256 => p256,
        _ => edwards,
    };
    SigningKey::from_pem(pem, algorithm).unwrap()
}

/// A public JWK with one member set to a value, or taken away if there is none.
fn jwk(algorithm: Algorithm, name: &str, value: Option<Value>) -> String {
    let mut jwk: Map<String, Value> = signer(algorithm).public_jwk().unwrap();
    match value {
        Some(value) => drop(jwk.insert(name.to_owned(), value)),
        None => drop(jwk.shift_remove(name)),
    }
    Value::Object(jwk).to_string()
}

fn number(bytes: &[u8]) -> Option<Value> {
    Some(BASE64URL_NOPAD.encode(bytes).into())
}

#[test]
fn members_of_a_jwk_are_exact() {
    use Algorithm::{EdDsa, Es256, Rs256};
    let (even, long) = ([[0xff; 255].as_slice(), &[0xfe]].concat(), [0xff; 1025]);
    let some = |value: &str| Some(Value::from(value));
    let cases = [
        (Rs256, "kty", None, Unusable::Member("kty")),
        (Rs256, "kty", some("rsa"), Unusable::Kind),
        (Rs256, "kty", some("EC"), Unusable::Member("crv")),
        (Rs256, "kty", Some(1.into()), Unusable::Member("kty")),
        (Rs256, "n", None, Unusable::Member("n")),
        (Rs256, "n", some(""), Unusable::Member("n")),
        (Rs256, "n", some("AQAB="), Unusable::Member("n")),
        (Rs256, "n", number(&[[0].as_slice(), &[0xff; 256]].concat()), Unusable::Member("n")),
        (Rs256, "n", number(&[0xff; 128]), Unusable::Bits(1024)),
        (Rs256, "n", number(&[[0x7f].as_slice(), &[0xff; 255]].concat()), Unusable::Bits(2047)),
        (Rs256, "n", number(&long), Unusable::Bits(8200)),
        (Rs256, "n", number(&even), Unusable::Numbers),
        (Rs256, "e", number(&[1]), Unusable::Exponent),
        (Rs256, "e", number(&[2]), Unusable::Exponent),
        (Rs256, "e", number(&[0, 1, 0, 1]), Unusable::Member("e")),
        (Rs256, "e", number(&[0xff; 5]), Unusable::Exponent),
        (Rs256, "alg", some("rs256"), Unusable::Algorithm),
        (Rs256, "alg", some("ES256"), Unusable::Algorithm),
        (Rs256, "alg", some("RSA-OAEP"), Unusable::Algorithm),
        (Rs256, "alg", some("none"), Unusable::Algorithm),
        (Rs256, "alg", Some(Value::Null), Unusable::Algorithm),
        (Rs256, "use", some("enc"), Unusable::Use),
        (Rs256, "use", some("SIG"), Unusable::Use),
        (Rs256, "use", Some(json!(["sig"])), Unusable::Member("use")),
        (Rs256, "key_ops", Some(json!(["sign"])), Unusable::Use),
        (Rs256, "key_ops", Some(json!([])), Unusable::Use),
        (Rs256, "key_ops", some("verify"), Unusable::Member("key_ops")),
        (Rs256, "kid", some(""), Unusable::Member("kid")),
        (Rs256, "kid", Some("a".repeat(257).into()), Unusable::Member("kid")),
        (Rs256, "kid", some("a\nb"), Unusable::Member("kid")),
        (Rs256, "kid", Some(Value::Null), Unusable::Member("kid")),
        (Rs256, "d", some(""), Unusable::Private),
        (Rs256, "qi", Some(Value::Null), Unusable::Private),
        (Rs256, "oth", Some(json!([])), Unusable::Private),
        (Es256, "d", some("AA"), Unusable::Private),
        (EdDsa, "d", some("AA"), Unusable::Private),
        (Es256, "crv", None, Unusable::Member("crv")),
        (Es256, "crv", some("P-384"), Unusable::Member("x")),
        (Es256, "crv", some("secp256k1"), Unusable::Kind),
        (Es256, "x", number(&[1; 31]), Unusable::Member("x")),
        (Es256, "y", number(&[1; 33]), Unusable::Member("y")),
        (Es256, "y", None, Unusable::Member("y")),
        (Es256, "x", number(&[0; 32]), Unusable::Numbers),
        (Es256, "y", number(&[0xff; 32]), Unusable::Numbers),
        (Es256, "alg", some("ES384"), Unusable::Algorithm),
        (EdDsa, "crv", some("X25519"), Unusable::Kind),
        (EdDsa, "crv", some("Ed448"), Unusable::Kind),
        (EdDsa, "x", number(&[1; 31]), Unusable::Member("x")),
        (EdDsa, "x", number(&[1; 33]), Unusable::Member("x")),
    ];
    for (algorithm, name, value, unusable) in cases {
        let text = jwk(algorithm, name, value);
        assert_eq!(Key::from_jwk(&text).err(), Some(unusable), "{text}");
    }
    for text in ["", "[]", "{", "{}{}", r#"{"kty":"EC","kty":"EC"}"#, &"[".repeat(100_000)] {
        let unusable = Key::from_jwk(text).err();
        let long = text.len() > 70_000;
        assert_eq!(unusable, Some(if long { Unusable::TooLong } else { Unusable::Malformed }));
    }
}

#[test]
fn what_a_jwk_need_not_have_is_not_looked_at() {
    let some = |value: &str| Some(Value::from(value));
    for (name, value) in [
        ("key_ops", Some(json!(["verify"]))),
        ("use", None),
        ("kid", None),
        ("x5c", Some(json!(["no certificate"]))),
        ("x5u", some("file:///etc/passwd")),
        ("ext", Some(true.into())),
    ] {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let text = jwk(algorithm, name, value.clone());
            let key = Key::from_jwk(&text).unwrap();
            assert_eq!(key.algorithms(), Algorithms::of(&[algorithm]), "{text}");
        }
    }
}

#[test]
fn a_key_is_for_what_fits_its_kind() {
    use Algorithm::{Ed25519, EdDsa, Es256, Hs256, Hs384, Hs512, Rs256};
    let plain = |algorithm| Key::from_jwk(&jwk(algorithm, "alg", None)).unwrap().algorithms();
    assert_eq!(plain(Rs256).iter().count(), 6);
    assert_eq!(plain(Es256), Algorithms::of(&[Es256]));
    assert_eq!(plain(EdDsa), Algorithms::of(&[EdDsa, Ed25519]));
    for (bytes, expect) in [
        (32, &[Hs256][..]),
        (47, &[Hs256]),
        (48, &[Hs256, Hs384]),
        (63, &[Hs256, Hs384]),
        (64, &[Hs256, Hs384, Hs512]),
    ] {
        let key = Key::from_secret(&vec![7; bytes]).unwrap();
        assert_eq!(key.algorithms(), Algorithms::of(expect), "{bytes}");
        assert!(key.is_secret() && key.thumbprint().is_none());
    }
    // A secret that is too short for what it says it is for.
    let short = json!({"kty": "oct", "alg": "HS512", "k": BASE64URL_NOPAD.encode(&[7; 63])});
    assert_eq!(Key::from_jwk(&short.to_string()).err(), Some(Unusable::Algorithm));
    let key = Key::from_secret(&[7; 64]).unwrap();
    assert_eq!(key.clone().only(Algorithms::PUBLIC).err(), Some(Unusable::Algorithm));
    assert!(key.clone().only(Algorithms::of(&[Hs384])).unwrap().is_for(Hs384));
    assert!(!key.only(Algorithms::of(&[Hs384])).unwrap().is_for(Hs256));
}

#[test]
fn pem_texts_are_read_one_at_a_time() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki = rsa.public_key().as_der().unwrap();
    let (spki, pkcs1) = (spki.as_ref(), rsa.public_key().as_ref());
    let good = pem("PUBLIC KEY", spki);
    let thumbprint = Key::from_pem(&good).unwrap().thumbprint();
    let body = BASE64.encode(spki);
    let (front, behind) = body.split_at(64);
    let lines =
        format!("-----BEGIN PUBLIC KEY-----\r\n{front}\r\n{behind}\r\n-----END PUBLIC KEY-----");
    for same in [pem("RSA PUBLIC KEY", pkcs1), format!("\n  {good}\n"), lines] {
        assert_eq!(Key::from_pem(&same).unwrap().thumbprint(), thumbprint, "{same}");
    }
    let [private, ..] = &*PAIRS;
    for (text, expect) in [
        (private.clone(), Unusable::Private),
        (pem("EC PRIVATE KEY", b"x"), Unusable::Private),
        (pem("PUBLIC KEY", pkcs1), Unusable::Kind),
        (pem("RSA PUBLIC KEY", spki), Unusable::Numbers),
        (pem("PUBLIC KEY", &[spki, &[0]].concat()), Unusable::Kind),
        (pem("RSA PUBLIC KEY", &[pkcs1, &[0]].concat()), Unusable::Numbers),
        (pem("PUBLIC KEY", b""), Unusable::Kind),
    ] {
        assert_eq!(Key::from_pem(&text).err(), Some(expect), "{text}");
    }
    for text in [
        String::new(),
        body.clone(),
        format!("{good}{good}"),
        format!("x{good}"),
        format!("{good}x"),
        good.replace("END PUBLIC", "END RSA PUBLIC"),
        good.replace("-----END PUBLIC KEY-----", ""),
        good.replace(front, &format!("{}*", front.split_at(63).0)),
        pem("CERTIFICATE", spki),
        pem("CERTIFICATE REQUEST", spki),
    ] {
        let unusable = Key::from_pem(&text).err();
        assert!(matches!(unusable, Some(Unusable::Pem(_))), "{text}: {unusable:?}");
    }
    let twice = Key::from_pem(&format!("{good}{good}")).err();
    assert_eq!(twice, Some(Unusable::Pem("there is more than one PEM text")));
    let long = " ".repeat(PEM_BYTES_MAX + 1);
    assert_eq!(Key::from_pem(&long).err(), Some(Unusable::TooLong));
}

#[test]
fn a_private_key_signs_in_its_own_way_only() {
    use Algorithm::{Ed25519, EdDsa, Es256, Hs256, Ps256, Rs256, Rs512};
    let [rsa, p256, p384, edwards] = &*PAIRS;
    for (text, algorithm, expect) in [
        (rsa, Rs256, None),
        (rsa, Ps256, None),
        (rsa, Es256, Some(Unusable::Kind)),
        (rsa, Rs512, Some(Unusable::Algorithm)),
        (rsa, Hs256, Some(Unusable::Algorithm)),
        (p256, Es256, None),
        (p256, Rs256, Some(Unusable::Kind)),
        (p384, Es256, Some(Unusable::Kind)),
        (edwards, EdDsa, None),
        (edwards, Ed25519, None),
        (edwards, Es256, Some(Unusable::Kind)),
    ] {
        let key = SigningKey::from_pem(text, algorithm);
        assert_eq!(key.as_ref().err(), expect.as_ref(), "{algorithm}");
        let Ok(key) = key else { continue };
        // The name of the key is the thumbprint of what is published.
        let jwk = key.public_jwk().unwrap();
        let public = Key::from_jwk(&Value::Object(jwk).to_string()).unwrap();
        assert_eq!(public.kid(), public.thumbprint().as_deref());
        assert_eq!(public.algorithms(), Algorithms::of(&[algorithm]));
    }
    let encrypted = rsa.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert!(matches!(SigningKey::from_pem(&encrypted, Rs256), Err(Unusable::Pem(_))));
    assert!(SigningKey::from_secret(&[7; 31]).is_err());
}

/// Private keys as JWKs, as PyJWT writes them. They were made for this test, and open nothing.
const PRIVATE_JWKS: &str = include_str!("private_jwks.json");

#[test]
fn a_private_key_is_read_as_what_it_looks_like() {
    use Algorithm::{EdDsa, Es256, Hs256, Ps256, Rs256};
    let [rsa, p256, p384, edwards] = &*PAIRS;
    for (text, algorithm, expect) in [
        (rsa, None, Ok(Rs256)),
        (rsa, Some(Ps256), Ok(Ps256)),
        (p256, None, Ok(Es256)),
        (edwards, None, Ok(EdDsa)),
        (p384, None, Err(Unusable::Kind)),
        (rsa, Some(Es256), Err(Unusable::Kind)),
    ] {
        let key = SigningKey::from_text(text, algorithm).map(|key| key.algorithm());
        assert_eq!(key, expect, "{algorithm:?}");
    }
    assert!(matches!(SigningKey::from_text("secret", None), Err(Unusable::Pem(_))));
    let jwks: Value = serde_json::from_str(PRIVATE_JWKS).unwrap();
    let with = |name: &str, member: &str, value: Value| {
        let mut jwk = jwks[name].clone();
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(member)),
            value => jwk[member] = value,
        }
        SigningKey::from_text(&jwk.to_string(), None).map(|key| key.algorithm())
    };
    let other = |name: &str| jwks[format!("other {name}")]["d"].clone();
    for (name, usual) in [("rsa", Rs256), ("ec", Es256), ("okp", EdDsa)] {
        let plain = SigningKey::from_text(&jwks[name].to_string(), None).unwrap();
        assert_eq!(plain.algorithm(), usual);
        assert_eq!(plain.kid(), plain.verifying().thumbprint().as_deref());
        // What it signs is good with the public half alone.
        let token = plain.sign(Map::new(), None, 1000, 60).unwrap();
        let document = key_set_document(&[&plain]);
        let public = KeySet::from_json(document.as_bytes()).unwrap();
        assert!(!document.contains("\"d\"") && !document.contains("\"p\""));
        let algorithms = Algorithms::of(&[usual]);
        let verifier = Verifier::new(Wanted { algorithms, ..Wanted::default() }).unwrap();
        verifier.verify(&public, &token, 1000).unwrap();
        assert!(!format!("{plain:?}").contains(jwks[name]["d"].as_str().unwrap()));

        assert_eq!(with(name, "use", "sig".into()), Ok(usual));
        assert_eq!(with(name, "use", "enc".into()), Err(Unusable::Use));
        assert_eq!(with(name, "key_ops", json!(["sign"])), Ok(usual));
        assert_eq!(with(name, "key_ops", json!(["verify"])), Err(Unusable::Use));
        assert_eq!(with(name, "alg", "HS256".into()), Err(Unusable::Algorithm));
        assert_eq!(with(name, "alg", "none".into()), Err(Unusable::Algorithm));
        assert_eq!(with(name, "kid", "".into()), Err(Unusable::Member("kid")));
        assert_eq!(with(name, "d", Value::Null), Err(Unusable::Member("d")));
        assert_eq!(with(name, "d", other(name)), Err(Unusable::Numbers), "of another key: {name}");
        assert_eq!(with(name, "oth", json!([])), Err(Unusable::Member("oth")));
        let text = jwks[name].to_string();
        let named = SigningKey::from_text(&text.replacen('{', "{\"kid\":\"2026\",", 1), None);
        assert_eq!(named.unwrap().kid(), Some("2026"));
        let hashed = SigningKey::from_text(&text, Some(Hs256));
        assert_eq!(hashed.err(), Some(Unusable::Algorithm));
    }
    assert_eq!(with("rsa", "alg", "PS256".into()), Ok(Ps256));
    assert_eq!(with("rsa", "qi", Value::Null), Err(Unusable::Member("qi")));
    let secret = r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
    assert_eq!(SigningKey::from_text(secret, None).err(), Some(Unusable::Kind));
}

#[test]
fn what_is_published_has_nothing_private() {
    let keys = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].map(signer);
    let secret = SigningKey::from_secret(&[7; 32]).unwrap();
    let [a, b, c] = &keys;
    let document = key_set_document(&[a, b, c, &secret]);
    let set = KeySet::from_json(document.as_bytes()).unwrap();
    assert!(set.skipped().is_empty() && !set.has_secrets());
    let kids: Vec<_> = set.keys().iter().map(Key::kid).collect();
    assert_eq!(kids, keys.iter().map(SigningKey::kid).collect::<Vec<_>>());
    for member in ["\"d\"", "\"p\"", "\"k\"", &BASE64URL_NOPAD.encode(&[7; 32])] {
        assert!(!document.contains(member), "{member}");
    }
    let shown = format!("{keys:?} {secret:?} {set:?}");
    let n = a.public_jwk().unwrap().get("n").unwrap().to_string();
    assert!(!shown.contains(n.trim_matches('"')) && !shown.contains("7, 7"));
}

#[test]
fn sets_have_bounds_and_one_sort_of_keys() {
    let set = |keys: &Value| KeySet::from_json(json!({"keys": keys}).to_string().as_bytes());
    let long = vec![b' '; SET_BYTES_MAX + 1];
    assert_eq!(KeySet::from_json(&long).err(), Some(UnusableSet::Bytes(long.len())));
    for text in
        ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[],\"keys\":[]}", "<html>"]
    {
        let unusable = KeySet::from_json(text.as_bytes()).err();
        assert_eq!(unusable, Some(UnusableSet::Malformed), "{text}");
    }
    assert_eq!(set(&vec![json!({}); 257].into()).err(), Some(UnusableSet::Keys(257)));
    let none = set(&vec![json!({}); 256].into()).unwrap();
    assert!(none.is_empty() && none.skipped().len() == 256);
    assert_eq!(set(&json!([1, null, "x", []])).unwrap().skipped().len(), 4);
    let public = signer(Algorithm::Es256).public_jwk().unwrap();
    let secret = json!({"kty": "oct", "k": BASE64URL_NOPAD.encode(&[7; 32]), "kid": "a"});
    assert_eq!(set(&json!([public, secret])).err(), Some(UnusableSet::Mixed));
    assert_eq!(set(&json!([secret, secret])).err(), Some(UnusableSet::SecretTwice));
    // A key that is not used is no neighbour.
    let other = json!({"kty": "oct", "k": "AA", "kid": "b"});
    assert_eq!(set(&json!([public, other, other])).unwrap().skipped().len(), 2);
    assert_eq!(set(&json!([public, public])).unwrap().keys().len(), 2);
    let keys =
        vec![Key::from_secret(&[7; 32]).unwrap(), signer(Algorithm::Es256).verifying().clone()];
    assert_eq!(KeySet::of(keys).err(), Some(UnusableSet::Mixed));
    assert!(KeySet::of(Vec::new()).unwrap().is_empty());
}

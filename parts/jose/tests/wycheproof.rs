//! The vectors of Project Wycheproof: what is invalid fails, what is valid passes, or it is named here
//! with the reason.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::path::Path;

use serde_json::Value;
use yumen_jose::{Algorithm, Algorithms, Key, KeySet, Refused, Verifier, Wanted};

/// Valid by the vectors and refused here.
const REFUSED: &[(&str, &[u64], &str)] = &[
    ("json_web_signature", &[346, 350], "the key says PS256, the token PS384"),
    ("json_web_signature", &[347, 351], "the key says ES521, which is no algorithm"),
    ("json_web_signature", &[372, 373], "a character that is not of the alphabet"),
    ("json_web_crypto", &[50, 67], "encrypted tokens are not for this room"),
];

/// Invalid by the vectors and accepted here.
const ACCEPTED: &[(&str, &[u64], &str)] =
    &[("json_web_signature", &[367, 370], "letter by letter the same as 357, which is valid")];

fn vectors(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/wycheproof");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).unwrap()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap()
}

fn bytes(value: &Value, member: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text(value, member).as_bytes()).unwrap()
}

fn is_named(list: &[(&str, &[u64], &str)], name: &str, id: u64) -> bool {
    list.iter().any(|(file, ids, _)| *file == name && ids.contains(&id))
}

/// Puts all tests of a file to the judge, who says whether a test of a group is accepted.
fn check(name: &str, judge: impl Fn(&Value, &Value) -> bool) {
    let vectors = vectors(name);
    let mut count = 0;
    let mut wrong = Vec::new();
    for group in list(&vectors, "testGroups") {
        for test in list(group, "tests") {
            count += 1;
            let id = test.get("tcId").and_then(Value::as_u64).unwrap();
            let expect = match text(test, "result") {
                "valid" => !is_named(REFUSED, name, id),
                // What may be accepted for old times' sake is refused.
                "invalid" | "acceptable" => is_named(ACCEPTED, name, id),
                other => panic!("{name} {id} is {other}"),
            };
            if judge(group, test) != expect {
                wrong.push(format!("{name} {id} {}: should be {expect}", text(test, "comment")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(vectors.get("numberOfTests").and_then(Value::as_u64), Some(count));
}

/// The keys of a group: public ones if it has some, else secrets; none if they are refused.
fn keys(group: &Value) -> KeySet {
    let keys = group.get("public").or_else(|| group.get("private")).unwrap();
    if keys.get("keys").is_some() {
        return KeySet::from_json(keys.to_string().as_bytes()).unwrap_or_default();
    }
    let key = Key::from_jwk(&keys.to_string());
    key.map(|key| KeySet::of(vec![key]).unwrap()).unwrap_or_default()
}

fn is_token(group: &Value, test: &Value) -> bool {
    let wanted = Wanted { algorithms: Algorithm::ALL.into_iter().collect(), ..Wanted::default() };
    let token = test.get("jws").or_else(|| test.get("jwe")).unwrap();
    // Some are written in JSON.
    let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
    Verifier::new(wanted).unwrap().open(&keys(group), &token).is_ok()
}

#[test]
fn tokens() {
    check("json_web_signature", is_token);
}

#[test]
fn keys_of_tokens() {
    check("json_web_key", is_token);
}

#[test]
fn tokens_and_what_is_none() {
    check("json_web_crypto", is_token);
}

fn is_signature(algorithm: Algorithm) -> impl Fn(&Value, &Value) -> bool {
    move |group, test| {
        let key = Key::from_pem(text(group, "publicKeyPem")).unwrap();
        assert!(key.algorithms().contains(algorithm));
        key.verify(algorithm, &bytes(test, "msg"), &bytes(test, "sig")).is_ok()
    }
}

#[test]
fn ecdsa() {
    check("ecdsa_secp256r1_sha256_p1363", is_signature(Algorithm::Es256));
    check("ecdsa_secp384r1_sha384_p1363", is_signature(Algorithm::Es384));
    check("ecdsa_secp521r1_sha512_p1363", is_signature(Algorithm::Es512));
}

#[test]
fn ed25519() {
    check("ed25519", is_signature(Algorithm::EdDsa));
    check("ed25519", is_signature(Algorithm::Ed25519));
}

#[test]
fn rsa() {
    check("rsa_signature_2048_sha256", is_signature(Algorithm::Rs256));
    check("rsa_pss_2048_sha256_mgf1_32", is_signature(Algorithm::Ps256));
}

/// Tags that were cut off, and keys that are too short, are left out: neither is taken here at all.
#[test]
fn hmac() {
    check("hmac_sha256", |group, test| {
        let secret = bytes(test, "key");
        let tag = bytes(test, "tag");
        if secret.len() < 32 || group.get("tagSize").and_then(Value::as_u64) != Some(256) {
            let refused = Key::from_secret(&secret).map_or(true, |key| {
                key.verify(Algorithm::Hs256, &bytes(test, "msg"), &tag).is_err()
            });
            assert!(refused);
            return text(test, "result") == "valid";
        }
        let key = Key::from_secret(&secret).unwrap();
        key.verify(Algorithm::Hs256, &bytes(test, "msg"), &tag).is_ok()
    });
}

#[test]
fn a_key_is_for_its_own_algorithm_only() {
    let vectors = vectors("ed25519");
    let group = list(&vectors, "testGroups").first().unwrap();
    let key = Key::from_pem(text(group, "publicKeyPem")).unwrap();
    for algorithm in Algorithm::ALL {
        let expect = Algorithms::of(&[Algorithm::EdDsa, Algorithm::Ed25519]).contains(algorithm);
        let refused = key.verify(algorithm, b"", b"") == Err(Refused::AlgorithmRefused);
        assert_eq!(refused, !expect, "{algorithm}");
    }
}

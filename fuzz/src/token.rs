//! Signed tokens and keys: claims that are signed well are accepted exactly when a plain reading says
//! so; a token that is no longer the one that was signed is not; sets have the keys that they have.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};
use yumen_jose::{
    Algorithm, Algorithms, DEPTH_MAX, KID_BYTES_MAX, Key, KeySet, Refused, SigningKey, TIME_MAX,
    Token, Verifier, Wanted,
};

/// Also in `parts/jose/tests`: a secret for tests, and when its tokens are looked at.
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://id";
const AUDIENCE: &str = "shop";

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::of(vec![Key::from_secret(SECRET).expect("a secret")]).expect("a set"));

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let wanted = Wanted {
        algorithms: Algorithms::of(&[Algorithm::Hs256]),
        issuers: vec![ISSUER.to_owned()],
        audiences: vec![AUDIENCE.to_owned()],
        ..Wanted::default()
    };
    Verifier::new(wanted).expect("a verifier")
});

/// Checks a token as it comes, the claims of one, a set of keys, or a key: the first letter says which.
pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'c' => check_claims(rest),
        b's' => check_set(rest),
        b'k' => check_key(rest),
        _ => check_token(rest),
    }
}

/// A line with a header, and claims, signed.
fn check_claims(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, claims) = data.split_at(at);
    let claims = claims.get(1..).unwrap_or_default();
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = hmac::sign(&key, message.as_bytes());
    let token = format!("{message}.{}", BASE64URL_NOPAD.encode(tag.as_ref()));
    let judged = VERIFIER.verify(&KEYS, &token, NOW);
    let should = plainly(header).is_some_and(|header| is_good_header(&header))
        && plainly(claims).is_some_and(|claims| is_good(&claims));
    assert_eq!(judged.is_ok(), should, "{judged:?}");
    assert_ne!(judged, Err(Refused::Signature));
    let Ok(verified) = judged else { return };
    assert_eq!(Some(verified.claims()), plainly(claims).as_ref());
    check_times(&verified);
    assert!(VERIFIER.verify(&KEYS, &format!("{token}A"), NOW).is_err());
    assert!(VERIFIER.verify(&KeySet::default(), &token, NOW) == Err(Refused::KeyUnknown));
}

fn check_times(token: &Token) {
    let expires = token.expires().expect("an end");
    assert!(expires > NOW && expires <= TIME_MAX);
    assert_eq!(token.check_times(NOW), Ok(()));
    assert_eq!(token.check_times(expires - 1), Ok(()));
    assert_eq!(token.check_times(expires), Err(Refused::Expired));
}

/// The object that a text is, if a name stands once, and it is not too deep: by counting colons and
/// brackets outside of texts.
fn plainly(text: &[u8]) -> Option<Map<String, Value>> {
    let object: Map<String, Value> = serde_json::from_slice(text).ok()?;
    let (mut colons, mut depth, mut deepest) = (0, 0_usize, 0);
    let (mut inside, mut escaped) = (false, false);
    for byte in text {
        match (inside, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, _, b'"') => inside = !inside,
            (false, _, b':') => colons += 1,
            (false, _, b'{' | b'[') => depth += 1,
            (false, _, b'}' | b']') => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    let whole = Value::Object(object);
    let is_plain = deepest <= DEPTH_MAX && members(&whole) == colons;
    let Value::Object(object) = whole else { return None };
    is_plain.then_some(object)
}

fn members(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(members).sum(),
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

fn is_plain_text(value: &Value) -> bool {
    let text = value.as_str();
    text.is_some_and(|text| text.chars().all(|letter| !letter.is_control()))
}

fn is_good_header(header: &Map<String, Value>) -> bool {
    let kid = |kid: &Value| {
        let length = kid.as_str().map_or(0, str::len);
        is_plain_text(kid) && (1..=KID_BYTES_MAX).contains(&length)
    };
    header.get("alg") == Some(&"HS256".into())
        && header.get("kid").is_none_or(kid)
        && header.get("typ").is_none_or(Value::is_string)
        && ["crit", "b64", "zip", "enc"].iter().all(|name| !header.contains_key(*name))
}

fn is_good(claims: &Map<String, Value>) -> bool {
    // The end of the time that a claim may be, and whether it is one.
    let time = |name: &str, good: fn(f64) -> bool| {
        claims.get(name).is_none_or(|value| {
            let Some(time) = value.as_f64() else { return false };
            time.is_sign_positive() && time <= TIME_MAX as f64 && good(time.floor())
        })
    };
    let audience = |value: &Value| match value {
        Value::Array(list) => {
            list.iter().all(Value::is_string) && list.iter().any(|one| one == AUDIENCE)
        }
        one => one == AUDIENCE,
    };
    claims.contains_key("exp")
        && time("exp", |time| time > NOW as f64)
        && time("nbf", |time| time <= NOW as f64)
        && time("iat", |time| time <= NOW as f64)
        && claims.get("iss") == Some(&ISSUER.into())
        && claims.get("aud").is_some_and(audience)
        && claims.get("sub").is_none_or(is_plain_text)
}

/// A token that somebody else wrote is good only if it is written in the one way.
fn check_token(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else { return };
    let wanted = Wanted { algorithms: Algorithms::SECRET, ..Wanted::default() };
    let verifier = Verifier::new(wanted).expect("a verifier");
    let Ok(signed) = verifier.open(&KEYS, token) else { return };
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { panic!("{token}") };
    assert_eq!(BASE64URL_NOPAD.encode(signed.payload()), *payload);
    let header = BASE64URL_NOPAD.decode(header.as_bytes()).expect("base64");
    let header = plainly(&header).expect("an object");
    assert_eq!(header.get("alg"), Some(&signed.header().algorithm.name().into()));
    assert!(Algorithms::SECRET.contains(signed.header().algorithm));
    assert!(signature.len() >= 43);
}

fn check_set(data: &[u8]) {
    let Ok(set) = KeySet::from_json(data) else { return };
    let document = plainly(data).expect("an object");
    let keys = document.get("keys").and_then(Value::as_array).expect("a list");
    assert_eq!(set.keys().len() + set.skipped().len(), keys.len());
    for skipped in set.skipped() {
        assert!(skipped.at < keys.len() && !skipped.why.to_string().is_empty());
    }
    for key in set.keys() {
        assert_eq!(key.is_secret(), set.has_secrets());
        check_one(key);
    }
}

fn check_one(key: &Key) {
    assert!(!key.algorithms().is_empty());
    let sort = if key.is_secret() { Algorithms::SECRET } else { Algorithms::PUBLIC };
    assert_eq!(key.algorithms().both(sort), key.algorithms());
    assert_eq!(key.thumbprint().is_none(), key.is_secret());
    assert!(key.thumbprint().is_none_or(|thumbprint| thumbprint.len() == 43));
    for algorithm in key.algorithms().iter() {
        assert!(key.verify(algorithm, b"", b"").is_err());
    }
}

/// A key in any form, and in a set.
fn check_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = Key::from_jwk(text) {
        check_one(&key);
        let set = KeySet::from_json(format!("{{\"keys\":[{text}]}}").as_bytes()).expect("a set");
        let [same] = set.keys() else { panic!("{set:?}") };
        assert_eq!((same.kid(), same.algorithms()), (key.kid(), key.algorithms()));
    }
    if let Ok(key) = Key::from_pem(text) {
        check_one(&key);
        assert!(!key.is_secret());
    }
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let Ok(key) = SigningKey::from_pem(text, algorithm) else { continue };
        let token = key.sign(Map::new(), None, NOW, 60).expect("a token");
        let keys = KeySet::of(vec![key.verifying().clone()]).expect("a set");
        let verifier = Verifier::new(Wanted::default()).expect("a verifier");
        verifier.verify(&keys, &token, NOW).expect("a good token");
    }
}

//! The examples of the RFCs (those of RFC 7520 are among the vectors of Wycheproof).
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use serde_json::Value;
use yumen_jose::{Algorithm, Key, KeySet, Refused, Skipped, Unusable, Verifier, Wanted};

fn examples() -> Value {
    serde_json::from_str(include_str!("vectors/rfc/examples.json")).unwrap()
}

fn verifier() -> Verifier {
    let algorithms = Algorithm::ALL.into_iter().collect();
    Verifier::new(Wanted { algorithms, ..Wanted::default() }).unwrap()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap()
}

fn list(examples: &Value, member: &str) -> Vec<Value> {
    examples.get(member).and_then(Value::as_array).unwrap().clone()
}

fn set(examples: &Value, member: &str) -> KeySet {
    KeySet::from_json(examples.get(member).unwrap().to_string().as_bytes()).unwrap()
}

#[test]
fn signed_examples_are_good_and_changed_ones_are_not() {
    let examples = examples();
    for example in list(&examples, "signed") {
        let (name, token) = (text(&example, "name"), text(&example, "token"));
        let key = Key::from_jwk(&example.get("jwk").unwrap().to_string()).unwrap();
        let keys = KeySet::of(vec![key]).unwrap();
        let signed = verifier().open(&keys, token);
        assert!(signed.is_ok(), "{name}: {signed:?}");
        // One other character, somewhere in the payload.
        let (front, behind) = token.split_at(token.find('.').unwrap() + 1);
        let changed = format!("{front}{}{}", if behind.starts_with('A') { "B" } else { "A" }, {
            behind.split_at(1).1
        });
        assert_eq!(verifier().open(&keys, &changed), Err(Refused::Signature), "{name}");
    }
}

#[test]
fn claims_of_the_first_example_are_read() {
    let examples = examples();
    let example = list(&examples, "signed").remove(0);
    let keys = set(&examples, "secret_set");
    let token = text(&example, "token");
    let claims = verifier().verify(&keys, token, 1_300_819_379).unwrap();
    assert_eq!(claims.issuer(), Some("joe"));
    assert_eq!(claims.expires(), Some(1_300_819_380));
    assert_eq!(claims.claims().get("http://example.com/is_root"), Some(&Value::Bool(true)));
    assert_eq!(claims.header().typ.as_deref(), Some("JWT"));
    assert_eq!(verifier().verify(&keys, token, 1_300_819_380), Err(Refused::Expired));
}

#[test]
fn an_unsecured_token_is_refused() {
    let examples = examples();
    let token = text(&examples, "unsecured");
    let keys = set(&examples, "secret_set");
    assert_eq!(verifier().open(&keys, token), Err(Refused::AlgorithmUnknown));
}

#[test]
fn sets_have_the_keys_that_can_be_used() {
    let examples = examples();
    let skipped = |at, kid: Option<&str>, why| Skipped { at, kid: kid.map(str::to_owned), why };
    let public = set(&examples, "public_set");
    assert_eq!(public.skipped(), [skipped(0, Some("1"), Unusable::Use)]);
    let kids: Vec<_> = public.keys().iter().map(Key::kid).collect();
    assert_eq!(kids, [Some("2011-04-29")]);
    assert!(public.keys().iter().all(|key| key.is_for(Algorithm::Rs256)));
    assert!(public.keys().iter().all(|key| !key.is_for(Algorithm::Rs512)));

    let private = set(&examples, "private_set");
    assert!(private.is_empty());
    assert!(private.skipped().iter().all(|key| key.why == Unusable::Private));

    let secrets = set(&examples, "secret_set");
    assert_eq!(secrets.skipped(), [skipped(0, None, Unusable::SecretBytes(16))]);
    assert!(secrets.has_secrets() && secrets.keys().len() == 1);
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let examples = examples();
    for example in list(&examples, "thumbprints") {
        let key = Key::from_jwk(&example.get("jwk").unwrap().to_string()).unwrap();
        assert_eq!(key.thumbprint().as_deref(), Some(text(&example, "thumbprint")));
    }
    let secrets = set(&examples, "secret_set");
    assert!(secrets.keys().iter().all(|key| key.thumbprint().is_none()));
}

#[test]
fn a_certificate_has_the_key_beside_it() {
    let examples = examples();
    let jwk = examples.get("certified").unwrap();
    let certificate =
        jwk.get("x5c").and_then(|chain| chain.get(0)).and_then(Value::as_str).unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    let (certified, plain) =
        (Key::from_pem(&pem).unwrap(), Key::from_jwk(&jwk.to_string()).unwrap());
    assert_eq!(certified.thumbprint(), plain.thumbprint());
    assert_eq!((certified.kid(), plain.kid()), (None, Some("1b94c")));
}

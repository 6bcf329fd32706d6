//! What `key-set` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use yumen_http::Body;
use yumen_jose::{KeySet, SigningKey};
use yumen_policy::testing::{compile_in, exchange, now};
use yumen_policy::{FailureKind, Policy, Scope, Signer, Signers, Verdict};
use yumen_policy_key_set::Config;

/// The key of RFC 8037, which everybody has.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// Two keys under one name, one under another.
fn scope() -> Scope {
    let key = |kid: &str| SigningKey::from_text(JWK, None).unwrap().with_kid(kid).unwrap();
    let mut signers = Signers::default();
    signers.add("a", Signer::new(vec![key("a1"), key("a2")]));
    signers.add("b", Signer::new(vec![key("b1")]));
    signers.add("broken", None);
    Scope { signers: Arc::new(signers), ..Scope::default() }
}

fn policy(config: &str) -> Arc<dyn Policy> {
    compile_in::<Config>(config, &scope()).unwrap_or_else(|report| panic!("{config}: {report}"))
}

/// Status, what can be kept for how long, the mark of the document, and the document.
fn ask(policy: &Arc<dyn Policy>, method: &str, fields: &str) -> (u16, String, String, String) {
    let mut exchange = exchange(&format!("{method} /keys HTTP/1.1\nHost: x\n{fields}"));
    let response = match now(policy.on_request(&mut exchange)) {
        Verdict::Answer(response) => response,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::MethodRefused);
            return (405, String::new(), String::new(), String::new());
        }
        other => panic!("{other:?}"),
    };
    let field = |name| {
        let value = response.head.fields().only(name).unwrap_or_default();
        String::from_utf8(value.to_vec()).unwrap()
    };
    let (kept, mark) = (field("cache-control"), field("etag"));
    let status = response.head.status().code();
    let body = match response.body {
        Body::Full(body) => String::from_utf8(body).unwrap(),
        Body::Empty => String::new(),
        _ => panic!("it streams nothing"),
    };
    (status, kept, mark, body)
}

#[test]
fn all_public_keys_are_in_the_answer() {
    let policy = policy("keys: [a, b]");
    let (status, kept, mark, body) = ask(&policy, "GET", "");
    assert_eq!((status, &*kept), (200, "public, max-age=300"));
    let keys = KeySet::from_json(body.as_bytes()).unwrap();
    let names: Vec<_> = keys.keys().iter().map(|key| key.kid().unwrap()).collect();
    assert_eq!(names, ["a1", "a2", "b1"]);
    assert!(keys.skipped().is_empty() && !body.contains("\"d\""), "{body}");
    assert_eq!(ask(&policy, "HEAD", "").0, 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(ask(&policy, method, "").0, 405, "{method}");
    }
    for (fields, status) in [
        (format!("If-None-Match: {mark}"), 304),
        (format!("If-None-Match: \"x\", W/{mark}"), 304),
        ("If-None-Match: \"x\"\nIf-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
    ] {
        let answer = ask(&policy, "GET", &fields);
        assert_eq!((answer.0, &*answer.2), (status, &*mark), "{fields}");
        assert_eq!(answer.3.is_empty(), status == 304);
    }
}

#[test]
fn the_mark_changes_with_the_keys() {
    let (one, other) = (ask(&policy("keys: [a]"), "GET", ""), ask(&policy("keys: [b]"), "GET", ""));
    assert_ne!(one.2, other.2);
    assert_eq!(one.2, ask(&policy("{ keys: [a], max_age: 1h }"), "GET", "").2);
    assert_eq!(ask(&policy("{ keys: [a], max_age: 1h }"), "GET", "").1, "public, max-age=3600");
    assert_eq!(ask(&policy("{ keys: [a], max_age: off }"), "GET", "").1, "no-cache");
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    for (config, path, words) in [
        ("{}", "config", "keys"),
        ("keys: []", "config.keys", "1 to 16"),
        ("keys: [c]", "config.keys[0]", "no signing keys `c`"),
        ("keys: [a, b, a]", "config.keys[2]", "twice"),
        ("{ keys: [a], max_age: 25h }", "config.max_age", "up to 24h"),
        ("{ keys: [a], max_age: 1500ms }", "config.max_age", "up to 24h"),
        ("{ keys: [a], extra: 1 }", "config", "unknown key `extra`"),
    ] {
        let report = compile_in::<Config>(config, &scope()).map(|_| ()).unwrap_err();
        let found = report
            .problems()
            .iter()
            .any(|problem| problem.path.starts_with(path) && problem.message.contains(words));
        assert!(found, "{config}: {report}");
    }
    // What is wrong with keys was told where they are written.
    let report = compile_in::<Config>("keys: [broken]", &scope()).map(|_| ()).unwrap_err();
    assert!(report.is_empty(), "{report}");
}

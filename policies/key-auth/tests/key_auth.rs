//! What `key-auth` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use yumen_directory::{Change, Entry, Material, Pepper, Proof, Stated};
use yumen_policy::testing::{compile, compile_in, exchange, now};
use yumen_policy::{Exchange, FailureKind, Policy, Scope, Verdict};
use yumen_policy_key_auth::Config;

/// Somebody with two keys, one of which expires at second 1,000; and somebody who is disabled.
fn scope() -> Scope {
    let (scope, pepper) = (Scope::default(), Pepper::new(""));
    let key = |key: &str, expires| Stated {
        proof: Proof::Key,
        digest: pepper.digest(Proof::Key, key.as_bytes()),
        label: None,
        expires,
        material: Material::None,
    };
    let entry = |name: &str, is_disabled, credentials| Entry {
        name: name.into(),
        external_id: None,
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials,
    };
    let put = vec![
        entry("shop", false, vec![key("good key", None), key("old", Some(1000))]),
        entry("gone", true, vec![key("disabled", None)]),
    ];
    scope.directory.change(&pepper, vec![Change { put, ..Change::default() }]).unwrap();
    scope
}

fn asked(head: &str) -> Exchange {
    let mut exchange = exchange(head);
    exchange.now = 2000;
    exchange
}

/// `shop` if the key is good, `?` if there is none, else why it is refused.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> String {
    match now(policy.on_request(exchange)) {
        Verdict::Next => {
            let principal = exchange.principal.as_ref().unwrap();
            assert!(!principal.is_anonymous && principal.by == "key-auth");
            principal.consumer.as_ref().unwrap().name.to_string()
        }
        Verdict::Unknown(challenge) => {
            assert_eq!(&*challenge.0, r#"Key realm="yumen""#);
            "?".to_owned()
        }
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Unauthenticated);
            assert_eq!(failure.sentence(), "The key is not good.", "the client learns no reason");
            assert_eq!(failure.challenges().len(), 1);
            assert!(exchange.principal.is_none());
            failure.cause().unwrap().to_owned()
        }
        other @ (Verdict::Answer(_) | Verdict::Report(_)) => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_looked_for_where_it_is_said() {
    let scope = scope();
    let policy = compile_in::<Config>("{ query: [key], cookies: [key] }", &scope).unwrap();
    let long = "k".repeat(513);
    for (head, expect) in [
        ("GET / HTTP/1.1\nHost: x\nX-API-Key: good key", "shop"),
        ("GET / HTTP/1.1\nHost: x\nx-api-KEY:  good key ", "shop"),
        ("GET /?key=good+key HTTP/1.1\nHost: x", "shop"),
        ("GET /?a=1&%6bey=good%20key HTTP/1.1\nHost: x", "shop"),
        ("GET / HTTP/1.1\nHost: x\nCookie: a=1; key=good key", "shop"),
        ("GET / HTTP/1.1\nHost: x", "?"),
        ("GET /?other=good+key HTTP/1.1\nHost: x\nX-Key: good key", "?"),
        ("GET / HTTP/1.1\nHost: x\nAuthorization: Bearer good key", "?"),
        ("GET / HTTP/1.1\nHost: x\nX-API-Key: Good key", "nobody has this key"),
        ("GET / HTTP/1.1\nHost: x\nX-API-Key: good ke", "nobody has this key"),
        ("GET / HTTP/1.1\nHost: x\nX-API-Key: good key, good key", "nobody has this key"),
        ("GET / HTTP/1.1\nHost: x\nX-API-Key:", "the key is empty, or too long"),
        ("GET /?key HTTP/1.1\nHost: x", "the key is empty, or too long"),
        (&format!("GET / HTTP/1.1\nHost: x\nX-API-Key: {long}"), "the key is empty, or too long"),
        (
            "GET / HTTP/1.1\nHost: x\nX-API-Key: good key\nX-API-Key: good key",
            "the request brings several keys",
        ),
        (
            "GET /?key=good+key HTTP/1.1\nHost: x\nX-API-Key: good key",
            "the request brings several keys",
        ),
        ("GET /?key=good+key&key= HTTP/1.1\nHost: x", "the request brings several keys"),
    ] {
        assert_eq!(verdict(&policy, &mut asked(head)), expect, "{head}");
    }
}

#[test]
fn keys_that_are_no_longer_good_are_refused() {
    let scope = scope();
    let policy = compile_in::<Config>("bearer: true", &scope).unwrap();
    let check = |key: &str, now: u64| {
        let mut exchange = exchange(&format!("GET / HTTP/1.1\nHost: x\nX-API-Key: {key}"));
        exchange.now = now;
        match now_of(&policy, &mut exchange) {
            Ok(()) => "good".to_owned(),
            Err(cause) => cause,
        }
    };
    assert_eq!(check("old", 999), "good");
    assert!(check("old", 1000).ends_with("has expired, or its consumer shop is disabled"));
    assert!(check("disabled", 1).ends_with("or its consumer gone is disabled"));
    let used = scope.directory.key(b"old").unwrap().last_used();
    assert_eq!(used, Some(999), "only what was good was used");
}

fn now_of(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> Result<(), String> {
    match now(policy.on_request(exchange)) {
        Verdict::Next => Ok(()),
        Verdict::Fail(failure) => {
            let challenge = failure.challenges().first().unwrap();
            assert_eq!(&*challenge.0, r#"Bearer realm="yumen""#);
            Err(failure.cause().unwrap().to_owned())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_taken_out_if_that_is_wanted() {
    let scope = scope();
    let yaml = "{ query: [key], cookies: [key], bearer: true, strip: true }";
    let policy = compile_in::<Config>(yaml, &scope).unwrap();
    for (head, target, fields) in [
        ("GET /?a=1&key=good+key&b HTTP/1.1\nHost: x\nX-A: 1", "/?a=1&b", "X-A: 1\r\n"),
        ("GET / HTTP/1.1\nHost: x\nX-API-Key: good key\nX-A: 1", "/", "X-A: 1\r\n"),
        ("GET / HTTP/1.1\nHost: x\nauthorization: bearer good key", "/", ""),
        (
            "GET / HTTP/1.1\nHost: x\nAuthorization: Basic eA==\nX-API-Key: good key",
            "/",
            "Authorization: Basic eA==\r\n",
        ),
        ("GET / HTTP/1.1\nHost: x\nCookie: a=1; key=good key", "/", "Cookie: a=1\r\n"),
    ] {
        let mut exchange = asked(head);
        now_of(&policy, &mut exchange).unwrap();
        let head = &exchange.request.head;
        let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut left = Vec::new();
        head.fields().write(&mut left);
        assert_eq!(format!("{}{query}", head.path()), target);
        assert_eq!(String::from_utf8_lossy(&left), fields);
    }
}

#[test]
fn places_that_cannot_hold_a_key_are_problems() {
    for (yaml, path) in [
        ("headers: []", "config"),
        ("headers: ['X Key']", "config.headers[0]"),
        ("headers: [Host]", "config.headers[0]"),
        ("headers: [X-Consumer-Username]", "config.headers[0]"),
        ("headers: [X_Key]", "config.headers[0]"),
        ("query: ['']", "config.query[0]"),
        ("cookies: ['a b']", "config.cookies[0]"),
        ("{headers: [a, b, c, d, e, f, g, h], query: [a, b, c, d, e, f, g, h, i]}", "config"),
        ("realm: \"a\\nb\"", "config.realm"),
        ("header: [a]", "config"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<_> = report.problems().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}: {report}");
    }
}

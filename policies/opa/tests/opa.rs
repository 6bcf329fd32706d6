//! What `opa` promises without a server: what is wrong with a config, and which requests are not even asked
//! about. Servers are met in `e2e`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{FailureKind, Step, Verdict};
use yumen_policy_opa::Config;

const URL: &str = "url: 'http://127.0.0.1:1/v1/data/a'";

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with = |more: &str| format!("{{ {URL}, {more} }}");
    for (config, path, words) in [
        ("{}".to_owned(), "config.url", "URL"),
        ("{ url: 'http://127.0.0.1:1/' }".to_owned(), "config.url", "no decision"),
        ("{ url: 'grpc://127.0.0.1:1' }".to_owned(), "config.url", "no decision"),
        ("{ url: 'http://opa.example/v1/data/a' }".to_owned(), "config.url", "on the way"),
        (with("ca: x"), "config.ca", "clear text"),
        (with("key: s3cret"), "config.certificate", "belong together"),
        (with("timeout: off"), "config.timeout", "for ever"),
        (with("at_once: 5000"), "config.at_once", "1 to"),
        (with("answer_max: 2MiB"), "config.answer_max", "1MiB"),
        (with("headers: { Content-Length: 1 }"), "config.headers.Content-Length", "HTTP"),
        (with("headers: { X-A: \"s3cret\\n\\nx\" }"), "config.headers.X-A", "character"),
        (with("input_headers: [X-Forwarded-For]"), "config.input_headers[0]", "gateway"),
        (with("copy_to_service: [Cookie]"), "config.copy_to_service[0]", "client"),
        (with("copy_to_client: [Connection]"), "config.copy_to_client[0]", "HTTP"),
        (with("refusal_headers: ['a b']"), "config.refusal_headers[0]", "no name"),
        (with("failure_status: 302"), "config.failure_status", "status"),
        (with("cache: { for: off }"), "config.cache.for", "whole seconds"),
        (with("cache: { for: 5s, entries: 2000000 }"), "config.cache.entries", "1 to"),
        (with("path: x"), "config", "unknown key `path`"),
    ] {
        let report = compile::<Config>(&config).map(|_| ()).unwrap_err();
        let found = report.problems().iter().any(|problem| {
            let hint = problem.hint.as_deref().unwrap_or_default();
            problem.path.starts_with(path)
                && (problem.message.contains(words) || hint.contains(words))
        });
        assert!(found, "{config}: {report}");
        assert!(!report.to_string().contains("s3cret"), "{report}");
    }
    for good in [
        with("input_headers: [Authorization, 'X-Ten*'], context: { a: b }"),
        with("headers: { Authorization: Bearer x }, cache: { for: 300s }"),
        "{ url: 'http+unix://%2Frun%2Fopa.sock/v1/data/a' }".to_owned(),
        "{ url: 'http://opa.example/prefix/v1/data/a', insecure: true }".to_owned(),
    ] {
        compile::<Config>(&good).unwrap_or_else(|report| panic!("{good}: {report}"));
    }
}

#[test]
fn what_cannot_be_told_as_one_thing_is_refused() {
    let policy =
        compile::<Config>(&format!("{{ {URL}, input_headers: [X-Tenant, Accept] }}")).unwrap();
    let check = |head: &str, is_refused: bool| {
        let mut exchange = exchange(head);
        match policy.on_request(&mut exchange) {
            Step::Now(Verdict::Fail(failure)) => {
                assert!(is_refused, "{head}");
                assert_eq!(failure.kind(), FailureKind::Forbidden, "{head}");
            }
            Step::Later(_) => assert!(!is_refused, "{head}"),
            Step::Now(other) => panic!("{other:?}"),
        }
    };
    check("GET / HTTP/1.1\nHost: a\nX-Tenant: 1\nx-tenant: 2", true);
    check("GET / HTTP/1.1\nHost: a\nX-Tenant: 1\nAccept: a\nAccept: b\nX-A: 1\nX-A: 2", false);
    let parameters = |count: usize| format!("GET /?{} HTTP/1.1\nHost: a", "a&".repeat(count));
    check(&parameters(1000), false);
    check(&parameters(1001), true);
    let verdict = now(policy.dry(&mut exchange("GET / HTTP/1.1\nHost: a")));
    assert!(matches!(verdict, Verdict::Fail(_)), "{verdict:?}");
}

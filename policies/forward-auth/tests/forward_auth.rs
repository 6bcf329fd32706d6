//! What `forward-auth` promises without a server: what is wrong with a config, who is asked about, and what
//! is taken out of requests. Servers are met in `e2e`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{FailureKind, Step, Verdict};
use yumen_policy_forward_auth::Config;

const URL: &str = "url: 'http://127.0.0.1:1/verify'";

/// The config is refused with a problem at the path, that has the words and nothing secret.
fn check(config: &str, path: &str, words: &str) {
    let report = compile::<Config>(config).map(|_| ()).unwrap_err();
    let found = report.problems().iter().any(|problem| {
        let hint = problem.hint.as_deref().unwrap_or_default();
        problem.path.starts_with(path) && (problem.message.contains(words) || hint.contains(words))
    });
    assert!(found, "{config}: {report}");
    assert!(!report.to_string().contains("s3cret"), "{report}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let http = |more: &str| format!("{{ {URL}, {more} }}");
    let grpc = |more: &str| format!("{{ url: 'grpc://127.0.0.1:1', {more} }}");
    for (config, path, words) in [
        ("{}".to_owned(), "config.url", "URL"),
        ("{ url: 'ftp://a' }".to_owned(), "config.url", "begin"),
        ("{ url: 'http://auth.example/' }".to_owned(), "config.url", "on the way"),
        ("{ url: 'grpc://127.0.0.1:1/a' }".to_owned(), "config.url", "its own method"),
        ("{ url: 'https://a.example', ca: x }".to_owned(), "config.ca", "certificate"),
        (http("certificate: x"), "config.certificate", "belong together"),
        (http("timeout: off"), "config.timeout", "for ever"),
        (http("at_once: 0"), "config.at_once", "1 to"),
        (http("body_max: 1KiB"), "config.body_max", "GET"),
        (http("method: post, body_max: 2MiB"), "config.body_max", "1MiB"),
        (http("answer_max: 0"), "config.answer_max", "1MiB"),
        (http("context: { a: b }"), "config.context", "gRPC"),
        (grpc("method: post"), "config.method", "its own method"),
        (grpc("append_path: true"), "config.append_path", "its own method"),
        (grpc("original: true"), "config.original", "says what"),
    ] {
        check(&config, path, words);
    }
}

#[test]
fn names_and_times_that_cannot_be_are_told_with_their_place() {
    let http = |more: &str| format!("{{ {URL}, {more} }}");
    let many = vec!["X-A"; 65].join(", ");
    for (config, path, words) in [
        (http("send: [Connection]"), "config.send[0]", "gateway"),
        (http("send: ['a b']"), "config.send[0]", "no name"),
        (http("send: ['*', 'X*']"), "config.send[1]", "beginning"),
        (http("copy_to_service: [X-A, Authorization]"), "config.copy_to_service[1]", "client"),
        (http("copy_to_service: [x_user]"), "config.copy_to_service[0]", "underscore"),
        (http("copy_to_service: [X-Consumer-Username]"), "config.copy_to_service[0]", "gateway"),
        (http(&format!("copy_to_service: [{many}]")), "config.copy_to_service[65]", "more than"),
        (http("copy_to_client: [Content-Length]"), "config.copy_to_client[0]", "gateway"),
        (http("refusal_headers: [Connection]"), "config.refusal_headers[0]", "gateway"),
        (http("headers: { Host: a }"), "config.headers.Host", "gateway"),
        (http("headers: { X-Token: \"s3cret\\nX: 1\" }"), "config.headers.X-Token", "character"),
        (http("challenge: ''"), "config.challenge", "WWW-Authenticate"),
        (http("failure_status: 200"), "config.failure_status", "status"),
        (http("on_failure: pass"), "config.on_failure", "refuse"),
        (http("cache: { for: 500ms }"), "config.cache.for", "whole seconds"),
        (http("cache: { for: 6m }"), "config.cache.for", "300"),
        (http("cache: { for: 5s, entries: 0 }"), "config.cache.entries", "1 to"),
        (http("cache: { for: 5s, by: [request.body] }"), "config.cache.by[0]", "neither"),
        (http("cache: { for: 5s, by: ['a b'] }"), "config.cache.by[0]", "neither"),
        (http("method: post, body_max: 1KiB, cache: { for: 5s }"), "config.cache", "one body"),
        (http("consumer_from: 'a b'"), "config.consumer_from", "no name"),
        (http("claims: { email: 'a b' }"), "config.claims.email", "no name"),
        (http("consumer: X-User"), "config", "consumer_"),
    ] {
        check(&config, path, words);
    }
}

#[test]
fn what_can_be_is_taken() {
    let http = |more: &str| format!("{{ {URL}, {more} }}");
    let grpc = |more: &str| format!("{{ url: 'grpc://127.0.0.1:1', {more} }}");
    for good in [
        http("send: ['*', 'X-Auth-*'], copy_to_service: ['Remote-*']"),
        http("method: same, body_max: 1KiB, append_path: true, original: true"),
        http("cache: { for: 5s, by: [Authorization, request.path, client.address] }"),
        grpc("body_max: 1KiB, context: { a: b }, replace_authorization: true"),
        "{ url: 'http+unix://%2Frun%2Fauth.sock/verify' }".to_owned(),
        "{ url: 'http://auth.example/', insecure: true, timeout: 1s, at_once: 1 }".to_owned(),
    ] {
        compile::<Config>(&good).unwrap_or_else(|report| panic!("{good}: {report}"));
    }
}

#[test]
fn who_brings_nothing_is_not_asked_about() {
    let policy =
        compile::<Config>(&format!("{{ {URL}, only_with: [Authorization, 'X-Tok*'] }}")).unwrap();
    let mut nothing = exchange("GET / HTTP/1.1\nHost: a\nCookie: a=b\nX-To: 1");
    match now(policy.on_request(&mut nothing)) {
        Verdict::Unknown(challenge) => assert_eq!(&*challenge.0, "Bearer realm=\"yumen\""),
        other => panic!("{other:?}"),
    }
    for field in ["Authorization: x", "x-token: 1"] {
        let mut some = exchange(&format!("GET / HTTP/1.1\nHost: a\n{field}"));
        assert!(matches!(policy.on_request(&mut some), Step::Later(_)), "{field}");
    }
}

#[test]
fn what_comes_twice_is_refused_before_anybody_is_asked() {
    let policy = compile::<Config>(&format!("{{ {URL}, send: [X-Key, Cookie, 'X-B*'] }}")).unwrap();
    let check = |fields: &str, is_refused: bool| {
        let mut exchange = exchange(&format!("GET / HTTP/1.1\nHost: a\n{fields}"));
        match policy.on_request(&mut exchange) {
            Step::Now(Verdict::Fail(failure)) => {
                assert!(is_refused, "{fields}");
                assert_eq!(failure.kind(), FailureKind::BadRequest, "{fields}");
            }
            Step::Later(_) => assert!(!is_refused, "{fields}"),
            Step::Now(other) => panic!("{other:?}"),
        }
    };
    check("X-Key: 1\nx-key: 2", true);
    check("X-Key: 1", false);
    check("Authorization: a\nauthorization: b", true);
    check("Cookie: a=1\nCookie: b=2", false);
    check("X-Other: 1\nX-Other: 2", false);
}

#[test]
fn what_only_the_server_says_is_taken_out() {
    let policy =
        compile::<Config>(&format!("{{ {URL}, copy_to_service: [X-User, 'Remote-*'] }}")).unwrap();
    let mut exchange = exchange(
        "GET / HTTP/1.1\nHost: a\nX-USER: root\nx-user: root\nremote-groups: admin\nAuthorization: b\nX-User-Id: 1",
    );
    let fields = exchange.request.head.fields_mut();
    policy.clear(fields);
    let left: Vec<_> = fields.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
    assert_eq!(left, ["Authorization", "X-User-Id"]);
}

#[test]
fn logs_do_not_show_what_proves_who_calls() {
    let config = format!("{{ {URL}, send: [Accept, X-Session, 'X-Auth-*'], only_with: [X-Key] }}");
    assert_eq!(compile::<Config>(&config).unwrap().secrets(), ["X-Session", "X-Key"]);
}

/// To explain a request, nobody is asked.
#[test]
fn an_explanation_asks_nobody() {
    let policy = compile::<Config>(&format!("{{ {URL} }}")).unwrap();
    let verdict = now(policy.dry(&mut exchange("GET / HTTP/1.1\nHost: a")));
    assert!(matches!(verdict, Verdict::Fail(_)), "{verdict:?}");
}

//! What `headers` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use yumen_http::{Body, Response, ResponseHead, Status};
use yumen_policy::Verdict;
use yumen_policy::testing::{compile, exchange, now};
use yumen_policy_headers::Config;

#[test]
fn the_service_sees_the_changed_request() {
    let policy =
        compile::<Config>("request: {remove: [a], set: {b: '2', c: '3'}, add: {d: '4'}}").unwrap();
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x\nA: 1\nB: 1\nb: 1\nD: 1\nE: 1");
    assert!(matches!(now(policy.on_request(&mut exchange)), Verdict::Next));
    let mut written = Vec::new();
    exchange.request.head.fields().write(&mut written);
    assert_eq!(String::from_utf8(written).unwrap(), "D: 1\r\nE: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n");
}

#[test]
fn the_client_sees_the_changed_answer() {
    let policy = compile::<Config>("response: {set: {Cache-Control: no-store}}").unwrap();
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x");
    exchange.response = Some(Response::new(ResponseHead::new(Status::OK), Body::Empty));
    assert!(matches!(now(policy.on_response(&mut exchange)), Verdict::Next));
    let response = exchange.response.unwrap();
    assert_eq!(response.head.fields().first("cache-control"), Some(&b"no-store"[..]));
}

#[test]
fn what_would_break_a_message_is_a_problem_of_the_config() {
    for (yaml, path) in [
        ("request: {set: {Host: x}}", "config.request.set.Host"),
        ("request: {remove: [Content-Length]}", "config.request.remove[0]"),
        ("request: {add: {'a b': x}}", "config.request.add.a b"),
        ("response: {set: {a: \"x\\r\\ny\"}}", "config.response.set.a"),
        ("response: {set: {X-Request-Id: x}}", "config.response.set.X-Request-Id"),
        ("reponse: {}", "config"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<&str> =
            report.problems().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}");
    }
}

//! What `security-headers` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use yumen_http::{Body, Forwarding, Response, ResponseHead, Status};
use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{Exchange, Verdict};
use yumen_policy_security_headers::Config;

fn answer(exchange: &mut Exchange, service: &[(&str, &str)]) {
    let mut head = ResponseHead::new(Status::OK);
    for (name, value) in service {
        head.fields_mut().add(name, value.as_bytes()).unwrap();
    }
    exchange.response = Some(Response::new(head, Body::Empty));
}

fn fields(exchange: &Exchange) -> Vec<String> {
    let fields = exchange.response.as_ref().unwrap().head.fields();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}

/// The fields of an answer to a client that came this way.
fn told(yaml: &str, proto: &'static str, service: &[(&str, &str)]) -> Vec<String> {
    let policy = compile::<Config>(yaml).unwrap();
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x");
    std::rc::Rc::make_mut(&mut exchange.client).forwarding =
        Forwarding::direct("192.0.2.1".into(), proto, false);
    answer(&mut exchange, service);
    assert!(matches!(now(policy.on_response(&mut exchange)), Verdict::Next));
    let said = fields(&exchange);
    answer(&mut exchange, service);
    policy.on_failure(&mut exchange);
    assert_eq!(fields(&exchange), said, "a failure says the same");
    said
}

const USUAL: [&str; 3] = [
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: SAMEORIGIN",
    "Referrer-Policy: strict-origin-when-cross-origin",
];

#[test]
fn there_are_sensible_defaults() {
    assert_eq!(told("{}", "http", &[]), USUAL);
    assert_eq!(told("{}", "https", &[]), USUAL, "the listener speaks of TLS");
}

#[test]
fn each_field_can_be_changed_or_turned_off() {
    let only = |more: &str| {
        format!("{{content_type_options: off, frame_options: off, referrer_policy: off, {more}}}")
    };
    for (more, expect) in [
        (
            "content_security_policy: \"default-src 'self'; frame-ancestors 'none'\"",
            "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'",
        ),
        (
            "content_security_policy_report_only: default-src 'self'",
            "Content-Security-Policy-Report-Only: default-src 'self'",
        ),
        (
            "permissions_policy: 'camera=(), geolocation=()'",
            "Permissions-Policy: camera=(), geolocation=()",
        ),
        ("cross_origin_opener_policy: same-origin", "Cross-Origin-Opener-Policy: same-origin"),
        (
            "cross_origin_embedder_policy: require-corp",
            "Cross-Origin-Embedder-Policy: require-corp",
        ),
        ("cross_origin_resource_policy: same-site", "Cross-Origin-Resource-Policy: same-site"),
    ] {
        assert_eq!(told(&only(more), "http", &[]), [expect]);
    }
    assert_eq!(
        told("{frame_options: DENY, referrer_policy: off}", "http", &[]),
        [USUAL[0], "X-Frame-Options: DENY"]
    );
}

#[test]
fn hsts_is_for_those_who_come_with_tls() {
    let yaml = "hsts: { include_subdomains: true }";
    let hsts = "Strict-Transport-Security: max-age=31536000; includeSubDomains";
    assert_eq!(told(yaml, "http", &[]), USUAL);
    assert_eq!(told(yaml, "https", &[]), [&USUAL[..], &[hsts]].concat());
    let own = [("strict-transport-security", "max-age=1")];
    assert_eq!(told(yaml, "https", &own).len(), 4, "the service has said it");
    let off = told("hsts: { max_age: off }", "https", &[]);
    assert_eq!(off.last().unwrap(), "Strict-Transport-Security: max-age=0");
}

#[test]
fn the_service_has_the_last_word_unless_it_is_overridden() {
    let service = [("x-frame-options", "DENY"), ("X-Frame-Options", "ALLOWALL"), ("A", "b")];
    assert_eq!(
        told("{}", "http", &service),
        ["x-frame-options: DENY", "X-Frame-Options: ALLOWALL", "A: b", USUAL[0], USUAL[2],]
    );
    assert_eq!(
        told("override: true", "http", &service),
        [&["A: b"], &USUAL[..]].concat(),
        "one line each"
    );
}

#[test]
fn what_browsers_do_not_know_is_a_problem() {
    let long = format!("content_security_policy: \"{}\"", "x".repeat(8193));
    for (yaml, path) in [
        ("content_type_options: sniff", "config.content_type_options"),
        ("frame_options: deny", "config.frame_options"),
        ("frame_options: ALLOW-FROM https://a.com", "config.frame_options"),
        ("referrer_policy: never", "config.referrer_policy"),
        ("referrer_policy: ''", "config.referrer_policy"),
        ("content_security_policy: ''", "config.content_security_policy"),
        ("content_security_policy: \"a\\r\\nSet-Cookie: b\"", "config.content_security_policy"),
        ("content_security_policy: \"a\\nb\"", "config.content_security_policy"),
        ("content_security_policy: \"a\\0\"", "config.content_security_policy"),
        ("content_security_policy: 'ä'", "config.content_security_policy"),
        ("permissions_policy: ' a'", "config.permissions_policy"),
        (&long, "config.content_security_policy"),
        ("cross_origin_opener_policy: same-site", "config.cross_origin_opener_policy"),
        ("cross_origin_embedder_policy: 'on'", "config.cross_origin_embedder_policy"),
        ("cross_origin_resource_policy: none", "config.cross_origin_resource_policy"),
        ("hsts: { preload: true }", "config.hsts.preload"),
        ("{content_type_options: off, frame_options: off, referrer_policy: off}", "config"),
        ("server: off", "config"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}");
    }
}

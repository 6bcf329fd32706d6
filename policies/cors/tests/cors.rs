//! What `cors` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use yumen_http::{Body, Response, ResponseHead, Status};
use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{Decider, Exchange, FailureKind, Policy, Verdict};
use yumen_policy_cors::Config;

/// The fields of an answer that speak of CORS, in alphabetical order.
fn told(response: &Response) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = response.head.fields().iter();
    let all = fields.map(|(name, value)| format!("{}: {}", text(name).to_lowercase(), text(value)));
    let speaks = |line: &String| line.starts_with("access-control-") || line.starts_with("vary: ");
    let mut all: Vec<String> = all.filter(speaks).collect();
    all.sort();
    all
}

fn answer(exchange: &mut Exchange, fields: &[(&str, &str)]) {
    let mut head = ResponseHead::new(Status::OK);
    for (name, value) in fields {
        head.fields_mut().add(name, value.as_bytes()).unwrap();
    }
    exchange.response = Some(Response::new(head, Body::Empty));
}

/// What a preflight from this origin gets.
fn preflight(policy: &Arc<dyn Policy>, origin: &str, more: &str) -> Vec<String> {
    let mut exchange = exchange(&format!(
        "OPTIONS /x HTTP/1.1\nHost: api\nOrigin: {origin}\nAccess-Control-Request-Method: PUT{more}"
    ));
    let Verdict::Answer(response) = now(policy.on_request(&mut exchange)) else {
        panic!("a preflight is answered at once");
    };
    assert!(response.head.status().code() == 204 && response.body.is_empty());
    let before = told(&response);
    // Answers of policies pass all policies on their way out.
    exchange.response = Some(*response);
    exchange.trail.decided_by(Decider { kind: "cors", at: "policies[0]".into() });
    assert!(matches!(now(policy.on_response(&mut exchange)), Verdict::Next));
    assert_eq!(told(exchange.response.as_ref().unwrap()), before, "it is said once");
    before
}

/// What is said in an answer of a service to a request with these fields.
fn actual(policy: &Arc<dyn Policy>, request: &str, service: &[(&str, &str)]) -> Vec<String> {
    let mut exchange = exchange(&format!("GET /x HTTP/1.1\nHost: api{request}"));
    assert!(matches!(now(policy.on_request(&mut exchange)), Verdict::Next));
    answer(&mut exchange, service);
    assert!(matches!(now(policy.on_response(&mut exchange)), Verdict::Next));
    let said = told(exchange.response.as_ref().unwrap());
    // A failure of the gateway says the same.
    answer(&mut exchange, service);
    policy.on_failure(&mut exchange);
    assert_eq!(told(exchange.response.as_ref().unwrap()), said);
    said
}

#[test]
fn preflights_are_answered_with_what_is_allowed() {
    let policy = compile::<Config>(
        "{origins: ['https://a.com'], methods: [GET, PUT], headers: [X-A, x-b], credentials: true, \
         max_age: 2h, expose: [X-C]}",
    )
    .unwrap();
    assert_eq!(
        preflight(&policy, "https://a.com", "\nAccess-Control-Request-Headers: x-a"),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: X-A, x-b",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-origin: https://a.com",
            "access-control-max-age: 7200",
            "vary: Origin, Access-Control-Request-Method",
        ]
    );
    // A browser refuses for want of the origin; nothing else is told.
    assert_eq!(
        preflight(&policy, "https://b.com", "\nAccess-Control-Request-Private-Network: true"),
        ["vary: Origin, Access-Control-Request-Method"]
    );
}

#[test]
fn everybody_gets_the_same_words() {
    let policy = compile::<Config>(
        "{origins: ['*'], methods: ['*'], headers: ['*', Authorization], max_age: off}",
    )
    .unwrap();
    assert_eq!(
        preflight(&policy, "https://a.com", "\nAccess-Control-Request-Headers: x-a"),
        [
            "access-control-allow-headers: *, Authorization",
            "access-control-allow-methods: *",
            "access-control-allow-origin: *",
            "access-control-max-age: 0",
            "vary: Access-Control-Request-Method",
        ]
    );
    // Also to those who say no origin, and without Vary: a cache may give it to anybody.
    for request in ["", "\nOrigin: https://a.com", "\nOrigin: null"] {
        assert_eq!(actual(&policy, request, &[]), ["access-control-allow-origin: *"], "{request}");
    }
}

/// With credentials a browser takes `*` for a name.
#[test]
fn with_credentials_what_is_asked_for_is_repeated() {
    let policy = |headers: &str| {
        compile::<Config>(&format!(
            "{{origins: ['https://a.com'], methods: ['*'], headers: {headers}, credentials: true}}"
        ))
        .unwrap()
    };
    let (any, named) = (policy("['*']"), policy("['*', authorization]"));
    let check = |policy, asked: &str, expect: Option<&str>| {
        let more = format!("\nAccess-Control-Request-Headers: {asked}");
        let said = preflight(policy, "https://a.com", &more);
        assert!(said.contains(&"access-control-allow-methods: PUT".to_owned()), "{said:?}");
        let vary = "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        assert!(said.contains(&vary.to_owned()), "{said:?}");
        let start = "access-control-allow-headers: ";
        let headers = said.iter().find_map(|line| line.strip_prefix(start));
        assert_eq!(headers, expect, "{asked}");
    };
    check(&any, "x-a,x-b", Some("x-a, x-b"));
    check(&any, "authorization", None);
    check(&any, "authorization,x-a", Some("x-a"));
    check(&named, "Authorization, x-a", Some("Authorization, x-a"));
    check(&any, "x-a, ,x-b", None);
    check(&any, "x a", None);
    check(&any, "x-a\nAccess-Control-Request-Headers: x-b", None);
    check(&any, &format!("x{}", ",x".repeat(2100)), None);
}

#[test]
fn answers_say_who_may_read_them() {
    let policy = compile::<Config>(
        "{origins: ['https://a.com', 'https://*.b.com'], expose: [X-C, X-D], credentials: true}",
    )
    .unwrap();
    let allowed = |origin: &str| {
        vec![
            "access-control-allow-credentials: true".to_owned(),
            format!("access-control-allow-origin: {origin}"),
            "access-control-expose-headers: X-C, X-D".to_owned(),
            "vary: Origin".to_owned(),
        ]
    };
    for origin in ["https://a.com", "https://x.b.com"] {
        let request = format!("\nOrigin: {origin}");
        assert_eq!(actual(&policy, &request, &[]), allowed(origin));
        // What the service says of it goes, whatever it is.
        let service = [
            ("Access-Control-Allow-Origin", "*"),
            ("access-control-allow-origin", "https://evil.org"),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "Secret"),
            ("Access-Control-Allow-Private-Network", "true"),
            ("Access-Control-Max-Age", "1"),
        ];
        assert_eq!(actual(&policy, &request, &service), allowed(origin));
    }
    // An answer without an origin depends on it as well.
    for request in ["", "\nOrigin: https://evil.org", "\nOrigin: null"] {
        assert_eq!(
            actual(&policy, request, &[("Access-Control-Allow-Origin", "*")]),
            ["vary: Origin"],
            "{request}"
        );
    }
}

#[test]
fn vary_is_said_once() {
    let policy = compile::<Config>("origins: ['https://a.com']").unwrap();
    let vary = |lines: &[&str]| {
        let service: Vec<_> = lines.iter().map(|line| ("Vary", *line)).collect();
        actual(&policy, "", &service)
    };
    assert_eq!(vary(&[]), ["vary: Origin"]);
    assert_eq!(vary(&["Accept-Encoding"]), ["vary: Accept-Encoding, Origin"]);
    assert_eq!(vary(&["Accept", "Cookie,"]), ["vary: Accept, Cookie, Origin"]);
    assert_eq!(vary(&["accept, ORIGIN"]), ["vary: accept, ORIGIN"]);
    assert_eq!(vary(&["Accept", "origin"]), ["vary: Accept", "vary: origin"]);
    assert_eq!(vary(&["*"]), ["vary: *"]);
    assert_eq!(vary(&["X-Origin"]), ["vary: X-Origin, Origin"]);
}

#[test]
fn attackers_are_no_listed_origins() {
    let policy = compile::<Config>(
        "{origins: ['https://a.com', 'https://*.b.com', 'http://c.com:8080'], credentials: true}",
    )
    .unwrap();
    let long = format!("https://{}.b.com", "x".repeat(4000));
    for origin in [
        "null",
        "",
        "*",
        "https://evila.com",
        "https://a.com.evil.org",
        "https://a.community",
        "https://x.a.com",
        "https://a.com:8443",
        "https://a.com:443",
        "http://a.com",
        "wss://a.com",
        "https://user@a.com",
        "https://a.com@evil.org",
        "https://A.com",
        "HTTPS://a.com",
        "https://a.com.",
        "https://a.com/",
        "https://a.com https://evil.org",
        "https://a.com, https://evil.org",
        "https://a%2ecom",
        "https://b.com",
        "https://evilb.com",
        "https://.b.com",
        "https://x.b.com.evil.org",
        "https://x.b.com:1",
        "https://evil.org/x.b.com",
        "https://evil.org#.b.com",
        "https://evil.org\\.b.com",
        "http://c.com",
        "http://c.com:80801",
        &long,
    ] {
        let said = preflight(&policy, origin, "");
        assert_eq!(said, ["vary: Origin, Access-Control-Request-Method"], "{origin}");
        assert_eq!(actual(&policy, &format!("\nOrigin: {origin}"), &[]), ["vary: Origin"]);
    }
    // `null` only where it is listed.
    let policy = compile::<Config>("origins: ['null']").unwrap();
    let said = actual(&policy, "\nOrigin: null", &[]);
    assert_eq!(said, ["access-control-allow-origin: null", "vary: Origin"]);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let policy = compile::<Config>("origins: ['https://a.com']").unwrap();
    for head in [
        "GET / HTTP/1.1\nHost: x\nOrigin: https://a.com\nOrigin: https://evil.org",
        "GET / HTTP/1.1\nHost: x\nOrigin: https://a.com\norigin: https://a.com",
        "OPTIONS / HTTP/1.1\nHost: x\nOrigin: https://a.com\nAccess-Control-Request-Method: GET\n\
         Access-Control-Request-Method: PUT",
    ] {
        let mut exchange = exchange(head);
        let Verdict::Fail(failure) = now(policy.on_request(&mut exchange)) else {
            panic!("{head} is not refused");
        };
        assert_eq!(failure.kind(), FailureKind::BadRequest);
    }
    let mut exchange =
        exchange("GET / HTTP/1.1\nHost: x\nOrigin: https://a.com\nOrigin: https://a.com");
    answer(&mut exchange, &[]);
    policy.on_failure(&mut exchange);
    assert_eq!(told(exchange.response.as_ref().unwrap()), ["vary: Origin"]);
}

#[test]
fn only_preflights_are_answered_here() {
    let policy = compile::<Config>("origins: ['https://a.com']").unwrap();
    for head in [
        "OPTIONS / HTTP/1.1\nHost: x",
        "OPTIONS / HTTP/1.1\nHost: x\nOrigin: https://a.com",
        "OPTIONS / HTTP/1.1\nHost: x\nAccess-Control-Request-Method: PUT",
        "GET / HTTP/1.1\nHost: x\nOrigin: https://a.com\nAccess-Control-Request-Method: PUT",
        "OPTIONS * HTTP/1.1\nHost: x",
    ] {
        let mut exchange = exchange(head);
        assert!(matches!(now(policy.on_request(&mut exchange)), Verdict::Next), "{head}");
    }
}

#[test]
fn private_networks_are_open_if_that_is_said() {
    let allowed = "access-control-allow-private-network: true".to_owned();
    for (config, asked, expect) in [
        ("private_network: true", "true", true),
        ("private_network: true", "TRUE", false),
        ("private_network: true", "true\nAccess-Control-Request-Private-Network: true", false),
        ("private_network: false", "true", false),
    ] {
        let policy =
            compile::<Config>(&format!("{{origins: ['https://a.com'], {config}}}")).unwrap();
        let more = format!("\nAccess-Control-Request-Private-Network: {asked}");
        let said = preflight(&policy, "https://a.com", &more);
        assert_eq!(said.contains(&allowed), expect, "{config} {asked}");
        assert!(!preflight(&policy, "https://a.com", "").contains(&allowed));
    }
}

/// The service may not be meant to see the origin; who may read is said all the same.
#[test]
fn an_origin_that_was_taken_out_is_remembered() {
    let policy = compile::<Config>("origins: ['https://a.com']").unwrap();
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x\nOrigin: https://a.com");
    assert!(matches!(now(policy.on_request(&mut exchange)), Verdict::Next));
    let fields = exchange.request.head.fields_mut();
    fields.set("Origin", b"https://inside").unwrap();
    answer(&mut exchange, &[]);
    assert!(matches!(now(policy.on_response(&mut exchange)), Verdict::Next));
    let said = told(exchange.response.as_ref().unwrap());
    assert_eq!(said, ["access-control-allow-origin: https://a.com", "vary: Origin"]);
}

#[test]
fn what_cannot_work_is_a_problem() {
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(|one| format!("'https://a{one}.com'")).collect();
        format!("origins: [{}]", all.join(", "))
    };
    assert!(compile::<Config>(&many(1000)).is_ok());
    let long = format!("{{origins: ['*'], headers: [{}]}}", "X-A-Long-Name, ".repeat(600));
    for (yaml, path) in [
        ("{}", "config.origins"),
        ("origins: []", "config.origins"),
        (&many(1001), "config.origins"),
        (&long, "config.headers"),
        ("origins: ['*', 'https://a.com']", "config.origins"),
        ("{origins: ['*'], credentials: true}", "config.origins"),
        ("{origins: ['https://a.com'], credentials: true, expose: ['*']}", "config.expose"),
        ("origins: ['https://a.com', 'https://a.com/']", "config.origins[1]"),
        ("origins: ['https://*']", "config.origins[0]"),
        ("origins: ['https://*a.com']", "config.origins[0]"),
        ("origins: ['https?://a.com']", "config.origins[0]"),
        ("origins: ['https://.*\\.a\\.com']", "config.origins[0]"),
        ("origins: ['a.com']", "config.origins[0]"),
        ("{origins: ['*'], methods: [get]}", "config.methods[0]"),
        ("{origins: ['*'], methods: ['G T']}", "config.methods[0]"),
        ("{origins: ['*'], headers: ['X A']}", "config.headers[0]"),
        ("{origins: ['*'], expose: [\"a\\r\\nb: c\"]}", "config.expose[0]"),
        ("{origins: ['*'], max_age: 25h}", "config.max_age"),
        ("{origins: ['*'], nonsense: 1}", "config"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}");
        assert!(report.has_errors());
    }
}

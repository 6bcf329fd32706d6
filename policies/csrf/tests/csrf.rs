//! What `csrf` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::rc::Rc;

use yumen_http::Forwarding;
use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{Exchange, FailureKind, Verdict};
use yumen_policy_csrf::Config;

fn passes(yaml: &str, exchange: &mut Exchange) -> bool {
    match now(compile::<Config>(yaml).unwrap().on_request(exchange)) {
        Verdict::Next => true,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Forbidden);
            assert!(failure.cause().is_some());
            false
        }
        other => panic!("{other:?}"),
    }
}

/// Whether a POST to `app.com` with these fields passes.
fn posts(yaml: &str, fields: &str) -> bool {
    passes(yaml, &mut exchange(&format!("POST /pay HTTP/1.1\nHost: app.com\n{fields}")))
}

#[test]
fn what_changes_nothing_passes() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let head = format!("{method} / HTTP/1.1\nHost: app.com\nSec-Fetch-Site: cross-site");
        assert!(passes("{}", &mut exchange(&head)), "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
        let head = format!("{method} / HTTP/1.1\nHost: app.com\nSec-Fetch-Site: cross-site");
        assert!(!passes("{}", &mut exchange(&head)), "{method}");
    }
}

#[test]
fn browsers_say_where_a_request_comes_from() {
    for (fields, expect) in [
        ("Sec-Fetch-Site: same-origin", true),
        ("Sec-Fetch-Site: none", true),
        // What the browser knows goes before what can be compared.
        ("Sec-Fetch-Site: same-origin\nOrigin: https://proxy-has-another-name.com", true),
        ("Sec-Fetch-Site: same-site\nOrigin: https://app.com", false),
        ("Sec-Fetch-Site: cross-site\nOrigin: https://app.com", false),
        ("Sec-Fetch-Site: same-site", false),
        ("Sec-Fetch-Site: cross-site", false),
        ("Sec-Fetch-Site: Same-Origin", false),
        ("Sec-Fetch-Site: ", false),
        ("Sec-Fetch-Site: something-new", false),
        ("Sec-Fetch-Site: same-origin\nSec-Fetch-Site: same-origin", false),
        ("Sec-Fetch-Site: same-origin\nsec-fetch-site: cross-site", false),
        ("Sec-Fetch-Site: same-origin\nOrigin: https://app.com\nOrigin: https://evil.org", false),
    ] {
        assert_eq!(posts("{}", fields), expect, "{fields}");
    }
}

#[test]
fn older_browsers_say_the_origin() {
    for (fields, expect) in [
        ("Origin: https://app.com", true),
        ("Origin: http://app.com", true),
        ("Origin: https://APP.com.", true),
        ("Origin: https://app.com:443", true),
        ("Origin: https://app.com:8443", false),
        ("Origin: https://app.com.evil.org", false),
        ("Origin: https://evilapp.com", false),
        ("Origin: https://sub.app.com", false),
        ("Origin: https://user@app.com", false),
        ("Origin: https://app.com/", false),
        ("Origin: ftp://app.com", false),
        ("Origin: chrome-extension://app.com", false),
        ("Origin: app.com", false),
        ("Origin: null", false),
        ("Origin: ", false),
        ("Origin: https://app.com\nOrigin: https://app.com", false),
    ] {
        assert_eq!(posts("{}", fields), expect, "{fields}");
    }
    let long = format!("Origin: https://app.com/{}", "x".repeat(4000));
    assert!(!posts("{}", &long));
    for (host, origin, expect) in [
        ("app.com:8443", "https://app.com:8443", true),
        ("app.com:8443", "https://app.com", false),
        ("app.com:443", "https://app.com", true),
        ("app.com:443", "http://app.com", false),
        ("[::1]:80", "http://[::1]", true),
    ] {
        let head = format!("POST / HTTP/1.1\nHost: {host}\nOrigin: {origin}");
        assert_eq!(passes("{}", &mut exchange(&head)), expect, "{host} {origin}");
    }
}

/// Whoever sits on the wire can put a page in clear text before a user.
#[test]
fn pages_in_clear_text_do_not_act_on_https() {
    for (origin, expect) in [("https://app.com", true), ("http://app.com", false)] {
        let mut exchange = exchange(&format!("POST / HTTP/1.1\nHost: app.com\nOrigin: {origin}"));
        Rc::make_mut(&mut exchange.client).forwarding =
            Forwarding::direct("192.0.2.1".into(), "https", false);
        assert_eq!(passes("{}", &mut exchange), expect, "{origin}");
    }
}

#[test]
fn a_trusted_proxy_tells_the_host() {
    let passes = |is_trusted: bool, origin: &str| {
        let mut exchange = exchange(&format!(
            "POST / HTTP/1.1\nHost: inside:8080\nX-Forwarded-Host: app.com\nOrigin: {origin}"
        ));
        if is_trusted {
            let client = Rc::make_mut(&mut exchange.client);
            let _address = client.forwarding.believe(&exchange.request.head, |_| true);
        }
        Forwarding::take_out(&mut exchange.request.head);
        passes("{}", &mut exchange)
    };
    assert!(passes(true, "https://app.com"));
    assert!(!passes(true, "http://inside:8080"));
    assert!(!passes(false, "https://app.com"));
    assert!(passes(false, "http://inside:8080"));
}

#[test]
fn other_origins_can_be_trusted() {
    let yaml = "trusted_origins: ['https://shop.org', 'https://*.app.com']";
    for (fields, expect) in [
        ("Sec-Fetch-Site: cross-site\nOrigin: https://shop.org", true),
        ("Sec-Fetch-Site: same-site\nOrigin: https://a.app.com", true),
        ("Sec-Fetch-Site: cross-site\nOrigin: https://evil.org", false),
        ("Sec-Fetch-Site: cross-site\nOrigin: https://shop.org.evil.org", false),
        ("Sec-Fetch-Site: cross-site", false),
        ("Origin: https://shop.org", true),
        ("Origin: http://shop.org", false),
        ("Origin: https://a.app.com:1", false),
        ("Origin: null", false),
    ] {
        assert_eq!(posts(yaml, fields), expect, "{fields}");
    }
}

#[test]
fn programs_say_nothing() {
    assert!(posts("{}", "Cookie: a=b"));
    assert!(posts("missing: allow", "Referer: https://evil.org/"));
    assert!(!posts("missing: refuse", "Referer: https://app.com/"));
    assert!(posts("missing: refuse", "Sec-Fetch-Site: none"));
    assert!(posts("missing: refuse", "Origin: https://app.com"));
}

#[test]
fn websockets_are_held_to_the_origin() {
    let opens = |yaml: &str, fields: &str| {
        passes(
            yaml,
            &mut exchange(&format!(
                "GET / HTTP/1.1\nHost: app.com\nConnection: upgrade\nUpgrade: websocket\n\
                 Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n{fields}"
            )),
        )
    };
    for (fields, expect) in [
        ("Origin: https://app.com", true),
        ("Origin: https://app.com\nSec-Fetch-Site: cross-site", true),
        ("Origin: https://evil.org", false),
        ("Origin: https://evil.org\nSec-Fetch-Site: same-origin", false),
        ("Origin: null", false),
        ("Sec-Fetch-Site: cross-site", false),
        ("X: y", true),
    ] {
        assert_eq!(opens("{}", fields), expect, "{fields}");
    }
    assert!(opens("trusted_origins: ['https://evil.org']", "Origin: https://evil.org"));
    assert!(!opens("missing: refuse", "X: y"));
}

#[test]
fn what_cannot_be_meant_is_a_problem() {
    let many: Vec<String> = (0..1001).map(|one| format!("'https://a{one}.com'")).collect();
    let many = format!("trusted_origins: [{}]", many.join(", "));
    for (yaml, path) in [
        ("trusted_origins: ['null']", "config.trusted_origins[0]"),
        ("trusted_origins: ['*']", "config.trusted_origins[0]"),
        ("trusted_origins: ['https://a.com', 'a.com']", "config.trusted_origins[1]"),
        (&many, "config.trusted_origins"),
        ("missing: pass", "config.missing"),
        ("tokens: true", "config"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}");
    }
}

//! What `referrer-restriction` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{FailureKind, Verdict};
use yumen_policy_referrer_restriction::Config;

fn passes(yaml: &str, fields: &str) -> bool {
    let mut exchange = exchange(&format!("GET /logo.png HTTP/1.1\nHost: cdn.com\n{fields}"));
    match now(compile::<Config>(yaml).unwrap().on_request(&mut exchange)) {
        Verdict::Next => true,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Forbidden);
            assert!(failure.cause().is_some());
            false
        }
        other => panic!("{other:?}"),
    }
}

const LIST: &str = "allow: [a.com, '*.b.com', 127.0.0.1]";

#[test]
fn pages_are_let_in_by_their_host() {
    for (fields, expect) in [
        ("Referer: https://a.com/page?x=y", true),
        ("Referer: http://A.com.:8080/", true),
        ("Referer: https://a.com", true),
        ("Referer: https://x.b.com/", true),
        ("Referer: https://y.x.b.com/", true),
        ("Referer: http://127.0.0.1:3000/", true),
        ("Origin: https://a.com", true),
        ("Origin: https://a.com\nReferer: https://x.b.com/", true),
        ("Origin: null\nReferer: https://a.com/", true),
        ("Referer: https://b.com/", false),
        ("Referer: https://x.a.com/", false),
        ("Referer: https://evila.com/", false),
        ("Referer: https://a.com.evil.org/", false),
        ("Referer: https://evil.org/https://a.com/", false),
        ("Referer: https://evil.org?a.com", false),
        ("Referer: https://evil.org#.b.com", false),
        ("Referer: https://a.com@evil.org/", false),
        ("Referer: https://user@a.com/", false),
        ("Referer: https://evil.org\\@a.com/", false),
        ("Referer: //a.com/", false),
        ("Referer: a.com", false),
        ("Referer: ", false),
        ("Referer: ftp://a.com/", false),
        ("Referer: https://a.com/\nReferer: https://a.com/", false),
        ("Origin: https://evil.org\nReferer: https://a.com/", false),
        ("Origin: https://a.com\nReferer: https://evil.org/", false),
        ("Origin: https://a.com\nOrigin: https://a.com", false),
    ] {
        assert_eq!(passes(LIST, fields), expect, "{fields}");
    }
    let long = format!("Referer: https://a.com.evil.org/{}", "https://a.com/".repeat(500));
    assert!(!passes(LIST, &long));
}

#[test]
fn whoever_says_nothing_passes_or_not() {
    let strict = &format!("{{{LIST}, missing: refuse}}");
    for fields in ["X: y", "Origin: null"] {
        assert!(passes(LIST, fields), "{fields}");
        assert!(!passes(strict, fields), "{fields}");
    }
    assert!(passes(strict, "Referer: https://a.com/"));
    assert!(passes(strict, "Origin: https://a.com"));
}

#[test]
fn what_is_no_host_is_a_problem() {
    let many: Vec<String> = (0..1001).map(|one| format!("a{one}.com")).collect();
    let many = format!("allow: [{}]", many.join(", "));
    for (yaml, path) in [
        ("{}", "config.allow"),
        ("missing: refuse", "config.allow"),
        (&many, "config.allow"),
        ("allow: [a.com, 'https://a.com']", "config.allow[1]"),
        ("allow: ['*']", "config.allow[0]"),
        ("allow: ['a.com:80']", "config.allow[0]"),
        ("allow: ['*a.com']", "config.allow[0]"),
        ("allow: ['A.com']", "config.allow[0]"),
        ("{allow: [a.com], deny: [b.com]}", "config"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}");
    }
}

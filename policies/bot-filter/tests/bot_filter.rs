//! What `bot-filter` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{FailureKind, Policy, Verdict};
use yumen_policy_bot_filter::Config;

fn passes(policy: &Arc<dyn Policy>, fields: &str) -> bool {
    match now(policy.on_request(&mut exchange(&format!("GET / HTTP/1.1\nHost: x\n{fields}")))) {
        Verdict::Next => true,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Forbidden);
            assert!(!failure.sentence().contains("denied"), "it is not told what to change");
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn programs_are_known_by_what_they_call_themselves() {
    let policy = compile::<Config>(
        "{allow: [Googlebot, '~ ^Mozilla/5\\.0 \\(compatible; bingbot/'], \
          deny: [bot, 'curl/', 'C++ (x.*)', '~ ^python-requests/[01]\\.', 'ä']}",
    )
    .unwrap();
    for (agent, expect) in [
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", true),
        ("SomeBOT/1.0", false),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", true),
        ("googlebot", true),
        ("Mozilla/5.0 (compatible; bingbot/2.0)", true),
        ("x Mozilla/5.0 (compatible; bingbot/2.0)", false),
        ("CURL/8.0", false),
        ("curl", true),
        ("c++ (X.*)", false),
        ("C++ (xyz)", true),
        ("Python-Requests/1.2", false),
        ("python-requests/2.31", true),
        ("my python-requests/1.2", true),
        ("ä", false),
        ("Ä", true),
    ] {
        assert_eq!(passes(&policy, &format!("User-Agent: {agent}")), expect, "{agent}");
    }
    let late = format!("User-Agent: {} curl/1", "x".repeat(8000));
    assert!(!passes(&policy, &late), "it is read to its end");
}

#[test]
fn whoever_says_nothing_passes_or_not() {
    for (yaml, expect) in [
        ("deny: [bot]", true),
        ("{deny: [bot], missing: allow}", true),
        ("{deny: [bot], missing: refuse}", false),
        ("missing: refuse", false),
        ("{allow: [a], deny: ['~ .'], missing: refuse}", false),
    ] {
        let policy = compile::<Config>(yaml).unwrap();
        for fields in ["X: y", "User-Agent: "] {
            assert_eq!(passes(&policy, fields), expect, "{yaml} {fields}");
        }
        assert!(!passes(&policy, "User-Agent: a\nUser-Agent: a"), "two names: {yaml}");
    }
    let only = compile::<Config>("{allow: [mine], deny: ['~ .']}").unwrap();
    assert!(passes(&only, "User-Agent: Mine/1") && !passes(&only, "User-Agent: other"));
}

/// A list costs the same whoever asks: nothing is tried again.
#[test]
fn a_thousand_patterns_are_looked_for_at_once() {
    let all: Vec<String> = (0..998).map(|one| format!("bot{one}x")).collect();
    let yaml = format!("deny: [{}, '~ (a+)+$', '~ (x|xx)*y']", all.join(", "));
    let policy = compile::<Config>(&yaml).unwrap();
    let agent = format!("User-Agent: {}!", "aaaa xx ".repeat(1000));
    let began = Instant::now();
    for _ in 0..20 {
        assert!(passes(&policy, &agent));
    }
    // A machine that tries again would still be at the first one.
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(!passes(&policy, "User-Agent: Bot997X"));
}

#[test]
fn what_cannot_be_meant_is_a_problem() {
    let many = format!("deny: [{}]", "a, ".repeat(1001));
    let long = format!("deny: [{}]", "a".repeat(1025));
    let large = format!("deny: [{}]", "'~ a{1000}', ".repeat(200));
    for (yaml, path) in [
        ("{}", "config"),
        ("allow: [a]", "config.allow"),
        (&many, "config.deny"),
        (&long, "config.deny[0]"),
        (&large, "config.deny"),
        ("deny: ['']", "config.deny[0]"),
        ("deny: [a, '~ (']", "config.deny[1]"),
        ("deny: ['~']", "config.deny[0]"),
        ("deny: ['~ .*']", "config.deny[0]"),
        ("deny: ['~ (?=a)']", "config.deny[0]"),
        ("{deny: [a], allow: ['~ a|']}", "config.allow[0]"),
        ("{deny: [a], missing: block}", "config.missing"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{yaml}");
    }
}

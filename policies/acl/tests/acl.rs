//! What `acl` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use yumen_directory::Consumer;
use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{FailureKind, Principal, Verdict};
use yumen_policy_acl::Config;

#[test]
fn consumers_are_let_in_as_written() {
    let consumer = |name: &str, groups: &[&str]| {
        let mut consumer = Consumer::named(name);
        consumer.groups = groups.iter().map(|one| Box::from(*one)).collect();
        Some(Arc::new(consumer))
    };
    let gold = || consumer("a", &["gold", "eu"]);
    for (yaml, consumer, welcome) in [
        ("allow: { groups: [gold] }", gold(), true),
        ("allow: { groups: [silver, eu] }", gold(), true),
        ("allow: { groups: [silver] }", gold(), false),
        ("allow: { groups: [Gold] }", gold(), false),
        ("allow: { groups: [gol] }", gold(), false),
        ("allow: { consumers: [a] }", gold(), true),
        ("allow: { consumers: [gold] }", gold(), false),
        ("{allow: { groups: [gold] }, deny: { consumers: [a] }}", gold(), false),
        ("deny: { groups: [banned] }", gold(), true),
        ("deny: { groups: [banned] }", consumer("b", &["banned"]), false),
        ("deny: { groups: [banned] }", None, true),
        ("{allow: { groups: [gold] }, deny: { groups: [banned] }}", None, false),
    ] {
        let policy = compile::<Config>(yaml).unwrap();
        let mut exchange = exchange("GET / HTTP/1.1\nHost: x");
        let name = consumer.as_ref().map(|one| one.name.to_string());
        exchange.principal = Some(Box::new(Principal::anonymous(consumer, "test")));
        match now(policy.on_request(&mut exchange)) {
            Verdict::Next => assert!(welcome, "{yaml} {name:?}"),
            Verdict::Fail(failure) => {
                assert!(!welcome, "{yaml} {name:?}");
                assert_eq!(failure.kind(), FailureKind::Forbidden);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_list_of_nobody_is_a_problem() {
    for yaml in ["{}", "allow: {}", "allow: { groups: [''] }", "deny: { users: [a] }"] {
        assert!(compile::<Config>(yaml).is_err(), "{yaml}");
    }
}

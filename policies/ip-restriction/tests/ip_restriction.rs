//! What `ip-restriction` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::rc::Rc;
use std::sync::Arc;

use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{FailureKind, Policy, Verdict};
use yumen_policy_ip_restriction::Config;

fn is_welcome(policy: &Arc<dyn Policy>, address: &str) -> bool {
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x");
    Rc::make_mut(&mut exchange.client).address = address.parse().unwrap();
    match now(policy.on_request(&mut exchange)) {
        Verdict::Next => true,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Forbidden);
            assert!(!failure.sentence().contains(address), "the answer tells nothing");
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn addresses_are_let_in_as_written() {
    for (yaml, inside, outside) in [
        (
            "allow: [10.0.0.0/8]",
            vec!["10.0.0.0", "10.255.255.255"],
            vec!["9.255.255.255", "11.0.0.0", "::1"],
        ),
        ("deny: [10.0.0.0/8]", vec!["9.9.9.9", "::1"], vec!["10.1.2.3", "::ffff:10.1.2.3"]),
        (
            "{allow: [10.0.0.0/8], deny: [10.1.0.0/16]}",
            vec!["10.2.0.0"],
            vec!["10.1.0.0", "10.1.255.255"],
        ),
        (
            "allow: [10.0.0.0/9, 10.128.0.0/9, 10.1.0.0/16]",
            vec!["10.200.0.1", "10.1.2.3"],
            vec!["11.0.0.1"],
        ),
        ("allow: ['2001:db8::/32']", vec!["2001:db8::1"], vec!["2001:db9::", "10.0.0.1"]),
        ("allow: [0.0.0.0/0]", vec!["255.255.255.255", "0.0.0.0"], vec!["::2"]),
    ] {
        let policy = compile::<Config>(yaml).unwrap();
        for address in inside {
            assert!(is_welcome(&policy, address), "{yaml}: {address}");
        }
        for address in outside {
            assert!(!is_welcome(&policy, address), "{yaml}: {address}");
        }
    }
}

#[test]
fn a_restriction_of_nobody_is_a_problem() {
    assert!(compile::<Config>("{}").is_err());
    assert!(compile::<Config>("allow: [nonsense]").is_err());
}

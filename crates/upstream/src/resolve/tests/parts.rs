//! The pure parts: rhythm, merging of answers, the hosts file, search domains.

use std::net::IpAddr;
use std::time::Duration;

use super::super::answer::{Answer, Found};
use super::super::hosts::Hosts;
use super::super::lookup::full_names;
use super::super::pace::{Pace, RETRY_MAX, RETRY_MIN, TTL_MAX, TTL_MIN};
use super::ips;
use crate::balance::random::Random;

/// A wait is never shorter than it should be and at most a tenth longer.
fn check_wait(wait: Duration, expect: Duration, seed: u64) {
    assert!(wait >= expect && wait <= expect.mul_f64(1.1), "seed {seed}: {wait:?} for {expect:?}");
}

#[test]
fn an_answer_is_kept_for_its_time_to_live_within_limits() {
    for seed in 0..1_000 {
        let mut pace = Pace::new(Random::new(seed));
        for (seconds, expect) in [
            (0, TTL_MIN),
            (1, TTL_MIN),
            (60, Duration::from_secs(60)),
            (300, TTL_MAX),
            (86_400, TTL_MAX),
        ] {
            check_wait(pace.after_answer(Duration::from_secs(seconds)), expect, seed);
        }
        check_wait(pace.after_answer(Duration::MAX), TTL_MAX, seed);
    }
}

#[test]
fn failures_are_tried_again_ever_more_slowly() {
    for seed in 0..1_000 {
        let mut pace = Pace::new(Random::new(seed));
        for expect in [1, 2, 4, 8, 10, 10, 10] {
            check_wait(pace.after_failure(), Duration::from_secs(expect), seed);
        }
        for _ in 0..100 {
            check_wait(pace.after_failure(), RETRY_MAX, seed);
        }
        assert_eq!(pace.failures(), 107);
        pace.after_answer(Duration::from_secs(5));
        check_wait(pace.after_failure(), RETRY_MIN, seed);
    }
}

/// Names that were added together drift apart.
#[test]
fn waits_differ_between_names() {
    let mut waits: Vec<Duration> = (0..100)
        .map(|seed| Pace::new(Random::new(seed)).after_answer(Duration::from_secs(60)))
        .collect();
    waits.sort_unstable();
    assert!(waits[90] - waits[10] > Duration::from_secs(3));
}

fn found(list: &[&str], ttl: u64) -> Found {
    Found::usable(ips(list).into_iter(), Duration::from_secs(ttl))
}

#[test]
fn answers_are_merged_with_what_was_known() {
    let known = ips(&["192.0.2.1", "2001:db8::1"]);
    let check = |v4: Found, v6: Found, expect: Result<(&[&str], u64, Option<&str>), &str>| {
        let merged = Answer { v4, v6 }.merge(&known);
        let merged = merged.map(|it| (it.addresses, it.ttl.as_secs(), it.error));
        let expect = expect
            .map(|(addresses, ttl, error)| (ips(addresses), ttl, error.map(str::to_owned)))
            .map_err(str::to_owned);
        assert_eq!(merged, expect);
    };
    let nothing = Found::Nothing("none");
    let failed = |what: &str| Found::Failed(what.to_owned());
    let v4 = || found(&["192.0.2.7", "192.0.2.3", "192.0.2.7"], 30);
    let v6 = || found(&["2001:db8::7"], 20);
    check(v4(), v6(), Ok((&["192.0.2.3", "192.0.2.7", "2001:db8::7"], 20, None)));
    check(v4(), nothing.clone(), Ok((&["192.0.2.3", "192.0.2.7"], 30, None)));
    check(nothing.clone(), v6(), Ok((&["2001:db8::7"], 20, None)));
    check(v4(), failed("six"), Ok((&["192.0.2.3", "192.0.2.7", "2001:db8::1"], 30, Some("six"))));
    check(failed("four"), v6(), Ok((&["192.0.2.1", "2001:db8::7"], 20, Some("four"))));
    check(nothing.clone(), nothing.clone(), Err("none"));
    check(failed("four"), failed("six"), Err("four"));
    check(nothing.clone(), failed("six"), Err("six"));
    check(failed("four"), nothing, Err("four"));
}

#[test]
fn addresses_that_lead_nowhere_are_left_out() {
    let blocked = ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1"];
    assert_eq!(found(&blocked, 9), Found::Nothing("no usable addresses"));
    let mixed = found(&["0.0.0.0", "192.0.2.1"], 9);
    assert_eq!(mixed, Found::Addresses(ips(&["192.0.2.1"]), Duration::from_secs(9)));
}

#[test]
fn hosts_files_are_read_as_the_system_reads_them() {
    let hosts = Hosts::parse(
        "\u{feff}\n# 192.0.2.9 commented\n192.0.2.1 One one.test # two\r\n2001:db8::1\tone\n\
         nonsense three\n192.0.2.4\n192.0.2.5 one",
    );
    let check = |name: &str, expect: Option<&[&str]>| {
        assert_eq!(hosts.find(name).map(<[IpAddr]>::to_vec), expect.map(ips), "{name}");
    };
    check("one", Some(&["192.0.2.1", "2001:db8::1", "192.0.2.5"]));
    check("one.test", Some(&["192.0.2.1"]));
    check("one.test.", Some(&["192.0.2.1"]));
    for name in ["two", "three", "commented", "test", ""] {
        check(name, None);
    }
}

#[test]
fn search_domains_are_tried_as_the_system_tries_them() {
    let search = ["ns.svc.test.", "svc.test."].map(|domain| domain.parse().unwrap());
    let check = |host: &str, dots: usize, expect: &[&str]| {
        let names = full_names(host, &search, dots).unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(names, expect, "{host}");
    };
    check("api", 1, &["api.ns.svc.test.", "api.svc.test.", "api."]);
    check("api.example", 1, &["api.example.", "api.example.ns.svc.test.", "api.example.svc.test."]);
    check("a.b", 5, &["a.b.ns.svc.test.", "a.b.svc.test.", "a.b."]);
    check("api.", 1, &["api."]);
    // With a search domain this would be longer than a name may be.
    let long = ["a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(63)].join(".");
    check(&long, 1, &[&format!("{long}.")]);
    assert!(full_names("..", &search, 1).is_err());
    assert!(full_names(&"a".repeat(64), &search, 1).is_err());
}

/// A name is tried in several domains: a failure in one may hide what is there.
#[test]
fn a_failure_outweighs_knowing_that_there_is_nothing() {
    let nothing = |reason| Answer { v4: Found::Nothing(reason), v6: Found::Nothing(reason) };
    let failed = |error: &str| Answer::failed(error.to_owned());
    let check = |first: Answer, later: Answer, expect: &str| {
        assert_eq!(first.then(later).merge(&[]), Err(expect.to_owned()));
    };
    check(nothing("one"), nothing("two"), "two");
    check(failed("one"), nothing("two"), "one");
    check(nothing("one"), failed("two"), "two");
    check(failed("one"), failed("two"), "two");
}

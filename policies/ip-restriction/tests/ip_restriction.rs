//! What `ip-restriction` promises.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test says what it expects"
)]

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::sync::Arc;

use ipnet::IpNet;
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
        ("allow: ['::/0']", vec!["255.255.255.255", "0.0.0.0", "::", "ffff::"], vec![]),
        ("allow: ['::/80']", vec!["::ffff:1.2.3.4", "1.2.3.4", "::1"], vec!["1::"]),
        (
            "allow: ['::ffff:10.0.0.0/104', '::fffe:0:0/96']",
            vec!["10.1.1.1", "::fffe:0:1"],
            vec!["11.0.0.0", "9.255.255.255", "::ffff:11.0.0.0", "::1:0:0:0"],
        ),
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

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\n', "\\n"))
}

#[test]
fn lists_have_a_network_in_each_line() {
    let list = quoted("# offices\n10.0.0.0/8\n\n  192.0.2.7   # one\n2001:db8::/32\n");
    let policy =
        compile::<Config>(&format!("{{ allow_list: {list}, deny: [10.6.0.0/16] }}")).unwrap();
    for (address, expect) in [
        ("10.1.1.1", true),
        ("10.6.1.1", false),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("2001:db8::1", true),
        ("::1", false),
    ] {
        assert_eq!(is_welcome(&policy, address), expect, "{address}");
    }
    let bad = quoted("10.0.0.0/8\nnonsense\n10.0.0.0/99\n1.2.3\n");
    let report = compile::<Config>(&format!("deny_list: {bad}")).unwrap_err();
    let told: Vec<&str> = report.problems().iter().map(|one| one.message.as_str()).collect();
    let expect = [
        "line 2: `nonsense` is no network",
        "line 3: `10.0.0.0/99` is no network",
        "line 4: `1.2.3` is no network",
    ];
    assert_eq!(told, expect);
    assert!(report.problems().iter().all(|one| one.path == "config.deny_list"));
}

/// A small generator with a seed (xorshift), so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> u128 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u128::from(self.0) << 64 | u128::from(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// What is in 100,000 networks, asked of a set of all of them for each length.
#[test]
fn a_hundred_thousand_networks_are_as_a_plain_reading_has_them() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut plain, mut text) = (HashSet::new(), String::new());
    let mut bases = Vec::new();
    for number in 0..100_000_u32 {
        let random = dice.number();
        let (address, width) = match number % 2 {
            0 => (IpAddr::V4(Ipv4Addr::from((random >> 96) as u32)), 32),
            _ => (IpAddr::V6(Ipv6Addr::from(random >> 16 | 0x2001 << 112)), 128),
        };
        let length = width / 2 + (random % u128::from(width / 2 + 1)) as u8;
        let network = IpNet::new(address, length).unwrap().trunc();
        text.push_str(&format!("{network}\n"));
        plain.insert(network);
        bases.push(address);
    }
    let policy = compile::<Config>(&format!("deny_list: {}", quoted(&text))).unwrap();
    let (mut inside, mut outside) = (0, 0);
    for (number, base) in bases.iter().enumerate().step_by(3) {
        // Some of them, their neighbours, and others.
        let step = dice.number() >> (number % 128);
        let address = match base {
            IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from(u32::from(*base) ^ (step as u32 & 0xff))),
            IpAddr::V6(base) => {
                IpAddr::V6(Ipv6Addr::from(u128::from(*base) ^ (step & 0xffff_ffff)))
            }
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let is_in =
            (0..=width).any(|length| plain.contains(&IpNet::new(address, length).unwrap().trunc()));
        assert_eq!(!is_welcome(&policy, &address.to_string()), is_in, "{address}");
        if is_in { inside += 1 } else { outside += 1 }
    }
    assert!(inside > 5000 && outside > 5000, "{inside} {outside}");
}

#[test]
fn a_restriction_of_nobody_is_a_problem() {
    assert!(compile::<Config>("allow_list: '# none'").is_err());
    assert!(compile::<Config>("deny_list: '# none'").is_err());
    assert!(compile::<Config>("{}").is_err());
    assert!(compile::<Config>("allow: [nonsense]").is_err());
}

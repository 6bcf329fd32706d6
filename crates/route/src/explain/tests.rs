use super::*;
use crate::asked::{asked, router};

const RULES: [&str; 9] = [
    "urgent priority=9 header.x-a=1",
    "exact host=a.example path=/x method=POST method=PUT",
    "source host=a.example path=/x source=10.0.0.0/8",
    "query host=a.example path=/x query.q~=[0-9]+",
    "won host=*.example path=/x",
    "late path=/*",
    "path host=a.example path=/y path=/z/*",
    "host host=b.example host=c.example",
    "absent priority=8 header.x-b?=false",
];

fn told(question: &str, count_max: usize) -> Vec<String> {
    let considered = router(&RULES).explain(&asked(question), count_max);
    let name = |one: &Considered| RULES[one.rule].split(' ').next().unwrap();
    considered.iter().map(|one| format!("{}: {}", name(one), one.verdict)).collect()
}

#[test]
fn each_rule_says_why_it_lost() {
    let expect = [
        "urgent: lost: match.headers.x-a: `2`, empty instead of `1`",
        "absent: lost: match.headers.x-b: `3` instead of none",
        "exact: lost: match.methods: `GET` instead of `POST` or `PUT`",
        "query: lost: match.query.q: `1a` instead of a match of `[0-9]+`",
        "source: lost: match.source: `127.0.0.1` instead of `10.0.0.0/8`",
        "won: won",
        "late: lost: a better rule had already won",
        "path: lost: match.paths: `/x` instead of `/y` or `/z/*`",
        "host: lost: match.hosts: `a.example` instead of `b.example` or `c.example`",
    ];
    assert_eq!(told("GET a.example/x?q=1a x-a:2 x-a: x-b:3", 99), expect);
}

#[test]
fn what_is_not_there_is_said_so() {
    let all = told("GET /", 99);
    assert_eq!(all[0], "urgent: lost: match.headers.x-a: not present instead of `1`");
    assert_eq!(all[1], "absent: won");
    assert!(all.iter().any(|one| one.contains("match.hosts: empty instead of")), "{all:?}");
}

#[test]
fn the_winner_is_told_however_little_is_asked_for() {
    let check = |count_max: usize, expect: &[&str]| {
        let told = told("GET a.example/x x-b:1", count_max);
        let names: Vec<_> = told.iter().map(|one| one.split(':').next().unwrap()).collect();
        assert_eq!(names, expect);
    };
    check(0, &[]);
    check(1, &["won"]);
    check(2, &["urgent", "won"]);
    check(6, &["urgent", "absent", "exact", "query", "source", "won"]);
    check(7, &["urgent", "absent", "exact", "query", "source", "won", "late"]);
    check(8, &["urgent", "absent", "exact", "query", "source", "won", "late", "path"]);
}

#[test]
fn long_lists_are_cut() {
    let hosts: Vec<_> = (0..20).map(|number| format!("host=h{number}")).collect();
    let router = router(&[&format!("a {}", hosts.join(" "))]);
    let told = router.explain(&asked("GET x/"), 1).remove(0).verdict.to_string();
    assert!(told.ends_with("`h6` or `h7` or one of 12 more"), "{told}");
}

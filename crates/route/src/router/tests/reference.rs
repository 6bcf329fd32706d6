//! Compares the router with a naive one that knows nothing of trees, on random rules and questions.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use regex_automata::meta::Regex;

use crate::{
    Condition, Lost, Question, Router, Rule, Verdict,
    asked::{Asked, asked, rule},
};

const SETS: u64 = 400;
const QUESTIONS: usize = 60;

/// Small pseudo-random numbers (xorshift64*), the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(rolled).unwrap() % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.below(place + 1));
        }
    }
}

fn random_path(dice: &mut Dice) -> String {
    let mut path = String::from("path=");
    for place in 0..dice.below(4) {
        match dice.below(3) {
            0 => path.push_str(&format!("/{{p{place}}}")),
            _ => path.push_str(dice.one(&["/a", "/b", "/ab"])),
        }
    }
    path.push_str(match dice.below(5) {
        0 => "/*",
        1 => "/{rest*}",
        2 => "/",
        _ if path.ends_with('=') => "/",
        _ => "",
    });
    path
}

fn random_rule(dice: &mut Dice, name: usize) -> Rule {
    const HOSTS: [&str; 7] =
        ["host=a.x", "host=b.a.x", "host=*.x", "host=*.a.x", "host=x", "host=*.b.a.x", "host=y"];
    const REGEXES: [&str; 9] = [
        "regex=/a/.*",
        "regex=/a/b|/b/a",
        "regex=/[ab]+",
        "regex=.*b",
        "regex=/a/b/.*",
        "regex=/(a|b)/?",
        "regex=/a",
        "regex=/ab/[^/]+",
        "regex=^/b/.*a$",
    ];
    const CONDITIONS: [&str; 10] = [
        "header.x-a=1",
        "header.X-a~=1|2",
        "header.x-b?=true",
        "header.x-b?=false",
        "query.q=1",
        "query.q~=[12]",
        "query.r?=true",
        "source=10.0.0.0/8",
        "source=10.1.0.0/16",
        "source=::/0",
    ];
    let mut text = format!("r{name:03}");
    let mut put = |word: &str| {
        // A name may only be given once.
        let key = word.split(['=', '~', '?']).next().unwrap().to_ascii_lowercase();
        if !key.contains('.') || !text.to_ascii_lowercase().contains(&format!(" {key}")) {
            text.push(' ');
            text.push_str(word);
        }
    };
    if dice.below(4) == 0 {
        put(dice.one(&["priority=1", "priority=-1"]));
    }
    for _ in 0..dice.below(3) {
        put(dice.one(&HOSTS));
    }
    for _ in 0..dice.below(4) {
        match dice.below(4) {
            0 => put(dice.one(&REGEXES)),
            _ => put(&random_path(dice)),
        }
    }
    for _ in 0..dice.below(3) / 2 * 2 {
        put(dice.one(&["method=GET", "method=POST", "method=PUT"]));
    }
    for _ in 0..dice.below(5) / 2 {
        put(dice.one(&CONDITIONS));
    }
    rule(&text)
}

fn random_question(dice: &mut Dice) -> Asked {
    let host = dice.one(&["a.x", "b.a.x", "c.a.x", "c.b.a.x", "x", "y", "", "z.x"]);
    let mut path = String::new();
    for _ in 0..dice.below(5) {
        path.push_str(dice.one(&["/a", "/b", "/ab", "/c"]));
    }
    if path.is_empty() || dice.below(4) == 0 {
        path.push('/');
    }
    let path = if dice.below(40) == 0 { "*".into() } else { path };
    let method = dice.one(&["GET", "POST", "PUT", "PATCH"]);
    let query = dice.one(&["", "", "?q=1", "?q=%32&r", "?r=1&q=3", "?"]);
    let headers = dice.one(&["", "", " x-a:1", " X-A:2 x-b:1", " x-a:3 x-a:1", " x-b:"]);
    let client = dice.one(&["", " from:10.1.0.1", " from:10.2.0.1", " from:::1"]);
    asked(&format!("{method} {host}{path}{query}{headers}{client}"))
}

/// Whether a rule matches with one of its hosts and one of its paths, and how it then stands.
fn standing(rule: &Rule, question: &Asked) -> Option<(i64, String, String, usize, String)> {
    let any = [String::new()];
    let hosts = if rule.hosts.is_empty() { &any[..] } else { &rule.hosts };
    let paths = if rule.paths.is_empty() { &any[..] } else { &rule.paths };
    let mut best = None;
    for host in hosts.iter().filter(|host| host_fits(host, &question.host)) {
        for path in paths.iter().filter(|path| path_fits(path, &question.path)) {
            let conditions = usize::from(!rule.methods.is_empty())
                + rule.headers.len()
                + rule.query.len()
                + usize::from(!rule.source.is_empty());
            let standing = (
                -i64::from(rule.priority),
                host_rank(host),
                path_rank(path),
                99 - conditions,
                rule.name.clone(),
            );
            best = Some(best.map_or(standing.clone(), |best: (_, _, _, _, _)| best.min(standing)));
        }
    }
    best.filter(|_| conditions_hold(rule, question))
}

fn host_fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.ends_with(&format!(".{parent}")),
        None => pattern.is_empty() || pattern == host,
    }
}

fn host_rank(pattern: &str) -> String {
    match pattern.strip_prefix("*.") {
        Some(parent) => format!("b{}", 9 - parent.split('.').count()),
        None if pattern.is_empty() => "c".into(),
        None => "a".into(),
    }
}

fn whole_matches(regex: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        let compile = || Regex::new(&format!("^(?:{regex})$")).unwrap();
        compiled.entry(regex.into()).or_insert_with(compile).is_match(text)
    })
}

fn path_fits(pattern: &str, path: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    if !path.starts_with('/') {
        return false;
    }
    if let Some(regex) = pattern.strip_prefix("~ ") {
        return whole_matches(regex, path);
    }
    let mut wanted: Vec<_> = pattern.split('/').skip(1).collect();
    let mut given: Vec<_> = path.split('/').skip(1).collect();
    if matches!(wanted.last(), Some(&("*" | "{rest*}"))) {
        wanted.pop();
        given.truncate(wanted.len());
    }
    wanted.len() == given.len()
        && wanted.iter().zip(&given).all(|(wanted, given)| {
            if wanted.starts_with('{') { !given.is_empty() } else { wanted == given }
        })
}

fn path_rank(pattern: &str) -> String {
    if pattern.is_empty() {
        return "e".into();
    }
    if let Some(regex) = pattern.strip_prefix("~ ") {
        return format!("c{:03}", 999 - regex.len());
    }
    let class = if pattern.ends_with('*') || pattern.ends_with("*}") {
        'd'
    } else if pattern.contains('{') {
        'b'
    } else {
        return "a".into();
    };
    let segments = pattern.split('/').skip(1).filter(|text| !text.contains('*'));
    let steps: String =
        segments.map(|text| if text.starts_with('{') { '1' } else { '0' }).collect();
    format!("{class}{steps}2")
}

fn conditions_hold(rule: &Rule, question: &Asked) -> bool {
    let fits = |condition: &Condition, values: &[String]| match condition {
        Condition::Exact(wanted) => values.contains(wanted),
        Condition::Regex(regex) => values.iter().any(|value| whole_matches(regex, value)),
        Condition::Present(wanted) => *wanted != values.is_empty(),
    };
    let headers = |name: &str| -> Vec<String> {
        let lines = question.headers.iter().filter(|line| line.0.eq_ignore_ascii_case(name));
        lines.map(|line| line.1.clone()).collect()
    };
    let query = |name: &str| -> Vec<String> {
        let query = question.query.clone().unwrap_or_default().replace("%32", "2");
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|pair| pair.0 == name).map(|pair| pair.1.to_owned()).collect()
    };
    (rule.methods.is_empty() || rule.methods.contains(&question.method))
        && rule.headers.iter().all(|(name, condition)| fits(condition, &headers(name)))
        && rule.query.iter().all(|(name, condition)| fits(condition, &query(name)))
        && (rule.source.is_empty()
            || rule.source.iter().any(|network| network.contains(&question.client())))
}

fn compare(rules: &[Rule], router: &Router, question: &Asked) -> Option<String> {
    let standings = rules
        .iter()
        .enumerate()
        .filter_map(|(place, rule)| standing(rule, question).map(|standing| (standing, place)));
    let mut standings: Vec<_> = standings.collect();
    standings.sort();
    let winner = standings.first().map(|(_, place)| *place);
    let found = router.find(question);
    assert_eq!(found.map(|found| found.rule), winner, "{question:?}\n{rules:#?}");

    let considered = router.explain(question, usize::MAX);
    let told: BTreeSet<_> = considered.iter().map(|one| one.rule).collect();
    assert_eq!((told.len(), considered.len()), (rules.len(), rules.len()));
    let matching = considered.iter().filter(|one| match &one.verdict {
        Verdict::Won => Some(one.rule) == winner,
        Verdict::Lost(Lost::Outranked { by }) => {
            assert_eq!(Some(*by), winner);
            true
        }
        Verdict::Lost(Lost::Differs { .. }) => false,
    });
    let matching: Vec<_> = matching.map(|one| one.rule).collect();
    let expect: Vec<_> = standings.iter().map(|(_, place)| *place).collect();
    assert_eq!(matching, expect, "{question:?}\n{rules:#?}");
    for count_max in [0, 1, 3] {
        let some = router.explain(question, count_max);
        assert_eq!(some.len(), count_max.min(rules.len()));
        let won = some.iter().any(|one| one.verdict == Verdict::Won);
        assert_eq!(won, winner.is_some() && count_max > 0);
    }
    winner.map(|place| rules[place].name.clone())
}

#[test]
fn the_router_agrees_with_a_naive_one() {
    let mut found = 0;
    for seed in 1..=SETS {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let count = 1 + dice.below(30);
        let rules: Vec<_> = (0..count).map(|name| random_rule(&mut dice, name)).collect();
        let mut shuffled = rules.clone();
        dice.shuffle(&mut shuffled);
        let router = Router::compile(rules.clone()).unwrap();
        let shuffled_router = Router::compile(shuffled.clone()).unwrap();
        for _ in 0..QUESTIONS {
            let question = random_question(&mut dice);
            let winner = compare(&rules, &router, &question);
            let again = shuffled_router.find(&question);
            assert_eq!(winner, again.map(|found| shuffled[found.rule].name.clone()), "{seed}");
            found += usize::from(winner.is_some());
        }
    }
    let asked = usize::try_from(SETS).unwrap() * QUESTIONS;
    assert!(found > asked / 3 && found < asked, "the questions are too hard or too easy: {found}");
}

use std::fmt::Write as _;

use super::*;
use crate::{
    Rule,
    asked::{asked, router, rule},
};

mod reference;

/// Asks with the rules in the written and in the reverse order: it must not matter.
fn check(rules: &[&str], question: &str, expect: Option<&str>) {
    let backwards: Vec<_> = rules.iter().rev().copied().collect();
    for rules in [rules, &backwards] {
        let found = router(rules).find(&asked(question));
        let name = found.map(|found| rules[found.rule].split(' ').next().unwrap());
        assert_eq!(name, expect, "{question} with {rules:?}");
    }
}

#[test]
fn nothing_is_found_without_rules() {
    check(&[], "GET a/", None);
    assert!(router(&[]).is_empty());
    assert_eq!(router(&["a"]).len(), 1);
}

#[test]
fn a_rule_without_anything_matches_everything() {
    for question in ["GET /", "GET a/b?c", "OPTIONS *", "PROPFIND a/b from:::1"] {
        check(&["all"], question, Some("all"));
    }
}

#[test]
fn paths_match_as_written() {
    let check = |path: &str, asked: &str, expect: bool| {
        let rule = format!("r {path}");
        check(&[&rule], &format!("GET h{asked}"), expect.then_some("r"));
    };
    check("path=/", "/", true);
    check("path=/", "/a", false);
    check("path=/a/b", "/a/b", true);
    check("path=/a/b", "/a/b/", false);
    check("path=/a/b", "/a/B", false);
    check("path=/a/b/", "/a/b", false);
    check("path=/a/b/", "/a/b/", true);
    check("path=/a/b", "/a", false);
    check("path=/a/b", "/a/b/c", false);
    check("path=/%C3%A9", "/%C3%A9", true);
    check("path=/a/*", "/a", true);
    check("path=/a/*", "/a/", true);
    check("path=/a/*", "/a/b/c/", true);
    check("path=/a/*", "/ab", false);
    check("path=/a/*", "/", false);
    check("path=/*", "/", true);
    check("path=/*", "/a/b", true);
    check("path=/*", "*", false);
    check("path=/{rest*}", "*", false);
    check("regex=.*", "*", false);
    check("path=/a/{id}", "/a/7", true);
    check("path=/a/{id}", "/a/", false);
    check("path=/a/{id}", "/a", false);
    check("path=/a/{id}", "/a/7/", false);
    check("path=/a/{id}/", "/a/7/", true);
    check("path=/{x}/b/{y}", "/a/b/c", true);
    check("path=/{x}/b/{y}", "/a/c/c", false);
    check("path=/a/{rest*}", "/a", true);
    check("path=/a/{rest*}", "/a/b/c", true);
    check("path=/a/{rest*}", "/ab", false);
    check("path=/a/{id}/*", "/a", false);
    check("path=/a/{id}/*", "/a/", false);
    check("path=/a/{id}/*", "/a/7", true);
    check("path=/a/{id}/*", "/a/7/b", true);
    check(r"regex=/a/\d+", "/a/12", true);
    check(r"regex=/a/\d+", "/a/12/", false);
    check(r"regex=/a/\d+", "/x/a/12", false);
    check(r"regex=/a/b/?", "/a/b", true);
    check(r"regex=/a/b/?", "/a/b/", true);
    check(r"regex=/a(/b)?", "/a", true);
    check(r"regex=.*\.php", "/a/b.php", true);
    check(r"regex=/[a-z]+/.*", "/abc/d/e", true);
}

#[test]
fn hosts_match_as_written() {
    let check = |host: &str, asked: &str, expect: bool| {
        let rule = format!("r host={host}");
        check(&[&rule], &format!("GET {asked}/"), expect.then_some("r"));
    };
    check("a.example", "a.example", true);
    check("A.Example", "a.example", true);
    check("a.example", "b.example", false);
    check("a.example", "", false);
    check("*.example", "a.example", true);
    check("*.example", "b.a.example", true);
    check("*.example", "example", false);
    check("*.example", ".example", false);
    check("*.example", "aexample", false);
    check("*.example", "", false);
    check("*.b.example", "a.example", false);
    check("[0::1]", "[::1]", true);
}

#[test]
fn conditions_must_all_hold() {
    let check = |conditions: &str, asked: &str, expect: bool| {
        let rule = format!("r {conditions}");
        check(&[&rule], asked, expect.then_some("r"));
    };
    check("method=GET", "GET /", true);
    check("method=GET", "HEAD /", false);
    check("method=GET", "get /", false);
    check("method=GET method=POST", "POST /", true);
    check("header.X-A=1", "GET / x-a:1", true);
    check("header.x-a=1", "GET / X-A:2 X-a:1", true);
    check("header.x-a=1", "GET / x-a:2", false);
    check("header.x-a=1", "GET /", false);
    check("header.x-a~=v[0-9]+", "GET / x-a:v12", true);
    check("header.x-a~=v[0-9]+", "GET / x-a:v12b", false);
    check("header.x-a?=true", "GET / x-a:", true);
    check("header.x-a?=false", "GET / x-a:", false);
    check("header.x-a?=false", "GET /", true);
    check("header.x-a=1 header.x-b=2", "GET / x-a:1 x-b:2", true);
    check("header.x-a=1 header.x-b=2", "GET / x-a:1", false);
    check("query.a=1", "GET /?b=2&a=1", true);
    check("query.a=1", "GET /?A=1", false);
    check("query.a=1", "GET /", false);
    check("query.a=é", "GET /?%61=%C3%A9", true);
    check("query.a?=true", "GET /?a", true);
    check("query.a?=false", "GET /?b", true);
    check("query.a~=x.*", "GET /?a=%78yz", true);
    check("source=10.0.0.0/8", "GET / from:10.1.2.3", true);
    check("source=10.0.0.0/8", "GET / from:::ffff:10.1.2.3", true);
    check("source=10.0.0.0/8", "GET / from:11.1.2.3", false);
    check("method=GET header.x-a=1 query.a=1", "GET /?a=1 x-a:1", true);
    check("method=GET header.x-a=1 query.a=1", "POST /?a=1 x-a:1", false);
}

#[test]
fn the_better_rule_wins() {
    let better = [
        // Priority before all else.
        ("priority=1", "priority=0 host=a.example path=/x/y"),
        ("path=/x/y", "priority=-1 host=a.example path=/x/y"),
        // Host.
        ("host=a.example", "host=*.example path=/x/y method=GET"),
        ("host=a.example path=/*", "path=/x/y"),
        ("host=*.example", "path=/x/y"),
        // Path class.
        ("path=/x/y", "path=/x/{p} method=GET"),
        ("path=/{p}/{q}", "regex=/x/y method=GET"),
        ("regex=/.*", "path=/x/y/* method=GET"),
        ("path=/*", "method=GET"),
        // Segment by segment.
        ("path=/x/{p}", "path=/{p}/y method=GET"),
        ("path=/x/{p}", "path=/{p}/{q}"),
        ("path=/x/*", "path=/{p}/y/* method=GET"),
        ("path=/x/y/*", "path=/x/* method=GET"),
        ("path=/x/{p}/*", "path=/x/* method=GET"),
        ("path=/x/{p}/{rest*}", "path=/x/{rest*} method=GET"),
        ("path=/x/y/*", "path=/x/{p}/*"),
        // Regex by length.
        ("regex=/x/[a-z]", "regex=/x/.* method=GET"),
        // Conditions.
        ("path=/x/y method=GET", "path=/x/y"),
        ("method=GET header.x-a=1", "method=GET method=POST"),
        ("header.x-a=1 query.a=1", "header.x-a=1"),
        ("source=127.0.0.0/8 method=GET", "source=127.0.0.1/32"),
    ];
    for (winner, loser) in better {
        // The names are against the winner.
        let rules = [format!("b {winner}"), format!("a {loser}")];
        let rules = rules.each_ref().map(String::as_str);
        check(&rules, "GET a.example/x/y?a=1 x-a:1", Some("b"));
    }
    check(&["a", "b"], "GET a/", Some("a"));
    check(&["a path=/x", "B path=/x"], "GET a/x", Some("B"));
    check(&["z host=*.b.c", "a host=*.c path=/x"], "GET a.b.c/x", Some("z"));
    check(&["b path=/x/{p} path=/y", "a path=/{p}/y path=/q"], "GET h/x/y", Some("b"));
}

#[test]
fn a_rule_that_fails_leaves_the_request_to_the_next() {
    let rules = [
        "exact host=a.example path=/x method=POST",
        "below host=*.example path=/x header.x-a=1",
        "prefix host=*.example path=/y/*",
        "template path=/{p} method=GET",
        "regex regex=/.*z method=GET",
        "longer regex=/.*/z.* method=PUT",
        "rest path=/*",
        "any method=OPTIONS",
    ];
    check(&rules, "POST a.example/x", Some("exact"));
    check(&rules, "GET a.example/x x-a:1", Some("below"));
    check(&rules, "GET a.example/x", Some("template"));
    check(&rules, "PUT a.example/x", Some("rest"));
    check(&rules, "GET a.example/y", Some("prefix"));
    check(&rules, "GET b/y/z", Some("regex"));
    check(&rules, "PUT b/y/z", Some("longer"));
    check(&rules, "DELETE b/y/z", Some("rest"));
    check(&rules, "OPTIONS a.example*", Some("any"));
    check(&rules, "GET a.example*", None);
}

#[test]
fn the_walk_in_the_guide_is_right() {
    let rules = [
        "orders-write host=api.example.com path=/orders/* method=POST method=PUT",
        "orders host=api.example.com path=/orders/{id}",
        "site host=*.example.com path=/*",
        "rest",
    ];
    check(&rules, "GET api.example.com/orders/7", Some("orders"));
    check(&rules, "POST api.example.com/orders/7", Some("orders"));
    check(&rules, "POST api.example.com/orders/7/items", Some("orders-write"));
    check(&rules, "GET api.example.com/orders/7/items", Some("site"));
    check(&rules, "GET example.com/", Some("rest"));
}

#[test]
fn backtracking_finds_the_parameter_behind_a_literal() {
    let rules = ["a path=/x/y/z", "b path=/x/{p}/q", "c path=/{p}/y/{q}/r"];
    check(&rules, "GET h/x/y/z", Some("a"));
    check(&rules, "GET h/x/y/q", Some("b"));
    check(&rules, "GET h/x/y/q/r", Some("c"));
    check(&rules, "GET h/x/y", None);
}

#[test]
fn parameters_belong_to_the_path_that_won() {
    let router = router(&["a path=/{x}/b path=/a/{y}/{rest*}", "b path=/a/*"]);
    let check = |path: &str, expect: &[(&str, &str)]| {
        let found = router.find(&asked(&format!("GET h{path}"))).unwrap();
        let parameters = router.parameters(found, path.as_bytes());
        let values: Vec<_> =
            parameters.iter().map(|(name, value)| (name, str::from_utf8(value).unwrap())).collect();
        assert_eq!(values, expect, "{path}");
    };
    check("/a/b", &[("x", "a")]);
    check("/a/c", &[("y", "c"), ("rest", "")]);
    check("/a/c/d/e", &[("y", "c"), ("rest", "d/e")]);
    check("/a", &[]);
}

#[test]
fn odd_questions_are_answered() {
    let router = router(&["a path=/a/*", "b host=*.b", "c regex=/c/.*", "d query.a=1"]);
    for path in ["", "a", "//", "//a", "/a//", "/\u{ff}", "*"] {
        for host in ["", ".", "..", ".b", "a..b", "b."] {
            let mut question = asked("GET /?&&=&%&a=%");
            question.path = path.into();
            question.host = host.into();
            let found = router.find(&question).map(|found| found.rule);
            let won = router
                .explain(&question, 9)
                .iter()
                .position(|one| one.verdict == crate::Verdict::Won && Some(one.rule) == found);
            assert_eq!(won.is_some(), found.is_some(), "{host} {path}");
        }
    }
}

#[test]
fn many_regexes_on_one_node_are_told_apart() {
    let rules: Vec<_> =
        (0..300).map(|number| rule(&format!("r{number} regex=/a/[0-9]+/{number}"))).collect();
    let router = Router::compile(rules).unwrap();
    for number in [0, 7, 63, 64, 128, 299] {
        let question = asked(&format!("GET h/a/42/{number}"));
        assert_eq!(router.find(&question).map(|found| found.rule), Some(number));
    }
    assert_eq!(router.find(&asked("GET h/a/42/300")), None);
}

/// The rules of a large installation: literals, templates, prefixes and methods, on some hosts.
fn many(count: usize) -> Vec<Rule> {
    let mut text = String::new();
    let rules = (0..count).map(|number| {
        text.clear();
        write!(text, "r{number} host=h{}.example path=/api/v1/service{number}", number % 100)
            .unwrap();
        text.push_str(["/items", "/items/{id}", "/*", "/items/{id} method=GET"][number % 4]);
        rule(&text)
    });
    rules.collect()
}

#[test]
fn a_hundred_thousand_rules_are_found() {
    const COUNT: usize = 100_000;
    let router = Router::compile(many(COUNT)).unwrap();
    for number in (0..COUNT).step_by(37) {
        let path = ["/items", "/items/12345", "/a/b/c", "/items/12345"][number % 4];
        let target = format!("h{}.example/api/v1/service{number}{path}", number % 100);
        let found = router.find(&asked(&format!("GET {target}")));
        assert_eq!(found.map(|found| found.rule), Some(number), "{target}");
        assert_eq!(router.find(&asked(&format!("GET x{target}"))), None);
    }
}

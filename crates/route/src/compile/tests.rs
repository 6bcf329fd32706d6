use super::*;
use crate::asked::rule;

#[test]
fn every_problem_is_named_with_its_place() {
    let mut wrong =
        rule("b host=ok host=*.a.*.b path=/ok path=x path=//y/%7e method=GET method=get");
    wrong.headers = vec![
        ("x a".into(), Condition::Present(true)),
        ("x-b".into(), Condition::Regex("(".into())),
        ("x-c".into(), Condition::Exact(" v".into())),
        ("x-d".into(), Condition::Exact("1".into())),
        ("X-D".into(), Condition::Exact("2".into())),
    ];
    wrong.query = vec![
        ("q".into(), Condition::Regex("a{1000}{1000}".into())),
        ("r".into(), Condition::Present(true)),
        ("r".into(), Condition::Present(false)),
    ];
    wrong.source = vec!["10.0.0.1/8".parse().unwrap()];
    let problems = Router::compile(vec![rule("a"), wrong, rule("a path=/{x}/{x}")]).unwrap_err();
    let places: Vec<_> = problems.iter().map(|one| (one.rule, one.key.as_str())).collect();
    let expect = [
        (1, "match.hosts[1]"),
        (1, "match.methods[1]"),
        (1, "match.source[0]"),
        (1, "match.headers.x a"),
        (1, "match.headers.x-c.exact"),
        (1, "match.headers.x-b.regex"),
        (1, "match.headers.X-D"),
        (1, "match.query.q.regex"),
        (1, "match.query.r"),
        (1, "match.paths[1]"),
        (1, "match.paths[2]"),
        (1, "match.paths[2]"),
        (2, "match.paths[0]"),
        (2, "name"),
    ];
    assert_eq!(places, expect);
    assert!(problems.iter().all(|one| !one.message.is_empty() && !one.hint.is_empty()));
}

#[test]
fn problems_say_what_would_be_right() {
    let check = |text: &str, expect: &str| {
        let problems = Router::compile(vec![rule(text)]).unwrap_err();
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, [expect]);
    };
    check(
        "a method=get",
        "rule 0: match.methods[0]: methods are written in capitals, as they are sent; write `GET`",
    );
    check(
        "a source=10.0.0.1/8",
        "rule 0: match.source[0]: `10.0.0.1/8` names an address inside a network; \
         write `10.0.0.0/8` for the network or `10.0.0.1` for the one address",
    );
    check(
        "a path=/%7euser",
        "rule 0: match.paths[0]: `%7euser` is not in canonical form and would never match; \
         write `~user`",
    );
    check(
        "a host=*",
        "rule 0: match.hosts[0]: `*` is not a host name; leave `hosts` out to match every host",
    );
}

#[test]
fn the_combinations_of_one_rule_are_bounded() {
    let mut wide = rule("a");
    wide.hosts = (0..300).map(|number| format!("h{number}")).collect();
    wide.paths = (0..300).map(|number| format!("/p{number}")).collect();
    let problems = Router::compile(vec![wide.clone()]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("90000"), "{}", problems[0]);
    wide.paths.truncate(200);
    assert!(Router::compile(vec![wide]).is_ok());
}

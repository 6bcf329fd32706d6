//! What is told of expressions that cannot be meant, and what becomes of those that can.

use std::path::Path;
use std::{env, fs};

use crate::constant::Constant;
use crate::limits::{PROBLEMS_MAX, REGEX_PROGRAM_BYTES_MAX, REGEX_PROGRAMS_BYTES_MAX};
use crate::node::Work;
use crate::testing::{evaluated, problems, schema};
use crate::{Condition, Expression, Schema, Type};

/// Each expression of the golden file stands behind `> `; what is told of it follows it.
/// `YUMEN_BLESS=1` writes that anew.
#[test]
fn problems_say_what_where_and_what_would_be_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/problems.txt");
    let expected = fs::read_to_string(&file).unwrap();
    let mut actual = String::new();
    for line in expected.lines().filter(|line| !line.starts_with("at byte")) {
        actual.push_str(&format!("{line}\n"));
        if let Some(source) = line.strip_prefix("> ") {
            let told = problems(source);
            assert!(!told.is_empty(), "nothing is told of {source}");
            actual.push_str(&told);
        }
    }
    if env::var_os("YUMEN_BLESS").is_some() {
        fs::write(&file, &actual).unwrap();
    }
    assert_eq!(actual, fs::read_to_string(&file).unwrap());
}

#[test]
fn a_schema_without_names_is_no_trouble() {
    let problems = Condition::compile("a", &Schema::<u8>::default()).unwrap_err();
    assert_eq!(problems[0].to_string(), "at byte 0: there is no name `a`");
}

#[test]
fn the_longest_name_counts() {
    let schema = Schema::default()
        .with("a", Type::map(Type::Int), 1)
        .with("a.b", Type::map(Type::String), 2)
        .with("a.b.c", Type::Bool, 3);
    let keys = |source: &str| {
        let expression = Expression::compile(source, &schema).unwrap();
        (expression.keys().to_vec(), expression.is().to_string())
    };
    assert_eq!(keys("a.x"), (vec![1], "int".to_owned()));
    assert_eq!(keys("a.b"), (vec![2], "map(string, string)".to_owned()));
    assert_eq!(keys("a.b.x"), (vec![2], "string".to_owned()));
    assert_eq!(keys("a.b.c"), (vec![3], "bool".to_owned()));
    assert_eq!(keys("a['b']"), (vec![1], "int".to_owned()));
}

#[test]
fn patterns_are_bounded_one_by_one_and_together() {
    let large =
        format!("the regular expression compiles to more than {REGEX_PROGRAM_BYTES_MAX} bytes");
    let told = problems("request.path.matches('[a-z]{1,100000}')");
    assert!(told.contains(&large), "{told}");
    let large = format!(
        "the regular expressions compile to more than {REGEX_PROGRAMS_BYTES_MAX} bytes together"
    );
    let many = vec!["request.path.matches('[a-z]{1,400}')"; 100].join(" || ");
    let told = problems(&many);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains(&large), "{told}");
}

#[test]
fn only_so_many_problems_are_told() {
    let many = vec!["request.metod == ''"; PROBLEMS_MAX + 5].join(" && ");
    assert_eq!(problems(&many).lines().count(), PROBLEMS_MAX);
}

#[test]
fn what_is_constant_is_computed_once() {
    let constant = |source: &str| {
        let tree = crate::parser::parse(source).unwrap();
        let schema = schema();
        let mut checker = super::Checker::new(&schema.names);
        let checked = checker.check(&tree);
        checker.finish().unwrap();
        checked.node.constant().cloned()
    };
    assert_eq!(constant("1 + 2 * 3"), Some(Constant::Int(7)));
    assert_eq!(constant("!(1 > 2 || false) && [1] == [1]"), Some(Constant::Bool(true)));
    assert_eq!(constant("'a' + 'b'.upperAscii()"), Some(Constant::String(b"aB".as_slice().into())));
    assert_eq!(constant("true ? -(5) : 6"), Some(Constant::Int(-5)));
    assert_eq!(constant("{'a': [1, 2]}['a'][1]"), Some(Constant::Int(2)));
    assert_eq!(constant("'abc'.matches('b')"), Some(Constant::Bool(true)));
    assert!(matches!(constant("cidr('10.0.0.0/8')"), Some(Constant::Cidr(_))));
    assert!(matches!(constant("ip('10.0.0.1')"), Some(Constant::Ip(_))));
    assert!(matches!(constant("duration('1s') + duration('1s')"), Some(Constant::Duration(_))));
    assert!(matches!(constant("timestamp(5)"), Some(Constant::Timestamp(_))));
    assert!(matches!(constant("{'a': 1}"), Some(Constant::Map(_))));
    assert!(matches!(constant("[b'a', b'b']"), Some(Constant::List(_))));
    assert_eq!(constant("request.path == ''"), None);
    assert_eq!(constant("[request.path]"), None);
}

#[test]
fn a_list_of_words_is_sorted_once() {
    let tree = crate::parser::parse("request.method in ['b', 'c', 'a', 'b']").unwrap();
    let schema = schema();
    let mut checker = super::Checker::new(&schema.names);
    let checked = checker.check(&tree);
    let Work::OneOf(_, words) = &checked.node.work else { panic!("{:?}", checked.node) };
    assert_eq!(words.concat(), b"abbc");
    let many: Vec<String> = (0..1_000).map(|number| format!("'w{number}'")).collect();
    let many = many.join(", ");
    assert_eq!(evaluated(&format!("request.method in [{many}]")), "false");
    assert_eq!(evaluated(&format!("request.method in [{many}, 'GET']")), "true");
}

#[test]
fn types_are_told() {
    let check = |source: &str, expect: &str| {
        let expression = Expression::compile(source, &schema()).unwrap();
        assert_eq!(expression.is().to_string(), expect, "{source}");
    };
    check("[]", "list(dyn)");
    check("[[1], []]", "list(list(dyn))");
    check("[client.roles]", "list(list(string))");
    check("{'a': [1]}", "map(string, list(int))");
    check("client.claims.name", "dyn");
    check("client.claims.name + 1", "dyn");
    check("client.claims.name == 1", "bool");
    check("true ? [1] : []", "list(dyn)");
    check("client.roles.map(x, x.size())", "list(int)");
    check("client.roles.filter(x, true)", "list(string)");
    check("request.headers.map(x, request.headers[x])", "list(string)");
    check("began - began", "duration");
    check("null", "null");
}

#[test]
fn what_is_constant_does_not_grow() {
    let many = format!("'{}'", "a".repeat(200));
    let check = |source: &str, expect: &str| {
        assert_eq!(evaluated(source), expect, "{source}");
    };
    check(
        &format!("{many}.replace('a', {many}).replace('a', {many}) == ''"),
        "at byte 203: this makes more than 16384 bytes",
    );
    check(&format!("({many} + {many}).size()"), "400");
    check(&format!("{many}.split('').size()"), "200");
}

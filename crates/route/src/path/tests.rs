use super::*;

#[test]
fn paths_fall_into_classes() {
    let check = |text: &str, expect: PathClass| {
        assert_eq!(PathPattern::parse(text).unwrap().class(), expect, "{text}");
    };
    use Step::{End as E, Literal as L, Parameter as P};
    check("/", PathClass::Exact);
    check("/a/b/", PathClass::Exact);
    check("/a/%2A;v=1", PathClass::Exact);
    check("/a/{id}", PathClass::Template(vec![L, P, E]));
    check("/{id}/", PathClass::Template(vec![P, L, E]));
    check("/*", PathClass::Prefix(vec![E]));
    check("/a/*", PathClass::Prefix(vec![L, E]));
    check("/a/{id}/{rest*}", PathClass::Prefix(vec![L, P, E]));
    check(r"~ /\d", PathClass::Regex(Reverse(3)));
}

#[test]
fn wrong_paths_are_refused_with_the_right_one() {
    let check = |text: &str, message: &str, hint: &str| {
        let faults = PathPattern::parse(text).unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
        assert!(fault.message.contains(message), "{text}: {fault}");
        assert!(fault.hint.contains(hint), "{text}: {fault}");
    };
    check("", "start with `/`", "`/`");
    check("a/b", "start with `/`", "`/a/b`");
    check("^/a", "start with `/`", "`~ ^/a`");
    check("*", "start with `/`", "");
    check("/a//b", "empty segment", "single");
    check("//", "empty segment", "single");
    check("/a/../b", "dot segment `..`", "");
    check("/a/.", "dot segment `.`", "");
    check("/a?b", "`?`", "query");
    check("/a#b", "`#`", "");
    check("/a/%7euser", "canonical", "`~user`");
    check("/%c3%a9", "canonical", "`%C3%A9`");
    check("/é", "canonical", "`%C3%A9`");
    check("/a b", "canonical", "`a%20b`");
    check("/100%", "canonical", "`100%25`");
    check("/%2e%2E", "canonical", "`..`");
    check("/a\\b", "are refused", "");
    check("/a%2Fb", "are refused", "");
    check("/a%5cb", "are refused", "");
    check("/a%00", "are refused", "");
    check("/%FF", "are refused", "");
    check("/..;x", "are refused", "");
    check("/a*", "in part a wildcard", "/a/*");
    check("/a/*/b", "before the end", "{id}");
    check("/{rest*}/b", "before the end", "{id}");
    check("/v{n}", "in part a parameter", "whole segment");
    check("/{id", "in part a parameter", "whole segment");
    check("/{a}{b}", "not a name", "");
    check("/{}", "not a name", "letter");
    check("/{*}", "not a name", "letter");
    check("/{1a}", "not a name", "letter");
    check("/{a-b}", "not a name", "letter");
    check(&format!("/{{{}}}", "a".repeat(65)), "not a name", "64");
    check("/{a}/{a}", "named twice", "its own");
    check("/{a}/{a*}", "named twice", "its own");
    check("~", "space and a regex", "");
    check("~ ", "space and a regex", "");
    check("~/a", "space and a regex", r"~ /users/\d+");
    check("~ /(", "unclosed group", "regex");
    check(&"/a".repeat(SEGMENTS_MAX + 1), "segments", "prefix");
    check(&format!("/{}", "a".repeat(PATH_BYTES_MAX)), "longer", "prefix");
}

#[test]
fn all_that_is_wrong_with_a_path_is_named() {
    let faults = PathPattern::parse("/a//../{x}/{x}/%7e/b*").unwrap_err();
    assert_eq!(faults.len(), 5, "{faults:?}");
}

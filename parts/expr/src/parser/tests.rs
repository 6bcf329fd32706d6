//! The grammar: what binds closer, what is refused and where; and that what is printed is read as
//! the same, for trees made up at random.

mod print;
mod random;

use super::{parse, parse_to_brace};
use crate::limits::{ITEMS_MAX, NESTING_MAX, SOURCE_BYTES_MAX};
use print::print;
use random::Dice;

/// How the tree is, with brackets around everything that has parts.
#[track_caller]
fn check(source: &str, expect: &str) {
    match parse(source) {
        Ok(tree) => assert_eq!(print(&tree), expect, "{source}"),
        Err(problem) => panic!("{source}: {problem}"),
    }
}

#[track_caller]
fn refuse(source: &str, expect: &str) {
    match parse(source) {
        Ok(tree) => panic!("{source} is {}", print(&tree)),
        Err(problem) => assert_eq!(problem.to_string(), expect, "{source}"),
    }
}

#[test]
fn what_binds_closer() {
    check("a || b && c", "(a || (b && c))");
    check("a && b || c && d", "((a && b) || (c && d))");
    check("a && b && c", "(a && b && c)");
    check("(a && b) && c", "((a && b) && c)");
    check("a == b && c < d", "((a == b) && (c < d))");
    check("a < b == c", "((a < b) == c)");
    check("a in b in c", "((a in b) in c)");
    check("a + b < c - d", "((a + b) < (c - d))");
    check("a + b * c - d / e % f", "((a + (b * c)) - ((d / e) % f))");
    check("a - b - c", "((a - b) - c)");
    check("a * (b + c)", "(a * (b + c))");
    check("!a && -b < c", "((!a) && ((-b) < c))");
    check("!!a", "(!(!a))");
    check("-a.b", "(-a.b)");
    check("-a * b", "((-a) * b)");
    check("!a.b[c].d(e)", "(!a.b[c].d(e))");
    check("a ? b : c ? d : e", "(a ? b : (c ? d : e))");
    check("(a ? b : c) ? d : e", "((a ? b : c) ? d : e)");
    check("a || b ? c && d : e || f", "((a || b) ? (c && d) : (e || f))");
    check("a == b ? c + d : [e, f]", "((a == b) ? (c + d) : [e, f])");
}

#[test]
fn literals_names_and_calls() {
    check("-5", "-5");
    check("- 5", "-5");
    check("--5", "(--5)");
    check("a - 5", "(a - 5)");
    check("a -5", "(a - 5)");
    check("-9223372036854775808", "-9223372036854775808");
    check("-1.5", "-1.5");
    check("-5u", "(-5u)");
    check("-5.size()", "-5.size()");
    check("true && null", "(true && null)");
    check("'a' + b\"b\"", "(\"a\" + b\"b\")");
    check("[]", "[]");
    check("[1, 2,]", "[1, 2]");
    check("{}", "{}");
    check("{'a': 1, b: [2],}", "{\"a\": 1, b: [2]}");
    check("f()", "f()");
    check("f(1, 2).g().h", "f(1, 2).g().h");
    check("a.in_b.if.package()", "a.in_b.if.package()");
    check("(((a)))", "a");
    check("a.`x-id`.b[c].`d`", "a.`x-id`.b[c].d");
    check("a // b\n || c", "(a || c)");
}

#[test]
fn what_is_not_in_the_grammar_is_told_with_its_place() {
    refuse("", "at byte 0: a value is expected here, not the end");
    refuse("a &&", "at byte 4: a value is expected here, not the end");
    refuse("a == == b", "at byte 5: a value is expected here, not `==`");
    refuse("a <> b", "at byte 3: a value is expected here, not `>` (not equal is `!=`)");
    refuse("a b", "at byte 2: an operator is expected here, not `b`");
    refuse("a and b", "at byte 2: an operator is expected here, not `and` (write `&&`)");
    refuse("a OR b", "at byte 2: an operator is expected here, not `OR` (write `||`)");
    refuse("not a", "at byte 0: `not` is no operator (write `!`)");
    refuse(
        "a contains 'b'",
        "at byte 2: an operator is expected here, not `contains` (functions are called: `text.contains(\"...\")`)",
    );
    refuse("a 'b'", "at byte 2: an operator is expected here, not a text");
    refuse("10.0.0.1", "at byte 4: an operator is expected here, not a number");
    refuse("(a", "at byte 2: `)` is expected here, to close the bracket, not the end");
    refuse("a)", "at byte 1: an operator is expected here, not `)`");
    refuse("a[1", "at byte 3: `]` is expected here, behind the key, not the end");
    refuse("a[]", "at byte 2: a value is expected here, not `]`");
    refuse("[1 2]", "at byte 3: `,` or `]` is expected here, not a number");
    refuse("[,]", "at byte 1: a value is expected here, not `,`");
    refuse("f(1,)", "at byte 4: a value is expected here, not `)`");
    refuse("f(1 b'')", "at byte 4: `,` or `)` is expected here, not bytes");
    refuse("{a}", "at byte 2: `:` is expected here, behind the key, not `}`");
    refuse("{a: 1 b: 2}", "at byte 6: `,` or `}` is expected here, not `b`");
    refuse(
        "a ? b",
        "at byte 5: `:` is expected here, between the two values behind `?`, not the end",
    );
    refuse(
        "a ? b ? c : d : e",
        "at byte 6: `:` is expected here, between the two values behind `?`, not `?`",
    );
    refuse("a.", "at byte 2: a name is expected behind the dot, not the end");
    refuse("a.'b'", "at byte 2: a name is expected behind the dot, not a text");
    refuse("a.1", "at byte 1: an operator is expected here, not a number");
    refuse("a.in", "at byte 2: `in` is no name (write `[\"in\"]`)");
    refuse("`a`", "at byte 0: a value is expected here, not a key in backticks");
    refuse("a.`f`()", "at byte 5: an operator is expected here, not `(`");
    refuse(".a", "at byte 0: a value is expected here, not `.`");
    refuse("in a", "at byte 0: a value is expected here, not `in`");
    refuse("if (a) b", "at byte 0: `if` is reserved by the language");
    refuse("Message{a: 1}", "at byte 7: an operator is expected here, not `{`");
    refuse(
        "9223372036854775808",
        "at byte 0: this number is too large for an int (ints end at 9223372036854775807; a number with `u` may be twice as large)",
    );
    refuse(
        "-9223372036854775809",
        "at byte 0: this number is too large for an int (ints end at 9223372036854775807; a number with `u` may be twice as large)",
    );
    refuse("a = b", "at byte 2: `=` means nothing here (to compare, write `==`)");
}

#[test]
fn bounds_are_kept() {
    let deep = |source: &str| {
        let told = parse(source).map(|tree| tree.height).map_err(|problem| problem.message);
        assert_eq!(
            told,
            Err(format!("this is nested deeper than {NESTING_MAX} levels")),
            "{source}"
        );
    };
    for depth in [NESTING_MAX, 5_000] {
        deep(&"(".repeat(depth + 1));
        deep(&"[".repeat(depth + 1));
        deep(&"{".repeat(depth + 1));
        deep(&"f(".repeat(depth + 1));
        deep(&"a[".repeat(depth + 1));
        deep(&"{a:".repeat(depth + 1));
        deep(&"a?b:".repeat((depth + 1).min(SOURCE_BYTES_MAX / 4 - 1)));
        deep(&format!("{}a", "!".repeat(depth)));
        deep(&format!("{}a", "-".repeat(depth)));
        deep(&format!("a{}", ".b".repeat(depth)));
        deep(&format!("a{}", "[0]".repeat(depth)));
        deep(&format!("a{}", "+a".repeat(depth)));
        deep(&format!("a{}", "<a".repeat(depth)));
    }
    check(&format!("{}a{}", "(".repeat(NESTING_MAX - 1), ")".repeat(NESTING_MAX - 1)), "a");
    // Chains do not nest.
    for mark in ["&&", "||"] {
        assert_eq!(parse(&format!("a{}", format!("{mark}a").repeat(2_000))).unwrap().height, 2);
    }
    let long = format!("'{}'", "a".repeat(SOURCE_BYTES_MAX));
    refuse(&long, "at byte 16384: this is longer than 16384 bytes");
    let items = |count: usize| vec!["1"; count].join(",");
    assert!(parse(&format!("[{}]", items(ITEMS_MAX))).is_ok());
    let at = 1 + 2 * ITEMS_MAX;
    refuse(
        &format!("[{}]", items(ITEMS_MAX + 1)),
        &format!("at byte {at}: there are more than 1024 here"),
    );
    let at = 2 + 2 * ITEMS_MAX;
    refuse(
        &format!("f({})", items(ITEMS_MAX + 1)),
        &format!("at byte {at}: there are more than 1024 here"),
    );
    let entries = vec!["1:1"; ITEMS_MAX + 1].join(",");
    refuse(&format!("{{{entries}}}"), "at byte 0: there are more than 1024 here");
}

#[test]
fn a_value_in_a_template_ends_at_its_brace() {
    let check = |text: &str, at: usize, tree: &str, behind: usize| {
        let (found, end) = parse_to_brace(text, at).unwrap();
        assert_eq!((print(&found).as_str(), end), (tree, behind), "{text}");
    };
    check("%{a}", 2, "a", 4);
    check("x %{ a } \u{201c}", 4, "a", 8);
    check("%{'}' + \"}\"}", 2, "(\"}\" + \"}\")", 12);
    check("%{{'a': 1}.a}", 2, "{\"a\": 1}.a", 13);
    let refuse = |text: &str, expect: &str| {
        assert_eq!(parse_to_brace(text, 2).unwrap_err().to_string(), expect, "{text}");
    };
    refuse("%{a", "at byte 3: no `}` ends this value");
    refuse("%{}", "at byte 2: a value is expected here, not `}`");
    refuse("%{a b}", "at byte 4: an operator is expected here, not `b`");
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    for seed in 0..20_000 {
        let tree = Dice::new(seed).tree(5);
        let text = print(&tree);
        match parse(&text) {
            Ok(read) => assert_eq!(read, tree, "seed {seed}: {text}"),
            Err(problem) => panic!("seed {seed}: {text}: {problem}"),
        }
    }
}

/// Whatever is cut out of an expression, or put in, is read or refused, at a place that is there.
#[test]
fn anything_is_read_or_refused() {
    let bits = [
        "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "%{", "&&", "?", ":", ".", "-", "!",
        "\u{e9}", "0x", "1e", "b'", "//", "\n", "in",
    ];
    for seed in 0..20_000 {
        let mut dice = Dice::new(seed);
        let mut text = print(&dice.tree(3));
        for _ in 0..=dice.below(4) {
            let at = dice.below(text.len() + 1);
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            match dice.below(3) {
                0 => text.truncate(at),
                1 => text.insert_str(at, bits[dice.below(bits.len())]),
                _ => drop(text.drain(..at)),
            }
        }
        if let Err(problem) = parse(&text) {
            assert!(text.is_char_boundary(problem.at), "seed {seed}: {text}: {problem}");
            assert!(!problem.message.is_empty());
        }
    }
}

//! Another engine agrees, and what is made to take long does not.

use regex_automata::meta;
use regex_automata::util::syntax;

use super::Pattern;
use crate::error::Cause;

const PATTERNS: [&str; 24] = [
    "",
    "a",
    "ab|b",
    "abc|ab|a",
    "^a",
    "a$",
    "^$",
    "^(ab)*$",
    "(?m)^b$",
    r"\bab\b",
    r"\Ba",
    r"a\z",
    "[^a]",
    ".",
    "^.$",
    "(?s)^.$",
    r"\d+|\s",
    r"\w{2,3}$",
    "(?i)Ab",
    "(?-u:\\xff)",
    "a.*b",
    "(a|b)*c",
    "a{2,4}b?",
    "(?x) a # comment",
];

#[test]
fn another_engine_agrees() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % sides
    };
    for text in PATTERNS {
        let pattern = Pattern::compile(text, 0).unwrap();
        let other = meta::Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .configure(meta::Config::new().utf8_empty(false))
            .build(text)
            .unwrap();
        for _ in 0..2_000 {
            let length = below(8);
            let bytes = b"aabbc1 \n\xff_AB";
            let within: Vec<u8> = (0..length).map(|_| bytes[below(bytes.len())]).collect();
            let shown = within.escape_ascii();
            assert_eq!(pattern.is_in(&within), Ok(other.is_match(&within)), "{text} in {shown}");
        }
    }
}

/// A text in which `a[ab]{400}[^ab]` has to remember something else behind each byte.
pub(crate) fn hostile() -> Vec<u8> {
    let mut state = 1_u64;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if state >> 63 == 0 { b'a' } else { b'b' }
    };
    (0..8 * 1024).map(letter).collect()
}

#[test]
fn a_text_that_is_made_for_a_pattern_ends_the_search() {
    let pattern = Pattern::compile("a[ab]{400}[^ab]", 0).unwrap();
    let hostile = hostile();
    assert_eq!(pattern.is_in(&hostile), Err(Cause::TooManySteps));
    // The next text is none the worse for it.
    let kind = [b"b".repeat(8 * 1024), b"a".repeat(401), b"!".to_vec()].concat();
    assert_eq!(pattern.is_in(&kind), Ok(true));
    assert_eq!(pattern.is_in(&hostile), Err(Cause::TooManySteps));
    assert_eq!(pattern.is_in(b"a"), Ok(false));
}

#[test]
fn a_large_pattern_costs_more_steps() {
    let small = Pattern::compile("a", 0).unwrap();
    let large = Pattern::compile("[a-z]{1,400}", 0).unwrap();
    assert_eq!(small.cost(640), 640);
    assert!(large.cost(640) >= 2 * 640, "{}", large.cost(640));
}

//! Regular expressions that must match the whole of a text, in linear time and bounded memory.
//!
//! They see bytes: `\d`, `\w`, `\s`, `\b` and `(?i)` mean ASCII unless `(?u)` asks for more, since
//! canonical paths are ASCII and tables of Unicode make programs large.

use regex_automata::{
    MatchKind, PatternSet,
    meta::{Config, Regex},
    nfa::thompson::{self, NFA, WhichCaptures},
};
use regex_syntax::{
    ParserBuilder,
    hir::{Hir, HirKind, Look},
};

use crate::rule::Fault;

/// The largest program, in bytes, that one regular expression may compile to.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 256 * 1024;

/// The largest sum, in bytes, of the programs of one router.
pub const REGEX_PROGRAMS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How deep groups and repetitions of one regular expression may be nested.
pub const REGEX_NESTING_MAX: u32 = 64;

/// What one automaton may remember of the states it went through, for each thread, in bytes.
const CACHE_BYTES_MAX: usize = 1024 * 1024;

/// A regular expression that is known to be sound and small enough.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    whole: Hir,
    /// What every match begins with.
    pub(crate) prefix: Box<[u8]>,
    /// The size of the program.
    pub(crate) program_bytes: usize,
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let parsed = ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .nest_limit(REGEX_NESTING_MAX)
            .build()
            .parse(text)
            .map_err(|error| vec![syntax_fault(&error)])?;
        let prefix = prefix(&parsed).into();
        // Built from parts rather than from text, where a comment could swallow the end.
        let whole = Hir::concat(vec![Hir::look(Look::Start), parsed, Hir::look(Look::End)]);
        let limits = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(REGEX_PROGRAM_BYTES_MAX));
        let program = NFA::compiler().configure(limits).build_from_hir(&whole);
        let program_bytes = program.map_err(|error| vec![size_fault(&error)])?.memory_usage();
        Ok(Self { whole, prefix, program_bytes })
    }

    pub(crate) fn compile(self) -> Result<Regex, Fault> {
        build(&[self.whole])
    }
}

/// Several regular expressions that are tried in one pass.
#[derive(Debug)]
pub(crate) struct Expressions {
    regex: Regex,
}

impl Expressions {
    pub(crate) fn compile(expressions: Vec<Expression>) -> Result<Self, Fault> {
        let wholes: Vec<_> = expressions.into_iter().map(|expression| expression.whole).collect();
        build(&wholes).map(|regex| Self { regex })
    }

    /// Calls `each` with the positions of the expressions that match.
    pub(crate) fn matching(&self, text: &[u8], mut each: impl FnMut(usize)) {
        if self.regex.pattern_len() == 1 {
            if self.regex.is_match(text) {
                each(0);
            }
            return;
        }
        let mut set = PatternSet::new(self.regex.pattern_len());
        self.regex.which_overlapping_matches(&text.into(), &mut set);
        set.iter().for_each(|matched| each(matched.as_usize()));
    }
}

fn build(wholes: &[Hir]) -> Result<Regex, Fault> {
    // What only helps to find where a match or a group begins is left out.
    let lean = Config::new()
        .match_kind(MatchKind::All)
        .utf8_empty(false)
        .which_captures(WhichCaptures::None)
        .auto_prefilter(false)
        .onepass(false)
        .backtrack(false)
        .nfa_size_limit(None)
        .hybrid_cache_capacity(CACHE_BYTES_MAX);
    let unusable = |error| {
        let message = format!("the regex is not usable: {error}");
        Fault::new(message, "use templates such as `/a/{id}` instead")
    };
    Regex::builder().configure(lean).build_many_from_hir(wholes).map_err(unusable)
}

fn prefix(hir: &Hir) -> &[u8] {
    let literal = |hir: &'_ Hir| matches!(hir.kind(), HirKind::Literal(_));
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let start = |part: &&Hir| matches!(part.kind(), HirKind::Look(Look::Start));
    match parts.iter().find(|part| !start(part)).filter(|part| literal(part)).map(Hir::kind) {
        Some(HirKind::Literal(literal)) => &literal.0,
        _ => &[],
    }
}

fn syntax_fault(error: &regex_syntax::Error) -> Fault {
    let (reason, place) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span().start)),
        regex_syntax::Error::Translate(error) => {
            (error.kind().to_string(), Some(error.span().start))
        }
        other => (other.to_string(), None),
    };
    let place = place.map_or(String::new(), |place| format!(" (column {})", place.column));
    let hint = "the syntax is that of Rust's `regex`: without look-around and back-references";
    Fault::new(format!("the regex is not valid: {reason}{place}"), hint)
}

fn size_fault(error: &thompson::BuildError) -> Fault {
    let message = match error.size_limit() {
        Some(limit) => format!("the regex compiles to more than {limit} bytes"),
        None => format!("the regex is not usable: {error}"),
    };
    Fault::new(message, "lower its repetition counts, such as the 1000 in `{1,1000}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_the_whole_text() {
        let check = |regex: &str, text: &str, expect: bool| {
            let compiled = Expression::parse(regex).unwrap().compile().unwrap();
            assert_eq!(compiled.is_match(text), expect, "{regex} {text}");
        };
        check("/a", "/a", true);
        check("/a", "/ab", false);
        check("/a", "x/a", false);
        check("/a|/ab", "/ab", true);
        check("/(a|ab)", "/ab", true);
        check("^/a$", "/a", true);
        check("(?m)^/a$", "/a\n", false);
        check("(?x)/a # comment", "/a", true);
        check("(?x)/a # comment", "/ab", false);
        check("(?i)/a", "/A", true);
        check(r"/\d+", "/12", true);
        check(r"/\d+", "/\u{661}", false);
        check(r"(?u)/\d+", "/\u{661}", true);
        check("/.*", "/", true);
    }

    #[test]
    fn all_that_match_are_told() {
        let parse = |text: &&str| Expression::parse(text).unwrap();
        let texts = ["/a.*", "/ab", "/b", "/.*", "/a"];
        let all = Expressions::compile(texts.iter().map(parse).collect()).unwrap();
        let mut found = Vec::new();
        all.matching(b"/ab", |place| found.push(place));
        assert_eq!(found, [0, 1, 3]);
    }

    #[test]
    fn what_every_match_begins_with_is_known() {
        let check = |regex: &str, expect: &str| {
            let prefix = Expression::parse(regex).unwrap().prefix;
            assert_eq!(String::from_utf8_lossy(&prefix), expect, "{regex}");
        };
        check(r"/api/v1/\d+", "/api/v1/");
        check(r"^/api/v1/\d+$", "/api/v1/");
        check(r"/api/v1", "/api/v1");
        check(r"/api/v1?", "/api/v");
        check(r"/api|/b", "");
        check(r"(?i)/api", "/");
        check(r"(?m)^/api", "");
        check(r".*/api", "");
        check(r"(/api)?/b", "");
        check(r"", "");
    }

    #[test]
    fn bad_ones_are_refused_with_their_reason() {
        let check = |regex: &str, expect: &str| {
            let fault = Expression::parse(regex).unwrap_err().remove(0);
            assert!(fault.message.contains(expect), "{regex}: {}", fault.message);
        };
        check("/(a", "unclosed group (column 2)");
        check("/a**(?=b)", "look-around");
        check(r"/(a)\1", "backreferences");
        check("/[a-z]{1,100000}", "more than 262144 bytes");
        check("((((a{99}){99}){99}){99}){99}", "more than 262144 bytes");
        check(&format!("{}a{}", "(".repeat(99), ")".repeat(99)), "nest");
        check(r"/\p{L}", "Unicode not allowed");
    }
}

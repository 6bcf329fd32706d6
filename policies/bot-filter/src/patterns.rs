//! A list of patterns as one automaton, which takes a time that grows with the text alone.

use regex_automata::meta::{BuildError, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;
use yumen_model::report::Report;

/// Patterns of one list.
const PATTERNS_MAX: usize = 1000;
/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 10;
/// The largest program that a list may compile to, in bytes.
const PROGRAM_BYTES_MAX: usize = 4 << 20;
/// What the automaton may remember of the states it went through, for each thread, in bytes.
const CACHE_BYTES_MAX: usize = 1 << 20;
/// How deep groups and repetitions may be nested.
const NESTING_MAX: u32 = 64;
/// What stands before a regular expression.
const REGEX: char = '~';

/// A list of patterns; `None` fits nothing.
#[derive(Debug)]
pub(crate) struct Patterns(Option<Regex>);

impl Patterns {
    /// Whether one of them fits somewhere in the text.
    pub(crate) fn fit(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    pub(crate) fn compile(list: &[String], at: &str, report: &mut Report) -> Option<Self> {
        if list.is_empty() {
            return Some(Self(None));
        }
        if list.len() > PATTERNS_MAX {
            report
                .error(at, format!("there are more than {PATTERNS_MAX} patterns"))
                .hint("one regular expression can stand for many");
            return None;
        }
        // Capitals are those of ASCII: tables of Unicode make programs large.
        let config = syntax::Config::new()
            .case_insensitive(true)
            .unicode(false)
            .utf8(false)
            .nest_limit(NESTING_MAX);
        let mut parsed = Vec::with_capacity(list.len());
        for (index, pattern) in list.iter().enumerate() {
            match parse(pattern, &config) {
                Ok(hir) => parsed.push(hir),
                Err((message, hint)) => {
                    report.error(format!("{at}[{index}]"), message).hint(hint);
                }
            }
        }
        if parsed.len() < list.len() {
            return None;
        }
        let lean = Regex::config()
            .utf8_empty(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(PROGRAM_BYTES_MAX))
            .hybrid_cache_capacity(CACHE_BYTES_MAX);
        match Regex::builder().configure(lean).build_many_from_hir(&parsed) {
            Ok(regex) => Some(Self(Some(regex))),
            Err(error) => {
                report
                    .error(at, cause(&error))
                    .hint("fewer patterns, or fewer and smaller repetitions `{n}`");
                None
            }
        }
    }
}

type Parsed = Result<regex_syntax::hir::Hir, (String, String)>;

fn parse(pattern: &str, config: &syntax::Config) -> Parsed {
    if pattern.len() > PATTERN_BYTES_MAX {
        let message = format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes");
        return Err((message, "a part that tells the program is enough".to_owned()));
    }
    let regex = match pattern.strip_prefix(REGEX) {
        Some(regex) => regex.trim_start().to_owned(),
        None => literal(pattern),
    };
    let hir = syntax::parse_with(&regex, config).map_err(|error| {
        let message = format!("`{pattern}` is no regular expression: {error}");
        (message, "without the `~` it is a mere part of the name".to_owned())
    })?;
    if hir.properties().minimum_len() == Some(0) {
        let message = format!("`{pattern}` fits everybody");
        return Err((message, "write what tells the program from others".to_owned()));
    }
    Ok(hir)
}

/// A regular expression for exactly this text.
fn literal(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("\\x{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn cause(error: &BuildError) -> String {
    match error.size_limit() {
        Some(limit) => format!("the patterns make a program of more than {limit} bytes"),
        None => format!("the patterns are not usable: {error}"),
    }
}

//! Regular expressions of `matches`: found anywhere in a text, in linear time and bounded memory.
//!
//! They see bytes, because a text from the network may hold any: `.` is any byte but a line end,
//! and `\d`, `\w`, `\s`, `\b` and `(?i)` mean ASCII unless `(?u)` asks for more. Otherwise a byte
//! that is not UTF-8 would be a way around a rule.
//!
//! Only the fastest engine is used, an automaton that is built while it runs. A pattern and a text
//! that are made for each other can make it build more than it runs: then it gives up, where others
//! would go on a hundred times slower.

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

use crate::error::Cause;
use crate::limits::{
    REGEX_CACHE_BYTES_MAX, REGEX_NESTING_MAX, REGEX_PROGRAM_BYTES_MAX, REGEX_PROGRAM_BYTES_PER_STEP,
};
use crate::problem::Problem;

/// How often one search may begin its automaton anew before it has to be worth its while.
const REBUILDS_MAX: usize = 1;

/// How many bytes one state of the automaton has to read to be worth its while.
const BYTES_PER_STATE_MIN: usize = 32;

/// Makes what an automaton remembers.
type MakeCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// A compiled regular expression.
pub(crate) struct Pattern {
    automaton: DFA,
    /// What the automaton remembers of earlier texts, for each thread.
    caches: Pool<Cache, MakeCache>,
    /// The size of the program.
    pub(crate) program_bytes: usize,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({} bytes)", self.program_bytes)
    }
}

impl Pattern {
    /// Compiles the pattern that is written at this place.
    pub(crate) fn compile(text: &str, at: usize) -> Result<Self, Problem> {
        let parsed = ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .nest_limit(REGEX_NESTING_MAX)
            .build()
            .parse(text)
            .map_err(|error| bad_syntax(at, &error))?;
        let limits = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(REGEX_PROGRAM_BYTES_MAX));
        let program = NFA::compiler().configure(limits).build_from_hir(&parsed);
        let program = program.map_err(|error| too_large(at, &error))?;
        let program_bytes = program.memory_usage();
        let automaton = build(program, &parsed, at)?;
        let own = automaton.clone();
        let caches: Pool<Cache, MakeCache> = Pool::new(Box::new(move || own.create_cache()));
        Ok(Self { automaton, caches, program_bytes })
    }

    /// Whether a part of the text matches.
    pub(crate) fn is_in(&self, text: &[u8]) -> Result<bool, Cause> {
        let mut cache = self.caches.get();
        // What other texts did to it is not held against this one.
        if cache.clear_count() > 0 {
            cache.reset(&self.automaton);
        }
        let input = Input::new(text).earliest(true);
        let found = self.automaton.try_search_fwd(&mut cache, &input);
        found.map(|found| found.is_some()).map_err(|_gave_up| Cause::TooManySteps)
    }

    /// What it counts to look through so many bytes.
    pub(crate) fn cost(&self, bytes: usize) -> usize {
        bytes.saturating_mul(1 + self.program_bytes / REGEX_PROGRAM_BYTES_PER_STEP)
    }
}

fn build(program: NFA, parsed: &Hir, at: usize) -> Result<DFA, Problem> {
    // Whether there is a match does not depend on which one would be preferred; the smaller set of
    // beginnings is enough.
    let beginnings = Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, parsed);
    let lean = DFA::config()
        .match_kind(MatchKind::All)
        .prefilter(beginnings)
        .cache_capacity(REGEX_CACHE_BYTES_MAX)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(REBUILDS_MAX))
        .minimum_bytes_per_state(Some(BYTES_PER_STATE_MIN));
    let unusable =
        |error| Problem::new(at, format!("the regular expression is not usable: {error}"));
    DFA::builder().configure(lean).build_from_nfa(program).map_err(unusable)
}

fn bad_syntax(at: usize, error: &regex_syntax::Error) -> Problem {
    let (reason, column) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.column),
        regex_syntax::Error::Translate(error) => {
            (error.kind().to_string(), error.span().start.column)
        }
        other => (other.to_string(), 1),
    };
    let message = format!("the regular expression is not valid: {reason} (column {column} of it)");
    let hint = "the syntax is that of RE2: without look-around and back-references";
    Problem::new(at, message).hint(hint)
}

fn too_large(at: usize, error: &thompson::BuildError) -> Problem {
    let message = match error.size_limit() {
        Some(limit) => format!("the regular expression compiles to more than {limit} bytes"),
        None => format!("the regular expression is not usable: {error}"),
    };
    Problem::new(at, message).hint("lower its repetition counts, such as the 1000 in `{1,1000}`")
}

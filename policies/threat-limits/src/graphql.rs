//! Bounds of queries of GraphQL: what an operation asks for, with all its fragments where they are used.

mod lexer;
mod parser;

use crate::config::GraphqlLimits;
use crate::wrong::Wrong;
use parser::Parser;

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Fields within each other.
    pub depth: usize,
    /// Fields.
    pub fields: u64,
    /// Fields under another name.
    pub aliases: u64,
    /// Fields that stand in no other.
    pub root_fields: u64,
    /// Directives.
    pub directives: u64,
    /// Whether it is asked what there is.
    pub introspects: bool,
}

/// An operation or a fragment, by itself.
#[derive(Debug, Default)]
struct Definition<'t> {
    counts: Counts,
    /// Fragments that are used, and how many fields each of them stands in.
    spreads: Vec<(&'t str, usize)>,
    /// Fields that are open while it is read.
    fields_open: usize,
}

/// A query.
#[derive(Debug, Default)]
struct Query<'t> {
    operations: Vec<Definition<'t>>,
    fragments: Vec<(&'t str, Definition<'t>)>,
}

/// What is known of a fragment.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// It is being counted: whoever meets it now goes round.
    Open,
    Counted(Counts),
}

/// Looks at a query.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(text: &str, limits: &GraphqlLimits) -> Result<(), Wrong> {
    for counts in count(text, limits)? {
        let GraphqlLimits { depth, fields, aliases, root_fields, directives, .. } = *limits;
        let too_many = [
            (counts.depth > depth, "fields are nested too deep"),
            (counts.fields > fields, "the query asks for too many fields"),
            (counts.aliases > aliases, "the query has too many aliases"),
            (counts.root_fields > root_fields, "an operation asks for too many fields"),
            (counts.directives > directives, "the query has too many directives"),
        ];
        if let Some((_, what)) = too_many.iter().find(|(is_more, _)| *is_more) {
            return Err(Wrong::bound(*what));
        }
        if counts.introspects && !limits.introspection {
            return Err(Wrong::form(
                "it may not be asked here what there is (`__schema`, `__type`)",
            ));
        }
    }
    Ok(())
}

/// What each operation of a query asks for.
///
/// # Errors
/// As [`check`], what is counted here aside.
pub fn count(text: &str, limits: &GraphqlLimits) -> Result<Vec<Counts>, Wrong> {
    let query = Parser::new(text, limits)?.query()?;
    let mut known: Vec<Option<Known>> = vec![None; query.fragments.len()];
    // Also those that nothing uses: a service looks at them too.
    for place in 0..query.fragments.len() {
        query.fragment(place, &mut known)?;
    }
    query.operations.iter().map(|operation| query.whole(operation, &mut known)).collect()
}

impl Query<'_> {
    /// A fragment with all that it uses. There are few of them, so that this can call itself.
    fn fragment(&self, place: usize, known: &mut [Option<Known>]) -> Result<Counts, Wrong> {
        match known.get(place).copied().flatten() {
            Some(Known::Counted(counts)) => return Ok(counts),
            Some(Known::Open) => return Err(Wrong::form("a fragment uses itself")),
            None => {}
        }
        let Some((_, definition)) = self.fragments.get(place) else { return Ok(Counts::default()) };
        if let Some(slot) = known.get_mut(place) {
            *slot = Some(Known::Open);
        }
        let counts = self.whole(definition, known)?;
        if let Some(slot) = known.get_mut(place) {
            *slot = Some(Known::Counted(counts));
        }
        Ok(counts)
    }

    fn whole(
        &self,
        definition: &Definition<'_>,
        known: &mut [Option<Known>],
    ) -> Result<Counts, Wrong> {
        let mut all = definition.counts;
        for (name, fields_open) in &definition.spreads {
            let place = self.fragments.iter().position(|(known, _)| known == name);
            let place =
                place.ok_or_else(|| Wrong::form("the query uses a fragment that it has not"))?;
            let used = self.fragment(place, known)?;
            all.depth = all.depth.max(fields_open + used.depth);
            all.fields = all.fields.saturating_add(used.fields);
            all.aliases = all.aliases.saturating_add(used.aliases);
            all.directives = all.directives.saturating_add(used.directives);
            if *fields_open == 0 {
                all.root_fields = all.root_fields.saturating_add(used.root_fields);
            }
            all.introspects |= used.introspects;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Depth, fields, aliases, root fields, directives.
    type Row = (usize, u64, u64, u64, u64);

    fn counted(text: &str) -> Result<Vec<Row>, String> {
        let counts = count(text, &GraphqlLimits::default()).map_err(|wrong| wrong.message)?;
        Ok(counts
            .iter()
            .map(|one| (one.depth, one.fields, one.aliases, one.root_fields, one.directives))
            .collect())
    }

    #[test]
    fn what_an_operation_asks_for_is_counted() {
        for (text, expect) in [
            ("{a}", vec![(1, 1, 0, 1, 0)]),
            ("query Q { a b { c } }", vec![(2, 3, 0, 2, 0)]),
            ("{ x: a y: a { z: b } }", vec![(2, 3, 3, 2, 0)]),
            (
                "{ ... { a } ... on T { b { c } } ... @include(if: $x) { d } }",
                vec![(2, 4, 0, 3, 1)],
            ),
            (
                "{ a ...F } fragment F on T { b { c ...G } } fragment G on U { d: d { e } }",
                vec![(3, 5, 1, 2, 0)],
            ),
            ("{ a { ...F ...F } } fragment F on T { x y }", vec![(2, 5, 0, 1, 0)]),
            (
                "mutation M($a: [Int!]! = [1, 2] @d, $b: T = {x: {y: \"\\u{1F600}\\u0041\"}}) @e { a(x: $a, y: -1.5e3, z: ENUM, w: null) @f(x: true) @g }",
                vec![(1, 1, 0, 1, 4)],
            ),
            ("# {\n{ a(x: \"\"\" }{ \\\"\"\" \" \"\"\") }", vec![(1, 1, 0, 1, 0)]),
            ("query A {a} query B {b {c}}", vec![(1, 1, 0, 1, 0), (2, 2, 0, 1, 0)]),
            ("\u{feff}{,,a,,}", vec![(1, 1, 0, 1, 0)]),
            ("{ on: on fragment query }", vec![(1, 3, 1, 3, 0)]),
            ("\"says\" query Q {a}", vec![(1, 1, 0, 1, 0)]),
        ] {
            assert_eq!(counted(text), Ok(expect), "{text}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for text in [
            "",
            "a",
            "{",
            "{}",
            "}",
            "{a",
            "{a}}",
            "{a:}",
            "{a()}",
            "{a(b)}",
            "{a(b:)}",
            "query",
            "query {",
            "{a{}}",
            "{...}",
            "{...on}",
            "{... on T}",
            "{...F}",
            "fragment F on T {a}",
            "{a} fragment on on T {a}",
            "{a} fragment F on T {a} fragment F on T {b}",
            "{...F} fragment F on T {...F}",
            "{a} fragment F on T {b {...G}} fragment G on T {...F}",
            "type T {a: Int}",
            "extend type T {a: Int}",
            "{a(b: 01)}",
            "{a(b: 1.)}",
            "{a(b: 1a)}",
            "{a(b: -)}",
            "{a(b: \"\n\")}",
            "{a(b: \"\\x\")}",
            "{a(b: \"\"\")}",
            "{a(b: \"\\u{}\")}",
            "{a . b}",
            "{a ? b}",
            "query($a) {a}",
            "{a @}",
            "{ä}",
            "\"says\" {a}",
        ] {
            assert!(counted(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_bound_is_kept() {
        let limits = GraphqlLimits {
            depth: 3,
            fields: 6,
            aliases: 1,
            root_fields: 2,
            directives: 1,
            fragments: 2,
            tokens: 60,
            ..GraphqlLimits::default()
        };
        for (text, expect) in [
            ("{a {b {c}}}", ""),
            ("{a {b {c {d}}}}", "deep"),
            ("{a {...F}} fragment F on T {b {c {d}}}", "deep"),
            ("{a {b c d e f}}", ""),
            ("{a {b c d e f g}}", "too many fields"),
            ("{a {...F ...F}} fragment F on T {b c d}", "too many fields"),
            ("{x: a}", ""),
            ("{x: a y: a}", "aliases"),
            ("{a b c}", "too many fields"),
            ("{a @x @y}", "directives"),
            ("{a} fragment A on T {a} fragment B on T {a} fragment C on T {a}", "fragments"),
            ("{__schema {types}}", "__schema"),
            ("{a {...F}} fragment F on T {__type}", "__type"),
            ("{__typename}", ""),
        ] {
            let message =
                check(text, &limits).map_err(|wrong| wrong.message).err().unwrap_or_default();
            assert!(
                message.contains(expect) && message.is_empty() == expect.is_empty(),
                "{text}: {message}"
            );
        }
        assert!(
            check("{__schema}", &GraphqlLimits { introspection: true, ..limits.clone() }).is_ok()
        );
        let long = format!("{{a(b: [{}])}}", "1 ".repeat(100));
        assert!(check(&long, &limits).unwrap_err().message.contains("words"));
    }

    /// Each fragment uses the next one twice: what is asked for doubles, what it takes does not.
    #[test]
    fn fragments_that_double_each_other_are_counted_at_once() {
        let mut text = "{...F0}".to_owned();
        for number in 0..49 {
            text.push_str(&format!(" fragment F{number} on T {{a ...F{0} ...F{0}}}", number + 1));
        }
        text.push_str(" fragment F49 on T {a}");
        let counts = count(&text, &GraphqlLimits::default()).unwrap();
        assert_eq!(counts.first().unwrap().fields, (1 << 50) - 1);
        assert!(check(&text, &GraphqlLimits::default()).unwrap_err().is_bound);
    }

    #[test]
    fn nothing_is_so_deep_that_it_breaks_the_reader() {
        let limits = GraphqlLimits { depth: 200, tokens: 1_000_000, ..GraphqlLimits::default() };
        for text in [
            "{a".repeat(200_000),
            "{...{a".repeat(100_000),
            format!("{{a(b: {}", "[".repeat(500_000)),
            format!("{{a(b: {}", "{c:".repeat(100_000)),
            format!("query($a: {}", "[".repeat(500_000)),
        ] {
            assert!(check(&text, &limits).unwrap_err().is_bound);
        }
        let nested = |depth: usize| format!("{}{}", "{a".repeat(depth), "}".repeat(depth));
        assert!(check(&nested(200), &limits).is_ok());
        assert!(check(&nested(201), &limits).is_err());
    }
}

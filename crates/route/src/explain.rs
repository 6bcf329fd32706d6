//! Says which rules were considered for a request, and why each but one lost.

use std::{collections::HashSet, fmt};

use yumen_http::query;

use crate::{
    condition::{Missed, Named, Value},
    question::Question,
    router::{Kept, Router},
    tree::{Entry, Gather},
};

/// How many alternatives of one list are written out.
const ALTERNATIVES_MAX: usize = 8;

/// A rule that was considered, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// Position of the rule in the list that was compiled.
    pub rule: usize,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one that is found.
    Won,
    /// It is not.
    Lost(Lost),
}

/// Why a rule lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The request is not like the rule wants it.
    Differs {
        /// Where in the route it is written, such as `match.headers.x-a`.
        key: String,
        /// What the request has.
        asked: String,
        /// What the rule wants.
        wanted: String,
    },
    /// It matches, but a better rule had already won.
    Outranked {
        /// Position of the better rule in the list that was compiled.
        by: usize,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won => f.write_str("won"),
            Self::Lost(lost) => write!(f, "lost: {lost}"),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { key, asked, wanted } => write!(f, "{key}: {asked} instead of {wanted}"),
            Self::Outranked { .. } => f.write_str("a better rule had already won"),
        }
    }
}

/// Takes everything that fits in host and path.
struct All(Vec<Entry>);

impl Gather for All {
    fn wants(&self, _: u32) -> bool {
        true
    }

    fn offer(&mut self, entries: &[Entry]) {
        self.0.extend_from_slice(entries);
    }
}

impl Router {
    /// Says for at most `count_max` rules why each won or lost: first those that fit in host and
    /// path, then those that fit in host, then the others, each in the order of rules. The rule
    /// that won is always among them unless `count_max` is 0. It looks at every rule, so it is
    /// not for the path of a request.
    pub fn explain<Q: Question>(&self, question: &Q, count_max: usize) -> Vec<Considered> {
        let mut considered = self.explain_fitting(question);
        let fitting: HashSet<_> = considered.iter().map(|one| one.rule).collect();
        if considered.len() > count_max {
            let won = considered.iter().position(|one| one.verdict == Verdict::Won);
            let late =
                won.filter(|place| *place >= count_max).map(|place| considered.remove(place));
            considered.truncate(count_max.saturating_sub(usize::from(late.is_some())));
            considered.extend(late.filter(|_| count_max > 0));
            return considered;
        }
        let others = self.rules.iter().enumerate().filter(|(rule, _)| !fitting.contains(rule));
        let mut others: Vec<_> = others
            .map(|(place, rule)| {
                let host_fits = rule.hosts.iter().any(|host| host.fits(question.host()));
                (!host_fits, rule.best, place, rule)
            })
            .collect();
        others.sort_unstable_by_key(|(host_differs, best, ..)| (*host_differs, *best));
        let room = count_max - considered.len();
        considered.extend(others.into_iter().take(room).map(|(host_differs, _, place, rule)| {
            let lost = misplaced(rule, host_differs, question);
            Considered { rule: place, verdict: Verdict::Lost(lost) }
        }));
        considered
    }

    fn explain_fitting<Q: Question>(&self, question: &Q) -> Vec<Considered> {
        let mut all = All(Vec::new());
        self.walk(question.host(), question.path(), &mut all);
        all.0.sort_unstable_by_key(|entry| entry.rank);
        let methods = self.methods.bit(question.method());
        let (mut winner, mut seen) = (None, HashSet::new());
        all.0.retain(|entry| seen.insert(entry.rule));
        let judged = all.0.iter().map(|entry| {
            let conditions = self.conditions(entry.conditions);
            let missed = conditions.and_then(|conditions| conditions.missed(question));
            let lost = if entry.methods & methods == 0 {
                Some(self.method_differs(entry.methods, question))
            } else if let Some(missed) = missed {
                Some(condition_differs(missed, question))
            } else {
                winner.map(|by| Lost::Outranked { by })
            };
            let rule = entry.rule as usize;
            winner = winner.or(lost.is_none().then_some(rule));
            Considered { rule, verdict: lost.map_or(Verdict::Won, Verdict::Lost) }
        });
        judged.collect()
    }

    fn method_differs<Q: Question>(&self, methods: u64, question: &Q) -> Lost {
        let names: Vec<_> = self.methods.names(methods).collect();
        Lost::Differs {
            key: "match.methods".into(),
            asked: quoted(question.method()),
            wanted: one_of(names.into_iter()),
        }
    }
}

fn misplaced<Q: Question>(rule: &Kept, host_differs: bool, question: &Q) -> Lost {
    if host_differs {
        Lost::Differs {
            key: "match.hosts".into(),
            asked: quoted(question.host()),
            wanted: one_of(rule.hosts.iter().map(|host| &host.0)),
        }
    } else {
        Lost::Differs {
            key: "match.paths".into(),
            asked: quoted(question.path()),
            wanted: one_of(rule.paths.iter()),
        }
    }
}

fn condition_differs<Q: Question>(missed: Missed<'_>, question: &Q) -> Lost {
    let (key, asked, wanted) = match missed {
        Missed::Header(Named { name, value }) => {
            let lines = question.header(name).map(quoted);
            (format!("match.headers.{name}"), listed(lines), value.to_string())
        }
        Missed::Query(Named { name, value }) => {
            let query = question.query().unwrap_or_default();
            let values = query::values(query, name).map(|value| quoted(&value));
            (format!("match.query.{name}"), listed(values), value.to_string())
        }
        Missed::Source(networks) => {
            let client = question.client().to_canonical();
            ("match.source".into(), format!("`{client}`"), one_of(networks.iter()))
        }
    };
    Lost::Differs { key, asked, wanted }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "`{text}`"),
            Self::Regex(text, _) => write!(f, "a match of `{text}`"),
            Self::Present(true) => f.write_str("any value"),
            Self::Present(false) => f.write_str("none"),
        }
    }
}

fn quoted(text: &[u8]) -> String {
    if text.is_empty() { "empty".into() } else { format!("`{}`", text.escape_ascii()) }
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<_> = values.take(ALTERNATIVES_MAX).collect();
    if values.is_empty() { "not present".into() } else { values.join(", ") }
}

fn one_of<T: fmt::Display>(alternatives: impl ExactSizeIterator<Item = T>) -> String {
    let more = alternatives.len().saturating_sub(ALTERNATIVES_MAX);
    let written = alternatives.take(ALTERNATIVES_MAX).map(|one| format!("`{one}`"));
    let mut text = written.collect::<Vec<_>>().join(" or ");
    if more > 0 {
        text.push_str(&format!(" or one of {more} more"));
    }
    text
}

#[cfg(test)]
mod tests;

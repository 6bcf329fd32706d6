//! What is wrong with a configuration: every problem with its path, its place and the way out.

mod nearest;
mod render;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::document::Document;

pub use nearest::nearest;

/// Problems that one report keeps; further ones are only noted as more ([`Report::has_more`]).
pub const PROBLEMS: usize = 100;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file's name, as it was given to the reader.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

fn as_text<S: Serializer>(file: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(file)
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, but hardly means what was intended.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, such as `services[2].routes[0].match`; empty for the whole configuration.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where it is written, if it came from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
}

/// Problems in the order in which they were found, at most [`PROBLEMS`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    problems: Vec<Problem>,
    more: bool,
}

/// A problem that was just reported, for adding to it.
#[derive(Debug)]
pub struct Reported<'a>(Option<&'a mut Problem>);

impl Reported<'_> {
    /// Says what would be right.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.change(|problem| problem.hint = Some(hint.into()))
    }

    /// Says where it is written. Without this, [`Report::locate`] finds the place by the path.
    pub fn at(self, place: Place) -> Self {
        self.change(|problem| problem.at = Some(place))
    }

    fn change(mut self, change: impl FnOnce(&mut Problem)) -> Self {
        if let Some(problem) = &mut self.0 {
            change(problem);
        }
        self
    }
}

impl Report {
    /// Reports something that makes the configuration unusable.
    pub fn error(&mut self, path: impl Into<String>, message: impl Into<String>) -> Reported<'_> {
        self.push(Severity::Error, path.into(), message.into())
    }

    /// Reports something that hardly means what was intended.
    pub fn warning(&mut self, path: impl Into<String>, message: impl Into<String>) -> Reported<'_> {
        self.push(Severity::Warning, path.into(), message.into())
    }

    fn push(&mut self, severity: Severity, path: String, message: String) -> Reported<'_> {
        let kept = self.keep(Problem { severity, path, message, hint: None, at: None });
        Reported(self.problems.last_mut().filter(|_| kept))
    }

    /// Keeps a problem if there is room. An error takes that of a warning: what cannot be used must
    /// not pass for what can, as there is much else to say of it.
    fn keep(&mut self, problem: Problem) -> bool {
        if self.is_full() {
            self.more = true;
            let is_warning = |known: &Problem| known.severity == Severity::Warning;
            match self.problems.iter().rposition(is_warning) {
                Some(last) if !is_warning(&problem) => drop(self.problems.remove(last)),
                _ => return false,
            }
        }
        self.problems.push(problem);
        true
    }

    /// Takes over the problems of another report, after those of this one.
    pub fn append(&mut self, other: Self) {
        self.more |= other.more;
        for problem in other.problems {
            self.keep(problem);
        }
    }

    /// The problems in the order in which they were found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether [`PROBLEMS`] are there, so that looking for more is in vain.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEMS
    }

    /// Whether there are more problems than the report keeps.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Whether something makes the configuration unusable.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// How many of the problems make it so; warnings keep nothing from being used.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// Finds the place of every problem that has none yet by its path.
    pub fn locate(&mut self, document: &Document) {
        for problem in self.problems.iter_mut().filter(|problem| problem.at.is_none()) {
            problem.at = document.locate(&problem.path);
        }
    }
}

//! The report as a person reads it: sorted by place, with the line in question and a caret.

use std::fmt::{self, Write};

use super::{PROBLEMS, Place, Problem, Report, Severity};
use crate::document::Document;

/// The longest piece of a source line that is shown, in characters.
const EXCERPT: usize = 120;

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_first_line(f)?;
        self.write_hint(f)
    }
}

impl Problem {
    fn write_first_line(&self, f: &mut impl Write) -> fmt::Result {
        if let Some(place) = &self.at {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: ", self.severity)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        writeln!(f, "{}", self.message)
    }

    fn write_hint(&self, f: &mut impl Write) -> fmt::Result {
        self.hint.as_ref().map_or(Ok(()), |hint| writeln!(f, "  help: {hint}"))
    }
}

/// Sorted by place, without excerpts: nothing of a file is shown but what the messages quote.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.sorted() {
            write!(f, "{problem}")?;
        }
        self.write_more(f)
    }
}

impl Report {
    /// The report sorted by place, each problem with the line it is about. A line may hold a secret,
    /// unless the document was told to [conceal](Document::conceal) them.
    pub fn render(&self, document: &Document) -> String {
        let mut text = String::new();
        for problem in self.sorted() {
            let line = problem.at.as_ref().and_then(|at| Some((at, document.line(at)?)));
            // Writing to a string cannot fail.
            let written: fmt::Result = problem
                .write_first_line(&mut text)
                .and_then(|()| line.map_or(Ok(()), |(at, line)| excerpt(&mut text, at, &line)))
                .and_then(|()| problem.write_hint(&mut text));
            debug_assert!(written.is_ok(), "a string takes everything");
        }
        let written = self.write_more(&mut text);
        debug_assert!(written.is_ok(), "a string takes everything");
        text
    }

    fn write_more(&self, f: &mut impl Write) -> fmt::Result {
        if !self.more {
            return Ok(());
        }
        writeln!(f, "more than {PROBLEMS} problems: the others are left out until these are solved")
    }

    fn sorted(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.problems.iter().collect();
        sorted.sort_by_key(|problem| problem.at.as_ref());
        sorted
    }
}

/// The line with its number, and under it a caret at the column. A long line is cut around it.
fn excerpt(text: &mut String, at: &Place, line: &str) -> fmt::Result {
    let column = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
    let start = if column < EXCERPT { 0 } else { column - EXCERPT / 2 };
    let piece: String = line
        .chars()
        .skip(start)
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let number = at.line.to_string();
    writeln!(text, "  {number} | {}", piece.trim_end())?;
    writeln!(text, "  {:w$} | {:c$}^", "", "", w = number.len(), c = column - start)
}

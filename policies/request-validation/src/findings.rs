//! What is found in a document that cannot be used, or not be looked at: gathered by sort, so that a
//! long document does not bury its reader.

use yumen_model::report::Report;

use crate::config::Unsupported;

/// Of one sort so many are told with their place.
const TOLD_MAX: usize = 5;

/// What is found while a document is read.
#[derive(Debug)]
pub(crate) struct Findings {
    unsupported: Unsupported,
    sorts: Vec<Sort>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Wrong,
    Unsupported,
    Ignored,
}

#[derive(Debug)]
struct Sort {
    severity: Severity,
    message: String,
    places: Vec<String>,
    count: usize,
}

impl Findings {
    pub(crate) fn new(unsupported: Unsupported) -> Self {
        Self { unsupported, sorts: Vec::new() }
    }

    /// The document is wrong there.
    pub(crate) fn wrong(&mut self, pointer: &str, message: impl Into<String>) {
        self.add(Severity::Wrong, pointer, message.into());
    }

    /// Requests are not checked for what stands there.
    pub(crate) fn unsupported(&mut self, pointer: &str, message: impl Into<String>) {
        self.add(Severity::Unsupported, pointer, message.into());
    }

    /// What stands there means little, and the reader should know.
    pub(crate) fn ignored(&mut self, pointer: &str, message: impl Into<String>) {
        self.add(Severity::Ignored, pointer, message.into());
    }

    fn add(&mut self, severity: Severity, pointer: &str, message: String) {
        let place = format!("#{pointer}");
        let known = |sort: &&mut Sort| sort.severity == severity && sort.message == message;
        match self.sorts.iter_mut().find(known) {
            // What many refer to is met again and again.
            Some(sort) if sort.places.contains(&place) => {}
            Some(sort) => {
                sort.count += 1;
                if sort.places.len() < TOLD_MAX {
                    sort.places.push(place);
                }
            }
            None => self.sorts.push(Sort { severity, message, places: vec![place], count: 1 }),
        }
    }

    /// How many sorts of what cannot be looked at there are, and places of them.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let all = self.sorts.iter().filter(|sort| sort.severity != Severity::Wrong);
        (all.clone().count(), all.map(|sort| sort.count).sum())
    }

    /// Tells all of it.
    pub(crate) fn tell(self, at: &str, report: &mut Report) {
        for Sort { severity, message, places, count } in self.sorts {
            let more = count - places.len();
            let mut text = format!("{}: {message}", places.join(", "));
            if more > 0 {
                text.push_str(&format!(" (and {more} more)"));
            }
            match (severity, self.unsupported) {
                (Severity::Wrong, _) => report.error(at, text).hint("mend the document"),
                (Severity::Unsupported, Unsupported::Refuse) => report.error(at, text).hint(
                    "change the document, or let requests pass it unseen with `unsupported: pass`",
                ),
                (Severity::Unsupported, Unsupported::Pass) => {
                    report.warning(at, text).hint("requests pass it unseen")
                }
                (Severity::Ignored, _) => report.warning(at, text),
            };
        }
    }
}

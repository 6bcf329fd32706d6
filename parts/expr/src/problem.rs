//! What is wrong with an expression as it is written.

use std::fmt;

/// Something that is wrong with an expression or a template: told when it is compiled, so that none
/// of it can happen while a request waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is: bytes from the start of the text that was compiled.
    pub at: usize,
    /// What is wrong, as half a sentence.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Problem {}

//! What goes wrong: in settings, and in a session.

use std::fmt;

/// Something wrong in settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `certificates[0].key`.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: &'static str,
}

impl Problem {
    pub(crate) fn new(
        at: impl Into<String>,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self { at: at.into(), message: message.into(), hint }
    }
}

/// Why a session cannot go on, in words for a log.
#[derive(Debug)]
pub struct Fault(rustls::Error);

impl Fault {
    /// What the client begins with has no end.
    pub(crate) fn endless() -> Self {
        Self(rustls::Error::General("a ClientHello without an end".to_owned()))
    }
}

impl From<rustls::Error> for Fault {
    fn from(error: rustls::Error) -> Self {
        Self(error)
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

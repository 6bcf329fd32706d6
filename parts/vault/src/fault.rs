//! Why a secret cannot be had, and the way out.

use std::fmt;

/// Why a secret cannot be had: half a sentence, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub why: String,
    /// The way out.
    pub hint: String,
    /// What it is due to.
    pub(crate) cause: Cause,
}

/// What a fault is due to, as far as it matters to what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server is away, or not ready: it may be so no longer in a moment.
    Away,
    /// The token is not good, or not good for this.
    Denied,
    /// All else, which stays as it is until somebody does something.
    Wrong,
}

impl Fault {
    pub(crate) fn new(cause: Cause, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into(), cause }
    }

    /// Something is set as it cannot be.
    #[must_use]
    pub fn wrong(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Cause::Wrong, why, hint)
    }

    /// The server does not answer, or not in time.
    #[must_use]
    pub fn away(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Cause::Away, why, hint)
    }

    /// Whether it may pass by itself: the server is away or not ready.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.cause == Cause::Away
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.hint)
    }
}

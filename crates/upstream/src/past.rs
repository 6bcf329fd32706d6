//! What the tries of an exchange came to that were not its last: most exchanges have one try.

use std::time::Duration;

use yumen_policy::Failure;

use crate::send::Chosen;

/// What the tries of an exchange came to that were not its last.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Endpoints that came to nothing.
    pub(crate) tried: Vec<usize>,
    /// Who is asked next, if that is known.
    pub(crate) next: Option<Chosen>,
    /// The wait before that.
    pub(crate) pause: Duration,
    /// A kept connection turned out to be closed: a fresh one is made.
    pub(crate) fresh: bool,
    /// Endpoints that could not be connected to.
    pub(crate) unconnected: u32,
    /// Times that a service had not looked at it.
    pub(crate) unprocessed: u32,
    /// Retries so far, beside those that need no leave.
    pub(crate) retries: u32,
    /// The try under way was made without taking it out of the budget.
    pub(crate) on_credit: bool,
    /// What the last attempt failed with.
    pub(crate) last: Option<Failure>,
}

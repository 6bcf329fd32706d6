//! What is known of how endpoints fare, and what is made of it.
//!
//! Workers count what they see (`Pulse`, without locks). The [`Keeper`], on a thread of its own,
//! sums that up ten times a second, judges (`judge`, pure), and writes down for each endpoint
//! what choosing is to know: one number (`Standing`). Both halves meet in [`Standings`], which
//! outlive plans.

mod case;
mod judge;
mod keeper;
mod levels;
mod member;
mod probe;
mod pulse;
mod report;
mod rounds;
mod rules;
mod standings;

pub use case::Reason;
pub use keeper::Keeper;
pub(crate) use levels::PRIORITY_MAX;
pub(crate) use member::{Member, Standing};
pub use probe::Flaw;
pub(crate) use probe::Targets;
pub(crate) use pulse::Pulse;
pub use report::{EndpointHealth, Event, ProbeCounts};
pub(crate) use rules::{Rules, check};
pub use standings::Standings;
pub(crate) use standings::{Group, Place};

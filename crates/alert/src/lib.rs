//! Decides what a hook is told of the gateway's state, and when. Pure: no IO, and the time is a value.
//!
//! A [`Watch`] belongs to one hook. It is shown all [`Fact`]s that hold, about once a second, and
//! keeps for each whether it lasts, whether it is over, and what the hook has been told of it.
//! [`Watch::next`] gives a [`Message`] whenever those differ: what was never told is never told to be over,
//! and what came and went while the hook was away is not told at all. [`write()`] makes its bytes.

mod answers;
mod kind;
mod message;
mod stamp;
mod watch;

pub use answers::{Answers, Silent};
pub use message::{Message, Node, Note, State, is_own_label, write};
pub use watch::{CASES_MAX, End, GAP, Terms, Watch};

use yumen_model::AlertKind;

/// A state that holds now, of something that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub kind: AlertKind,
    /// Whose state it is, such as the name of a service; empty if it is the gateway's own.
    pub subject: String,
    /// A sentence for people, without secrets.
    pub summary: String,
}

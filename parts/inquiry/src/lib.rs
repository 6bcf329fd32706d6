//! What policies need that ask a server about each exchange: how the server is reached, how many wait
//! for it, which fields go there and come back, and what it said a moment ago.
//!
//! The asking itself is a [courier](yumen_courier)'s, on the runtime of whoever asks; no task is started.

mod asker;
mod kept;
mod names;
mod server;

pub use asker::{Asker, Unanswered};
pub use kept::{Kept, Ticket};
pub use names::{Field, Names, check_name};
pub use server::{AT_ONCE, AT_ONCE_MAX, Problem, Reached, Server, TIMEOUT};

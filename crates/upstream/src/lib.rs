//! From an exchange to a target and back: choose, pool, send, read the answer, in time.
//!
//! A [`Destination`] is what a plan says of a service. Each worker has an [`Outbound`] with a
//! [`Pool`] for each service it has sent something to; pools outlive plans, so a reload closes no
//! connection and forgets no load.

mod attempt;
pub mod balance;
mod body;
mod connection;
mod destination;
mod endpoint;
pub mod health;
mod outbound;
mod outcome;
mod pool;
pub mod resolve;
mod send;
mod tunnel;
mod upload;

pub use destination::{Destination, Timeouts, check_host};
pub use outbound::Outbound;
pub use pool::Pool;
pub use send::{Way, send};

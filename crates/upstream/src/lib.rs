//! From an exchange to a target and back: choose, pool, send, read the answer, in time.
//!
//! A [`Destination`] is what a plan says of a service. Each worker has an [`Outbound`] with a
//! [`Pool`] for each service it has sent something to; pools outlive plans, so a reload closes no
//! connection and forgets no load.

mod adaptive;
mod attempt;
mod backoff;
pub mod balance;
mod body;
mod breaker;
mod budget;
mod bulkhead;
mod candidate;
mod connection;
mod describe;
mod destination;
mod endpoint;
mod entry;
pub mod health;
mod hedge;
mod http2;
mod ledger;
mod outbound;
mod outcome;
mod past;
mod patience;
mod pool;
mod raw;
mod replay;
pub mod resolve;
mod retry;
mod seal;
mod send;
mod tunnel;
mod upload;
mod vigil;

pub use bulkhead::Place;
pub use candidate::Candidate;
pub use destination::{Destination, Timeouts, check_host};
pub use ledger::{BreakerState, Clerk, Crowd, Ledgers, Reading};
pub use outbound::Outbound;
pub use pool::Pool;
pub use retry::Retries;
pub use send::{Way, send};

//! Takes finished batches of bytes to one server, on a thread of its own: to a collector, to a
//! keeper of logs, to a hook.
//!
//! A [`Shipper`] is a handle that many threads share. [`Shipper::offer`] puts a batch into a bounded
//! queue and never waits; what finds no room is dropped and counted. The thread sends one batch
//! after the other, in order, and tries again what the server could not take at that moment
//! ([`verdict`]); what is older than [`Bounds::age`] is dropped. [`Shipper::close`] ends
//! it: what is in the queue is still sent, within some patience.

mod load;
mod queue;
mod round;
mod shipper;
mod tally;
pub mod verdict;

pub use load::{Bounds, Load, Manner, News, Settings};
pub use shipper::Shipper;
pub use tally::{Loss, Totals};

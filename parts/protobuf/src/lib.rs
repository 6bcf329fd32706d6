//! The wire format of Protocol Buffers, for the few messages that are written and read by hand: fields
//! and messages within messages, straight from what is borrowed. No IO.
//!
//! By the encoding guide of Protocol Buffers. What is written is appended to a buffer; what is read is
//! a message in memory ([`Parts`]).

mod read;
mod write;

pub use read::{Part, Parts};
pub use write::{bytes, double, fixed32, fixed64, nested, number, varint, zigzag};

//! Spans of exchanges: written into a buffer of the worker when the exchange has ended, and handed to
//! a shipper.

mod exporter;
mod spans;

pub use exporter::{Exporter, SpanBuffer};
pub(crate) use spans::{failed, tell};

//! Access logs: one line for each exchange, formatted by the worker that served it and written or sent
//! by a thread of its own for each place that lines go to.
//!
//! No exchange ever waits for a log: between the two is a queue of [`QUEUE_CHUNKS`] chunks, and
//! a chunk that finds it full is dropped and its lines are counted in the [`LogTally`].

mod batches;
mod buffer;
mod check;
mod combined;
mod escape;
mod fields;
mod filter;
mod json;
mod losses;
mod names;
mod open;
mod otlp;
mod outlet;
mod redact;
mod rotation;
mod sink;
mod stamp;
mod stock;
mod syslog;
mod tally;
mod template;
mod writer;

use std::{error::Error, fmt, io};

pub use buffer::LogBuffer;
pub use check::check_access_log;
pub(crate) use escape::capped;
pub(crate) use filter::Filter;
pub(crate) use json::{Members, line as json_line};
pub use redact::Secrets;
pub(crate) use stamp::Stamp;
pub use tally::LogTally;
pub use writer::{Freight, Log, LogWriter};

/// Bytes that make a chunk full.
const CHUNK_BYTES: usize = 32 * 1024;

/// What a chunk may grow to without allocating: one long line beyond full.
const CHUNK_CAPACITY: usize = CHUNK_BYTES + 8 * 1024;

/// Most chunks that wait for the writer: about 10 MiB.
const QUEUE_CHUNKS: usize = 256;

/// The access log cannot be opened. Nothing was changed.
#[derive(Debug)]
pub struct LogError {
    sink: String,
    cause: io::Error,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "access log: cannot open {}", self.sink)
    }
}

impl Error for LogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(test)]
mod tests;

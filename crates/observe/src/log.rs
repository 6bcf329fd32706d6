//! The access log: one line for each exchange, formatted by the worker that served it and written
//! by one thread of its own.
//!
//! No exchange ever waits for the log: between the two is a queue of [`QUEUE_CHUNKS`] chunks, and
//! a chunk that finds it full is dropped and its lines are counted in the [`LogTally`].

mod buffer;
mod check;
mod combined;
mod escape;
mod fields;
mod filter;
mod json;
mod names;
mod redact;
mod rotation;
mod sink;
mod stamp;
mod template;
mod writer;

use std::{
    error::Error,
    fmt, io,
    sync::atomic::{AtomicU64, Ordering},
};

pub use buffer::LogBuffer;
pub use check::check_access_log;
pub(crate) use escape::capped;
pub(crate) use filter::Filter;
pub(crate) use json::{Members, line as json_line};
pub use redact::Secrets;
pub(crate) use stamp::Stamp;
pub use writer::LogWriter;

/// Bytes that make a chunk full.
const CHUNK_BYTES: usize = 32 * 1024;

/// What a chunk may grow to without allocating: one long line beyond full.
const CHUNK_CAPACITY: usize = CHUNK_BYTES + 8 * 1024;

/// Most chunks that wait for the writer: about 10 MiB.
const QUEUE_CHUNKS: usize = 256;

/// Most empty chunks kept for the next use.
const EMPTY_CHUNKS: usize = 16;

/// What became of the lines of the access log. It outlives every change of its configuration.
#[derive(Debug, Default)]
pub struct LogTally {
    handed: AtomicU64,
    written: AtomicU64,
    queue_full: AtomicU64,
    write_failed: AtomicU64,
}

impl LogTally {
    /// A tally that has counted already.
    #[cfg(test)]
    pub(crate) fn of(written: u64, queue_full: u64, write_failed: u64) -> Self {
        Self {
            handed: AtomicU64::new(written + queue_full + write_failed),
            written: AtomicU64::new(written),
            queue_full: AtomicU64::new(queue_full),
            write_failed: AtomicU64::new(write_failed),
        }
    }

    /// Lines that the system took.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Lines that were lost, because the writer fell behind or could not write.
    pub fn dropped(&self) -> u64 {
        self.queue_full().saturating_add(self.write_failed())
    }

    /// Lines that were lost because the writer fell behind.
    pub(crate) fn queue_full(&self) -> u64 {
        self.queue_full.load(Ordering::Relaxed)
    }

    /// Lines that were lost because they could not be written.
    pub(crate) fn write_failed(&self) -> u64 {
        self.write_failed.load(Ordering::Relaxed)
    }

    /// Lines that wait for the writer.
    fn waiting(&self) -> u64 {
        let handed = self.handed.load(Ordering::Relaxed);
        handed.saturating_sub(self.written()).saturating_sub(self.dropped())
    }
}

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

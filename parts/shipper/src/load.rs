//! What is shipped, where to, and how much of it may wait.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// A finished batch.
#[derive(Debug, Clone)]
pub struct Load {
    /// The body of a request, or the message of a call.
    pub body: Bytes,
    /// How many records are in it; they are what is counted.
    pub records: u64,
    pub(crate) since: Instant,
}

impl Load {
    /// A batch that is ready now.
    #[must_use]
    pub fn new(body: impl Into<Bytes>, records: u64) -> Self {
        Self { body: body.into(), records, since: Instant::now() }
    }
}

/// How a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As a POST over HTTP/1.1, with this content type.
    Post(&'static str),
    /// As a unary call of gRPC.
    Call,
}

/// Where batches go.
pub struct Settings {
    /// The name of the thread; the system keeps 15 bytes of it.
    pub name: String,
    /// The server.
    pub courier: yumen_courier::Settings,
    /// The path with its query, or that of a call.
    pub path: String,
    /// How.
    pub manner: Manner,
    /// Fields of each request; their values may be secrets, and are not shown.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Whether bodies are packed.
    pub gzip: bool,
    /// How many records of a batch were not taken, by the answer to one that was.
    pub rejected: fn(&[u8]) -> u64,
    /// Limits.
    pub bounds: Bounds,
    /// Is told what an operator should know, on the shipper's own thread; it must not wait.
    pub tell: Box<dyn Fn(News) + Send>,
}

/// Without what may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("target", &self.courier.target)
            .field("manner", &self.manner)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Batches that wait or are under way.
    pub loads: usize,
    /// Their bytes, together.
    pub bytes: usize,
    /// How long one request may take.
    pub within: Duration,
    /// How old a batch may get before it is given up.
    pub age: Duration,
    /// The first pause after a failure, at most; it doubles with each one.
    pub pause: Duration,
    /// The longest pause, unless the server wants more.
    pub pause_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            loads: 64,
            bytes: 8 * 1024 * 1024,
            within: Duration::from_secs(10),
            age: Duration::from_secs(60),
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(10),
        }
    }
}

/// What an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A request has failed after one that went well, or the first one has: why. Told once, until
    /// it is well again.
    Failing(String),
    /// It is well again after so many requests that failed.
    Well(u32),
    /// A batch was refused for good: why. Told for the first one after one that went well.
    Refused(String),
}

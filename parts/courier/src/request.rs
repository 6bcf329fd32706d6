//! What is asked, and what is answered. Neither shows what it holds.

use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use yumen_http::{Fields, Known, Malformed, Method, Status};

use crate::target::check_path;

/// How long a request may take, if nothing else is said.
pub const WITHIN: Duration = Duration::from_secs(10);
/// The largest body of an answer, in bytes, if nothing else is said.
pub const ANSWER_MAX: usize = 1024 * 1024;

/// A request: HTTP, or a call of gRPC, whose body is the message and whose path is
/// `/package.Service/Method`.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) fields: Fields,
    pub(crate) body: Bytes,
    pub(crate) is_gzipped: bool,
    /// How long it may take, from the moment it is asked for to the last byte of its answer.
    pub within: Duration,
    /// The most bytes that the body of its answer may have, or the message.
    pub answer_max: usize,
    /// Whether to send it twice is the same as to send it once: then it is sent once more when a kept
    /// connection is closed under it. At first, that is so if its method is idempotent.
    pub may_repeat: bool,
}

impl Request {
    /// A request without fields and without a body. The path is sent as it is, its query with it.
    ///
    /// # Errors
    /// When the path cannot be sent as one.
    pub fn new(method: Method, path: &str) -> Result<Self, Malformed> {
        check_path(path)?;
        if method == Method::Connect {
            return Err(Malformed("a method that asks for a tunnel"));
        }
        Ok(Self {
            may_repeat: method.is_idempotent(),
            method,
            path: path.to_owned(),
            fields: Fields::new(),
            body: Bytes::new(),
            is_gzipped: false,
            within: WITHIN,
            answer_max: ANSWER_MAX,
        })
    }

    /// A call of gRPC, or another request that brings something.
    ///
    /// # Errors
    /// When the path cannot be sent as one.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Result<Self, Malformed> {
        let mut request = Self::new(Method::Post, path)?;
        request.set_body(body);
        Ok(request)
    }

    /// Adds a field; for a call, metadata.
    ///
    /// # Errors
    /// When it would break the head, or is one that is written by what sends the request: `Host`,
    /// framing, and all that speaks of one connection.
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        match Known::of(name.as_bytes()) {
            Known::Host
            | Known::Connection
            | Known::ContentLength
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::Expect
            | Known::Te
            | Known::Trailer
            | Known::Hop => Err(Malformed("a field that is written by what sends the request")),
            _ => self.fields.add(name, value),
        }
    }

    /// Gives it this body.
    pub fn set_body(&mut self, body: impl Into<Bytes>) {
        (self.body, self.is_gzipped) = (body.into(), false);
    }

    /// Packs the body with gzip, if that makes it smaller. The answer does not depend on it.
    pub fn gzip(&mut self) {
        if self.is_gzipped || self.fields.first("content-encoding").is_some() {
            return;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // To write into memory cannot fail.
        let packed = encoder.write_all(&self.body).and_then(|()| encoder.finish());
        if let Ok(packed) = packed
            && packed.len() < self.body.len()
        {
            (self.body, self.is_gzipped) = (packed.into(), true);
        }
    }

    /// Whether the length of the body is told even if there is none (RFC 9110 section 8.6).
    pub(crate) fn expects_body(&self) -> bool {
        matches!(self.method, Method::Post | Method::Put | Method::Patch)
    }
}

/// Without what may be secret: the path, the fields, the body.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method.as_str())
            .field("fields", &self.fields.len())
            .field("body", &self.body.len())
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// An answer, or the good end of a call.
#[derive(Clone)]
pub struct Answer {
    /// The status of HTTP.
    pub status: Status,
    /// The fields that are not about the connection; those that name the make of the server are
    /// left out.
    pub fields: Fields,
    /// The body; of a call, the message.
    pub body: Vec<u8>,
    /// The fields behind the body.
    pub trailers: Option<Fields>,
}

impl Answer {
    /// How long from now on the server wants to be left alone (RFC 9110 section 10.2.3), if it says so.
    #[must_use]
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let value = std::str::from_utf8(self.fields.only("retry-after")?).ok()?;
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            // More than there is room for is a very long time.
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let then = httpdate::parse_http_date(value).ok()?;
        Some(then.duration_since(now).unwrap_or(Duration::ZERO))
    }
}

/// Without what may be secret.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status.code())
            .field("fields", &self.fields.len())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

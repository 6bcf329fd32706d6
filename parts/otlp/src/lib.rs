//! Messages of OTLP (the protocol of OpenTelemetry, version 1) as bytes: spans and log records, written
//! straight from what is borrowed, without a tree of values in between. No IO, no clock.
//!
//! Records are written one behind the other into a buffer ([`Span::write`], [`LogRecord::write`]). A
//! buffer of one sort becomes the body of a request with [`request`]; buffers can be joined before.

mod log_record;
mod proto;
mod request;
mod span;

pub use log_record::{LogRecord, Severity};
pub use proto::{Attributes, Value};
pub use request::{LOGS_CALL, LOGS_PATH, Origin, TRACES_CALL, TRACES_PATH, rejected, request};
pub use span::{Kind, Span, Status};

//! What is sent to a collector, and what it says to it.

use yumen_protobuf::{Parts, nested};

use crate::proto::{Attributes, text};

/// Where a collector takes spans over HTTP, unless it says otherwise.
pub const TRACES_PATH: &str = "/v1/traces";
/// Where a collector takes log records over HTTP, unless it says otherwise.
pub const LOGS_PATH: &str = "/v1/logs";
/// The call of gRPC that takes spans.
pub const TRACES_CALL: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The call of gRPC that takes log records.
pub const LOGS_CALL: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Who made the records: written once, and sent with each batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Origin {
    /// The attributes of the process, and the name and version of what observes in it.
    #[must_use]
    pub fn new(resource: impl FnOnce(&mut Attributes<'_>), name: &str, version: &str) -> Self {
        let (mut attributes, mut scope) = (Vec::new(), Vec::new());
        resource(&mut Attributes::new(&mut attributes, 1));
        text(&mut scope, 1, name.as_bytes());
        text(&mut scope, 2, version.as_bytes());
        Self { resource: attributes, scope }
    }
}

/// The body of a request that brings these records, which are all spans or all log records.
#[must_use]
pub fn request(origin: &Origin, records: &[u8]) -> Vec<u8> {
    /// Tags and lengths around it.
    const FRAME: usize = 64;
    let size = FRAME + origin.resource.len() + origin.scope.len() + records.len();
    let mut out = Vec::with_capacity(size);
    nested(&mut out, 1, |out| {
        nested(out, 1, |out| out.extend_from_slice(&origin.resource));
        nested(out, 2, |out| {
            nested(out, 1, |out| out.extend_from_slice(&origin.scope));
            out.extend_from_slice(records);
        });
    });
    out
}

/// How many records a collector did not take, by its response to a request that went well. What
/// cannot be understood says nothing.
#[must_use]
pub fn rejected(response: &[u8]) -> u64 {
    // partial_success = 1, of which the count is field 1.
    let count = Parts::new(response).bytes(1).and_then(|partial| Parts::new(partial).number(1));
    // A number below zero would be a very large one.
    count.and_then(|count| i64::try_from(count).ok()).map_or(0, i64::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_wrapped() {
        let origin = Origin::new(|attributes| attributes.add("a", "b"), "n", "1");
        let records = b"\x12\x02xy";
        let body = request(&origin, records);
        let expect =
            b"\x0a\x1a\x0a\x0a\x0a\x08\x0a\x01a\x12\x03\x0a\x01b\x12\x0c\x0a\x06\x0a\x01n\x12\x011\x12\x02xy";
        assert_eq!(body, expect);
    }

    #[test]
    fn what_was_not_taken_is_counted() {
        let check = |bytes: &[u8], expect| assert_eq!(rejected(bytes), expect, "{bytes:?}");
        check(b"", 0);
        check(b"\x0a\x02\x08\x07", 7);
        check(b"\x0a\x05\x12\x01x\x08\x07", 7);
        check(b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0);
        check(b"{}", 0);
        check(b"\x0a\x7f", 0);
        check(b"\x08\x07", 0);
    }
}

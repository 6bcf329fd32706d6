//! A log record: one line of a log, with the trace that it belongs to.

use yumen_protobuf::nested;

use crate::proto::{Attributes, Value, any, bytes, fixed32, fixed64, number, text};

/// One line of a log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogRecord<'a> {
    /// When it happened, in nanoseconds since 1970.
    pub time: u64,
    /// When it was seen, in nanoseconds since 1970.
    pub observed: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What is said.
    pub body: Value<'a>,
    /// What sort of event it is; empty if it is none.
    pub event: &'a str,
    /// The trace and the span that it belongs to.
    pub within: Option<([u8; 16], [u8; 8])>,
    /// The flags of W3C Trace Context.
    pub flags: u8,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// All is well.
    Info = 9,
    /// Somebody should look at it.
    Warn = 13,
    /// It went wrong.
    Error = 17,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl LogRecord<'_> {
    /// Writes it behind others.
    pub fn write(&self, out: &mut Vec<u8>, attributes: impl FnOnce(&mut Attributes<'_>)) {
        nested(out, 2, |out| {
            fixed64(out, 1, self.time);
            number(out, 2, self.severity as u64);
            text(out, 3, self.severity.name().as_bytes());
            nested(out, 5, |out| any(out, self.body));
            attributes(&mut Attributes::new(out, 6));
            fixed32(out, 8, u32::from(self.flags));
            if let Some((trace, span)) = &self.within {
                bytes(out, 9, trace);
                bytes(out, 10, span);
            }
            fixed64(out, 11, self.observed);
            text(out, 12, self.event.as_bytes());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_field_by_field() {
        let record = LogRecord {
            time: 1,
            observed: 2,
            severity: Severity::Error,
            body: Value::from("b"),
            event: "e",
            within: Some(([1; 16], [2; 8])),
            flags: 1,
        };
        let mut out = Vec::new();
        record.write(&mut out, |attributes| attributes.add("k", "v"));
        let mut expect =
            b"\x12\x00\x09\x01\0\0\0\0\0\0\0\x10\x11\x1a\x05ERROR\x2a\x03\x0a\x01b".to_vec();
        expect.extend(b"\x32\x08\x0a\x01k\x12\x03\x0a\x01v\x45\x01\0\0\0\x4a\x10");
        expect.extend([1; 16]);
        expect.extend(b"\x52\x08");
        expect.extend([2; 8]);
        expect.extend(b"\x59\x02\0\0\0\0\0\0\0\x62\x01e");
        expect[1] = u8::try_from(expect.len() - 2).unwrap();
        assert_eq!(out, expect);
    }
}

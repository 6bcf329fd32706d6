//! A span: one piece of work of a trace, with its begin and its end.

use yumen_protobuf::nested;

use crate::proto::{Attributes, bytes, fixed32, fixed64, number, text};

/// One piece of work. Ids that are all zeros are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// The trace that it belongs to.
    pub trace: [u8; 16],
    /// Its own id.
    pub id: [u8; 8],
    /// The span that it is a part of.
    pub parent: Option<[u8; 8]>,
    /// Whether that span was another process's.
    pub remote: bool,
    /// The flags of W3C Trace Context.
    pub flags: u8,
    /// The `tracestate` that belongs to it.
    pub state: &'a [u8],
    /// What is done; of low cardinality.
    pub name: &'a [u8],
    /// Its part in a conversation.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub began: u64,
    /// Nanoseconds since 1970.
    pub ended: u64,
    /// Whether it went well.
    pub status: Status<'a>,
}

/// The part of a span in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody else takes part.
    Internal = 1,
    /// It answers.
    Server = 2,
    /// It asks.
    Client = 3,
}

/// Whether a span went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<'a> {
    /// Nothing is said of it.
    Unset,
    /// It failed; why, if there is something to say beyond its attributes.
    Error(&'a str),
}

/// The bits that say that it is known whether the parent is remote, and that it is.
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

impl Span<'_> {
    /// Writes it behind others.
    pub fn write(&self, out: &mut Vec<u8>, attributes: impl FnOnce(&mut Attributes<'_>)) {
        nested(out, 2, |out| {
            bytes(out, 1, &self.trace);
            bytes(out, 2, &self.id);
            text(out, 3, self.state);
            bytes(out, 4, self.parent.as_ref().map_or(&[], |parent| parent));
            text(out, 5, self.name);
            number(out, 6, self.kind as u64);
            fixed64(out, 7, self.began);
            fixed64(out, 8, self.ended);
            attributes(&mut Attributes::new(out, 9));
            if let Status::Error(why) = self.status {
                nested(out, 15, |out| {
                    text(out, 2, why.as_bytes());
                    number(out, 3, 2);
                });
            }
            let remote = if self.remote { REMOTE } else { 0 };
            fixed32(out, 16, u32::from(self.flags) | REMOTE_KNOWN | remote);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_field_by_field() {
        let span = Span {
            trace: [1; 16],
            id: [2; 8],
            parent: Some([3; 8]),
            remote: true,
            flags: 1,
            state: b"a=b",
            name: b"GET",
            kind: Kind::Server,
            began: 1,
            ended: 2,
            status: Status::Error(""),
        };
        let mut out = Vec::new();
        span.write(&mut out, |attributes| attributes.add("k", true_value()));
        let mut expect = vec![0x12, 95, 0x0a, 16];
        expect.extend([1; 16]);
        expect.extend([0x12, 8]);
        expect.extend([2; 8]);
        expect.extend(b"\x1a\x03a=b\x22\x08");
        expect.extend([3; 8]);
        expect.extend(b"\x2a\x03GET\x30\x02\x39\x01\0\0\0\0\0\0\0\x41\x02\0\0\0\0\0\0\0");
        expect.extend(b"\x4a\x07\x0a\x01k\x12\x02\x10\x01\x7a\x02\x18\x02");
        expect.extend([0x85, 0x01, 1, 3, 0, 0]);
        expect[1] = u8::try_from(expect.len() - 2).unwrap();
        assert_eq!(out, expect);
    }

    fn true_value() -> crate::Value<'static> {
        crate::Value::Bool(true)
    }
}

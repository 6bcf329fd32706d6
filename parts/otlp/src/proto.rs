//! Attributes and their values, and fields that are left out when they are empty, as OTLP's messages
//! (proto3) want it.

use yumen_protobuf::nested;

/// What an attribute, or the body of a log record, can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Text. What is not UTF-8 in it is replaced: a collector refuses a whole batch for it.
    Text(&'a [u8]),
    /// Several texts, for header fields that may come more than once.
    Texts(&'a [&'a [u8]]),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.as_bytes())
    }
}

/// Takes the attributes of one record.
#[derive(Debug)]
pub struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    field: u32,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, field: u32) -> Self {
        Self { out, field }
    }

    /// Adds one. A key should be added once only.
    pub fn add<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        let value = value.into();
        nested(self.out, self.field, |out| {
            text(out, 1, key.as_bytes());
            nested(out, 2, |out| any(out, value));
        });
    }

    /// Adds one if it is there.
    pub fn add_some<'v>(&mut self, key: &str, value: Option<impl Into<Value<'v>>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }
}

/// What stands in an `AnyValue`. Its fields are written even if they are empty: they tell its sort.
pub(crate) fn any(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Text(value) => put_text(out, 1, value),
        Value::Bool(value) => yumen_protobuf::number(out, 2, u64::from(value)),
        // Negative numbers are sent in two's complement.
        Value::Int(value) => yumen_protobuf::number(out, 3, value.cast_unsigned()),
        Value::Double(value) => yumen_protobuf::double(out, 4, value),
        Value::Texts(values) => nested(out, 5, |out| {
            for value in values {
                nested(out, 1, |out| any(out, Value::Text(value)));
            }
        }),
    }
}

/// Bytes, unless there are none.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        yumen_protobuf::bytes(out, field, value);
    }
}

/// Text, unless it is empty.
pub(crate) fn text(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        put_text(out, field, value);
    }
}

fn put_text(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    match std::str::from_utf8(value) {
        Ok(_) => yumen_protobuf::bytes(out, field, value),
        Err(_) => yumen_protobuf::bytes(out, field, String::from_utf8_lossy(value).as_bytes()),
    }
}

/// A whole number, unless it is zero.
pub(crate) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        yumen_protobuf::number(out, field, value);
    }
}

/// A number of eight bytes, unless it is zero.
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        yumen_protobuf::fixed64(out, field, value);
    }
}

/// A number of four bytes, unless it is zero.
pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        yumen_protobuf::fixed32(out, field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_by_their_sort() {
        let check = |value: Value<'_>, expect: &[u8]| {
            let mut out = Vec::new();
            Attributes::new(&mut out, 9).add("k", value);
            assert_eq!(out.first(), Some(&(9 << 3 | 2)));
            assert_eq!(usize::from(out[1]), out.len() - 2);
            assert_eq!(out[2..5], [0x0a, 1, b'k']);
            assert_eq!(out[5], 0x12);
            assert_eq!(&out[7..], expect, "{value:?}");
        };
        check(Value::from("v"), &[0x0a, 1, b'v']);
        check(Value::from(""), &[0x0a, 0]);
        check(Value::Text(&[0xff]), &[0x0a, 3, 0xef, 0xbf, 0xbd]);
        check(Value::Bool(false), &[0x10, 0]);
        check(Value::Int(1), &[0x18, 1]);
        check(Value::Int(-1), &[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(Value::Double(1.0), &[0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        check(Value::Texts(&[b"v"]), &[0x2a, 5, 0x0a, 3, 0x0a, 1, b'v']);
    }
}

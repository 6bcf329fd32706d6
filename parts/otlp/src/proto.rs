//! The wire format of Protocol Buffers, as far as it is needed to write: tags, numbers, and messages
//! within messages.

/// Bytes that a number may take at most.
const VARINT_MAX: usize = 10;

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
        Value::Bool(value) => {
            tag(out, 2, 0);
            varint(out, u64::from(value));
        }
        Value::Int(value) => {
            tag(out, 3, 0);
            // Negative numbers are sent in two's complement.
            varint(out, u64::from_ne_bytes(value.to_ne_bytes()));
        }
        Value::Double(value) => {
            tag(out, 4, 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Texts(values) => nested(out, 5, |out| {
            for value in values {
                nested(out, 1, |out| any(out, Value::Text(value)));
            }
        }),
    }
}

/// A message within a message.
pub(crate) fn nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, 2);
    let start = out.len();
    write(out);
    // The length stands in front, and is known now.
    let end = out.len();
    varint(out, (end - start) as u64);
    let length = out.len() - end;
    if let Some(all) = out.get_mut(start..) {
        all.rotate_right(length);
    }
}

/// Bytes, unless there are none.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        put_bytes(out, field, value);
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
        Ok(_) => put_bytes(out, field, value),
        Err(_) => put_bytes(out, field, String::from_utf8_lossy(value).as_bytes()),
    }
}

fn put_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A whole number, unless it is zero.
pub(crate) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        tag(out, field, 0);
        varint(out, value);
    }
}

/// A number of eight bytes, unless it is zero.
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        tag(out, field, 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A number of four bytes, unless it is zero.
pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        tag(out, field, 5);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn tag(out: &mut Vec<u8>, field: u32, sort: u32) {
    varint(out, u64::from(field << 3 | sort));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while let rest @ 1.. = value >> 7 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value = rest;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Reads a number, and returns it with what stands behind it.
pub(crate) fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(VARINT_MAX).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(place * 7).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

/// What one field is on the wire.
pub(crate) enum Seen<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// Reads one field: its number, what it is, and what stands behind it.
pub(crate) fn read_field(bytes: &[u8]) -> Option<(u64, Seen<'_>, &[u8])> {
    let (tag, rest) = read_varint(bytes)?;
    let (seen, rest) = match tag & 7 {
        0 => read_varint(rest).map(|(value, rest)| (Seen::Number(value), rest))?,
        1 => (Seen::Other, rest.get(8..)?),
        2 => {
            let (length, rest) = read_varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Seen::Bytes(value), rest)
        }
        5 => (Seen::Other, rest.get(4..)?),
        _ => return None,
    };
    Some((tag >> 3, seen, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_read() {
        for (value, length) in
            [(0, 1), (127, 1), (128, 2), (300, 2), (u64::from(u32::MAX), 5), (u64::MAX, 10)]
        {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out.len(), length, "{value}");
            assert_eq!(read_varint(&out), Some((value, &[][..])));
        }
        assert_eq!(read_varint(&[0x80; 20]), None);
        assert_eq!(read_varint(&[]), None);
    }

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

    #[test]
    fn a_long_message_has_a_long_length() {
        let mut out = vec![7];
        nested(&mut out, 1, |out| out.extend_from_slice(&[9; 300]));
        assert_eq!(out[..4], [7, 0x0a, 0xac, 2]);
        assert_eq!(out[4..], [9; 300]);
    }
}

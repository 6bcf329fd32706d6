//! Fields, appended to a buffer. Each is written as it is, also if it is zero or empty; whether that is
//! left out is for the message to say.

/// Wire types.
const NUMBER: u32 = 0;
const EIGHT_BYTES: u32 = 1;
const BYTES: u32 = 2;
const FOUR_BYTES: u32 = 5;

/// A whole number.
pub fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, NUMBER);
    varint(out, value);
}

/// A number with a fraction.
pub fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    tag(out, field, EIGHT_BYTES);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A whole number of eight bytes.
pub fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, EIGHT_BYTES);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A whole number of four bytes.
pub fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, FOUR_BYTES);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Bytes, or text, which must be UTF-8.
pub fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A message within a message.
pub fn nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
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

/// A number of seven bits a byte, without a field.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while let rest @ 1.. = value >> 7 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value = rest;
    }
    out.push(value.to_le_bytes()[0]);
}

/// A number with a sign as one without: small ones are short, whatever their sign.
#[must_use]
pub fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn tag(out: &mut Vec<u8>, field: u32, sort: u32) {
    varint(out, u64::from(field << 3 | sort));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_has_a_long_length() {
        let mut out = vec![7];
        nested(&mut out, 1, |out| out.extend_from_slice(&[9; 300]));
        assert_eq!(out[..4], [7, 0x0a, 0xac, 2]);
        assert_eq!(out[4..], [9; 300]);
    }

    #[test]
    fn fields_are_written_by_their_sort() {
        let check = |write: fn(&mut Vec<u8>), expect: &[u8]| {
            let mut out = Vec::new();
            write(&mut out);
            assert_eq!(out, expect);
        };
        check(|out| number(out, 1, 0), &[0x08, 0]);
        check(|out| number(out, 16, 300), &[0x80, 0x01, 0xac, 0x02]);
        check(|out| double(out, 2, 1.0), &[0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        check(|out| fixed64(out, 3, 1), &[0x19, 1, 0, 0, 0, 0, 0, 0, 0]);
        check(|out| fixed32(out, 4, 1), &[0x25, 1, 0, 0, 0]);
        check(|out| bytes(out, 5, b"ab"), &[0x2a, 2, b'a', b'b']);
    }

    #[test]
    fn numbers_with_a_sign_are_short() {
        for (value, expect) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1)] {
            assert_eq!(zigzag(value), expect, "{value}");
        }
    }
}

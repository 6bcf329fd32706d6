//! Foreign bytes made harmless for a log line: capped, and encoded for one of the formats.

/// Most bytes of a foreign value that are logged; the rest is cut and marked with [`CUT`].
pub(crate) const FIELD_BYTES_MAX: usize = 1_024;

/// Stands where a value was cut.
pub(crate) const CUT: &[u8] = b"...";

/// Bytes that are looked at together.
const CHUNK: usize = 16;

const LOWER_HEX: &[u8; 16] = b"0123456789abcdef";
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends bytes so that they cannot leave the quotes they stand in: [`json`] or [`combined`].
pub(crate) trait Escape: Fn(&mut Vec<u8>, &[u8]) {}

impl<F: Fn(&mut Vec<u8>, &[u8])> Escape for F {}

/// Appends a foreign value, capped and escaped.
// In one piece with what it calls: a line has about ten values.
#[inline(always)]
pub(crate) fn field(out: &mut Vec<u8>, value: &[u8], escape: impl Escape) {
    if value.len() > FIELD_BYTES_MAX || !put_plain(out, value) {
        put_odd(out, value, escape);
    }
}

/// Appends one that is long, or not plain.
#[cold]
#[inline(never)]
fn put_odd(out: &mut Vec<u8>, value: &[u8], escape: impl Escape) {
    let (kept, cut) = capped(value);
    escape(out, kept);
    out.extend_from_slice(cut);
}

/// The part of `value` that is logged, and the mark for what is not. Never cuts a character.
pub(crate) fn capped(value: &[u8]) -> (&[u8], &'static [u8]) {
    const CONTINUATIONS_MAX: usize = 3;
    if value.len() <= FIELD_BYTES_MAX {
        return (value, b"");
    }
    let inside_a_character = |end: &usize| value.get(*end).is_some_and(|byte| byte >> 6 == 0b10);
    let end = (FIELD_BYTES_MAX - CONTINUATIONS_MAX..=FIELD_BYTES_MAX)
        .rev()
        .find(|end| !inside_a_character(end))
        .unwrap_or(FIELD_BYTES_MAX);
    (value.get(..end).unwrap_or(value), CUT)
}

/// For the inside of a JSON string. What is no UTF-8 becomes U+FFFD; controls, line separators
/// and marks that reorder text become `\u` escapes, so that no terminal or viewer obeys them.
pub(crate) fn json(out: &mut Vec<u8>, value: &[u8]) {
    if !put_plain(out, value) {
        json_escaped(out, value);
    }
}

#[cold]
#[inline(never)]
fn json_escaped(out: &mut Vec<u8>, value: &[u8]) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            json_character(out, character);
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// As NGINX does: `\xHH` for quotes, backslashes, controls and everything beyond ASCII.
pub(crate) fn combined(out: &mut Vec<u8>, value: &[u8]) {
    if !put_plain(out, value) {
        combined_escaped(out, value);
    }
}

#[cold]
#[inline(never)]
fn combined_escaped(out: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        if is_plain_byte(*byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(b"\\x");
            hex(out, u32::from(*byte), 2, UPPER_HEX);
        }
    }
}

/// Appends a value of printable ASCII without quotes and backslashes, as almost all are, and says so;
/// appends nothing of any other. [`CHUNK`] bytes at a time, which the processor looks at together.
#[inline(always)]
fn put_plain(out: &mut Vec<u8>, value: &[u8]) -> bool {
    let before = out.len();
    let (chunks, rest) = value.as_chunks();
    for chunk in chunks {
        if !is_plain_chunk(chunk) {
            out.truncate(before);
            return false;
        }
        out.extend_from_slice(chunk);
    }
    // A copy with blanks behind it is a chunk too, and is cut to its length again.
    let mut last = [b' '; CHUNK];
    if let Some(room) = last.get_mut(..rest.len()) {
        room.copy_from_slice(rest);
    }
    if !is_plain_chunk(&last) {
        out.truncate(before);
        return false;
    }
    out.extend_from_slice(&last);
    out.truncate(before + value.len());
    true
}

#[inline(always)]
fn is_plain_chunk(chunk: &[u8; CHUNK]) -> bool {
    chunk.iter().filter(|byte| is_plain_byte(**byte)).count() == CHUNK
}

fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')
}

fn json_character(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => json_unit(out, character),
        _ if character.is_control() => json_unit(out, character),
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// `\uHHHH`; every character that comes here has one UTF-16 unit.
fn json_unit(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(b"\\u");
    hex(out, u32::from(character), 4, LOWER_HEX);
}

/// The lowest `width` hexadecimal digits of `number`.
fn hex(out: &mut Vec<u8>, number: u32, width: u32, digits: &[u8; 16]) {
    for place in (0..width).rev() {
        let digit = usize::try_from(number >> (4 * place) & 0xf).unwrap_or(0);
        out.extend(digits.get(digit));
    }
}

#[cfg(test)]
mod tests;

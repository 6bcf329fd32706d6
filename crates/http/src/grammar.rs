//! The characters of RFC 9110 section 5 and RFC 9112: which byte may stand where.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const PATH: u8 = 4;
const QUERY: u8 = 8;
const UNRESERVED: u8 = 16;
const HOST: u8 = 32;
const UNDERSCORE: u8 = 64;

const CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "const table of all bytes"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0_u8; 256];
    let mut at = 0_usize;
    while at < 256 {
        let byte = at as u8;
        let mut class = 0;
        let alphanumeric = byte.is_ascii_alphanumeric();
        if alphanumeric
            || matches!(
                byte,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            )
        {
            class |= TOKEN;
        }
        if byte == b'\t' || (byte >= 0x20 && byte != 0x7f) {
            class |= VALUE;
        }
        if alphanumeric || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            class |= UNRESERVED | HOST;
        }
        if alphanumeric
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
                    | b'@'
                    | b'/'
            )
        {
            class |= PATH;
        }
        if byte > 0x20 && byte < 0x7f && byte != b'#' {
            class |= QUERY;
        }
        if byte == b'_' {
            class |= UNDERSCORE;
        }
        table[at] = class;
        at += 1;
    }
    table
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is always below 256")]
fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Whether this is a token (RFC 9110 section 5.6.2): not empty, token characters only.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is(byte, TOKEN))
}

/// Whether this may be sent as a field value (RFC 9110 section 5.5): no control character but the
/// tab, no CR, LF or NUL, and no white space at either end.
#[must_use]
pub fn is_field_value(bytes: &[u8]) -> bool {
    is_value(bytes)
        && !matches!(bytes.first(), Some(b' ' | b'\t'))
        && !matches!(bytes.last(), Some(b' ' | b'\t'))
}

/// Bytes that are looked at together.
const WORD: usize = size_of::<u64>();
/// One byte in all places of a word.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}
const HIGH_BITS: u64 = all(0x80);

/// Whether a value has no control character but the tab.
#[inline]
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    value_run(bytes) == bytes.len()
}

/// The length of the run of bytes at the front that a value may have. Eight at once: those below
/// the space and DEL are found with the tests for "some byte is less than n" and "some byte is n"
/// of Bit Twiddling Hacks, of which the first place is exact.
#[inline]
pub(crate) fn value_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let below_space = word.wrapping_sub(all(b' ')) & !word;
        let turned = word ^ all(0x7f);
        let delete = turned.wrapping_sub(all(1)) & !turned;
        let found = (below_space | delete) & HIGH_BITS;
        if found != 0 {
            return value_run_from(bytes, index * WORD + found.trailing_zeros() as usize / 8);
        }
    }
    value_run_from(bytes, bytes.len() - rest.len())
}

/// The same, byte by byte: at the end, and behind a tab.
fn value_run_from(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|&&byte| is(byte, VALUE)).count()
}

/// Where the first LF stands.
#[inline]
pub(crate) fn line_feed(bytes: &[u8]) -> Option<usize> {
    /// Lines are short: a search made for long ones would take longer to begin than to find.
    const NEAR: usize = 64;
    let near = bytes.get(..NEAR).unwrap_or(bytes);
    let (words, rest) = near.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let turned = u64::from_le_bytes(*word) ^ all(b'\n');
        let found = turned.wrapping_sub(all(1)) & !turned & HIGH_BITS;
        // Only the first place is exact, and only that is used.
        if found != 0 {
            return Some(index * WORD + found.trailing_zeros() as usize / 8);
        }
    }
    if let Some(place) = rest.iter().position(|&byte| byte == b'\n') {
        return Some(words.len() * WORD + place);
    }
    let far = bytes.get(NEAR..)?;
    memchr::memchr(b'\n', far).map(|place| NEAR + place)
}

/// The length of the run of token characters at the front.
#[inline]
pub(crate) fn token_run(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !is(byte, TOKEN)).unwrap_or(bytes.len())
}

/// The length of the field name at the front, and whether it has an underscore.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is always below 256")]
pub(crate) fn name_run(bytes: &[u8]) -> (usize, bool) {
    let mut seen = 0;
    for (place, &byte) in bytes.iter().enumerate() {
        let class = CLASSES[byte as usize];
        if class & TOKEN == 0 {
            return (place, seen & UNDERSCORE != 0);
        }
        seen |= class;
    }
    (bytes.len(), seen & UNDERSCORE != 0)
}

#[inline]
pub(crate) fn is_path_byte(byte: u8) -> bool {
    is(byte, PATH)
}

#[inline]
pub(crate) fn is_unreserved(byte: u8) -> bool {
    is(byte, UNRESERVED)
}

#[inline]
pub(crate) fn is_host_byte(byte: u8) -> bool {
    is(byte, HOST)
}

pub(crate) fn is_query(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is(byte, QUERY))
}

/// Digits only, no sign, no white space; `None` on anything else or on overflow. (`str::parse`
/// takes a plus sign, which other parsers read differently.)
#[must_use]
pub(crate) fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The value of one hexadecimal digit.
#[inline]
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Without spaces and tabs at both ends.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    while let [head @ .., b' ' | b'\t'] = rest {
        rest = head;
    }
    rest
}

/// The members of a comma-separated list (RFC 9110 section 5.6.1), trimmed; empty members too.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

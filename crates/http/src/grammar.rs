//! The characters of RFC 9110 section 5 and RFC 9112: which byte may stand where.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const PATH: u8 = 4;
const QUERY: u8 = 8;
const UNRESERVED: u8 = 16;
const HOST: u8 = 32;

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

#[inline]
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    // Folded without an early exit, so that the compiler can use wide instructions.
    bytes
        .iter()
        .fold(true, |good, &byte| good & ((byte >= 0x20) | (byte == b'\t')) & (byte != 0x7f))
}

/// Whether a whole head has no control characters but the tab and its line ends. The caller has
/// seen that every LF has a CR before it, and that the head ends with one; here every CR must have
/// an LF behind it. One pass for all fields costs a fraction of a pass for each.
pub(crate) fn is_clean_head(head: &[u8]) -> bool {
    // Folded without an early exit and without sums, so that the compiler can use wide instructions.
    let next = head.get(1..).unwrap_or_default();
    head.iter().zip(next).fold(true, |good, (&byte, &next)| {
        let printable = (byte >= 0x20) & (byte != 0x7f);
        let line_end = ((byte == b'\r') & (next == b'\n')) | (byte == b'\n');
        good & (printable | (byte == b'\t') | line_end)
    })
}

/// The length of the run of token characters at the front.
#[inline]
pub(crate) fn token_run(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !is(byte, TOKEN)).unwrap_or(bytes.len())
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

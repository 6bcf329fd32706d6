//! The one canonical path: what is matched, what policies see, and what is sent.
//!
//! RFC 3986 section 6.2.2, done once and strictly: percent-encoded unreserved characters are
//! decoded, other triplets get upper-case digits, dot segments are resolved, runs of slashes
//! become one. What another server could read in another way is refused: an encoded slash,
//! backslash or NUL, a raw backslash, dot segments with parameters (`..;`), a path that leaves
//! the root, encodings of text that is not UTF-8.

use crate::grammar::{hex, is_path_byte, is_unreserved};
use crate::refusal::Malformed;

/// The most segments a path may have.
const SEGMENTS_MAX: usize = 1024;

/// The canonical form of a path that starts with a slash; `None` if it is canonical as it is.
///
/// # Errors
/// On everything that the module's text says is refused.
pub fn canonical_path(raw: &[u8]) -> Result<Option<String>, Malformed> {
    if raw.first() != Some(&b'/') {
        return Err(Malformed("a path that does not start with a slash"));
    }
    if is_canonical(raw) {
        return Ok(None);
    }
    let decoded = decode(raw)?;
    let path = resolve(&decoded)?;
    // Decoding leaves only ASCII, so this cannot fail.
    String::from_utf8(path).map(Some).map_err(|_not_ascii| Malformed("a path that is not ASCII"))
}

/// Whether there is nothing to decode, resolve or refuse. One pass, no allocation: the common case.
fn is_canonical(raw: &[u8]) -> bool {
    let mut previous = 0;
    let mut segments = 0_usize;
    for &byte in raw {
        if !is_path_byte(byte) || (previous == b'/' && (byte == b'/' || byte == b'.')) {
            return false;
        }
        segments += usize::from(byte == b'/');
        previous = byte;
    }
    segments <= SEGMENTS_MAX
}

/// Decodes what may be decoded and encodes what should have been.
fn decode(raw: &[u8]) -> Result<Vec<u8>, Malformed> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    let mut out = Vec::with_capacity(raw.len() + 16);
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let decoded = match byte {
            b'%' => {
                let value = read_triplet(rest)?;
                rest = rest.get(2..).unwrap_or_default();
                value
            }
            b'\\' => return Err(Malformed("a backslash in the path")),
            b'#' => return Err(Malformed("a fragment in the target")),
            0x21..=0x7e => byte,
            _ => return Err(Malformed("a character that no path has")),
        };
        plain.push(decoded);
        let keep = if byte == b'%' { is_unreserved(decoded) } else { is_path_byte(decoded) };
        if keep {
            out.push(decoded);
        } else {
            out.extend_from_slice(&[b'%', digit(decoded >> 4), digit(decoded)]);
        }
    }
    if std::str::from_utf8(&plain).is_err() {
        return Err(Malformed("a path that is not UTF-8"));
    }
    Ok(out)
}

fn read_triplet(rest: &[u8]) -> Result<u8, Malformed> {
    let high = rest.first().copied().and_then(hex);
    let low = rest.get(1).copied().and_then(hex);
    let (Some(high), Some(low)) = (high, low) else {
        return Err(Malformed("a percent sign without two hexadecimal digits"));
    };
    match high * 16 + low {
        b'/' => Err(Malformed("an encoded slash in the path")),
        b'\\' => Err(Malformed("an encoded backslash in the path")),
        0 => Err(Malformed("an encoded NUL in the path")),
        byte => Ok(byte),
    }
}

/// Resolves dot segments and runs of slashes.
fn resolve(decoded: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut segments: Vec<&[u8]> = Vec::new();
    // Whether the path ends in a slash, as it does behind a dot segment too.
    let mut open = true;
    for segment in decoded.split(|&byte| byte == b'/').skip(1) {
        open = false;
        match segment {
            b"" | b"." => open = true,
            b".." => {
                segments.pop().ok_or(Malformed("a path that leaves the root"))?;
                open = true;
            }
            _ if is_dotted_parameter(segment) => {
                return Err(Malformed("a dot segment with parameters"));
            }
            _ => segments.push(segment),
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(Malformed("a path of too many segments"));
        }
    }
    let mut path = Vec::with_capacity(decoded.len());
    for segment in &segments {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    if open || path.is_empty() {
        path.push(b'/');
    }
    Ok(path)
}

/// `.;x` and `..;x`: some servers drop the parameters and then see a dot segment.
fn is_dotted_parameter(segment: &[u8]) -> bool {
    let name = segment.split(|&byte| byte == b';').next().unwrap_or_default();
    matches!(name, b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expect: &str) {
        let canonical = canonical_path(raw.as_bytes()).unwrap();
        assert_eq!(canonical.as_deref().unwrap_or(raw), expect, "{raw}");
        let again = canonical_path(expect.as_bytes()).unwrap();
        assert_eq!(again.as_deref().unwrap_or(expect), expect, "canonical twice: {raw}");
    }

    #[test]
    fn every_path_has_one_form() {
        for (raw, expect) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/a//b", "/a/b"),
            ("//admin", "/admin"),
            ("/a/./b", "/a/b"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/x/../admin", "/admin"),
            ("/x/%2e%2e/admin", "/admin"),
            ("/x/%2E./admin", "/admin"),
            ("/x/.%2e/admin/", "/admin/"),
            ("/%61dmin", "/admin"),
            ("/%7euser", "/~user"),
            ("/a%20b", "/a%20b"),
            ("/a%c3%a4", "/a%C3%A4"),
            ("/a%3bb", "/a%3Bb"),
            ("/a;b=c", "/a;b=c"),
            ("/a%0d%0ab", "/a%0D%0Ab"),
            ("/%2561", "/%2561"),
            ("/a|b\"{c}", "/a%7Cb%22%7Bc%7D"),
            ("/.hidden", "/.hidden"),
            ("/...", "/..."),
            ("/a..b", "/a..b"),
            ("/api../admin", "/api../admin"),
        ] {
            check(raw, expect);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for raw in [
            "",
            "a",
            "/%2f",
            "/%2F",
            "/%5c",
            "/%00",
            "/a\\b",
            "/..",
            "/../a",
            "/a/../../b",
            "/%",
            "/%2",
            "/%zz",
            "/%u0041",
            "/a b",
            "/a\0",
            "/a\x7f",
            "/..;/a",
            "/x#/../admin",
            "/x/..;a=b/admin",
            "/.;",
            "/%2e%2e;/a",
            "/%ff",
            "/%c0%ae",
            "/%ed%a0%80",
            "/ä",
        ] {
            assert!(canonical_path(raw.as_bytes()).is_err(), "{raw:?}");
        }
        let long = "/a".repeat(SEGMENTS_MAX + 1);
        assert!(canonical_path(long.as_bytes()).is_err());
    }
}

//! Paths: one canonical form, with the same meaning.

use yumen_http::canonical_path;

/// Checks one path.
pub fn check(data: &[u8]) {
    let Ok(canonical) = canonical_path(data) else { return };
    let path = canonical.as_deref().map_or(data, str::as_bytes);
    let show = || format!("{} became {}", data.escape_ascii(), path.escape_ascii());
    check_form(path, &show);
    let again = canonical_path(path).unwrap_or_else(|bad| panic!("{bad}: {}", show()));
    assert_eq!(again.as_deref().map_or(path, str::as_bytes), path, "twice: {}", show());
    let decoded = decode(path);
    assert!(std::str::from_utf8(&decoded).is_ok(), "not UTF-8: {}", show());
    assert_eq!(resolve(&decode(data)), decoded, "the meaning changed: {}", show());
}

/// The form of RFC 3986 section 6.2.2, without anything that a server might read otherwise.
fn check_form(path: &[u8], show: &dyn Fn() -> String) {
    assert_eq!(path.first(), Some(&b'/'), "{}", show());
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            let good = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(byte);
            assert!(good, "{}", show());
            continue;
        }
        let digits = tail.get(..2).unwrap_or_else(|| panic!("{}", show()));
        assert!(digits.iter().all(|digit| b"0123456789ABCDEF".contains(digit)), "{}", show());
        let byte = decode(&[b"%", digits].concat())[0];
        assert!(!byte.is_ascii_alphanumeric() && !b"-._~/\\\0".contains(&byte), "{}", show());
    }
    for segment in path[1..].split(|byte| *byte == b'/').rev().skip(1) {
        assert!(!segment.is_empty(), "an empty segment: {}", show());
    }
    for segment in path.split(|byte| *byte == b'/') {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..", "a dot segment: {}", show());
    }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
    let mut out = Vec::new();
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => match (bytes.next(), bytes.next()) {
                (Some(high), Some(low)) => digit(*high) * 16 + digit(*low),
                _ => panic!("an unfinished triplet was accepted"),
            },
            byte => *byte,
        });
    }
    out
}

/// What a decoded path means: RFC 3986 section 5.2.4, with runs of slashes as one.
fn resolve(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path[1..].split(|byte| *byte == b'/').peekable();
    let mut ends_open = false;
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"" | b"." => ends_open |= is_last,
            b".." => {
                kept.pop().expect("a path that leaves the root was accepted");
                ends_open |= is_last;
            }
            segment => kept.push(segment),
        }
    }
    let mut out: Vec<u8> = kept.iter().flat_map(|segment| [b"/", *segment].concat()).collect();
    if ends_open || out.is_empty() {
        out.push(b'/');
    }
    out
}

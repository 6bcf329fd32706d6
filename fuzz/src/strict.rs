//! A second, tiny reading of a head, by RFC 9112 alone: no cleverness, no code of the gateway. It
//! panics on whatever is not the grammar, so everything the gateway accepts must pass through it.

use std::collections::BTreeSet;

/// Fields that speak of one connection only (RFC 9110 section 7.6.1) or say where a message ends.
const HOPS: [&str; 8] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
];
/// Fields that nobody can make the gateway lose by naming them in `Connection`.
const KEPT: [&str; 5] = ["host", "authorization", "cookie", "content-type", "cache-control"];

/// A head, cut in lines.
pub(crate) struct Head<'a> {
    pub(crate) start: &'a [u8],
    pub(crate) lines: Vec<(String, &'a [u8])>,
}

/// Where a body ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Unsaid,
    Length(u64),
    Chunked,
}

pub(crate) fn head(bytes: &[u8]) -> Head<'_> {
    let text = bytes.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
    assert!(!bytes.contains(&0), "a NUL in a head");
    for (place, byte) in bytes.iter().enumerate() {
        if *byte == b'\r' {
            assert_eq!(bytes.get(place + 1), Some(&b'\n'), "a bare CR at {place}");
        }
        if *byte == b'\n' {
            assert!(place > 0 && bytes[place - 1] == b'\r', "a bare LF at {place}");
        }
    }
    let mut lines =
        text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let start = lines.next().expect("split gives at least one");
    Head { start, lines: lines.map(line).collect() }
}

/// The name in lower case and the value without white space around it.
pub(crate) fn line(line: &[u8]) -> (String, &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').expect("a field without a colon");
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    assert!(is_token(name), "a field name that is no token: {:?}", name.escape_ascii().to_string());
    for byte in value {
        assert!(
            *byte == b'\t' || (*byte >= b' ' && *byte != 127),
            "a control character in a value"
        );
    }
    (String::from_utf8(name.to_ascii_lowercase()).expect("a token is ASCII"), trim(value))
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let other = b"!#$%&'*+-.^_`|~";
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || other.contains(byte))
}

fn trim(mut value: &[u8]) -> &[u8] {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    while blank(value.first()) {
        value = &value[1..];
    }
    while blank(value.last()) {
        value = &value[..value.len() - 1];
    }
    value
}

impl Head<'_> {
    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        self.lines.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect()
    }

    /// Where the body ends; panics if that is said in two ways or in an odd one.
    pub(crate) fn end(&self) -> End {
        let lengths = self.all("content-length");
        let codings = self.all("transfer-encoding");
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => End::Unsaid,
            ([length], []) => {
                assert!(length.iter().all(u8::is_ascii_digit), "a length that is not digits only");
                let text = std::str::from_utf8(length).expect("digits");
                End::Length(text.parse().expect("a length that is a number"))
            }
            ([], [coding]) => {
                assert!(coding.eq_ignore_ascii_case(b"chunked"), "an unknown transfer coding");
                End::Chunked
            }
            _ => panic!("framing that can be read in two ways"),
        }
    }

    /// Checks what was kept of this head: some of its lines, in their order, as they were; none
    /// that speaks of one connection only; all of those that must not get lost.
    pub(crate) fn check_kept(&self, kept: &[(String, Vec<u8>)]) {
        let mut lines = self.lines.iter();
        for (name, value) in kept {
            let found = lines.any(|(other, line)| other == name && line == value);
            assert!(found, "`{name}` is not in the head, or not in this place");
        }
        let options = self.all("connection");
        let named: BTreeSet<String> = options
            .iter()
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(|option| String::from_utf8_lossy(trim(option)).to_ascii_lowercase())
            .filter(|option| !KEPT.contains(&option.as_str()))
            .collect();
        for (name, _) in kept {
            assert!(!HOPS.contains(&name.as_str()), "`{name}` is for one connection only");
            assert!(!named.contains(name), "`{name}` is named by Connection");
        }
        for name in KEPT.iter().filter(|name| **name != "host") {
            let count = kept.iter().filter(|(other, _)| other == name).count();
            assert_eq!(count, self.all(name).len(), "`{name}` got lost");
        }
    }
}

/// Fields of the gateway in the form in which they are compared here.
pub(crate) fn lines(fields: &yumen_http::Fields) -> Vec<(String, Vec<u8>)> {
    let line = |(name, value): (&[u8], &[u8])| {
        (String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec())
    };
    fields.iter().map(line).collect()
}

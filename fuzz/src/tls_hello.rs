//! The first message of TLS: the same in any pieces, with the name that a plain reading finds.

use yumen_tls::Hello;

use crate::pieces::{Dice, pieces};

/// What came of reading.
#[derive(Debug, PartialEq)]
enum Read {
    /// More has to come.
    Unfinished,
    /// This is no TLS.
    Refused,
    /// The name that is asked for.
    Greeted(Option<String>),
}

/// Checks one stream of bytes as the start of a client's connection.
pub fn check(data: &[u8]) {
    let mut dice = Dice::of(data);
    let whole = read(&[data]);
    for longest in [1, 7, 300] {
        let cut = read(&pieces(data, longest, &mut dice));
        assert_eq!(cut, whole, "in pieces of up to {longest}");
    }
    let Read::Greeted(name) = whole else { return };
    let names = names(data).expect("a greeting that a plain reading does not find");
    let Some(name) = name else {
        // What is no host name is not taken for one.
        assert!(names.iter().all(|name| !is_host(name)), "{names:?} are not seen");
        return;
    };
    assert_eq!(names.len(), 1, "a name out of several: {names:?}");
    assert_eq!(names[0].to_ascii_lowercase(), name);
    assert!(!name.is_empty() && name.len() <= 255);
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!(name.bytes().all(|byte| good(byte) || b"-_.".contains(&byte)), "{name:?}");
    assert!(name.parse::<std::net::IpAddr>().is_err(), "an address: {name}");
}

fn read(pieces: &[&[u8]]) -> Read {
    let mut hello = Hello::default();
    for piece in pieces {
        match hello.take(piece) {
            Ok(Some(greeting)) => return Read::Greeted(greeting.server_name),
            Ok(None) => {}
            Err(_) => return Read::Refused,
        }
    }
    Read::Unfinished
}

/// Letters, digits and dashes between dots, and not a number at the end.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    name.len() < 254
        && name.split('.').all(label)
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The host names in the first handshake message (RFC 8446 section 4.1.2, RFC 6066 section 3), by
/// lengths alone; `None` if it is not there as a whole.
fn names(data: &[u8]) -> Option<Vec<String>> {
    let mut rest = data;
    let mut message = Vec::new();
    // Records, until the message is whole.
    loop {
        let (head, behind) = rest.split_at_checked(5)?;
        let [22, _, _, high, low] = *head else { return None };
        let (piece, after) =
            behind.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        message.extend_from_slice(piece);
        rest = after;
        if let [1, a, b, c, body @ ..] = message.as_slice() {
            let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?;
            if let Some(hello) = body.get(..length) {
                return names_of(hello);
            }
        }
    }
}

fn names_of(hello: &[u8]) -> Option<Vec<String>> {
    let mut rest = hello.get(2 + 32..)?;
    take(&mut rest, 1)?;
    take(&mut rest, 2)?;
    take(&mut rest, 1)?;
    let mut names = Vec::new();
    if rest.is_empty() {
        return Some(names);
    }
    let mut extensions = take(&mut rest, 2)?;
    while !extensions.is_empty() {
        let (kind, behind) = extensions.split_at_checked(2)?;
        extensions = behind;
        let mut extension = take(&mut extensions, 2)?;
        if kind != [0, 0] {
            continue;
        }
        let mut list = take(&mut extension, 2)?;
        while let Some((kind, behind)) = list.split_first() {
            list = behind;
            let name = take(&mut list, 2)?;
            if *kind == 0 {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    Some(names)
}

/// What stands behind a length of so many bytes.
fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_at_checked(bytes)?;
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (taken, after) = behind.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

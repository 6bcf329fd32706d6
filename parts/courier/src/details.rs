//! What a server of gRPC says of the time after which it wants to be asked again: a `RetryInfo` among
//! the details of a status. Of protocol buffers, as much as that takes.

use std::time::Duration;

use data_encoding::BASE64_NOPAD;

/// The longest text of details that is looked at, in bytes.
const TEXT_MAX: usize = 16 * 1024;
/// What the details are called in which the time stands.
const RETRY_INFO: &[u8] = b"/google.rpc.RetryInfo";

/// The time in a field `grpc-status-details-bin`, if it says one.
pub(crate) fn retry_after(text: &[u8]) -> Option<Duration> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let end = text.iter().position(|&byte| byte == b'=').unwrap_or(text.len());
    let status = BASE64_NOPAD.decode(text.get(..end)?).ok()?;
    // google.rpc.Status: details = 3, each an Any: type_url = 1, value = 2.
    let mut details = Parts(&status).filter_map(|(number, part)| part.bytes_of(number, 3));
    let info = details.find_map(|any| {
        let find = |wanted| Parts(any).find_map(|(number, part)| part.bytes_of(number, wanted));
        find(1).filter(|url| url.ends_with(RETRY_INFO)).and_then(|_| find(2))
    })?;
    // RetryInfo: retry_delay = 1, a Duration: seconds = 1, nanos = 2.
    let delay = Parts(info).find_map(|(number, part)| part.bytes_of(number, 1))?;
    let number = |wanted| Parts(delay).find_map(|(number, part)| part.number_of(number, wanted));
    let (seconds, nanos) = (number(1).unwrap_or(0), number(2).unwrap_or(0));
    // A negative time is a very large number here.
    i64::try_from(seconds).ok()?;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

/// What stands in a message of protocol buffers, up to its end or to what is none.
struct Parts<'a>(&'a [u8]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Numbers of a fixed size: none of ours.
    Other,
}

impl<'a> Part<'a> {
    fn bytes_of(self, number: u64, wanted: u64) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) if number == wanted => Some(bytes),
            _ => None,
        }
    }

    fn number_of(self, number: u64, wanted: u64) -> Option<u64> {
        match self {
            Self::Number(value) if number == wanted => Some(value),
            _ => None,
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = (u64, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = varint(self.0)?;
        let (part, rest) = match tag & 7 {
            0 => varint(rest).map(|(value, rest)| (Part::Number(value), rest))?,
            1 => (Part::Other, rest.get(8..)?),
            2 => {
                let (length, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Part::Bytes(bytes), rest)
            }
            5 => (Part::Other, rest.get(4..)?),
            _ => return None,
        };
        self.0 = rest;
        Some((tag >> 3, part))
    }
}

/// A number of seven bits a byte, and what stands behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    /// Bytes of the largest number.
    const LENGTH_MAX: usize = 10;
    let mut value = 0;
    for (place, byte) in bytes.iter().take(LENGTH_MAX).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * place).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;

    fn bytes(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    /// A status as a server makes it, with this duration inside.
    fn details(duration: &[u8]) -> Vec<u8> {
        let info = bytes(1, duration);
        let debug = [bytes(1, b"type.googleapis.com/google.rpc.DebugInfo"), bytes(2, b"\x0a\x01x")];
        let retry = [bytes(1, b"type.googleapis.com/google.rpc.RetryInfo"), bytes(2, &info)];
        let code = b"\x08\x08".to_vec();
        [code, bytes(2, b"busy"), bytes(3, &debug.concat()), bytes(3, &retry.concat())].concat()
    }

    #[test]
    fn the_time_is_found() {
        let check = |duration: &[u8], expect| {
            let text = BASE64.encode(&details(duration));
            assert_eq!(retry_after(text.as_bytes()), expect, "{duration:?}");
            assert_eq!(retry_after(text.trim_end_matches('=').as_bytes()), expect, "{duration:?}");
        };
        check(b"\x08\x05", Some(Duration::from_secs(5)));
        check(b"\x08\x96\x01\x10\x80\xca\xb5\xee\x01", Some(Duration::from_millis(150_500)));
        check(b"", Some(Duration::ZERO));
        // -1 second
        check(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None);
        check(b"\x10\x80\x94\xeb\xdc\x03", None);
    }

    #[test]
    fn what_is_no_message_says_nothing() {
        let good = details(b"\x08\x05");
        for cut in 0..good.len() {
            assert_eq!(retry_after(BASE64.encode(&good[..cut]).as_bytes()), None, "{cut}");
        }
        for text in ["", "=", "!", "CAUSAA==", "AAAA", "////////////////////"] {
            assert_eq!(retry_after(text.as_bytes()), None, "{text}");
        }
        assert_eq!(retry_after(&vec![b'A'; TEXT_MAX + 1]), None);
        // Every byte once in every place.
        for place in 0..good.len() {
            for byte in 0..=255 {
                let mut bad = good.clone();
                bad[place] = byte;
                retry_after(BASE64.encode(&bad).as_bytes());
            }
        }
    }
}

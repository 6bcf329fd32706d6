//! What a server of gRPC says of the time after which it wants to be asked again: a `RetryInfo` among
//! the details of a status.

use std::time::Duration;

use data_encoding::BASE64_NOPAD;
use yumen_protobuf::Parts;

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
    let info = Parts::new(&status).all_bytes(3).find_map(|any| {
        let any = Parts::new(any);
        any.clone().bytes(1).filter(|url| url.ends_with(RETRY_INFO)).and_then(|_| any.bytes(2))
    })?;
    // RetryInfo: retry_delay = 1, a Duration: seconds = 1, nanos = 2.
    let delay = Parts::new(Parts::new(info).bytes(1)?);
    let (seconds, nanos) = (delay.clone().number(1).unwrap_or(0), delay.number(2).unwrap_or(0));
    // A negative time is a very large number here.
    i64::try_from(seconds).ok()?;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
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

//! What gRPC says in the fields of HTTP/2: whether a request is one, how long it may take, and how
//! it ended.

use std::time::Duration;

use crate::grammar::digits;
use crate::request::{RequestHead, Version};

/// The status of a call that took too long.
pub const DEADLINE_EXCEEDED: u8 = 4;

/// The names of the statuses that calls end with, by number from 0.
const STATUS_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The name of a status, as gRPC writes it; `None` if there is no such status.
#[must_use]
pub fn status_name(status: u64) -> Option<&'static str> {
    STATUS_NAMES.get(usize::try_from(status).ok()?).copied()
}

/// The most digits of a timeout, and what they cannot say any more.
const DIGITS_MAX: usize = 8;
const NUMBER_END: u64 = 100_000_000;
/// Units of a timeout, in nanoseconds, the finest first.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// Whether a request is a call of gRPC, which wants failures told its own way.
#[must_use]
pub fn is_call(head: &RequestHead) -> bool {
    head.version() == Version::Http2 && head.fields().first("content-type").is_some_and(is_kind)
}

/// Whether a `content-type` is that of gRPC.
#[must_use]
pub fn is_kind(kind: &[u8]) -> bool {
    const KIND: &[u8] = b"application/grpc";
    let rest = kind.get(KIND.len()..).unwrap_or_default();
    kind.get(..KIND.len()).is_some_and(|start| start.eq_ignore_ascii_case(KIND))
        && matches!(rest, [] | [b'+' | b';', ..])
}

/// How long a call may take, if its client says so and it can be understood.
#[must_use]
pub fn timeout(head: &RequestHead) -> Option<Duration> {
    if !is_call(head) {
        return None;
    }
    read_timeout(head.fields().only("grpc-timeout")?)
}

fn read_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, number) = value.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(name, _)| name == unit)?;
    let number = digits(number).filter(|_| number.len() <= DIGITS_MAX)?;
    Some(Duration::from_nanos(number.saturating_mul(*nanos)))
}

/// A timeout as it is passed on: as exact as eight digits can say it, never longer than it is.
#[must_use]
pub fn write_timeout(left: Duration) -> String {
    let nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    let fits = |(_, size): &&(u8, u64)| nanos / size < NUMBER_END;
    let (unit, size) = UNITS.iter().find(fits).copied().unwrap_or((b'H', u64::MAX));
    format!("{}{}", nanos / size, char::from(unit))
}

/// How a call ended, as a field says it.
#[must_use]
pub fn read_status(value: &[u8]) -> Option<u8> {
    digits(value).and_then(|code| u8::try_from(code).ok())
}

/// The status of HTTP that says the same as that of a call, so that both are judged by one measure. A
/// number that is none is taken for `UNKNOWN`, as clients do.
#[must_use]
pub fn http_status(status: u8) -> u16 {
    match status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        DEADLINE_EXCEEDED => 504,
        // A method that is not there is the caller's mistake, or anybody could have a service taken
        // for broken. Google's own table has 501.
        5 | 12 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// How long a service asks to be left alone before a call is sent to it again, in milliseconds;
/// `None` if it asks not to be sent it at all: whatever is no such number means that.
#[must_use]
pub fn read_pushback(value: &[u8]) -> Option<Duration> {
    digits(value).map(Duration::from_millis)
}

/// A sentence as `grpc-message` has it: percent-encoded, but for what can be printed.
#[must_use]
pub fn encode_message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_and_written() {
        let check = |text: &str, expect: Option<Duration>| {
            assert_eq!(read_timeout(text.as_bytes()), expect, "{text}");
        };
        check("1H", Some(Duration::from_secs(3600)));
        check("2M", Some(Duration::from_secs(120)));
        check("10S", Some(Duration::from_secs(10)));
        check("250m", Some(Duration::from_millis(250)));
        check("99999999u", Some(Duration::from_micros(99_999_999)));
        check("1n", Some(Duration::from_nanos(1)));
        check("0m", Some(Duration::ZERO));
        for bad in ["", "S", "10", "1s", "+1S", "-1S", "1.5S", "100000000S", "1 S"] {
            check(bad, None);
        }
        for (left, expect) in [
            (Duration::ZERO, "0n"),
            (Duration::from_millis(99), "99000000n"),
            (Duration::from_millis(250), "250000u"),
            (Duration::from_secs(10), "10000000u"),
            (Duration::from_secs(3600), "3600000m"),
            (Duration::from_secs(1_000_000), "1000000S"),
            (Duration::from_nanos(999_999_999), "999999u"),
        ] {
            assert_eq!(write_timeout(left), expect);
            let back = read_timeout(expect.as_bytes()).unwrap();
            assert!(back <= left && left - back < Duration::from_millis(1), "{expect}");
        }
        let long = write_timeout(Duration::MAX);
        assert!(read_timeout(long.as_bytes()).is_some(), "{long}");
    }

    #[test]
    fn messages_are_encoded() {
        assert_eq!(encode_message("No route matches."), "No route matches.");
        assert_eq!(encode_message("100%\nä"), "100%25%0A%C3%A4");
    }

    #[test]
    fn a_pushback_that_is_no_time_means_never() {
        for (text, expect) in [
            ("0", Some(Duration::ZERO)),
            ("250", Some(Duration::from_millis(250))),
            ("-1", None),
            ("", None),
            ("soon", None),
            ("1.5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(read_pushback(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn statuses_of_calls_are_judged_like_those_of_http() {
        let failed: Vec<u8> = (0..=17).filter(|status| http_status(*status) >= 500).collect();
        assert_eq!(failed, [2, 4, 13, 14, 15, 17]);
        let overloaded: Vec<u8> =
            (0..=17).filter(|status| matches!(http_status(*status), 429 | 503)).collect();
        assert_eq!(overloaded, [8, 14]);
        assert_eq!(http_status(0), 200);
    }

    #[test]
    fn statuses_are_read() {
        for (text, expect) in
            [("0", Some(0)), ("16", Some(16)), ("", None), ("x", None), ("256", None)]
        {
            assert_eq!(read_status(text.as_bytes()), expect, "{text}");
        }
    }
}

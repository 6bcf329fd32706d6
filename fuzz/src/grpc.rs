//! What gRPC says in fields: kinds, times, messages and statuses, as a second reading has them.

use std::time::Duration;

use yumen_http::{HeadLimits, Pseudo, RequestHead, Version, grpc};

const LIMITS: HeadLimits = HeadLimits { head: 1 << 14, target: 512, field: 1 << 14, fields: 8 };

/// Checks lines: a content type, a timeout, and anything.
pub fn check(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (kind, timeout) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let rest = lines.next().unwrap_or_default();
    check_call(kind, timeout);
    check_message(&String::from_utf8_lossy(rest));
    let status = std::str::from_utf8(timeout).ok().filter(|text| !text.starts_with('+'));
    let status = status.and_then(|text| text.parse::<u8>().ok());
    // So many digits are no number.
    if timeout.len() < 10 {
        assert_eq!(grpc::read_status(timeout), status);
    }
    let nanos = rest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    check_writing(Duration::from_nanos(nanos));
}

fn call(version: Version, kind: &[u8], timeouts: &[&[u8]]) -> Option<RequestHead> {
    let pseudo = Pseudo {
        version,
        method: "POST",
        scheme: Some("http"),
        authority: Some("a"),
        path: Some("/pkg.Service/Method"),
        protocol: None,
        ended: false,
    };
    let timeouts = timeouts.iter().map(|timeout| ("grpc-timeout", *timeout));
    let fields = std::iter::once(("content-type", kind)).chain(timeouts);
    RequestHead::assemble(&pseudo, fields, &LIMITS).ok()
}

fn check_call(kind: &[u8], timeout: &[u8]) {
    let Some(head) = call(Version::Http2, kind, &[timeout]) else { return };
    let lower = kind.to_ascii_lowercase();
    let is_call = lower
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| rest.first().is_none_or(|byte| b"+;".contains(byte)));
    assert_eq!(grpc::is_call(&head), is_call, "{}", kind.escape_ascii());
    let read = grpc::timeout(&head);
    assert_eq!(read, second(timeout).filter(|_| is_call), "{}", timeout.escape_ascii());
    if let Some(time) = read {
        check_writing(time);
    }
    // Of two times none counts; and it is not spoken elsewhere.
    let twice = call(Version::Http2, kind, &[timeout, timeout]).expect("as good as one");
    assert_eq!(grpc::timeout(&twice), None);
    let elsewhere = call(Version::Http3, kind, &[timeout]).expect("as good");
    assert!(!grpc::is_call(&elsewhere));
}

/// One to eight digits and a unit.
fn second(timeout: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(timeout).ok()?;
    let number = text.trim_end_matches(|unit: char| !unit.is_ascii_digit());
    if number.len() + 1 != text.len() || !(1..=8).contains(&number.len()) {
        return None;
    }
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u32 = number.parse().ok()?;
    let unit = match text.as_bytes().last()? {
        b'H' => Duration::from_secs(3600),
        b'M' => Duration::from_secs(60),
        b'S' => Duration::from_secs(1),
        b'm' => Duration::from_millis(1),
        b'u' => Duration::from_micros(1),
        b'n' => Duration::from_nanos(1),
        _ => return None,
    };
    let nanos = unit.as_nanos() * u128::from(count);
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// What is passed on is never longer than there is, and nearly as long.
fn check_writing(left: Duration) {
    let text = grpc::write_timeout(left);
    assert!(text.len() <= 9, "{text}");
    let back = second(text.as_bytes()).unwrap_or_else(|| panic!("{text} of {left:?}"));
    assert!(back <= left, "{text} of {left:?}");
    assert!(left - back <= left / 100_000, "{text} of {left:?}");
}

/// A sentence can be sent in a field, and is read as what it was.
fn check_message(text: &str) {
    let encoded = grpc::encode_message(text);
    let mut bytes = encoded.bytes();
    let mut back = Vec::new();
    while let Some(byte) = bytes.next() {
        assert!((b' '..=b'~').contains(&byte), "{encoded:?}");
        if byte != b'%' {
            back.push(byte);
            continue;
        }
        let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
        let digits = std::str::from_utf8(&digits).expect("digits");
        back.push(u8::from_str_radix(digits, 16).expect("digits"));
    }
    assert_eq!(back, text.as_bytes());
}

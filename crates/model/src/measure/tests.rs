use std::time::Duration;

use super::{Bytes, Refusal, Span};

#[test]
fn spans_are_read_and_written() {
    let check = |text: &str, expect: Result<(u64, &str), Refusal>| {
        let read = text.parse::<Span>();
        let millis = |span: Span| span.get().map_or(0, |time| time.as_millis().try_into().unwrap());
        let written = read.map(|span| (millis(span), span.to_string()));
        assert_eq!(written, expect.map(|(n, text)| (n, text.to_owned())), "{text}");
        if let Ok(span) = read {
            assert_eq!(span.to_string().parse(), Ok(span));
            let json = serde_json::to_string(&span).unwrap();
            assert_eq!(serde_json::from_str::<Span>(&json).unwrap(), span);
        }
    };
    check("10s", Ok((10_000, "10s")));
    check("500ms", Ok((500, "500ms")));
    check("2m", Ok((120_000, "2m")));
    check("90s", Ok((90_000, "90s")));
    check("60s", Ok((60_000, "1m")));
    check("1h", Ok((3_600_000, "1h")));
    check("1500 ms", Ok((1500, "1500ms")));
    check("off", Ok((0, "off")));
    check("8760h", Ok((31_536_000_000, "8760h")));
    check("8761h", Err(Refusal::TooLarge));
    check("18446744073709551615h", Err(Refusal::TooLarge));
    check("0s", Err(Refusal::Zero));
    check("10", Err(Refusal::NoUnit));
    for wrong in
        ["", "s", "-1s", "1.5s", "1d", "1S", "1m30s", "Off", " 1s", "99999999999999999999s"]
    {
        check(wrong, Err(Refusal::Form));
    }
    assert_eq!(Span::OFF.get(), None);
    assert_eq!(Span::seconds(2).get(), Some(Duration::from_secs(2)));
    assert_eq!(Span::millis(2).get(), Some(Duration::from_millis(2)));
}

#[test]
fn bytes_are_read_and_written() {
    let check = |text: &str, expect: Result<(u64, &str), Refusal>| {
        let read = text.parse::<Bytes>();
        let written = read.map(|bytes| (bytes.0, bytes.to_string()));
        assert_eq!(written, expect.map(|(n, text)| (n, text.to_owned())), "{text}");
        if let Ok(bytes) = read {
            assert_eq!(bytes.to_string().parse(), Ok(bytes));
            let json = serde_json::to_string(&bytes).unwrap();
            assert_eq!(serde_json::from_str::<Bytes>(&json).unwrap(), bytes);
        }
    };
    check("8KiB", Ok((8192, "8KiB")));
    check("8192", Ok((8192, "8KiB")));
    check("10MiB", Ok((10 << 20, "10MiB")));
    check("1GiB", Ok((1 << 30, "1GiB")));
    check("10MB", Ok((10_000_000, "10MB")));
    check("64 kB", Ok((64_000, "64kB")));
    check("100B", Ok((100, "100B")));
    check("0", Ok((0, "0B")));
    check("18446744073709551615", Ok((u64::MAX, "18446744073709551615B")));
    check("17179869184GiB", Err(Refusal::TooLarge));
    for wrong in ["1kib", "1K", "1.5MiB", "1 mb"] {
        check(wrong, Err(Refusal::Unit));
    }
    for wrong in ["", "KiB", "-1", "1_000x"] {
        assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
    }
    assert_eq!(serde_json::from_str::<Bytes>("512").unwrap(), Bytes(512));
    assert_eq!((Bytes::kib(2), Bytes::mib(1)), (Bytes(2048), Bytes(1_048_576)));
}

//! Answer heads: read in one way only, written so that the client reads the same.

use yumen_http::{Delivery, Framing, HeadIndex, HeadLimits, Method, ResponseHead};

use crate::pieces::Dice;
use crate::strict::{self, End};

const LIMITS: HeadLimits = HeadLimits { head: 1 << 16, target: 4096, field: 1 << 16, fields: 256 };

/// Checks one stream of bytes as what a service answers.
pub fn check(data: &[u8]) {
    let mut index = HeadIndex::default();
    let found = index.find(data, &LIMITS);
    // Nothing that reaches this function in the gateway, but it must not panic either.
    for strange in [index.clone(), HeadIndex::default()] {
        let _: Option<Box<ResponseHead>> = ResponseHead::read(data, strange).ok();
    }
    let Ok(Some(length)) = found else { return };
    let bytes = &data[..length];
    let Ok(head) = ResponseHead::read(bytes, index) else { return };
    check_reading(bytes, &head);
    check_writing(&head, &mut Dice::of(data));
}

fn check_reading(bytes: &[u8], head: &ResponseHead) {
    let strict = strict::head(bytes);
    let (version, rest) = strict.start.split_at(8);
    assert!(version == b"HTTP/1.1" || version == b"HTTP/1.0");
    assert_eq!(rest[0], b' ');
    assert!(rest[1..4].iter().all(u8::is_ascii_digit) && matches!(rest.get(4), None | Some(b' ')));
    assert!(rest.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127)));
    assert_eq!(head.status().code().to_string().as_bytes(), &rest[1..4]);
    let kept = strict::lines(head.fields());
    strict.check_kept(&kept);
    for (name, _) in &kept {
        assert!(!["server", "x-powered-by", "via"].contains(&name.as_str()), "`{name}` was kept");
    }
    assert_eq!(head.body_framing(&Method::Head), Framing::None);
    if head.status().is_bodiless() {
        assert_eq!(head.body_framing(&Method::Get), Framing::None);
        return;
    }
    let end = match head.body_framing(&Method::Get) {
        Framing::UntilClose => End::Unsaid,
        Framing::Length(length) => End::Length(length),
        Framing::Chunked => End::Chunked,
        Framing::None => panic!("an answer that has a body"),
    };
    assert!(end != End::Chunked || version == b"HTTP/1.1");
    assert_eq!(end, strict.end());
}

/// Reads what is written for a client.
pub(crate) fn check_writing(head: &ResponseHead, dice: &mut Dice) {
    let framing = head.body_framing(&Method::Get);
    let close = dice.is_even() || framing == Framing::UntilClose;
    let keep_alive = dice.is_even();
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    let mut out = Vec::new();
    if head.status().is_interim() && !head.is_websocket() {
        head.write_interim(&mut out);
    } else {
        head.write(&mut out, &Delivery { framing, close, keep_alive, date });
    }
    let show = || out.escape_ascii().to_string();
    let mut index = HeadIndex::default();
    assert_eq!(index.find(&out, &LIMITS).ok(), Some(Some(out.len())), "{}", show());
    let again = ResponseHead::read(&out, index).unwrap_or_else(|bad| panic!("{bad}: {}", show()));
    check_reading(&out, &again);
    assert_eq!(again.status(), head.status());
    assert_eq!(again.body_framing(&Method::Get), framing, "{}", show());
    assert_eq!(again.is_websocket(), head.is_websocket(), "{}", show());
    if !head.status().is_interim() {
        assert_eq!(again.is_kept_alive(), !close, "{}", show());
    }
    let before = strict::lines(head.fields());
    let after = strict::lines(again.fields());
    assert_eq!(after.get(..before.len()), Some(&before[..]), "{}", show());
    let added: Vec<&str> = after[before.len()..].iter().map(|(name, _)| name.as_str()).collect();
    let is_dated = before.iter().any(|(name, _)| name == "date");
    let expect: &[&str] = if is_dated || (head.status().is_interim() && !head.is_websocket()) {
        &[]
    } else {
        &["date"]
    };
    assert_eq!(added, expect, "{}", show());
}

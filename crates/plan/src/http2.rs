//! Checks what a listener says of HTTP/2; the bounds hold for HTTP/3 too.

use yumen_model::report::Report;
use yumen_model::{Bytes, Http2};

/// Streams of one connection that make sense: beyond, one client could keep a worker busy.
const STREAMS: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Windows that make sense: smaller ones carry next to nothing, larger ones hold the memory of
/// whoever may fill them.
const WINDOW: (Bytes, Bytes) = (Bytes::kib(1), Bytes::mib(16));
/// The protocol begins with 64 KiB less a byte and has no way to make it less.
const CONNECTION_WINDOW: (Bytes, Bytes) = (Bytes::kib(64), Bytes::mib(1024));

/// What a connection may hold at a time, of HTTP/2 and of HTTP/3.
pub(crate) struct Room {
    pub(crate) streams: u32,
    pub(crate) window: Bytes,
    pub(crate) connection_window: Bytes,
}

/// Names every setting that is out of its bounds.
pub(crate) fn check(http2: &Http2, at: &str, report: &mut Report) {
    let Http2 { streams, window, connection_window, .. } = *http2;
    check_room(&Room { streams, window, connection_window }, at, report);
}

/// Names what is out of its bounds.
pub(crate) fn check_room(room: &Room, at: &str, report: &mut Report) {
    if !STREAMS.contains(&room.streams) {
        let (least, most) = (STREAMS.start(), STREAMS.end());
        report
            .error(format!("{at}.streams"), format!("{} is not within its bounds", room.streams))
            .hint(format!("write a number from {least} to {most}"));
    }
    for (name, window, (least, most)) in [
        ("window", room.window, WINDOW),
        ("connection_window", room.connection_window, CONNECTION_WINDOW),
    ] {
        if window.0 < least.0 || window.0 > most.0 {
            report
                .error(format!("{at}.{name}"), format!("{window} is not within its bounds"))
                .hint(format!("write a size from {least} to {most}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept() {
        let good = Http2::default();
        for (http2, expect) in [
            (good.clone(), None),
            (Http2 { streams: 0, ..good.clone() }, Some("at.streams")),
            (Http2 { streams: 10_001, ..good.clone() }, Some("at.streams")),
            (Http2 { window: Bytes(1023), ..good.clone() }, Some("at.window")),
            (Http2 { window: Bytes::mib(17), ..good.clone() }, Some("at.window")),
            (Http2 { connection_window: Bytes::kib(63), ..good }, Some("at.connection_window")),
        ] {
            let mut report = Report::default();
            check(&http2, "at", &mut report);
            let paths: Vec<&str> =
                report.problems().iter().map(|problem| problem.path.as_str()).collect();
            assert_eq!(paths, Vec::from_iter(expect), "{http2:?}");
        }
    }
}

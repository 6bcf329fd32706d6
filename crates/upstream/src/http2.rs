//! HTTP/2 to services: connections that requests share, and one request on one of them.

mod body;
mod head;
mod lane;
mod ping;
mod trunk;
mod trunks;
mod upload;
pub(crate) mod wire;

use std::time::Duration;

use yumen_model::report::Report;
use yumen_model::{Bytes, ServiceHttp2};

pub(crate) use lane::attempt;
pub(crate) use trunks::{Entered, Trunks, enter};

/// Streams of one connection that make sense.
const STREAMS: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Windows that make sense.
const WINDOW: (Bytes, Bytes) = (Bytes::kib(16), Bytes::mib(16));
/// The largest window that there is (RFC 9113 section 6.9.1).
const CONNECTION_WINDOW_MAX: u64 = (1 << 31) - 1;

/// How connections to a service are shared, ready for use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Terms {
    /// Requests under way on one connection.
    pub(crate) streams: u32,
    /// Bytes of one answer that may wait.
    pub(crate) window: u32,
    /// Bytes of all answers that may wait: so many that slow clients do not hold up others.
    pub(crate) connection_window: u32,
    /// The silence before a PING.
    pub(crate) ping: Option<Duration>,
    /// The silence after it.
    pub(crate) ping_timeout: Option<Duration>,
}

impl Terms {
    /// Compiles what a service says; problems go into the report with paths below `at`.
    pub(crate) fn compile(http2: &ServiceHttp2, at: &str, report: &mut Report) -> Self {
        if !STREAMS.contains(&http2.streams) {
            let (least, most) = (STREAMS.start(), STREAMS.end());
            report
                .error(
                    format!("{at}.streams"),
                    format!("{} is not within its bounds", http2.streams),
                )
                .hint(format!("write a number from {least} to {most}"));
        }
        let (least, most) = WINDOW;
        if http2.window.0 < least.0 || http2.window.0 > most.0 {
            report
                .error(format!("{at}.window"), format!("{} is not within its bounds", http2.window))
                .hint(format!("write a size from {least} to {most}"));
        }
        if http2.ping.get().is_some() && http2.ping_timeout.get().is_none() {
            report
                .error(
                    format!("{at}.ping_timeout"),
                    "nobody waits for ever for an answer to a PING",
                )
                .hint("write a time such as `5s`; without PINGs, write `ping: off`");
        }
        let bound = |bytes: u64| u32::try_from(bytes.min(CONNECTION_WINDOW_MAX)).unwrap_or(0);
        Self {
            streams: http2.streams,
            window: bound(http2.window.0),
            connection_window: bound(http2.window.0.saturating_mul(http2.streams.into())),
            ping: http2.ping.get(),
            ping_timeout: http2.ping_timeout.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_model::Span;

    #[test]
    fn bounds_are_kept() {
        let good = ServiceHttp2::default();
        for (http2, expect) in [
            (good.clone(), None),
            (ServiceHttp2 { streams: 0, ..good.clone() }, Some("at.streams")),
            (ServiceHttp2 { streams: 10_001, ..good.clone() }, Some("at.streams")),
            (ServiceHttp2 { window: Bytes::kib(15), ..good.clone() }, Some("at.window")),
            (ServiceHttp2 { window: Bytes::mib(17), ..good.clone() }, Some("at.window")),
            (ServiceHttp2 { ping_timeout: Span::OFF, ..good.clone() }, Some("at.ping_timeout")),
            (ServiceHttp2 { ping: Span::OFF, ping_timeout: Span::OFF, ..good }, None),
        ] {
            let mut report = Report::default();
            Terms::compile(&http2, "at", &mut report);
            let paths: Vec<&str> =
                report.problems().iter().map(|problem| problem.path.as_str()).collect();
            assert_eq!(paths, Vec::from_iter(expect), "{http2:?}");
        }
    }

    #[test]
    fn all_answers_may_wait_at_the_same_time() {
        let check = |streams, window, expect| {
            let http2 = ServiceHttp2 { streams, window, ..ServiceHttp2::default() };
            let terms = Terms::compile(&http2, "at", &mut Report::default());
            assert_eq!(u64::from(terms.connection_window), expect);
        };
        check(100, Bytes::kib(128), 100 * 128 * 1024);
        check(10_000, Bytes::mib(16), CONNECTION_WINDOW_MAX);
    }
}

//! The record of one exchange: everything the access log and the metrics are told about it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use yumen_http::Fields;
use yumen_policy::{Attempts, Decider, Decision, Principal, Secured, Trace};

static NO_ATTEMPTS: Attempts = Attempts::NONE;

/// One exchange after its end, borrowed from whoever served it.
///
/// Bytes may be anything a client or a service sent: every format encodes and caps them. Empty
/// text and `None` mean that there was none. Start from [`Record::default`], so that a field that
/// is added later needs no change where it is not known.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When the first byte of the request was read.
    pub began: SystemTime,
    /// How long the exchange took, and where.
    pub times: Times,
    /// The id that the client, the service and the log share.
    pub request_id: &'a [u8],
    /// Who asked, after trusted proxies were believed. Port 0: not known.
    pub client: SocketAddr,
    /// Name of the listener.
    pub listener: &'a str,
    /// Name of the route; empty when none matched.
    pub route: &'a str,
    /// The route's pattern for paths; empty if it has none, or several.
    pub pattern: &'a str,
    /// Name of the service; empty when none was chosen.
    pub service: &'a str,
    /// The target that answered last, as `host:port`.
    pub target: &'a str,
    /// Method as it was sent.
    pub method: &'a [u8],
    /// Host as it was matched.
    pub host: &'a [u8],
    /// The canonical path, without the query.
    pub path: &'a [u8],
    /// The query without its question mark. Values of secret-looking names are not logged.
    pub query: Option<&'a [u8]>,
    /// Protocol of the client's side, such as `HTTP/1.1`.
    pub protocol: &'a str,
    /// Status that was sent; 0 when no answer was begun.
    pub status: u16,
    /// Who made the answer.
    pub source: Source,
    /// Stable code of the failure, if there was one.
    pub failure: Option<&'a str>,
    /// The operator's part of the reason; never shown to a client.
    pub cause: Option<&'a str>,
    /// The attempts to get an answer from a service; none when it was never asked.
    pub attempts: &'a Attempts,
    /// The policy that answered or refused.
    pub decider: Option<&'a Decider>,
    /// Who called, if a policy found out.
    pub principal: Option<&'a Principal>,
    /// What was decided on the way to the service.
    pub decisions: &'a [Decision],
    /// How a call of gRPC ended.
    pub grpc_status: Option<u8>,
    /// What came from the client.
    pub received: Size,
    /// What went to the client.
    pub sent: Size,
    /// The client's `Referer`. Its query is treated as `query` is.
    pub referer: Option<&'a [u8]>,
    /// The client's `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// Revision of the configuration that the exchange ran under.
    pub revision: u64,
    /// Who went away before the end.
    pub aborted_by: Option<Side>,
    /// Whether the connection became a tunnel (`Upgrade`).
    pub tunnelled: bool,
    /// Its place in a trace, where traces are made.
    pub trace: Option<&'a Trace>,
    /// The fields of the request.
    pub request_fields: Option<&'a Fields>,
    /// The fields of the answer, if [`LogBuffer::wants_answers`](crate::LogBuffer::wants_answers) or
    /// somebody listens live.
    pub response_fields: Option<&'a Fields>,
    /// What TLS says of the connection; `None` in clear text.
    pub secured: Option<&'a Secured>,
}

/// What is counted of an exchange.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// Method as it was sent.
    pub method: &'a [u8],
    /// Status that was sent; 0 when no answer was begun.
    pub status: u16,
    /// Who made the answer.
    pub source: Source,
    /// How long the exchange took, and where.
    pub times: Times,
    /// What came from the client.
    pub received: Size,
    /// What went to the client.
    pub sent: Size,
}

impl<'a> From<&Record<'a>> for Counted<'a> {
    fn from(record: &Record<'a>) -> Self {
        let Record { method, status, source, times, received, sent, .. } = *record;
        Self { method, status, source, times, received, sent }
    }
}

/// Where the time of an exchange went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// From the first byte of the request to the last byte of the answer.
    pub total: Duration,
    /// From the moment a service was first asked to the head of its answer; `None` when none was.
    pub upstream: Option<Duration>,
    /// What the gateway itself added, without waiting for client or service.
    pub overhead: Duration,
    /// How long it waited until its service could have one more request.
    pub queued: Duration,
    /// How long its policies took on the way in.
    pub policies: Duration,
    /// How long the connection took over which it was answered; `None` if that was there already.
    pub connect: Option<Duration>,
}

/// Bytes of one direction, as they were on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the head.
    pub head: u64,
    /// Bytes of the body with its framing; of a tunnel, what passed through it.
    pub body: u64,
}

/// Who made an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The gateway: a refusal, a failure, a redirect, a fixed answer.
    #[default]
    Gateway,
    /// A service.
    Upstream,
}

/// One of the two who can go away before the end of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who asked.
    Client,
    /// Who was to answer.
    Upstream,
}

impl Default for Record<'_> {
    fn default() -> Self {
        Self {
            began: SystemTime::UNIX_EPOCH,
            times: Times::default(),
            request_id: b"",
            client: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            listener: "",
            route: "",
            pattern: "",
            service: "",
            target: "",
            method: b"",
            host: b"",
            path: b"",
            query: None,
            protocol: "",
            status: 0,
            source: Source::Gateway,
            failure: None,
            cause: None,
            attempts: &NO_ATTEMPTS,
            decider: None,
            principal: None,
            decisions: &[],
            grpc_status: None,
            received: Size::default(),
            sent: Size::default(),
            referer: None,
            user_agent: None,
            revision: 0,
            aborted_by: None,
            tunnelled: false,
            trace: None,
            request_fields: None,
            response_fields: None,
            secured: None,
        }
    }
}

impl Size {
    /// Head and body together.
    pub(crate) fn whole(self) -> u64 {
        self.head.saturating_add(self.body)
    }
}

impl Source {
    /// The word for it in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

impl Side {
    /// The word for it in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

/// Whole microseconds, rounded to the nearest: rounding down would lose half a microsecond of
/// every overhead, which is itself only tens of them.
pub(crate) fn micros(time: Duration) -> u64 {
    let below_a_second = u64::from(time.subsec_nanos()).saturating_add(500) / 1_000;
    time.as_secs().saturating_mul(1_000_000).saturating_add(below_a_second)
}

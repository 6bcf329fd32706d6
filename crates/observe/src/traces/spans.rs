//! The spans of one exchange, by the semantic conventions of OpenTelemetry for HTTP and for RPC: one for
//! the exchange, one below it for each attempt.

use std::time::{Duration, SystemTime};

use yumen_otlp::{Attributes, Kind, Span, Status, Value};
use yumen_policy::{Attempt, AttemptEnd, Trace};

use crate::record::{Record, Source};

/// Longest text of a client that is told, in bytes.
const TEXT_MAX: usize = 1024;

/// Methods that have a name in the conventions.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Appends the spans of an exchange; says how many.
pub(super) fn write(out: &mut Vec<u8>, trace: &Trace, record: &Record<'_>) -> u64 {
    let began = record.began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let method = method(record.method);
    let mut name = Vec::with_capacity(method.len() + record.route.len() + 1);
    name.extend_from_slice(if method == "_OTHER" { b"HTTP" } else { method.as_bytes() });
    if !record.route.is_empty() {
        name.push(b' ');
        name.extend_from_slice(record.route.as_bytes());
    }
    let is_bad = record.status >= 500 || record.status == 0;
    let span = Span {
        trace: trace.own.trace,
        id: trace.own.span,
        parent: trace.parent,
        remote: trace.parent.is_some(),
        flags: 1 | u8::from(trace.own.random) << 1,
        state: &trace.state,
        name: &name,
        kind: Kind::Server,
        began: nanos(began),
        ended: nanos(began + record.times.total),
        status: if is_bad {
            Status::Error(record.failure.unwrap_or_default())
        } else {
            Status::Unset
        },
    };
    span.write(out, |attributes| tell_exchange(attributes, method, record, is_bad));
    let mut count = 1;
    for (number, attempt) in (0_u32..).zip(record.attempts.iter()) {
        let end = attempt.end;
        let answers = matches!(end, Some((_, AttemptEnd::Answered(_))))
            && record.attempts.current().is_some_and(|current| std::ptr::eq(current, attempt));
        // The one whose answer it is lasts until the last byte of that.
        let ended = match end {
            Some((at, _)) if !answers => at,
            _ => record.times.total,
        };
        let is_bad = !matches!(end, Some((_, AttemptEnd::Answered(..=399))));
        let span = Span {
            id: trace.attempt(number),
            parent: Some(trace.own.span),
            remote: false,
            name: method.as_bytes(),
            kind: Kind::Client,
            began: nanos(began + attempt.began),
            ended: nanos(began + ended.max(attempt.began)),
            // Who was called off did nothing wrong.
            status: if is_bad && end.is_some() { Status::Error("") } else { Status::Unset },
            ..span
        };
        span.write(out, |attributes| tell_attempt(attributes, method, number, attempt));
        count += 1;
    }
    count
}

fn tell_exchange(to: &mut Attributes<'_>, method: &str, record: &Record<'_>, is_bad: bool) {
    to.add("http.request.method", method);
    if method == "_OTHER" {
        to.add("http.request.method_original", capped(record.method));
    }
    to.add("url.path", capped(record.path));
    to.add("url.scheme", if record.secured.is_some() { "https" } else { "http" });
    if !record.host.is_empty() {
        to.add("server.address", capped(record.host));
    }
    let version = record.protocol.strip_prefix("HTTP/").unwrap_or(record.protocol);
    to.add("network.protocol.version", version);
    to.add("client.address", record.client.ip().to_string().as_str());
    to.add_some("user_agent.original", record.user_agent.map(capped));
    if record.status != 0 {
        to.add("http.response.status_code", Value::Int(record.status.into()));
    }
    if is_bad {
        let status = record.status.to_string();
        to.add("error.type", record.failure.unwrap_or(&status));
    }
    if let Some(status) = record.grpc_status {
        to.add("rpc.system", "grpc");
        let path = std::str::from_utf8(record.path).unwrap_or_default();
        if let Some((service, call)) = path.trim_start_matches('/').rsplit_once('/') {
            to.add("rpc.service", service);
            to.add("rpc.method", call);
        }
        to.add("rpc.grpc.status_code", Value::Int(status.into()));
    }
    to.add("yumen.request_id", Value::Text(record.request_id));
    to.add("yumen.listener", record.listener);
    for (key, value) in [("yumen.route", record.route), ("yumen.service", record.service)] {
        if !value.is_empty() {
            to.add(key, value);
        }
    }
    to.add_some("yumen.policy", record.decider.map(|decider| decider.kind));
    to.add_some("yumen.failure", record.failure);
    to.add(
        "yumen.answered_by",
        match record.source {
            Source::Gateway => "gateway",
            Source::Upstream => "upstream",
        },
    );
}

fn tell_attempt(to: &mut Attributes<'_>, method: &str, number: u32, attempt: &Attempt) {
    to.add("http.request.method", method);
    if let Some((host, port)) = attempt.target.rsplit_once(':') {
        to.add("server.address", host.trim_start_matches('[').trim_end_matches(']'));
        to.add_some("server.port", port.parse().ok().map(Value::Int));
    }
    if number > 0 {
        to.add("http.request.resend_count", Value::Int(number.into()));
    }
    match attempt.end {
        Some((_, AttemptEnd::Answered(status))) => {
            to.add("http.response.status_code", Value::Int(status.into()));
            if status >= 400 {
                to.add("error.type", status.to_string().as_str());
            }
        }
        Some((_, end)) => to.add("error.type", AttemptEnd::name(Some(end))),
        None => {}
    }
    to.add("yumen.attempt.end", AttemptEnd::name(attempt.end.map(|(_, end)| end)));
    to.add("yumen.attempt.reused", Value::Bool(attempt.reused));
}

fn method(method: &[u8]) -> &'static str {
    METHODS.into_iter().find(|known| known.as_bytes() == method).unwrap_or("_OTHER")
}

fn capped(text: &[u8]) -> Value<'_> {
    Value::Text(text.get(..TEXT_MAX).unwrap_or(text))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

//! The spans of one exchange, by the semantic conventions of OpenTelemetry for HTTP and for RPC: one for
//! the exchange, one below it for each attempt.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use yumen_otlp::{Attributes, Kind, Span, Status, Value};
use yumen_policy::{Attempt, AttemptEnd, Principal, Trace};

use crate::log::{Secrets, capped};
use crate::record::{Record, Side};

/// Methods that have a name in the conventions.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// What all others are called.
const OTHER: &str = "_OTHER";

/// Appends the spans of an exchange; says how many.
pub(super) fn write(
    out: &mut Vec<u8>,
    trace: &Trace,
    record: &Record<'_>,
    secrets: &Secrets,
) -> u64 {
    let began = record.began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let method = method(record.method);
    let name = name(method, record);
    let failed = failed(record);
    let span = Span {
        trace: trace.own.trace,
        id: trace.own.span,
        parent: trace.parent,
        remote: trace.parent.is_some(),
        flags: 1 | u8::from(trace.own.random) << 1,
        state: &trace.state,
        name: name.as_bytes(),
        kind: Kind::Server,
        began: nanos(began),
        ended: nanos(began + record.times.total),
        // Its attributes say more.
        status: if failed.is_some() { Status::Error("") } else { Status::Unset },
    };
    span.write(out, |attributes| tell(attributes, record, secrets));
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
            name: spoken(method).as_bytes(),
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

/// What is done, in words of which there are few: the method, and the pattern of the path or else the
/// route's name.
fn name(method: &'static str, record: &Record<'_>) -> String {
    let what = if record.pattern.is_empty() { record.route } else { record.pattern };
    let space = if what.is_empty() { "" } else { " " };
    [spoken(method), space, what].concat()
}

/// A method in the name of a span.
fn spoken(method: &'static str) -> &'static str {
    if method == OTHER { "HTTP" } else { method }
}

/// What is told of an exchange, wherever it is told by these conventions.
pub(crate) fn tell(to: &mut Attributes<'_>, record: &Record<'_>, secrets: &Secrets) {
    tell_request(to, method(record.method), record, secrets);
    tell_outcome(to, record);
    to.add_some("error.type", failed(record).as_deref());
}

fn tell_request(to: &mut Attributes<'_>, method: &str, record: &Record<'_>, secrets: &Secrets) {
    to.add("http.request.method", method);
    if method == OTHER {
        to.add("http.request.method_original", clipped(record.method));
    }
    if !record.pattern.is_empty() {
        to.add("http.route", record.pattern);
    }
    to.add("url.path", clipped(record.path));
    if let Some(query) = record.query.filter(|query| !query.is_empty()) {
        let mut shown = Vec::with_capacity(query.len());
        secrets.query(&mut shown, query, Vec::extend_from_slice);
        to.add("url.query", Value::Text(&shown));
    }
    to.add("url.scheme", if record.secured.is_some() { "https" } else { "http" });
    tell_server(to, record.host);
    let version = record.protocol.strip_prefix("HTTP/").unwrap_or(record.protocol);
    to.add(
        "network.protocol.version",
        version.strip_suffix(".0").filter(is_later).unwrap_or(version),
    );
    to.add("client.address", record.client.ip().to_canonical().to_string().as_str());
    to.add_some("user_agent.original", record.user_agent.map(clipped));
    if let Some(secured) = record.secured {
        to.add_some(
            "tls.protocol.version",
            secured.version.and_then(|one| one.strip_prefix("TLSv")),
        );
        to.add_some("tls.cipher", secured.cipher);
    }
}

/// HTTP/2 and HTTP/3 have no minor version.
fn is_later(version: &&str) -> bool {
    matches!(*version, "2" | "3")
}

/// A host with or without a port, of which one of IPv6 has brackets.
fn tell_server(to: &mut Attributes<'_>, host: &[u8]) {
    let Ok(host) = std::str::from_utf8(host) else { return };
    let (name, port) = apart(host);
    if !name.is_empty() {
        to.add("server.address", name);
        to.add_some("server.port", port.map(|port| Value::Int(port.into())));
    }
}

fn apart(host: &str) -> (&str, Option<u16>) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, None),
    };
    (name.trim_start_matches('[').trim_end_matches(']'), port)
}

/// What went wrong on our side of the conversation, if it did: by the conventions what a client did is
/// no error of a server.
pub(crate) fn failed<'r>(record: &Record<'r>) -> Option<Cow<'r, str>> {
    /// Unknown, deadline exceeded, unimplemented, internal, unavailable, data loss.
    const BAD_CALLS: [u8; 6] = [2, 4, 12, 13, 14, 15];
    let is_bad_call = record.grpc_status.is_some_and(|status| BAD_CALLS.contains(&status));
    match record.status {
        500.. => Some(record.failure.map_or_else(|| record.status.to_string().into(), Cow::from)),
        _ if is_bad_call => {
            let status = record.grpc_status.unwrap_or_default();
            Some(record.failure.map_or_else(|| status.to_string().into(), Cow::from))
        }
        _ if record.aborted_by == Some(Side::Upstream) => {
            Some(record.failure.unwrap_or("aborted_by_upstream").into())
        }
        _ => None,
    }
}

fn tell_outcome(to: &mut Attributes<'_>, record: &Record<'_>) {
    if record.status != 0 {
        to.add("http.response.status_code", Value::Int(record.status.into()));
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
    for (key, size) in
        [("http.request.body.size", record.received), ("http.response.body.size", record.sent)]
    {
        to.add(key, Value::Int(i64::try_from(size.body).unwrap_or(i64::MAX)));
    }
    to.add("yumen.request_id", Value::Text(record.request_id));
    to.add("yumen.revision", Value::Int(i64::try_from(record.revision).unwrap_or(i64::MAX)));
    to.add("yumen.answered_by", record.source.name());
    for (key, text) in [
        ("yumen.listener", record.listener),
        ("yumen.route", record.route),
        ("yumen.service", record.service),
        ("yumen.policy", record.decider.map_or("", |decider| decider.kind)),
        ("yumen.failure", record.failure.unwrap_or_default()),
        ("enduser.id", record.principal.map_or("", Principal::consumer_name)),
        ("yumen.aborted_by", record.aborted_by.map_or("", |side| side.name())),
    ] {
        if !text.is_empty() {
            to.add(key, text);
        }
    }
}

fn tell_attempt(to: &mut Attributes<'_>, method: &str, number: u32, attempt: &Attempt) {
    to.add("http.request.method", method);
    tell_server(to, attempt.target.as_bytes());
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
    if let Some(connect) = attempt.connect() {
        to.add("yumen.attempt.connect_ms", Value::Double(connect.as_secs_f64() * 1_000.0));
    }
}

/// A method as the conventions name it.
fn method(method: &[u8]) -> &'static str {
    METHODS.into_iter().find(|known| known.as_bytes() == method).unwrap_or(OTHER)
}

fn clipped(text: &[u8]) -> Value<'_> {
    Value::Text(capped(text).0)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_few() {
        let check = |record: Record<'_>, expect: &str| {
            assert_eq!(name(method(record.method), &record), expect);
        };
        let bare = Record { method: b"GET", path: b"/orders/17", ..Record::default() };
        check(bare, "GET");
        check(Record { route: "orders", ..bare }, "GET orders");
        check(Record { route: "orders", pattern: "/orders/{id}", ..bare }, "GET /orders/{id}");
        check(Record { method: b"BREW", route: "pots", ..bare }, "HTTP pots");
    }

    #[test]
    fn hosts_are_taken_apart() {
        for (host, expect) in [
            ("a.example", ("a.example", None)),
            ("a.example:8080", ("a.example", Some(8080))),
            ("[::1]:80", ("::1", Some(80))),
            ("[::1]", ("::1", None)),
            ("127.0.0.1:x", ("127.0.0.1", None)),
            ("", ("", None)),
        ] {
            assert_eq!(apart(host), expect, "{host}");
        }
    }

    #[test]
    fn what_a_client_did_is_no_error() {
        let check = |record: Record<'_>, expect: Option<&str>| {
            assert_eq!(failed(&record).as_deref(), expect, "{record:?}");
        };
        let of = |status| Record { status, ..Record::default() };
        check(of(200), None);
        check(of(404), None);
        check(of(0), None);
        check(Record { failure: Some("forbidden"), ..of(403) }, None);
        check(of(503), Some("503"));
        check(Record { failure: Some("upstream_timeout"), ..of(504) }, Some("upstream_timeout"));
        check(Record { grpc_status: Some(5), ..of(200) }, None);
        check(Record { grpc_status: Some(14), ..of(200) }, Some("14"));
        check(Record { aborted_by: Some(Side::Client), ..of(200) }, None);
        check(Record { aborted_by: Some(Side::Upstream), ..of(200) }, Some("aborted_by_upstream"));
    }
}

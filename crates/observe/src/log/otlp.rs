//! A record as a log record of OpenTelemetry: a text, and by the semantic conventions what spans tell of
//! an exchange, with what only a log tells.

use std::time::{Duration, SystemTime};

use yumen_http::Fields;
use yumen_otlp::{Attributes, LogRecord, Severity, Value};

use super::{escape, fields::Shown, json::Members, redact::Secrets};
use crate::{
    digits::thousandths,
    record::{Record, micros},
    traces,
};

/// What sort of event it is.
const EVENT: &str = "yumen.exchange";

/// Appends the log record of one exchange.
// Never within the loop over all logs, which would work out beforehand what only this needs.
#[inline(never)]
pub(super) fn write(out: &mut Vec<u8>, text: &[u8], record: &Record<'_>, members: &Members) {
    let began = record.began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let trace = record.trace.map(|trace| trace.own);
    let one = LogRecord {
        time: nanos(began),
        observed: nanos(began + record.times.total),
        severity: severity(record),
        body: Value::Text(text),
        event: EVENT,
        within: trace.map(|own| (own.trace, own.span)),
        flags: trace
            .map_or(0, |own| u8::from(own.sampled == Some(true)) | u8::from(own.random) << 1),
    };
    one.write(out, |to| {
        traces::tell(to, record, &members.secrets);
        tell(to, record, &members.secrets);
        fields(
            to,
            "http.request.header.",
            record.request_fields,
            &members.request,
            &members.secrets,
        );
        fields(
            to,
            "http.response.header.",
            record.response_fields,
            &members.response,
            &members.secrets,
        );
    });
}

/// How bad it is: what we or a service did wrong, or what a client did.
pub(super) fn severity(record: &Record<'_>) -> Severity {
    match record.status {
        _ if traces::failed(record).is_some() => Severity::Error,
        0 | 400.. => Severity::Warn,
        _ => Severity::Info,
    }
}

/// Appends what happened, for people: `GET shop.example/orders/17 was answered with 201 in 12.346 ms`.
// Never within the loop over all logs, which would work out beforehand what only this needs.
#[inline(never)]
pub(super) fn sentence(out: &mut Vec<u8>, record: &Record<'_>) {
    if record.method.is_empty() {
        out.extend_from_slice(b"a request");
    } else {
        escape::field(out, record.method, escape::json);
        out.push(b' ');
        escape::field(out, record.host, escape::json);
        escape::field(out, record.path, escape::json);
    }
    match (record.failure, record.status) {
        (Some(failure), 0) => out.extend_from_slice(format!(" failed with {failure}").as_bytes()),
        (Some(failure), status) => {
            out.extend_from_slice(format!(" failed with {failure} ({status})").as_bytes());
        }
        (None, 0) => out.extend_from_slice(b" was not answered"),
        (None, status) => {
            out.extend_from_slice(format!(" was answered with {status}").as_bytes());
        }
    }
    out.extend_from_slice(b" in ");
    thousandths(out, micros(record.times.total));
    out.extend_from_slice(b" ms");
}

/// What spans do not tell: they have times of their own, and one for each attempt.
fn tell(to: &mut Attributes<'_>, record: &Record<'_>, secrets: &Secrets) {
    if record.client.port() != 0 {
        to.add("client.port", Value::Int(record.client.port().into()));
    }
    if let Some(referer) = record.referer.filter(|referer| !referer.is_empty()) {
        let mut shown = Vec::with_capacity(referer.len());
        secrets.url(&mut shown, referer, Vec::extend_from_slice);
        to.add("http.request.header.referer", Value::Texts(&[&shown]));
    }
    for (key, text) in [
        ("yumen.target", record.target),
        ("yumen.policy_at", record.decider.map_or("", |decider| &decider.at)),
        ("yumen.cause", record.cause.unwrap_or_default()),
    ] {
        if !text.is_empty() {
            to.add(key, Value::Text(escape::capped(text.as_bytes()).0));
        }
    }
    to.add("yumen.attempts", Value::Int(record.attempts.count().into()));
    if record.tunnelled {
        to.add("yumen.tunnelled", Value::Bool(true));
    }
    let times = record.times;
    for (key, time) in [
        ("yumen.total_ms", Some(times.total)),
        ("yumen.upstream_ms", times.upstream),
        ("yumen.overhead_ms", Some(times.overhead)),
        ("yumen.queued_ms", Some(times.queued).filter(|time| !time.is_zero())),
        ("yumen.policies_ms", Some(times.policies).filter(|time| !time.is_zero())),
        ("yumen.connect_ms", times.connect),
    ] {
        to.add_some(key, time.map(millis));
    }
    if let Some(secured) = record.secured {
        let server_name = secured.server_name.as_deref();
        to.add_some("tls.client.server_name", server_name);
        let alpn = secured.protocol.as_deref();
        to.add_some("tls.next_protocol", alpn.map(Value::Text));
        to.add("tls.resumed", Value::Bool(secured.resumed));
        if let Some(identity) = &secured.identity {
            to.add("tls.client.subject", identity.shown.subject.as_str());
            to.add("tls.client.hash.sha256", identity.shown.fingerprint.as_str());
        }
    }
}

/// Header fields that are asked for. `Referer` is told in any case, once.
fn fields(
    to: &mut Attributes<'_>,
    before: &str,
    fields: Option<&Fields>,
    names: &[String],
    secrets: &Secrets,
) {
    let shown = Shown { fields, secrets: Some(secrets) };
    for name in names.iter().filter(|name| *name != "referer") {
        if let Some(value) = shown.value(name.as_bytes()) {
            let key = [before, name].concat();
            to.add(&key, Value::Texts(&[escape::capped(&value).0]));
        }
    }
}

fn millis(time: Duration) -> Value<'static> {
    /// Microseconds of a millisecond.
    const MICROS: f64 = 1_000.0;
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are centuries")]
    let micros = micros(time) as f64;
    Value::Double(micros / MICROS)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::full;
    use crate::record::Side;

    #[test]
    fn how_bad_it_is() {
        let of = |status| Record { status, ..Record::default() };
        for (record, expect) in [
            (of(200), Severity::Info),
            (of(302), Severity::Info),
            (of(404), Severity::Warn),
            (of(0), Severity::Warn),
            (of(503), Severity::Error),
            (Record { aborted_by: Some(Side::Upstream), ..of(200) }, Severity::Error),
            (Record { grpc_status: Some(14), ..of(200) }, Severity::Error),
        ] {
            assert_eq!(severity(&record), expect, "{record:?}");
        }
    }

    #[test]
    fn what_happened_in_a_sentence() {
        let said = |record: &Record<'_>| {
            let mut out = Vec::new();
            sentence(&mut out, record);
            String::from_utf8(out).unwrap()
        };
        let full = full();
        assert_eq!(said(&full), "POST shop.example/orders/17 was answered with 201 in 12.346 ms");
        let failed = Record { failure: Some("upstream_timeout"), status: 504, ..full };
        assert_eq!(
            said(&failed),
            "POST shop.example/orders/17 failed with upstream_timeout (504) in 12.346 ms"
        );
        let odd = Record { failure: Some("bad_request"), ..Record::default() };
        assert_eq!(said(&odd), "a request failed with bad_request in 0.000 ms");
        let forged = Record { path: b"/a\nb\x1b[2J\"", ..full };
        assert!(said(&forged).contains("/a\\nb\\u001b[2J\\\""), "{}", said(&forged));
    }
}

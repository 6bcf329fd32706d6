//! What conditions and templates of the access log may ask for, and where it comes from.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use yumen_expr::{Facts, List, Map, Problem, Schema, Type, Value};
use yumen_http::trace::put_hex;
use yumen_model::report::Report;
use yumen_policy::{Principal, Trace};

use super::{
    fields::{Shown, text},
    redact::Secrets,
};
use crate::record::{Record, micros};

/// What may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    AbortedBy,
    Attempts,
    Cause,
    ClientAddress,
    ClientPort,
    ConnectMs,
    ConsumerGroups,
    Consumer,
    Credential,
    Duration,
    Failure,
    GrpcStatus,
    Listener,
    OverheadMs,
    PoliciesMs,
    Policy,
    Protocol,
    QueuedMs,
    Referer,
    RequestBytes,
    RequestHeaders,
    RequestHost,
    RequestId,
    RequestMethod,
    RequestPath,
    RequestQuery,
    ResponseBytes,
    ResponseHeaders,
    ResponseStatus,
    Revision,
    Route,
    Service,
    Source,
    Target,
    Time,
    TlsAlpn,
    TlsCipher,
    TlsClientFingerprint,
    TlsClientSubject,
    TlsResumed,
    TlsSni,
    TlsVersion,
    TotalMs,
    TraceId,
    TraceSampled,
    TraceSpan,
    Tunnelled,
    UpstreamDuration,
    UpstreamMs,
    UserAgent,
}

pub(super) fn schema() -> Schema<Name> {
    let headers = || Type::map(Type::String);
    [
        ("aborted_by", Type::String, Name::AbortedBy),
        ("attempts", Type::Int, Name::Attempts),
        ("cause", Type::String, Name::Cause),
        ("client.address", Type::Ip, Name::ClientAddress),
        ("client.port", Type::Int, Name::ClientPort),
        ("connect_ms", Type::Double, Name::ConnectMs),
        ("consumer.groups", Type::list(Type::String), Name::ConsumerGroups),
        ("consumer.name", Type::String, Name::Consumer),
        ("credential", Type::String, Name::Credential),
        ("duration", Type::Duration, Name::Duration),
        ("failure", Type::String, Name::Failure),
        ("grpc_status", Type::Int, Name::GrpcStatus),
        ("listener", Type::String, Name::Listener),
        ("overhead_ms", Type::Double, Name::OverheadMs),
        ("policies_ms", Type::Double, Name::PoliciesMs),
        ("policy", Type::String, Name::Policy),
        ("queued_ms", Type::Double, Name::QueuedMs),
        ("request.bytes", Type::Int, Name::RequestBytes),
        ("request.headers", headers(), Name::RequestHeaders),
        ("request.host", Type::String, Name::RequestHost),
        ("request.id", Type::String, Name::RequestId),
        ("request.method", Type::String, Name::RequestMethod),
        ("request.path", Type::String, Name::RequestPath),
        ("request.protocol", Type::String, Name::Protocol),
        ("request.query", Type::String, Name::RequestQuery),
        ("request.referer", Type::String, Name::Referer),
        ("request.user_agent", Type::String, Name::UserAgent),
        ("response.bytes", Type::Int, Name::ResponseBytes),
        ("response.headers", headers(), Name::ResponseHeaders),
        ("response.source", Type::String, Name::Source),
        ("response.status", Type::Int, Name::ResponseStatus),
        ("revision", Type::Int, Name::Revision),
        ("route", Type::String, Name::Route),
        ("service", Type::String, Name::Service),
        ("target", Type::String, Name::Target),
        ("time", Type::Timestamp, Name::Time),
        ("tls.alpn", Type::String, Name::TlsAlpn),
        ("tls.cipher", Type::String, Name::TlsCipher),
        ("tls.client_fingerprint", Type::String, Name::TlsClientFingerprint),
        ("tls.client_subject", Type::String, Name::TlsClientSubject),
        ("tls.resumed", Type::Bool, Name::TlsResumed),
        ("tls.server_name", Type::String, Name::TlsSni),
        ("tls.version", Type::String, Name::TlsVersion),
        ("total_ms", Type::Double, Name::TotalMs),
        ("trace.id", Type::String, Name::TraceId),
        ("trace.sampled", Type::Bool, Name::TraceSampled),
        ("trace.span", Type::String, Name::TraceSpan),
        ("tunnelled", Type::Bool, Name::Tunnelled),
        ("upstream_duration", Type::Duration, Name::UpstreamDuration),
        ("upstream_ms", Type::Double, Name::UpstreamMs),
    ]
    .into_iter()
    .fold(Schema::default(), |schema, (name, is, key)| schema.with(name, is, key))
}

/// Reports what is wrong with one expression or template.
pub(super) fn complain(path: &str, problems: Vec<Problem>, report: &mut Report) {
    for Problem { at, message, hint } in problems {
        let problem = report.error(path, format!("byte {at} of the expression: {message}"));
        if let Some(hint) = hint {
            problem.hint(hint);
        }
    }
}

/// A record that is asked for its values.
#[derive(Debug)]
pub(super) struct Asked<'r> {
    record: &'r Record<'r>,
    request: Shown<'r>,
    response: Shown<'r>,
    /// What is kept out; `None` for conditions, which show nothing.
    secrets: Option<&'r Secrets>,
}

impl<'r> Asked<'r> {
    /// For a condition: with the values that are never shown.
    pub(super) fn all(record: &'r Record<'r>) -> Self {
        Self::new(record, None)
    }

    /// For what is written.
    pub(super) fn shown(record: &'r Record<'r>, secrets: &'r Secrets) -> Self {
        Self::new(record, Some(secrets))
    }

    fn new(record: &'r Record<'r>, secrets: Option<&'r Secrets>) -> Self {
        let shown = |fields| Shown { fields, secrets };
        let (request, response) = (shown(record.request_fields), shown(record.response_fields));
        Self { record, request, response, secrets }
    }

    /// A query or a URL.
    fn parameters(
        &self,
        whole: Option<&'r [u8]>,
        write: fn(&Secrets, &mut Vec<u8>, &[u8]),
    ) -> Value<'r> {
        let whole = whole.unwrap_or_default();
        text(match self.secrets {
            Some(secrets) if whole.contains(&b'=') => {
                let mut out = Vec::with_capacity(whole.len());
                write(secrets, &mut out, whole);
                Cow::Owned(out)
            }
            _ => Cow::Borrowed(whole),
        })
    }

    fn tls(&self, name: Name) -> Value<'r> {
        let Some(secured) = self.record.secured else { return Value::from(&b""[..]) };
        let shown = secured.identity.as_ref().map(|identity| &identity.shown);
        let text = match name {
            Name::TlsAlpn => secured.protocol.as_deref(),
            Name::TlsCipher => secured.cipher.map(str::as_bytes),
            Name::TlsClientFingerprint => shown.map(|shown| shown.fingerprint.as_bytes()),
            Name::TlsClientSubject => shown.map(|shown| shown.subject.as_bytes()),
            Name::TlsSni => secured.server_name.as_deref().map(str::as_bytes),
            _ => secured.version.map(str::as_bytes),
        };
        Value::from(text.unwrap_or_default())
    }
}

/// A text; empty where there is none, so that `route != "health"` holds for what found no route.
fn plain(text: &[u8]) -> Option<Value<'_>> {
    Some(Value::from(text))
}

fn number(number: u64) -> Value<'static> {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

fn millis(time: Duration) -> Option<Value<'static>> {
    const MICROS: f64 = 1_000.0;
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are centuries")]
    let micros = micros(time) as f64;
    Some(Value::Double(micros / MICROS))
}

/// A moment in whole milliseconds, so that all are equally long.
fn moment(time: SystemTime) -> Option<Value<'static>> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = Duration::new(since.as_secs(), since.subsec_millis() * 1_000_000);
    SystemTime::UNIX_EPOCH.checked_add(whole).map(Value::from)
}

impl Facts<Name> for Asked<'_> {
    fn value(&self, name: Name) -> Option<Value<'_>> {
        let record = self.record;
        let times = record.times;
        match name {
            Name::AbortedBy => plain(record.aborted_by.map_or("", |side| side.name()).as_bytes()),
            Name::Attempts => Some(number(record.attempts.count().into())),
            Name::Cause => plain(record.cause.unwrap_or_default().as_bytes()),
            Name::ClientAddress => Some(record.client.ip().into()),
            Name::ClientPort => Some(number(record.client.port().into())),
            Name::ConnectMs => times.connect.and_then(millis),
            Name::ConsumerGroups => Some(groups(record)),
            Name::Consumer => {
                plain(record.principal.map_or("", Principal::consumer_name).as_bytes())
            }
            Name::Credential => Some(credential(record)),
            Name::Duration => Some(times.total.into()),
            Name::Failure => plain(record.failure.unwrap_or_default().as_bytes()),
            Name::GrpcStatus => record.grpc_status.map(|status| number(status.into())),
            Name::Listener => plain(record.listener.as_bytes()),
            Name::OverheadMs => millis(times.overhead),
            Name::PoliciesMs => millis(times.policies),
            Name::Policy => plain(record.decider.map_or("", |decider| decider.kind).as_bytes()),
            Name::Protocol => plain(record.protocol.as_bytes()),
            Name::QueuedMs => millis(times.queued),
            Name::Referer => Some(self.parameters(record.referer, |secrets, out, url| {
                secrets.url(out, url, as_it_is);
            })),
            Name::RequestBytes => Some(number(record.received.whole())),
            Name::RequestHeaders => Some(Value::Map(Map::Borrowed(&self.request))),
            Name::RequestHost => plain(record.host),
            Name::RequestId => plain(record.request_id),
            Name::RequestMethod => plain(record.method),
            Name::RequestPath => plain(record.path),
            Name::RequestQuery => Some(self.parameters(record.query, |secrets, out, query| {
                secrets.query(out, query, as_it_is);
            })),
            Name::ResponseBytes => Some(number(record.sent.whole())),
            Name::ResponseHeaders => Some(Value::Map(Map::Borrowed(&self.response))),
            Name::ResponseStatus => Some(number(record.status.into())),
            Name::Revision => Some(number(record.revision)),
            Name::Route => plain(record.route.as_bytes()),
            Name::Service => plain(record.service.as_bytes()),
            Name::Source => Some(record.source.name().into()),
            Name::Target => plain(record.target.as_bytes()),
            Name::Time => moment(record.began),
            Name::TlsResumed => Some(record.secured.is_some_and(|one| one.resumed).into()),
            Name::TlsAlpn
            | Name::TlsCipher
            | Name::TlsClientFingerprint
            | Name::TlsClientSubject
            | Name::TlsSni
            | Name::TlsVersion => Some(self.tls(name)),
            Name::TotalMs => millis(times.total),
            Name::TraceId => Some(hex(record.trace.map(|trace| &trace.own.trace[..]))),
            Name::TraceSampled => Some(record.trace.is_some_and(Trace::is_sampled).into()),
            Name::TraceSpan => Some(hex(record.trace.map(|trace| &trace.own.span[..]))),
            Name::Tunnelled => Some(record.tunnelled.into()),
            Name::UpstreamDuration => times.upstream.map(Value::from),
            Name::UpstreamMs => times.upstream.and_then(millis),
            Name::UserAgent => plain(record.user_agent.unwrap_or_default()),
        }
    }
}

/// The groups of the consumer; none if there is none.
fn groups<'a>(record: &Record<'a>) -> Value<'a> {
    let consumer = record.principal.and_then(|principal| principal.consumer.as_ref());
    let groups = consumer.map(|consumer| &consumer.groups[..]).unwrap_or_default();
    let groups = groups.iter().map(|group| Value::from(&**group));
    Value::List(List::Made(groups.collect()))
}

/// Which credential it was; empty if it was none that is known.
fn credential(record: &Record<'_>) -> Value<'static> {
    let credential = record.principal.and_then(|principal| principal.credential.as_ref());
    text(Cow::Owned(credential.map(|one| one.id().into_bytes()).unwrap_or_default()))
}

/// Bytes as hexadecimal digits; empty where there are none.
fn hex(bytes: Option<&[u8]>) -> Value<'static> {
    let mut digits = Vec::new();
    put_hex(&mut digits, bytes.unwrap_or_default());
    text(Cow::Owned(digits))
}

fn as_it_is(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(part);
}

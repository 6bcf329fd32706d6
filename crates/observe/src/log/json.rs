//! A record as one JSON object. What was not there is left out; keys keep their order.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use yumen_http::{Fields, trace::put_hex};
use yumen_model::AccessLog;
use yumen_policy::{Attempt, AttemptEnd, Attempts, Decision, Principal, Secured};

use super::{
    escape,
    fields::Shown,
    redact::{Secrets, fold},
    stamp::Stamp,
};
use crate::{
    digits::{decimal, thousandths},
    record::{Record, micros},
};

/// What a configuration says of the members of a line.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Header fields of requests that are written, in lower case.
    pub(crate) request: Box<[String]>,
    /// Header fields of answers.
    pub(crate) response: Box<[String]>,
    pub(crate) secrets: Secrets,
}

impl Members {
    pub(crate) fn new(config: &AccessLog) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self {
            request: lower(&config.headers.request),
            response: lower(&config.headers.response),
            secrets: Secrets::new(config),
        }
    }

    /// For who is told of an exchange beside several logs: the members of the first, without what any
    /// of them keeps out.
    pub(super) fn of_all<'a>(configs: impl Iterator<Item = &'a AccessLog>) -> Self {
        let all: Vec<&AccessLog> = configs.collect();
        let Some((first, others)) = all.split_first() else { return Self::default() };
        let mut joint = (*first).clone();
        for other in others {
            joint.redact.headers.extend_from_slice(&other.redact.headers);
            joint.redact.query.extend_from_slice(&other.redact.query);
            joint.show.headers.retain(|name| is_among(name, &other.show.headers));
            joint.show.query.retain(|name| is_among(name, &other.show.query));
        }
        Self::new(&joint)
    }
}

fn is_among(name: &str, names: &[String]) -> bool {
    names.iter().any(|other| fold(other) == fold(name))
}

/// Appends one line.
pub(crate) fn line(out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>, members: &Members) {
    let secrets = &members.secrets;
    out.extend_from_slice(b"{\"time\":\"");
    stamp.rfc3339(out, record.began);
    out.push(b'"');
    let mut object = Object { out };
    object.text(r#","request_id":""#, record.request_id);
    if let Some(trace) = record.trace {
        object.written(r#","trace_id":""#, &trace.own.trace, put_hex);
        object.written(r#","span_id":""#, &trace.own.span, put_hex);
        object.key(r#","sampled":"#);
        object.out.extend_from_slice(if trace.is_sampled() { b"true" } else { b"false" });
    }
    object.client(record.client);
    object.text(r#","listener":""#, record.listener.as_bytes());
    object.text(r#","route":""#, record.route.as_bytes());
    object.text(r#","service":""#, record.service.as_bytes());
    object.text(r#","target":""#, record.target.as_bytes());
    object.text(r#","method":""#, record.method);
    object.text(r#","host":""#, record.host);
    object.text(r#","path":""#, record.path);
    if let Some(query) = record.query {
        object
            .written(r#","query":""#, query, |out, query| secrets.query(out, query, escape::json));
    }
    object.word(r#","protocol":""#, record.protocol);
    object.number(r#","status":"#, u64::from(record.status));
    object.word(r#","source":""#, record.source.name());
    if let Some(decider) = record.decider {
        object.text(r#","policy":""#, decider.kind.as_bytes());
        object.text(r#","policy_at":""#, decider.at.as_bytes());
    }
    object.principal(record.principal);
    object.text(r#","failure":""#, record.failure.unwrap_or_default().as_bytes());
    object.text(r#","cause":""#, record.cause.unwrap_or_default().as_bytes());
    object.number(r#","attempts":"#, u64::from(record.attempts.count()));
    object.attempts(record.attempts);
    object.decisions(record.decisions);
    if let Some(status) = record.grpc_status {
        object.number(r#","grpc_status":"#, u64::from(status));
    }
    object.times(record);
    object.number(r#","received_head_bytes":"#, record.received.head);
    object.number(r#","received_body_bytes":"#, record.received.body);
    object.number(r#","sent_head_bytes":"#, record.sent.head);
    object.number(r#","sent_body_bytes":"#, record.sent.body);
    if let Some(referer) = record.referer {
        object.written(r#","referer":""#, referer, |out, url| secrets.url(out, url, escape::json));
    }
    object.text(r#","user_agent":""#, record.user_agent.unwrap_or_default());
    object.number(r#","revision":"#, record.revision);
    object.text(r#","aborted_by":""#, record.aborted_by.map_or("", |side| side.name()).as_bytes());
    if record.tunnelled {
        object.key(r#","tunnelled":"#);
        object.out.extend_from_slice(b"true");
    }
    if let Some(secured) = record.secured {
        object.secured(secured);
    }
    if !members.request.is_empty() {
        object.fields(r#","request_headers":"#, record.request_fields, &members.request, secrets);
    }
    if !members.response.is_empty() {
        object.fields(
            r#","response_headers":"#,
            record.response_fields,
            &members.response,
            secrets,
        );
    }
    out.extend_from_slice(b"}\n");
}

/// A JSON object that already has its first member. Its keys are copied where they stand in the code, as
/// constants; what the values need is called.
struct Object<'o> {
    out: &'o mut Vec<u8>,
}

impl Object<'_> {
    /// The key of another member, as it is written: with the comma before it, its quotes and its colon.
    #[inline]
    fn key(&mut self, key: &'static str) {
        self.out.extend_from_slice(key.as_bytes());
    }

    #[inline]
    fn number(&mut self, key: &'static str, number: u64) {
        self.key(key);
        decimal(self.out, number);
    }

    /// A text member, of which the key brings the first quote; none if the text is empty.
    #[inline]
    fn text(&mut self, key: &'static str, text: &[u8]) {
        if !text.is_empty() {
            self.key(key);
            quoted(self.out, text);
        }
    }

    /// A text member that is a word of ours; none if it is empty.
    fn word(&mut self, key: &'static str, word: &str) {
        if !word.is_empty() {
            self.written(key, word.as_bytes(), Vec::extend_from_slice);
        }
    }

    /// A text member as `write` puts it.
    fn written(&mut self, key: &'static str, text: &[u8], write: impl FnOnce(&mut Vec<u8>, &[u8])) {
        self.key(key);
        write(self.out, text);
        self.out.push(b'"');
    }

    /// How the attempts went, unless it is told already: one, that was answered.
    fn attempts(&mut self, attempts: &Attempts) {
        let answered = |one: &Attempt| matches!(one.end, Some((_, AttemptEnd::Answered(_))));
        if attempts.count() == 0 || attempts.count() == 1 && attempts.iter().all(answered) {
            return;
        }
        self.key(r#","attempt_list":"#);
        for (place, attempt) in attempts.iter().enumerate() {
            self.out.extend_from_slice(if place == 0 { b"[{" } else { b",{" });
            self.out.extend_from_slice(b"\"at_ms\":");
            millis(self.out, attempt.began);
            self.text(r#","target":""#, attempt.target.as_bytes());
            self.time(r#","connect_ms":"#, attempt.connect());
            self.time(r#","took_ms":"#, attempt.took());
            let end = attempt.end.map(|(_, end)| end);
            self.text(r#","end":""#, AttemptEnd::name(end).as_bytes());
            if let Some(AttemptEnd::Answered(status)) = end {
                self.number(r#","status":"#, u64::from(status));
            }
            self.out.push(b'}');
        }
        self.out.push(b']');
    }

    /// A list of objects; none if the list is empty.
    fn decisions(&mut self, decisions: &[Decision]) {
        if decisions.is_empty() {
            return;
        }
        self.key(r#","decisions":"#);
        for (place, decision) in decisions.iter().enumerate() {
            self.out.extend_from_slice(if place == 0 {
                b"[{\"what\":\""
            } else {
                b",{\"what\":\""
            });
            self.out.extend_from_slice(decision.what.name().as_bytes());
            self.out.push(b'"');
            self.text(r#","target":""#, decision.target.as_deref().unwrap_or_default().as_bytes());
            if let Some(status) = decision.status {
                self.number(r#","status":"#, u64::from(status));
            }
            self.key(r#","at_ms":"#);
            millis(self.out, decision.at);
            self.out.push(b'}');
        }
        self.out.push(b']');
    }

    fn principal(&mut self, principal: Option<&Principal>) {
        let Some(principal) = principal else { return };
        self.text(r#","consumer":""#, principal.consumer_name().as_bytes());
        if let Some(credential) = &principal.credential {
            self.key(r#","credential":""#);
            credential.put_id(self.out);
            self.out.push(b'"');
            self.text(
                r#","credential_label":""#,
                credential.label().unwrap_or_default().as_bytes(),
            );
        }
        self.word(r#","identified_by":""#, principal.by);
    }

    fn secured(&mut self, secured: &Secured) {
        self.key(r#","tls":"#);
        self.out.extend_from_slice(b"{\"version\":\"");
        self.out.extend_from_slice(secured.version.unwrap_or_default().as_bytes());
        self.out.push(b'"');
        self.text(r#","cipher":""#, secured.cipher.unwrap_or_default().as_bytes());
        self.text(
            r#","server_name":""#,
            secured.server_name.as_deref().unwrap_or_default().as_bytes(),
        );
        self.text(r#","alpn":""#, secured.protocol.as_deref().unwrap_or_default());
        if secured.resumed {
            self.key(r#","resumed":"#);
            self.out.extend_from_slice(b"true");
        }
        if let Some(identity) = &secured.identity {
            self.text(r#","client_subject":""#, identity.shown.subject.as_bytes());
            self.text(r#","client_fingerprint":""#, identity.shown.fingerprint.as_bytes());
        }
        self.out.push(b'}');
    }

    /// An object of the fields that are there; none if none of them is.
    fn fields(
        &mut self,
        key: &'static str,
        fields: Option<&Fields>,
        names: &[String],
        secrets: &Secrets,
    ) {
        let shown = Shown { fields, secrets: Some(secrets) };
        let mut is_first = true;
        for name in names {
            let Some(value) = shown.value(name.as_bytes()) else { continue };
            if is_first {
                self.key(key);
            }
            self.out.extend_from_slice(if is_first { b"{\"" } else { b",\"" });
            // A name of a field has nothing to escape.
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":\"");
            quoted(self.out, &value);
            is_first = false;
        }
        if !is_first {
            self.out.push(b'}');
        }
    }

    fn client(&mut self, client: SocketAddr) {
        self.key(r#","client":""#);
        address(self.out, client);
        self.out.push(b'"');
        if client.port() != 0 {
            self.number(r#","client_port":"#, u64::from(client.port()));
        }
    }

    fn times(&mut self, record: &Record<'_>) {
        let times = record.times;
        let unless_zero = |time: Duration| Some(time).filter(|time| !time.is_zero());
        self.time(r#","total_ms":"#, Some(times.total));
        self.time(r#","upstream_ms":"#, times.upstream);
        self.time(r#","overhead_ms":"#, Some(times.overhead));
        self.time(r#","queued_ms":"#, unless_zero(times.queued));
        self.time(r#","policies_ms":"#, unless_zero(times.policies));
        self.time(r#","connect_ms":"#, times.connect);
    }

    #[inline]
    fn time(&mut self, key: &'static str, time: Option<Duration>) {
        if let Some(time) = time {
            self.key(key);
            millis(self.out, time);
        }
    }
}

/// Appends a time in milliseconds.
fn millis(out: &mut Vec<u8>, time: Duration) {
    thousandths(out, micros(time));
}

/// Appends a foreign value and the quote behind it.
#[inline(never)]
fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    escape::field(out, text, escape::json);
    out.push(b'"');
}

/// Appends the address without its port; an IPv4 address inside IPv6 as the IPv4 address it is.
pub(crate) fn address(out: &mut Vec<u8>, client: SocketAddr) {
    match client.ip().to_canonical() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                decimal(out, u64::from(octet));
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(address) => write!(out, "{address}").unwrap_or_default(),
    }
}

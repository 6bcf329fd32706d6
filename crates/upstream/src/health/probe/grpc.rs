//! gRPC's health protocol (`grpc.health.v1.Health/Check`): one call, whose two messages have one field
//! each and are written and read here.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use yumen_http::{ResponseHead, grpc};
use yumen_model::GrpcProbe;

use super::complaint::{Complaint, Flaw, quote};
use super::http2::{self, Answer};
use super::line::{Addressee, HTTP2, Stage, is_http2, open};
use super::request;

/// The longest name of a service that is asked about.
pub(super) const SERVICE_MAX: usize = 255;
/// The largest answer: its one number takes two bytes, what later versions may add is passed over.
const MESSAGE_MAX: usize = 1024;
/// A byte that says whether the message is compressed, and four for its length.
const FRAME: usize = 5;
/// The key of field 1 if it is text, as in the question.
const SERVICE_KEY: u8 = 1 << 3 | 2;
/// The most bytes of a number.
const NUMBER_BYTES: usize = 10;
/// What a service says of itself when it serves.
const SERVING: u64 = 1;
/// What else it may say, from 0.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const NOT_FOUND: u8 = 5;
const UNIMPLEMENTED: u8 = 12;

/// Whether a gRPC service says that it serves.
#[derive(Debug)]
pub(super) struct Call {
    service: String,
    authority: Option<String>,
    /// How long it may take.
    timeout: Duration,
}

impl Call {
    pub(super) fn compile(probe: &GrpcProbe, timeout: Duration) -> Self {
        let GrpcProbe { service, authority } = probe.clone();
        Self { service, authority, timeout }
    }

    pub(super) async fn ask(&self, to: &Addressee, stage: &Stage) -> Result<(), Complaint> {
        let request = self.request(to)?;
        let stream = open(to, &[HTTP2], stage).await?;
        if to.seal.is_some() && !is_http2(&stream) {
            let why = "TLS: the target did not agree to speak HTTP/2, which gRPC needs";
            return Err(Complaint::new(Flaw::Tls, why));
        }
        let question = write_question(&self.service);
        let answer = http2::ask(stream, request, question, FRAME + MESSAGE_MAX + 1).await?;
        self.judge(&answer)
    }

    fn request(&self, to: &Addressee) -> Result<Request<()>, Complaint> {
        let authority = self.authority.as_deref().unwrap_or(&to.authority);
        let path = "/grpc.health.v1.Health/Check";
        let mut request = request("POST", authority, path, to.seal.is_some())?;
        let fields = request.headers_mut();
        fields.insert("content-type", HeaderValue::from_static("application/grpc"));
        fields.insert("te", HeaderValue::from_static("trailers"));
        // Nobody waits for longer.
        if let Ok(timeout) = HeaderValue::try_from(grpc::write_timeout(self.timeout)) {
            fields.insert("grpc-timeout", timeout);
        }
        Ok(request)
    }

    fn judge(&self, answer: &Answer) -> Result<(), Complaint> {
        let Answer { head, body, trailers } = answer;
        if head.status().code() != 200 {
            let why = format!("no gRPC: the status of HTTP is {}", head.status().code());
            return Err(Complaint::new(Flaw::Status, why));
        }
        let kind = head.fields().first("content-type").unwrap_or_default();
        if !grpc::is_kind(kind) {
            return Err(Complaint::broken(format_args!(
                "no gRPC: the content type is `{}`",
                quote(kind)
            )));
        }
        let Some(trailers) = trailers else {
            return Err(Complaint::broken("no answer of gRPC's health protocol: it is too long"));
        };
        match read_code(head, trailers) {
            None => Err(Complaint::broken("no gRPC: there is no `grpc-status`")),
            Some((0, _)) => judge_message(body),
            Some((code, message)) => Err(self.refused(code, &message)),
        }
    }

    /// What it means that the call failed.
    fn refused(&self, code: u8, message: &str) -> Complaint {
        let name = grpc::status_name(code.into()).unwrap_or("an unknown status");
        let text = match code {
            NOT_FOUND => format!("NOT_FOUND: there is no gRPC service `{}`", self.service),
            UNIMPLEMENTED => "UNIMPLEMENTED: it does not speak gRPC's health protocol".to_owned(),
            _ if message.is_empty() => format!("the call ended with {code} {name}"),
            _ => format!("the call ended with {code} {name}: {message}"),
        };
        Complaint::new(Flaw::Status, text)
    }
}

/// How the call ended: in the trailers, or in the head of an answer that has nothing else.
fn read_code(head: &ResponseHead, trailers: &HeaderMap) -> Option<(u8, String)> {
    let behind = |name: &str| trailers.get(name).map(HeaderValue::as_bytes);
    let find = |name: &str| behind(name).or_else(|| head.fields().first(name));
    let code = grpc::read_status(find("grpc-status")?)?;
    Some((code, quote(find("grpc-message").unwrap_or_default())))
}

fn judge_message(body: &[u8]) -> Result<(), Complaint> {
    let bad =
        |why: &str| Complaint::broken(format_args!("no answer of gRPC's health protocol: {why}"));
    match read_frame(body).and_then(read_status).map_err(bad)? {
        SERVING => Ok(()),
        other => {
            let name = usize::try_from(other).ok().and_then(|place| STATUSES.get(place));
            let text = name.map_or_else(|| format!("its health is {other}"), ToString::to_string);
            Err(Complaint::new(Flaw::NotServing, text))
        }
    }
}

/// The message `HealthCheckRequest { service }` in its frame.
fn write_question(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE_KEY);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        message.push(length.to_le_bytes()[0]);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &message].concat().into()
}

/// The one message that an answer is.
fn read_frame(body: &[u8]) -> Result<&[u8], &'static str> {
    let (frame, message) = body.split_first_chunk::<FRAME>().ok_or("there is no message")?;
    let [compressed, length @ ..] = *frame;
    if compressed != 0 {
        return Err("it is compressed, and nobody asked for that");
    }
    match usize::try_from(u32::from_be_bytes(length)) {
        Ok(length) if length > MESSAGE_MAX => Err("it is too long"),
        Ok(length) if length == message.len() => Ok(message),
        Ok(length) if length < message.len() => Err("there is more than one message"),
        _ => Err("it is cut off"),
    }
}

/// Reads `HealthCheckResponse { status }`. Fields of later versions are passed over, as is right in
/// this format; a field that is written twice counts as it was written last.
fn read_status(mut message: &[u8]) -> Result<u64, &'static str> {
    const CUT: &str = "it is cut off";
    let mut status = 0;
    while !message.is_empty() {
        let key = read_number(&mut message)?;
        let skipped = match (key >> 3, key & 7) {
            (0, _) => return Err("a field without a number"),
            (1, 0) => {
                status = read_number(&mut message)?;
                0
            }
            (1, _) => return Err("the status is no number"),
            (_, 0) => {
                read_number(&mut message)?;
                0
            }
            (_, 1) => 8,
            (_, 2) => usize::try_from(read_number(&mut message)?).map_err(|_too_large| CUT)?,
            (_, 5) => 4,
            _ => return Err("a field of no known form"),
        };
        message = message.get(skipped..).ok_or(CUT)?;
    }
    Ok(status)
}

/// Takes a number off: seven bits in each byte, the lowest first, and one that says whether more follow.
fn read_number(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut number = 0_u64;
    for place in 0..NUMBER_BYTES {
        let (byte, rest) = bytes.split_first().ok_or("it is cut off")?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        let shifted = bits << (7 * place);
        if shifted >> (7 * place) != bits {
            return Err("a number that is too large");
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number without an end")
}

#[cfg(test)]
mod tests;

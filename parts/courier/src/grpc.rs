//! A unary call of gRPC as it stands in HTTP/2: one message each way, and a status behind it.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use yumen_http::{Fields, Malformed, grpc};

use crate::details;
use crate::fault::{CallStatus, Fault, printable};
use crate::http1::AGENT;
use crate::percent;
use crate::request::{Answer, Request};

/// What stands in front of each message: whether it is packed, and its length.
pub(crate) const PREFIX: usize = 5;

/// The head of a call that may take so long.
pub(crate) fn head(
    request: &Request,
    host: &str,
    is_secure: bool,
    left: Duration,
) -> Result<http::Request<()>, Malformed> {
    const UNFIT: Malformed = Malformed("a target that HTTP/2 cannot name");
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(if is_secure { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(Authority::try_from(host).map_err(|_invalid| UNFIT)?);
    let path = PathAndQuery::try_from(request.path.as_str()).map_err(|_invalid| UNFIT)?;
    uri.path_and_query = Some(path);
    let mut head = http::Request::new(());
    *head.uri_mut() = Uri::from_parts(uri).map_err(|_invalid| UNFIT)?;
    *head.method_mut() = Method::POST;
    let fields = head.headers_mut();
    for (name, value) in request.fields.iter() {
        // They are good by the grammar of HTTP/1, which is the same.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            fields.append(name, value);
        }
    }
    let mut put = |name: &'static str, value: &str| put(fields, name, value);
    put("te", "trailers");
    put("content-type", "application/grpc");
    put("user-agent", AGENT);
    put("grpc-timeout", &grpc::write_timeout(left));
    if request.is_gzipped {
        put("grpc-encoding", "gzip");
    }
    Ok(head)
}

/// Puts a field in, unless the request has it already.
fn put(fields: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        fields.entry(name).or_insert(value);
    }
}

/// The message as it is sent.
///
/// # Errors
/// When it is longer than four bytes can say.
pub(crate) fn framed(request: &Request) -> Result<Bytes, Malformed> {
    let length = u32::try_from(request.body.len());
    let length = length.map_err(|_larger| Malformed("a message that is too large"))?;
    let mut out = BytesMut::with_capacity(PREFIX + request.body.len());
    out.put_u8(u8::from(request.is_gzipped));
    out.put_u32(length);
    out.extend_from_slice(&request.body);
    Ok(out.freeze())
}

/// The length of the message that begins here, as soon as it is told.
pub(crate) fn message_length(bytes: &[u8]) -> Option<usize> {
    let [_packed, length @ ..] = bytes.first_chunk::<PREFIX>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

/// What an answer comes to: the status is taken from its end, the message out of its frame.
pub(crate) fn judge(answer: Answer) -> Result<Answer, Fault> {
    let of = |fields: &Fields| fields.first("grpc-status").map(read_code);
    // Where there is no message, the head is the end as well.
    let end = answer.trailers.as_ref().filter(|trailers| of(trailers).is_some());
    let end = end.unwrap_or(&answer.fields);
    match of(end) {
        Some(0) => {}
        Some(code) => return Err(ended(code, end)),
        None if answer.status.code() != 200 => return Err(refused(answer.status.code())),
        None => return Err(Fault::malformed("a call without a status at its end")),
    }
    let body = unframed(answer.body)?;
    Ok(Answer { body, ..answer })
}

/// A status that is no number is none that is known.
fn read_code(value: &[u8]) -> u32 {
    const UNKNOWN: u32 = 2;
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number);
    text.and_then(|text| text.parse().ok()).unwrap_or(UNKNOWN)
}

fn ended(code: u32, end: &Fields) -> Fault {
    let message = percent::decode(end.first("grpc-message").unwrap_or_default());
    Fault::Call(Box::new(CallStatus {
        code,
        message: printable(&String::from_utf8_lossy(&message)),
        retry_after: end.first("grpc-status-details-bin").and_then(details::retry_after),
    }))
}

/// What a status of HTTP means to a call, if nothing else is said of how it ended.
fn refused(status: u16) -> Fault {
    let code = match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    };
    let message = format!("the server answered with status {status} of HTTP");
    Fault::Call(Box::new(CallStatus { code, message, retry_after: None }))
}

/// The only message in these bytes.
fn unframed(mut bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let Some(length) = message_length(&bytes) else {
        return Err(Fault::malformed("a call that went well, without a message"));
    };
    if bytes.first() != Some(&0) {
        return Err(Fault::malformed("a message that is packed, which nobody asked for"));
    }
    if bytes.len() != PREFIX + length {
        return Err(Fault::malformed("a message and more, or less"));
    }
    bytes.drain(..PREFIX);
    Ok(bytes)
}

#[cfg(test)]
mod tests;

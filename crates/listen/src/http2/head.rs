//! Heads of HTTP/2 and HTTP/3 as the libraries have them: read into ours, and made of ours.

use http::{HeaderMap, HeaderName, HeaderValue};
use yumen_http::{
    Fields, Framing, HeadLimits, Known, Malformed, Pseudo, Refusal, RequestHead, ResponseHead,
    Version,
};

/// Reads a request's head. `ended` says that nothing follows it.
pub(crate) fn read(
    request: http::request::Parts,
    version: Version,
    ended: bool,
    limits: &HeadLimits,
) -> Result<Box<RequestHead>, Refusal> {
    let uri = request.uri.into_parts();
    let protocol = request.extensions.get::<h2::ext::Protocol>();
    let pseudo = Pseudo {
        version,
        method: request.method.as_str(),
        scheme: uri.scheme.as_ref().map(http::uri::Scheme::as_str),
        authority: uri.authority.as_ref().map(http::uri::Authority::as_str),
        path: uri.path_and_query.as_ref().map(http::uri::PathAndQuery::as_str),
        protocol: protocol.map(h2::ext::Protocol::as_str),
        ended,
    };
    let fields = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    RequestHead::assemble(&pseudo, fields, limits).map(Box::new)
}

/// Makes an answer's head; says how large it is as text.
pub(crate) fn answer(
    head: &ResponseHead,
    framing: Framing,
    date: &[u8],
) -> Result<(http::Response<()>, u64), Malformed> {
    let mut answer = empty(head)?;
    let fields = answer.headers_mut();
    let mut size = put(fields, head.fields());
    if !fields.contains_key(http::header::DATE)
        && let Ok(date) = HeaderValue::from_bytes(date)
    {
        fields.insert(http::header::DATE, date);
    }
    if let Framing::Length(length) = framing {
        fields.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    size += ":status: 200\r\n".len();
    Ok((answer, size as u64))
}

/// Makes the head of an interim answer.
pub(crate) fn interim(head: &ResponseHead) -> Result<http::Response<()>, Malformed> {
    let mut answer = empty(head)?;
    put(answer.headers_mut(), head.fields());
    Ok(answer)
}

/// Makes trailers.
pub(crate) fn trailers(fields: &Fields) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    put(&mut trailers, fields);
    trailers
}

fn empty(head: &ResponseHead) -> Result<http::Response<()>, Malformed> {
    let mut answer = http::Response::new(());
    *answer.status_mut() = http::StatusCode::from_u16(head.status().code())
        .map_err(|_invalid| Malformed("a status that is none"))?;
    Ok(answer)
}

/// Puts in the fields that HTTP/2 and HTTP/3 may have; says how large they are as text.
fn put(out: &mut HeaderMap, fields: &Fields) -> usize {
    const EXTRA: usize = ": \r\n".len();
    let mut size = 0;
    out.reserve(fields.len() + 2);
    for (name, value) in fields.iter() {
        // A policy may have put in what only HTTP/1 knows.
        let known = Known::of(name);
        if matches!(
            known,
            Known::Connection | Known::Hop | Known::TransferEncoding | Known::Upgrade | Known::Te
        ) {
            continue;
        }
        // They are good by the grammar of HTTP/1, which is the same.
        if let (Ok(field), Ok(text)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            size += name.len() + value.len() + EXTRA;
            out.append(field, text);
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_http::Status;

    #[test]
    fn answers_have_no_field_of_http1() {
        let mut head = ResponseHead::new(Status::OK);
        for (name, value) in
            [("X-A", "1"), ("Connection", "x"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]
        {
            head.fields_mut().add(name, value.as_bytes()).unwrap();
        }
        let (answer, _) = answer(&head, Framing::Length(5), b"now").unwrap();
        let fields: Vec<String> = answer
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            fields,
            ["x-a: 1", "set-cookie: a", "set-cookie: b", "date: now", "content-length: 5"]
        );
    }
}

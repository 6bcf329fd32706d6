//! Heads of HTTP/2 as the library has them: made of ours, and read into ours.

use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use yumen_http::{Fields, HeadLimits, Malformed, Outgoing, RequestHead, ResponseHead, grpc};

/// Makes a request's head.
/// `left`: how long it may take from now on.
pub(super) fn request(
    head: &RequestHead,
    outgoing: &Outgoing<'_>,
    scheme: Scheme,
    left: Option<Duration>,
) -> Result<Request<()>, Malformed> {
    let mut path = outgoing.path.to_vec();
    if let Some(query) = head.query_bytes() {
        path.push(b'?');
        path.extend_from_slice(query);
    }
    let length = path.len();
    let path = PathAndQuery::try_from(path).map_err(|_invalid| UNFIT)?;
    // A part that is lost on the way makes another request.
    if path.as_str().len() != length {
        return Err(UNFIT);
    }
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(scheme);
    uri.authority = Some(Authority::try_from(outgoing.host).map_err(|_invalid| UNFIT)?);
    uri.path_and_query = Some(path);
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_invalid| UNFIT)?;
    *request.method_mut() =
        Method::from_bytes(head.method().as_str().as_bytes()).map_err(|_invalid| UNFIT)?;
    let fields = request.headers_mut();
    head.tell(outgoing, |name, value| put(fields, name, value));
    // The service need not work longer than anybody waits for it.
    if let Some(left) = left.filter(|_| grpc::is_call(head))
        && let Ok(left) = HeaderValue::try_from(grpc::write_timeout(left))
    {
        fields.insert("grpc-timeout", left);
    }
    Ok(request)
}

/// A target that HTTP/1.1 can say and the library for HTTP/2 cannot.
const UNFIT: Malformed = Malformed("a target that HTTP/2 cannot name");

/// Makes trailers.
pub(super) fn trailers(fields: &Fields) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    fields.iter().for_each(|(name, value)| put(&mut trailers, name, value));
    trailers
}

/// Reads an answer's head.
pub(super) fn answer<T>(
    answer: &http::Response<T>,
    limits: &HeadLimits,
) -> Result<Box<ResponseHead>, Malformed> {
    let fields = answer.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    ResponseHead::assemble(answer.status().as_u16(), fields, limits)
}

fn put(out: &mut HeaderMap, name: &[u8], value: &[u8]) {
    // They are good by the grammar of HTTP/1, which is the same.
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        out.append(name, value);
    }
}

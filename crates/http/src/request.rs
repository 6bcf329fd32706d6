//! Request heads: found, read, and written anew for a service.

use crate::authority::Authority;
use crate::connection::Connection;
use crate::fields::{Fields, Kinds, Known, Several};
use crate::forwarded::Forwarding;
use crate::framing::Framing;
use crate::grammar::members;
use crate::index::{HeadIndex, HeadLimits};
use crate::method::Method;
use crate::query;
use crate::refusal::{Malformed, Refusal};
use crate::target::{Path, Target};
use crate::trace::TraceLines;
use crate::websocket;

mod pseudo;

pub use pseudo::Pseudo;
pub(crate) use pseudo::{FIELD_EXTRA, is_of_one_connection};

/// What is spoken: a version of HTTP, or nothing that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
    /// HTTP/3
    Http3,
    /// No HTTP: a connection that is passed on as it is.
    Tcp,
    /// The same, of which the first TLS message was read.
    Tls,
}

impl Version {
    /// Whether requests are spoken at all.
    #[must_use]
    pub fn is_http(self) -> bool {
        !matches!(self, Self::Tcp | Self::Tls)
    }

    /// What policies and those that they ask call it (RFC 9110 section 2.5); empty where no HTTP is
    /// spoken.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
            Self::Tcp | Self::Tls => "",
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        match bytes {
            b"HTTP/1.1" => Ok(Self::Http11),
            b"HTTP/1.0" => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                Err(Refusal::Version)
            }
            _ => Err(Malformed("a request line without a version").into()),
        }
    }
}

/// The longest method, the version, and the spaces between them.
pub(crate) const LINE_EXTRA: usize = 32 + 8 + 2;

/// Whether these first bytes of a connection can become a request, as far as they go: something
/// else (TLS, SSH, ...) is turned away at once, not when its time is over.
#[must_use]
pub fn can_begin_request(bytes: &[u8]) -> bool {
    let method = crate::grammar::token_run(bytes);
    match bytes.get(method..) {
        None | Some([]) => method <= LINE_EXTRA,
        Some([b' ', rest @ ..]) if method > 0 => {
            let line = rest.split(|&byte| byte == b'\r').next().unwrap_or_default();
            line.len() == rest.len()
                || split_line(bytes.get(..method + 1 + line.len()).unwrap_or_default()).is_ok()
        }
        Some(_) => false,
    }
}

/// Fields that are the gateway's to write, and those that no client may send.
const NOT_FROM_CLIENTS: Kinds =
    Kinds::of(&[Known::Host, Known::Expect, Known::Owned, Known::Underscore]);

/// The head of a request, checked and canonical.
#[derive(Debug)]
pub struct RequestHead {
    method: Method,
    version: Version,
    target: Target,
    authority: Option<Authority>,
    fields: Fields,
    framing: Framing,
    connection: Connection,
    expects_continue: bool,
    takes_trailers: bool,
    websocket: bool,
    size: usize,
}

impl RequestHead {
    /// Reads a whole head, as it was indexed. Framing and connection fields, fields of
    /// names with an underscore, and fields that only the gateway may set are taken out of
    /// [`RequestHead::fields`].
    ///
    /// # Errors
    /// On whatever is not exactly the grammar or could be read in two ways.
    pub fn read(head: &[u8], index: HeadIndex, limits: &HeadLimits) -> Result<Self, Refusal> {
        let line = split_line(index.first_line(head))?;
        let version = Version::read(line.version)?;
        let method = Method::read(line.method).ok_or(Malformed("a method that is no token"))?;
        if line.target.len() > limits.target {
            return Err(Refusal::TargetTooLong);
        }
        let (target, named) = Target::read(line.target, line.method.len() + 1, &method)?;
        let mut fields = index.into_fields(head);
        let host = read_host(&fields, version)?;
        let authority = named.or(host);
        let framing = Framing::of_request(&fields, version)?;
        let expects_continue = read_expect(&fields, version)?;
        let websocket = is_websocket(&fields, &method, version, framing);
        let takes_trailers = takes_trailers(&fields);
        let connection = Connection::take(&mut fields);
        fields.remove_kinds(NOT_FROM_CLIENTS);
        let websocket = websocket && connection.upgrade;
        if websocket && websocket::key(&fields).is_none() {
            return Err(Malformed("a WebSocket without a key").into());
        }
        Ok(Self {
            method,
            version,
            target,
            authority,
            fields,
            framing,
            connection,
            expects_continue,
            takes_trailers,
            websocket,
            size: head.len(),
        })
    }

    /// Stands for a connection that is passed on as it is, of which nothing is known but, perhaps,
    /// the name that the client asked for.
    #[must_use]
    pub fn of_connection(version: Version, server_name: Option<&str>) -> Self {
        Self {
            method: Method::Connect,
            version,
            target: Target::root(),
            authority: server_name.and_then(|name| Authority::read(name.as_bytes()).ok()),
            fields: Fields::new(),
            framing: Framing::None,
            connection: Connection::default(),
            expects_continue: false,
            takes_trailers: false,
            websocket: false,
            size: 0,
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The version that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The canonical path, or `*`.
    #[must_use]
    pub fn path(&self) -> &str {
        std::str::from_utf8(self.path_bytes()).unwrap_or_default()
    }

    /// The canonical path, or `*`, as bytes.
    #[must_use]
    pub fn path_bytes(&self) -> &[u8] {
        match &self.target.path {
            Path::At(range) => self.fields.slice(range),
            Path::Made(path) => path.as_bytes(),
        }
    }

    /// The path as servers see it that cut parameters off its segments (`/admin;x/y` is
    /// `/admin/y` to them); `None` if it has no parameters.
    #[must_use]
    pub fn path_without_parameters(&self) -> Option<Vec<u8>> {
        let path = self.path_bytes();
        memchr::memchr(b';', path)?;
        let mut plain = Vec::with_capacity(path.len());
        for segment in path.split_inclusive(|&byte| byte == b'/') {
            let name = segment.split(|&byte| byte == b';').next().unwrap_or_default();
            plain.extend_from_slice(name);
            if name.len() < segment.len() && segment.ends_with(b"/") {
                plain.push(b'/');
            }
        }
        let canonical = crate::canonical_path(&plain).ok().flatten();
        Some(canonical.map_or(plain, String::into_bytes))
    }

    /// What stands behind the question mark, as it came.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let range = self.target.query.as_ref()?;
        Some(std::str::from_utf8(self.fields.slice(range)).unwrap_or_default())
    }

    /// What stands behind the question mark, as bytes.
    #[must_use]
    pub fn query_bytes(&self) -> Option<&[u8]> {
        self.target.query.as_ref().map(|range| self.fields.slice(range))
    }

    /// Takes the query parameters of this name out: the service does not see them.
    pub fn remove_parameter(&mut self, name: &str) {
        let Some(range) = self.target.query.clone() else { return };
        let left = query::without(self.fields.slice(&range), name);
        // It is never longer than it was.
        let end = self.fields.overwrite(&range, &left);
        self.target.query = (!left.is_empty()).then_some(range.start..end);
    }

    /// Puts another query in the place of the one there was, if there was one; an empty one leaves none.
    ///
    /// # Errors
    /// When it has a character that no query has: nothing is changed then.
    pub fn set_query(&mut self, query: &[u8]) -> Result<(), Malformed> {
        if !crate::grammar::is_query(query) {
            return Err(Malformed("a query with a character that must be encoded"));
        }
        let range = self.fields.put_aside(query)?;
        self.target.query = (!query.is_empty()).then_some(range);
        Ok(())
    }

    /// Host and port that the client asked for; absent only in HTTP/1.0.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The canonical host that the client asked for; empty if it did not say.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_ref().map_or("", Authority::host)
    }

    /// The end-to-end fields.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The end-to-end fields, to be changed.
    pub fn fields_mut(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// How long the body is.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Its size in bytes: as it came, or as the text that a request of HTTP/2 or HTTP/3 amounts to.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether the client wants to see `100 Continue` before it sends the body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Whether the client says that it wants to see the trailers of the answer (`TE: trailers`).
    #[must_use]
    pub fn takes_trailers(&self) -> bool {
        self.takes_trailers
    }

    /// Whether the client asks to speak WebSocket on this connection (RFC 6455 section 4.1), or on
    /// this stream (RFC 8441).
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }

    /// Puts the key of a WebSocket's handshake in, which HTTP/2 has no use for and a service asks
    /// for. Nobody but that service sees it.
    pub fn make_websocket_key(&mut self, nonce: [u8; 16]) {
        let key = websocket::make_key(nonce);
        // Base64 is always a good value.
        self.fields.set(websocket::KEY, key.as_bytes()).unwrap_or_default();
    }

    /// Whether the client's connection may be kept after the answer.
    #[must_use]
    pub fn is_kept_alive(&self) -> bool {
        match self.version {
            Version::Http11 | Version::Http2 | Version::Http3 => !self.connection.close,
            Version::Http10 => self.connection.keep_alive && !self.connection.close,
            Version::Tcp | Version::Tls => false,
        }
    }
}

struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: &'a [u8],
}

/// Exactly one space between the three parts.
fn split_line(line: &[u8]) -> Result<RequestLine<'_>, Malformed> {
    let mut parts = line.split(|&byte| byte == b' ');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(target), Some(version), None) if !target.is_empty() => {
            Ok(RequestLine { method, target, version })
        }
        _ => Err(Malformed("a request line that is not method, target and version")),
    }
}

fn read_host(fields: &Fields, version: Version) -> Result<Option<Authority>, Malformed> {
    match fields.lone(Known::Host) {
        Ok(Some(host)) => Authority::read(host).map(Some),
        Ok(None) if version == Version::Http10 => Ok(None),
        Ok(None) => Err(Malformed("no Host field")),
        Err(Several) => Err(Malformed("several Host fields")),
    }
}

fn read_expect(fields: &Fields, version: Version) -> Result<bool, Refusal> {
    match fields.lone(Known::Expect) {
        Ok(None) => Ok(false),
        // RFC 9110 section 10.1.1: an HTTP/1.0 client cannot mean it.
        _ if version == Version::Http10 => Ok(false),
        Ok(Some(expect)) if expect.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Refusal::Expectation),
    }
}

fn takes_trailers(fields: &Fields) -> bool {
    let takes = |coding: &[u8]| coding.eq_ignore_ascii_case(b"trailers");
    fields.may_have(Known::Te) && fields.known(Known::Te).flat_map(members).any(takes)
}

fn is_websocket(fields: &Fields, method: &Method, version: Version, framing: Framing) -> bool {
    let asked = matches!(fields.lone(Known::Upgrade),
        Ok(Some(token)) if token.eq_ignore_ascii_case(b"websocket"));
    asked && *method == Method::Get && version == Version::Http11 && framing == Framing::None
}

/// What a request to a service says beside what the client said.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The path, canonical.
    pub path: &'a [u8],
    /// The `Host` field.
    pub host: &'a str,
    /// How long the body is; chunked if that is not known.
    pub framing: Framing,
    /// Where the request came from.
    pub forwarding: &'a Forwarding,
    /// The request's id.
    pub request_id: &'a [u8],
    /// The trace that it belongs to, if that is told.
    pub trace: Option<TraceLines<'a>>,
}

/// What the gateway says of itself.
const VIA: &[u8] = b"Via: 1.1 yumen\r\n";

impl RequestHead {
    /// Tells every field for a service that speaks HTTP/2, whose method, scheme, host and path go
    /// elsewhere. What [`RequestHead::write`] writes anew is told anew here.
    pub fn tell(&self, outgoing: &Outgoing<'_>, mut tell: impl FnMut(&[u8], &[u8])) {
        self.fields.iter().for_each(|(name, value)| tell(name, value));
        let mut lines = Vec::new();
        if let Framing::Length(length) = outgoing.framing {
            write_length(&mut lines, length);
        }
        let host = self.authority.as_ref().map_or("", Authority::as_str);
        outgoing.forwarding.write(&mut lines, host);
        lines.extend_from_slice(VIA);
        if let Some(trace) = &outgoing.trace {
            trace.write(&mut lines);
        }
        for line in lines.split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or_default();
            let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
            if let Some((name, value)) = line.split_at_checked(colon)
                && !name.is_empty()
            {
                tell(name, value.get(2..).unwrap_or_default());
            }
        }
        tell(b"X-Request-Id", outgoing.request_id);
        if self.takes_trailers {
            tell(b"TE", b"trailers");
        }
    }

    /// Writes the head for a service. Everything that says where the message ends, where it goes
    /// and where it came from is written anew.
    pub fn write(&self, out: &mut Vec<u8>, outgoing: &Outgoing<'_>) {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(outgoing.path);
        if let Some(query) = &self.target.query {
            out.push(b'?');
            out.extend_from_slice(self.fields.slice(query));
        }
        out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        out.extend_from_slice(outgoing.host.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.fields.write(out);
        match outgoing.framing {
            Framing::Length(length) => write_length(out, length),
            Framing::Chunked | Framing::UntilClose => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            // A method that usually has a body says that it has none (RFC 9110 section 8.6).
            Framing::None if matches!(self.method, Method::Post | Method::Put | Method::Patch) => {
                write_length(out, 0);
            }
            Framing::None => {}
        }
        if self.websocket {
            out.extend_from_slice(b"Connection: upgrade\r\nUpgrade: websocket\r\n");
        }
        outgoing.forwarding.write(out, self.authority.as_ref().map_or("", Authority::as_str));
        out.extend_from_slice(VIA);
        if let Some(trace) = &outgoing.trace {
            trace.write(out);
        }
        out.extend_from_slice(b"X-Request-Id: ");
        out.extend_from_slice(outgoing.request_id);
        out.extend_from_slice(b"\r\n\r\n");
    }
}

pub(crate) fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn write_decimal(out: &mut Vec<u8>, number: u64) {
    /// As many digits as the largest number has.
    const DIGITS_MAX: usize = 20;
    let mut digits = [b'0'; DIGITS_MAX];
    let mut rest = number;
    let mut length = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - length..).unwrap_or_default());
}

#[cfg(test)]
mod tests;

//! The reference reader of HTTP/1.1: small, strict, and independent of the gateway's own grammar.
//!
//! It accepts only what cannot be read in two ways: a message that passes here means the same to
//! every server. What a gateway sends to a service has to pass; what a client gets has to pass.

use std::fmt;

/// One header field as it was written.
pub type Field = (String, Vec<u8>);

/// A whole message: a request or an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line, without its end.
    pub start: String,
    /// Header fields in order.
    pub fields: Vec<Field>,
    /// Body without its framing.
    pub body: Vec<u8>,
    /// Fields after a chunked body.
    pub trailers: Vec<Field>,
    /// How the body was framed.
    pub framing: Framing,
}

/// How a body was framed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    #[default]
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection ends (answers only).
    Close,
}

/// Why bytes are no clean message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// What is there is clean, but there is less than a message. True if its head is whole.
    Cut(bool),
    /// It can be read in two ways, or is not HTTP/1.1.
    Bad(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(_) => write!(out, "cut off"),
            Self::Bad(why) => write!(out, "{why}"),
        }
    }
}

type Read<T> = Result<T, Flaw>;

fn bad<T>(why: impl Into<String>) -> Read<T> {
    Err(Flaw::Bad(why.into()))
}

impl Message {
    /// The n-th word of the start line.
    fn word(&self, n: usize) -> &str {
        self.start.splitn(3, ' ').nth(n).unwrap_or_default()
    }

    /// A request's method.
    pub fn method(&self) -> &str {
        self.word(0)
    }

    /// A request's target.
    pub fn target(&self) -> &str {
        self.word(1)
    }

    /// An answer's status; 0 if there is none.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// All values of a field, in order, with bytes that are not UTF-8 replaced.
    pub fn all(&self, name: &str) -> Vec<String> {
        values(&self.fields, name)
    }

    /// The one value of a field; empty if it is missing, a panic if there are several.
    pub fn one(&self, name: &str) -> String {
        let mut all = self.all(name);
        assert!(all.len() < 2, "{name} more than once: {all:?}");
        all.pop().unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// True if the sender means to close the connection after this message.
    pub fn closes(&self) -> bool {
        let said: Vec<String> =
            self.all("connection").iter().map(|value| value.to_ascii_lowercase()).collect();
        self.framing == Framing::Close
            || said.iter().any(|value| value.contains("close"))
            || (self.start.contains("HTTP/1.0")
                && !said.iter().any(|value| value.contains("keep-alive")))
    }
}

/// All values of a field in a list.
pub fn values(fields: &[Field], name: &str) -> Vec<String> {
    fields
        .iter()
        .filter(|(has, _)| has.eq_ignore_ascii_case(name))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Splits off one line that ends with CRLF and holds no other control byte but tab.
fn line(bytes: &[u8]) -> Read<(&[u8], usize)> {
    let end = bytes.iter().position(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f);
    match end {
        None => Err(Flaw::Cut(false)),
        Some(at) => match bytes.get(at..at + 2) {
            Some(b"\r\n") => Ok((&bytes[..at], at + 2)),
            None if bytes[at] == b'\r' => Err(Flaw::Cut(false)),
            _ => bad(format!("byte 0x{:02x} in a line", bytes[at])),
        },
    }
}

/// Reads fields up to and with the empty line.
fn fields(bytes: &[u8]) -> Read<(Vec<Field>, usize)> {
    let mut list = Vec::new();
    let mut at = 0;
    loop {
        let (text, used) = line(&bytes[at..])?;
        at += used;
        if text.is_empty() {
            return Ok((list, at));
        }
        let Some(colon) = text.iter().position(|b| *b == b':') else {
            return bad("field without a colon");
        };
        if !is_token(&text[..colon]) {
            return bad(format!("field name {:?}", show(&text[..colon])));
        }
        let name = String::from_utf8_lossy(&text[..colon]).into_owned();
        list.push((name, text[colon + 1..].trim_ascii().to_vec()));
    }
}

/// `Content-Length` and `Transfer-Encoding`, if they can be read in one way only.
fn framing(list: &[Field]) -> Read<Framing> {
    let lengths = values(list, "content-length");
    let codings = values(list, "transfer-encoding");
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(Framing::None),
        ([length], []) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            match length.parse() {
                Ok(length) if length < u64::MAX / 2 => Ok(Framing::Length(length)),
                _ => bad("Content-Length out of range"),
            }
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        _ => bad(format!("framing: Content-Length {lengths:?}, Transfer-Encoding {codings:?}")),
    }
}

fn chunked(bytes: &[u8], message: &mut Message) -> Read<usize> {
    let mut at = 0;
    loop {
        let (size, used) = line(&bytes[at..])?;
        let digits = std::str::from_utf8(size).unwrap_or_default();
        if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return bad(format!("chunk size {:?}", show(size)));
        }
        at += used;
        let size = usize::from_str_radix(digits, 16).unwrap_or_default();
        if size == 0 {
            let (trailers, used) = fields(&bytes[at..])?;
            message.trailers = trailers;
            return Ok(at + used);
        }
        let rest = &bytes[at..];
        message.body.extend_from_slice(&rest[..size.min(rest.len())]);
        match rest.get(size..size + 2) {
            Some(b"\r\n") => at += size + 2,
            Some(_) => return bad("chunk data is not followed by CRLF"),
            None => return Err(Flaw::Cut(false)),
        }
    }
}

/// A body and how many bytes it took; what arrived of a cut body is in `message` as well.
fn body(bytes: &[u8], message: &mut Message) -> Read<usize> {
    match message.framing {
        Framing::None => Ok(0),
        Framing::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            message.body.extend_from_slice(&bytes[..length.min(bytes.len())]);
            if bytes.len() < length { Err(Flaw::Cut(true)) } else { Ok(length) }
        }
        Framing::Chunked => chunked(bytes, message),
        Framing::Close => {
            message.body.extend_from_slice(bytes);
            Ok(bytes.len())
        }
    }
}

fn head(bytes: &[u8]) -> Read<(Message, usize)> {
    let (start, used) = line(bytes)?;
    let Ok(start) = String::from_utf8(start.to_vec()) else {
        return bad("start line is not text");
    };
    let (list, more) = fields(&bytes[used..])?;
    let framing = framing(&list)?;
    Ok((Message { start, framing, fields: list, ..Message::default() }, used + more))
}

fn request_line(start: &str) -> Read<()> {
    let words: Vec<&str> = start.split(' ').collect();
    let [method, target, version] = words.as_slice() else {
        return bad(format!("request line {start:?}"));
    };
    if !is_token(method.as_bytes()) || !matches!(*version, "HTTP/1.1" | "HTTP/1.0") {
        return bad(format!("request line {start:?}"));
    }
    let plain = target.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'\\');
    let origin = target.starts_with('/') || (*target == "*" && *method == "OPTIONS");
    if plain && origin { Ok(()) } else { bad(format!("target {target:?}")) }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((inside, port)) if !inside.is_empty() => {
                if !inside.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)) {
                    return false;
                }
                ("v6", port.strip_prefix(':').unwrap_or(if port.is_empty() { "0" } else { "x" }))
            }
            _ => return false,
        },
        None => host.split_once(':').unwrap_or((host, "0")),
    };
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        && !port.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
}

/// Reads the first request in `bytes`; says how many bytes it took.
///
/// # Errors
/// [`Flaw::Cut`] if it is not whole yet, [`Flaw::Bad`] if it is not clean.
pub fn request(bytes: &[u8]) -> Read<(Message, usize)> {
    let (message, at, flaw) = request_so_far(bytes)?;
    flaw.map_or(Ok((message, at)), Err)
}

/// Reads the first request in `bytes` as far as it got, once its head is whole.
///
/// # Errors
/// As [`request`], for the head only; what is wrong behind it is the last part of the result.
pub fn request_so_far(bytes: &[u8]) -> Read<(Message, usize, Option<Flaw>)> {
    let (mut message, at) = head(bytes)?;
    request_line(&message.start)?;
    match message.all("host").as_slice() {
        [] if message.start.ends_with("/1.0") => {}
        [host] if is_host(host) => {}
        hosts => return bad(format!("Host {hosts:?}")),
    }
    if message.start.ends_with("/1.0") && message.framing == Framing::Chunked {
        return bad("chunked in HTTP/1.0");
    }
    match body(&bytes[at..], &mut message) {
        Ok(used) => match forbidden_trailer(&message) {
            Some(flaw) => Ok((message, at + used, Some(flaw))),
            None => Ok((message, at + used, None)),
        },
        Err(Flaw::Cut(_)) => Ok((message, at, Some(Flaw::Cut(true)))),
        Err(flaw) => Ok((message, at, Some(flaw))),
    }
}

fn forbidden_trailer(message: &Message) -> Option<Flaw> {
    let names = [
        "content-length",
        "transfer-encoding",
        "host",
        "authorization",
        "trailer",
        "connection",
        "content-type",
        "content-encoding",
        "cookie",
        "x-forwarded-for",
    ];
    message
        .trailers
        .iter()
        .find(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, _)| Flaw::Bad(format!("trailer {name}")))
}

/// Reads the first answer in `bytes`, to a request with `method`; `ended` says that nothing more
/// can come, so that a body without a length is whole. Says how many bytes it took.
///
/// # Errors
/// [`Flaw::Cut`] if it is not whole, [`Flaw::Bad`] if it is not clean.
pub fn answer(bytes: &[u8], method: &str, ended: bool) -> Read<(Message, usize)> {
    let (message, at, flaw) = answer_so_far(bytes, method, ended)?;
    flaw.map_or(Ok((message, at)), Err)
}

/// Reads the first answer in `bytes` as far as it got, once its head is whole.
///
/// # Errors
/// As [`answer`], for the head only; what is wrong behind it is the last part of the result.
pub fn answer_so_far(
    bytes: &[u8],
    method: &str,
    ended: bool,
) -> Read<(Message, usize, Option<Flaw>)> {
    let (mut message, at) = head(bytes)?;
    let status = message.status();
    let version = message.word(0);
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") || !(100..600).contains(&status) {
        return bad(format!("status line {:?}", message.start));
    }
    let bare = method == "HEAD" || status < 200 || matches!(status, 204 | 304);
    if bare || (method == "CONNECT" && status < 300) {
        if (status < 200 || status == 204) && message.framing != Framing::None {
            return bad(format!("a {status} with {:?}", message.framing));
        }
        message.framing = Framing::None;
        return Ok((message, at, None));
    }
    if message.framing == Framing::None {
        message.framing = Framing::Close;
    }
    match body(&bytes[at..], &mut message) {
        Ok(used) if message.framing == Framing::Close && !ended => {
            Ok((message, at + used, Some(Flaw::Cut(true))))
        }
        Ok(used) => Ok((message, at + used, None)),
        Err(Flaw::Cut(_)) => Ok((message, at, Some(Flaw::Cut(true)))),
        Err(flaw) => Ok((message, at, Some(flaw))),
    }
}

/// Bytes as printable text, cut after 600, for messages about failing cases.
pub fn show(bytes: &[u8]) -> String {
    let shown = bytes.len().min(600);
    let mut text = bytes[..shown].escape_ascii().to_string();
    if shown < bytes.len() {
        text.push_str(&format!(" ... ({} bytes)", bytes.len()));
    }
    text
}

#[cfg(test)]
mod tests;

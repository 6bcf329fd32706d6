//! Answer heads: read from a service, made by the gateway, written for a client.

use crate::connection::Connection;
use crate::fields::{Fields, Kinds, Known};
use crate::framing::Framing;
use crate::grammar::trim;
use crate::index::{HeadIndex, HeadLimits};
use crate::method::Method;
use crate::refusal::Malformed;
use crate::request::{FIELD_EXTRA, Version, is_of_one_connection, write_decimal, write_length};
use crate::status::{Status, reason};

/// Fields that name the make of a service, and those that the gateway writes.
const NOT_FROM_SERVICES: Kinds = Kinds::of(&[Known::Product, Known::Via]);

/// The head of an answer, checked.
#[derive(Debug)]
pub struct ResponseHead {
    status: Status,
    fields: Fields,
    framing: Framing,
    kept_alive: bool,
    websocket: bool,
}

impl ResponseHead {
    /// The head of an answer that the gateway makes itself.
    #[must_use]
    pub fn new(status: Status) -> Self {
        let fields = Fields::new();
        Self { status, fields, framing: Framing::None, kept_alive: true, websocket: false }
    }

    /// Reads a whole head, as it was indexed. Framing and connection fields are taken
    /// out of [`ResponseHead::fields`], and those that name the make of the service.
    ///
    /// # Errors
    /// On whatever is not exactly the grammar or could be read in two ways.
    pub fn read(head: &[u8], index: HeadIndex) -> Result<Box<Self>, Malformed> {
        let (version, status) = read_status_line(index.first_line(head))?;
        let mut fields = index.into_fields(head);
        let framing = if status.is_interim() {
            Framing::None
        } else {
            Framing::of_response(&fields, version)?
        };
        let websocket = fields
            .known(Known::Upgrade)
            .next()
            .is_some_and(|token| token.eq_ignore_ascii_case(b"websocket"));
        let connection = Connection::take(&mut fields);
        fields.remove_kinds(NOT_FROM_SERVICES);
        let kept_alive = match version {
            Version::Http11 | Version::Http2 | Version::Http3 => !connection.close,
            Version::Http10 => connection.keep_alive && !connection.close,
            Version::Tcp | Version::Tls => false,
        };
        let websocket = websocket && connection.upgrade && status == Status::SWITCHING;
        Ok(Box::new(Self { status, fields, framing, kept_alive, websocket }))
    }

    /// Makes the head of an answer of HTTP/2. What is taken out of one that came as text is taken
    /// out here too.
    ///
    /// # Errors
    /// On whatever is malformed (RFC 9113 section 8), could be read in two ways, or is too large.
    pub fn assemble<'a>(
        status: u16,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        limits: &HeadLimits,
    ) -> Result<Box<Self>, Malformed> {
        let status = Status::new(status).ok_or(Malformed("a status that is none"))?;
        if status == Status::SWITCHING {
            return Err(Malformed("a switch of protocols inside HTTP/2"));
        }
        let mut all = Fields::new();
        for (count, (name, value)) in fields.enumerate() {
            let size = all.buffer_size() + name.len() + value.len() + FIELD_EXTRA;
            if count >= limits.fields || size > limits.head {
                return Err(Malformed("the head is too large"));
            }
            if is_of_one_connection(name) {
                return Err(Malformed("a field of one connection"));
            }
            // As around values that come as text: an error of gRPC may end with a space.
            all.add(name, trim(value))?;
        }
        let framing = match Framing::of_response(&all, Version::Http2)? {
            _ if status.is_interim() => Framing::None,
            Framing::UntilClose => Framing::Chunked,
            framing => framing,
        };
        let _no_wishes = Connection::take(&mut all);
        all.remove_kinds(NOT_FROM_SERVICES);
        Ok(Box::new(Self { status, fields: all, framing, kept_alive: true, websocket: false }))
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Sets another status.
    pub fn set_status(&mut self, status: Status) {
        self.status = status;
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

    /// How long the body is that stands behind this head in answer to `method`.
    #[must_use]
    pub fn body_framing(&self, method: &Method) -> Framing {
        if *method == Method::Head || self.status.is_bodiless() {
            Framing::None
        } else {
            self.framing
        }
    }

    /// The length that the service announced, whether or not a body stands behind this head.
    #[must_use]
    pub fn announced_length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// Whether the service keeps its connection open after this answer.
    #[must_use]
    pub fn is_kept_alive(&self) -> bool {
        self.kept_alive
    }

    /// Whether the service agreed to speak WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }
}

fn read_status_line(line: &[u8]) -> Result<(Version, Status), Malformed> {
    const BAD: Malformed = Malformed("a status line that is not version, status and reason");
    let (version, rest) = line.split_at_checked(8).ok_or(BAD)?;
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        _ => return Err(BAD),
    };
    let (code, rest) = rest.split_at_checked(4).ok_or(BAD)?;
    let code = code.strip_prefix(b" ").and_then(crate::grammar::digits).ok_or(BAD)?;
    let status = u16::try_from(code).ok().and_then(Status::new).ok_or(BAD)?;
    let good = rest.is_empty() || (rest.first() == Some(&b' ') && crate::grammar::is_value(rest));
    if good { Ok((version, status)) } else { Err(BAD) }
}

/// What an answer to a client says about the connection.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// How the body's end is told. [`Framing::None`] and [`Framing::UntilClose`] say nothing.
    pub framing: Framing,
    /// The connection is closed after this answer.
    pub close: bool,
    /// The client speaks HTTP/1.0 and is told that the connection stays open.
    pub keep_alive: bool,
    /// The date, for answers that have none.
    pub date: &'a [u8],
}

impl ResponseHead {
    /// Writes the head for a client.
    pub fn write(&self, out: &mut Vec<u8>, delivery: &Delivery<'_>) {
        self.write_status_line(out);
        self.fields.write(out);
        if self.fields.known(Known::Date).next().is_none() {
            out.extend_from_slice(b"Date: ");
            out.extend_from_slice(delivery.date);
            out.extend_from_slice(b"\r\n");
        }
        match delivery.framing {
            Framing::Length(length) => write_length(out, length),
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::None | Framing::UntilClose => {}
        }
        if self.websocket {
            out.extend_from_slice(b"Connection: upgrade\r\nUpgrade: websocket\r\n");
        } else if delivery.close {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if delivery.keep_alive {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes the head of an interim answer (1xx).
    pub fn write_interim(&self, out: &mut Vec<u8>) {
        self.write_status_line(out);
        self.fields.write(out);
        out.extend_from_slice(b"\r\n");
    }

    fn write_status_line(&self, out: &mut Vec<u8>) {
        if self.status == Status::OK {
            return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        }
        out.extend_from_slice(b"HTTP/1.1 ");
        write_decimal(out, u64::from(self.status.code()));
        out.push(b' ');
        out.extend_from_slice(reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<Box<ResponseHead>, Malformed> {
        let limits = HeadLimits { head: 4096, target: 4096, field: 4096, fields: 100 };
        let mut index = HeadIndex::default();
        match index.find(head.as_bytes(), &limits) {
            Ok(Some(_)) => ResponseHead::read(head.as_bytes(), index),
            _ => Err(Malformed("no head")),
        }
    }

    #[test]
    fn answers_are_read_and_written_anew() {
        let head = read(
            "HTTP/1.1 200 Fine\r\nServer: secret/1.0\r\nX-A: 1\r\nConnection: keep-alive, x-b\r\nX-B: 2\r\n\
             Content-Length: 5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
        )
        .unwrap();
        assert_eq!(head.body_framing(&Method::Get), Framing::Length(5));
        assert_eq!(head.body_framing(&Method::Head), Framing::None);
        assert!(head.is_kept_alive());
        let mut out = Vec::new();
        let delivery =
            Delivery { framing: Framing::Length(5), close: true, keep_alive: false, date: b"now" };
        head.write(&mut out, &delivery);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn answers_of_http2_are_held_to_the_same_rules() {
        let limits = HeadLimits { head: 64, target: 64, field: 64, fields: 3 };
        let made = |status, fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
            ResponseHead::assemble(status, fields, &limits)
        };
        let head = made(200, &[("server", "secret"), ("x-a", "1 "), ("content-length", "5")]);
        let head = head.unwrap();
        assert_eq!(head.fields().iter().collect::<Vec<_>>(), [(&b"x-a"[..], &b"1"[..])]);
        assert_eq!(head.body_framing(&Method::Get), Framing::Length(5));
        assert_eq!(made(200, &[]).unwrap().body_framing(&Method::Get), Framing::Chunked);
        assert!(made(103, &[("link", "</a>")]).unwrap().status().is_interim());
        for (status, fields) in [
            (101, &[][..]),
            (99, &[][..]),
            (200, &[("connection", "close")][..]),
            (200, &[("transfer-encoding", "chunked")][..]),
            (200, &[("content-length", "5"), ("content-length", "5")][..]),
            (200, &[("x", "a\r\nb: c")][..]),
            (200, &[("x", "1"), ("x", "2"), ("x", "3"), ("x", "4")][..]),
            (200, &[("x", "0123456789012345678901234567890123456789012345678901234567890")][..]),
        ] {
            assert!(made(status, fields).is_err(), "{status} {fields:?}");
        }
    }

    #[test]
    fn bad_answers_are_refused() {
        for head in [
            "HTTP/1.1 200\n\r\n",
            "HTTP/1.1 99 x\r\n\r\n",
            "HTTP/1.1 600 x\r\n\r\n",
            "HTTP/1.1 2000 x\r\n\r\n",
            "HTTP/1.1 +20 x\r\n\r\n",
            "HTTP/1.1  200 x\r\n\r\n",
            "HTTP/2.0 200 x\r\n\r\n",
            "HTTP/0.9 200 x\r\n\r\n",
            "200 OK\r\n\r\n",
            "HTTP/1.1 200 x\0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        ] {
            assert!(read(head).is_err(), "{head:?}");
        }
        assert!(read("HTTP/1.1 200\r\n\r\n").is_ok(), "some servers send no reason and no space");
    }
}

//! Just enough of HTTP/1.1 to know where a request ends and what it asks for.

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Small,
    Big,
    Chunked,
}

/// A request that has arrived whole, its body included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Bytes of head and body.
    pub(crate) length: usize,
    pub(crate) kind: Kind,
    /// The client wants no further answer on this connection.
    pub(crate) close: bool,
}

/// The first request in `bytes`; `None` if its end has not arrived yet. A request with a body that
/// is not framed by Content-Length is an error: no gateway has a reason to send one here.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request>, &'static str> {
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let Some(first) = lines.next().filter(|line| line.ends_with(b"\n")) else { return Ok(None) };
    let mut length = first.len();
    let (mut body, mut close) = (0, first.ends_with(b"HTTP/1.0\r\n"));
    for line in lines {
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        length += line.len();
        match line {
            b"\r\n" => {
                let length = length + body;
                let whole = length <= bytes.len();
                return Ok(whole.then(|| Request { length, kind: kind(first), close }));
            }
            // Only fields with these first letters matter; nothing else is looked at.
            [b'c' | b'C' | b't' | b'T', ..] => {
                if let Some(value) = value(line, b"content-length:") {
                    body = value.parse().map_err(|_| "a Content-Length that is no number")?;
                } else if let Some(value) = value(line, b"connection:") {
                    close = value.eq_ignore_ascii_case("close");
                } else if value(line, b"transfer-encoding:").is_some() {
                    return Err("a request body without Content-Length");
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let value = start.eq_ignore_ascii_case(name).then_some(rest)?;
    std::str::from_utf8(value).ok().map(str::trim)
}

fn kind(request_line: &[u8]) -> Kind {
    let mut words = request_line.split(|&byte| byte == b' ');
    match words.nth(1).and_then(<[u8]>::last) {
        Some(b'b') => Kind::Big,
        Some(b'c') => Kind::Chunked,
        _ => Kind::Small,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Request, parse};

    #[test]
    fn requests_end_where_their_framing_says() {
        let small = |length, close| Some(Request { length, kind: Kind::Small, close });
        let check = |text: &str, expect| assert_eq!(parse(text.as_bytes()), Ok(expect), "{text:?}");
        check("", None);
        check("GET /s HTTP/1.1\r\nHost: a\r\n", None);
        check("GET /s HTTP/1.1\r\nHost: a\r\n\r\nGET", small(28, false));
        check("GET /s HTTP/1.1\r\nconnection: Close\r\n\r\n", small(38, true));
        check("GET /s HTTP/1.0\r\n\r\n", small(19, true));
        check("POST /s HTTP/1.1\r\nContent-Length: 2\r\n\r\na", None);
        check("POST /s HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", small(41, false));
        check(
            "GET /r1/b HTTP/1.1\r\n\r\n",
            Some(Request { length: 22, kind: Kind::Big, close: false }),
        );
        check(
            "GET /r1/c HTTP/1.1\r\n\r\n",
            Some(Request { length: 22, kind: Kind::Chunked, close: false }),
        );
    }

    #[test]
    fn a_chunked_request_is_refused() {
        assert!(parse(b"POST /s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}

//! Request methods (RFC 9110 section 9).

/// A request method. Names are case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
    /// Any other token, passed on as it is.
    Other(Box<str>),
}

/// The longest method name that is accepted.
const LENGTH_MAX: usize = 32;

impl Method {
    /// Reads a method. `None` if it is no token, too long, or a standard method in the wrong case:
    /// `get` is not `GET`, and a service that thinks otherwise would let it past a rule.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            other => return Self::read_other(other),
        })
    }

    fn read_other(bytes: &[u8]) -> Option<Self> {
        const STANDARD: [&[u8]; 9] = [
            b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT",
        ];
        let disguised = STANDARD.iter().any(|name| bytes.eq_ignore_ascii_case(name));
        if bytes.len() > LENGTH_MAX || !crate::is_token(bytes) || disguised {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(|name| Self::Other(name.into()))
    }

    /// The name as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Other(name) => name,
        }
    }

    /// Whether doing it twice is the same as doing it once (RFC 9110 section 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        matches!(
            self,
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace
        )
    }
}

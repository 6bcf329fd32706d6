//! Request heads of HTTP/2 and HTTP/3: made from pseudo-fields and fields, with the same rules as those that
//! come as text.

use crate::authority::Authority;
use crate::connection::Connection;
use crate::fields::{Fields, Known};
use crate::framing::Framing;
use crate::index::HeadLimits;
use crate::method::Method;
use crate::refusal::{Malformed, Refusal};
use crate::request::{NOT_FROM_CLIENTS, RequestHead, Version, read_expect};
use crate::target::Target;

/// What a request of HTTP/2 says in its pseudo-fields (RFC 9113 section 8.3.1), or one of HTTP/3
/// (RFC 9114 section 4.3.1).
#[derive(Debug, Clone, Copy)]
pub struct Pseudo<'a> {
    /// HTTP/2 or HTTP/3
    pub version: Version,
    /// `:method`
    pub method: &'a str,
    /// `:scheme`
    pub scheme: Option<&'a str>,
    /// `:authority`
    pub authority: Option<&'a str>,
    /// `:path`
    pub path: Option<&'a str>,
    /// `:protocol`, of a CONNECT that wants to speak something else on its stream (RFC 8441).
    pub protocol: Option<&'a str>,
    /// Neither body nor trailers follow.
    pub ended: bool,
}

/// What a field costs beside its name and value, as text: colon, space and line end.
pub(crate) const FIELD_EXTRA: usize = 4;

impl RequestHead {
    /// Makes the head of a request of HTTP/2 or HTTP/3. What is taken out of the fields of a head that came
    /// as text is taken out here too; crumbs of a cookie are joined (RFC 9113 section 8.2.3).
    ///
    /// # Errors
    /// On whatever is malformed (RFC 9113 section 8) or could be read in two ways.
    pub fn assemble<'a>(
        pseudo: &Pseudo<'_>,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        limits: &HeadLimits,
    ) -> Result<Self, Refusal> {
        let method = Method::read(pseudo.method.as_bytes());
        let method = method.ok_or(Malformed("a method that is no token"))?;
        let websocket = is_websocket(pseudo, &method)?;
        // To routes, policies and services it is what it would be in HTTP/1.1.
        let method = if websocket { Method::Get } else { method };
        if !matches!(pseudo.scheme, None | Some("http" | "https")) {
            return Err(Malformed("a scheme that is neither http nor https").into());
        }
        let path = pseudo.path.ok_or(Malformed("no :path"))?;
        if path.len() > limits.target {
            return Err(Refusal::TargetTooLong);
        }
        if !path.starts_with('/') && path != "*" {
            return Err(Malformed("a :path that is no path").into());
        }
        let (target, _) = Target::read(path.as_bytes(), 0, &method)?;
        let mut fields = collect(path, fields, limits)?;
        let authority = read_authority(pseudo.authority, &fields)?;
        let size = fields.buffer_size() + method.as_str().len() + authority.as_str().len();
        let framing = match Framing::of_request(&fields, pseudo.version)? {
            Framing::Length(_) if websocket => {
                return Err(Malformed("a WebSocket with a body").into());
            }
            Framing::None if websocket => Framing::None,
            Framing::None if !pseudo.ended && !fields.has(Known::ContentLength) => Framing::Chunked,
            Framing::Length(_) if pseudo.ended => {
                return Err(Malformed("a Content-Length without a body").into());
            }
            framing => framing,
        };
        let expects_continue = read_expect(&fields, pseudo.version)?;
        let takes_trailers = fields.has(Known::Te);
        let connection = Connection::take(&mut fields);
        fields.remove_kinds(NOT_FROM_CLIENTS);
        Ok(Self {
            method,
            version: pseudo.version,
            target,
            authority: Some(authority),
            fields,
            framing,
            connection,
            expects_continue,
            takes_trailers,
            websocket,
            size,
        })
    }
}

/// Whether a stream is to carry a WebSocket; nothing else but requests is carried.
fn is_websocket(pseudo: &Pseudo<'_>, method: &Method) -> Result<bool, Refusal> {
    match (method, pseudo.protocol) {
        (Method::Connect, Some(protocol)) if protocol.eq_ignore_ascii_case("websocket") => Ok(true),
        (Method::Connect, Some(_)) => Err(Refusal::Protocol),
        (Method::Connect, None) => Err(Refusal::Method),
        (_, Some(_)) => Err(Malformed(":protocol without CONNECT").into()),
        (_, None) => Ok(false),
    }
}

/// Puts the fields behind the path, each in a line as it will be sent.
fn collect<'a>(
    path: &str,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    limits: &HeadLimits,
) -> Result<Fields, Refusal> {
    let mut all = Fields::behind(path.as_bytes());
    let mut cookie = Vec::new();
    for (count, (name, value)) in fields.enumerate() {
        let line = name.len() + value.len() + FIELD_EXTRA;
        let size = all.buffer_size() + cookie.len() + line;
        if count >= limits.fields || line > limits.field || size > limits.head {
            return Err(Refusal::HeadTooLarge);
        }
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Malformed("a field name with capital letters").into());
        }
        if is_of_one_connection(name) || (name == "te" && value != b"trailers") {
            return Err(Malformed("a field of one connection").into());
        }
        if name == "cookie" {
            if !cookie.is_empty() {
                cookie.extend_from_slice(b"; ");
            }
            cookie.extend_from_slice(value);
        } else {
            all.add(name, value)?;
        }
    }
    if cookie.len() + FIELD_EXTRA > limits.field {
        return Err(Refusal::HeadTooLarge);
    }
    if !cookie.is_empty() {
        all.add("cookie", &cookie)?;
    }
    Ok(all)
}

/// Fields that no message of HTTP/2 has (RFC 9113 section 8.2.2).
pub(crate) fn is_of_one_connection(name: &str) -> bool {
    matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade"
    )
}

fn read_authority(named: Option<&str>, fields: &Fields) -> Result<Authority, Malformed> {
    let mut hosts = fields.known(Known::Host);
    let host = hosts.next().map(Authority::read).transpose()?;
    if hosts.next().is_some() {
        return Err(Malformed("several Host fields"));
    }
    let named = named.map(|named| Authority::read(named.as_bytes())).transpose()?;
    match (named, host) {
        (Some(named), Some(host)) if named.host() != host.host() || named.port() != host.port() => {
            Err(Malformed(":authority and Host differ"))
        }
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(Malformed("neither :authority nor Host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { head: 2048, target: 64, field: 256, fields: 12 };
    const GET: Pseudo<'static> = Pseudo {
        version: Version::Http2,
        method: "GET",
        scheme: Some("http"),
        authority: Some("a.example"),
        path: Some("/x?y=1"),
        protocol: None,
        ended: true,
    };

    fn made(pseudo: Pseudo<'_>, fields: &[(&str, &str)]) -> Result<RequestHead, Refusal> {
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        RequestHead::assemble(&pseudo, fields, &LIMITS)
    }

    #[test]
    fn a_head_is_made_canonical_and_clean() {
        let head = made(
            Pseudo { path: Some("/x/../%61b?y=1"), ..GET },
            &[
                ("x-one", "1"),
                ("cookie", "a=1"),
                ("cookie", "b=2"),
                ("te", "trailers"),
                ("x_y", "2"),
                ("x-consumer-id", "root"),
                ("host", "A.example"),
            ],
        )
        .unwrap();
        assert_eq!((head.path(), head.query()), ("/ab", Some("y=1")));
        assert_eq!((head.host(), head.version()), ("a.example", Version::Http2));
        assert_eq!(head.framing(), Framing::None);
        let fields: Vec<_> = head.fields().iter().collect();
        assert_eq!(fields, [(&b"x-one"[..], &b"1"[..]), (b"cookie", b"a=1; b=2")]);
    }

    #[test]
    fn the_length_is_known_or_not() {
        let open = Pseudo { method: "POST", ended: false, ..GET };
        for (pseudo, fields, framing) in [
            (open, &[][..], Framing::Chunked),
            (open, &[("content-length", "5")][..], Framing::Length(5)),
            (open, &[("content-length", "0")][..], Framing::None),
            (GET, &[("content-length", "0")][..], Framing::None),
        ] {
            assert_eq!(made(pseudo, fields).unwrap().framing(), framing, "{fields:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for (pseudo, fields) in [
            (Pseudo { method: "get", ..GET }, &[][..]),
            (Pseudo { method: "G T", ..GET }, &[][..]),
            (Pseudo { scheme: Some("ftp"), ..GET }, &[][..]),
            (Pseudo { path: None, ..GET }, &[][..]),
            (Pseudo { path: Some(""), ..GET }, &[][..]),
            (Pseudo { path: Some("x"), ..GET }, &[][..]),
            (Pseudo { path: Some("*"), ..GET }, &[][..]),
            (Pseudo { path: Some("http://b/x"), ..GET }, &[][..]),
            (Pseudo { path: Some("/a b"), ..GET }, &[][..]),
            (Pseudo { path: Some("/%2f"), ..GET }, &[][..]),
            (Pseudo { authority: None, ..GET }, &[][..]),
            (Pseudo { authority: Some("u@a"), ..GET }, &[][..]),
            (Pseudo { authority: Some("a:99999"), ..GET }, &[][..]),
            (GET, &[("host", "b.example")][..]),
            (GET, &[("host", "a.example:81")][..]),
            (GET, &[("host", "a.example"), ("host", "a.example")][..]),
            (GET, &[("connection", "close")][..]),
            (GET, &[("transfer-encoding", "chunked")][..]),
            (GET, &[("upgrade", "websocket")][..]),
            (GET, &[("keep-alive", "1")][..]),
            (GET, &[("proxy-connection", "1")][..]),
            (GET, &[("te", "gzip")][..]),
            (GET, &[("X-Big", "1")][..]),
            (GET, &[("x y", "1")][..]),
            (GET, &[("", "1")][..]),
            (GET, &[(":path", "/")][..]),
            (GET, &[("x", "a\r\nb: c")][..]),
            (GET, &[("x", "a\0")][..]),
            (GET, &[("x", " a")][..]),
            (GET, &[("x", "a\t")][..]),
            (GET, &[("content-length", "5")][..]),
            (GET, &[("content-length", "0"), ("content-length", "0")][..]),
            (GET, &[("content-length", "+0")][..]),
        ] {
            let refused = made(pseudo, fields);
            assert!(matches!(refused, Err(Refusal::Malformed(_))), "{pseudo:?} {fields:?}");
        }
    }

    #[test]
    fn limits_hold_and_crumbs_count() {
        let crumbs = vec![("cookie", "a=1"); 13];
        let long = "x".repeat(250);
        let heavy = vec![("x", &*long); 9];
        let part = "x".repeat(100);
        let joined = vec![("cookie", &*part); 3];
        for fields in [&crumbs, &heavy, &joined, &vec![("x", &*"y".repeat(256))]] {
            assert_eq!(made(GET, fields).unwrap_err(), Refusal::HeadTooLarge);
        }
        let path = format!("/{}", "x".repeat(64));
        let refused = made(Pseudo { path: Some(&path), ..GET }, &[]).unwrap_err();
        assert_eq!(refused, Refusal::TargetTooLong);
    }

    #[test]
    fn a_websocket_is_a_get_that_is_upgraded() {
        let connect =
            Pseudo { method: "CONNECT", protocol: Some("websocket"), ended: false, ..GET };
        let mut head = made(connect, &[("sec-websocket-version", "13")]).unwrap();
        assert!(head.is_websocket());
        assert_eq!((head.method(), head.framing()), (&Method::Get, Framing::None));
        head.make_websocket_key(*b"the sample nonce");
        let fields: Vec<_> = head.fields().iter().collect();
        let key = (&b"sec-websocket-key"[..], &b"dGhlIHNhbXBsZSBub25jZQ=="[..]);
        assert_eq!(fields, [(&b"sec-websocket-version"[..], &b"13"[..]), key]);
        for (pseudo, fields, refusal) in [
            (Pseudo { protocol: Some("connect-udp"), ..connect }, &[][..], Refusal::Protocol),
            (Pseudo { protocol: Some(""), ..connect }, &[], Refusal::Protocol),
            (Pseudo { protocol: None, ..connect }, &[], Refusal::Method),
            (
                Pseudo { method: "GET", ..connect },
                &[],
                Malformed(":protocol without CONNECT").into(),
            ),
            (connect, &[("content-length", "5")], Malformed("a WebSocket with a body").into()),
        ] {
            assert_eq!(made(pseudo, fields).unwrap_err(), refusal, "{pseudo:?}");
        }
    }

    #[test]
    fn some_methods_are_not_served() {
        for method in ["CONNECT", "TRACE"] {
            assert_eq!(made(Pseudo { method, ..GET }, &[]).unwrap_err(), Refusal::Method);
        }
    }
}

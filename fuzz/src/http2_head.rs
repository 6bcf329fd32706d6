//! Heads and trailers made from fields of HTTP/2 and HTTP/3: what is accepted can be written as
//! HTTP/1.1, and is read there as the same message, by a reader that is as strict.

use yumen_http::{
    Forwarding, Framing, HeadLimits, Method, Outgoing, Pseudo, RequestHead, ResponseHead, Version,
    chunked, read_answer_trailers, read_trailers,
};

use crate::pieces::Dice;
use crate::{request_head, response_head, strict};

/// Small, so that the limits are met too.
const LIMITS: HeadLimits = HeadLimits { head: 2048, target: 512, field: 512, fields: 24 };
const TRAILERS_MAX: usize = 128;

/// Stands between two fields, and between name and value: no head may contain them.
const FIELD: u8 = 0x1e;
const VALUE: u8 = 0x1f;

/// Fields of one connection, which no message of HTTP/2 has.
const OF_HTTP1: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
/// Fields that must not get lost.
const KEPT: [&str; 3] = ["authorization", "content-type", "cache-control"];

type Field<'a> = (&'a str, &'a [u8]);

/// What a library for HTTP/2 would hand over.
struct Asked<'a> {
    pseudo: Pseudo<'a>,
    status: u16,
    fields: Vec<Field<'a>>,
}

/// Checks one list of fields, as a request, as an answer and as trailers. The first record says
/// how it comes; names that begin with `!` are pseudo-fields.
pub fn check(data: &[u8]) {
    let Some(asked) = asked(data) else { return };
    let mut dice = Dice::of(data);
    check_request(&asked, &mut dice);
    check_answer(&asked, &mut dice);
    check_trailers(&asked);
}

fn asked(data: &[u8]) -> Option<Asked<'_>> {
    let mut records = data.split(|byte| *byte == FIELD);
    let how = records.next()?.first().copied().unwrap_or_default();
    let mut pseudo = Pseudo {
        version: if how & 2 == 0 { Version::Http2 } else { Version::Http3 },
        method: "GET",
        scheme: None,
        authority: None,
        path: None,
        protocol: None,
        ended: how & 1 == 0,
    };
    let (mut status, mut fields) = (200, Vec::new());
    for record in records {
        let mut parts = record.splitn(2, |byte| *byte == VALUE);
        let name = std::str::from_utf8(parts.next()?).ok()?;
        let value = parts.next().unwrap_or_default();
        let Some(of) = name.strip_prefix('!') else {
            fields.push((name, value));
            continue;
        };
        // Libraries hand pseudo-fields over as text.
        let text = std::str::from_utf8(value).ok()?;
        match of {
            "method" => pseudo.method = text,
            "scheme" => pseudo.scheme = Some(text),
            "authority" => pseudo.authority = Some(text),
            "path" => pseudo.path = Some(text),
            "protocol" => pseudo.protocol = Some(text),
            "status" => status = text.parse().unwrap_or(status),
            _ => {}
        }
    }
    Some(Asked { pseudo, status, fields })
}

fn check_request(asked: &Asked<'_>, dice: &mut Dice) {
    let made = RequestHead::assemble(&asked.pseudo, asked.fields.iter().copied(), &LIMITS);
    let mut head = match made {
        Ok(head) => head,
        Err(refusal) => {
            assert!(!is_plain(asked), "{refusal:?}: {:?} {:?}", asked.pseudo, asked.fields);
            return;
        }
    };
    check_made(asked, &head);
    if head.is_websocket() {
        // What the listener does with one.
        head.make_websocket_key([7; 16]);
    }
    check_told(&head);
    let shown = format!("{:?} {:?}", asked.pseudo, asked.fields);
    request_head::check_writing(shown.as_bytes(), head, dice);
}

/// Nothing about it could be refused.
fn is_plain(asked: &Asked<'_>) -> bool {
    let Pseudo { method, scheme, authority, path, protocol, .. } = asked.pseudo;
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let line = |(name, value): &Field<'_>| {
        name.starts_with("x-")
            && word(&name[2..])
            && !name.bytes().any(|byte| byte.is_ascii_uppercase())
            && value.len() < 50
            && value.iter().all(u8::is_ascii_alphanumeric)
    };
    ["GET", "DELETE", "HEAD"].contains(&method)
        && matches!(scheme, Some("http" | "https"))
        && authority.is_some_and(|host| !host.is_empty() && host.len() < 60 && word(host))
        && path.is_some_and(|path| path.strip_prefix('/').is_some_and(word) && path.len() < 500)
        && protocol.is_none()
        && asked.fields.len() <= 10
        && asked.fields.iter().all(line)
}

/// A second look at what was accepted, by RFC 9113 section 8 alone.
fn check_made(asked: &Asked<'_>, head: &RequestHead) {
    let Pseudo { version, method, scheme, authority, path, protocol, ended } = asked.pseudo;
    assert_eq!(head.version(), version);
    assert!(strict::is_token(method.as_bytes()) && method != "TRACE", "{method}");
    let websocket = protocol.is_some_and(|name| name.eq_ignore_ascii_case("websocket"));
    assert_eq!(head.is_websocket(), websocket);
    assert_eq!(method == "CONNECT", websocket, "only a WebSocket is carried");
    assert!(protocol.is_none() || websocket);
    assert_eq!(head.method().as_str(), if websocket { "GET" } else { method });
    assert!(matches!(scheme, None | Some("http" | "https")), "{scheme:?}");
    let path = path.expect("a path");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{path}");
    let (raw, query) = path.split_once('?').map_or((path, None), |(raw, rest)| (raw, Some(rest)));
    assert_eq!(head.query(), query);
    assert!(raw.starts_with('/') || raw == "*", "{raw}");
    request_head::check_path(head, raw.as_bytes());
    let hosts: Vec<&[u8]> = values(asked, "host");
    assert!(hosts.len() <= 1, "several hosts");
    let said = authority.map(str::as_bytes).or(hosts.first().copied()).expect("a host");
    assert_eq!(head.authority().map(|one| one.as_str().as_bytes()), Some(said));
    for (name, value) in &asked.fields {
        assert!(strict::is_token(name.as_bytes()), "a name that is no token: {name:?}");
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name}");
        assert!(!OF_HTTP1.contains(name), "{name}");
        assert!(*name != "te" || *value == b"trailers", "te");
        let plain = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 127);
        assert!(value.iter().all(plain), "{name}");
    }
    let lengths = values(asked, "content-length");
    assert!(lengths.len() <= 1, "several lengths");
    let length = lengths.first().map(|length| {
        assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit), "{length:?}");
        std::str::from_utf8(length).expect("digits").parse::<u64>().expect("a number")
    });
    let expect = match length {
        Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
        None if ended || websocket => Framing::None,
        None => Framing::Chunked,
    };
    assert_eq!(head.framing(), expect);
    assert!(!(ended || websocket) || expect == Framing::None, "a body that cannot come");
    check_kept(asked, &strict::lines(head.fields()));
}

fn values<'a>(asked: &Asked<'a>, name: &str) -> Vec<&'a [u8]> {
    asked.fields.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value).collect()
}

/// What is kept are fields that came, in their order, and the crumbs of a cookie in one piece.
fn check_kept(asked: &Asked<'_>, kept: &[(String, Vec<u8>)]) {
    let mut came = asked.fields.iter();
    let cookies: Vec<&Vec<u8>> =
        kept.iter().filter(|(name, _)| name == "cookie").map(|(_, value)| value).collect();
    // Empty ones before the first say nothing and have no place in a line.
    let crumbs = values(asked, "cookie").into_iter().skip_while(|crumb| crumb.is_empty());
    let crumbs = crumbs.collect::<Vec<_>>().join(&b"; "[..]);
    match cookies.as_slice() {
        [] => assert!(crumbs.is_empty()),
        [cookie] => assert_eq!(**cookie, crumbs),
        _ => panic!("several cookies"),
    }
    for (name, value) in kept.iter().filter(|(name, _)| name != "cookie") {
        let found = came.any(|(other, line)| other == name && line == value);
        assert!(found, "`{name}` did not come, or not in this place");
        let gone = ["host", "te", "expect", "content-length"].contains(&name.as_str());
        assert!(!gone && !name.contains('_'), "`{name}` was kept");
    }
    for name in KEPT {
        let count = kept.iter().filter(|(other, _)| other == name).count();
        assert_eq!(count, values(asked, name).len(), "`{name}` got lost");
    }
}

/// What a service that speaks HTTP/2 is told: fields, each of them good by itself.
fn check_told(head: &RequestHead) {
    let forwarding = Forwarding::direct("192.0.2.7".into(), "https", true);
    let outgoing = Outgoing {
        path: head.path_bytes(),
        host: "backend",
        framing: head.framing(),
        forwarding: &forwarding,
        request_id: b"0123456789abcdef",
        trace: None,
    };
    let mut told = Vec::new();
    head.tell(&outgoing, |name, value| told.push((name.to_vec(), value.to_vec())));
    let mut lengths = 0;
    for (name, value) in &told {
        let name = String::from_utf8(name.to_ascii_lowercase()).expect("ASCII");
        assert!(strict::is_token(name.as_bytes()), "{name:?}");
        let line = [name.as_bytes(), b": ", value].concat();
        assert_eq!(strict::line(&line), (name.clone(), &value[..]));
        assert!(!OF_HTTP1.contains(&name.as_str()) && name != "host", "{name}");
        assert!(name != "te" || value == b"trailers");
        lengths += usize::from(name == "content-length");
    }
    assert_eq!(lengths, usize::from(matches!(head.framing(), Framing::Length(_))));
    let own: Vec<(Vec<u8>, Vec<u8>)> =
        head.fields().iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(told.get(..own.len()), Some(&own[..]), "the client's own fields come first");
}

fn check_answer(asked: &Asked<'_>, dice: &mut Dice) {
    let made = ResponseHead::assemble(asked.status, asked.fields.iter().copied(), &LIMITS);
    let Ok(head) = made else { return };
    assert!(head.status().code() == asked.status && asked.status != 101);
    assert!(!head.is_websocket() && head.is_kept_alive());
    assert_ne!(head.body_framing(&Method::Get), Framing::UntilClose, "the stream's end is the end");
    assert_eq!(head.body_framing(&Method::Head), Framing::None);
    for (name, _) in &asked.fields {
        assert!(strict::is_token(name.as_bytes()) && !OF_HTTP1.contains(name), "{name:?}");
    }
    response_head::check_writing(&head, dice);
}

fn check_trailers(asked: &Asked<'_>) {
    type Read = fn(&Asked<'_>) -> Option<yumen_http::Fields>;
    let of_request: Read =
        |asked| read_trailers(asked.fields.iter().copied(), TRAILERS_MAX).ok().flatten();
    let of_answer: Read =
        |asked| read_answer_trailers(asked.fields.iter().copied(), TRAILERS_MAX).ok().flatten();
    for (read, underscores) in [(of_request, false), (of_answer, true)] {
        let Some(fields) = read(asked) else { continue };
        let mut out = Vec::new();
        chunked::write_end(&mut out, Some(&fields));
        let lines = out.strip_prefix(b"0\r\n").expect("the last chunk");
        assert!(lines.len() <= TRAILERS_MAX + 2, "{} bytes", lines.len());
        let head = [b"trailers\r\n", lines].concat();
        let strict = strict::head(&head);
        let kept = strict::lines(&fields);
        assert_eq!(strict.lines.len(), kept.len());
        for ((name, value), (kept_name, kept_value)) in strict.lines.iter().zip(&kept) {
            assert_eq!((name, *value), (kept_name, &kept_value[..]));
            let bad = ["content-length", "transfer-encoding", "host", "authorization", "cookie"];
            assert!(!bad.contains(&name.as_str()), "`{name}` behind a body");
            assert!(underscores || !name.contains('_'), "{name}");
        }
    }
}

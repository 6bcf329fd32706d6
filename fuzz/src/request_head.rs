//! Request heads: found in any pieces, read in one way only, written so that the next server reads
//! the same.

use yumen_http::{
    Forwarding, Framing, HeadIndex, HeadLimits, Method, Outgoing, Refusal, RequestHead, Version,
    can_begin_request, canonical_path,
};

use crate::pieces::{Dice, pieces};
use crate::strict::{self, End};

/// Small, so that the limits are met too.
const LIMITS: HeadLimits = HeadLimits { head: 2048, target: 512, field: 512, fields: 24 };
/// For what the gateway wrote itself.
const ROOMY: HeadLimits =
    HeadLimits { head: 1 << 20, target: 1 << 16, field: 1 << 16, fields: 1 << 10 };

/// Checks one stream of bytes as the start of a client's connection.
pub fn check(data: &[u8]) {
    let mut dice = Dice::of(data);
    let mut index = HeadIndex::default();
    let found = index.find(data, &LIMITS);
    // Nothing that reaches this function in the gateway, but it must not panic either.
    for strange in [index.clone(), HeadIndex::default()] {
        let _: Option<RequestHead> = RequestHead::read(data, strange, &LIMITS).ok();
    }
    let read = |index: HeadIndex, length: usize| RequestHead::read(&data[..length], index, &LIMITS);
    let whole = found.ok().flatten().and_then(|length| read(index, length).ok());
    for longest in [1, 3, 200] {
        let (mut index, cut) = find_in_pieces(data, longest, &mut dice);
        if found.is_err() && cut == Ok(None) {
            // A fault in a line that comes in pieces is seen at its end.
            let ended = [data, b"\n"].concat();
            assert!(index.find(&ended, &LIMITS).is_err(), "in pieces of up to {longest}");
            continue;
        }
        // Which of two faults is seen first may depend on the pieces; whether there is one may not.
        assert_eq!(cut.ok(), found.ok(), "in pieces of up to {longest}");
        let cut = cut.ok().flatten().and_then(|length| read(index, length).ok());
        let same = match (&cut, &whole) {
            (Some(cut), Some(whole)) => is_same(cut, whole),
            (cut, whole) => cut.is_none() && whole.is_none(),
        };
        assert!(same, "{cut:?} and {whole:?} in pieces of up to {longest}");
    }
    let (Ok(Some(length)), Some(head)) = (found, whole) else { return };
    let bytes = &data[..length];
    check_reading(bytes, &head);
    check_writing(bytes, head, &mut dice);
    for end in 0..=length {
        assert!(can_begin_request(&data[..end]), "{end} bytes cannot begin a request that is good");
    }
}

fn find_in_pieces(
    data: &[u8],
    longest: usize,
    dice: &mut Dice,
) -> (HeadIndex, Result<Option<usize>, Refusal>) {
    let mut index = HeadIndex::default();
    let mut length = 0;
    for piece in pieces(data, longest, dice) {
        length += piece.len();
        let found = index.find(&data[..length], &LIMITS);
        if found != Ok(None) {
            return (index, found);
        }
    }
    (index, Ok(None))
}

fn is_same(one: &RequestHead, other: &RequestHead) -> bool {
    one.method() == other.method()
        && one.path() == other.path()
        && one.query() == other.query()
        && one.host() == other.host()
        && one.framing() == other.framing()
        && one.fields().iter().eq(other.fields().iter())
}

/// Compares with the second reading.
fn check_reading(bytes: &[u8], head: &RequestHead) {
    let strict = strict::head(bytes);
    let start: Vec<&[u8]> = strict.start.split(|byte| *byte == b' ').collect();
    let &[method, target, version] = start.as_slice() else { panic!("not three parts") };
    assert!(strict::is_token(method));
    assert_eq!(head.method().as_str().as_bytes(), method);
    assert!(!matches!(head.method(), Method::Connect | Method::Trace));
    assert!(target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#'), "an odd target");
    assert_eq!(version, if head.version() == Version::Http11 { b"HTTP/1.1" } else { b"HTTP/1.0" });
    let mark = target.iter().position(|byte| *byte == b'?');
    let query = mark.map(|mark| &target[mark + 1..]);
    assert_eq!(head.query_bytes(), query);
    assert_eq!(head.query().map(str::as_bytes), query);
    check_path(head, &target[..mark.unwrap_or(target.len())]);
    check_host(head, &strict, target);
    let end = match head.framing() {
        Framing::None => End::Unsaid,
        Framing::Length(length) => End::Length(length),
        Framing::Chunked => End::Chunked,
        Framing::UntilClose => panic!("a request never goes on until the close"),
    };
    let said = match strict.end() {
        End::Length(0) => End::Unsaid,
        said => said,
    };
    assert_eq!(end, said);
    assert!(end != End::Chunked || head.version() == Version::Http11);
    let kept = strict::lines(head.fields());
    strict.check_kept(&kept);
    for (name, _) in &kept {
        assert!(name != "host" && name != "expect" && !name.contains('_'), "`{name}` was kept");
    }
    assert!(!head.is_websocket() || (end == End::Unsaid && *head.method() == Method::Get));
}

pub(crate) fn check_path(head: &RequestHead, raw: &[u8]) {
    let path = head.path();
    assert_eq!(path.as_bytes(), head.path_bytes());
    if path == "*" {
        assert!(*head.method() == Method::Options && raw == b"*");
        return;
    }
    let again = canonical_path(path.as_bytes()).expect("a canonical path is good");
    assert_eq!(again.as_deref().unwrap_or(path), path);
    let plain = head.path_without_parameters();
    assert_eq!(plain.is_some(), path.contains(';'));
    if let Some(plain) = plain {
        let again = canonical_path(&plain).expect("a path that was cut is good");
        assert_eq!(again.as_deref().map_or(&plain[..], str::as_bytes), plain, "{path}");
        assert!(!plain.contains(&b';'), "{path} is cut badly");
    }
    if raw.starts_with(b"/") {
        let direct = canonical_path(raw).expect("the path of a good head is good");
        assert_eq!(direct.as_deref().map_or(raw, str::as_bytes), path.as_bytes());
    }
}

fn check_host(head: &RequestHead, strict: &strict::Head<'_>, target: &[u8]) {
    let hosts = strict.all("host");
    let lower = target.to_ascii_lowercase();
    let is_absolute = lower.starts_with(b"http://") || lower.starts_with(b"https://");
    assert!(is_absolute || target.starts_with(b"/") || target == b"*", "neither path nor URL");
    match hosts.as_slice() {
        [] => assert_eq!(head.version(), Version::Http10, "no Host"),
        [_] => {}
        _ => panic!("several Host fields"),
    }
    match head.authority() {
        Some(authority) if is_absolute => {
            let scheme = if lower.starts_with(b"https") { 8 } else { 7 };
            assert!(target[scheme..].starts_with(authority.as_str().as_bytes()));
        }
        Some(authority) => assert_eq!(hosts, [authority.as_str().as_bytes()]),
        None => assert!(hosts.is_empty() && !is_absolute),
    }
    let host = head.host();
    assert!(!host.ends_with('.') && host.bytes().all(|byte| !byte.is_ascii_uppercase()), "{host}");
}

/// Reads what is written for a service.
pub(crate) fn check_writing(bytes: &[u8], mut head: RequestHead, dice: &mut Dice) {
    let (trusted, standard) = (dice.is_even(), dice.is_even());
    let mut forwarding = Forwarding::direct("192.0.2.7".into(), "http", standard);
    if trusted {
        let _client = forwarding.believe(&head, |address| address.is_loopback());
    }
    Forwarding::take_out(&mut head);
    let mut out = Vec::new();
    let outgoing = Outgoing {
        path: head.path_bytes(),
        host: "backend:81",
        framing: head.framing(),
        forwarding: &forwarding,
        request_id: b"0123456789abcdef",
        trace: None,
    };
    head.write(&mut out, &outgoing);
    let show = || format!("{}\nbecame\n{}", bytes.escape_ascii(), out.escape_ascii());
    let mut index = HeadIndex::default();
    let found = index.find(&out, &ROOMY);
    assert_eq!(found, Ok(Some(out.len())), "{}", show());
    let again = RequestHead::read(&out, index, &ROOMY).unwrap_or_else(|refusal: Refusal| {
        panic!("{refusal:?}: {}", show());
    });
    check_reading(&out, &again);
    assert_eq!(again.method(), head.method(), "{}", show());
    assert_eq!(again.version(), Version::Http11);
    assert_eq!(again.path(), head.path(), "{}", show());
    assert_eq!(again.query(), head.query(), "{}", show());
    assert_eq!(again.framing(), head.framing(), "{}", show());
    assert_eq!(again.is_websocket(), head.is_websocket(), "{}", show());
    assert_eq!(again.host(), "backend");
    assert!(again.is_kept_alive() && !again.expects_continue());
    let before = strict::lines(head.fields());
    let after = strict::lines(again.fields());
    assert_eq!(after.get(..before.len()), Some(&before[..]), "{}", show());
    let own: Vec<&str> = after[before.len()..].iter().map(|(name, _)| name.as_str()).collect();
    let mut expect = vec!["x-forwarded-for", "x-forwarded-proto"];
    if own.contains(&"x-forwarded-host") {
        expect.push("x-forwarded-host");
    }
    if standard {
        expect.push("forwarded");
    }
    expect.extend(["via", "x-request-id"]);
    assert_eq!(own, expect, "{}", show());
    for name in ["x-forwarded-for", "x-forwarded-proto", "x-request-id"] {
        assert_eq!(
            after.iter().filter(|(other, _)| other == name).count(),
            1,
            "{name}: {}",
            show()
        );
    }
}

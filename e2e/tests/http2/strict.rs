//! Malformed messages: each is answered or reset as it should be, and nothing of it reaches the
//! service.

use std::time::Duration;

use yumen_e2e::http2::{
    CONTINUATION, DATA, END, END_HEADERS, END_STREAM, Fate, GOAWAY, HEADERS, PING, PREFACE,
    PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, field, frame, get, request,
};
use yumen_e2e::{Backend, Client, Gateway, Http2, SOON};

use crate::config;

/// What must become of a malformed message: a refusal of this sort, and nothing at the service.
fn check(
    backend: &Backend,
    gateway: &Gateway,
    name: &str,
    send: impl FnOnce(&mut Http2) -> u32,
) -> Fate {
    let mark = backend.mark();
    let mut client = Http2::connect(gateway.web());
    let stream = send(&mut client);
    let fate = client.fate(stream, SOON);
    let good = match &fate {
        Fate::Answered(status, _) => (400..500).contains(status) || *status == 501,
        Fate::Reset(_) | Fate::Goaway(_) => true,
        Fate::Closed | Fate::Nothing => false,
    };
    println!("{name}: {fate:?}");
    assert!(good, "{name}: {fate:?}");
    // What is sent to a service is sent before anything else happens to a stream.
    let reached = backend.since(&mark);
    let whole: Vec<_> = reached.iter().flat_map(|one| one.requests().0).collect();
    assert!(whole.is_empty(), "{name}: {whole:?} reached the service");
    fate
}

fn rig() -> (Backend, Gateway) {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(backend.address, ""));
    (backend, gateway)
}

/// Rows 95 to 99: fields and pseudo-fields.
#[test]
fn malformed_heads_do_not_reach_the_service() {
    let (backend, gateway) = rig();
    let plain = request("GET", "/");
    let with = |more: &[(&str, &str)]| block(&[&plain[..], more].concat());
    let without = |name: &str| {
        block(&plain.into_iter().filter(|(other, _)| *other != name).collect::<Vec<_>>())
    };
    let instead = |name: &str, value: &str| {
        block(&plain.map(|(other, old)| (other, if other == name { value } else { old })))
    };
    let mut heads: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in [
        ("connection", "close"),
        ("connection", "x-y"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, deflate"),
        ("X-Upper", "1"),
        ("x y", "1"),
        ("x\r\ny", "1"),
        ("x\0y", "1"),
        ("x:y", "1"),
        ("", "1"),
        ("x", "a\r\nevil: 1"),
        ("x", "a\nevil: 1"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x", " a"),
        ("x", "a "),
        ("x", "a\t"),
        ("host", "other.example"),
        ("host", "test.example:81"),
        ("expect", "200-ok"),
        (":path", "/again"),
        (":method", "POST"),
        (":authority", "b"),
        (":status", "200"),
        (":unknown", "1"),
        (":protocol", "websocket"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "x"),
        ("content-length", "+0"),
    ] {
        heads.push((format!("{name:?}: {value:?}"), with(&[(name, value)])));
    }
    heads.push(("two hosts".into(), with(&[("host", "test.example"), ("host", "test.example")])));
    heads.push(("two lengths".into(), with(&[("content-length", "0"), ("content-length", "0")])));
    heads.push(("late pseudo".into(), block(&[&[("x", "1")], &plain[..]].concat())));
    for name in [":method", ":scheme", ":path", ":authority"] {
        heads.push((format!("no {name}"), without(name)));
    }
    let no_path = block(&[(":method", "GET"), (":scheme", "http"), ("host", "test.example")]);
    heads.push(("no :path, and a host".into(), no_path));
    for (name, value) in [
        (":method", "get"),
        (":method", "G ET"),
        (":method", "GET / HTTP/1.1\r\nX: "),
        (":method", "G(T"),
        (":method", ""),
        (":method", "CONNECT"),
        (":method", "TRACE"),
        (":path", ""),
        (":path", "x"),
        (":path", "*"),
        (":path", "/ HTTP/1.1\r\nEvil: 1"),
        (":path", "/a b"),
        (":path", "/a\0"),
        (":path", "/%2f"),
        (":path", "/%"),
        (":path", "/a\\b"),
        (":path", "http://test.example/"),
        (":path", "/../../x\r\n"),
        (":authority", "a b"),
        (":authority", "user@test.example"),
        (":authority", "test.example/x"),
        (":authority", "test.example:x"),
        (":authority", "test.example\r\nx: y"),
        (":authority", ""),
        (":authority", "a,b"),
        (":scheme", "ftp"),
        (":scheme", "http://x"),
        (":scheme", ""),
        (":scheme", "http\r\n"),
    ] {
        heads.push((format!("{name} {value:?}"), instead(name, value)));
    }
    for (name, head) in heads {
        check(&backend, &gateway, &name, |client| client.begin(END, &head));
    }
    let mut good = Http2::connect(gateway.web());
    assert_eq!(good.get("/"), Fate::Answered(200, b"ok".to_vec()));
}

/// Row 94: bodies that are not as long as they say. The service may see a beginning, and that it
/// breaks off.
#[test]
fn bodies_of_a_wrong_length_are_never_whole() {
    let (backend, gateway) = rig();
    let head =
        |length: &str| block(&[&request("POST", "/")[..], &[("content-length", length)]].concat());
    for (name, length, body) in
        [("short", "5", &b"abc"[..]), ("long", "2", b"abc"), ("none", "5", b"")]
    {
        let fate = check(&backend, &gateway, name, |client| {
            let stream = client.begin(END_HEADERS, &head(length));
            client.send(&frame(DATA, END_STREAM, stream, body));
            stream
        });
        assert!(matches!(fate, Fate::Reset(1)), "{name}: {fate:?}");
    }
    // Long and in pieces: what came first is not enough to be a request.
    check(&backend, &gateway, "trailers too early", |client| {
        let stream = client.begin(END_HEADERS, &head("5"));
        client.send(&frame(DATA, 0, stream, b"abc"));
        client.send(&frame(HEADERS, END, stream, &block(&[("x", "1")])));
        stream
    });
    check(&backend, &gateway, "trailers that are none", |client| {
        let stream = client.begin(END_HEADERS, &head("3"));
        client.send(&frame(DATA, 0, stream, b"ab"));
        client.send(&frame(HEADERS, END_HEADERS, stream, &block(&[("x", "1")])));
        stream
    });
}

/// A head that says that nothing follows is the whole request. What follows all the same is nobody's:
/// it is refused, if the answer was not there before.
#[test]
fn what_follows_a_request_without_a_body_reaches_nobody() {
    let (backend, gateway) = rig();
    let head = block(&[&request("POST", "/")[..], &[("content-length", "0")]].concat());
    let mark = backend.mark();
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END_HEADERS, &head);
    client.send(&frame(DATA, END_STREAM, stream, b"a"));
    let fate = client.fate(stream, SOON);
    assert!(matches!(fate, Fate::Reset(1) | Fate::Answered(200, _)), "{fate:?}");
    for reached in backend.since(&mark) {
        let (whole, rest) = reached.requests();
        assert!(
            rest.is_none() && whole.iter().all(|one| one.body.is_empty()),
            "{whole:?} {rest:?}"
        );
    }
}

/// Rows 101 and 102: frames and compression.
#[test]
fn broken_frames_end_the_connection() {
    let (backend, gateway) = rig();
    let head = get("/");
    let mut list: Vec<(&str, Vec<u8>)> = vec![
        ("DATA on an idle stream", frame(DATA, 0, 1, b"x")),
        ("DATA on stream 0", frame(DATA, 0, 0, b"x")),
        ("HEADERS on stream 0", frame(HEADERS, END, 0, &head)),
        ("HEADERS on an even stream", frame(HEADERS, END, 2, &head)),
        (
            "a stream that goes back",
            [frame(HEADERS, END, 5, &head), frame(HEADERS, END, 3, &head)].concat(),
        ),
        ("RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, &[0; 4])),
        ("WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ("WINDOW_UPDATE of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("WINDOW_UPDATE too far", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("too much padding", frame(HEADERS, END | 8, 1, &[200, 1, 2])),
        ("a frame that is too large", frame(HEADERS, END, 1, &vec![0; 20_000])),
        ("PING of a wrong size", frame(PING, 0, 0, &[0; 7])),
        ("PING on a stream", frame(PING, 0, 1, &[0; 8])),
        ("SETTINGS of a wrong size", frame(SETTINGS, 0, 0, &[0; 5])),
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[])),
        ("SETTINGS: a window too large", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0, 0, 0])),
        ("SETTINGS: frames too small", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("SETTINGS: push neither on nor off", frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2])),
        ("SETTINGS that acknowledge with words", frame(SETTINGS, 1, 0, &[0, 2, 0, 0, 0, 0])),
        ("RST_STREAM of a wrong size", frame(RST_STREAM, 0, 1, &[0; 3])),
        ("PRIORITY of a wrong size", frame(PRIORITY, 0, 1, &[0; 4])),
        ("GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8])),
        ("PUSH_PROMISE of a client", frame(5, 4, 1, &[0, 0, 0, 2])),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &head)),
    ];
    for (name, between) in [
        ("something inside a head", frame(PING, 0, 0, &[0; 8])),
        ("another head inside a head", frame(HEADERS, END, 3, &head)),
        ("CONTINUATION of another stream", frame(CONTINUATION, END_HEADERS, 3, &head)),
    ] {
        list.push((name, [frame(HEADERS, END_STREAM, 1, &head[..5]), between].concat()));
    }
    for (name, packed) in [
        ("index 0", &[0x80][..]),
        ("an index that is not there", &[0xff, 0x80, 0x01]),
        (
            "an index that overflows",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
        ("Huffman with the end inside", &[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, b'a']),
        ("Huffman with long padding", &[0x00, 0x82, 0x1f, 0xff, 0x01, b'a']),
        ("a table that is too large", &[0x3f, 0xff, 0xff, 0x7f]),
        ("a table size at the end", &[0x82, 0x20]),
        ("a text that is cut off", &[0x00, 0x05, b'a']),
    ] {
        list.push((name, frame(HEADERS, END, 1, packed)));
    }
    for (name, bytes) in list {
        let mark = backend.mark();
        let mut client = Http2::with(gateway.web(), &[]);
        // The first stream of some of them is good.
        let good = usize::from(name == "a stream that goes back");
        client.send(&bytes);
        let reason = client.goaway(SOON);
        println!("{name}: {reason:?}");
        assert!(reason.is_some_and(|reason| reason != 0), "{name}: {reason:?}");
        assert!(client.client.ended, "{name}: the connection stays open");
        let whole = backend.since(&mark).iter().map(|one| one.requests().0.len()).sum::<usize>();
        assert!(whole <= good, "{name}: {whole} reached the service");
    }
    // Bytes of a stream that was ended by the client.
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END, &head);
    assert!(matches!(client.fate(stream, SOON), Fate::Answered(200, _)));
    client.send(&frame(DATA, 0, stream, b"x"));
    let late = [client.fate(99, Duration::from_secs(1))];
    assert!(!matches!(late[0], Fate::Answered(..)), "{late:?}");
}

#[test]
fn prefaces_are_exact() {
    let (_backend, gateway) = rig();
    for bad in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\nX\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut client = Client::connect(gateway.web());
        client.send(bad);
        assert!(client.read_to_end(SOON), "{}", client.shown());
        assert!(!client.buffer.starts_with(b"HTTP/1.1 200"), "{}", client.shown());
    }
    // A preface without SETTINGS behind it.
    let mut client = Client::connect(gateway.web());
    client.send([PREFACE, &frame(HEADERS, END, 1, &get("/"))].concat());
    client.fill(SOON);
    // Not as the second request of a connection.
    let mut client = Client::connect(gateway.web());
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("an answer");
    assert_eq!(answer.status(), 200);
    client.send(PREFACE);
    assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 505);
    // And byte by byte.
    let mut client = Client::connect(gateway.web());
    for byte in [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat() {
        client.send([byte]);
    }
    client.fill(SOON);
    assert_eq!(client.buffer.get(3), Some(&SETTINGS), "{}", client.shown());
}

#[test]
fn http2_can_be_turned_off() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(backend.address, "http2: { enabled: false }"));
    let mut client = Client::connect(gateway.web());
    client.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat());
    assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 505);
}

/// Rows 103, 108 and 109: heads that are too large, and those that become so.
#[test]
fn large_heads_are_refused() {
    let (backend, gateway) = rig();
    let plain = block(&request("GET", "/"));
    let fields = |count: usize, name: &str, value: &str| {
        [&plain[..], &field(name.as_bytes(), value.as_bytes()).repeat(count)].concat()
    };
    // One field that is put into the table, and then named again with one byte.
    let bomb = |name: &[u8], value: &[u8], times: usize| {
        let mut first = field(name, value);
        first[0] = 0x40;
        [&plain[..], &first, &vec![0xbe; times]].concat()
    };
    for (name, head) in [
        ("101 fields", fields(101, "x", "1")),
        ("200 crumbs", fields(200, "cookie", "a=1")),
        ("one field of 9 KiB", fields(1, "x", &"y".repeat(9 << 10))),
        ("crumbs of 9 KiB", fields(90, "cookie", &"y".repeat(100))),
        ("33 KiB", fields(9, "x", &"y".repeat(4000))),
        ("a path of 9 KiB", get(&format!("/{}", "x".repeat(9 << 10)))),
        ("a bomb of 400 tiny fields", bomb(b"a", b"", 400)),
        ("a bomb of 2000 tiny fields", bomb(b"a", b"", 2000)),
        ("a bomb of 16000 crumbs", bomb(b"cookie", b"", 16_000)),
        ("a bomb of large fields", bomb(b"x", &[b'y'; 3000], 12_000)),
    ] {
        let memory = gateway.memory();
        let fate = check(&backend, &gateway, name, |client| {
            let stream = 1;
            let mut pieces = head.chunks(16_000).peekable();
            let first = pieces.next().unwrap_or_default();
            let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
            client.send(&frame(HEADERS, END_STREAM | last, stream, first));
            while let Some(piece) = pieces.next() {
                let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
                client.send(&frame(CONTINUATION, last, stream, piece));
            }
            stream
        });
        let grown = gateway.memory().saturating_sub(memory);
        assert!(grown < 8 << 10, "{name}: {grown} KiB");
        let refused = matches!(fate, Fate::Answered(431 | 414, _) | Fate::Goaway(11));
        assert!(refused, "{name}: {fate:?}");
    }
}

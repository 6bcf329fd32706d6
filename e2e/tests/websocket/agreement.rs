//! Who agrees to a WebSocket, and who does not: only a service that has understood the key opens a
//! tunnel.

use std::time::Duration;

use yumen_e2e::client::Brought;
use yumen_e2e::http2::{DATA, END, END_HEADERS, Fate, SETTINGS, block, frame, get};
use yumen_e2e::{Backend, Client, Gateway, Http2, SOON, Step, ok, raw, websocket};

use crate::config;

/// What a service may answer to a handshake that it does not agree to.
fn forged(path: &str, right: &str) -> String {
    let accept = right.lines().find(|line| line.starts_with("Sec-WebSocket-Accept")).unwrap_or("");
    let line = format!("{accept}\r\n");
    match path {
        "/none" => right.replace(&line, ""),
        "/other" => right.replace(&line, "Sec-WebSocket-Accept: aaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n"),
        "/twice" => right.replace(&line, &line.repeat(2)),
        "/case" => right.replace(&line, &line.to_lowercase()),
        "/upgrade" => right.replace("Upgrade: websocket", "Upgrade: h2c"),
        "/bare" => "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(),
        _ => right.to_owned(),
    }
}

const FORGED: [&str; 6] = ["/none", "/other", "/twice", "/case", "/upgrade", "/bare"];

fn service() -> Backend {
    Backend::start(|call| match call.request.target() {
        "/plain" => vec![Step::Body, ok("no WebSocket here")],
        "/created" => {
            vec![Step::Body, raw("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")]
        }
        "/forbidden" => {
            vec![Step::Body, raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")]
        }
        path => {
            let right = websocket::agreement_to(call.request);
            vec![Step::Body, raw(forged(path, &right)), Step::Echo]
        }
    })
}

#[test]
fn an_answer_that_does_not_fit_the_key_is_refused() {
    let service = service();
    let gateway = Gateway::start(&config(service.address, "", ""));
    for path in FORGED {
        let mut client = Client::connect(gateway.web());
        let answer = client.ask(websocket::handshake(path)).expect("an answer");
        assert_eq!(answer.status(), 502, "{path}: {answer:?}");
        assert!(answer.text().contains("\"upstream_bad_answer\""), "{path}: {answer:?}");
        let line = gateway.stdout.wait(0, SOON, |line| line.contains(path)).expect("a line");
        assert!(line.contains("\"failure\":\"upstream_bad_answer\""), "{line}");
        assert!(line.contains("\"cause\":"), "{line}");
    }
    let mut client = websocket::open(gateway.web(), "/right");
    assert!(websocket::echoed(&mut client, "hello", SOON));
    // What is no 101 is the client's to read.
    for (path, status) in [("/plain", 200), ("/forbidden", 403)] {
        let answer = Client::connect(gateway.web()).ask(websocket::handshake(path));
        assert_eq!(answer.expect("an answer").status(), status, "{path}");
    }
}

#[test]
fn a_handshake_without_one_good_key_is_refused() {
    let service = service();
    let gateway = Gateway::start(&config(service.address, "", ""));
    let good = websocket::handshake("/right");
    let key = format!("Sec-WebSocket-Key: {}\r\n", websocket::KEY);
    for bad in [
        String::new(),
        key.repeat(2),
        "Sec-WebSocket-Key: \r\n".to_owned(),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n".to_owned(),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n".to_owned(),
    ] {
        let answer = Client::connect(gateway.web()).ask(good.replace(&key, &bad));
        assert_eq!(answer.expect("an answer").status(), 400, "{bad:?}");
    }
    assert_eq!(service.connections(), 0, "none of them reached the service");
}

#[test]
fn over_http2_only_a_tunnel_is_a_good_answer() {
    let service = service();
    let gateway = Gateway::start(&config(service.address, "", ""));
    let status = |path: &str| {
        let mut client = Http2::connect(gateway.web());
        let stream = client.begin(END_HEADERS, &websocket::connect(path));
        match client.fate(stream, SOON) {
            Fate::Answered(status, body) => (status, String::from_utf8_lossy(&body).into_owned()),
            other => panic!("{path}: {other:?}"),
        }
    };
    // To the client any 2xx would mean that it speaks to a WebSocket.
    for path in FORGED.iter().chain(&["/plain", "/created"]) {
        let (status, body) = status(path);
        assert!(status == 502 && body.contains("\"upstream_bad_answer\""), "{path}: {body}");
    }
    let (fixed, body) = status("/fixed");
    assert!(fixed == 501 && body.contains("\"protocol_refused\""), "{body}");
    assert_eq!(status("/forbidden"), (403, "no".to_owned()));
}

#[test]
fn a_service_sees_an_upgrade_of_http1() {
    let service = service();
    let gateway = Gateway::start(&config(service.address, "", ""));
    let mut client = Http2::connect(gateway.web());
    let head = [
        websocket::connect("/right?x=1"),
        block(&[
            ("sec-websocket-protocol", "chat"),
            ("sec-websocket-key", "mine"),
            ("cookie", "a=1"),
        ]),
    ]
    .concat();
    let stream = client.begin(END_HEADERS, &head);
    while client.answer(stream).0 == 0 {
        assert!(client.read(SOON).is_some(), "no answer");
    }
    assert_eq!(client.answer(stream).0, 200);
    let seen = service.recorded()[0].requests().0.remove(0);
    assert_eq!((seen.method(), seen.target()), ("GET", "/right?x=1"));
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
        ("cookie", "a=1"),
        ("x-forwarded-host", "test.example"),
    ] {
        assert_eq!(seen.all(name), [value], "{name}: {seen:?}");
    }
    let keys = seen.all("sec-websocket-key");
    assert!(matches!(&keys[..], [key] if key.len() == 24), "{keys:?}");
    let other = client.begin(END_HEADERS, &websocket::connect("/right"));
    while client.answer(other).0 == 0 {
        assert!(client.read(SOON).is_some(), "no answer");
    }
    let again = service.recorded()[1].requests().0.remove(0);
    assert_ne!(again.all("sec-websocket-key"), keys, "each handshake has its own");
}

/// A service that speaks another version says so itself, and its words arrive.
#[test]
fn another_version_is_the_services_to_refuse() {
    let refusal = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nContent-Length: 3\r\n\r\nold";
    let service =
        Backend::start(move |call| match call.request.all("sec-websocket-version").concat() {
            version if version == "13" => {
                let right = websocket::agreement_to(call.request);
                vec![Step::Body, raw(right), Step::Echo]
            }
            _ => vec![Step::Body, raw(refusal)],
        });
    let gateway = Gateway::start(&config(service.address, "", ""));
    for version in ["8", "0", "14", "13, 8", "x"] {
        let bad = format!("Sec-WebSocket-Version: {version}\r\n");
        let handshake = websocket::handshake("/").replace("Sec-WebSocket-Version: 13\r\n", &bad);
        let mut client = Client::connect(gateway.web());
        let answer = client.ask(handshake).expect("an answer");
        assert_eq!((answer.status(), answer.text().as_str()), (426, "old"), "{version}");
        assert_eq!(answer.one("sec-websocket-version"), "13", "{version}");
        assert!(answer.all("upgrade").is_empty(), "there is nothing to upgrade: {answer:?}");
    }
    let head = replaced(&websocket::connect("/"), "13", "08");
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END_HEADERS, &head);
    assert!(matches!(client.fate(stream, SOON), Fate::Answered(426, body) if body == b"old"));
    websocket::open(gateway.web(), "/");
}

/// What a client says before it was agreed to comes behind the handshake, and is no request, whatever
/// comes of it.
#[test]
fn frames_ahead_of_the_agreement_wait_for_it() {
    let service = Backend::start(|call| match call.request.target() {
        "/late" => {
            let right = websocket::agreement_to(call.request);
            vec![Step::Body, Step::Wait(Duration::from_millis(300)), raw(right), Step::Echo]
        }
        _ => vec![Step::Body, Step::Wait(Duration::from_millis(300)), ok("no")],
    });
    let gateway = Gateway::start(&config(service.address, "", ""));
    let early = websocket::frame("too early");
    let mut client = Client::connect(gateway.web());
    client.send([websocket::handshake("/late").as_bytes(), &early].concat());
    assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 101);
    while client.buffer.len() < early.len() {
        assert_eq!(client.fill(SOON), Brought::More, "{}", client.shown());
    }
    assert_eq!(client.buffer, early);
    let bytes = service.recorded()[0].bytes.clone();
    assert!(bytes.ends_with(&early), "{}", String::from_utf8_lossy(&bytes));
    // Nothing was agreed to, and frames are no request.
    let mut client = Client::connect(gateway.web());
    client.send([websocket::handshake("/never").as_bytes(), &early].concat());
    let answer = client.answer("GET", SOON).expect("an answer");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "no"));
    assert!(client.read_to_end(SOON), "the connection is of no use any more");
    assert!(!client.shown().contains("200"), "{}", client.shown());
    let reached: Vec<_> = service.recorded().iter().flat_map(|one| one.requests().0).collect();
    assert_eq!(reached.len(), 2, "{reached:?}");
    // The same on a stream.
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END_HEADERS, &websocket::connect("/late"));
    client.send(&frame(DATA, 0, stream, &early));
    while client.answer(stream).1.len() < early.len() {
        assert!(client.read(SOON).is_some(), "{:?}", client.seen);
    }
    assert_eq!(client.answer(stream), (200, early));
}

/// Whether the server's settings offer the extended CONNECT.
fn is_offered(client: &mut Http2) -> bool {
    let settings = client.read(SOON).expect("settings");
    assert_eq!(settings.kind, SETTINGS);
    settings.payload.chunks(6).any(|setting| setting == [0, 8, 0, 0, 0, 1])
}

#[test]
fn it_is_offered_only_where_it_is_spoken() {
    let service = service();
    let on = Gateway::start(&config(service.address, "", ""));
    let off = Gateway::start(&config(service.address, "http2: { websocket: false }", ""));
    let refused = |client: &mut Http2, head: &[u8]| {
        let stream = client.begin(END_HEADERS, head);
        client.fate(stream, SOON)
    };
    let mut client = Http2::connect(off.web());
    assert!(!is_offered(&mut client));
    // A client that asks all the same does not keep to the protocol.
    assert_eq!(refused(&mut client, &websocket::connect("/right")), Fate::Reset(1));
    let mut client = Http2::connect(on.web());
    assert!(is_offered(&mut client));
    let connect = websocket::connect("/right");
    for (why, head, status) in [
        ("another protocol", replaced(&connect, "websocket", "webtransp"), 501),
        ("a body", [&connect[..], &block(&[("content-length", "5")])].concat(), 400),
        ("a scheme that is none", replaced(&connect, "http", "gtps"), 400),
    ] {
        let fate = refused(&mut Http2::connect(on.web()), &head);
        assert!(matches!(fate, Fate::Answered(is, _) if is == status), "{why}: {fate:?}");
    }
    let plain = block(&[(":method", "CONNECT"), (":authority", "test.example:443")]);
    let fate = refused(&mut Http2::connect(on.web()), &plain);
    assert!(matches!(fate, Fate::Answered(405, _)), "plain CONNECT: {fate:?}");
    // What is no request at all resets its stream.
    for (why, head) in [
        (":protocol of a GET", replaced(&connect, "CONNECT", "OPTIONS")),
        (
            "no :path",
            block(&[(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")]),
        ),
    ] {
        let fate = refused(&mut client, &head);
        assert!(matches!(fate, Fate::Reset(1)), "{why}: {fate:?}");
    }
    assert_eq!(service.connections(), 0, "none of them reached the service");
    let stream = client.begin(END, &get("/plain"));
    assert!(matches!(client.fate(stream, SOON), Fate::Answered(200, _)), "others go on");
}

/// Other bytes of the same length.
fn replaced(head: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = head.windows(old.len()).position(|at| at == old.as_bytes()).expect("the old bytes");
    [&head[..at], new.as_bytes(), &head[at + old.len()..]].concat()
}

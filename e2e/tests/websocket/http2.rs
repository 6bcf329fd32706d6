//! Tunnels on streams of HTTP/2, in exact frames: flow control, half close, resets, others beside
//! them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use yumen_e2e::backend::{Ended, Recorded};
use yumen_e2e::http2::{
    DATA, END, END_HEADERS, END_STREAM, Fate, RST_STREAM, WINDOW_UPDATE, frame, get,
};
use yumen_e2e::{Backend, Gateway, Http2, SOON, Step, ok, raw, websocket};

use crate::config;

fn rig(listener: &str) -> (Backend, Gateway) {
    let backend = Backend::start(|call| {
        let agreed = raw(websocket::agreement_to(call.request));
        match call.request.target() {
            "/plain" => vec![Step::Body, ok("ok")],
            "/flood" => vec![Step::Body, agreed, Step::Repeat(vec![b'x'; 1 << 16], 1 << 11)],
            "/last" => vec![Step::Body, agreed, raw(b"\x81\x04last"), Step::Close],
            "/reset" => {
                vec![Step::Body, agreed, Step::Wait(Duration::from_millis(300)), Step::Reset]
            }
            _ => vec![Step::Body, agreed, Step::Echo],
        }
    });
    let gateway = Gateway::start(&config(backend.address, listener, ""));
    (backend, gateway)
}

/// Opens a WebSocket on a new stream.
pub(crate) fn open(client: &mut Http2, path: &str) -> u32 {
    let stream = client.begin(END_HEADERS, &websocket::connect(path));
    while client.answer(stream).0 == 0 {
        assert!(client.read(SOON).is_some(), "{path}: no answer: {:?}", client.seen);
    }
    assert_eq!(client.answer(stream).0, 200, "{path}");
    stream
}

/// What came on a stream, once so many bytes have.
pub(crate) fn bytes(client: &mut Http2, stream: u32, least: usize) -> Vec<u8> {
    let deadline = Instant::now() + SOON;
    loop {
        let came = client.answer(stream).1;
        let ended = client.seen.iter().any(|frame| frame.stream == stream && frame.ends());
        if came.len() >= least || ended || Instant::now() > deadline {
            return came;
        }
        client.read(Duration::from_millis(200));
    }
}

fn ended(path: &'static str) -> impl Fn(&[Recorded]) -> bool {
    move |all| all.iter().any(|one| one.holds(path) && one.ended.is_some())
}

#[test]
fn frames_pass_both_ways_beside_requests() {
    let (_backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let (one, two) = (open(&mut client, "/one"), open(&mut client, "/two"));
    let long = websocket::frame(&"long ".repeat(8_000));
    for piece in long.chunks(16_000) {
        client.send(&frame(DATA, 0, one, piece));
    }
    let short = websocket::frame("short");
    for byte in &short {
        client.send(&frame(DATA, 0, two, &[*byte]));
    }
    assert_eq!(client.get("/plain"), Fate::Answered(200, b"ok".to_vec()));
    assert!(bytes(&mut client, one, long.len()) == long, "the long message came back");
    assert_eq!(bytes(&mut client, two, short.len()), short);
    let done = frame(DATA, END_STREAM, two, b"");
    client.send(&done);
    assert!(matches!(client.fate(two, SOON), Fate::Answered(200, _)), "both sides are done");
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"/two\"")).expect("a line");
    for part in [
        "\"method\":\"GET\"",
        "\"protocol\":\"HTTP/2.0\"",
        "\"status\":200",
        "\"tunnelled\":true",
        &format!("\"received_body_bytes\":{}", short.len()),
        &format!("\"sent_body_bytes\":{}", short.len()),
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("aborted_by"), "{line}");
}

/// A client that is done may still be told something, and so may a service.
#[test]
fn one_side_may_end_before_the_other() {
    let (backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let stream = open(&mut client, "/half");
    let message = websocket::frame("and goodbye");
    client.send(&frame(DATA, END_STREAM, stream, &message));
    // The service reads to the end before it ends.
    assert!(matches!(client.fate(stream, SOON), Fate::Answered(200, body) if body == message));
    assert!(backend.wait(SOON, |all| all.iter().any(|one| one.ended == Some(Ended::Fin))));
    let stream = open(&mut client, "/last");
    assert_eq!(bytes(&mut client, stream, 6), b"\x81\x04last");
    let end = |client: &Http2| {
        client.seen.iter().any(|one| one.kind == DATA && one.stream == stream && one.ends())
    };
    while !end(&client) {
        assert!(client.read(SOON).is_some(), "the client is not told");
    }
}

#[test]
fn resets_pass_both_ways() {
    let (backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let stream = open(&mut client, "/cancelled");
    client.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    assert!(backend.wait(SOON, ended("/cancelled")), "the service hears of it");
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("/cancelled")).expect("a line");
    assert!(line.contains("\"aborted_by\":\"client\""), "{line}");
    let stream = open(&mut client, "/reset");
    assert_eq!(client.fate(stream, SOON), Fate::Reset(8), "a reset of the service's is one");
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("/reset")).expect("a line");
    assert!(line.contains("\"aborted_by\":\"upstream\""), "{line}");
    let stream = client.begin(END, &get("/plain"));
    assert!(matches!(client.fate(stream, SOON), Fate::Answered(200, _)), "others go on");
    // A client that goes takes its tunnels with it.
    open(&mut client, "/gone");
    drop(client);
    assert!(backend.wait(SOON, ended("/gone")), "the service hears of it");
}

/// A client that reads slowly holds the service back, not the gateway's memory.
#[test]
fn a_slow_reader_costs_no_memory() {
    let (_backend, gateway) = rig("");
    // One that was used already: what a first connection costs is not meant.
    Http2::connect(gateway.web()).get("/plain");
    let before = gateway.memory();
    let mut client = Http2::with(gateway.web(), &[(4, 1000)]);
    let streams: Vec<u32> = (0..20).map(|_| open(&mut client, "/flood")).collect();
    for stream in &streams {
        assert_eq!(bytes(&mut client, *stream, 1000).len(), 1000);
    }
    while client.read(Duration::from_millis(300)).is_some() {}
    let grown = gateway.memory().saturating_sub(before);
    println!("20 tunnels that nobody reads: {grown} KiB");
    assert!(grown < 16 << 10, "{grown} KiB");
    for stream in &streams {
        client.send(&frame(WINDOW_UPDATE, 0, *stream, &[0, 0, 1, 0]));
    }
    for stream in &streams {
        assert_eq!(bytes(&mut client, *stream, 1256).len(), 1256, "it goes on as it reads on");
    }
}

/// Takes one connection and agrees to the WebSocket that is asked for; what comes then stays unread.
fn agree(service: &TcpListener) -> TcpStream {
    let (mut asked, _) = service.accept().expect("a connection");
    let (mut bytes, mut space) = (Vec::new(), [0; 4096]);
    while !bytes.ends_with(b"\r\n\r\n") {
        let count = asked.read(&mut space).expect("a request");
        bytes.extend_from_slice(&space[..count]);
    }
    let request = yumen_e2e::message::request(&bytes).expect("a request").0;
    asked.write_all(websocket::agreement_to(&request).as_bytes()).expect("an answer");
    asked
}

/// Even a client that has said all it had to say is heard when it resets its stream.
#[test]
fn a_reset_behind_the_end_is_heard() {
    let service = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gateway = Gateway::start(&config(service.local_addr().expect("an address"), "", ""));
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END_HEADERS, &websocket::connect("/done"));
    let mut asked = agree(&service);
    let message = websocket::frame("done");
    client.send(&frame(DATA, END_STREAM, stream, &message));
    let mut rest = Vec::new();
    asked.read_to_end(&mut rest).expect("all of it");
    assert_eq!(rest, message);
    client.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("/done")).expect("a line");
    assert!(line.contains("\"aborted_by\":\"client\""), "{line}");
}

/// A service that does not read holds the client back: its window does not open again.
#[test]
fn a_service_that_does_not_read_holds_the_client_back() {
    let service = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = service.local_addr().expect("an address");
    let gateway = Gateway::start(&config(address, "", ""));
    let mut client = Http2::connect(gateway.web());
    while client.read(Duration::from_millis(300)).is_some() {}
    let before = gateway.memory();
    let stream = client.begin(END_HEADERS, &websocket::connect("/"));
    let _held = agree(&service);
    let sent = client.fill(stream, 65_535, Duration::from_secs(3));
    let grown = gateway.memory().saturating_sub(before);
    println!("{sent} bytes were taken that nobody reads, memory grew by {grown} KiB");
    assert!(sent > 49_000 && sent < 16 << 20, "{sent}");
    assert!(grown < 8 << 10, "{grown} KiB");
}

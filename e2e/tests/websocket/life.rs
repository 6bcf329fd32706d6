//! How tunnels end: silence, age, a drain; and what does not end them.

use std::time::{Duration, Instant};

use yumen_e2e::backend::Recorded;
use yumen_e2e::client::Brought;
use yumen_e2e::http2::{DATA, END_STREAM, GOAWAY, frame};
use yumen_e2e::{Backend, Client, Gateway, Http2, SOON, Step, raw, websocket};

use crate::config;
use crate::http2::{bytes, open};

fn echo() -> Backend {
    Backend::start(|call| vec![Step::Body, raw(websocket::agreement_to(call.request)), Step::Echo])
}

fn told(path: &'static str) -> impl Fn(&[Recorded]) -> bool {
    move |all| {
        all.iter().any(|one| one.holds(path) && one.bytes.ends_with(&websocket::GOODBYE_TO_SERVICE))
    }
}

/// Reads until so many bytes are there.
fn read(client: &mut Client, least: usize) -> Vec<u8> {
    let deadline = Instant::now() + SOON;
    while client.buffer.len() < least && Instant::now() < deadline {
        if client.fill(Duration::from_millis(200)) == Brought::End {
            break;
        }
    }
    client.buffer.clone()
}

/// Both ends are told, and the log says why.
fn ends(listener: &str, cause: &str) {
    let backend = echo();
    let gateway = Gateway::start(&config(backend.address, listener, ""));
    let mut one = websocket::open(gateway.web(), "/one");
    let mut two = Http2::connect(gateway.web());
    let stream = open(&mut two, "/two");
    assert_eq!(read(&mut one, 4), websocket::GOODBYE);
    one.send(websocket::GOODBYE_TO_SERVICE);
    assert!(one.read_to_end(SOON), "the connection is closed");
    assert_eq!(bytes(&mut two, stream, 4), websocket::GOODBYE);
    two.send(&frame(DATA, 0, stream, &websocket::GOODBYE_TO_SERVICE));
    for path in ["/one", "/two"] {
        assert!(backend.wait(SOON, told(path)), "{path}: the service is not told");
        let line = gateway.stdout.wait(0, SOON, |line| line.contains(&format!("\"{path}\"")));
        let line = line.expect("a line");
        assert!(line.contains(cause) && !line.contains("aborted_by"), "{line}");
    }
}

#[test]
fn silence_ends_it() {
    ends("timeouts: { tunnel_idle: 1s }", "silent for too long");
}

#[test]
fn age_ends_it() {
    ends("timeouts: { tunnel_lifetime: 1s }", "lifetime was over");
}

/// Whoever speaks, or is spoken to, is not silent.
#[test]
fn a_busy_tunnel_is_not_silent() {
    let backend = echo();
    let gateway = Gateway::start(&config(backend.address, "timeouts: { tunnel_idle: 3s }", ""));
    let mut one = websocket::open(gateway.web(), "/one");
    let mut two = Http2::connect(gateway.web());
    let stream = open(&mut two, "/two");
    let message = websocket::frame("still here");
    let mut came = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        assert!(websocket::echoed(&mut one, "still here", SOON), "{}", one.shown());
        two.send(&frame(DATA, 0, stream, &message));
        came += message.len();
        assert_eq!(bytes(&mut two, stream, came).len(), came);
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_drain_tells_streams_as_well() {
    let backend = echo();
    let gateway = Gateway::start(&config(backend.address, "", "drain: 2s"));
    let mut client = Http2::connect(gateway.web());
    let (idle, busy) = (open(&mut client, "/idle"), open(&mut client, "/busy"));
    let message = websocket::frame(&"x".repeat(1000));
    client.send(&frame(DATA, 0, busy, &message[..500]));
    assert_eq!(bytes(&mut client, busy, 500).len(), 500);
    gateway.signal("TERM");
    // Tunnels go on while the drain lasts.
    let hello = websocket::frame("hello");
    client.send(&frame(DATA, 0, idle, &hello));
    assert!(bytes(&mut client, idle, hello.len()).starts_with(&hello));
    let told = [&hello[..], &websocket::GOODBYE].concat();
    assert_eq!(bytes(&mut client, idle, told.len()), told);
    client.send(&frame(DATA, END_STREAM, idle, &websocket::GOODBYE_TO_SERVICE));
    // This one is told behind its frame, not inside it.
    client.send(&frame(DATA, 0, busy, &message[500..]));
    let told = [&message[..], &websocket::GOODBYE].concat();
    let came = bytes(&mut client, busy, told.len());
    assert!(came == told, "{} bytes came", came.len());
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    assert!(client.seen.iter().any(|frame| frame.kind == GOAWAY), "{:?}", client.seen);
    for path in ["/idle", "/busy"] {
        assert!(backend.wait(SOON, self::told(path)), "{path}: the service is not told");
    }
}

/// Frames that no service would take are the service's to refuse: they pass as they are, and one that
/// never ends does not hold up a drain.
#[test]
fn odd_frames_pass_and_hold_nothing_up() {
    let backend = echo();
    let gateway = Gateway::start(&config(backend.address, "", "drain: 1s"));
    let odd: [&[u8]; 5] = [
        // Not masked; a control frame in two parts; one that is too long; bits that nobody knows.
        b"\x81\x05hello",
        b"\x09\x82\x01\x02\x03\x04ab\x80\x80\x01\x02\x03\x04",
        &[&b"\x89\xfe\x00\xc8\x01\x02\x03\x04"[..], &[7; 200]].concat(),
        b"\xff\x80\x01\x02\x03\x04",
        // Half of all bytes that there can be.
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04begun",
    ];
    let mut one = websocket::open(gateway.web(), "/one");
    let mut two = Http2::connect(gateway.web());
    let stream = open(&mut two, "/two");
    let mut sent = Vec::new();
    for bytes in odd {
        one.send(bytes);
        two.send(&frame(DATA, 0, stream, bytes));
        sent.extend_from_slice(bytes);
        assert!(read(&mut one, sent.len()) == sent, "{bytes:?}");
        assert!(self::bytes(&mut two, stream, sent.len()) == sent, "{bytes:?}");
    }
    let began = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert!(one.read_to_end(SOON));
    assert!(one.buffer == sent, "nothing is said inside of a frame");
}

#[test]
fn reloads_do_not_end_it() {
    let backend = echo();
    let gateway = Gateway::start(&config(backend.address, "", ""));
    let mut client = Http2::connect(gateway.web());
    let stream = open(&mut client, "/kept");
    let message = websocket::frame("still here");
    let mut came = 0;
    for version in 0..3 {
        let listener = format!("timeouts: {{ tunnel_idle: {}s }}", 100 + version);
        gateway.reload_at_once(&config(backend.address, &listener, "")).expect("a good one");
        client.send(&frame(DATA, 0, stream, &message));
        came += message.len();
        assert_eq!(bytes(&mut client, stream, came).len(), came, "reload {version}");
    }
    // Not even one that takes the service away.
    let none = "listeners: [{ name: web, address: '127.0.0.1:0' }]\n\
                routes: [{ name: fixed, answer: { body: fixed } }]\n\
                status: { address: '127.0.0.1:0' }";
    gateway.reload_at_once(none).expect("a good one");
    client.send(&frame(DATA, 0, stream, &message));
    came += message.len();
    assert_eq!(bytes(&mut client, stream, came).len(), came);
}

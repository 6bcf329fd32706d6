//! Streams and connections from their first frame to their last: windows, resets, times, drain,
//! reload, and what is written down.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::backend::Ended;
use yumen_e2e::http2::{
    DATA, END, END_HEADERS, END_STREAM, Fate, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    block, frame, get, request,
};
use yumen_e2e::{Backend, Gateway, Http2, SOON, Step, ok, raw};

use crate::config;

/// A gateway in front of a service that does what its paths say.
fn rig(listener: &str) -> (Backend, Gateway) {
    let backend = Backend::start(|call| {
        let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 << 20);
        match call.request.target() {
            "/hang" => vec![Step::Hang],
            "/late" => vec![Step::Body, Step::Wait(Duration::from_secs(1)), ok("late")],
            "/large" => {
                vec![Step::Body, raw(large), Step::Repeat(vec![b'x'; 1 << 16], 1024)]
            }
            "/broken" => {
                vec![
                    Step::Body,
                    raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
                    Step::Close,
                ]
            }
            "/trailers" => vec![
                Step::Body,
                raw(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
                ),
            ],
            "/hints" => vec![
                Step::Body,
                raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
                ok("hinted"),
            ],
            "/nothing" => vec![Step::Body, raw("HTTP/1.1 204 No Content\r\n\r\n")],
            _ => vec![Step::Body, ok("ok")],
        }
    });
    let gateway = Gateway::start(&config(backend.address, listener));
    (backend, gateway)
}

fn reached(backend: &Backend) -> Vec<yumen_e2e::Message> {
    backend.recorded().iter().flat_map(|one| one.requests().0).collect()
}

#[test]
fn a_service_sees_clean_http1() {
    let (backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let head = [
        &request("POST", "/a/../b?c=%20")[..],
        &[
            ("cookie", "a=1"),
            ("x-one", "1"),
            ("cookie", "b=2"),
            ("te", "trailers"),
            ("x_under", "1"),
            ("x-consumer-id", "root"),
            ("x-forwarded-for", "6.6.6.6"),
            ("host", "test.example"),
        ],
    ]
    .concat();
    let stream = client.begin(END_HEADERS, &block(&head));
    client.send(&frame(DATA, 0, stream, b"some "));
    client.send(&frame(DATA, 0, stream, b"body"));
    client.send(&frame(HEADERS, END, stream, &block(&[("x-sum", "7"), ("content-length", "99")])));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"ok".to_vec()));
    let seen = reached(&backend).remove(0);
    assert_eq!(
        (seen.method(), seen.target(), seen.text().as_str()),
        ("POST", "/b?c=%20", "some body")
    );
    assert_eq!(seen.all("cookie"), ["a=1; b=2"]);
    assert_eq!(seen.all("transfer-encoding"), ["chunked"]);
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-host"), ["test.example"]);
    for name in ["te", "x_under", "x-consumer-id", "content-length", "connection"] {
        assert!(seen.all(name).is_empty(), "{name}: {seen:?}");
    }
    let bytes = String::from_utf8_lossy(&backend.recorded()[0].bytes).into_owned();
    assert!(bytes.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{bytes}");
    // A length that is known is told.
    let head = [&request("POST", "/")[..], &[("content-length", "4")]].concat();
    let stream = client.begin(END_HEADERS, &block(&head));
    client.send(&frame(DATA, END_STREAM, stream, b"four"));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"ok".to_vec()));
    assert_eq!(reached(&backend).remove(1).all("content-length"), ["4"]);
}

#[test]
fn answers_of_every_kind() {
    let (_backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    assert_eq!(client.get("/nothing"), Fate::Answered(204, Vec::new()));
    let stream = client.begin(END, &get("/trailers"));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"abc".to_vec()));
    let last = client.seen.last().expect("a frame");
    assert_eq!((last.kind, last.flags & END_STREAM), (HEADERS, END_STREAM), "trailers end it");
    let stream = client.begin(END, &get("/hints"));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"hinted".to_vec()));
    let heads = client.seen.iter().filter(|frame| frame.stream == stream && frame.kind == HEADERS);
    assert_eq!(heads.count(), 2, "an interim answer is passed on");
    // What came before the service broke off is the client's, and it can tell.
    let stream = client.begin(END, &get("/broken"));
    assert_eq!(client.fate(stream, SOON), Fate::Reset(2));
    assert_eq!(client.answer(stream), (200, b"half".to_vec()));
    let head = [&request("POST", "/")[..], &[("expect", "100-continue")]].concat();
    let stream = client.begin(END_HEADERS, &block(&head));
    let invited = client.read(SOON).filter(|frame| frame.kind == HEADERS);
    let invited = invited.or_else(|| client.read(SOON)).expect("100 Continue");
    assert_eq!((invited.kind, invited.stream), (HEADERS, stream));
    client.send(&frame(DATA, END_STREAM, stream, b"x"));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"ok".to_vec()));
    // HEAD has a length and no body.
    let stream = client.begin(END, &block(&request("HEAD", "/")));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, Vec::new()));
    // Failures have the same bodies as for HTTP/1.
    let stream = client.begin(END, &block(&request("GET", "/%2f")));
    let Fate::Answered(400, body) = client.fate(stream, SOON) else { panic!("no 400") };
    assert!(String::from_utf8_lossy(&body).contains("\"code\":\"bad_request\""));
}

/// A client that shuts its window holds the service back, not the gateway's memory; after a while
/// its streams are reset, and only they.
#[test]
fn windows_that_stay_shut() {
    let (backend, gateway) = rig("timeouts: { write_stall: 2s }");
    let before = gateway.memory();
    let mut client = Http2::with(gateway.web(), &[(4, 0)]);
    let streams: Vec<u32> = (0..50).map(|_| client.begin(END, &get("/large"))).collect();
    assert!(backend.wait(SOON, |all| all.len() >= 50), "all are asked for");
    let grown = gateway.memory().saturating_sub(before);
    println!("50 streams with shut windows: {grown} KiB");
    assert!(grown < 24 << 10, "{grown} KiB");
    let began = Instant::now();
    for stream in streams {
        assert_eq!(client.fate(stream, SOON), Fate::Reset(8));
    }
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    // Half open: bytes drip, and the stream goes on.
    let stream = client.begin(END, &get("/large"));
    for _ in 0..5 {
        thread::sleep(Duration::from_secs(1));
        client.send(&frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 100]));
    }
    while client.read(Duration::from_millis(200)).is_some() {}
    let came: usize = client.answer(stream).1.len();
    assert_eq!(came, 500, "as many bytes as the window allowed");
    assert!(!client.seen.iter().any(|frame| frame.stream == stream && frame.kind == RST_STREAM));
}

/// A service that does not read holds the client back: its window does not open again.
#[test]
fn uploads_are_held_back() {
    let service = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gateway = Gateway::start(&config(service.local_addr().expect("an address"), ""));
    let mut client = Http2::connect(gateway.web());
    // Until the settings are agreed on, windows are a byte smaller.
    while client.read(Duration::from_millis(300)).is_some() {}
    let before = gateway.memory();
    let stream = client.begin(END_HEADERS, &block(&request("POST", "/")));
    let (_asked, _) = service.accept().expect("a connection");
    let sent = client.fill(stream, 65_536, Duration::from_secs(3));
    let grown = gateway.memory().saturating_sub(before);
    println!("{sent} bytes were taken that nobody reads, memory grew by {grown} KiB");
    // What fits into the sockets between gateway and service, and one window.
    assert!(sent > 65_536 && sent < 16 << 20, "{sent}");
    // The allocator takes two MiB at a time.
    assert!(grown < 8 << 10, "{grown} KiB");
}

#[test]
fn a_reset_cancels_at_once() {
    let (backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END, &get("/hang"));
    assert!(backend.wait(SOON, |all| all.iter().any(|one| one.holds("/hang"))));
    client.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    let ended = |all: &[yumen_e2e::Recorded]| all.iter().any(|one| one.ended == Some(Ended::Fin));
    assert!(backend.wait(Duration::from_secs(2), ended), "the service hears of it");
    assert_eq!(client.get("/"), Fate::Answered(200, b"ok".to_vec()), "others go on");
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"/hang\"")).expect("a line");
    assert!(line.contains("\"aborted_by\":\"client\"") && line.contains("HTTP/2.0"), "{line}");
    // The same when the whole connection goes.
    let stream = client.begin(END, &get("/hang"));
    assert!(backend.wait(SOON, |all| all.iter().filter(|one| one.holds("/hang")).count() == 2));
    drop(client);
    let both = |all: &[yumen_e2e::Recorded]| {
        all.iter().filter(|one| one.ended == Some(Ended::Fin)).count() >= 2
    };
    assert!(backend.wait(Duration::from_secs(2), both), "stream {stream} is cancelled");
}

#[test]
fn the_log_is_right() {
    let (_backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let head = [&request("POST", "/logged?x=1")[..], &[("content-length", "4")]].concat();
    let stream = client.begin(END_HEADERS, &block(&head));
    client.send(&frame(DATA, END_STREAM, stream, b"four"));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"ok".to_vec()));
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("/logged")).expect("a line");
    for part in [
        "\"protocol\":\"HTTP/2.0\"",
        "\"method\":\"POST\"",
        "\"host\":\"test.example\"",
        "\"status\":200",
        "\"received_body_bytes\":4",
        "\"sent_body_bytes\":2",
        "\"attempts\":1",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    assert!(!line.contains("aborted_by"), "{line}");
}

#[test]
fn slow_clients_are_told_to_leave() {
    let (_backend, gateway) = rig(
        "timeouts: { keep_alive: 1s, head: 1s, body_idle: 1s }, limits: { requests_per_connection: 3 }",
    );
    // Idle: GOAWAY without an error, then the end.
    let mut idle = Http2::connect(gateway.web());
    assert_eq!(idle.get("/"), Fate::Answered(200, b"ok".to_vec()));
    let began = Instant::now();
    assert_eq!(idle.goaway(SOON), Some(0));
    assert!(idle.client.ended && began.elapsed() > Duration::from_millis(800));
    // A head that does not end.
    let mut slow = Http2::connect(gateway.web());
    slow.send(&frame(HEADERS, END_STREAM, 1, &get("/")));
    assert!(slow.goaway(SOON).is_some() && slow.client.ended);
    // A body that stops.
    let mut stopped = Http2::connect(gateway.web());
    let stream = stopped.begin(END_HEADERS, &block(&request("POST", "/")));
    let Fate::Answered(408, _) = stopped.fate(stream, SOON) else { panic!("no 408") };
    // As many requests as a connection may have.
    let mut many = Http2::connect(gateway.web());
    for _ in 0..3 {
        assert_eq!(many.get("/"), Fate::Answered(200, b"ok".to_vec()));
    }
    assert_eq!(many.goaway(SOON), Some(0));
    // Nothing behind the preface.
    let mut silent = yumen_e2e::Client::connect(gateway.web());
    silent.send(yumen_e2e::http2::PREFACE);
    assert!(silent.read_to_end(SOON));
}

/// The patience for a head ends with the head, also when it came together with the preface.
#[test]
fn what_came_with_the_preface_may_take_its_time() {
    let (_backend, gateway) = rig("timeouts: { head: 200ms }");
    let mut client = yumen_e2e::Client::connect(gateway.web());
    let first = frame(HEADERS, END, 1, &get("/late"));
    client.send([yumen_e2e::http2::PREFACE, &frame(SETTINGS, 0, 0, &[]), &first].concat());
    let deadline = Instant::now() + SOON;
    while !client.buffer.ends_with(b"late") {
        assert!(!client.ended && Instant::now() < deadline, "{:?}", client.buffer);
        client.fill(Duration::from_millis(100));
    }
}

#[test]
fn streams_beyond_the_limit_are_refused_and_others_go_on() {
    let (backend, gateway) = rig("http2: { streams: 2 }");
    let mut client = Http2::connect(gateway.web());
    let first = client.begin(END, &get("/late"));
    let second = client.begin(END, &get("/late"));
    let third = client.begin(END, &get("/late"));
    assert_eq!(client.fate(third, SOON), Fate::Reset(7));
    assert_eq!(client.fate(first, SOON), Fate::Answered(200, b"late".to_vec()));
    assert_eq!(client.fate(second, SOON), Fate::Answered(200, b"late".to_vec()));
    assert_eq!(reached(&backend).len(), 2);
}

#[test]
fn draining_ends_what_is_under_way() {
    let (backend, gateway) = rig("");
    let mut idle = Http2::connect(gateway.web());
    assert_eq!(idle.get("/"), Fate::Answered(200, b"ok".to_vec()));
    let mut busy = Http2::connect(gateway.web());
    let streams: Vec<u32> = (0..10).map(|_| busy.begin(END, &get("/late"))).collect();
    let asked =
        |all: &[yumen_e2e::Recorded]| all.iter().filter(|one| one.holds("/late")).count() == 10;
    assert!(backend.wait(SOON, asked));
    gateway.signal("TERM");
    assert_eq!(idle.goaway(SOON), Some(0));
    for stream in streams {
        assert_eq!(busy.fate(stream, SOON), Fate::Answered(200, b"late".to_vec()));
    }
    assert!(busy.seen.iter().any(|frame| frame.kind == GOAWAY && frame.reason() == 0));
    assert_eq!(busy.goaway(SOON), Some(0));
    let status = gateway.exit(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert_eq!(gateway.stdout.all().iter().filter(|line| line.contains("\"/late\"")).count(), 10);
}

#[test]
fn a_reload_keeps_connections_and_changes_what_comes_next() {
    let (backend, gateway) = rig("");
    let mut client = Http2::connect(gateway.web());
    let under_way = client.begin(END, &get("/late"));
    assert!(backend.wait(SOON, |all| all.iter().any(|one| one.holds("/late"))));
    gateway
        .reload_at_once(&config(backend.address, "limits: { target: 16B }"))
        .expect("a good configuration");
    let long = client.begin(END, &get("/longer-than-sixteen"));
    let Fate::Answered(414, _) = client.fate(long, SOON) else { panic!("no 414") };
    assert_eq!(client.fate(under_way, SOON), Fate::Answered(200, b"late".to_vec()));
    assert_eq!(client.get("/"), Fate::Answered(200, b"ok".to_vec()));
}

/// A long-lived connection that does a lot of honest work is no flood.
#[test]
fn honest_work_is_no_flood() {
    let (_backend, gateway) = rig("limits: { requests_per_connection: 100000 }");
    let mut client = Http2::with(gateway.web(), &[]);
    let stream = client.begin(END, &get("/large"));
    let mut came = 0_usize;
    let deadline = Instant::now() + Duration::from_secs(60);
    while came < 16 << 20 && Instant::now() < deadline {
        let Some(data) = client.read(SOON) else { break };
        assert!(data.kind != GOAWAY && data.kind != RST_STREAM, "{data:?}");
        if data.kind == DATA {
            // Windows are opened for each frame, as simple clients do it.
            came += data.payload.len();
            let more = u32::try_from(data.payload.len()).expect("a size").to_be_bytes();
            client.send(
                &[frame(WINDOW_UPDATE, 0, 0, &more), frame(WINDOW_UPDATE, 0, stream, &more)]
                    .concat(),
            );
            client.seen.clear();
        }
    }
    assert!(came >= 16 << 20, "{came}");
    // What was under way when the stream was cancelled counts in the connection's window.
    let under_way = frame(WINDOW_UPDATE, 0, 0, &65_535_u32.to_be_bytes());
    client.send(&[frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]), under_way].concat());
    for _ in 0..500 {
        assert_eq!(client.get("/"), Fate::Answered(200, b"ok".to_vec()));
        client.seen.clear();
    }
}

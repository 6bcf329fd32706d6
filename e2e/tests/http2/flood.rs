//! Floods: each ends with a GOAWAY after a bounded number of frames, costs little, and harms nobody
//! else.

use std::time::{Duration, Instant};

use yumen_e2e::http2::{
    CALM, CONTINUATION, DATA, END, END_HEADERS, END_STREAM, Fate, HEADERS, PING, PRIORITY,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, get, request,
};
use yumen_e2e::{Backend, Gateway, Http2, SOON, Step, ok};

use crate::config;

/// Frames that each flood tries to send.
const FRAMES: u32 = 100_000;

/// Sends a flood in pieces until the gateway has had enough; says how many pieces went out.
fn flood(client: &mut Http2, piece: impl Fn(u32) -> Vec<u8>) -> u32 {
    const TOGETHER: u32 = 50;
    let mut sent = 0;
    while sent < FRAMES && !client.client.ended {
        let bytes: Vec<u8> = (sent..sent + TOGETHER).flat_map(&piece).collect();
        if !client.send(&bytes) {
            break;
        }
        sent += TOGETHER;
        while client.read(Duration::from_millis(1)).is_some() {}
    }
    sent
}

/// Runs a flood against a gateway of its own.
fn check(name: &str, begin: impl FnOnce(&mut Http2), piece: impl Fn(u32) -> Vec<u8>) {
    let backend = Backend::start(|call| match call.request.target() {
        "/slow" => vec![Step::Body, Step::Wait(Duration::from_secs(30)), ok("late")],
        _ => vec![Step::Body, ok("ok")],
    });
    let gateway = Gateway::start(&config(backend.address, ""));
    let mut other = Http2::connect(gateway.web());
    assert_eq!(other.get("/"), Fate::Answered(200, b"ok".to_vec()));
    let mut client = Http2::connect(gateway.web());
    begin(&mut client);
    let (memory, cpu, began) = (gateway.memory(), gateway.cpu(), Instant::now());
    let sent = flood(&mut client, piece);
    let reason = client.goaway(SOON);
    let (grown, spent) = (gateway.memory().saturating_sub(memory), gateway.cpu() - cpu);
    let reached: usize = backend.recorded().iter().map(|one| one.requests().0.len()).sum();
    println!(
        "{name}: {sent} sent, {reached} reached the service, {grown} KiB, {spent:?} of the processor in {:?}, reason {reason:?}",
        began.elapsed()
    );
    assert!(sent < FRAMES, "{name}: nobody minded");
    // Some are worse than a flood: a frame for a stream that is over and forgotten, which depends on
    // when it comes, ends the connection by itself.
    assert!(reason.is_some(), "{name}: {reason:?}");
    assert!(client.client.ended, "{name}: the connection stays open");
    assert!(grown < 16 << 10, "{name}: {grown} KiB");
    assert!(spent < Duration::from_secs(2), "{name}: {spent:?}");
    assert!(reached <= 350, "{name}: {reached} requests reached the service");
    assert_eq!(other.get("/"), Fate::Answered(200, b"ok".to_vec()), "{name}: others are served");
}

fn id(number: u32) -> u32 {
    2 * number + 1
}

fn request_to(number: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END, id(number), &get(path))
}

fn post(number: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, id(number), &block(&request("POST", "/slow")))
}

fn nothing(_: &mut Http2) {}

/// CVE-2023-44487.
#[test]
fn rapid_reset() {
    let piece = |number| {
        let reset = frame(RST_STREAM, 0, id(number), &[0, 0, 0, 8]);
        [request_to(number, "/slow"), reset].concat()
    };
    check("rapid reset", nothing, piece);
}

#[test]
fn floods_are_counted() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(backend.address, "http2: { control_frames: 10 }"));
    let mut client = Http2::connect(gateway.web());
    client.send(&frame(PING, 0, 0, &[0; 8]).repeat(20));
    assert_eq!(client.goaway(SOON), Some(CALM));
    let metrics = yumen_e2e::get(gateway.status(), "/metrics").text();
    let line = "yumen_flooding_connections_total{listener=\"web\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

/// CVE-2025-8671: the client makes the gateway reset its streams.
#[test]
fn made_you_reset() {
    type Spoil = fn(u32) -> Vec<u8>;
    let ways: [(&str, Spoil); 4] = [
        ("WINDOW_UPDATE of nothing", |stream| frame(WINDOW_UPDATE, 0, stream, &[0; 4])),
        ("WINDOW_UPDATE too far", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])
        }),
        ("PRIORITY on itself", |stream| {
            frame(PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[1]].concat())
        }),
        ("a second head that does not end", |stream| {
            frame(HEADERS, END_HEADERS, stream, &block(&[("x", "1")]))
        }),
    ];
    for (name, spoil) in ways {
        check(name, nothing, |number| [post(number), spoil(id(number))].concat());
    }
}

#[test]
fn streams_beyond_the_limit() {
    check("streams beyond the limit", nothing, |number| request_to(number, "/slow"));
}

/// CVE-2019-9512, -9513, -9515 and their like.
#[test]
fn frames_that_carry_nothing() {
    check("PING", nothing, |_| frame(PING, 0, 0, &[0; 8]));
    check("PING acknowledged", nothing, |_| frame(PING, 1, 0, &[0; 8]));
    check("SETTINGS", nothing, |_| frame(SETTINGS, 0, 0, &[]));
    check("SETTINGS with windows", nothing, |n| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 1, n as u8]));
    check("PRIORITY", nothing, |n| frame(PRIORITY, 0, id(n), &[0, 0, 0, 0, 1]));
    check("WINDOW_UPDATE", nothing, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
    check("unknown frames", nothing, |_| frame(0xfa, 0, 0, &[]));
}

/// CVE-2019-9518.
#[test]
fn empty_data() {
    let begin = |client: &mut Http2| {
        client.begin(END_HEADERS, &block(&request("POST", "/slow")));
    };
    check("empty DATA", begin, |_| frame(DATA, 0, 1, b""));
    check("DATA of padding", begin, |_| frame(DATA, 8, 1, &[1, 0]));
    let ended = |client: &mut Http2| {
        let stream = client.begin(END, &get("/slow"));
        client.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    };
    check("DATA on a stream that was reset", ended, |_| frame(DATA, 0, 1, b""));
}

/// CVE-2024-27316.
#[test]
fn continuations_without_end() {
    let begin = |client: &mut Http2| {
        client.send(&frame(HEADERS, END_STREAM, 1, &get("/")));
    };
    check("CONTINUATION", begin, |_| frame(CONTINUATION, 0, 1, &block(&[("x", "1")])));
    check("empty CONTINUATION", begin, |_| frame(CONTINUATION, 0, 1, b""));
}

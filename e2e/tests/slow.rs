//! Slow clients and slow services are cut in time, with default settings. All drills run at once,
//! so that together they take as long as the slowest one.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::client::Brought;
use yumen_e2e::http2::{
    DATA, END, END_HEADERS, Fate, GOAWAY, HEADERS, block, frame, get as head_of, request,
};
use yumen_e2e::{Backend, Client, Gateway, Http2, Lost, Step, ok, raw, websocket};

/// What a busy machine may add to a time.
const SLACK: f64 = 3.0;

/// One drill: what was measured, and what is right.
struct Drill {
    name: &'static str,
    /// Seconds: not before, and not after.
    window: (f64, f64),
    run: fn(&Rig) -> Result<(), String>,
}

/// Where drills take place.
struct Rig {
    web: SocketAddr,
    /// A listener whose tunnels may be idle for three seconds.
    brief: SocketAddr,
    backend: Backend,
}

const DRILLS: &[Drill] = &[
    Drill { name: "connects, says nothing", window: (5.0, 10.0), run: says_nothing },
    Drill { name: "a header byte per second", window: (5.0, 10.0), run: header_bytes },
    Drill { name: "a header field per second", window: (5.0, 10.0), run: header_fields },
    Drill { name: "half a head on a kept connection", window: (5.0, 10.5), run: second_head },
    Drill { name: "HTTP/2: a header byte per second", window: (5.0, 10.5), run: http2_head_bytes },
    Drill {
        name: "HTTP/2: heads that overlap a little",
        window: (14.0, 19.0),
        run: |rig| http2_heads_overlap(rig, |_| 5),
    },
    Drill {
        name: "HTTP/2: heads that overlap by half",
        window: (14.0, 19.0),
        run: |rig| http2_heads_overlap(rig, |length| length / 2),
    },
    Drill { name: "HTTP/2: a body byte per second", window: (5.0, 30.0), run: http2_body_bytes },
    Drill { name: "HTTP/2: preface, then nothing", window: (5.0, 60.0), run: http2_says_nothing },
    Drill { name: "a body byte per second", window: (5.0, 30.0), run: body_bytes },
    Drill { name: "a chunk per second", window: (5.0, 30.0), run: body_chunks },
    Drill { name: "body stops", window: (5.0, 30.0), run: body_stops },
    Drill { name: "idle after an answer", window: (50.0, 60.0), run: idle },
    Drill { name: "service hangs", window: (5.0, 15.0), run: service_hangs },
    Drill { name: "service stops inside its answer", window: (5.0, 30.0), run: service_stops },
    Drill { name: "service drips, route has a total time", window: (3.0, 5.5), run: service_drips },
    Drill { name: "client does not read 64 MiB", window: (10.0, 60.0), run: no_reading },
    Drill { name: "tunnel idle for three seconds", window: (2.5, 3.5), run: tunnel_idle },
    Drill { name: "a slow but honest upload", window: (19.0, 25.0), run: honest_upload },
    Drill { name: "a slow but honest answer", window: (19.0, 25.0), run: honest_answer },
];

fn config(backend: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
  - {{ name: brief, address: '127.0.0.1:0', timeouts: {{ tunnel_idle: 3s }} }}
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{backend}
    routes:
      - {{ name: all, match: {{ paths: ['/*'] }} }}
      - {{ name: total, match: {{ paths: ['/drip'] }}, timeouts: {{ total: 5s }} }}
"
    )
}

fn backend() -> Backend {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 << 20);
    let second = Duration::from_secs(1);
    Backend::start(move |call| match call.request.target() {
        "/hang" => vec![Step::Body, Step::Hang],
        "/stop" => vec![Step::Body, raw(head), raw("half"), Step::Hang],
        "/drip" => vec![Step::Body, raw(head), Step::Drip(vec![b'x'; 1000], second)],
        "/large" => vec![Step::Body, raw(&large), Step::Repeat(vec![b'x'; 1 << 16], 1024)],
        "/tunnel" => vec![Step::Body, raw(websocket::agreement()), Step::Echo],
        "/honest" => {
            vec![
                Step::Body,
                raw("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"),
                Step::Drip(vec![b'x'; 20], second),
            ]
        }
        _ => vec![Step::Body, ok("ok")],
    })
}

#[test]
fn the_slow_are_cut_in_time() {
    let backend = backend();
    let gateway = Gateway::start(&config(&backend.authority()));
    let rig = Rig { web: gateway.web(), brief: gateway.address("brief"), backend };
    let results: Vec<Option<String>> = thread::scope(|scope| {
        let running: Vec<_> =
            DRILLS.iter().map(|drill| scope.spawn(|| measure(&rig, drill))).collect();
        running.into_iter().map(|drill| drill.join().expect("a drill ends well")).collect()
    });
    let failures: Vec<String> = results.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn measure(rig: &Rig, drill: &Drill) -> Option<String> {
    let began = Instant::now();
    let outcome = (drill.run)(rig);
    let took = began.elapsed().as_secs_f64();
    println!("{:<40} {took:5.1} s  (right: {:?})", drill.name, drill.window);
    let (least, most) = drill.window;
    match outcome {
        Err(why) => Some(format!("{}: {why} after {took:.1} s", drill.name)),
        Ok(()) if took < least || took > most + SLACK => {
            Some(format!("{}: {took:.1} s is not within {:?}", drill.name, drill.window))
        }
        Ok(()) => None,
    }
}

const LINE: &str = "GET / HTTP/1.1\r\nHost: test.example\r\n";
const PATIENCE: Duration = Duration::from_secs(75);

/// Sends a piece every second until the connection is answered or ends; then wants this status.
fn until_cut(
    mut client: Client,
    pieces: impl Iterator<Item = Vec<u8>>,
    status: u16,
) -> Result<(), String> {
    for piece in pieces.take(75) {
        client.send(piece);
        // The wait is the second between two pieces.
        if client.fill(Duration::from_secs(1)) != Brought::Nothing {
            return refused(client, status);
        }
    }
    Err("never cut".to_owned())
}

/// Waits for an answer with this status and the end of the connection.
fn refused(mut client: Client, status: u16) -> Result<(), String> {
    match client.answer("GET", PATIENCE) {
        Ok(answer) if answer.status() == status => {
            if status == 408 && !client.read_to_end(Duration::from_secs(3)) {
                return Err("answered but not closed".to_owned());
            }
            Ok(())
        }
        other => Err(format!("{other:?} instead of {status}")),
    }
}

fn says_nothing(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    if client.read_to_end(PATIENCE) { Ok(()) } else { Err("not cut".to_owned()) }
}

fn header_bytes(rig: &Rig) -> Result<(), String> {
    let bytes = format!("{LINE}A: {}", "b".repeat(100)).into_bytes();
    until_cut(Client::connect(rig.web), bytes.into_iter().map(|byte| vec![byte]), 408)
}

fn header_fields(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.send(LINE);
    until_cut(client, (0..).map(|n| format!("A{n}: b\r\n").into_bytes()), 408)
}

fn second_head(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.ask(format!("{LINE}\r\n")).map_err(|lost| format!("{lost:?}"))?;
    client.send(LINE);
    refused(client, 408)
}

/// A client that has agreed on settings: it sends no frame but those that the drill wants.
fn greeted(rig: &Rig) -> Http2 {
    let mut client = Http2::connect(rig.web);
    while client.read(Duration::from_millis(300)).is_some() {}
    client
}

/// The frame says that the whole head is in it; another stream is under way meanwhile.
fn http2_head_bytes(rig: &Rig) -> Result<(), String> {
    let mut client = greeted(rig);
    client.begin(END, &head_of("/honest"));
    let head = frame(HEADERS, END, 3, &head_of(&"/x".repeat(100)));
    client.send(&head[..10]);
    for byte in head[10..].chunks(1).take(75) {
        client.send(byte);
        // The wait is the second between two bytes.
        let _one = client.read(Duration::from_secs(1));
        if client.client.ended || client.seen.iter().any(|frame| frame.kind == GOAWAY) {
            return Ok(());
        }
    }
    Err("never cut".to_owned())
}

/// Each time the rest of one head and the begin of the next come together: a client that has much
/// to ask is not a slow one.
fn http2_heads_overlap(rig: &Rig, ahead: fn(usize) -> usize) -> Result<(), String> {
    let mut client = greeted(rig);
    let heads: Vec<Vec<u8>> =
        (0..150).map(|number| frame(HEADERS, END, 2 * number + 1, &head_of("/"))).collect();
    let bytes = heads.concat();
    let (step, ahead) = (heads[0].len(), ahead(heads[0].len()));
    client.send(&bytes[..ahead]);
    for piece in bytes[ahead..].chunks_exact(step) {
        client.send(piece);
        thread::sleep(Duration::from_millis(100));
        while client.read(Duration::from_millis(1)).is_some() {}
        if client.client.ended || client.seen.iter().any(|frame| frame.kind == GOAWAY) {
            return Err(format!("cut: {:?}", client.seen.last()));
        }
    }
    Ok(())
}

fn http2_body_bytes(rig: &Rig) -> Result<(), String> {
    let mut client = greeted(rig);
    let stream = client.begin(END_HEADERS, &block(&request("POST", "/")));
    for _ in 0..75 {
        client.send(&frame(DATA, 0, stream, b"x"));
        // The wait is the second between two bytes.
        match client.fate(stream, Duration::from_secs(1)) {
            Fate::Nothing => {}
            Fate::Answered(408, _) => return Ok(()),
            other => return Err(format!("{other:?} instead of 408")),
        }
    }
    Err("never cut".to_owned())
}

fn http2_says_nothing(rig: &Rig) -> Result<(), String> {
    let mut client = greeted(rig);
    client.goaway(PATIENCE).map(drop).ok_or_else(|| "not cut".to_owned())
}

const POST: &str = "POST / HTTP/1.1\r\nHost: test.example\r\n";

fn body_bytes(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.send(format!("{POST}Content-Length: 1000\r\n\r\n"));
    until_cut(client, std::iter::repeat(b"x".to_vec()), 408)
}

fn body_chunks(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.send(format!("{POST}Transfer-Encoding: chunked\r\n\r\n"));
    until_cut(client, std::iter::repeat(b"1\r\nx\r\n".to_vec()), 408)
}

fn body_stops(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.send(format!("{POST}Content-Length: 1000\r\n\r\nhalf"));
    refused(client, 408)
}

fn idle(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.ask(format!("{LINE}\r\n")).map_err(|lost| format!("{lost:?}"))?;
    if !client.read_to_end(PATIENCE) {
        return Err("not cut".to_owned());
    }
    if client.buffer.is_empty() { Ok(()) } else { Err(format!("unasked: {}", client.shown())) }
}

fn get(rig: &Rig, path: &str) -> Client {
    let mut client = Client::connect(rig.web);
    client.send(format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n"));
    client
}

fn service_hangs(rig: &Rig) -> Result<(), String> {
    refused(get(rig, "/hang"), 504)
}

/// Wants a message that is visibly cut.
fn cut(mut client: Client) -> Result<(), String> {
    match client.answer("GET", PATIENCE) {
        Err(Lost::Cut(Some(_), _)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn service_stops(rig: &Rig) -> Result<(), String> {
    cut(get(rig, "/stop"))
}

fn service_drips(rig: &Rig) -> Result<(), String> {
    cut(get(rig, "/drip"))
}

fn no_reading(rig: &Rig) -> Result<(), String> {
    let mark = rig.backend.mark();
    let client = Client::connect(rig.web);
    client.narrow();
    let mut client = client;
    client.send("GET /large HTTP/1.1\r\nHost: test.example\r\n\r\n");
    let gone = rig
        .backend
        .wait(PATIENCE, |all| all.iter().any(|one| one.holds("/large") && one.ended.is_some()));
    let count = rig.backend.since(&mark).len();
    if gone { Ok(()) } else { Err(format!("the service still sends ({count} connections)")) }
}

fn tunnel_idle(rig: &Rig) -> Result<(), String> {
    let mut client = websocket::open(rig.brief, "/tunnel");
    if client.read_to_end(PATIENCE) { Ok(()) } else { Err("not cut".to_owned()) }
}

/// 120 bytes a second are few, but enough.
fn honest_upload(rig: &Rig) -> Result<(), String> {
    let mut client = Client::connect(rig.web);
    client.send(format!("{POST}Content-Length: 2400\r\n\r\n"));
    for second in 0..20 {
        client.send(vec![b'x'; 120]);
        if second < 19 && client.fill(Duration::from_secs(1)) != Brought::Nothing {
            return Err(format!("cut: {}", client.shown()));
        }
    }
    let answer =
        client.answer("POST", Duration::from_secs(5)).map_err(|lost| format!("{lost:?}"))?;
    if answer.status() == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
}

/// A byte a second is slow, but the service is alive and nobody asked for a total time.
fn honest_answer(rig: &Rig) -> Result<(), String> {
    let answer = get(rig, "/honest").answer("GET", PATIENCE).map_err(|lost| format!("{lost:?}"))?;
    if answer.body.len() == 20 { Ok(()) } else { Err(format!("{answer:?}")) }
}

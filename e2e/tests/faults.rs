//! Services that die, clients that leave, and a gateway that is told to stop.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::gateway::{Launch, signal};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::plain::{QUIET, one_service};
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, ok, raw, websocket};

/// One service with these targets, and more lines for it.
fn config(targets: &[SocketAddr], more: &str) -> String {
    one_service(targets, "", &format!("{more}{QUIET}"))
}

/// A service that closes every connection on which nothing came for two milliseconds.
#[test]
fn keep_alive_race() {
    let backend =
        Backend::start(|_| vec![Step::Body, ok("ok"), Step::Idle(Duration::from_millis(2))]);
    let gateway = Gateway::start(&config(&[backend.address], ""));
    let plan = Plan { pause: Duration::from_millis(2), ..Plan::steady(gateway.web(), 16) };
    let load = Load::start(&plan);
    let enough = load.reach(20_000, Duration::from_secs(120));
    let report = load.stop();
    println!("{} GETs over {} service connections", report.done, backend.connections());
    assert!(enough && report.failed.is_empty(), "{report:?}");
    assert!(backend.connections() > 100, "the race did not take place");
}

#[test]
fn one_of_two_refuses() {
    let backend = Backend::answering("ok");
    let dead = free_address();
    let gateway = Gateway::start(&config(&[dead, backend.address], ""));
    for n in 0..200 {
        assert_eq!(get(gateway.web(), "/").status(), 200, "request {n}");
    }
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    for n in 0..50 {
        let answer = Client::connect(gateway.web()).ask(post).expect("an answer");
        assert_eq!(answer.status(), 200, "nothing was sent to the dead one: POST {n}");
    }
}

#[test]
fn all_refuse() {
    let gateway = Gateway::start(&config(&[free_address(), free_address()], ""));
    let began = Instant::now();
    for _ in 0..20 {
        let answer = get(gateway.web(), "/");
        assert!([502, 503].contains(&answer.status()), "{answer:?}");
        assert!(answer.text().contains("upstream_unreachable"), "{}", answer.text());
    }
    assert!(began.elapsed() < Duration::from_secs(2), "20 took {:?}", began.elapsed());
}

/// A service dies for a moment and comes back at the same address.
#[test]
fn service_comes_back() {
    let gateway;
    let address;
    {
        let backend = Backend::answering("ok");
        address = backend.address;
        gateway = Gateway::start(&config(&[address], ""));
        assert_eq!(get(gateway.web(), "/").status(), 200);
    }
    assert_eq!(get(gateway.web(), "/").status(), 502);
    let again = TcpListener::bind(address).expect("the same address");
    thread::spawn(move || {
        for mut stream in again.incoming().flatten() {
            let mut space = [0; 1024];
            let _request = std::io::Read::read(&mut stream, &mut space);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _sent = std::io::Write::write_all(&mut stream, answer);
        }
    });
    let deadline = Instant::now() + Duration::from_secs(5);
    while get(gateway.web(), "/").status() != 200 {
        assert!(Instant::now() < deadline, "the service is back, the gateway does not see it");
    }
}

/// A real server is frozen and thawed.
#[test]
fn frozen_service() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (server, address) = Server::script(Tool::Python, "server.py");
    let more = "    timeouts: { first_byte: 1s }";
    let gateway = Gateway::start(&config(&[address], more));
    assert_eq!(get(gateway.web(), "/hello").status(), 200);
    signal(server.pid(), "STOP");
    let began = Instant::now();
    let answer = get(gateway.web(), "/hello");
    let took = began.elapsed();
    signal(server.pid(), "CONT");
    assert_eq!(answer.status(), 504, "{answer:?}");
    assert!(answer.text().contains("upstream_timeout"), "{}", answer.text());
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(get(gateway.web(), "/hello").status(), 200);
}

#[test]
fn client_gone_ends_the_work() {
    let endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let backend = Backend::start(move |call| match call.request.target() {
        "/hang" => vec![Step::Body, Step::Hang],
        "/endless" => {
            vec![Step::Body, raw(endless), Step::Repeat(b"4\r\ndata\r\n".repeat(1000), 1_000_000)]
        }
        _ => vec![Step::Body, ok("ok")],
    });
    let gateway = Gateway::start(&config(&[backend.address], ""));
    let ended = |within: Duration, path: &'static str| {
        backend
            .wait(within, move |all| all.iter().all(|one| !one.holds(path) || one.ended.is_some()))
    };
    let clients: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = Client::connect(gateway.web());
            client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    assert!(backend.wait(SOON, |all| all.iter().filter(|one| !one.bytes.is_empty()).count() == 50));
    clients.into_iter().for_each(Client::abort);
    assert!(ended(Duration::from_secs(1), "/hang"), "the service works for nobody");

    let mut reader = Client::connect(gateway.web());
    reader.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    while reader.buffer.len() < 1 << 20 {
        reader.fill(SOON);
    }
    drop(reader);
    assert!(ended(Duration::from_secs(2), "/endless"), "the service sends to nobody");
    assert_eq!(get(gateway.web(), "/").status(), 200);
}

/// An upload that is cut must look cut to the service, however it is framed.
#[test]
fn client_gone_inside_its_body() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&[backend.address], ""));
    for framing in
        ["Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "Content-Length: 100\r\n\r\nhello"]
    {
        let mark = backend.mark();
        let mut client = Client::connect(gateway.web());
        client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\n{framing}"));
        assert!(backend.wait(SOON, |all| {
            all.last().is_some_and(|one| {
                one.bytes.ends_with(b"hello") || one.bytes.ends_with(b"hello\r\n")
            })
        }));
        client.abort();
        assert!(
            backend.wait(Duration::from_secs(2), |all| all.iter().all(|one| one.ended.is_some()))
        );
        let recorded = backend.since(&mark);
        let whole: usize = recorded.iter().map(|one| one.requests().0.len()).sum();
        assert_eq!(whole, 0, "{framing:?}: {recorded:?}");
    }
}

#[test]
fn drain_lets_requests_end() {
    let backend = Backend::start(|call| match call.request.target() {
        "/slow" => vec![Step::Body, Step::Wait(Duration::from_secs(2)), ok("done")],
        "/tunnel" => vec![Step::Body, raw(websocket::agreement()), Step::Echo],
        _ => vec![Step::Body, ok("ok")],
    });
    let gateway = Gateway::start(&config(&[backend.address], ""));
    let web = gateway.web();
    let mut idle = Client::connect(web);
    idle.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("an answer");
    let busy: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = Client::connect(web);
            client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    assert!(backend.wait(SOON, |all| all.iter().filter(|one| one.holds("/slow")).count() == 20));
    gateway.signal("TERM");
    assert!(idle.read_to_end(Duration::from_secs(2)), "an idle connection stays open");
    for mut client in busy {
        let answer = client.answer("GET", SOON).expect("a request in flight is answered");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "done"));
        assert!(answer.closes(), "the last answer says so: {answer:?}");
    }
    let status = gateway.exit(Duration::from_secs(3)).expect("the gateway ends when all is done");
    assert_eq!(status.code(), Some(0));
    assert!(TcpStream::connect(web).is_err());
}

#[test]
fn readiness_goes_first() {
    let backend =
        Backend::start(|_| vec![Step::Body, Step::Wait(Duration::from_secs(2)), ok("done")]);
    let gateway = Gateway::start(&config(&[backend.address], ""));
    assert_eq!(get(gateway.status(), "/readyz").status(), 200);
    assert_eq!(get(gateway.status(), "/livez").status(), 200);
    let mut busy = Client::connect(gateway.web());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(backend.wait(SOON, |all| !all.is_empty()));
    gateway.signal("TERM");
    let deadline = Instant::now() + Duration::from_secs(1);
    while get(gateway.status(), "/readyz").status() == 200 {
        assert!(Instant::now() < deadline, "still ready while it drains");
    }
    assert_eq!(get(gateway.status(), "/livez").status(), 200, "alive until the end");
    assert_eq!(busy.answer("GET", SOON).expect("an answer").text(), "done");
}

#[test]
fn drain_has_a_deadline() {
    let backend = Backend::start(|_| vec![Step::Body, Step::Hang]);
    let gateway = Gateway::start(&format!("{}\ndrain: 1s\n", config(&[backend.address], "")));
    let mut busy = Client::connect(gateway.web());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(backend.wait(SOON, |all| all.iter().any(|one| !one.bytes.is_empty())));
    let began = Instant::now();
    gateway.signal("TERM");
    let status = gateway.exit(Duration::from_secs(4)).expect("the deadline holds");
    assert!(began.elapsed() > Duration::from_millis(800), "{:?}", began.elapsed());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn second_sigterm_stops_at_once() {
    let backend = Backend::start(|_| vec![Step::Body, Step::Hang]);
    let gateway = Gateway::start(&config(&[backend.address], ""));
    let mut busy = Client::connect(gateway.web());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(backend.wait(SOON, |all| all.iter().any(|one| !one.bytes.is_empty())));
    gateway.signal("TERM");
    assert!(gateway.exit(Duration::from_millis(500)).is_none(), "the first waits");
    gateway.signal("TERM");
    assert!(gateway.exit(Duration::from_secs(1)).is_some(), "the second does not");
}

#[test]
fn out_of_files() {
    let backend = Backend::answering("ok");
    let how = Launch { open_files: Some(96), ..Launch::default() };
    let gateway = Gateway::launch(&config(&[backend.address], ""), how).expect("it starts");
    let web = gateway.web();
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut early = Client::connect(web);
    early.ask(request).expect("an answer");
    let crowd: Vec<TcpStream> = (0..200).filter_map(|_| TcpStream::connect(web).ok()).collect();
    let before = gateway.cpu();
    let began = Instant::now();
    let mut served = 0;
    let mut last = None;
    while began.elapsed() < Duration::from_secs(2) {
        let outcome = early.ask(request);
        served += usize::from(outcome.as_ref().is_ok_and(|answer| answer.status() == 200));
        last = Some(outcome);
        // A measured pace: the CPU time below must be the listener's, not the load's.
        thread::sleep(Duration::from_millis(20));
    }
    let spent = gateway.cpu() - before;
    assert!(served > 20, "a connection that was there first is served on: {served}, {last:?}");
    assert!(spent < Duration::from_millis(600), "the listener spins: {spent:?} in two seconds");
    drop(crowd);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut client = Client::connect(web);
        if client.ask(request).is_ok_and(|answer| answer.status() == 200) {
            break;
        }
        assert!(Instant::now() < deadline, "no recovery");
    }
}

/// A client that does not read holds back the service, not the gateway's memory.
#[test]
fn slow_reader_costs_no_memory() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 256 << 20);
    let backend = Backend::start(move |_| {
        vec![Step::Body, raw(&head), Step::Repeat(vec![b'x'; 1 << 20], 256)]
    });
    let gateway = Gateway::start(&config(&[backend.address], ""));
    let before = gateway.memory();
    let readers: Vec<Client> = (0..8)
        .map(|_| {
            let client = Client::connect(gateway.web());
            client.narrow();
            let mut client = client;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    // Nothing tells when a sender is held back; two seconds would move gigabytes.
    thread::sleep(Duration::from_secs(2));
    let grown = gateway.memory().saturating_sub(before);
    println!("8 readers that do not read: {grown} KiB");
    assert!(grown < 16 << 10, "{grown} KiB");
    drop(readers);
}

/// What came of an answer before its service broke off is the client's, however much of it came
/// with the head and however the rest is carried; then the connection ends.
#[test]
fn what_came_before_the_end_is_delivered() {
    const ANNOUNCED: usize = 200_000;
    let backend = Backend::start(|call| {
        let sent = call.request.target().trim_start_matches('/').parse().expect("a number");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {ANNOUNCED}\r\n\r\n");
        vec![raw([head.into_bytes(), vec![b'x'; sent]].concat()), Step::Close]
    });
    let gateway = Gateway::start(&config(&[backend.address], ""));
    for sent in [1, 1000, 8000, 8192, 20_000, 150_000, ANNOUNCED - 1] {
        let mut client = Client::connect(gateway.web());
        client.send(format!("GET /{sent} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.read_to_end(SOON), "{sent}: the connection does not end");
        assert!(client.buffer.starts_with(b"HTTP/1.1 200 OK"), "{sent}: {:.60}", client.shown());
        let came = client.buffer.iter().filter(|byte| **byte == b'x').count();
        assert_eq!(came, sent, "of {ANNOUNCED}");
    }
}

/// An answer that comes before the upload has ended reaches the client.
#[test]
fn early_answer() {
    let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    let backend = Backend::start(move |_| {
        vec![raw(refusal), Step::Wait(Duration::from_millis(500)), Step::Close]
    });
    let gateway = Gateway::start(&config(&[backend.address], ""));
    for size in [1 << 10, 64 << 10, 8 << 20, 64 << 20] {
        let mut client = Client::connect(gateway.web());
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        let sender = client.send_aside([head.into_bytes(), vec![b'x'; size]].concat());
        let answer = client.answer("POST", SOON).unwrap_or_else(|lost| panic!("{size}: {lost:?}"));
        assert_eq!((answer.status(), answer.text().as_str()), (403, "no"), "{size} bytes");
        drop(client);
        let _sent = sender.join();
    }
}

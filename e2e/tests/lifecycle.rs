//! How a gateway begins and ends: drain in its order, and nothing that was begun is lost.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::plain::{QUIET, one_service};
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, ok, raw, websocket};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// One service, and more lines for the whole.
fn config(backend: &Backend, more: &str) -> String {
    one_service(&[backend.address], "", &format!("{QUIET}\n{more}"))
}

/// Waits until the gateway says that it is not ready any more.
fn not_ready(gateway: &Gateway) {
    let deadline = Instant::now() + SOON;
    while get(gateway.status(), "/readyz").status() == 200 {
        assert!(Instant::now() < deadline, "still ready");
    }
}

#[test]
fn load_balancers_are_told_before_connections_are_turned_away() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, "drain_delay: 1500ms"));
    let web = gateway.web();
    let mut kept = Client::connect(web);
    assert!(!kept.ask(GET).expect("an answer").closes());
    let began = Instant::now();
    gateway.signal("TERM");
    not_ready(&gateway);
    let mut fresh = Client::connect(web);
    for (name, client) in [("kept", &mut kept), ("fresh", &mut fresh)] {
        let answer = client.ask(GET).expect("it still serves");
        assert_eq!(answer.text(), "ok", "{name}");
        assert!(answer.closes(), "{name}: {answer:?}");
    }
    assert!(began.elapsed() < Duration::from_millis(1500), "too slow to tell anything");
    while TcpStream::connect(web).is_ok() {
        assert!(began.elapsed() < SOON, "it still accepts");
    }
    assert!(began.elapsed() > Duration::from_millis(1400), "{:?}", began.elapsed());
    let status = gateway.exit(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0));
}

/// To the gateway a connection whose next request is on its way looks like an idle one.
#[test]
fn a_request_that_crosses_the_stop_signal_is_answered() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, ""));
    let web = gateway.web();
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(web)).collect();
    let (asked, new) = clients.split_at_mut(10);
    for client in &mut *asked {
        client.ask(GET).expect("an answer");
    }
    gateway.signal("TERM");
    not_ready(&gateway);
    // Listeners close right behind the readiness.
    while TcpStream::connect(web).is_ok() {}
    // Longer than the way of any request.
    std::thread::sleep(Duration::from_millis(200));
    for (number, client) in asked.iter_mut().chain(new).enumerate() {
        let answer = client.ask(GET).unwrap_or_else(|lost| panic!("connection {number}: {lost:?}"));
        assert!(answer.closes(), "connection {number}: {answer:?}");
    }
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
}

/// Who has connected before the listener closed is served, accepted or not.
#[test]
fn the_backlog_is_served() {
    let backend = Backend::start(|_| vec![Step::Body, ok("ok")]);
    for round in 0..8 {
        let gateway = Gateway::start(&config(&backend, ""));
        gateway.signal("STOP");
        let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(gateway.web())).collect();
        clients.iter_mut().for_each(|client| assert!(client.send(GET)));
        gateway.signal("TERM");
        gateway.signal("CONT");
        for client in &mut clients {
            let answer = client.answer("GET", SOON).unwrap_or_else(|lost| {
                panic!("round {round}: a connection of the backlog is lost: {lost:?}")
            });
            assert_eq!(answer.text(), "ok");
        }
        assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    }
}

/// A WebSocket is told, at both ends, and never inside a frame.
#[test]
fn websockets_are_told_when_the_drain_is_over() {
    let backend = Backend::start(|_| vec![Step::Body, raw(websocket::agreement()), Step::Echo]);
    let gateway = Gateway::start(&config(&backend, "drain: 1s"));
    let mut idle = websocket::open(gateway.web(), "/idle");
    assert!(websocket::echoed(&mut idle, "hello", SOON));
    // This one is told in the middle of a frame, and ends it.
    let mut busy = websocket::open(gateway.web(), "/busy");
    let frame = websocket::frame(&"x".repeat(1000));
    let (first, second) = frame.split_at(500);
    busy.send(first);
    assert!(backend.wait(SOON, |all| {
        all.iter().any(|one| one.holds("/busy") && one.bytes.ends_with(first))
    }));
    gateway.signal("TERM");
    let goodbye = [0x88, 2, 0x03, 0xe9];
    let to_service = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];
    let deadline = Instant::now() + SOON;
    while idle.buffer.len() < goodbye.len() {
        assert!(Instant::now() < deadline && !idle.ended, "{}", idle.shown());
        idle.fill(Duration::from_millis(100));
    }
    assert_eq!(idle.buffer[..goodbye.len()], goodbye, "{}", idle.shown());
    idle.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
    assert!(!busy.buffer.starts_with(&goodbye), "in the middle of a frame");
    busy.send(second);
    assert!(busy.read_to_end(SOON) && idle.read_to_end(SOON), "not closed");
    assert!(busy.buffer.starts_with(&frame), "the frame is whole: {}", busy.shown());
    assert!(busy.buffer[frame.len()..].starts_with(&goodbye), "{}", busy.shown());
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    for (target, before) in [("/idle", websocket::frame("hello")), ("/busy", frame.clone())] {
        let expect = [before.as_slice(), &to_service].concat();
        let told = |one: &yumen_e2e::backend::Recorded| {
            one.holds(target) && one.bytes.windows(expect.len()).any(|bytes| bytes == expect)
        };
        assert!(
            backend.wait(SOON, |all| all.iter().any(told)),
            "{target}: the service is not told"
        );
    }
}

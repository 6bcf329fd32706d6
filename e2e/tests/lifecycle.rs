//! How a gateway begins and ends: drain in its order, and nothing that was begun is lost.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, ok};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn config(backend: &Backend, more: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
{more}
",
        backend.address
    )
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

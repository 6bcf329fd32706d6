//! TCP to one service: bytes, ends, failures, limits, reloads, drain, and what is written down.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::{Gateway, SOON, get};

use crate::{ONE, config, connect, echo, ends, nobody, read, service};

#[test]
fn bytes_pass_both_ways() {
    let gateway = Gateway::start(&config(ONE, &[("one", &[echo("hi")])], ""));
    let mut client = connect(gateway.web());
    assert_eq!(read(&mut client, 2), b"hi", "the service may speak first");
    let large: Vec<u8> = (0..8 << 20).map(|index: u32| (index % 251) as u8).collect();
    let mut writer = client.try_clone().expect("a second handle");
    let sent = large.clone();
    let writing = thread::spawn(move || writer.write_all(&sent).expect("it takes them"));
    assert!(read(&mut client, large.len()) == large, "all came back as it was");
    writing.join().expect("no failure");
    client.shutdown(Shutdown::Write).expect("a half close");
    assert!(ends(&mut client, SOON));
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line");
    for part in [
        "\"listener\":\"web\"",
        "\"route\":\"one\"",
        "\"service\":\"one\"",
        "\"protocol\":\"TCP\"",
        "\"status\":0",
        "\"source\":\"upstream\"",
        "\"attempts\":1",
        "\"total_ms\":",
        "\"upstream_ms\":",
        "\"received_body_bytes\":8388608",
        "\"sent_body_bytes\":8388610",
        "\"tunnelled\":true",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for part in ["aborted_by", "failure", "cause", "method", "path", "host"] {
        assert!(!line.contains(&format!("\"{part}\":")), "{part}: {line}");
    }
    let page = get(gateway.status(), "/metrics").text();
    let counted = |line: &str| {
        line.starts_with("yumen_http_requests_total")
            && line.contains("route=\"one\"")
            && line.contains("service=\"one\"")
            && line.ends_with(" 1")
    };
    assert!(page.lines().any(counted), "{page}");
}

/// Waits for so many lines of the log.
fn lines(gateway: &Gateway, count: usize) {
    let deadline = Instant::now() + SOON;
    while gateway.stdout.count() < count {
        assert!(Instant::now() < deadline, "{} lines", gateway.stdout.count());
        thread::sleep(Duration::from_millis(10));
    }
}

/// A side that has said all it had to say still hears the other.
#[test]
fn a_half_close_is_kept() {
    let counts = service(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("all of it");
        // Long enough for the gateway to have forgotten a client that it took for gone.
        thread::sleep(Duration::from_millis(300));
        stream.write_all(format!("{} bytes", all.len()).as_bytes()).expect("an answer");
    });
    let gateway = Gateway::start(&config(ONE, &[("one", &[counts])], ""));
    let mut client = connect(gateway.web());
    client.write_all(&vec![b'x'; 1 << 20]).expect("it takes them");
    client.shutdown(Shutdown::Write).expect("a half close");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer, "1048576 bytes");
}

#[test]
fn another_target_is_tried() {
    let targets = [nobody(), echo("a"), nobody()];
    let gateway = Gateway::start(&config(ONE, &[("one", &targets)], ""));
    for _ in 0..30 {
        let mut client = connect(gateway.web());
        client.write_all(b"x").expect("it takes it");
        assert_eq!(read(&mut client, 2), b"ax", "no connection is lost");
    }
    let seen = |line: &str| line.contains("\"attempts\":2") || line.contains("\"attempts\":3");
    let line = gateway.stdout.wait(0, SOON, seen).expect("one that was tried again");
    assert!(line.contains("\"what\":\"connect\""), "{line}");
    // Those who refuse are left alone for a while.
    lines(&gateway, 30);
    let before = gateway.stdout.count();
    for _ in 0..10 {
        let mut client = connect(gateway.web());
        assert_eq!(read(&mut client, 1), b"a");
    }
    lines(&gateway, before + 10);
    let again = gateway.stdout.all()[before..].iter().filter(|line| seen(line)).count();
    assert!(again <= 2, "{again} of 10 met one that is ejected");
}

#[test]
fn a_service_that_cannot_be_reached_ends_the_connection() {
    let gateway = Gateway::start(&config(ONE, &[("one", &[nobody(), nobody()])], ""));
    let mut client = connect(gateway.web());
    assert!(ends(&mut client, SOON));
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line");
    assert!(line.contains("\"failure\":\"upstream_unreachable\""), "{line}");
    assert!(line.contains("\"source\":\"gateway\"") && !line.contains("tunnelled"), "{line}");
}

#[test]
fn silence_and_age_end_it() {
    let one = echo("hi");
    for (setting, cause) in
        [("tunnel_idle", "silent for too long"), ("tunnel_lifetime", "lifetime was over")]
    {
        let listener = format!("{ONE}, timeouts: {{ {setting}: 1s }}");
        let gateway = Gateway::start(&config(&listener, &[("one", &[one])], ""));
        let mut client = connect(gateway.web());
        assert_eq!(read(&mut client, 2), b"hi");
        assert!(ends(&mut client, SOON), "{setting}: nothing is said to what may speak anything");
        let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line");
        assert!(line.contains(cause), "{line}");
    }
}

#[test]
fn who_breaks_off_is_written_down() {
    let dies = service(|mut stream| {
        let _asked = stream.read(&mut [0; 1]);
        let _late = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let gateway = Gateway::start(&config(ONE, &[("one", &[dies])], ""));
    let mut client = connect(gateway.web());
    client.write_all(b"x").expect("it takes it");
    assert!(ends(&mut client, SOON));
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line");
    assert!(line.contains("\"aborted_by\":\"upstream\""), "{line}");
    let gateway = Gateway::start(&config(ONE, &[("one", &[echo("hi")])], ""));
    let mut client = connect(gateway.web());
    assert_eq!(read(&mut client, 2), b"hi");
    let _late = socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
    drop(client);
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line");
    assert!(line.contains("\"aborted_by\":\"client\""), "{line}");
}

#[test]
fn a_slow_reader_costs_no_memory() {
    let floods = service(|mut stream| {
        let _gone = stream.set_write_timeout(Some(SOON));
        while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
    });
    let gateway = Gateway::start(&config(ONE, &[("one", &[floods])], ""));
    drop(connect(gateway.web()));
    let before = gateway.memory();
    let mut clients: Vec<_> = (0..40).map(|_| connect(gateway.web())).collect();
    clients.iter_mut().for_each(|client| assert_eq!(read(client, 1000).len(), 1000));
    // Time enough for whoever would read on.
    thread::sleep(Duration::from_secs(1));
    let grown = gateway.memory().saturating_sub(before);
    println!("40 connections that nobody reads: {grown} KiB");
    assert!(grown < 24 << 10, "{grown} KiB");
}

#[test]
fn reloads_do_not_end_it() {
    let (one, two) = (echo("a"), echo("b"));
    let gateway = Gateway::start(&config(ONE, &[("one", &[one])], ""));
    let mut old = connect(gateway.web());
    assert_eq!(read(&mut old, 1), b"a");
    gateway.reload_at_once(&config(ONE, &[("one", &[two])], "")).expect("a good one");
    old.write_all(b"still here").expect("it takes it");
    assert_eq!(read(&mut old, 10), b"still here");
    // Workers take the plan up as something comes.
    let deadline = Instant::now() + SOON;
    while read(&mut connect(gateway.web()), 1) != b"b" {
        assert!(Instant::now() < deadline, "new connections go to the new target");
    }
    // The listener may even become one for requests.
    let requests = config("", &[("one", &[two])], "").replace("tcp://", "http://")
        + "    routes: [{ name: fixed, match: { paths: [/] } }]\n";
    gateway.reload_at_once(&requests).expect("a good one");
    old.write_all(b"and still").expect("it takes it");
    assert_eq!(read(&mut old, 9), b"and still");
    let answer = get(gateway.web(), "/none");
    assert_eq!(answer.status(), 404);
}

#[test]
fn a_drain_lets_it_end_and_then_ends_it() {
    let more = "drain: 2s";
    let yaml = config(ONE, &[("one", &[echo("hi")])], "") + more;
    let gateway = Gateway::start(&yaml);
    let (mut busy, mut brief) = (connect(gateway.web()), connect(gateway.web()));
    assert_eq!(read(&mut busy, 2), b"hi");
    assert_eq!(read(&mut brief, 2), b"hi");
    gateway.signal("TERM");
    brief.write_all(b"go on").expect("it takes it");
    assert_eq!(read(&mut brief, 5), b"go on", "while the drain lasts, it goes on");
    drop(brief);
    assert!(ends(&mut busy, SOON), "then it ends");
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("the drain was over"));
    assert!(line.is_some(), "{:?}", gateway.stdout.all());
}

#[test]
fn limits_and_the_proxy_protocol_hold() {
    let listener = format!(
        "{ONE}, limits: {{ connections_per_client: 2 }}, proxy_protocol: {{ from: [127.0.0.0/8] }}"
    );
    let gateway = Gateway::start(&config(&listener, &[("one", &[echo("hi")])], ""));
    let open = || {
        let mut client = connect(gateway.web());
        client.write_all(b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\nhello").expect("taken");
        client
    };
    let (mut one, mut two) = (open(), open());
    assert_eq!(read(&mut one, 7), b"hihello");
    assert_eq!(read(&mut two, 7), b"hihello");
    assert!(ends(&mut open(), SOON), "a third is turned away");
    drop(one);
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("hi") || !line.is_empty());
    let line = line.expect("a line");
    assert!(line.contains("\"client\":\"203.0.113.9\",\"client_port\":4711"), "{line}");
    assert!(line.contains("\"received_body_bytes\":5"), "{line}");
}

//! The access log of a running gateway, live.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use yumen_e2e::client::get;
use yumen_e2e::gateway::{Lines, binary, yumen};
use yumen_e2e::{Backend, Client, Gateway, SOON};

/// Which answers are shown: also by what they say themselves.
const WHERE: &str = "response.status == 404 && request.path != '/not' && \
                     response.headers['content-type'].startsWith('application/')";

fn config(backend: &Backend) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off, redact: {{ query: [iban] }} }}
services:
  - {{ name: backend, url: 'http://{}', routes: [{{ name: all, match: {{ paths: ['/x/*'] }} }}] }}
",
        backend.authority()
    )
}

#[test]
fn lines_come_as_they_are_made_until_the_drain() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let mut tail = Command::new(binary())
        .args(["tail", "--json", "--where", WHERE])
        .args(["--status", &gateway.status().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = Lines::of(tail.stdout.take().expect("a pipe"));
    let said = Lines::of(tail.stderr.take().expect("a pipe"));
    // Until it listens.
    let deadline = Instant::now() + SOON;
    while lines.wait(0, Duration::from_millis(20), |_| true).is_none() {
        assert!(Instant::now() < deadline, "it listens: {:?}", said.all());
        get(gateway.web(), "/first");
    }
    get(gateway.web(), "/x/good");
    get(gateway.web(), "/not");
    let mut kept = Client::connect(gateway.web());
    let last = kept
        .ask("GET /last?token=canary&iban=canary HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .expect("an answer");
    assert_eq!(last.status(), 404);
    let line = lines.wait(0, SOON, |line| line.contains("/last")).expect("a line at once");
    let line: Value = serde_json::from_str(&line).expect("a line in JSON");
    assert_eq!((&line["status"], &line["failure"]), (&404.into(), &"no_route".into()));
    assert!(line["time"].as_str().is_some_and(|time| time.starts_with("20")), "{line}");
    assert_eq!(line["query"], "token=***&iban=***", "secrets also while the log is off");
    let all = lines.all().join("\n");
    assert!(!all.contains("good") && !all.contains("/not") && !all.contains("canary"), "{all}");
    gateway.signal("TERM");
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    said.wait(0, SOON, |line| line.contains("has stopped")).expect("the end is told");
    assert!(tail.wait().expect("it ends").success());
}

/// The stream is a whole message of HTTP: it ends with its last chunk.
#[test]
fn the_stream_ends_cleanly() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let mut client = Client::connect(gateway.status());
    assert!(client.send("GET /tail HTTP/1.1\r\nHost: status\r\n\r\n"));
    let deadline = Instant::now() + SOON;
    while !client.shown().contains("/x/1") {
        assert!(Instant::now() < deadline, "{}", client.shown());
        get(gateway.web(), "/x/1");
        client.fill(Duration::from_millis(20));
    }
    gateway.signal("TERM");
    let answer = client.answer("GET", SOON).expect("a whole answer");
    assert!(
        answer
            .text()
            .lines()
            .filter(|line| !line.is_empty())
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
}

#[test]
fn whoever_asks_wrongly_or_too_often_is_told() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let status = gateway.status().to_string();
    let (code, _, problem) = yumen(&["tail", "--status", &status, "--where", "respons.status > 1"]);
    assert!(code == 1 && problem.contains("there is no name"), "{problem}");
    assert_eq!(get(gateway.status(), "/tail?wher=1").status(), 400);
    let open = |_| {
        let mut client = Client::connect(gateway.status());
        assert!(client.send("GET /tail HTTP/1.1\r\nHost: status\r\n\r\n"));
        let deadline = Instant::now() + SOON;
        while !client.shown().contains("200 OK") {
            assert!(Instant::now() < deadline, "{}", client.shown());
            client.fill(Duration::from_millis(20));
        }
        client
    };
    let listening: Vec<Client> = (0..8).map(open).collect();
    let refused = get(gateway.status(), "/tail");
    assert!(refused.status() == 503 && refused.text().contains("which is the most"));
    drop(listening);
    // Those that went away make room.
    let deadline = Instant::now() + SOON;
    loop {
        let mut client = Client::connect(gateway.status());
        assert!(client.send("GET /tail HTTP/1.1\r\nHost: status\r\n\r\n"));
        client.fill(Duration::from_secs(1));
        if client.shown().contains("200 OK") {
            break;
        }
        assert!(Instant::now() < deadline, "{}", client.shown());
    }
}

/// One that reads nothing costs no request a wait, and the gateway no memory.
#[test]
fn a_slow_reader_loses_lines() {
    const REQUESTS: usize = 60_000;
    const BATCH: usize = 500;
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let mut slow = Client::connect(gateway.status());
    assert!(slow.send("GET /tail HTTP/1.1\r\nHost: status\r\n\r\n"));
    let deadline = Instant::now() + SOON;
    while !slow.shown().contains("200 OK") {
        assert!(Instant::now() < deadline, "{}", slow.shown());
        slow.fill(Duration::from_millis(20));
    }
    let mut before = 0;
    let path = "/y".repeat(400);
    let batch = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n").repeat(BATCH);
    for round in 0..REQUESTS / BATCH {
        // By then everything is as full as it gets.
        if round == REQUESTS / BATCH / 2 {
            before = gateway.memory();
        }
        let mut client = Client::connect(gateway.web());
        let sender = client.send_aside(batch.clone().into_bytes());
        for _ in 0..BATCH {
            assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 404);
        }
        assert!(sender.join().expect("it is sent"));
    }
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 6 << 10, "lines pile up: {grown} KiB");
    gateway.signal("TERM");
    let answer = slow.answer("GET", SOON).expect("a whole answer");
    let text = answer.text();
    let mut lost = 0;
    let mut came = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_str(line).expect("whole lines");
        match line["lost"].as_u64() {
            Some(count) => lost += count,
            None => came += 1,
        }
    }
    assert!(lost > 0, "all {came} came");
    assert_eq!(came + lost, REQUESTS as u64);
}

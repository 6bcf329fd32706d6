//! What an operator sees of the traffic: access log lines, metrics, and no harm from a log that
//! nobody reads.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use yumen_e2e::client::get;
use yumen_e2e::gateway::{Launch, fresh_folder};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, raw};

fn config(backend: &Backend, more: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/x/*', /] }} }}]
{more}
",
        backend.authority()
    )
}

#[test]
fn one_line_for_each_exchange() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, ""));
    let mut client = Client::connect(gateway.web());
    let odd = "GET /x/1?a=%0d%0ab HTTP/1.1\r\nHost: test.example\r\n\
               User-Agent: \"quoted\" \\ {\"status\":999} caf\u{e9}\r\n\r\n";
    let served = client.ask(odd).expect("an answer");
    let lost = client.ask("GET /none HTTP/1.1\r\nHost: test.example\r\n\r\n").expect("an answer");
    let bad = client.ask("GET /x/..;/ HTTP/1.1\r\nHost: test.example\r\n\r\n").expect("an answer");
    let statuses = [served.status(), lost.status(), bad.status()];
    assert_eq!(statuses, [200, 404, 400]);
    let mut lines = Vec::new();
    for (number, status) in statuses.into_iter().enumerate() {
        gateway.stdout.wait(number, SOON, |_| true).expect("a line in time");
        let text = gateway.stdout.all()[number].clone();
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        assert_eq!(line["status"], status, "{text}");
        lines.push((text, line));
    }
    assert!(lines[0].0.contains("/x/1") && lines[0].0.contains("backend"), "{}", lines[0].0);
    let told: Value = serde_json::from_str(&lost.text()).expect("an error in JSON");
    let id = told["request_id"].as_str().expect("a request id");
    assert!(lines[1].0.contains(id) && lines[1].0.contains("no_route"), "{}", lines[1].0);
    assert!(lines[2].0.contains("bad_request"), "{}", lines[2].0);
}

#[test]
fn only_what_is_asked_for_is_written() {
    let backend = Backend::answering("ok");
    let log = "access_log: { when: 'request.path != \"/x/quiet\"', sample: 0, always: 'response.status >= 400' }";
    let gateway = Gateway::start(&config(&backend, log));
    for path in ["/x/1", "/x/quiet", "/none"] {
        get(gateway.web(), path);
    }
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line in time");
    assert!(line.contains("\"path\":\"/none\""), "{line}");
    let refused = gateway.reload(&config(&backend, "access_log: { when: respons.status > 1 }"));
    let told = refused.expect_err("it is refused");
    assert!(told.contains("access_log.when") && told.contains("there is no name"), "{told}");
    // Written from now on; nothing that was left out comes later.
    gateway
        .reload(&config(&backend, "access_log: { when: 'route == \"all\"' }"))
        .expect("it is live");
    get(gateway.web(), "/x/quiet");
    let line = gateway.stdout.wait(1, SOON, |_| true).expect("a line in time");
    assert!(line.contains("\"path\":\"/x/quiet\""), "{line}");
}

#[test]
fn combined_lines_cannot_be_broken() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, "access_log: { format: combined }"));
    let mut client = Client::connect(gateway.web());
    let agent = format!("x\" 200 1 \"-\" \"{}", "y".repeat(7000));
    let request = format!("GET /x/1 HTTP/1.1\r\nHost: test.example\r\nUser-Agent: {agent}\r\n\r\n");
    client.ask(request).expect("an answer");
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line in time");
    assert!(line.starts_with("127.0.0.1 - - [") && line.contains("\"GET /x/1 HTTP/1.1\" 200"));
    assert_eq!(line.matches('"').count(), 6, "{line}");
    assert!(line.len() < 4096, "fields are capped: {}", line.len());
}

/// Header fields of both sides are written if they are asked for, and secrets in no case.
#[test]
fn fields_are_written_and_secrets_are_not() {
    const CANARY: &str = "canary-7f3a";
    let backend = Backend::answering("ok");
    let set = format!(
        "policies: [{{ kind: headers, config: {{ response: {{ set: {{ X-Left: '2', Set-Cookie: 'a={CANARY}' }} }} }} }}]"
    );
    let template = "access_log: { format: { template: '%{request.headers[\"x-plan\"]} \
                    %{request.headers[\"authorization\"]} %{request.query} \
                    %{response.headers[\"x-left\"]} \"%{request.user_agent}\"' } }";
    let json = "access_log: { headers: { request: [X-Plan, Authorization, Cookie, X-Own], \
                response: [X-Left, Set-Cookie] }, redact: { headers: [x-own], query: [own] } }";
    let gateway = Gateway::start(&config(&backend, &format!("{set}\n{json}")));
    let mut client = Client::connect(gateway.web());
    let request = format!(
        "GET /x/1?token={CANARY}&own={CANARY} HTTP/1.1\r\nHost: test.example\r\nX-Plan: gold\r\n\
         Authorization: Bearer {CANARY}\r\nCookie: a={CANARY}\r\nX-Own: {CANARY}\r\n\
         User-Agent: x\" gold *** \"\r\nReferer: https://a.example/?code={CANARY}\r\n\r\n"
    );
    client.ask(&*request).expect("an answer");
    let line = gateway.stdout.wait(0, SOON, |_| true).expect("a line in time");
    let told: Value = serde_json::from_str(&line).expect("JSON");
    let hidden = "***";
    assert_eq!(
        told["request_headers"],
        serde_json::json!({ "x-plan": "gold", "authorization": hidden, "cookie": hidden, "x-own": hidden })
    );
    assert_eq!(
        told["response_headers"],
        serde_json::json!({ "x-left": "2", "set-cookie": hidden })
    );
    assert_eq!(told["query"], "token=***&own=***");

    gateway.reload(&config(&backend, &format!("{set}\n{template}"))).expect("it is live");
    let request = request.replace(&format!("&own={CANARY}"), "");
    client.ask(&*request).expect("an answer");
    let line = gateway.stdout.wait(1, SOON, |_| true).expect("a line in time");
    assert_eq!(line, r#"gold *** token=*** 2 "x\" gold *** \"""#);
    let all = gateway.stdout.all().join("\n") + &gateway.stderr.all().join("\n");
    assert!(!all.contains(CANARY), "{all}");

    let broken = template.replace("x-plan\"]", "x-plan\"] + 1");
    let told = gateway.reload(&config(&backend, &broken)).expect_err("it is refused");
    assert!(told.contains("access_log.format.template"), "{told}");
}

#[test]
fn metrics_count_what_happened() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, "access_log: { to: off }"));
    for n in 0..50 {
        get(gateway.web(), &format!("/x/{n}"));
    }
    get(gateway.web(), "/none");
    let page = get(gateway.status(), "/metrics");
    assert_eq!(page.status(), 200);
    let text = page.text();
    let sample = |line: &&str| {
        line.contains("requests_total") && line.contains("route=\"all\"") && line.ends_with(" 50")
    };
    assert!(text.lines().any(|line| sample(&line)), "{text}");
    assert!(!text.contains("/x/"), "no label comes from a client");
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let value = line.rsplit(' ').next().unwrap_or_default();
        assert!(value.parse::<f64>().is_ok(), "not a sample: {line}");
    }
}

/// Files move aside when they are full, and one that was removed is begun anew.
#[test]
fn a_file_is_rotated() {
    let backend = Backend::answering("ok");
    let folder = fresh_folder("rotated");
    let path = folder.join("access.log");
    let log = format!(
        "access_log: {{ to: {{ file: '{}' }}, rotate: {{ bytes: 64KiB, keep: 2 }} }}",
        path.display()
    );
    let gateway = Gateway::start(&config(&backend, &log));
    let moved = |number: u32| folder.join(format!("access.log.{number}"));
    let load = Load::start(&Plan::steady(gateway.web(), 4));
    let began = Instant::now();
    while !moved(2).exists() && began.elapsed() < SOON {
        load.reach(load.done() + 100, SOON);
    }
    // It may be between being moved and being made anew.
    while fs::remove_file(&path).is_err() {
        assert!(began.elapsed() < 2 * SOON, "there is no file");
    }
    while !path.exists() && began.elapsed() < 3 * SOON {
        load.reach(load.done() + 100, SOON);
    }
    let report = load.stop();
    assert!(report.failed.is_empty(), "{report:?}");
    let is_whole = || path.exists() && moved(1).exists() && moved(2).exists();
    while !is_whole() {
        assert!(began.elapsed() < 4 * SOON, "a file is missing");
        std::thread::yield_now();
    }
    assert!(!moved(3).exists());
    let text = fs::read_to_string(moved(2)).expect("it is there");
    assert!(text.len() <= 64 << 10 && text.lines().all(|line| line.ends_with('}')));
    fs::remove_dir_all(folder).expect("it is removed");
}

/// Behind a pipe that nobody reads, lines are lost and requests are not.
#[test]
fn a_log_that_nobody_reads() {
    let backend = Backend::answering("ok");
    let how = Launch { unread: true, ..Launch::default() };
    let gateway = Gateway::launch(&config(&backend, ""), how).expect("it starts");
    let load = Load::start(&Plan::steady(gateway.web(), 8));
    // By then every queue is full.
    let full = load.reach(20_000, Duration::from_secs(60));
    let before = gateway.memory();
    let enough = full && load.reach(60_000, Duration::from_secs(60));
    let report = load.stop();
    assert!(enough && report.failed.is_empty(), "{report:?}");
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 8 << 10, "the log queue grows: {grown} KiB");
    assert!(report.slowest < Duration::from_secs(1), "{report:?}");
    gateway.signal("TERM");
    let status = gateway.exit(Duration::from_secs(10)).expect("it ends although its log hangs");
    assert_eq!(status.code(), Some(0));
}

/// Nobody reads how a breaker stands that is no more: it must not be shown as open for ever.
#[test]
fn a_breaker_that_is_taken_away_is_not_shown_as_open() {
    let backend = Backend::start(|_| {
        vec![Step::Body, raw("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")]
    });
    let guarded = config(&backend, "    breaker: { consecutive: 3, open: 1m }");
    let gateway = Gateway::start(&guarded);
    let shows = |state: &str| {
        let sample = format!("yumen_upstream_breaker_state{{service=\"backend\"}} {state}\n");
        let deadline = Instant::now() + SOON;
        while !get(gateway.status(), "/metrics").text().contains(&sample) {
            assert!(Instant::now() < deadline, "it does not become {state}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    while get(gateway.web(), "/x/1").status() != 503 {}
    shows("2");
    gateway.reload(&config(&backend, "")).expect("it is well");
    shows("0");
    assert_eq!(get(gateway.web(), "/x/1").status(), 500);
}

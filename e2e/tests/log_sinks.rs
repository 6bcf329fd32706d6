//! The access log at servers that are not ours: what they get, and that no request minds how they fare.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use yumen_e2e::certificates::Authority;
use yumen_e2e::client::get;
use yumen_e2e::gateway::{Lines, binary, fresh_folder};
use yumen_e2e::load::{Plan, unslowed};
use yumen_e2e::rig::put;
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::wait::{LATER, wait_until};
use yumen_e2e::{Backend, Client, Gateway, SOON};

/// Longer than a request takes, whatever becomes of the log.
const SECOND: Duration = Duration::from_secs(1);

fn config(backend: &Backend, log: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/x/*', /] }} }}]
access_log: {log}
",
        backend.authority()
    )
}

fn keeper<'a>(arguments: impl IntoIterator<Item = &'a str>) -> (Server, SocketAddr) {
    Server::script_with(Tool::Python, "log_server.py", arguments)
}

/// The requests that a server has got.
fn requests(server: &Server) -> Vec<Value> {
    server.said().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The lines that it has taken.
fn lines(server: &Server) -> Vec<String> {
    let taken = |one: &Value| one["status"] == 204;
    let all = requests(server);
    let lines = all.iter().filter(|one| taken(one)).flat_map(|one| one["lines"].as_array());
    lines.flatten().map(|line| line.as_str().expect("a text").to_owned()).collect()
}

fn ask(gateway: &Gateway, count: usize) {
    let mut client = Client::connect(gateway.web());
    for number in 0..count {
        let request =
            format!("GET /x/{number}?token=hunter2 HTTP/1.1\r\nHost: test.example\r\n\r\n");
        assert_eq!(client.ask(&request).expect("an answer").status(), 200);
    }
}

/// A sample of `/metrics`, by its name and labels.
fn metric(gateway: &Gateway, name: &str) -> Option<u64> {
    let page = get(gateway.status(), "/metrics").text();
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn dropped(gateway: &Gateway, sink: &str, reason: &str) -> u64 {
    let labels = format!("{{sink=\"{sink}\",reason=\"{reason}\"}}");
    metric(gateway, &format!("yumen_access_log_dropped_total{labels}")).expect("it is shown")
}

fn written(gateway: &Gateway, sink: &str) -> u64 {
    let name = format!("yumen_access_log_written_total{{sink=\"{sink}\"}}");
    metric(gateway, &name).expect("it is shown")
}

#[test]
fn lines_are_posted_in_batches() {
    if !have(&[Tool::Python]) {
        return;
    }
    let folder = fresh_folder("keeper");
    let authority = Authority::new("tests");
    put(&folder, "logs", &authority.sign(&["127.0.0.1"]));
    fs::write(folder.join("ca.pem"), &authority.certificate).expect("a file");
    let path = |name: &str| folder.join(name).display().to_string();
    let (server, address) =
        keeper(["--certificate", &path("logs.pem"), "--key", &path("logs.key")]);
    let to = format!(
        "to: {{ http: {{ url: 'https://{address}/ingest?key=1', headers: {{ X-Key: geheim }}, \
         ca: '${{file:{}}}', gzip: true, batch: {{ age: 100ms }} }} }}",
        path("ca.pem")
    );
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &format!("{{ {to} }}")));
    ask(&gateway, 30);
    wait_until("30 lines", || lines(&server).len() == 30);
    for (number, line) in lines(&server).iter().enumerate() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(line["status"], 200);
        assert_eq!(line["path"], format!("/x/{number}"));
        assert_eq!(line["query"], "token=***");
    }
    let seen = requests(&server);
    assert!(seen.len() < 30, "one by one");
    for request in &seen {
        assert_eq!(request["path"], "/ingest?key=1");
        assert_eq!(request["torn"], "");
        let fields = &request["fields"];
        assert_eq!(fields["content-type"], "application/x-ndjson");
        assert_eq!(fields["x-key"], "geheim");
    }
    assert!(seen.iter().any(|request| request["fields"]["content-encoding"] == "gzip"));
    wait_until("they are counted", || written(&gateway, "http") == 30);
    assert_eq!(dropped(&gateway, "http", "queue_full"), 0);
    assert!(gateway.stdout.all().is_empty(), "they go there and nowhere else");

    let text =
        format!("{{ {to}, format: {{ template: '%{{request.path}} %{{request.query}}' }} }}");
    gateway.reload(&config(&backend, &text)).expect("it is well");
    ask(&gateway, 3);
    wait_until("3 more lines", || lines(&server).len() == 33);
    assert_eq!(lines(&server)[30..], ["/x/0 token=***", "/x/1 token=***", "/x/2 token=***"]);
    let seen = requests(&server);
    let last = seen.last().expect("a request");
    assert_eq!(last["fields"]["content-type"], "text/plain; charset=utf-8");
    assert!(!gateway.stderr.all().iter().any(|line| line.contains("geheim")));
    fs::remove_dir_all(folder).expect("it is removed");
}

#[test]
fn what_waits_for_a_server_that_is_away_comes_when_it_is_back() {
    if !have(&[Tool::Python]) {
        return;
    }
    let address = free_address();
    let to =
        format!("{{ to: {{ http: {{ url: 'http://{address}/', batch: {{ age: 50ms }} }} }} }}");
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &to));
    ask(&gateway, 10);
    let away = format!("yumen: lines of the access log do not reach http://{address}: ");
    gateway.stderr.wait(0, LATER, |line| line.starts_with(&away)).expect("it is told");
    ask(&gateway, 10);
    let port = address.port().to_string();
    let (server, _) = keeper(["--port", &port, "--fail", "2"]);
    wait_until("all lines", || lines(&server).len() == 20);
    let back = format!("yumen: lines of the access log reach http://{address} again");
    gateway.stderr.wait(0, LATER, |line| line == back).expect("it is told");
    assert_eq!(requests(&server).iter().filter(|one| one["status"] == 503).count(), 2);

    // And what nobody had time for yet comes before the end.
    ask(&gateway, 10);
    gateway.signal("TERM");
    assert_eq!(gateway.exit(LATER).expect("it ends").code(), Some(0));
    // The server tells of them at its leisure.
    wait_until("the last lines", || lines(&server).len() == 30);
}

#[test]
fn a_slow_server_costs_lines_and_slows_no_request() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (server, address) = keeper(["--slow", "1"]);
    let to = format!(
        "{{ to: {{ http: {{ url: 'http://{address}/', \
         batch: {{ bytes: 16KiB, queue_bytes: 128KiB }} }} }} }}"
    );
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &to));
    let plan = Plan::steady(gateway.web(), 4);
    unslowed(&plan, 5_000, SECOND);
    let before = gateway.memory();
    unslowed(&plan, 15_000, SECOND);
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 8 << 10, "what waits grows: {grown} KiB");
    wait_until("lost lines are counted", || dropped(&gateway, "http", "queue_full") > 10_000);
    let lost = format!("http://{address}: they came faster than they could be sent");
    gateway.stderr.wait(0, LATER, |line| line.ends_with(&lost)).expect("it is told");
    let all = lines(&server);
    assert!(all.iter().all(|line| line.ends_with('}')), "each is whole");
    gateway.signal("TERM");
    let status = gateway.exit(Duration::from_secs(20)).expect("it ends although its log is slow");
    assert_eq!(status.code(), Some(0));
    let left = "lines lost: there was no time left to write or send them";
    gateway.stderr.wait(0, SOON, |line| line.ends_with(left)).expect("it is told");
}

#[test]
fn a_server_that_refuses_lines_is_told_of() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (server, address) = keeper(["--fail", "1", "--status", "401"]);
    let to =
        format!("{{ to: {{ http: {{ url: 'http://{address}/', batch: {{ age: 50ms }} }} }} }}");
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &to));
    ask(&gateway, 5);
    wait_until("they are counted", || dropped(&gateway, "http", "refused") == 5);
    let told = format!(
        "yumen: http://{address} does not take lines of the access log: it answered with status 401"
    );
    gateway.stderr.wait(0, SOON, |line| line == told).expect("it is told");
    ask(&gateway, 5);
    wait_until("the next ones are taken", || lines(&server).len() == 5);
    let wrong = config(&backend, "{ to: { http: { url: 'logs.example', batch: { age: off } } } }");
    let told = gateway.reload(&wrong).expect_err("it is refused");
    assert!(told.contains("access_log.to.http.url"), "{told}");
    assert!(told.contains("access_log.to.http.batch.age"), "{told}");
}

/// Each log has its own place, form, conditions and secrets; whoever listens live sees no secret of any.
#[test]
fn several_logs_at_once() {
    if !have(&[Tool::Python]) {
        return;
    }
    let folder = fresh_folder("several");
    let file = folder.join("access.log");
    let (server, address) = keeper([]);
    let stdout = "{ when: 'response.status >= 400' }";
    let combined = format!("{{ to: {{ file: '{}' }}, format: combined }}", file.display());
    let posted = format!(
        "{{ to: {{ http: {{ url: 'http://{address}/', batch: {{ age: 50ms }} }} }}, \
         format: {{ template: '%{{request.path}} %{{request.query}}' }}, redact: {{ query: [iban] }} }}"
    );
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &format!("[{stdout}, {combined}, {posted}]")));
    let mut tail = Command::new(binary())
        .args(["tail", "--json", "--status", &gateway.status().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let live = Lines::of(tail.stdout.take().expect("a pipe"));
    wait_until("it listens", || {
        ask_one(&gateway, "/x/first");
        live.count() > 0
    });
    ask_one(&gateway, "/x/1?iban=canary&token=hunter2");
    ask_one(&gateway, "/lost?iban=canary");
    let posted_lines = || lines(&server);
    wait_until("the last line", || posted_lines().iter().any(|line| line.starts_with("/lost")));
    assert!(posted_lines().contains(&"/x/1 iban=***&token=***".to_owned()));
    let lost = gateway.stdout.wait(0, SOON, |line| line.contains("/lost")).expect("a line");
    assert!(lost.contains("iban=canary"), "this log was not asked to keep it out: {lost}");
    assert!(!gateway.stdout.all().iter().any(|line| line.contains("/x/")), "only failures");
    let written = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("the file", || written().contains("\"GET /lost?iban=canary HTTP/1.1\" 404"));
    assert!(written().contains("\"GET /x/1?iban=canary&token=*** HTTP/1.1\" 200"));
    let heard = live.wait(0, SOON, |line| line.contains("/lost")).expect("a line");
    assert!(heard.contains("iban=***"), "{heard}");
    assert!(!live.all().join("").contains("canary"));
    let _gone = tail.kill();
    let _gone = tail.wait();

    // One of them goes; the others go on as they were.
    gateway.reload(&config(&backend, &format!("[{combined}, {posted}]"))).expect("it is well");
    ask_one(&gateway, "/lost/again");
    wait_until("the server", || posted_lines().iter().any(|line| line.starts_with("/lost/again")));
    wait_until("the file", || written().contains("/lost/again"));
    assert!(!gateway.stdout.all().join("").contains("/lost/again"));
    let wrong = config(&backend, &format!("[{combined}, {{ when: respons.status > 1 }}]"));
    let told = gateway.reload(&wrong).expect_err("it is refused");
    assert!(told.contains("access_log[1].when"), "{told}");
    fs::remove_dir_all(folder).expect("it is removed");
}

fn ask_one(gateway: &Gateway, path: &str) {
    let mut client = Client::connect(gateway.web());
    let request = format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n");
    client.ask(&request).expect("an answer");
}

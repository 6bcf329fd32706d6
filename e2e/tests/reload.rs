//! The configuration changes under load: nothing is lost, and a bad file changes nothing.

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::gateway::{Launch, yumen};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, ok, raw, websocket};

const RELOADS: usize = 200;
const REQUESTS: u64 = 100_000;
const WEBSOCKETS: usize = 8;

fn backend() -> Backend {
    Backend::start(|call| match call.request.target() {
        "/tunnel" => vec![Step::Body, raw(websocket::agreement()), Step::Echo],
        "/slow" => vec![Step::Body, Step::Wait(Duration::from_millis(700)), ok("slow")],
        _ => vec![Step::Body, ok("ok")],
    })
}

/// A configuration that says which one it is at `/version`.
fn config(backend: &str, version: usize, listeners: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
{listeners}
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{backend}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
routes:
  - name: version
    match: {{ paths: [/version] }}
    answer: {{ body: '{version}' }}
"
    )
}

#[test]
fn reload_under_load() {
    let backend = backend();
    let authority = backend.authority();
    let gateway = Gateway::start(&config(&authority, 0, ""));
    let web = gateway.web();
    let mut sockets: Vec<Client> =
        (0..WEBSOCKETS).map(|_| websocket::open(web, "/tunnel")).collect();
    // Most connections are kept for ever, some are renewed all the time.
    let kept = Load::start(&Plan::steady(web, 24));
    let renewed =
        Load::start(&Plan { renew: 5, pause: Duration::from_millis(2), ..Plan::steady(web, 4) });
    let before = gateway.memory();
    for version in 1..=RELOADS {
        gateway.reload(&config(&authority, version, "")).expect("a good configuration");
        assert_eq!(get(web, "/version").text(), version.to_string(), "live means live");
        let socket = &mut sockets[version % WEBSOCKETS];
        assert!(websocket::echoed(socket, &format!("reload {version}"), SOON), "reload {version}");
    }
    kept.reach(REQUESTS, Duration::from_secs(120));
    let reports = [kept.stop(), renewed.stop()];
    let done: u64 = reports.iter().map(|report| report.done).sum();
    let slowest = reports.iter().map(|report| report.slowest).max().unwrap_or_default();
    println!("{RELOADS} reloads, {done} requests, slowest {slowest:?}");
    for report in &reports {
        assert!(report.failed.is_empty(), "{:?}", report.failed);
    }
    assert!(done >= REQUESTS, "{done} requests");
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert!(websocket::echoed(socket, &"x".repeat(100_000), SOON), "WebSocket {number}");
    }
    let grown = gateway.memory().saturating_sub(before);
    println!("memory grew by {grown} KiB");
    assert!(grown < 32 << 10, "old configurations are not freed: {grown} KiB");
}

#[test]
fn listeners_come_and_go() {
    let backend = backend();
    let authority = backend.authority();
    let gateway = Gateway::start(&config(&authority, 0, ""));
    let web = gateway.web();
    let mut kept = Client::connect(web);
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    kept.ask(request).expect("an answer");

    let second = "  - { name: second, address: '127.0.0.1:0' }";
    gateway.reload(&config(&authority, 1, second)).expect("a good configuration");
    let added = gateway.address("second");
    assert_eq!(get(added, "/version").text(), "1");
    assert_eq!(gateway.web(), web, "the first one stays where it is");
    let mut on_second = Client::connect(added);
    on_second.ask(request).expect("an answer");
    let mut busy = Client::connect(added);
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(backend.wait(SOON, |all| { all.iter().any(|one| one.holds("/slow")) }));

    gateway.reload(&config(&authority, 2, "")).expect("a good configuration");
    assert_eq!(busy.answer("GET", SOON).expect("what is under way ends").text(), "slow");
    assert!(on_second.read_to_end(Duration::from_secs(5)), "its idle connections are closed");
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(added).is_ok() {
        assert!(Instant::now() < deadline, "the removed listener still accepts");
    }
    kept.ask(request).expect("connections of the others stay");
}

#[test]
fn a_bad_file_changes_nothing() {
    let backend = backend();
    let authority = backend.authority();
    let gateway = Gateway::start(&config(&authority, 0, ""));
    let mut kept = Client::connect(gateway.web());
    let request = "GET /version HTTP/1.1\r\nHost: a\r\n\r\n";
    kept.ask(request).expect("an answer");
    let good = config(&authority, 1, "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let busy =
        format!("  - {{ name: busy, address: '{}' }}", taken.local_addr().expect("an address"));
    for (name, bad, says) in [
        ("not YAML", "listeners: [".to_owned(), "yumen.yaml"),
        ("unknown key", good.replace("access_log", "acess_log"), "acess_log"),
        (
            "unknown service",
            format!("{good}  - {{ name: x, match: {{ paths: [/x] }}, service: nobody }}\n"),
            "nobody",
        ),
        ("bad regex", good.replace("[/version]", "['~ (']"), "routes"),
        ("busy port", config(&authority, 1, &busy), "busy"),
        (
            "two problems",
            good.replace("access_log", "acess_log").replace("[/version]", "['~ (']"),
            "acess_log",
        ),
        ("empty", String::new(), ""),
    ] {
        let report = match gateway.reload(&bad) {
            Err(report) => report,
            // A file with nothing in it may be called a good one only if it still serves.
            Ok(()) => panic!("{name}: accepted"),
        };
        assert!(report.contains(says), "{name}: {report}");
        let answer = kept.ask(request).expect("the old configuration serves on");
        assert_eq!(answer.text(), "0", "{name}");
        assert_eq!(get(gateway.web(), "/version").text(), "0", "{name}");
    }
    gateway.reload(&good).expect("a good file after bad ones");
    assert_eq!(kept.ask(request).expect("an answer").text(), "1");
}

#[test]
fn sighup_reloads() {
    let backend = backend();
    let gateway = Gateway::start(&config(&backend.authority(), 0, ""));
    let seen = gateway.stderr.count();
    gateway.signal("HUP");
    let live = gateway.stderr.wait(seen, SOON, |line| line.ends_with(" is live"));
    assert!(live.is_some(), "{:?}", gateway.stderr.all());
    assert_eq!(get(gateway.web(), "/version").text(), "0");
}

/// Requests that began under the old configuration end under it.
#[test]
fn requests_end_under_the_plan_they_began_with() {
    let backend = backend();
    let authority = backend.authority();
    let gateway = Gateway::start(&config(&authority, 0, ""));
    let mut busy = Client::connect(gateway.web());
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(backend.wait(SOON, |all| all.iter().any(|one| !one.bytes.is_empty())));
    let gone = config(&authority, 1, "").replace("['/*']", "[/other]");
    gateway.reload(&gone).expect("a good configuration");
    assert_eq!(get(gateway.web(), "/slow").status(), 404);
    assert_eq!(busy.answer("GET", SOON).expect("an answer").text(), "slow");
}

#[test]
fn a_broken_file_does_not_start() {
    let folder = yumen_e2e::gateway::fresh_folder("broken");
    let file = folder.join("broken.yaml");
    fs::write(&file, "listeners:\n  - { name: web, adress: ':0' }\nnonsense: 1\n").expect("a file");
    let path = file.display().to_string();
    let (code, _, report) = yumen(&["check", &path]);
    assert_eq!(code, 1, "{report}");
    for part in ["adress", "nonsense", "broken.yaml:2", "broken.yaml:3"] {
        assert!(report.contains(part), "{part} in {report}");
    }
    let how = Launch { folder: Some(folder.clone()), ..Launch::default() };
    let started = Gateway::launch("listeners: [", how);
    assert!(started.is_err(), "it started with a broken file");
    let _left = fs::remove_dir_all(folder);
}

/// A gateway that was well once starts with what it had, and says so.
#[test]
fn the_last_good_configuration_is_kept() {
    let backend = backend();
    let authority = backend.authority();
    let folder = yumen_e2e::gateway::fresh_folder("kept");
    let how = || Launch { folder: Some(folder.clone()), ..Launch::default() };
    let gateway = Gateway::launch(&config(&authority, 7, ""), how()).expect("it starts");
    gateway.reload(&config(&authority, 8, "")).expect("a good configuration");
    gateway.signal("TERM");
    assert!(gateway.exit(SOON).is_some());
    drop(gateway);

    let gateway = Gateway::launch("listeners: [", how()).expect("it starts with the last good one");
    assert_eq!(get(gateway.web(), "/version").text(), "8");
    let said = gateway.stderr.all().join("\n");
    assert!(said.contains("last good"), "{said}");
    gateway.reload(&config(&authority, 9, "")).expect("a mended file is taken up");
    assert_eq!(get(gateway.web(), "/version").text(), "9");
    drop(gateway);
    let _left = fs::remove_dir_all(folder);
}

//! HTTP/3 for clients, with a real one (aioquic): requests and answers of all kinds, floods,
//! reloads, renewed certificates, drain and hand-over; and what clients of TCP are told of it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use yumen_e2e::certificates::Authority;
use yumen_e2e::gateway::{fresh_folder, signal};
use yumen_e2e::tools::{Done, Server, Tool, have, peer, run};
use yumen_e2e::{Backend, Gateway, Step, ok, raw};

const LONG: Duration = Duration::from_secs(240);

/// A gateway that speaks HTTP/3, and what it needs.
struct Rig {
    folder: PathBuf,
    authority: Authority,
    backend: Backend,
    counter: (Server, std::net::SocketAddr),
    gateway: Option<Gateway>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}

fn backend() -> Backend {
    let large: Vec<u8> = (0..=255).cycle().take(10 << 20).collect();
    Backend::start(move |call| match call.request.target() {
        "/slow" => vec![Step::Body, Step::Wait(Duration::from_secs(2)), ok("slow")],
        "/hang" => vec![Step::Hang],
        "/early" => {
            vec![Step::Body, raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), ok("late")]
        }
        "/large" => vec![
            Step::Body,
            raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len())),
            raw(&large),
        ],
        "/trailers" => vec![
            Step::Body,
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n"),
            raw("4\r\nbody\r\n0\r\nX-End: yes\r\n\r\n"),
        ],
        _ => vec![Step::Body, ok("hello")],
    })
}

impl Rig {
    fn new() -> Self {
        let folder = fresh_folder("http3");
        let authority = Authority::new("tests");
        fs::write(folder.join("ca.pem"), &authority.certificate).unwrap();
        let counter = Server::script(Tool::Python, "server.py");
        let rig = Self { folder, authority, backend: backend(), counter, gateway: None };
        rig.renew();
        rig
    }

    /// Writes fresh certificates.
    fn renew(&self) {
        for name in ["a", "b"] {
            let issued = self.authority.sign(&[&format!("{name}.test")]);
            let text = format!("{}{}", issued.certificate, issued.key);
            let fresh = self.folder.join("new");
            fs::write(&fresh, text).unwrap();
            fs::rename(fresh, self.folder.join(format!("{name}.pem"))).unwrap();
        }
    }

    fn config(&self, listener: &str) -> String {
        let pem = |name: &str| {
            let file = self.folder.join(format!("{name}.pem"));
            format!("{{ certificate: '${{file:{0}}}', key: '${{file:{0}}}' }}", file.display())
        };
        format!(
            "
listeners:
  - name: web
    address: 127.0.0.1:0
    tls: {{ certificates: [{}, {}] }}
    {listener}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes:
      - {{ name: fixed, match: {{ paths: [/hello, /slow, /hang, /early, /large, /trailers] }} }}
  - name: counter
    url: http://{}
    routes: [{{ name: count, match: {{ paths: [/length] }} }}]
",
            pem("a"),
            pem("b"),
            self.backend.authority(),
            self.counter.1,
        )
    }

    fn start(listener: &str) -> Self {
        let mut rig = Self::new();
        rig.gateway = Some(Gateway::start(&rig.config(listener)));
        rig
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    fn arguments(&self, checks: &[&str]) -> Vec<String> {
        let port = self.gateway().web().port().to_string();
        let ca = self.folder.join("ca.pem").display().to_string();
        let script = peer("http3.py").display().to_string();
        let checks = checks.iter().map(ToString::to_string);
        [script, port, ca].into_iter().chain(checks).collect()
    }

    fn client(&self, checks: &[&str]) -> Done {
        run(Tool::Python, self.arguments(checks), LONG)
    }

    fn begin(&self, check: &str) -> Server {
        Server::start(Tool::Python, self.arguments(&[check]))
    }

    fn curl(&self, more: &[&str]) -> Done {
        let port = self.gateway().web().port();
        let ca = self.folder.join("ca.pem").display().to_string();
        let (resolve, url) =
            (format!("a.test:{port}:127.0.0.1"), format!("https://a.test:{port}/hello"));
        let mut arguments = vec!["-sS", "-i", "--cacert", &ca, "--resolve", &resolve, &url];
        arguments.extend_from_slice(more);
        run(Tool::Curl, arguments, LONG)
    }
}

const ON: &str = "http3: { enabled: true }";

#[test]
fn requests_and_answers_of_all_kinds_pass() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = Rig::start(ON);
    rig.client(&[
        "get_head_and_post",
        "large_bodies_both_ways",
        "streams_side_by_side",
        "trailers_both_ways",
        "interim_answers",
        "an_early_answer_ends_the_upload",
        "sessions_are_resumed",
        "the_certificate_is_the_one_for_the_name",
    ])
    .well();
    let record = rig.backend.recorded();
    let requests: Vec<_> = record.iter().flat_map(|one| one.requests().0).collect();
    let hello = requests.iter().find(|one| one.target() == "/hello").unwrap();
    assert_eq!(hello.one("X-Forwarded-Proto"), "https");
    assert_eq!(hello.one("X-Forwarded-For"), "127.0.0.1");
    assert!(hello.one("Host").starts_with("127.0.0.1:"), "{hello:?}");
    assert_eq!(hello.one("X-Request-Id").len(), 32);
    let sum = requests.iter().find(|one| one.target() == "/trailers").unwrap();
    assert_eq!(sum.body, b"abc");
    let logged = |line: &&String| line.contains("\"HTTP/3.0\"") && line.contains("/hello");
    let line = rig.gateway().stdout.wait(0, LONG, |line| logged(&&line.to_owned()));
    assert!(line.is_some(), "{:#?}", rig.gateway().stdout.all());
}

#[test]
fn what_is_wrong_is_refused_and_nothing_else_suffers() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = Rig::start("http3: { enabled: true, resets: 50, control_frames: 200 }");
    rig.client(&[
        "what_is_malformed_ends_its_stream_only",
        "lengths_must_be_true",
        "heads_are_bounded",
        "cancelled_requests_end_at_the_service",
        "resets_are_a_flood_at_last",
        "empty_frames_are_a_flood_at_last",
        "control_frames_are_a_flood_at_last",
        "get_head_and_post",
    ])
    .well();
    // What was cancelled is cancelled at the service.
    let ended = rig.backend.wait(LONG, |record| {
        let hanging = |one: &&yumen_e2e::backend::Recorded| {
            one.requests().0.iter().any(|request| request.target() == "/hang")
        };
        record.iter().filter(hanging).all(|one| one.ended.is_some())
    });
    assert!(ended, "{:#?}", rig.backend.recorded());
    let metrics = yumen_e2e::client::get(rig.gateway().status(), "/metrics");
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let flooded = metrics
        .lines()
        .find(|line| line.starts_with("yumen_flooding_connections_total{listener=\"web\""));
    assert!(flooded.is_some_and(|line| line.ends_with(" 3")), "{flooded:?}");
}

#[test]
fn slow_and_idle_clients_are_cut() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = Rig::start(
        "http3: { enabled: true }\n    timeouts: { keep_alive: 1s, write_stall: 1s, head: 2s }",
    );
    rig.client(&["idle_connections_are_closed", "a_client_that_stops_reading_is_cut"]).well();
}

#[test]
fn reloads_and_renewed_certificates_lose_nobody() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = Rig::start(ON);
    let load = rig.begin("until_told");
    load.says("asking", LONG);
    for round in 0..5 {
        rig.renew();
        let port = rig.gateway().web().port();
        let config = rig.config(&format!("http3: {{ enabled: true, streams: {} }}", 100 + round));
        rig.gateway().reload_at_once(&config).unwrap();
        assert_eq!(rig.gateway().web().port(), port);
        std::thread::sleep(Duration::from_millis(300));
    }
    signal(load.pid(), "TERM");
    let said = load.says("done ", LONG);
    assert!(said.contains(" failed 0 "), "{said}");
    assert!(!said.starts_with("done 0 "), "{said}");
    // Without HTTP/3, and with it again, while TCP goes on.
    rig.gateway().reload_at_once(&rig.config("")).unwrap();
    rig.client(&["nobody_is_there"]).well();
    rig.gateway().reload_at_once(&rig.config(ON)).unwrap();
    rig.client(&["get_head_and_post"]).well();
}

#[test]
fn a_drain_lets_requests_end() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = Rig::start(ON);
    let client = rig.begin("a_drain_lets_requests_end");
    client.says("under way", LONG);
    let began = Instant::now();
    rig.gateway().signal("TERM");
    client.says("ok a_drain", LONG);
    let status = rig.gateway().exit(LONG);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "after {:?}", began.elapsed());
}

#[test]
fn a_hand_over_lets_requests_end() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = Rig::start(ON);
    let client = rig.begin("a_hand_over_lets_an_upload_end");
    client.says("under way", LONG);
    rig.gateway().hand_over().unwrap();
    rig.client(&["get_head_and_post"]).well();
    client.says("ok a_hand_over", LONG);
}

#[test]
fn clients_of_tcp_are_told() {
    if !have(&[Tool::Curl, Tool::Python]) {
        return;
    }
    let rig = Rig::start(ON);
    let port = rig.gateway().web().port();
    for version in ["--http1.1", "--http2"] {
        let told = rig.curl(&[version]).well().to_ascii_lowercase();
        let expect = format!("alt-svc: h3=\":{port}\"; ma=86400");
        assert!(told.contains(&expect), "{version}: {told}");
    }
    let more = "http3: { enabled: true, advertise: 60s, advertised_port: 443 }";
    rig.gateway().reload_at_once(&rig.config(more)).unwrap();
    let told = rig.curl(&[]).well().to_ascii_lowercase();
    assert!(told.contains("alt-svc: h3=\":443\"; ma=60"), "{told}");
    for quiet in ["http3: { enabled: true, advertise: off }", "http3: {}", ""] {
        rig.gateway().reload_at_once(&rig.config(quiet)).unwrap();
        let told = rig.curl(&[]).well().to_ascii_lowercase();
        assert!(told.contains("hello") && !told.contains("alt-svc"), "{quiet}: {told}");
    }
}

#[test]
fn what_stands_in_the_way_is_said() {
    let rig_config = |tls: &str| {
        format!(
            "listeners: [{{ name: web, address: '127.0.0.1:0', http3: {{ enabled: true }}{tls} }}]"
        )
    };
    let backend = Backend::answering("hello");
    let gateway = Gateway::start(&format!(
        "listeners: [{{ name: web, address: '127.0.0.1:0' }}]
services: [{{ name: one, url: 'http://{}', routes: [{{ name: all, match: {{ paths: ['/*'] }} }}] }}]",
        backend.authority()
    ));
    let refused = gateway.reload_at_once(&rig_config("")).unwrap_err();
    assert!(refused.contains("listeners[0].http3.enabled"), "{refused}");
    assert!(refused.contains("needs certificates"), "{refused}");
}

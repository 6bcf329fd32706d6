//! Why a request got its answer, asked of the gateway that gave it.

use std::time::Instant;

use serde_json::Value;
use yumen_e2e::client::get;
use yumen_e2e::gateway::yumen;
use yumen_e2e::tools::free_address;
use yumen_e2e::{Answer, Backend, Client, Gateway, SOON, Step, raw};

const SECRET: &str = "0123456789abcdef";

fn config(backend: &Backend, dead: std::net::SocketAddr, more: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{}
    timeouts: {{ connect: 1s }}
    routes:
      - name: private
        match: {{ paths: ['/private/*'], headers: {{ x-tenant: blue, authorization: {{ present: true }} }} }}
        policies:
          - {{ kind: headers, config: {{ request: {{ set: {{ x-seen: '1' }} }} }} }}
          - {{ kind: ip-restriction, config: {{ allow: [192.0.2.0/24] }} }}
      - {{ name: all, match: {{ paths: ['/x/*'] }}, limits: {{ body: 1KiB }} }}
  - name: dead
    url: http://{dead}
    retries: {{ attempts: 2 }}
    routes: [{{ name: dead, match: {{ paths: ['/dead/*'] }} }}]
{more}
",
        backend.authority()
    )
}

fn ask(gateway: &Gateway, target: &str, fields: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: test.example\r\n{fields}\r\n");
    Client::connect(gateway.web()).ask(request).expect("an answer")
}

fn id_of(answer: &Answer) -> String {
    let told: Value = serde_json::from_str(&answer.text()).expect("an error in JSON");
    told["request_id"].as_str().expect("a request id").to_owned()
}

/// What the command prints; an exchange is written down right behind its answer.
fn explained(gateway: &Gateway, id: &str, more: &[&str]) -> (i32, String, String) {
    let status = gateway.status().to_string();
    let mut arguments = vec!["explain", id, "--status", &status];
    arguments.extend_from_slice(more);
    let deadline = Instant::now() + SOON;
    loop {
        let told = yumen(&arguments);
        if told.0 == 0 || Instant::now() >= deadline {
            return told;
        }
    }
}

fn remembered(gateway: &Gateway) -> Vec<Value> {
    let page: Value =
        serde_json::from_str(&get(gateway.status(), "/explain").text()).expect("JSON");
    page["remembered"].as_array().expect("a list").clone()
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} in time");
        std::thread::yield_now();
    }
}

#[test]
fn a_failure_is_explained_without_its_secrets() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, free_address(), ""));
    let secrets = "Authorization: Bearer canary1\r\nCookie: s=canary2\r\nX-Tenant: blue\r\n\
                   Referer: http://a.test/?canary3\r\nX-Other: canary4\r\n";
    let refused = ask(&gateway, "/private/1?q=canary5", secrets);
    assert_eq!(refused.status(), 403);
    let id = id_of(&refused);
    let (code, told, problem) = explained(&gateway, &id, &[]);
    assert_eq!(code, 0, "{problem}");
    for wanted in [
        "GET test.example/private/1 from 127.0.0.1, under configuration 1",
        "private (services[0].routes[0]) lost: match.headers.authorization",
        "note: the route that it took was `private`",
        "the gateway answered 403",
    ] {
        assert!(told.contains(wanted), "{wanted}:\n{told}");
    }
    let (_, json, _) = explained(&gateway, &id, &["--json"]);
    let page: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(page["exchange"]["policy"], "ip-restriction", "{json}");
    let list = get(gateway.status(), "/explain").text();
    for text in [&told, &json, &list] {
        assert!(!text.contains("canary"), "{text}");
    }
    let (code, _, problem) =
        yumen(&["explain", &"0".repeat(32), "--status", &gateway.status().to_string()]);
    assert!(
        code == 1 && problem.contains("is not remembered") && problem.contains("explain.entries"),
        "{problem}"
    );
}

#[test]
fn attempts_and_policies_are_told() {
    let backend =
        Backend::start(|_| vec![Step::Body, raw("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")]);
    let policies = "
policies:
  - { kind: headers, config: { request: { set: { x-one: '1' } } } }
";
    let dead = free_address();
    let gateway = Gateway::start(&config(&backend, dead, policies));
    let (_, told, _) = explained(&gateway, &id_of(&ask(&gateway, "/dead/1", "")), &[]);
    assert!(told.contains(&format!("endpoint {dead} took requests when it ended")), "{told}");
    assert!(
        told.matches("attempt at ").count() == 3 && told.contains("unreachable after"),
        "{told}"
    );
    assert!(told.contains("decision at ") && told.contains(": connect 127.0.0.1:"), "{told}");
    assert!(told.contains("policy headers (Shape, policies[0]) passed"), "{told}");
    assert!(told.contains("answered 502") && told.contains("upstream_unreachable"), "{told}");
    assert!(
        told.contains("setting timeouts.first_byte = ") && told.contains("(default)"),
        "{told}"
    );
    // A service's own 503 is kept too, with where the settings are from.
    ask(&gateway, "/x/1", "");
    wait_for("the answer of 503", || remembered(&gateway).iter().any(|one| one["status"] == 503));
    let all = remembered(&gateway);
    let one = all.iter().find(|one| one["status"] == 503).expect("it is there");
    let (_, told, _) = explained(&gateway, one["request_id"].as_str().expect("an id"), &[]);
    assert!(
        told.contains("setting limits.body = 1KiB (services[0].routes[1].limits.body)"),
        "{told}"
    );
    assert!(told.contains("setting timeouts.connect = 1s (service backend)"), "{told}");
    assert!(told.contains("the service answered 503"), "{told}");
}

#[test]
fn what_is_kept_is_what_was_asked_for() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, free_address(), ""));
    get(gateway.web(), "/x/good");
    let lost = id_of(&ask(&gateway, "/none", ""));
    wait_for("the failure", || remembered(&gateway).len() == 1);
    assert_eq!(remembered(&gateway)[0]["request_id"], lost.as_str());
    // The plan before is still known, those before that are not.
    gateway.reload(&config(&backend, free_address(), "explain: { sample: 1 }")).expect("live");
    let (_, told, _) = explained(&gateway, &lost, &[]);
    assert!(told.contains("routes considered:") && told.contains("configuration 1"), "{told}");
    get(gateway.web(), "/x/sampled");
    wait_for("the sampled one", || {
        remembered(&gateway).iter().any(|one| one["path"] == "/x/sampled")
    });
    gateway.reload(&config(&backend, free_address(), "explain: { entries: 4 }")).expect("live");
    let (_, told, _) = explained(&gateway, &lost, &[]);
    assert!(told.contains("configuration 1 is gone") && told.contains("answered 404"), "{told}");
    gateway.reload(&config(&backend, free_address(), "explain: { keep: off }")).expect("live");
    wait_for("nothing", || remembered(&gateway).is_empty());
    let none = id_of(&ask(&gateway, "/none", ""));
    let (code, _, problem) = yumen(&["explain", &none, "--status", &gateway.status().to_string()]);
    assert!(code == 1 && problem.contains("nothing is"), "{problem}");
    let wrong = "explain: { sample: 2, entries: 0, kep: off, debug_header: { secret: short } }";
    let told = gateway.reload(&config(&backend, free_address(), wrong)).expect_err("it is refused");
    assert!(told.contains("did you mean `keep`?"), "{told}");
    let wrong = "explain: { sample: 2, entries: 0, debug_header: { secret: short } }";
    let told = gateway.reload(&config(&backend, free_address(), wrong)).expect_err("it is refused");
    for key in ["explain.sample", "explain.entries", "explain.debug_header.secret"] {
        assert!(told.contains(key), "{key}: {told}");
    }
}

/// A burst of failures takes no more memory than there is room for, and a request that was asked
/// for is not pushed out by it.
#[test]
fn a_burst_of_failures_is_bounded() {
    const BATCH: usize = 500;
    let backend = Backend::answering("ok");
    let header = format!("explain: {{ debug_header: {{ secret: {SECRET} }} }}");
    let gateway = Gateway::start(&config(&backend, free_address(), &header));
    let asked = ask(&gateway, "/x/1", &token("GET", "http://test.example/x/1", SECRET));
    let id = asked.one("yumen-explain");
    let burst = |count: usize| {
        let batch = "GET /none HTTP/1.1\r\nHost: test.example\r\n\r\n".repeat(BATCH);
        for _ in 0..count / BATCH {
            let mut client = Client::connect(gateway.web());
            let sender = client.send_aside(batch.clone().into_bytes());
            for _ in 0..BATCH {
                assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 404);
            }
            assert!(sender.join().expect("it is sent"));
        }
    };
    burst(20_000);
    let before = gateway.memory();
    burst(80_000);
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 6 << 10, "memory grows: {grown} KiB");
    assert!(remembered(&gateway).len() <= 100);
    let (code, told, _) = explained(&gateway, &id, &[]);
    assert!(code == 0 && told.contains("/x/1"), "{told}");
}

/// The field for one request, with the line's end.
fn token(method: &str, url: &str, secret: &str) -> String {
    let folder = yumen_e2e::gateway::fresh_folder("token");
    let file = folder.join("secret");
    std::fs::write(&file, secret).expect("a file");
    let file = file.display().to_string();
    let (code, field, problem) = yumen(&["debug-token", method, url, "--secret-file", &file]);
    let _left = std::fs::remove_dir_all(folder);
    assert_eq!(code, 0, "{problem}");
    format!("{}\r\n", field.trim_end())
}

#[test]
fn one_request_is_explained_for_whoever_may_ask() {
    let backend = Backend::answering("ok");
    let header = format!("explain: {{ keep: off, debug_header: {{ secret: {SECRET} }} }}");
    let gateway = Gateway::start(&config(&backend, free_address(), &header));
    let good = token("GET", "http://test.example/x/1?any", SECRET);
    let forged = token("GET", "http://test.example/x/1", "another secret of some length");
    let value = good.trim_start_matches("Yumen-Debug: ");
    let later = format!("Yumen-Debug: 9{value}");
    let past = format!("Yumen-Debug: 1000{}", &value[value.find('.').expect("a dot")..]);
    for (what, target, fields, holds) in [
        ("a good one", "/x/1?a=b", good.clone(), true),
        ("for another path", "/x/2", good.clone(), false),
        ("forged", "/x/1", forged, false),
        ("made to last", "/x/1", later, false),
        ("over", "/x/1", past, false),
        ("twice", "/x/1", format!("{good}{good}"), false),
        ("none", "/x/1", String::new(), false),
        ("no token", "/x/1", "Yumen-Debug: yes\r\n".to_owned(), false),
    ] {
        let mark = backend.mark();
        let answer = ask(&gateway, target, &fields);
        assert_eq!(answer.status(), 200, "{what}");
        let id = answer.all("yumen-explain").join("");
        assert_eq!(id.len(), if holds { 32 } else { 0 }, "{what}: {id}");
        if holds {
            let (code, told, problem) = explained(&gateway, &id, &[]);
            assert!(code == 0 && told.contains("the service answered 200"), "{what}: {problem}");
        }
        let seen = backend.since(&mark);
        let bytes: Vec<u8> = seen.into_iter().flat_map(|one| one.bytes).collect();
        let seen = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!seen.contains("yumen-debug"), "{what} goes no further: {seen}");
    }
    assert_eq!(remembered(&gateway).len(), 1);
}

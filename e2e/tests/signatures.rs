//! Requests that a program of its own has signed: which are let in, what the service sees of their bodies,
//! and that none is let in twice.

use std::time::Duration;

use yumen_e2e::tools::{Tool, have, peer, run};
use yumen_e2e::{Backend, Client, Gateway, Message};

/// Python takes its time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const SECRET: &str = "a secret of the test, not too short";

fn config(backend: &Backend, realm: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
consumers:
  - name: orders
    secrets: [{{ id: orders-1, secret: '{SECRET}' }}]
services:
  - name: backend
    url: http://{}
    policies: [{{ kind: hmac-auth, config: {{ forms: [message, cavage, hmac], realm: {realm} }} }}]
    routes: [{{ name: all }}]
",
        backend.authority()
    )
}

/// `GET /once`, signed just now, as text.
fn once(gateway: &Gateway) -> String {
    let web = gateway.web().to_string();
    run(Tool::Python, [peer("signer.py").display().to_string(), web, "text".to_owned()], PATIENCE)
        .well()
}

fn requests(backend: &Backend) -> Vec<Message> {
    backend.recorded().iter().flat_map(|one| one.requests().0).collect()
}

#[test]
fn only_what_was_signed_comes_to_the_service() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("hello");
    let gateway = Gateway::start(&config(&backend, "one"));
    let arguments =
        [peer("signer.py").display().to_string(), gateway.web().to_string(), "ask".to_owned()];
    let told = run(Tool::Python, arguments, PATIENCE).well();
    let expect = [
        "get 200",
        "nothing 401",
        "other_query 401",
        "other_method 401",
        "other_secret 401",
        "old 401",
        "early 401",
        "expired 401",
        "post 200",
        "post_large 200",
        "post_chunked 200",
        "post_empty 200",
        "post_other_body 401",
        "post_other_chunked 401",
        "post_no_digest 401",
        "post_huge_chunked 413",
        "post_huge 413",
        "post_unsigned_slow 401",
        "cavage 200",
        "cavage_other 401",
        "older 200",
        "older_other_body 401",
        "h2_get 200",
        "h2_post 200",
        "h2_other_body 401",
        "h2_other_path 401",
    ];
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told, expect);
    let seen = requests(&backend);
    let bodies: Vec<(&str, usize)> =
        seen.iter().map(|one| (one.target(), one.body.len())).collect();
    let expect = [
        ("/a?b=1", 0),
        ("/small", 18),
        ("/large", 50_000),
        ("/chunked", 50_000),
        ("/empty", 0),
        ("/c?d", 0),
        ("/o", 18),
        ("/a?b=1", 0),
        ("/h2", 50_000),
    ];
    let mut bodies = bodies;
    let mut expect = expect.to_vec();
    // Connections are recorded one after the other, requests in them too.
    bodies.sort_unstable();
    expect.sort_unstable();
    assert_eq!(bodies, expect);
    for one in &seen {
        assert_eq!(one.all("x-consumer-username"), ["orders"]);
    }
    let cause = |line: &str| line.contains("the body is not the one that was signed");
    assert!(gateway.stdout.wait(0, PATIENCE, cause).is_some(), "{:?}", gateway.stdout.all());
    let all = [gateway.stdout.all(), gateway.stderr.all()].concat().join("\n");
    assert!(!all.contains(SECRET), "the secret is in a log");
}

#[test]
fn a_signature_is_good_once_also_after_a_reload() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("hello");
    let gateway = Gateway::start(&config(&backend, "one"));
    let text = once(&gateway);
    let ask = |text: &str| {
        let answer =
            Client::connect(gateway.web()).ask(text).unwrap_or_else(|lost| panic!("{lost:?}"));
        (answer.status(), answer.all("www-authenticate").concat())
    };
    // Of those who come at once, one is the first.
    let told = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(&text).0)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect::<Vec<_>>()
    });
    assert_eq!(told.iter().filter(|status| **status == 200).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|status| **status == 401).count(), 7, "{told:?}");
    gateway.reload(&config(&backend, "two")).expect("a reload");
    let (status, challenge) = ask(&text);
    assert_eq!((status, challenge.as_str()), (401, "Signature realm=\"two\""), "after a reload");
    assert_eq!(ask(&once(&gateway)).0, 200);
    assert_eq!(requests(&backend).len(), 2);
}

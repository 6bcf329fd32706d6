//! Requests that a program of its own has signed: which are let in, what the service sees of their bodies,
//! and that none is let in twice.

use std::fs;
use std::time::Duration;

use yumen_e2e::gateway::{fresh_folder, yumen};
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
    let arguments = [peer("signer.py").display().to_string(), web, "text".to_owned()];
    let text = run(Tool::Python, arguments, PATIENCE).well();
    // What a program prints comes here in lines.
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.join("\r\n") + "\r\n\r\n"
}

fn ask(gateway: &Gateway, text: &str) -> (u16, String) {
    let answer = Client::connect(gateway.web()).ask(text);
    let answer = answer.unwrap_or_else(|lost| panic!("{lost:?}"));
    (answer.status(), answer.all("www-authenticate").concat())
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
        "post_invited 100 200",
        "post_hidden 1 401",
        "post_hidden_huge 1 413",
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
        ("/invited", 18),
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
    let ask = |text: &str| ask(&gateway, text);
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

#[test]
fn a_sealed_secret_is_as_good_as_an_open_one() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("hello");
    let folder = fresh_folder("sealed");
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("a file");
        folder.join(name).display().to_string()
    };
    let keys = ["0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4)];
    let (one, two) = (write("one.key", &keys[0]), write("two.key", &keys[1]));
    let secret = write("secret", SECRET);
    let seal = |key: &str, id: &str| {
        let told = yumen(&["seal-secret", "--key-file", key, "--id", id, "--secret-file", &secret]);
        assert_eq!(told.0, 0, "{}", told.2);
        told.1.trim().to_owned()
    };
    let line = |sealed: &str| {
        let line = format!(
            "{{\"name\":\"orders\",\"secrets\":[{{\"id\":\"orders-1\",\"secret_sealed\":\"{sealed}\"}}]}}\n"
        );
        write("consumers.jsonl", &line)
    };
    let with = |key: &str, more: &str| {
        let all = config(&backend, "one").replace("consumers:\n  - name: orders\n    secrets: [{ id: orders-1, secret: 'a secret of the test, not too short' }]\n", more);
        format!(
            "{all}directory: {{ sealing_key: '${{file:{key}}}', files: ['{}'] }}\n",
            folder.join("consumers.jsonl").display()
        )
    };
    line(&seal(&one, "orders-1"));
    let gateway = Gateway::start(&with(&one, ""));
    assert_eq!(ask(&gateway, &once(&gateway)).0, 200);
    // With another key nothing opens, and all stays as it was.
    let refused = gateway.reload(&with(&two, "")).unwrap_err();
    assert!(refused.contains("it was not sealed for this `id`"), "{refused}");
    assert_eq!(ask(&gateway, &once(&gateway)).0, 200);
    line(&seal(&two, "orders-1"));
    gateway.reload(&with(&two, "")).expect("a reload");
    assert_eq!(ask(&gateway, &once(&gateway)).0, 200);
    let own = |id: &str| {
        let sealed = seal(&two, id);
        format!(
            "consumers: [{{ name: own, secrets: [{{ id: own-1, secret_sealed: '{sealed}' }}] }}]\n"
        )
    };
    let refused = gateway.reload(&with(&two, &own("own-2"))).unwrap_err();
    assert!(refused.contains("consumers[0].secrets[0].secret_sealed"), "{refused}");
    gateway.reload(&with(&two, &own("own-1"))).expect("a reload");
    let short = write("short.key", "short");
    let (code, _, said) =
        yumen(&["seal-secret", "--key-file", &short, "--id", "a", "--secret-file", &secret]);
    assert!(code != 0 && said.contains("fewer than 32 characters"), "{code} {said}");
    let _left = fs::remove_dir_all(folder);
}

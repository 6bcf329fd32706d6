//! Who calls, by signed tokens: made by PyJWT, verified with keys of a server that is not always well.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use yumen_e2e::backend::{Step, ok, raw};
use yumen_e2e::client::{Answer, Client};
use yumen_e2e::tools::{Tool, have, peer, run};
use yumen_e2e::wait::wait_until;
use yumen_e2e::{Backend, Gateway};

/// How long PyJWT may take for all its keys on a very busy machine.
const PYTHON: Duration = Duration::from_secs(120);
/// Tokens whose keys nobody knows.
const UNKNOWN: usize = 200;

/// Keys and tokens; `None` if there is no PyJWT.
fn made(unknown: usize) -> Option<Value> {
    if !have(&[Tool::Python]) {
        return None;
    }
    let script = peer("tokens.py").display().to_string();
    let done = run(Tool::Python, [script, unknown.to_string()], PYTHON);
    Some(serde_json::from_str(&done.well()).expect("JSON"))
}

/// A server of keys that does what it is told at the moment.
struct Keys {
    server: Backend,
    does: Arc<Mutex<Vec<Step>>>,
    asked: Arc<AtomicUsize>,
}

impl Keys {
    fn serving(document: &Value) -> Self {
        let does = Arc::new(Mutex::new(vec![ok(&document.to_string())]));
        let asked = Arc::new(AtomicUsize::new(0));
        let (steps, count) = (Arc::clone(&does), Arc::clone(&asked));
        let server = Backend::start(move |call| {
            assert_eq!(call.request.target(), "/jwks.json");
            count.fetch_add(1, Ordering::Relaxed);
            steps.lock().expect("sound").clone()
        });
        Self { server, does, asked }
    }

    fn now(&self, steps: Vec<Step>) {
        *self.does.lock().expect("sound") = steps;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn url(&self) -> String {
        format!("http://{}/jwks.json", self.server.authority())
    }
}

fn config(backend: &Backend, jwt: &str, more: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
consumers: [{{ name: ada, groups: [gold] }}{more}]
services:
  - name: backend
    url: http://{}
    routes:
      - {{ name: all, policies: [{{ kind: jwt, config: {jwt} }}] }}
      - name: either
        match: {{ paths: [/either] }}
        policies: [{{ kind: key-auth }}, {{ kind: jwt, config: {jwt} }}, {{ kind: anonymous }}]
",
        backend.authority()
    )
}

/// What is asked of tokens of the server's keys.
fn remote(keys: &Keys) -> String {
    format!(
        "{{ jwks_url: '{}', issuers: ['https://id.example'], audiences: [shop], strip: true, \
         claims_to_headers: {{ X-Email: email, X-Roles: roles }} }}",
        keys.url()
    )
}

fn ask(gateway: &Gateway, target: &str, fields: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let mut client = Client::connect(gateway.web());
    client.ask(&request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn bring(gateway: &Gateway, token: &Value) -> Answer {
    let token = token.as_str().expect("a token");
    ask(gateway, "/", &format!("Authorization: Bearer {token}\r\n"))
}

#[test]
fn tokens_of_a_library_are_known_and_others_are_not() {
    let Some(made) = made(0) else { return };
    let (backend, keys) = (Backend::answering("ok"), Keys::serving(&made["first"]));
    let gateway = Gateway::start(&config(&backend, &remote(&keys), ""));
    for (name, token) in made["good"].as_object().unwrap() {
        for _ in 0..2 {
            let mark = backend.mark();
            let token = token.as_str().unwrap();
            let spoofed =
                "X-Email: root@example.com\r\nx-roles: admin\r\nX-Consumer-Username: root";
            let fields = format!("{spoofed}\r\nAuthorization: bearer {token}\r\n");
            let answer = ask(&gateway, "/", &fields);
            assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
            let seen = backend.since(&mark);
            let (requests, flaw) = seen.last().expect("a connection").requests();
            let request = requests.last().unwrap_or_else(|| panic!("{flaw:?}"));
            assert_eq!(request.all("x-email"), ["ada@example.com"], "{name}");
            assert_eq!(request.all("x-roles"), ["reader,writer"], "{name}");
            assert_eq!(request.all("x-consumer-username"), ["ada"], "{name}");
            assert_eq!(request.all("x-consumer-groups"), ["gold"], "{name}");
            assert!(request.all("authorization").is_empty(), "{name}");
        }
    }
    let mark = backend.mark();
    for (name, token) in made["bad"].as_object().unwrap() {
        for target in ["/", "/either"] {
            let fields = format!("Authorization: Bearer {}\r\n", token.as_str().unwrap());
            let answer = ask(&gateway, target, &fields);
            let text = answer.text();
            assert_eq!(answer.status(), 401, "{name}: {text}");
            assert_eq!(
                answer.all("www-authenticate"),
                ["Bearer realm=\"yumen\", error=\"invalid_token\""],
                "{name}"
            );
            assert!(text.contains("The token is not good."), "{name}: {text}");
        }
    }
    assert!(backend.since(&mark).is_empty(), "no service was asked");
    // Nobody else says what only a token says.
    let answer = ask(&gateway, "/either", "X-Email: root@example.com\r\n");
    assert_eq!(answer.status(), 200);
    let seen = backend.since(&mark);
    let (requests, _) = seen.last().expect("a connection").requests();
    assert!(requests.last().expect("a request").all("x-email").is_empty());
    assert_eq!(keys.asked(), 1);
}

#[test]
fn unknown_keys_do_not_make_a_storm_and_a_new_key_is_found() {
    let Some(made) = made(UNKNOWN) else { return };
    let (backend, keys) = (Backend::answering("ok"), Keys::serving(&made["first"]));
    let began = Instant::now();
    let gateway = Gateway::start(&config(&backend, &remote(&keys), ""));
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 200);
    keys.now(vec![ok(&made["second"].to_string())]);
    // All at once: whoever is refused again and again waits for each answer.
    std::thread::scope(|scope| {
        for token in made["unknown"].as_array().unwrap() {
            scope.spawn(|| assert_eq!(bring(&gateway, token).status(), 401));
        }
    });
    // Once at the start, and then once in half a minute at most.
    let most = 1 + usize::try_from(began.elapsed().as_secs() / 30).unwrap();
    assert!(keys.asked() <= most, "asked {} times in {:?}", keys.asked(), began.elapsed());
    let deadline = Instant::now() + Duration::from_secs(60);
    while bring(&gateway, &made["rotated"]).status() != 200 {
        assert!(Instant::now() < deadline, "asked {} times", keys.asked());
        std::thread::sleep(Duration::from_millis(100));
    }
    let most = 1 + usize::try_from(began.elapsed().as_secs() / 30).unwrap();
    assert!((2..=most).contains(&keys.asked()), "{} of {most}", keys.asked());
    // What was good with a key that is gone is good no more, remembered or not.
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 401);
}

#[test]
fn the_last_good_set_is_kept_while_its_server_is_down() {
    let Some(made) = made(0) else { return };
    let (backend, keys) = (Backend::answering("ok"), Keys::serving(&made["first"]));
    let gateway = Gateway::start(&config(&backend, &remote(&keys), ""));
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 200);
    // A token that does not say which key it wants may be of a newer one.
    keys.now(vec![raw("HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n")]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while keys.asked() < 2 {
        assert!(Instant::now() < deadline);
        assert_eq!(bring(&gateway, &made["unnamed"]).status(), 401);
        std::thread::sleep(Duration::from_millis(100));
    }
    wait_until("the operator is told", || {
        let lines = gateway.stderr.all();
        lines.iter().any(|line| line.contains("answers with 500; the last one is kept"))
    });
    assert_eq!(
        bring(&gateway, &made["good"]["ES256"]).status(),
        200,
        "one that was not asked for yet"
    );
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 200);
}

#[test]
fn a_server_of_keys_that_is_not_well_lets_nobody_in() {
    let Some(made) = made(0) else { return };
    let elsewhere = Backend::answering("{\"keys\":[]}");
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/x\r\nContent-Length: 0\r\n\r\n",
        elsewhere.authority()
    );
    let secret: Value = serde_json::from_str(made["secret"].as_str().unwrap()).unwrap();
    let secrets = serde_json::json!({ "keys": [secret] }).to_string();
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into_bytes();
    for (name, steps, words) in [
        ("500", vec![raw("HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n")], "answers with 500"),
        ("redirect", vec![raw(redirect)], "redirects are not followed"),
        ("10 MB", vec![raw(large), Step::Repeat(vec![b' '; 1 << 20], 10)], "262144"),
        ("10 MB in chunks", vec![raw(chunks), Step::Repeat(chunk, 2560), Step::Close], "262144"),
        ("secrets", vec![ok(&secrets)], "it has secrets"),
        ("no set", vec![ok("<html>")], "no JSON object"),
        ("closed", vec![Step::Close], "the connection ended"),
    ] {
        let (backend, keys) = (Backend::answering("ok"), Keys::serving(&made["first"]));
        keys.now(steps);
        let gateway = Gateway::start(&config(&backend, &remote(&keys), ""));
        let answer = bring(&gateway, &made["good"]["RS256"]);
        assert_eq!(answer.status(), 503, "{name}");
        assert!(answer.text().contains("identity_busy"), "{name}: {}", answer.text());
        assert_eq!(answer.all("retry-after"), ["1"], "{name}");
        wait_until(name, || {
            gateway.stderr.all().iter().any(|line| {
                line.contains("cannot get the key set of http://") && line.contains(words)
            })
        });
        // A key of its own, or none: it is not waited for.
        assert_eq!(ask(&gateway, "/", "").status(), 401, "{name}");
        keys.now(vec![ok(&made["first"].to_string())]);
        wait_until(name, || bring(&gateway, &made["good"]["RS256"]).status() == 200);
    }
    assert_eq!(elsewhere.connections(), 0, "a redirect is not followed");
}

#[test]
fn whoever_comes_before_the_first_set_waits_a_moment() {
    let Some(made) = made(0) else { return };
    let (backend, keys) = (Backend::answering("ok"), Keys::serving(&made["first"]));
    let document = made["first"].to_string();
    keys.now(vec![Step::Wait(Duration::from_millis(500)), ok(&document)]);
    let gateway = Gateway::start(&config(&backend, &remote(&keys), ""));
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 200);

    let slow = Keys::serving(&made["first"]);
    slow.now(vec![Step::Hang]);
    let gateway = Gateway::start(&config(&backend, &remote(&slow), ""));
    let began = Instant::now();
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 503);
    assert!(began.elapsed() >= Duration::from_secs(1), "it waited {:?}", began.elapsed());
    // Others are not held up by it.
    assert_eq!(ask(&gateway, "/either", "").status(), 200);
}

#[test]
fn consumers_sign_with_their_own_keys() {
    let Some(made) = made(0) else { return };
    let backend = Backend::answering("ok");
    let shop = |pem: &Value| {
        format!(", {{ name: shop, token_keys: [{{ name: 'https://shop.example', key: {pem} }}] }}")
    };
    let own = "{ consumer_keys: true }";
    let gateway = Gateway::start(&config(&backend, own, &shop(&made["pem"])));
    let mark = backend.mark();
    assert_eq!(bring(&gateway, &made["own"]).status(), 200);
    let seen = backend.since(&mark);
    let (requests, _) = seen.last().expect("a connection").requests();
    let request = requests.last().expect("a request");
    assert_eq!(request.all("x-consumer-username"), ["shop"], "not whom `sub` names");
    assert!(request.all("x-credential-identifier")[0].starts_with("token_key-"));
    assert_eq!(bring(&gateway, &made["good"]["RS256"]).status(), 401);
    gateway.reload(&config(&backend, own, "")).expect("a good configuration");
    assert_eq!(bring(&gateway, &made["own"]).status(), 401);
    let problem = gateway.reload(&config(&backend, own, &shop(&"thin".into()))).unwrap_err();
    assert!(problem.contains("consumers[1].token_keys[0].key"), "{problem}");
}

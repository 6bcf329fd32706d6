//! Who calls, by tokens that a server is asked about, which is not always well.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use yumen_e2e::certificates::Authority;
use yumen_e2e::client::{Answer, Client, get};
use yumen_e2e::tools::{Server, Tool, free_address, have, peer, run};
use yumen_e2e::wait::wait_until;
use yumen_e2e::{Backend, Gateway};

/// How long a script may take on a very busy machine.
const PYTHON: Duration = Duration::from_secs(120);
const CLIENT: &str = "client: { id: gateway, secret: 's3cret&with=signs' }";

/// A server of tokens; `None` if there is no Python.
fn server() -> Option<(Server, SocketAddr)> {
    have(&[Tool::Python]).then(|| Server::script_with(Tool::Python, "oauth_server.py", ["0"]))
}

fn seen(server: SocketAddr) -> Value {
    serde_json::from_str(&get(server, "/seen").text()).expect("JSON")
}

fn config(backend: &Backend, introspection: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: stdout }}
consumers: [{{ name: ada, groups: [gold] }}]
services:
  - name: backend
    url: http://{}
    routes:
      - {{ name: all, policies: [{{ kind: oauth2-introspection, config: {introspection} }}] }}
      - {{ name: open, match: {{ paths: [/open] }} }}
",
        backend.authority()
    )
}

fn asking(server: SocketAddr, more: &str) -> String {
    format!("{{ endpoint: 'http://{server}/introspect', {CLIENT}, {more} }}")
}

fn ask(gateway: &Gateway, target: &str, fields: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let mut client = Client::connect(gateway.web());
    client.ask(&request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn bring(gateway: &Gateway, token: &str) -> Answer {
    ask(gateway, "/", &format!("Authorization: Bearer {token}\r\n"))
}

/// A line of the access log that has these words.
fn is_logged(gateway: &Gateway, words: &str) {
    wait_until(words, || gateway.stdout.all().iter().any(|line| line.contains(words)));
}

#[test]
fn clients_are_known_by_tokens_of_a_server() {
    let Some((_server, address)) = server() else { return };
    let backend = Backend::answering("ok");
    let more = "scopes: ['orders:read', 'orders:write'], cookies: [token], cache: 1s, strip: true, \
                claims_to_headers: { X-Scope: scope }";
    let gateway = Gateway::start(&config(&backend, &asking(address, more)));
    let urls = [format!("http://{address}"), format!("http://{}", gateway.web())];
    let script = peer("oauth_client.py").display().to_string();
    let done = run(Tool::Python, [script].into_iter().chain(urls), PYTHON).well();
    let done: Value = serde_json::from_str(&done).expect("JSON");
    let none = "Bearer realm=\"yumen\"";
    let wrong = "Bearer realm=\"yumen\", error=\"invalid_token\"";
    let twice = "Bearer realm=\"yumen\", error=\"invalid_request\"";
    let narrow =
        "Bearer realm=\"yumen\", error=\"insufficient_scope\", scope=\"orders:read orders:write\"";
    for (name, status, challenge) in [
        ("none", 401, Some(none)),
        ("good", 200, None),
        ("again", 200, None),
        ("narrow", 403, Some(narrow)),
        ("wrong", 401, Some(wrong)),
        ("elsewhere", 401, Some(none)),
        ("twice", 401, Some(twice)),
        ("revoked", 401, Some(wrong)),
    ] {
        assert_eq!(done[name]["status"], status, "{name}: {done:#}");
        assert_eq!(done[name]["challenge"].as_str(), challenge, "{name}");
        assert!(
            !done[name]["text"].as_str().unwrap().contains("active"),
            "{name}: no reason is told"
        );
    }
    let recorded = backend.recorded();
    let (requests, flaw) = recorded[0].requests();
    let request = requests.first().unwrap_or_else(|| panic!("{flaw:?}"));
    assert_eq!(request.all("x-consumer-username"), ["ada"]);
    assert_eq!(request.all("x-consumer-groups"), ["gold"]);
    assert_eq!(request.all("x-scope"), ["orders:read orders:write"]);
    assert!(request.all("authorization").is_empty());
    is_logged(&gateway, "the server says that the token is not active");
}

#[test]
fn a_hundred_requests_with_one_token_are_one_question() {
    let Some((_server, address)) = server() else { return };
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &asking(address, "timeout: 30s")));
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert_eq!(bring(&gateway, "slow-one").status(), 200));
        }
    });
    assert_eq!(seen(address)["by_token"]["slow-one"], 1);
    // Whoever asks may go away: the others are answered all the same.
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer slow-two\r\n\r\n";
    let mut first = Client::connect(gateway.web());
    assert!(first.send(request));
    wait_until("the question", || seen(address)["by_token"]["slow-two"] == 1);
    thread::scope(|scope| {
        let others: Vec<_> =
            (0..10).map(|_| scope.spawn(|| bring(&gateway, "slow-two").status())).collect();
        first.abort();
        for other in others {
            assert_eq!(other.join().expect("an answer"), 200);
        }
    });
    let asked = seen(address)["by_token"]["slow-two"].as_u64().unwrap();
    assert!((1..=2).contains(&asked), "asked {asked} times");
}

#[test]
fn a_flood_of_tokens_is_bounded_and_good_ones_stay() {
    const FLOOD: usize = 400;
    let Some((_server, address)) = server() else { return };
    let backend = Backend::answering("ok");
    let more = "at_once: 4, timeout: 30s, cache: 10m, cache_refused: 10m";
    let gateway = Gateway::start(&config(&backend, &asking(address, more)));
    assert_eq!(bring(&gateway, "steady-1").status(), 200);
    thread::scope(|scope| {
        for number in 0..FLOOD {
            let gateway = &gateway;
            scope.spawn(move || {
                assert_eq!(bring(gateway, &format!("made-up-{number}")).status(), 401);
            });
        }
        assert_eq!(bring(&gateway, "steady-1").status(), 200);
        // Whoever needs no token is not held up.
        assert_eq!(ask(&gateway, "/open", "").status(), 200);
    });
    let seen = seen(address);
    assert!(seen["most_at_once"].as_u64().unwrap() <= 4, "{seen:#}");
    assert_eq!(seen["questions"], FLOOD + 1);
    assert_eq!(seen["by_token"]["steady-1"], 1);
}

#[test]
fn who_was_good_goes_on_while_the_server_is_away() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (address, backend) = (free_address(), Backend::answering("ok"));
    let start =
        || Server::script_with(Tool::Python, "oauth_server.py", [address.port().to_string()]);
    let (server, _) = start();
    let lasting = config(&backend, &asking(address, "cache: 1s, stale: 10m"));
    let strict = config(&backend, &asking(address, "cache: 1s"));
    let (lasting, strict) = (Gateway::start(&lasting), Gateway::start(&strict));
    for gateway in [&lasting, &strict] {
        assert_eq!(bring(gateway, "steady-1").status(), 200);
    }
    drop(server);
    wait_until("the answer is too old", || bring(&strict, "steady-1").status() != 200);
    let answer = bring(&strict, "steady-1");
    assert_eq!((answer.status(), answer.all("retry-after")), (503, vec!["1".to_owned()]));
    assert!(answer.text().contains("identity_busy"), "{}", answer.text());
    is_logged(&strict, "introspection: cannot connect to ");
    for _ in 0..20 {
        assert_eq!(bring(&lasting, "steady-1").status(), 200);
    }
    assert_eq!(bring(&lasting, "steady-2").status(), 503, "it was never good");
    let (_server, _) = start();
    for gateway in [&lasting, &strict] {
        wait_until("the server is back", || bring(gateway, "steady-2").status() == 200);
    }
}

#[test]
fn a_server_that_is_not_well_lets_nobody_in() {
    let Some((server, address)) = server() else { return };
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &asking(address, "timeout: 500ms")));
    for (token, words) in [
        ("cut", "it was cut off"),
        ("giant", "the answer is larger than 65536 bytes"),
        ("twice", "a name stands in it twice"),
        ("text", "the answer does not say `active` with true or false"),
        ("hang", "no answer within 500ms"),
    ] {
        let answer = bring(&gateway, token);
        assert_eq!(answer.status(), 503, "{token}: {}", answer.text());
        is_logged(&gateway, words);
        assert!(!answer.text().contains("active"), "{}", answer.text());
    }
    // Killed while it is asked.
    let patient = Gateway::start(&config(&backend, &asking(address, "timeout: 60s")));
    thread::scope(|scope| {
        let began = Instant::now();
        let waiting = scope.spawn(|| bring(&patient, "hang").status());
        wait_until("the question", || seen(address)["by_token"]["hang"] == 2);
        drop(server);
        assert_eq!(waiting.join().expect("an answer"), 503);
        assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    });
    assert_eq!(backend.connections(), 0, "no service heard of any of them");
}

#[test]
fn whoever_does_not_know_the_gateway_is_told_of_nothing() {
    let Some((_server, address)) = server() else { return };
    let backend = Backend::answering("ok");
    let start = |who: &str| {
        let own = format!("{{ endpoint: 'http://{address}/introspect', {who} }}");
        Gateway::start(&config(&backend, &own))
    };
    for who in [
        "client: { id: gateway, secret: 's3cret&with=signs', send: body }",
        "endpoint_token: gateway-token",
    ] {
        assert_eq!(bring(&start(who), "steady-1").status(), 200, "{who}");
    }
    let stranger = start("client: { id: gateway, secret: guessed }");
    assert_eq!(bring(&stranger, "steady-1").status(), 503);
    is_logged(&stranger, "it does not know the gateway");
    // What is no token is not sent on.
    let questions = seen(address)["questions"].clone();
    let gateway = start(CLIENT);
    for (fields, status) in [
        ("Authorization: Bearer \r\n".to_owned(), 401),
        ("Authorization: Bearer a b\r\n".to_owned(), 401),
        ("Authorization: Bearer a\u{e9}\r\n".to_owned(), 401),
        ("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n".to_owned(), 401),
        (format!("Authorization: Bearer {}\r\n", "x".repeat(9000)), 431),
    ] {
        assert_eq!(ask(&gateway, "/", &fields).status(), status, "{fields}");
    }
    assert_eq!(seen(address)["questions"], questions);
}

#[test]
fn the_server_has_to_prove_who_it_is() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("ok");
    let (authority, other) = (Authority::new("good"), Authority::new("other"));
    let issued = authority.sign(&["localhost"]);
    let folder = yumen_e2e::gateway::fresh_folder("introspection");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (certificate, key) = (write("c.pem", &issued.certificate), write("k.pem", &issued.key));
    let (_server, address) =
        Server::script_with(Tool::Python, "oauth_server.py", ["0", &certificate, &key]);
    let start = |ca: &Path| {
        let port = address.port();
        let own = format!(
            "{{ endpoint: 'https://localhost:{port}/introspect', {CLIENT}, ca: '${{file:{}}}' }}",
            ca.display()
        );
        Gateway::start(&config(&backend, &own))
    };
    let good = start(Path::new(&write("good.pem", &authority.certificate)));
    assert_eq!(bring(&good, "steady-1").status(), 200);
    let wrong = start(Path::new(&write("other.pem", &other.certificate)));
    assert_eq!(bring(&wrong, "steady-1").status(), 503);
    is_logged(&wrong, "introspection: no TLS with the server");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

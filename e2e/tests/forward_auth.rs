//! A server decides who may pass: over HTTP, with servers that are well, slow, away, broken or hostile.

use std::fs;
use std::time::Duration;

use yumen_e2e::backend::{Step, ok, raw};
use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::client::{Answer, Client, SOON};
use yumen_e2e::http2::{Fate, block};
use yumen_e2e::message::Message;
use yumen_e2e::rig::{pair, put};
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::wait::wait_until;
use yumen_e2e::{Backend, Gateway, Http2, websocket};

/// A gateway whose route `/` asks as is said, and `/either` takes a key, or asks.
fn config(backend: &Backend, forward: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
consumers:
  - {{ name: ada, groups: [gold] }}
  - {{ name: shop, keys: [{{ key: shop-key-1 }}] }}
services:
  - name: backend
    url: http://{}
    routes:
      - {{ name: all, policies: [{{ kind: forward-auth, config: {{ {forward} }} }}] }}
      - name: either
        match: {{ paths: [/either] }}
        policies: [{{ kind: key-auth }}, {{ kind: forward-auth, config: {{ {forward} }} }}]
",
        backend.authority()
    )
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let mut client = Client::connect(gateway.web());
    client.ask(request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn get(gateway: &Gateway, target: &str, fields: &str) -> Answer {
    ask(gateway, &format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"))
}

/// The only request that this service got since then.
fn only(requests: impl IntoIterator<Item = Message>) -> Message {
    let mut requests: Vec<_> = requests.into_iter().collect();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0)
}

fn since(backend: &Backend, mark: &yumen_e2e::backend::Mark) -> Vec<Message> {
    backend.since(mark).iter().flat_map(|one| one.requests().0).collect()
}

/// A server that says what it likes to a bearer of `good`, and 401 to others.
fn knows_good() -> Backend {
    Backend::start(|call| {
        if call.request.all("authorization") != ["Bearer good"] {
            return vec![raw(
                "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"id\"\r\nX-Internal: secret\r\n\
                 Content-Type: text/plain\r\nContent-Length: 6\r\n\r\nlog in",
            )];
        }
        vec![raw(
            "HTTP/1.1 200 OK\r\nX-Auth-User: ada\r\nX-Auth-Role: reader\r\nX-Auth-Role: writer\r\n\
             Set-Cookie: session=2\r\nX-Internal: secret\r\nContent-Length: 2\r\n\r\nok",
        )]
    })
}

const SPOOFED: &str = "X-Auth-User: root\r\nx-auth-role: admin\r\nX-Auth-Email: root@example.com\r\n\
                       X_Auth_User: root\r\nX-Consumer-Username: root\r\n";

#[test]
fn the_service_is_told_what_the_server_says_and_nothing_else() {
    let (backend, auth) = (Backend::answering("hello"), knows_good());
    let forward = format!(
        "url: 'http://{}/verify?a=b', copy_to_service: [X-Auth-User, 'X-Auth-R*', X-Auth-Email], \
         copy_to_client: [Set-Cookie], consumer_from: x-auth-user, original: true",
        auth.authority()
    );
    let gateway = Gateway::start(&config(&backend, &forward));
    // To name a field in `Connection` takes out what the client wrote, never what the server says.
    for connection in ["", "Connection: x-auth-user, X-Auth-Role, X-Consumer-Username\r\n"] {
        let (mark, asked) = (backend.mark(), auth.mark());
        let fields = format!(
            "{SPOOFED}{connection}Authorization: Bearer good\r\nCookie: a=b\r\nX-Private: 1\r\n\
             X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Uri: /other\r\nX-Original-URL: /other\r\n"
        );
        let request =
            format!("GET /a%20b/c?x=%2F HTTP/1.1\r\nHost: shop.example:81\r\n{fields}\r\n");
        let answer = ask(&gateway, &request);
        assert_eq!((answer.status(), &*answer.text()), (200, "hello"));
        assert_eq!(answer.all("set-cookie"), ["session=2"]);
        assert!(answer.all("x-internal").is_empty());
        let request = only(since(&backend, &mark));
        assert_eq!(request.all("x-auth-user"), ["ada"], "{connection}");
        assert_eq!(request.all("x-auth-role"), ["reader", "writer"], "{connection}");
        assert_eq!(request.all("x-consumer-username"), ["ada"], "{connection}");
        assert_eq!(request.all("x-consumer-groups"), ["gold"]);
        assert_eq!(request.all("authorization"), ["Bearer good"]);
        for gone in ["x-auth-email", "x_auth_user", "x-internal"] {
            assert!(request.all(gone).is_empty(), "{gone}: {request:?}");
        }
        let inquiry = only(since(&auth, &asked));
        assert_eq!((inquiry.method(), inquiry.target()), ("GET", "/verify?a=b"));
        for (name, value) in [
            ("host", auth.authority()),
            ("authorization", "Bearer good".to_owned()),
            ("cookie", "a=b".to_owned()),
            ("x-forwarded-method", "GET".to_owned()),
            ("x-forwarded-proto", "http".to_owned()),
            ("x-forwarded-host", "shop.example:81".to_owned()),
            ("x-forwarded-uri", "/a%20b/c?x=%2F".to_owned()),
            ("x-forwarded-for", "127.0.0.1".to_owned()),
            ("x-original-url", "http://shop.example:81/a%20b/c?x=%2F".to_owned()),
            ("x-original-method", "GET".to_owned()),
        ] {
            assert_eq!(inquiry.all(name), [value], "{name}");
        }
        for unsent in ["x-private", "x-auth-user", "content-length", "connection"] {
            assert!(inquiry.all(unsent).is_empty(), "{unsent}: {inquiry:?}");
        }
        assert_eq!(inquiry.all("x-request-id"), request.all("x-request-id"));
    }
    // Whoever is known by something else brings nothing of it either.
    let mark = backend.mark();
    let answer = get(&gateway, "/either", &format!("{SPOOFED}X-API-Key: shop-key-1\r\n"));
    assert_eq!(answer.status(), 200);
    let request = only(since(&backend, &mark));
    assert_eq!(request.all("x-consumer-username"), ["shop"]);
    for gone in ["x-auth-user", "x-auth-role", "x-auth-email", "x_auth_user"] {
        assert!(request.all(gone).is_empty(), "{gone}: {request:?}");
    }
}

#[test]
fn a_refusal_is_told_to_the_client_and_the_service_hears_nothing() {
    let backend = Backend::answering("hello");
    let auth = Backend::start(|call| match call.request.all("x-forwarded-uri").concat().as_str() {
        "/login" => vec![raw(
            "HTTP/1.1 302 Found\r\nLocation: https://id.example/?rd=/login\r\nSet-Cookie: csrf=1\r\n\
             Set-Cookie: state=2; HttpOnly\r\nX-Internal: secret\r\nContent-Length: 0\r\n\r\n",
        )],
        "/packed" => {
            vec![raw("HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\
             Transfer-Encoding: chunked\r\n\r\n3\r\n\x1f\x00z\r\n0\r\n\r\n")]
        }
        _ => vec![raw("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow")],
    });
    let gateway =
        Gateway::start(&config(&backend, &format!("url: 'http://{}/'", auth.authority())));
    let answer = get(&gateway, "/login", "");
    assert_eq!((answer.status(), &*answer.text()), (302, ""));
    assert_eq!(answer.all("location"), ["https://id.example/?rd=/login"]);
    assert_eq!(answer.all("set-cookie"), ["csrf=1", "state=2; HttpOnly"]);
    assert!(answer.all("x-internal").is_empty());
    let answer = get(&gateway, "/packed", "");
    assert_eq!((answer.status(), answer.all("content-encoding")), (403, vec!["gzip".to_owned()]));
    assert_eq!(answer.text().len(), "\u{1f}\0z".len());
    let answer = get(&gateway, "/", "");
    assert_eq!((answer.status(), &*answer.text()), (429, "slow"));
    assert_eq!(answer.all("retry-after"), ["7"]);
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(&gateway, head).status(), 429);
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"path\":\"/packed\""));
    let line = line.expect("a line");
    for words in ["\"policy\":\"forward-auth\"", "the server refused it with 403"] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert_eq!(backend.connections(), 0, "a refused request opens no connection");

    // The body and all fields can be kept back.
    let forward =
        format!("url: 'http://{}/', refusal_body: false, refusal_headers: []", auth.authority());
    let gateway = Gateway::start(&config(&backend, &forward));
    let answer = get(&gateway, "/packed", "");
    assert_eq!((answer.status(), &*answer.text()), (403, ""));
    assert!(answer.all("content-encoding").is_empty() && answer.all("content-type").is_empty());
}

/// Servers that do not answer as they should: a name, and what they do.
fn unwell() -> Vec<(&'static str, Vec<Step>)> {
    let large = format!("X-Auth-User: {}\r\n", "a".repeat(1000));
    vec![
        ("slow", vec![Step::Hang]),
        ("drips", vec![Step::Drip(b"HTTP/1.1 200 OK\r\n".to_vec(), Duration::from_millis(100))]),
        ("closes", vec![Step::Close]),
        ("resets", vec![Step::Reset]),
        ("dies in the head", vec![raw("HTTP/1.1 200 OK\r\nX-Auth-User: ro"), Step::Close]),
        (
            "dies in the body",
            vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"), Step::Reset],
        ),
        ("a giant body", vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")]),
        (
            "an endless body",
            vec![
                raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                Step::Repeat(
                    b"400\r\n".iter().chain(&[b'x'; 1024]).chain(b"\r\n").copied().collect(),
                    1 << 14,
                ),
            ],
        ),
        (
            "an endless head",
            vec![raw("HTTP/1.1 200 OK\r\n"), Step::Repeat(large.into_bytes(), 4096)],
        ),
        ("interim for ever", vec![Step::Repeat(b"HTTP/1.1 103 Early\r\n\r\n".to_vec(), 1000)]),
        ("its own failure", vec![raw("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")]),
        ("not modified", vec![raw("HTTP/1.1 304 No\r\n\r\n")]),
        ("a switch", vec![raw("HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")]),
        ("no HTTP", vec![raw("220 mail.example ESMTP\r\n"), Step::Close]),
        (
            "two lengths",
            vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!")],
        ),
        // A value with a line end in it, in all its forms.
        (
            "a bare LF",
            vec![raw("HTTP/1.1 200 OK\r\nX-Auth-User: a\nX-Admin: 1\r\nContent-Length: 0\r\n\r\n")],
        ),
        (
            "a bare CR",
            vec![raw("HTTP/1.1 200 OK\r\nX-Auth-User: a\rX-Admin: 1\r\nContent-Length: 0\r\n\r\n")],
        ),
        (
            "a folded line",
            vec![raw(
                "HTTP/1.1 200 OK\r\nX-Auth-User: a\r\n X-Admin: 1\r\nContent-Length: 0\r\n\r\n",
            )],
        ),
        ("a NUL", vec![raw("HTTP/1.1 200 OK\r\nX-Auth-User: a\0b\r\nContent-Length: 0\r\n\r\n")]),
    ]
}

#[test]
fn without_an_answer_nobody_passes_unless_that_is_said() {
    let backend = Backend::answering("hello");
    for (what, steps) in unwell() {
        let auth = Backend::start(move |_| steps.clone());
        let url = format!("url: 'http://{}/', timeout: 400ms", auth.authority());
        let gateway = Gateway::start(&config(&backend, &url));
        let answer = get(&gateway, "/", SPOOFED);
        let text = answer.text();
        assert_eq!(answer.status(), 503, "{what}: {text}");
        assert!(text.contains("identity_busy"), "{what}: {text}");
        assert_eq!(answer.all("retry-after"), ["1"], "{what}");
        assert_eq!(backend.connections(), 0, "{what}");
    }
    let nobody = free_address();
    let gone = |more: &str| {
        let forward = format!("url: 'http://{nobody}/', copy_to_service: [X-Auth-User], {more}");
        Gateway::start(&config(&backend, &forward))
    };
    let gateway = gone("failure_status: 403");
    let answer = get(&gateway, "/", SPOOFED);
    assert_eq!((answer.status(), answer.all("retry-after").len()), (403, 0));
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("cannot connect to"));
    assert!(line.is_some(), "{:?}", gateway.stdout.all());
    assert_eq!(backend.connections(), 0);
    let gateway =
        gone("on_failure: allow, replace_authorization: true, consumer_from: X-Auth-User");
    let mark = backend.mark();
    let fields = format!("{SPOOFED}Authorization: Bearer x\r\n");
    assert_eq!(get(&gateway, "/", &fields).status(), 200);
    let request = only(since(&backend, &mark));
    assert_eq!(request.all("x-anonymous-consumer"), ["true"]);
    for gone in ["x-auth-user", "x-consumer-username", "authorization"] {
        assert!(request.all(gone).is_empty(), "{gone}: {request:?}");
    }
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("let in unasked"));
    assert!(line.is_some(), "{:?}", gateway.stdout.all());
}

#[test]
fn a_server_that_comes_back_is_asked_again() {
    let (backend, auth) = (Backend::answering("hello"), Backend::answering("ok"));
    let gateway =
        Gateway::start(&config(&backend, &format!("url: 'http://{}/'", auth.authority())));
    for round in 0..5 {
        assert_eq!(get(&gateway, "/", "").status(), 200, "{round}");
        // A kept connection that is gone costs nobody an answer.
        auth.sever();
    }
    let address = auth.address;
    drop(auth);
    wait_until("the server is missed", || get(&gateway, "/", "").status() == 503);
    let listener = std::net::TcpListener::bind(address).expect("the same port");
    let _auth = Backend::on(listener, |_| vec![ok("ok")]);
    wait_until("the server is back", || get(&gateway, "/", "").status() == 200);
}

#[test]
fn a_body_goes_to_the_server_and_to_the_service() {
    let (backend, auth) = (Backend::answering("hello"), Backend::answering("ok"));
    let forward = format!("url: 'http://{}/', method: same, body_max: 1KiB", auth.authority());
    let gateway = Gateway::start(&config(&backend, &forward));
    let post = |fields: &str, body: &str| {
        let head = "POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: text/x\r\n";
        ask(&gateway, &format!("{head}{fields}\r\n{body}"))
    };
    let full = "x".repeat(1024);
    let chunked = format!("400\r\n{full}\r\n0\r\n\r\n");
    for (fields, body, expect) in [
        ("Content-Length: 5\r\n", "hello", "hello"),
        ("Content-Length: 0\r\n", "", ""),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
        ("Content-Length: 1024\r\n", &full, &full),
        ("Transfer-Encoding: chunked\r\n", &chunked, &full),
        ("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello", "hello"),
    ] {
        let (mark, asked) = (backend.mark(), auth.mark());
        assert_eq!(post(fields, body).status(), 200, "{fields}");
        let (request, inquiry) = (only(since(&backend, &mark)), only(since(&auth, &asked)));
        assert_eq!((&*request.text(), &*inquiry.text()), (expect, expect), "{fields}");
        assert_eq!((inquiry.method(), request.method()), ("POST", "POST"));
        let kinds = inquiry.all("content-type");
        assert_eq!(kinds.concat(), if expect.is_empty() { "" } else { "text/x" }, "{fields}");
    }
    let (mark, asked) = (backend.mark(), auth.mark());
    let chunked = format!("401\r\n{full}x\r\n0\r\n\r\n");
    for (fields, body) in [
        ("Content-Length: 1025\r\n", format!("{full}x")),
        ("Transfer-Encoding: chunked\r\n", chunked),
    ] {
        assert_eq!(post(fields, &body).status(), 413, "{fields}");
    }
    assert!(since(&backend, &mark).is_empty() && since(&auth, &asked).is_empty());
    // Where it is not asked for, it is left to the service.
    let gateway =
        Gateway::start(&config(&backend, &format!("url: 'http://{}/'", auth.authority())));
    let (mark, asked) = (backend.mark(), auth.mark());
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(ask(&gateway, request).status(), 200);
    assert_eq!(only(since(&backend, &mark)).text(), "hello");
    let inquiry = only(since(&auth, &asked));
    assert_eq!((inquiry.method(), &*inquiry.text()), ("GET", ""));
}

#[test]
fn websockets_and_streams_are_asked_about_as_requests_are() {
    let backend = Backend::start(|call| {
        if call.request.all("upgrade").is_empty() {
            return vec![Step::Body, ok("hello")];
        }
        assert_eq!(call.request.all("x-auth-user"), ["ada"]);
        vec![raw(websocket::agreement_to(call.request)), Step::Echo]
    });
    let auth = knows_good();
    let forward =
        format!("url: 'http://{}/', send: ['*'], copy_to_service: [X-Auth-User]", auth.authority());
    let gateway = Gateway::start(&config(&backend, &forward));
    let spoofed = "\r\nX-Forwarded-Uri: /open\r\nx-forwarded-method: HEAD\r\nX-Original-URI: /open";
    let handshake =
        websocket::handshake("/chat").replace("\r\n\r\n", &format!("{spoofed}\r\n\r\n"));
    let with = |token: &str| {
        handshake.replace("\r\n\r\n", &format!("\r\nAuthorization: Bearer {token}\r\n\r\n"))
    };
    let answer = Client::connect(gateway.web()).ask(with("bad")).expect("an answer");
    assert_eq!((answer.status(), &*answer.text()), (401, "log in"));
    assert_eq!(answer.all("www-authenticate"), ["Bearer realm=\"id\""]);
    assert_eq!(backend.connections(), 0);
    let asked = auth.mark();
    let mut client = Client::connect(gateway.web());
    assert_eq!(client.ask(with("good")).expect("an answer").status(), 101);
    assert!(websocket::echoed(&mut client, "hello", SOON));
    let inquiry = only(since(&auth, &asked));
    assert_eq!((inquiry.method(), inquiry.all("upgrade").len()), ("GET", 0), "{inquiry:?}");
    assert_eq!(inquiry.all("x-forwarded-uri"), ["/chat"]);
    assert_eq!(inquiry.all("x-forwarded-method"), ["GET"]);
    assert!(inquiry.all("x-original-uri").is_empty(), "{inquiry:?}");

    let mut http2 = Http2::connect(gateway.web());
    for (token, status) in [("bad", 401), ("good", 200)] {
        let bearer = format!("Bearer {token}");
        let mut fields = yumen_e2e::http2::request("GET", "/").to_vec();
        fields.extend([("authorization", &*bearer), ("x-auth-user", "root")]);
        let mark = backend.mark();
        let stream = http2.begin(0x5, &block(&fields));
        let fate = http2.fate(stream, SOON);
        assert!(matches!(fate, Fate::Answered(came, _) if came == status), "{token}: {fate:?}");
        let seen = since(&backend, &mark);
        let users: Vec<_> = seen.iter().flat_map(|request| request.all("x-auth-user")).collect();
        assert_eq!(users.len(), usize::from(token == "good"), "{users:?}");
        assert!(users.iter().all(|user| user == "ada"), "{users:?}");
    }
    // A WebSocket on a stream is refused like any other request.
    let stream = http2.begin(0x4, &websocket::connect("/chat"));
    let fate = http2.fate(stream, SOON);
    // The status is a number that this connection has seen before: the body tells.
    assert!(matches!(&fate, Fate::Answered(_, body) if body == b"log in"), "{fate:?}");
}

#[test]
fn an_answer_that_lets_pass_is_kept_if_that_is_said() {
    let (backend, auth) = (Backend::answering("hello"), knows_good());
    let asked = || auth.recorded().iter().map(|one| one.requests().0.len()).sum::<usize>();
    let url = format!("url: 'http://{}/', copy_to_service: [X-Auth-User]", auth.authority());
    let gateway = Gateway::start(&config(&backend, &format!("{url}, cache: {{ for: 300s }}")));
    let good = "Authorization: Bearer good\r\n";
    let ways = [("/", good), ("/", good), ("/?a", good), ("/b", good), ("/b", good)];
    for (target, fields) in ways {
        let mark = backend.mark();
        assert_eq!(get(&gateway, target, &format!("{SPOOFED}{fields}")).status(), 200);
        assert_eq!(only(since(&backend, &mark)).all("x-auth-user"), ["ada"]);
    }
    assert_eq!(asked(), 3);
    for _ in 0..2 {
        assert_eq!(get(&gateway, "/", "Authorization: Bearer bad\r\n").status(), 401);
        assert_eq!(get(&gateway, "/", "").status(), 401);
    }
    assert_eq!(asked(), 7, "refusals are not kept");

    let by = "cache: { for: 1s, by: [Authorization] }";
    let gateway = Gateway::start(&config(&backend, &format!("{url}, {by}")));
    let before = asked();
    for target in ["/", "/b", "/c?d"] {
        assert_eq!(get(&gateway, target, good).status(), 200);
        assert_eq!(get(&gateway, target, "Authorization: Bearer bad\r\n").status(), 401);
    }
    let known = asked() - before - 3;
    assert!((1..=3).contains(&known), "{known}");
    let before = asked();
    wait_until("the answer is forgotten", || {
        get(&gateway, "/", good).status() == 200 && asked() > before
    });
    // What one client is told is not told to the next one.
    let cookie = format!("{url}, cache: {{ for: 300s }}, copy_to_client: [Set-Cookie]");
    let gateway = Gateway::start(&config(&backend, &cookie));
    let before = asked();
    for _ in 0..3 {
        assert_eq!(get(&gateway, "/", good).all("set-cookie"), ["session=2"]);
    }
    assert_eq!(asked() - before, 3);
}

#[test]
fn who_is_no_consumer_or_sends_two_tokens_does_not_pass() {
    let (backend, auth) = (Backend::answering("hello"), knows_good());
    let url = format!("url: 'http://{}/'", auth.authority());
    let good = "Authorization: Bearer good\r\n";
    let unknown = format!("{url}, consumer_from: X-Auth-Email");
    let gateway = Gateway::start(&config(&backend, &unknown));
    assert_eq!(get(&gateway, "/", good).status(), 403);
    let several = format!("{url}, consumer_from: X-Auth-Role");
    assert_eq!(get(&Gateway::start(&config(&backend, &several)), "/", good).status(), 403);
    let gateway = Gateway::start(&config(&backend, &url));
    let asked = auth.mark();
    let two = format!("{good}{good}");
    assert_eq!(get(&gateway, "/", &two).status(), 400);
    assert!(since(&auth, &asked).is_empty());
    assert_eq!(backend.connections(), 0);
    // A server that is asked about some only.
    let some = format!("{url}, only_with: [Authorization], challenge: 'Bearer realm=\"x\"'");
    let gateway = Gateway::start(&config(&backend, &some));
    let answer = get(&gateway, "/either", "");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.all("www-authenticate").len(), 2, "{answer:?}");
    assert!(since(&auth, &asked).is_empty());
    assert_eq!(get(&gateway, "/either", good).status(), 200);
}

#[test]
fn the_token_of_the_server_takes_the_place_of_the_clients() {
    let backend = Backend::answering("hello");
    let auth = Backend::start(|call| match call.request.target() {
        "/prefix/a?b" => {
            vec![raw("HTTP/1.1 204 Ok\r\nAuthorization: Bearer inner\r\nX-Level: 3\r\n\r\n")]
        }
        _ => vec![raw("HTTP/1.1 200 Ok\r\nContent-Length: 0\r\n\r\n")],
    });
    let forward = format!(
        "url: 'http://{}/prefix/', append_path: true, replace_authorization: true, \
         headers: {{ X-Gateway-Token: s3cret }}, claims: {{ level: X-Level }}",
        auth.authority()
    );
    let rules = "kind: rules, config: { allow: [{ when: 'claims.level == \"3\"' }] }";
    let yaml = config(&backend, &forward)
        .replace("{ name: all, policies: [", &format!("{{ name: all, policies: [{{ {rules} }}, "));
    let gateway = Gateway::start(&yaml);
    let (mark, asked) = (backend.mark(), auth.mark());
    let fields = "Authorization: Bearer outer\r\nX-Gateway-Token: spoofed\r\n";
    assert_eq!(get(&gateway, "/a?b", fields).status(), 200);
    assert_eq!(only(since(&backend, &mark)).all("authorization"), ["Bearer inner"]);
    assert_eq!(only(since(&auth, &asked)).all("x-gateway-token"), ["s3cret"]);
    let mark = backend.mark();
    assert_eq!(get(&gateway, "/either", fields).status(), 200);
    assert!(only(since(&backend, &mark)).all("authorization").is_empty());
    assert_eq!(get(&gateway, "/other", fields).status(), 403, "without the claim");
}

/// A server that a person would set up: nginx with users and passwords.
#[test]
fn nginx_decides_by_its_users() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let (_nginx, address) = Server::nginx(
        "server { listen LISTEN; root FOLDER; location = /verify { auth_basic orders; \
         auth_basic_user_file FOLDER/users; add_header X-Auth-User $remote_user; \
         if_modified_since off; try_files /ok =404; } }",
        |folder| {
            fs::write(folder.join("users"), "ada:{PLAIN}opensesame\n").expect("a file");
            fs::write(folder.join("ok"), "ok").expect("a file");
        },
    );
    let backend = Backend::answering("hello");
    let forward = format!(
        "url: 'http://{address}/verify', send: ['*'], copy_to_service: [X-Auth-User], \
         consumer_from: X-Auth-User"
    );
    let gateway = Gateway::start(&config(&backend, &forward));
    for _ in 0..20 {
        let mark = backend.mark();
        // What would make nginx answer with 206 or 304 does not come to it.
        let fields = "Authorization: Basic YWRhOm9wZW5zZXNhbWU=\r\nRange: bytes=0-0\r\n\
                      If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n";
        assert_eq!(get(&gateway, "/", fields).status(), 200);
        let request = only(since(&backend, &mark));
        assert_eq!(request.all("x-consumer-username"), ["ada"]);
        assert_eq!(request.all("range"), ["bytes=0-0"]);
    }
    let answer = get(&gateway, "/", "Authorization: Basic YWRhOndyb25n\r\n");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.all("www-authenticate"), ["Basic realm=\"orders\""]);
    assert!(answer.text().contains("401 Authorization Required"), "{}", answer.text());
}

/// A server that shows a certificate, and wants to see one.
#[test]
fn tls_says_who_the_server_is_and_who_asks() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let authority = Authority::new("house");
    let own = authority.sign(&["localhost"]);
    let shown =
        authority.sign_unusual(&["gateway"], Unusual { client: true, ..Unusual::default() });
    let (nginx, address) = Server::nginx(
        "server { listen LISTEN ssl; ssl_certificate FOLDER/own.pem; ssl_certificate_key FOLDER/own.key; \
         ssl_client_certificate FOLDER/ca.pem; ssl_verify_client on; location / { return 200; } }",
        |folder| {
            put(folder, "own", &own);
            put(folder, "shown", &shown);
            fs::write(folder.join("ca.pem"), &authority.certificate).expect("a file");
        },
    );
    let backend = Backend::answering("hello");
    let url = format!("url: 'https://localhost:{}/', timeout: 30s", address.port());
    let folder = nginx.folder();
    let ca = format!("ca: '${{file:{}/ca.pem}}'", folder.display());
    let pair = pair(folder, "shown");
    let pair = pair.trim_matches(['{', '}', ' ']);
    // Without a certificate of its own, nginx answers 400; without the authority, nobody is believed.
    for (trust, status) in
        [(format!("{ca}, {pair}"), 200), (ca.clone(), 400), (pair.to_owned(), 503)]
    {
        let gateway = Gateway::start(&config(&backend, &format!("{url}, {trust}")));
        assert_eq!(get(&gateway, "/", "").status(), status, "{trust}: {:?}", gateway.stdout.all());
    }
    assert_eq!(backend.connections(), 1);
}

/// A new cookie is not lost because the service fails.
#[test]
fn what_the_client_is_told_comes_with_a_failure_too() {
    let (backend, auth) = (Backend::answering("hello"), knows_good());
    let forward = format!("url: 'http://{}/', copy_to_client: [Set-Cookie]", auth.authority());
    let gateway = Gateway::start(&config(&backend, &forward));
    drop(backend);
    let answer = get(&gateway, "/", "Authorization: Bearer good\r\n");
    assert!(matches!(answer.status(), 502..=504), "{answer:?}");
    assert_eq!(answer.all("set-cookie"), ["session=2"]);
}

/// One inquiry may be under way, four wait, and the sixth is told at once.
#[test]
fn only_so_many_wait_for_a_server_that_hangs() {
    let (backend, auth) = (Backend::answering("hello"), Backend::start(|_| vec![Step::Hang]));
    let forward = format!("url: 'http://{}/', at_once: 1, timeout: 60s", auth.authority());
    let gateway = Gateway::start(&config(&backend, &forward));
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(gateway.web())).collect();
    for client in &mut clients {
        assert!(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    wait_until("one is told", || {
        let told = |client: &mut Client| {
            client.fill(Duration::from_millis(20));
            client.buffer.starts_with(b"HTTP/1.1 503 ")
        };
        clients.iter_mut().filter_map(|client| told(client).then_some(())).count() == 1
    });
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("too many requests wait"));
    assert!(line.is_some(), "{:?}", gateway.stdout.all());
    assert_eq!((auth.connections(), backend.connections()), (1, 0));
    // Whoever goes away leaves their place to others.
    clients.into_iter().for_each(Client::abort);
    wait_until("there is a place again", || {
        let mut client = Client::connect(gateway.web());
        assert!(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.fill(Duration::from_millis(200));
        let waits = client.buffer.is_empty();
        client.abort();
        waits
    });
}

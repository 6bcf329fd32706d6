//! Decisions by a server of Open Policy Agent: what it is asked, what becomes of its answers, and what happens
//! without them. The server is a stand-in that speaks the documented API.

use serde_json::{Value, json};
use yumen_e2e::backend::{Step, ok, raw};
use yumen_e2e::client::{Answer, Client, SOON};
use yumen_e2e::message::Message;
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::wait::wait_until;
use yumen_e2e::{Backend, Gateway};

fn config(backend: &Backend, opa: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
consumers:
  - {{ name: ada, external_id: '7', groups: [gold], tags: [eu], keys: [{{ key: ada-key-12 }}] }}
services:
  - name: backend
    url: http://{}
    routes:
      - name: all
        policies:
          - {{ kind: key-auth }}
          - {{ kind: anonymous }}
          - {{ kind: opa, config: {{ {opa} }} }}
",
        backend.authority()
    )
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let mut client = Client::connect(gateway.web());
    client.ask(request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn send(gateway: &Gateway, method: &str, target: &str, fields: &str) -> Answer {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    ask(gateway, &format!("{head}{fields}\r\n"))
}

fn seen(backend: &Backend) -> Vec<Message> {
    backend.recorded().iter().flat_map(|one| one.requests().0).collect()
}

/// What the server was asked.
fn asked(server: &Server, count: usize) -> Vec<Value> {
    let all = || {
        let said = server.said();
        let asked = said.iter().filter_map(|line| line.strip_prefix("asked "));
        asked.map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    wait_until("the inquiry is told", || all().len() >= count);
    all()
}

#[test]
fn a_decision_depends_on_the_whole_request() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (server, address) = Server::script(Tool::Python, "opa.py");
    let backend = Backend::answering("hello");
    let opa = format!(
        "url: 'http://{address}/v1/data/http/authz', timeout: 30s, input_headers: [X-Tenant], \
         headers: {{ Authorization: Bearer s3cret }}, context: {{ area: shop }}, \
         copy_to_service: ['X-Opa-*'], copy_to_client: [X-Left]"
    );
    let gateway = Gateway::start(&config(&backend, &opa));
    let fields = "X-API-Key: ada-key-12\r\nX-Tenant: t1\r\nX-Opa-Role: admin\r\nX-Opa-Other: 1\r\n";
    let answer = send(&gateway, "GET", "/a%20b/c?x=1&x=%2F&y", fields);
    assert_eq!((answer.status(), &*answer.text()), (200, "hello"), "{:?}", gateway.stdout.all());
    assert_eq!(answer.all("x-left"), ["5"]);
    let request = seen(&backend).remove(0);
    assert_eq!(request.all("x-opa-role"), ["reader", "writer"]);
    assert_eq!(request.all("host"), [backend.authority()]);
    assert!(request.all("x-opa-other").is_empty() && request.all("x-unlisted").is_empty());
    let inquiry = asked(&server, 1).remove(0);
    assert_eq!(inquiry["fields"]["authorization"], "Bearer s3cret");
    assert_eq!(inquiry["fields"]["content-type"], "application/json");
    let expect = json!({
        "request": {
            "method": "GET", "scheme": "http", "host": "a", "path": "/a%20b/c",
            "segments": ["a b", "c"], "query": "x=1&x=%2F&y",
            "parameters": { "x": ["1", "/"], "y": [""] },
            "headers": { "x-tenant": "t1" }, "protocol": "HTTP/1.1",
        },
        "client": { "address": "127.0.0.1" },
        "consumer": { "name": "ada", "external_id": "7", "groups": ["gold"], "tags": ["eu"] },
        "credential": inquiry["input"]["credential"],
        "identified_by": "key-auth", "is_anonymous": false, "claims": {}, "tls": null,
        "route": "all", "service": "backend", "context": { "area": "shop" },
    });
    assert_eq!(inquiry["input"], expect);
    assert!(inquiry["input"]["credential"].as_str().expect("text").starts_with("key-"));

    let before = backend.connections();
    let answer = send(&gateway, "GET", "/admin", "");
    assert_eq!(answer.status(), 401);
    assert!(answer.text().contains("Admins only."), "{}", answer.text());
    assert_eq!(answer.all("www-authenticate"), ["Bearer realm=\"admin\""]);
    assert!(answer.all("x-internal").is_empty());
    let two = "X-Tenant: t1\r\nX-Tenant: t2\r\n";
    assert_eq!(send(&gateway, "GET", "/", two).status(), 403);
    assert_eq!(backend.connections(), before, "a refused request opens no connection");
    assert_eq!(asked(&server, 2).len(), 2);
}

#[test]
fn only_a_yes_is_a_yes() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_server, address) = Server::script(Tool::Python, "opa.py");
    let backend = Backend::answering("hello");
    let with = |path: &str| {
        let opa = format!("url: 'http://{address}/v1/data/{path}', timeout: 30s");
        Gateway::start(&config(&backend, &opa))
    };
    let gateway = with("http/allow");
    assert_eq!(send(&gateway, "GET", "/", "").status(), 200);
    let before = backend.connections();
    let answer = send(&gateway, "DELETE", "/", "");
    assert_eq!((answer.status(), answer.text().contains("\"forbidden\"")), (403, true));
    let gateway = with("http/undefined");
    assert_eq!(send(&gateway, "GET", "/", "").status(), 403);
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("the decision is undefined"));
    assert!(line.is_some(), "{:?}", gateway.stdout.all());
    for path in ["http/number", "http/bare", "http/broken", "http/giant"] {
        let answer = send(&with(path), "GET", "/", "");
        assert_eq!(
            (answer.status(), answer.text().contains("authorization_busy")),
            (503, true),
            "{path}"
        );
    }
    assert_eq!(send(&with("http/nothing"), "GET", "/", "").status(), 403);
    assert_eq!(backend.connections(), before);
    let gateway = with("http/undefined");
    assert_eq!(send(&gateway, "GET", "/", "X-API-Key: ada-key-12\r\n").status(), 200);
}

#[test]
fn without_a_decision_nobody_passes_unless_that_is_said() {
    let backend = Backend::answering("hello");
    for (what, step) in [
        ("slow", Step::Hang),
        ("resets", Step::Reset),
        ("no JSON", ok("yes")),
        ("half", raw("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"result\":true")),
        ("an error", raw("HTTP/1.1 500 Oh\r\nContent-Length: 15\r\n\r\n{\"result\":true}")),
        ("a redirect", raw("HTTP/1.1 307 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")),
    ] {
        let server = Backend::start(move |_| vec![Step::Body, step.clone()]);
        let opa = format!("url: 'http://{}/v1/data/a', timeout: 400ms", server.authority());
        let gateway = Gateway::start(&config(&backend, &opa));
        let answer = send(&gateway, "GET", "/", "");
        assert_eq!(
            (answer.status(), answer.all("retry-after")),
            (503, vec!["1".to_owned()]),
            "{what}"
        );
        assert_eq!(backend.connections(), 0, "{what}");
    }
    let url = format!("url: 'http://{}/v1/data/a'", free_address());
    let gateway = Gateway::start(&config(&backend, &format!("{url}, failure_status: 500")));
    assert_eq!(send(&gateway, "GET", "/", "").status(), 500);
    assert_eq!(backend.connections(), 0);
    let allow = format!("{url}, on_failure: allow, copy_to_service: [X-Opa-Role]");
    let gateway = Gateway::start(&config(&backend, &allow));
    assert_eq!(send(&gateway, "GET", "/", "X-Opa-Role: admin\r\n").status(), 200);
    assert!(seen(&backend).remove(0).all("x-opa-role").is_empty());
}

#[test]
fn a_decision_is_kept_for_the_same_input_if_that_is_said() {
    let backend = Backend::answering("hello");
    let server = Backend::start(|call| {
        let may = call.request.text().contains("\"GET\"");
        vec![Step::Body, ok(&json!({ "result": may }).to_string())]
    });
    let count = || server.recorded().iter().map(|one| one.requests().0.len()).sum::<usize>();
    let opa = format!("url: 'http://{}/v1/data/a', cache: {{ for: 300s }}", server.authority());
    let gateway = Gateway::start(&config(&backend, &opa));
    let key = "X-API-Key: ada-key-12\r\n";
    for (method, target, fields, status, asked) in [
        ("GET", "/", "", 200, 1),
        ("GET", "/", "", 200, 1),
        ("GET", "/", key, 200, 2),
        ("GET", "/?a", "", 200, 3),
        ("DELETE", "/", "", 403, 4),
        ("DELETE", "/", "", 403, 4),
        ("GET", "/", key, 200, 4),
    ] {
        assert_eq!(send(&gateway, method, target, fields).status(), status, "{method} {target}");
        assert_eq!(count(), asked, "{method} {target}");
    }
}

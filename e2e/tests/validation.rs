//! Requests that are looked into: what of them is refused, with real clients, and what the service gets.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::tools::{Tool, have, peer, run};
use yumen_e2e::{Answer, Backend, Client, Gateway, Message, SOON};

/// Python takes its time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const ORDERS: &str = "
openapi: 3.0.3
info: { title: Orders, version: '1' }
paths:
  /orders:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer, maximum: 100 } }
        - { name: state, in: query, schema: { type: array, items: { type: string, enum: [open, paid] } } }
    post:
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: '#/components/schemas/Order' } }
          application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Order' } }
  /orders/{id}:
    get: { parameters: [{ name: id, in: path, required: true, schema: { type: integer } }] }
components:
  schemas:
    Order:
      type: object
      required: [item]
      properties: { item: { type: string }, count: { type: integer, minimum: 1 } }
";

fn config(backend: &Backend, document: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes:
      - name: limits
        match: {{ paths: [/limits] }}
        policies: [{{ kind: threat-limits, config: {{ other: refuse }} }}]
      - name: graphql
        match: {{ paths: [/graphql] }}
        policies: [{{ kind: threat-limits, config: {{ graphql: {{ depth: 3 }} }} }}]
      - name: report
        match: {{ paths: [/report] }}
        policies:
          - kind: request-validation
            config: {{ mode: report, body_max: 256KiB, body: {{ schema: {{ properties: {{ item: {{ type: string }} }} }} }} }}
      - name: all
        policies:
          - kind: request-validation
            config: {{ openapi: '${{file:{document}}}', strict: {{ query: true }}, body_max: 256KiB }}
",
        backend.authority()
    )
}

fn requests(backend: &Backend) -> Vec<Message> {
    backend.recorded().iter().flat_map(|one| one.requests().0).collect()
}

/// What the clients are told, in the order in which they ask.
const TOLD: &[&str] = &[
    "small 200",
    "large 200",
    "chunked 200",
    "empty 400 invalid_request body:",
    "empty_chunked 400 invalid_request body:",
    "wrong 400 invalid_request body: body:/count",
    "wrong_chunked 400 invalid_request body:/count",
    "twice 400 invalid_request body:/item",
    "huge 413 body_too_large",
    "huge_chunked 413 body_too_large",
    "packed 415 media_type_refused",
    "other_type 415 media_type_refused",
    "form 200",
    "form_wrong 400 invalid_request body:/count",
    "query 200",
    "query_wrong 400 invalid_request query:limit query:state/0 query:more",
    "path 200",
    "path_wrong 400 invalid_request path:id",
    "no_path 404 no_operation",
    "no_method 405 GET, POST",
    "slow 200",
    "slow_wrong 400",
    "cut True",
    "problem application/problem+json True",
    "text text/plain; charset=utf-8 True",
    "page text/html; charset=utf-8 True",
    "limits_good 200",
    "limits_deep 400 too_complex body:/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0",
    "limits_deep_chunked 400 too_complex body:/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0",
    "limits_xml 200",
    "limits_bomb 400 invalid_request body:",
    "limits_other 415 media_type_refused",
    "graphql 200",
    "graphql_deep 400 too_complex body:/query",
    "graphql_get 400 too_complex query:query",
    "report 200",
    "report_huge 200",
    "h2_small 200",
    "h2_pieces 200",
    "h2_wrong 400 invalid_request body:/count",
    "h2_deep 400 too_complex body:/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0",
    "h2_query 400 invalid_request query:limit",
];

#[test]
fn clients_are_told_what_is_wrong_and_the_service_gets_the_rest() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("hello");
    let folder = fresh_folder("validated");
    let document = folder.join("orders.yaml");
    fs::write(&document, ORDERS).expect("a file");
    let gateway = Gateway::start(&config(&backend, &document.display().to_string()));
    let arguments = [peer("validated.py").display().to_string(), gateway.web().to_string()];
    let told = run(Tool::Python, arguments, PATIENCE).well();
    let told: Vec<&str> = told.lines().map(str::trim_end).collect();
    assert_eq!(told, TOLD);
    // What is let in comes to the service byte for byte.
    let order = |size: usize| format!("{{\"item\": \"{}\"}}", "x".repeat(size)).into_bytes();
    let mut expect = vec![
        order(5),
        order(200_000),
        order(150_000),
        b"item=a+b&count=3".to_vec(),
        Vec::new(),
        Vec::new(),
        order(5),
        b"{\"a\": [1, 2, 3]}".to_vec(),
        b"<a>x</a>".to_vec(),
        b"{\"query\": \"{a{b}}\"}".to_vec(),
        b"{\"item\": 7}".to_vec(),
        order(300_000),
        order(6),
        order(150_001),
    ];
    let mut seen: Vec<Vec<u8>> = requests(&backend).into_iter().map(|one| one.body).collect();
    seen.sort_unstable();
    expect.sort_unstable();
    assert!(seen == expect, "{:?}", seen.iter().map(Vec::len).collect::<Vec<_>>());
    // Who only reports says so in the log, and counts.
    let reported = |line: &str| {
        line.contains("\"what\":\"reported\"") && line.contains("invalid_request: body /item")
    };
    assert!(gateway.stdout.wait(0, SOON, reported).is_some(), "{:?}", gateway.stdout.all());
    let metrics = yumen_e2e::client::get(gateway.status(), "/metrics").text();
    for line in [
        "yumen_policy_decisions_total{policy=\"request-validation\",decision=\"reported\",code=\"invalid_request\"} 1",
        "yumen_policy_decisions_total{policy=\"request-validation\",decision=\"reported\",code=\"body_too_large\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn curl_is_invited_to_send_only_what_may_be_good() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let folder = fresh_folder("invited");
    let document = folder.join("orders.yaml");
    fs::write(&document, ORDERS).expect("a file");
    let gateway = Gateway::start(&config(&backend, &document.display().to_string()));
    let body = folder.join("body.json");
    fs::write(&body, format!("{{\"item\": \"{}\"}}", "x".repeat(100_000))).expect("a file");
    let ask = |more: &[&str], path: &str| {
        let (url, data) =
            (format!("http://{}{path}", gateway.web()), format!("@{}", body.display()));
        let usual =
            ["-s", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "--data-binary", &data];
        let arguments: Vec<&str> =
            usual.into_iter().chain(more.iter().copied()).chain([url.as_str()]).collect();
        run(Tool::Curl, arguments, PATIENCE).well()
    };
    let json = ["-H", "Content-Type: application/json", "-H", "Expect: 100-continue"];
    let length = fs::metadata(&body).expect("a file").len();
    assert_eq!(ask(&json, "/orders"), format!("200 {length}"));
    // Its head is enough to refuse it: none of the body is sent.
    let text =
        ["-H", "Content-Type: text/csv", "-H", "Expect: 100-continue", "--expect100-timeout", "60"];
    assert_eq!(ask(&text, "/orders"), "415 0");
    assert_eq!(ask(&json, "/nowhere"), "404 0");
    let chunked = ["-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked"];
    assert!(ask(&chunked, "/orders").starts_with("200 "));
    let two = ["--http2-prior-knowledge", "-H", "Content-Type: application/json"];
    assert_eq!(ask(&two, "/orders"), format!("200 {length}"));
    // One that is too large, which is known from its length, or seen as it comes.
    fs::write(&body, format!("{{\"item\": \"{}\"}}", "x".repeat(300_000))).expect("a file");
    for more in [&json[..2], &chunked[..]] {
        assert!(ask(more, "/orders").starts_with("413 "), "{more:?}");
    }
    let sizes: Vec<usize> = requests(&backend).iter().map(|one| one.body.len()).collect();
    assert_eq!(sizes, [100_012; 3]);
    let _left = fs::remove_dir_all(folder);
}

fn get(gateway: &Gateway, target: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    Client::connect(gateway.web()).ask(request).expect("an answer")
}

#[test]
fn a_document_that_changes_is_taken_up_and_a_broken_one_is_not() {
    let backend = Backend::answering("hello");
    let folder = fresh_folder("documents");
    let document = folder.join("orders.yaml");
    fs::write(&document, ORDERS).expect("a file");
    let yaml = config(&backend, &document.display().to_string());
    let gateway = Gateway::start(&yaml);
    assert_eq!(get(&gateway, "/orders?limit=99").status(), 200);
    let answer = get(&gateway, "/orders?limit=101");
    let told: Value = serde_json::from_str(&answer.text()).expect("JSON");
    assert_eq!(answer.status(), 400);
    assert_eq!(told["violations"][0]["at"], "limit", "{told}");
    fs::write(&document, ORDERS.replace("maximum: 100", "maximum: 1000")).expect("a file");
    gateway.reload(&format!("{yaml}# another\n")).expect("a reload");
    assert_eq!(get(&gateway, "/orders?limit=101").status(), 200);
    fs::write(&document, ORDERS.replace("maximum: 100", "pattern: '(?=a)b'")).expect("a file");
    let refused = gateway.reload(&yaml).unwrap_err();
    assert!(refused.contains("schema/pattern: the pattern cannot be looked at"), "{refused}");
    assert_eq!(get(&gateway, "/orders?limit=101").status(), 200);
    let _left = fs::remove_dir_all(folder);
}

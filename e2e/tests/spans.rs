//! Spans, as a collector that is not ours takes them, by the official messages.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yumen_e2e::certificates::Authority;
use yumen_e2e::client::get;
use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::plain::one_service;
use yumen_e2e::tools::{Server, Tool, free_address, have, run};
use yumen_e2e::{Backend, Client, Collector, Gateway, Http2, SOON, Step, ok, raw};

/// Longer than anything takes on a busy machine, with a batch each second.
const LONG: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// One service whose routes are `/x/*` and `/y`.
fn config(service: &str, tracing: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', trusted_proxies: [127.0.0.0/8] }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
{service}
    routes:
      - {{ name: things, match: {{ paths: ['/x/*'] }} }}
      - {{ name: other, match: {{ paths: ['/y', '/z'] }} }}
{tracing}
"
    )
}

fn url(backend: &Backend) -> String {
    format!("    url: http://{}", backend.authority())
}

fn ask(gateway: &Gateway, path: &str, fields: &str) -> u16 {
    let mut client = Client::connect(gateway.web());
    let request = format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n{fields}\r\n");
    client.ask(&request).expect("an answer").status()
}

fn metric(gateway: &Gateway, name: &str) -> f64 {
    let text = get(gateway.status(), "/metrics").text();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// Waits until a figure is as large.
fn reaches(gateway: &Gateway, name: &str, least: f64) {
    let deadline = Instant::now() + LONG;
    while metric(gateway, name) < least {
        assert!(Instant::now() < deadline, "{name} stays at {}", metric(gateway, name));
        // It is counted when a request has ended, which nobody tells us.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_server(span: &Value) -> bool {
    span["kind"] == "SPAN_KIND_SERVER"
}

/// The span of the exchange with this path, and those of its attempts.
fn exchange(spans: &[Value], path: &str) -> Option<(Value, Vec<Value>)> {
    let whole =
        spans.iter().find(|span| span["attributes"]["url.path"] == path && is_server(span))?;
    let below = |span: &&Value| span["parentSpanId"] == whole["spanId"];
    Some((whole.clone(), spans.iter().filter(below).cloned().collect()))
}

fn time(span: &Value, key: &str) -> u64 {
    span[key].as_str().and_then(|text| text.parse().ok()).expect("nanoseconds")
}

#[test]
fn an_exchange_is_told_by_the_conventions() {
    if !have(&[Tool::Python]) {
        return;
    }
    let collector = Collector::start([] as [&str; 0]);
    let service = Backend::start(|call| match (call.connection, call.nth) {
        (0, 0) => vec![Step::Body, raw("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
        _ => vec![Step::Body, ok("fine")],
    });
    let service_settings =
        format!("{}\n    retries: {{ attempts: 1, statuses: [503] }}", url(&service));
    let tracing = format!(
        "tracing: {{ url: 'http://{}', headers: {{ x-key: abc }}, service_name: edge,
           attributes: {{ deployment.environment.name: test }} }}",
        collector.http
    );
    let gateway = Gateway::start(&config(&service_settings, &tracing));
    let fields =
        format!("User-Agent: tester\r\ntraceparent: 00-{TRACE}-{SPAN}-01\r\ntracestate: a=1\r\n");
    assert_eq!(ask(&gateway, "/x/1?page=2&token=s3cret", &fields), 200);
    let spans = collector.wait("traces", LONG, |spans| spans.len() >= 3);
    let (whole, attempts) = exchange(&spans, "/x/1").expect("a span of the exchange");
    assert_eq!((&whole["traceId"], &whole["parentSpanId"]), (&json!(TRACE), &json!(SPAN)));
    assert_eq!((&whole["name"], &whole["traceState"]), (&json!("GET /x/*"), &json!("a=1")));
    // Sampled, and it is known that the parent is somebody else's.
    assert_eq!(whole["flags"], json!(0x301));
    assert!(whole["status"].get("code").is_none(), "{whole}");
    assert_eq!(
        whole["resource"],
        json!({
            "service.name": "edge",
            "service.version": env!("CARGO_PKG_VERSION"),
            "deployment.environment.name": "test",
        })
    );
    assert_eq!(whole["scope"]["name"], "yumen");
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("/x/1")).expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["trace_id"], TRACE);
    assert_eq!((&line["span_id"], &line["sampled"]), (&whole["spanId"], &json!(true)));
    assert_eq!(
        whole["attributes"],
        json!({
            "http.request.method": "GET",
            "http.route": "/x/*",
            "url.path": "/x/1",
            "url.query": "page=2&token=***",
            "url.scheme": "http",
            "server.address": "test.example",
            "network.protocol.version": "1.1",
            "client.address": "127.0.0.1",
            "user_agent.original": "tester",
            "http.response.status_code": 200,
            "http.request.body.size": 0,
            "http.response.body.size": 4,
            "yumen.request_id": line["request_id"],
            "yumen.revision": 1,
            "yumen.answered_by": "upstream",
            "yumen.listener": "web",
            "yumen.route": "things",
            "yumen.service": "backend",
        })
    );
    let [first, second] = attempts.as_slice() else { panic!("two attempts: {attempts:?}") };
    assert_eq!((&first["name"], &first["kind"]), (&json!("GET"), &json!("SPAN_KIND_CLIENT")));
    assert_eq!(first["status"]["code"], "STATUS_CODE_ERROR");
    assert!(second["status"].get("code").is_none());
    let port = i64::from(service.address.port());
    assert_eq!(first["attributes"]["error.type"], "503");
    for (attempt, status) in [(first, 503), (second, 200)] {
        let told = &attempt["attributes"];
        assert_eq!(
            (&told["server.address"], &told["server.port"]),
            (&json!("127.0.0.1"), &json!(port))
        );
        assert_eq!(told["http.response.status_code"], status);
        assert_eq!(told["yumen.attempt.end"], "answered");
        assert_eq!(attempt["traceId"], TRACE);
        assert!(time(&whole, "startTimeUnixNano") <= time(attempt, "startTimeUnixNano"));
        assert!(time(attempt, "endTimeUnixNano") <= time(&whole, "endTimeUnixNano"));
    }
    assert_eq!(second["attributes"]["http.request.resend_count"], 1);
    assert!(time(first, "endTimeUnixNano") <= time(second, "startTimeUnixNano"));
    let told: Vec<String> = service
        .recorded()
        .iter()
        .flat_map(|one| one.requests().0)
        .map(|request| request.one("traceparent").to_owned())
        .collect();
    let expect = [first, second]
        .map(|one| format!("00-{TRACE}-{}-01", one["spanId"].as_str().expect("an id")));
    assert_eq!(told, expect);
    assert!(collector.requests().iter().all(|request| request["fields"]["x-key"] == "abc"));
    reaches(&gateway, "yumen_spans_sent_total", 3.0);
}

/// The same over gRPC with TLS, packed; and a call of gRPC as what is told of.
#[test]
fn calls_are_told_of_by_a_call() {
    if !have(&[Tool::Python]) {
        return;
    }
    let folder = fresh_folder("collector");
    let authority = Authority::new("collectors");
    let issued = authority.sign(&["127.0.0.1", "localhost"]);
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let (chain, key) = (file("chain.pem", &issued.certificate), file("key.pem", &issued.key));
    let ca = file("ca.pem", &authority.certificate);
    let collector = Collector::start(["--certificate", &chain, "--key", &key, "--fail", "1"]);
    let (_service, at) = Server::script(Tool::Python, "grpc_server.py");
    let tracing = format!(
        "tracing: {{ url: 'https://localhost:{}', protocol: grpc, gzip: true, ca: '${{file:{ca}}}' }}",
        collector.calls.port()
    );
    let service = format!("    url: http://{at}\n    protocol: http2");
    let text = config(&service, &tracing).replace("'/x/*'", "'/test.Test/*'");
    let gateway = Gateway::start(&text);
    let call = "import grpc, sys\nchannel = grpc.insecure_channel(sys.argv[1])\n\
                print(channel.unary_unary('/test.Test/Echo')(b'hello', timeout=60))";
    let web = gateway.web().to_string();
    assert_eq!(run(Tool::Python, ["-c", call, &web], LONG).well().trim(), "b'hello'");
    let spans = collector.wait("traces", LONG, |spans| spans.iter().any(is_server));
    let call = spans.iter().find(|span| span["attributes"]["rpc.service"] == "test.Test");
    let call = call.unwrap_or_else(|| panic!("a call: {spans:#?}"));
    let told = &call["attributes"];
    assert_eq!(
        (&told["rpc.system"], &told["network.protocol.version"]),
        (&json!("grpc"), &json!("2"))
    );
    assert_eq!((&told["rpc.method"], &told["rpc.grpc.status_code"]), (&json!("Echo"), &json!(0)));
    assert_eq!(call["traceId"], told["yumen.request_id"], "a trace that begins here");
    assert!(call.get("parentSpanId").is_none_or(|parent| parent == ""), "{call}");
    let requests = collector.requests();
    assert!(requests.iter().all(|one| one["via"] == "grpc" && one.get("fault").is_none()));
    assert_eq!(requests[0]["status"], 503, "what was not taken is sent again");
    assert!(metric(&gateway, "yumen_span_requests_failed_total") >= 1.0);
    assert_eq!(metric(&gateway, "yumen_spans_dropped_total{reason=\"refused\"}"), 0.0);
}

#[test]
fn each_of_two_attempts_side_by_side_has_its_span() {
    if !have(&[Tool::Python]) {
        return;
    }
    let collector = Collector::start([] as [&str; 0]);
    let slow =
        Backend::start(|_| vec![Step::Body, Step::Wait(Duration::from_secs(20)), ok("slow")]);
    let fast = Backend::answering("fast");
    let more = format!(
        "    retries: {{ hedge: 50ms, budget: {{ per_second_min: 50 }} }}
    timeouts: {{ first_byte: 1m }}
tracing: {{ url: 'http://{}' }}",
        collector.http
    );
    let quiet = "      health: { passive: { silence: off } }";
    let gateway = Gateway::start(&one_service(&[slow.address, fast.address], quiet, &more));
    for _ in 0..4 {
        assert_eq!(ask(&gateway, "/x/1", ""), 200);
    }
    let is_hedged = |spans: &[Value]| {
        let called_off =
            spans.iter().find(|one| one["attributes"]["yumen.attempt.end"] == "called_off")?;
        Some(
            spans
                .iter()
                .filter(|one| one["parentSpanId"] == called_off["parentSpanId"])
                .cloned()
                .collect(),
        )
    };
    let spans = collector.wait("traces", LONG, |spans| {
        is_hedged(spans).is_some_and(|two: Vec<Value>| two.len() == 2)
    });
    let two: Vec<Value> = is_hedged(&spans).expect("two attempts");
    assert_ne!(two[0]["spanId"], two[1]["spanId"]);
    for span in &two {
        let port = span["attributes"]["server.port"].as_i64().expect("a port");
        let backend = if port == i64::from(slow.address.port()) { &slow } else { &fast };
        let id = span["spanId"].as_str().expect("an id");
        let told = |one: &yumen_e2e::Recorded| {
            one.requests().0.iter().any(|request| request.one("traceparent").contains(id))
        };
        assert!(backend.recorded().iter().any(told), "who was asked was told its own span: {span}");
        assert!(span["status"].get("code").is_none(), "nobody failed: {span}");
    }
}

/// HTTP/2 and TLS on the client's side; a failure of the gateway's own, and who stands in.
#[test]
fn failures_and_stand_ins_are_told() {
    if !have(&[Tool::Python]) {
        return;
    }
    let collector = Collector::start([] as [&str; 0]);
    let stand_in = Backend::answering("instead");
    let dead = free_address();
    let text = format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services:
  - name: dead
    url: http://{dead}
    fallback: {{ service: other }}
    routes: [{{ name: helped, match: {{ paths: [/helped] }} }}]
  - {{ name: other, url: 'http://{}' }}
  - name: dead-too
    url: http://{dead}
    routes: [{{ name: lost, match: {{ paths: [/lost] }} }}]
tracing: {{ url: 'http://{}' }}
",
        stand_in.authority(),
        collector.http
    );
    let gateway = Gateway::start(&text);
    let mut client = Http2::connect(gateway.web());
    for path in ["/helped", "/lost", "/nowhere"] {
        client.get(path);
    }
    let spans = collector.wait("traces", LONG, |spans| {
        ["/helped", "/lost", "/nowhere"].iter().all(|path| exchange(spans, path).is_some())
    });
    let (helped, attempts) = exchange(&spans, "/helped").expect("a span");
    assert_eq!(helped["attributes"]["network.protocol.version"], "2");
    assert_eq!(helped["attributes"]["http.response.status_code"], 200);
    let ends: Vec<_> =
        attempts.iter().map(|one| one["attributes"]["yumen.attempt.end"].clone()).collect();
    assert_eq!(
        (ends.first(), ends.last()),
        (Some(&json!("unreachable")), Some(&json!("answered")))
    );
    let (lost, _) = exchange(&spans, "/lost").expect("a span");
    assert_eq!(lost["status"]["code"], "STATUS_CODE_ERROR");
    let told = &lost["attributes"];
    assert_eq!(told["http.response.status_code"], 502);
    assert_eq!(
        (&told["error.type"], &told["yumen.answered_by"]),
        (&told["yumen.failure"], &json!("gateway"))
    );
    let (nowhere, attempts) = exchange(&spans, "/nowhere").expect("a span");
    assert_eq!((&nowhere["name"], attempts.len()), (&json!("GET"), 0));
    assert!(nowhere["status"].get("code").is_none(), "what a client did is no error of a server");
}

/// A service with OpenTelemetry's own SDK, which asks another one through the gateway: one tree.
#[test]
fn a_trace_goes_through_and_comes_back() {
    if !have(&[Tool::Python]) {
        return;
    }
    let collector = Collector::start([] as [&str; 0]);
    let address = collector.http.to_string();
    let (_service, at) = Server::script_with(Tool::Python, "traced.py", [&address]);
    let text = |at: std::net::SocketAddr| {
        format!(
            "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
services:
  - name: traced
    url: http://{at}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
tracing: {{ url: 'http://{address}', parent: always }}
"
        )
    };
    let gateway = Gateway::start(&text(at));
    let onward = format!("/on?http://{}/leaf", gateway.web());
    assert_eq!(ask(&gateway, &onward, &format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n")), 200);
    let spans = collector.wait("traces", LONG, |spans| {
        spans.iter().filter(|span| span["traceId"] == TRACE).count() >= 7
    });
    let id = |name: &str, parent: &Value| {
        let found =
            spans.iter().find(|span| span["name"] == name && span["parentSpanId"] == *parent);
        found.unwrap_or_else(|| panic!("no {name} below {parent}: {spans:#?}"))["spanId"].clone()
    };
    // From the client to the leaf, each below the one before.
    let chain = ["GET /*", "GET", "serve /on", "ask", "GET /*", "GET", "serve /leaf"];
    chain.iter().fold(json!(SPAN), |parent, name| id(name, &parent));
}

#[test]
fn what_a_collector_misses_it_gets_later() {
    if !have(&[Tool::Python]) {
        return;
    }
    let service = Backend::answering("ok");
    let port = free_address().port().to_string();
    let tracing = format!("tracing: {{ url: 'http://127.0.0.1:{port}' }}");
    let gateway = Gateway::start(&config(&url(&service), &tracing));
    for _ in 0..20 {
        assert_eq!(ask(&gateway, "/x/1", ""), 200);
    }
    gateway.stderr.wait(0, LONG, |line| line.contains("spans do not reach")).expect("it is said");
    let collector = Collector::start(["--port", &port]);
    let spans = collector.wait("traces", LONG, |spans| spans.len() >= 40);
    assert_eq!(spans.iter().filter(|span| is_server(span)).count(), 20);
    gateway.stderr.wait(0, SOON, |line| line.ends_with("again")).expect("that is said too");
    // The last ones are sent before the end.
    assert_eq!(ask(&gateway, "/y", ""), 200);
    gateway.signal("TERM");
    assert!(gateway.exit(LONG).is_some_and(|status| status.success()));
    let spans = collector.wait("traces", SOON, |spans| exchange(spans, "/y").is_some());
    let (whole, _) = exchange(&spans, "/y").expect("a span");
    assert_eq!(whole["name"], "GET other", "of several patterns none is told");
    assert!(whole["attributes"].get("http.route").is_none());
}

/// Nothing of what was sampled is lost when spans go elsewhere from now on, and all is counted.
#[test]
fn spans_follow_the_configuration() {
    if !have(&[Tool::Python]) {
        return;
    }
    let service = Backend::answering("ok");
    let (first, second) = (Collector::start([] as [&str; 0]), Collector::start([] as [&str; 0]));
    let text = |collector: &Collector, more: &str| {
        config(&url(&service), &format!("tracing: {{ url: 'http://{}'{more} }}", collector.http))
    };
    let gateway = Gateway::start(&text(&first, ""));
    assert_eq!(ask(&gateway, "/x/1", ""), 200);
    gateway.reload_at_once(&text(&second, "")).expect("it is live");
    assert_eq!(ask(&gateway, "/x/2", ""), 200);
    second.wait("traces", LONG, |spans| exchange(spans, "/x/2").is_some());
    // What was in a buffer at that moment goes to either, and nothing is lost.
    let everywhere = || [first.taken("traces"), second.taken("traces")].concat();
    let deadline = Instant::now() + LONG;
    while exchange(&everywhere(), "/x/1").is_none() {
        assert!(Instant::now() < deadline, "a span was lost");
        std::thread::sleep(Duration::from_millis(20));
    }
    reaches(&gateway, "yumen_spans_sent_total", 4.0);
    // Less is sampled from now on; spans go the same way.
    gateway.reload_at_once(&text(&second, ", sample: 0")).expect("it is live");
    assert_eq!(ask(&gateway, "/x/3", ""), 200);
    // None at all: fields pass through as they are.
    gateway.reload_at_once(&config(&url(&service), "")).expect("it is live");
    let mark = service.mark();
    assert_eq!(ask(&gateway, "/x/4", "traceparent: as it is\r\n"), 200);
    assert_eq!(service.since(&mark)[0].requests().0[0].one("traceparent"), "as it is");
    gateway.reload_at_once(&text(&second, "")).expect("it is live");
    assert_eq!(ask(&gateway, "/x/5", ""), 200);
    second.wait("traces", LONG, |spans| exchange(spans, "/x/5").is_some());
    let all = everywhere();
    assert!(exchange(&all, "/x/3").is_none() && exchange(&all, "/x/4").is_none());
    reaches(&gateway, "yumen_spans_sent_total", 6.0);
    assert_eq!(metric(&gateway, "yumen_spans_sent_total"), 6.0);
    let text = get(gateway.status(), "/metrics").text();
    let dropped = text.lines().filter(|line| line.starts_with("yumen_spans_dropped_total{"));
    assert!(
        dropped.clone().count() == 4 && dropped.clone().all(|line| line.ends_with(" 0")),
        "{text}"
    );
}

/// A collector that hangs: no request waits for it, memory is bounded, and what finds no room is counted.
#[test]
fn a_collector_that_hangs_harms_nobody() {
    if !have(&[Tool::Python]) {
        return;
    }
    let service = Backend::answering("ok");
    let collector = Collector::start(["--slow", "600"]);
    let tracing =
        format!("tracing: {{ url: 'http://{}' }}\naccess_log: {{ to: off }}", collector.http);
    let gateway = Gateway::start(&config(&url(&service), &tracing).replace("'/x/*'", "'/*'"));
    let load = Load::start(&Plan::steady(gateway.web(), 8));
    assert!(load.reach(1_000, LONG));
    let memory = gateway.memory();
    let full = "yumen_spans_dropped_total{reason=\"queue_full\"}";
    reaches(&gateway, full, 1.0);
    let report = load.stop();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    let grown = gateway.memory().saturating_sub(memory);
    println!(
        "{} requests, {} spans dropped, {grown} KiB more",
        report.done,
        metric(&gateway, full)
    );
    assert!(grown < 64 << 10, "{grown} KiB");
    let spans = metric(&gateway, full) + metric(&gateway, "yumen_spans_sent_total");
    assert!(spans <= 2.0 * report.done as f64);
    // The last spans get their time, and no more.
    gateway.signal("TERM");
    assert!(gateway.exit(LONG).is_some_and(|status| status.success()));
}

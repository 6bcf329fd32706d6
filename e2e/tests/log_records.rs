//! The access log as log records of OpenTelemetry, at a collector that is not ours.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yumen_e2e::certificates::Authority;
use yumen_e2e::client::get;
use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::rig::put;
use yumen_e2e::tools::{Tool, free_address, have};
use yumen_e2e::{Backend, Client, Collector, Gateway};

/// For what takes the gateway a second by itself, on a busy machine.
const LATER: Duration = Duration::from_secs(30);

fn config(backend: &Backend, more: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/x/*'] }} }}]
  - name: gone
    url: http://{}
    routes: [{{ name: gone, match: {{ paths: ['/gone'] }} }}]
{more}
",
        backend.authority(),
        free_address()
    )
}

fn ask(gateway: &Gateway, path: &str) -> u16 {
    let mut client = Client::connect(gateway.web());
    let request = format!(
        "GET {path}?token=hunter2&page=2 HTTP/1.1\r\nHost: shop.example\r\nX-Plan: gold\r\n\
         Authorization: Bearer hunter2\r\nReferer: https://a.example/?token=hunter2\r\n\r\n"
    );
    client.ask(&request).expect("an answer").status()
}

/// Log records of these paths, as they were taken.
fn of<'r>(records: &'r [Value], path: &str) -> Vec<&'r Value> {
    records.iter().filter(|one| one["attributes"]["url.path"] == path).collect()
}

fn judge(records: &[Value], trace: Option<&str>) {
    let well = of(records, "/x/1")[0];
    assert_eq!(well["severityText"], "INFO");
    assert_eq!(well["severityNumber"], "SEVERITY_NUMBER_INFO");
    assert_eq!(well["eventName"], "yumen.exchange");
    let said = well["body"]["stringValue"].as_str().expect("a text");
    assert!(said.starts_with("GET shop.example/x/1 was answered with 200 in "), "{said}");
    for (key, value) in [
        ("http.request.method", json!("GET")),
        ("http.response.status_code", json!(200)),
        ("url.query", json!("token=***&page=2")),
        ("http.request.header.x-plan", json!(["gold"])),
        ("http.request.header.authorization", json!(["***"])),
        ("http.request.header.referer", json!(["https://a.example/?token=***"])),
        ("yumen.route", json!("all")),
        ("yumen.service", json!("backend")),
        ("yumen.attempts", json!(1)),
    ] {
        assert_eq!(well["attributes"][key], value, "{key}: {well:#}");
    }
    assert!(well["attributes"]["yumen.total_ms"].as_f64().is_some_and(|time| time > 0.0));
    assert_eq!(well["resource"]["service.name"], "gate");
    assert_eq!(well["resource"]["deployment.environment.name"], "test");
    assert_eq!(well["scope"]["name"], "yumen");
    let time = |key: &str| well[key].as_str().and_then(|text| text.parse::<u64>().ok());
    assert!(time("timeUnixNano") > Some(1_700_000_000_000_000_000));
    assert!(time("observedTimeUnixNano") > time("timeUnixNano"));
    let id = &well["attributes"]["yumen.request_id"];
    assert_eq!(well["traceId"].as_str(), trace.and(id.as_str()), "{well:#}");
    assert_eq!(well["flags"].as_u64().map(|flags| flags & 1), trace.map(|_| 1));

    let lost = of(records, "/none")[0];
    assert_eq!(lost["severityText"], "WARN");
    let said = lost["body"]["stringValue"].as_str().expect("a text");
    assert!(said.starts_with("GET shop.example/none failed with no_route (404) in "), "{said}");
    let bad = of(records, "/gone")[0];
    assert_eq!(bad["severityText"], "ERROR");
    assert_eq!(bad["attributes"]["error.type"], "upstream_unreachable");
    assert_eq!(bad["attributes"]["yumen.failure"], "upstream_unreachable");
    assert!(!format!("{records:?}").contains("hunter2"));
}

/// Three exchanges, and what the collector got of them.
fn three(gateway: &Gateway, collector: &Collector) -> Vec<Value> {
    assert_eq!(ask(gateway, "/x/1"), 200);
    assert_eq!(ask(gateway, "/none"), 404);
    assert_eq!(ask(gateway, "/gone"), 502);
    collector.wait("logs", LATER, |records| records.len() == 3)
}

const SAID: &str = "service_name: gate, attributes: { deployment.environment.name: test }, \
                    batch: { age: 100ms }";
const FIELDS: &str = "headers: { request: [x-plan, Authorization, Referer] }";

#[test]
fn records_come_over_http_with_the_trace_that_they_belong_to() {
    if !have(&[Tool::Python]) {
        return;
    }
    let collector = Collector::start([]);
    let backend = Backend::answering("ok");
    let more = format!(
        "tracing: {{ url: 'http://{0}' }}
access_log: {{ to: {{ otlp: {{ url: 'http://{0}', gzip: true, headers: {{ X-Key: geheim }}, {SAID} }} }}, {FIELDS} }}",
        collector.http
    );
    let gateway = Gateway::start(&config(&backend, &more));
    let records = three(&gateway, &collector);
    judge(&records, Some("by request id"));
    // The record and the span of an exchange are of the same work.
    let spans = collector.wait("traces", LATER, |spans| !of(spans, "/x/1").is_empty());
    let span = of(&spans, "/x/1")[0];
    let record = of(&records, "/x/1")[0];
    assert_eq!((&record["traceId"], &record["spanId"]), (&span["traceId"], &span["spanId"]));
    let requests = collector.requests();
    let logs: Vec<_> = requests.iter().filter(|one| one["what"] == "logs").collect();
    assert!(logs.iter().all(|one| one["fields"]["x-key"] == "geheim" && one["via"] == "http"));
    assert!(logs.iter().any(|one| one["fields"]["content-encoding"] == "gzip"), "{logs:#?}");
    assert!(requests.iter().all(|one| one["fault"].is_null()), "{requests:#?}");
    let wrong =
        "access_log: { to: { otlp: { url: 'http://a/x', protocol: grpc, service_name: '' } } }";
    let told = gateway.reload(&config(&backend, wrong)).expect_err("it is refused");
    assert!(told.contains("access_log.to.otlp.url"), "{told}");
    assert!(told.contains("access_log.to.otlp.service_name"), "{told}");
}

#[test]
fn records_come_over_grpc_with_tls_once_the_collector_can_take_them() {
    if !have(&[Tool::Python]) {
        return;
    }
    let folder = fresh_folder("collector");
    let authority = Authority::new("tests");
    put(&folder, "otlp", &authority.sign(&["127.0.0.1"]));
    fs::write(folder.join("ca.pem"), &authority.certificate).expect("a file");
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (path("otlp.pem"), path("otlp.key"));
    let collector = Collector::start(["--certificate", &certificate, "--key", &key, "--fail", "2"]);
    let backend = Backend::answering("ok");
    let log = format!(
        "access_log: {{ to: {{ otlp: {{ url: 'https://{}', protocol: grpc, ca: '${{file:{}}}', \
         headers: {{ X-Key: geheim }}, {SAID} }} }}, {FIELDS} }}",
        collector.calls,
        path("ca.pem")
    );
    let gateway = Gateway::start(&config(&backend, &log));
    let records = three(&gateway, &collector);
    judge(&records, None);
    let requests = collector.requests();
    let of = |status: u16| requests.iter().filter(|one| one["status"] == status).count();
    assert!(of(503) == 2 && of(200) > 0, "{requests:#?}");
    assert!(requests.iter().all(|one| one["fields"]["x-key"] == "geheim" && one["via"] == "grpc"));
    let again = format!("yumen: lines of the access log reach https://{} again", collector.calls);
    gateway.stderr.wait(0, LATER, |line| line == again).expect("it is told");
    fs::remove_dir_all(folder).expect("it is removed");
}

#[test]
fn the_text_is_what_the_format_says_and_what_is_rejected_is_counted() {
    if !have(&[Tool::Python]) {
        return;
    }
    let collector = Collector::start(["--reject", "1"]);
    let backend = Backend::answering("ok");
    let log = format!(
        "access_log: {{ to: {{ otlp: {{ url: 'http://{}', {SAID} }} }}, sample: 0, \
         always: 'response.status < 400', \
         format: {{ template: '%{{request.path}}?%{{request.query}} %{{response.status}}' }} }}",
        collector.http
    );
    let gateway = Gateway::start(&config(&backend, &log));
    assert_eq!(ask(&gateway, "/none"), 404);
    assert_eq!(ask(&gateway, "/x/1"), 200);
    let records = collector.wait("logs", LATER, |records| !records.is_empty());
    assert_eq!(records.len(), 1, "the other one is not written: {records:#?}");
    assert_eq!(records[0]["body"]["stringValue"], "/x/1?token=***&page=2 200");
    let sample = "yumen_access_log_dropped_total{sink=\"otlp\",reason=\"refused\"} 1";
    let deadline = Instant::now() + LATER;
    loop {
        let page = get(gateway.status(), "/metrics").text();
        if page.lines().any(|line| line == sample) {
            break;
        }
        assert!(Instant::now() < deadline, "{page}");
        // It is counted when the collector has answered.
        std::thread::sleep(Duration::from_millis(50));
    }
}

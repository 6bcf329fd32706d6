//! Spans as a collector gets them, and traces as services are told of them.

use yumen_e2e::{Backend, Client, Gateway, Message, SOON, Step, ok, raw};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn gateway(service: &Backend, more: &str, tracing: &str) -> Gateway {
    Gateway::start(&format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0'{more} }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    retries: {{ attempts: 2, on: [reset, connect], statuses: [503] }}
    routes: [{{ name: all, match: {{ paths: ['/x/*', /] }} }}]
{tracing}
",
        service.authority()
    ))
}

/// A collector that takes everything.
fn collector() -> Backend {
    Backend::start(|_| vec![Step::Body, ok("")])
}

fn requests(backend: &Backend) -> Vec<Message> {
    backend.recorded().iter().flat_map(|connection| connection.requests().0).collect()
}

fn field(message: &Message, name: &str) -> Option<String> {
    let found = message.fields.iter().find(|field| field.0.eq_ignore_ascii_case(name));
    found.map(|field| String::from_utf8_lossy(&field.1).into_owned())
}

fn ask(gateway: &Gateway, path: &str, fields: &str) -> u16 {
    let mut client = Client::connect(gateway.web());
    let request = format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n{fields}\r\n");
    client.ask(&request).expect("an answer").status()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// What a collector got, as soon as it holds these bytes.
fn arrived(collector: &Backend, wanted: &[u8]) -> Vec<u8> {
    let end = std::time::Instant::now() + SOON;
    loop {
        let got: Vec<u8> =
            requests(collector).iter().flat_map(|request| request.body.clone()).collect();
        if got.windows(wanted.len()).any(|part| part == wanted) {
            return got;
        }
        assert!(std::time::Instant::now() < end, "no such span came");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn without_tracing_fields_pass_through() {
    let service = Backend::answering("ok");
    let gateway = gateway(&service, "", "");
    let fields = format!("traceparent: odd\r\ntracestate: A B\r\nb3: {SPAN}-{SPAN}-1\r\n");
    assert_eq!(ask(&gateway, "/x/1", &fields), 200);
    let seen = &requests(&service)[0];
    assert_eq!(field(seen, "traceparent").as_deref(), Some("odd"));
    assert_eq!(field(seen, "tracestate").as_deref(), Some("A B"));
    assert!(field(seen, "b3").is_some());
}

#[test]
fn each_attempt_tells_its_own_span_below_that_of_the_exchange() {
    let service = Backend::start(|call| match (call.connection, call.nth) {
        (0, 0) => vec![Step::Body, raw("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
        _ => vec![Step::Body, ok("ok")],
    });
    let collector = collector();
    let tracing = format!(
        "tracing: {{ url: 'http://{}', parent: always, propagate: [w3c, b3, b3_single] }}",
        collector.authority()
    );
    let gateway = gateway(&service, "", &tracing);
    let fields =
        format!("traceparent: 00-{TRACE}-{SPAN}-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n");
    assert_eq!(ask(&gateway, "/x/1", &fields), 200);
    let seen = requests(&service);
    assert_eq!(seen.len(), 2);
    let mut spans = Vec::new();
    for request in &seen {
        let parent = field(request, "traceparent").expect("a traceparent");
        let (front, span) = parent.split_at(36);
        assert_eq!(front, format!("00-{TRACE}-"));
        let span = span.strip_suffix("-01").expect("a sampled one").to_owned();
        assert_eq!(field(request, "tracestate").as_deref(), Some("a=1,b=2"));
        assert_eq!(field(request, "b3"), Some(format!("{TRACE}-{span}-1")));
        assert_eq!(field(request, "x-b3-spanid"), Some(span.clone()));
        spans.push(span);
    }
    assert_ne!(spans[0], spans[1]);
    assert!(!spans.contains(&SPAN.to_owned()));
    // Field 2 of a span is its id, field 4 its parent.
    let id = |span: &str| [&[0x12, 8][..], &bytes(span)].concat();
    let parent = |span: &str| [&[0x22, 8][..], &bytes(span)].concat();
    let got = arrived(&collector, &id(&spans[1]));
    let holds = |wanted: &[u8]| got.windows(wanted.len()).any(|part| part == wanted);
    assert!(holds(&id(&spans[0])) && holds(&parent(SPAN)) && holds(&bytes(TRACE)));
    assert!(holds(b"http.request.resend_count") && holds(b"service.name"));
}

#[test]
fn a_stranger_does_not_decide_what_is_recorded() {
    let service = Backend::answering("ok");
    let collector = collector();
    let decided = |more: &str, sample: &str, flag: &str| {
        let tracing =
            format!("tracing: {{ url: 'http://{}', sample: {sample} }}", collector.authority());
        let gateway = gateway(&service, more, &tracing);
        let mark = service.mark();
        let fields = format!("traceparent: 00-{TRACE}-{SPAN}-{flag}\r\n");
        assert_eq!(ask(&gateway, "/x/1", &fields), 200);
        let seen: Vec<_> = service.since(&mark).iter().flat_map(|one| one.requests().0).collect();
        let parent = field(&seen[0], "traceparent").expect("a traceparent");
        assert!(parent.starts_with(&format!("00-{TRACE}-")), "the trace goes on: {parent}");
        parent.ends_with("-01")
    };
    let trusted = ", trusted_proxies: [127.0.0.0/8]";
    for (more, sample, flag, expect) in [
        ("", "0", "01", false),
        ("", "1", "00", true),
        (trusted, "0", "01", true),
        (trusted, "1", "00", false),
    ] {
        assert_eq!(decided(more, sample, flag), expect, "{more} {sample} {flag}");
    }
}

#[test]
fn a_trace_that_begins_here_has_the_id_of_the_request() {
    let service = Backend::answering("ok");
    let collector = collector();
    let tracing = format!("tracing: {{ url: 'http://{}' }}", collector.authority());
    let gateway = gateway(&service, "", &tracing);
    assert_eq!(ask(&gateway, "/x/1", "traceparent: 00-odd\r\ntracestate: a=1\r\n"), 200);
    let seen = &requests(&service)[0];
    let id = field(seen, "x-request-id").expect("an id");
    let parent = field(seen, "traceparent").expect("a traceparent");
    assert!(parent.starts_with(&format!("00-{id}-")), "{parent}");
    assert_eq!(field(seen, "tracestate"), None);
    arrived(&collector, &bytes(&id));
}

#[test]
fn requests_do_not_mind_a_collector_that_is_away() {
    let service = Backend::answering("ok");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let gateway = gateway(&service, "", &format!("tracing: {{ url: 'http://{address}' }}"));
    for _ in 0..50 {
        assert_eq!(ask(&gateway, "/x/1", ""), 200);
    }
}

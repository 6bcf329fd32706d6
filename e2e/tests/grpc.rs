//! gRPC of all four kinds, with Google's own client and server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::gateway::Launch;
use yumen_e2e::tools::{Server, Tool, free_address, have, peer, run};
use yumen_e2e::{Gateway, SOON};

const MINUTES: Duration = Duration::from_secs(150);

#[test]
fn calls_of_all_kinds() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_server, at) = Server::script(Tool::Python, "grpc_server.py");
    let gateway = Gateway::start(&format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: calls
    url: http://{at}
    protocol: http2
    timeouts: {{ first_byte: 1m }}
    routes:
      - {{ name: calls, match: {{ paths: ['/test.Test/*'] }} }}
  - name: bounded
    url: http://{at}/test.Test
    protocol: http2
    timeouts: {{ total: 3s }}
    routes:
      - {{ name: bounded, match: {{ paths: ['/bounded.Test/*'] }}, strip_prefix: /bounded.Test }}
      - {{ name: small, match: {{ paths: ['/small.Test/*'] }}, strip_prefix: /small.Test,
           limits: {{ body: 4KiB }} }}
  - name: dead
    url: http://{}
    protocol: http2
    routes:
      - {{ name: dead, match: {{ paths: ['/dead.Test/*'] }} }}
",
        free_address()
    ));
    let web = gateway.web().to_string();
    let memory = gateway.memory();
    let done = run(Tool::Python, [peer("grpc_client.py").as_os_str(), web.as_ref()], MINUTES);
    println!("{}", done.out);
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let grown = gateway.memory().saturating_sub(memory);
    assert!(grown < 64 << 10, "{grown} KiB");
    for (path, status) in [
        ("/test.Test/Echo", 0),
        ("/test.Test/None", 12),
        ("/nowhere.Test/Echo", 12),
        ("/dead.Test/Echo", 14),
        ("/small.Test/Echo", 8),
        ("/bounded.Test/Slow", 4),
    ] {
        let (path, status) = (format!("\"path\":\"{path}\""), format!("\"grpc_status\":{status},"));
        let line =
            gateway.stdout.wait(0, SOON, |line| line.contains(&path) && line.contains(&status));
        assert!(line.is_some(), "no line with {path} and {status}");
    }
}

/// A service at these two targets whose calls come as `/NAME.Test/*`, and more lines for it.
fn service(name: &str, targets: [SocketAddr; 2], more: &str) -> String {
    let [one, other] = targets;
    format!(
        "
  - name: {name}
    protocol: http2
    upstream:
      targets: [{{ url: 'http://{one}' }}, {{ url: 'http://{other}' }}]
    routes:
      - {{ name: {name}, match: {{ paths: ['/{name}.Test/{{rest*}}'] }},
           rewrite: '/test.Test/{{rest}}' }}
{more}"
    )
}

fn two_services(services: &[(&str, &str)], targets: [SocketAddr; 2]) -> String {
    let services: String =
        services.iter().map(|(name, more)| service(name, targets, more)).collect();
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:{services}
"
    )
}

#[test]
fn calls_that_end_as_listed_are_sent_again() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_one, one) = Server::script(Tool::Python, "grpc_server.py");
    let (_other, other) = Server::script(Tool::Python, "grpc_server.py");
    let plenty = "budget: { per_second_min: 1000 }";
    let gateway = Gateway::start(&two_services(
        &[
            ("again", &format!("    retries: {{ grpc: [unavailable], {plenty} }}")),
            ("large", &format!("    retries: {{ grpc: [unavailable], body: 1MiB, {plenty} }}")),
            ("once", "    retries: { methods: [POST], statuses: [503] }"),
            (
                "tight",
                "    retries: { grpc: [unavailable], attempts: 3, backoff: { first: 1ms, max: 2ms } }",
            ),
        ],
        [one, other],
    ));
    let web = gateway.web().to_string();
    let (one, other) = (one.to_string(), other.to_string());
    let arguments = [peer("grpc_retries.py").into_os_string(), web.into(), (&one).into()];
    let done = run(Tool::Python, arguments.into_iter().chain([other.into()]), MINUTES);
    println!("{}", done.out);
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let failed = done.out.lines().find_map(|line| line.strip_prefix("failed "));
    let failed: usize = failed.and_then(|count| count.parse().ok()).expect("a number");

    // What the first case came to: each failed try is one that the log tells of.
    let said = format!("[{{\"what\":\"grpc_status\",\"target\":\"{one}\",\"status\":14,");
    let tries = |line: &&String| line.contains(&said) && line.contains("\"grpc_status\":0,");
    assert!(gateway.stdout.wait(0, SOON, |line| line.contains("\"service\":\"large\"")).is_some());
    let told = gateway.stdout.all().iter().filter(tries).count();
    assert!(told >= failed, "{told} of {failed}");
    for words in ["budget_spent", "body_gone", "pushed_back"] {
        let words = format!("\"what\":\"{words}\"");
        assert!(gateway.stdout.wait(0, SOON, |line| line.contains(&words)).is_some(), "{words}");
    }
    let text = get(gateway.status(), "/metrics").text();
    let counted = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    };
    let name = |service| {
        format!("yumen_upstream_retries_total{{service=\"{service}\",reason=\"grpc_status\"}}")
    };
    assert!(counted(&name("again")) >= failed as f64, "{text}");
    assert!((1.0..=90.0).contains(&counted(&name("tight"))), "{text}");
    assert!(counted(&name("once")) < 0.5, "{text}");
}

/// A service that ends calls with `UNAVAILABLE` is no better than one that answers 503.
#[test]
fn calls_that_end_badly_count_for_health_and_breaker() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_one, one) = Server::script(Tool::Python, "grpc_server.py");
    let (_other, other) = Server::script(Tool::Python, "grpc_server.py");
    let breaker = ("guarded", "    breaker: { consecutive: 3, open: 1m }");
    let gateway = Gateway::start(&two_services(&[breaker], [one, other]));
    let web = gateway.web().to_string();
    let fail = |code: &str, times: u32| {
        let script = format!(
            "import grpc, sys
call = grpc.insecure_channel(sys.argv[1]).unary_unary('/guarded.Test/Fail')
for _ in range({times}):
    try: call(b'{code}', timeout=30)
    except grpc.RpcError as error: print(error.code().name, error.details())"
        );
        run(Tool::Python, ["-c", &script, &web], MINUTES).well()
    };
    // A method that is not there, or a wrong argument, is the caller's own doing.
    for code in ["UNIMPLEMENTED", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"] {
        let said = fail(code, 5);
        assert_eq!(said.matches(code).count(), 5, "{said}");
    }
    let said = fail("INTERNAL", 6);
    assert_eq!(said.matches("INTERNAL").count(), 3, "{said}");
    assert_eq!(said.matches("upstream_open").count(), 3, "{said}");
    let opened = gateway.stdout.wait(0, SOON, |line| line.contains("\"breaker_opened\""));
    assert!(opened.is_some_and(|line| line.contains("\"grpc_status\":13,")));
    let page = get(gateway.status(), "/upstreams").text();
    assert!(page.contains("\"breaker\": \"open\""), "{page}");
}

#[test]
fn a_target_whose_calls_end_badly_is_ejected() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_one, one) = Server::script(Tool::Python, "grpc_server.py");
    let (_other, other) = Server::script(Tool::Python, "grpc_server.py");
    let text = two_services(&[("watched", "    retries: { grpc: [unavailable] }")], [one, other]);
    let passive = "      health: { passive: { errors: 3, silence: off } }\n      targets:";
    let gateway = Gateway::start(&text.replace("      targets:", passive));
    let web = gateway.web().to_string();
    let script = format!(
        "import grpc, sys, time
one = grpc.insecure_channel('{one}')
one.unary_unary('/test.Test/Mood')(b'{{\"code\": \"UNAVAILABLE\", \"times\": 1000000}}', timeout=30)
call = grpc.insecure_channel(sys.argv[1]).unary_unary('/watched.Test/Try')
tries = one.unary_unary('/test.Test/Tries')
until = time.monotonic() + 60
while time.monotonic() < until and int(tries(b'', timeout=30)) < 3:
    assert call(b'well', timeout=30) == b'well'"
    );
    run(Tool::Python, ["-c", &script, &web], MINUTES).well();
    let words = format!("target {one}: healthy -> ejected: 3 answers in a row were 5xx");
    let said = gateway.stderr.wait(0, SOON, |line| line.contains(&words));
    assert!(said.is_some(), "{:#?}", gateway.stderr.all());
    let deadline = Instant::now() + SOON;
    while !get(gateway.status(), "/upstreams").text().contains("\"state\": \"ejected\"") {
        assert!(Instant::now() < deadline, "the page does not show it");
    }
}

/// How long a call takes is the service's own doing when its message came with its head.
#[test]
fn an_adaptive_limit_learns_of_calls() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_one, one) = Server::script(Tool::Python, "grpc_server.py");
    let (_other, other) = Server::script(Tool::Python, "grpc_server.py");
    let limits =
        "    limits: { adaptive: { min: 2, initial: 2 }, pending: 100, pending_timeout: 1m }";
    let gateway = Gateway::start(&two_services(&[("many", limits)], [one, other]));
    let web = gateway.web().to_string();
    let script = format!(
        "import grpc, sys, threading
for at in ['{one}', '{other}']:
    grpc.insecure_channel(at).unary_unary('/test.Test/Mood')(b'{{\"sleep\": 0.03}}', timeout=30)
call = grpc.insecure_channel(sys.argv[1]).unary_unary('/many.Test/Try')
def ask():
    while True: call(b'hello', timeout=60)
for _ in range(8): threading.Thread(target=ask, daemon=True).start()
threading.Event().wait(100)"
    );
    let _clients = Server::start(Tool::Python, ["-c", &script, &web]);
    let deadline = Instant::now() + MINUTES;
    let mut limit = 0;
    while limit < 4 {
        assert!(Instant::now() < deadline, "the limit stays at {limit}");
        let text = get(gateway.status(), "/upstreams").text();
        let page: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        limit = page["services"][0]["limits"]["limit"].as_u64().expect("a number");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let targets = [free_address(), free_address()];
    for (more, expect) in [
        ("    retries: { grpc: [unavailable, resource_exhausted, unknown] }", None),
        ("    retries: { grpc: [unavailible] }", Some(("retries.grpc[0]", "`unavailable`"))),
        ("    retries: { grpc: [UNAVAILABLE] }", Some(("retries.grpc[0]", "`unavailable`"))),
        (
            "    retries: { grpc: [deadline-exceeded] }",
            Some(("retries.grpc[0]", "`deadline_exceeded`")),
        ),
        ("    retries: { grpc: [ok] }", Some(("retries.grpc[0]", "`cancelled`"))),
        ("    retries: { grpc: [14] }", Some(("retries.grpc[0]", "`cancelled`"))),
        (
            "    protocol: auto\n    retries: { grpc: [internal] }",
            Some(("retries.grpc", "`protocol: http2`")),
        ),
    ] {
        let mut text = two_services(&[("all", more)], targets);
        if more.contains("auto") {
            text = text.replace("    protocol: http2\n", "");
        }
        let launched = Gateway::launch(&text, Launch::default());
        let Some((path, hint)) = expect else {
            launched.expect("it is well");
            continue;
        };
        let why = launched.err().unwrap_or_else(|| panic!("{more} is taken"));
        assert!(why.contains(&format!("error: services[0].{path}:")), "{more}: {why}");
        assert!(why.contains(hint), "{more}: {why}");
    }
}

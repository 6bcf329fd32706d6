//! A server decides who may pass, by calls of Envoy's external authorization: Google's own server with the
//! published messages.

use serde_json::Value;
use yumen_e2e::client::{Answer, Client, SOON};
use yumen_e2e::message::Message;
use yumen_e2e::tools::{Server, Tool, have, run};
use yumen_e2e::wait::wait_until;
use yumen_e2e::{Backend, Gateway};

fn config(service: &str, forward: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
consumers: [{{ name: ada, groups: [gold] }}]
services:
  - name: backend
    {service}
    policies:
      - {{ kind: forward-auth, config: {{ {forward} }} }}
      - {{ kind: rules, config: {{ allow: [{{ when: '!(\"role\" in claims) || (claims.role == \"admin\" && claims.level == 3)' }}] }} }}
    routes: [{{ name: all }}]
"
    )
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let mut client = Client::connect(gateway.web());
    client.ask(request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn get(gateway: &Gateway, target: &str, fields: &str) -> Answer {
    ask(gateway, &format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"))
}

/// What the server was asked last; there are so many inquiries.
fn asked(server: &Server, count: usize) -> Value {
    let all = || {
        let said = server.said();
        let asked = said.iter().filter_map(|line| line.strip_prefix("asked ").map(str::to_owned));
        asked.collect::<Vec<_>>()
    };
    wait_until("the inquiry is told", || all().len() >= count);
    let all = all();
    assert_eq!(all.len(), count, "{all:?}");
    serde_json::from_str(all.last().expect("an inquiry")).expect("JSON")
}

fn seen(backend: &Backend) -> Vec<Message> {
    backend.recorded().iter().flat_map(|one| one.requests().0).collect()
}

#[test]
fn a_request_passes_with_what_the_server_says() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (server, address) = Server::script(Tool::Python, "ext_authz.py");
    let backend = Backend::answering("hello");
    let forward = format!(
        "url: 'grpc://{address}', send: ['*'], body_max: 1KiB, timeout: 30s, \
         context: {{ area: shop }}, consumer_from: x-auth-user, \
         copy_to_service: [X-Auth-User, X-Auth-Role, X-Auth-Email], copy_to_client: [Set-Cookie]"
    );
    let service = format!("url: 'http://{}'", backend.authority());
    let gateway = Gateway::start(&config(&service, &forward));
    let request = "POST /a%20b?token=1&x=y HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\
                   Connection: x-auth-user\r\nX-Auth-User: root\r\nX-Auth-Email: root\r\nX-Secret: 1\r\n\
                   X-Two: 1\r\nX-Two: 2\r\nCookie: a=b\r\n\r\nhello";
    let answer = ask(&gateway, request);
    assert_eq!((answer.status(), &*answer.text()), (200, "hello"), "{:?}", gateway.stdout.all());
    assert_eq!(answer.all("set-cookie"), ["session=2"]);
    let requests = seen(&backend);
    let request = requests.first().expect("a request");
    assert_eq!(request.target(), "/a%20b?x=y&page=2%20%263");
    assert_eq!(request.all("x-auth-user"), ["ada"]);
    assert_eq!(request.all("x-auth-role"), ["reader", "writer"]);
    assert_eq!(request.all("x-consumer-username"), ["ada"]);
    assert_eq!(request.all("host"), [backend.authority()]);
    assert_eq!(request.text(), "hello");
    for gone in ["x-auth-email", "x-unlisted", "x-secret"] {
        assert!(request.all(gone).is_empty(), "{gone}: {request:?}");
    }
    let inquiry = asked(&server, 1);
    let attributes = &inquiry["attributes"];
    let http = &attributes["request"]["http"];
    for (name, value) in [
        ("method", "POST"),
        ("path", "/a%20b?token=1&x=y"),
        ("host", "shop.example"),
        ("scheme", "http"),
        ("protocol", "HTTP/1.1"),
        ("size", "5"),
        ("body", "hello"),
    ] {
        assert_eq!(http[name], value, "{name}: {inquiry}");
    }
    let headers = &http["headers"];
    for (name, value) in [
        (":path", "/a%20b?token=1&x=y"),
        (":authority", "shop.example"),
        ("x-two", "1,2"),
        ("cookie", "a=b"),
        ("x-secret", "1"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        assert_eq!(headers[name], value, "{name}: {inquiry}");
    }
    assert!(headers["x-auth-user"].is_null() && headers["connection"].is_null(), "{inquiry}");
    assert_eq!(attributes["source"]["address"]["socketAddress"]["address"], "127.0.0.1");
    assert_eq!(attributes["destination"]["service"], "backend");
    assert_eq!(attributes["contextExtensions"]["area"], "shop");
    assert!(attributes["request"]["time"].as_str().is_some_and(|time| time.starts_with("20")));
    // A body that is no text.
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\x00";
    let answer = Client::connect(gateway.web()).ask(request).expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(asked(&server, 2)["attributes"]["request"]["http"]["rawBody"], "/wA=");
}

#[test]
fn a_request_is_refused_as_the_server_says() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (server, address) = Server::script(Tool::Python, "ext_authz.py");
    let backend = Backend::answering("hello");
    let forward = format!("url: 'grpc://{address}', timeout: 5s, copy_to_service: [X-Auth-User]");
    let service = format!("url: 'http://{}'", backend.authority());
    let gateway = Gateway::start(&config(&service, &forward));
    wait_until("the server is warm", || get(&gateway, "/bare", "").status() == 403);
    let answer = get(&gateway, "/denied", "");
    assert_eq!((answer.status(), &*answer.text()), (401, "log in"));
    assert_eq!(answer.all("www-authenticate"), ["Bearer realm=\"id\""]);
    assert!(answer.all("x-internal").is_empty());
    let answer = get(&gateway, "/redirect", "");
    assert_eq!(
        (answer.status(), answer.all("location")),
        (302, vec!["https://id.example/".to_owned()])
    );
    for (target, cause) in [
        ("/broken", "would break the head"),
        ("/giant", "larger than"),
        ("/slow", ""),
        ("/fails", "UNAVAILABLE"),
    ] {
        let answer = get(&gateway, target, "");
        assert_eq!(answer.status(), 503, "{target}: {}", answer.text());
        let line =
            gateway.stdout.wait(0, SOON, |line| line.contains(&format!("\"path\":\"{target}\"")));
        let line = line.expect("a line");
        assert!(line.contains(cause), "{target}: {line}");
        // Whichever of the two looks at the clock first.
        let is_late = line.contains("no answer within") || line.contains("DEADLINE_EXCEEDED");
        assert_eq!(is_late, target == "/slow", "{line}");
    }
    assert_eq!(backend.connections(), 0, "a refused request opens no connection");
    drop(server);
    assert_eq!(get(&gateway, "/", "").status(), 503);
    assert_eq!(backend.connections(), 0);
}

/// A server of HTTP that is no server of gRPC lets nobody pass.
#[test]
fn a_call_to_something_else_lets_nobody_pass() {
    let (other, backend) = (Backend::answering("ok"), Backend::answering("hello"));
    let service = format!("url: 'http://{}'", backend.authority());
    let forward = format!("url: 'grpc://{}', timeout: 500ms", other.authority());
    let gateway = Gateway::start(&config(&service, &forward));
    assert_eq!(get(&gateway, "/", "").status(), 503);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn callers_of_grpc_are_refused_with_a_status_of_theirs() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_server, address) = Server::script(Tool::Python, "ext_authz.py");
    let (_service, service) = Server::script(Tool::Python, "grpc_server.py");
    let service = format!("protocol: http2\n    url: 'http://{service}'");
    let gateway =
        Gateway::start(&config(&service, &format!("url: 'grpc://{address}', timeout: 30s")));
    let script = "import grpc, sys
channel = grpc.insecure_channel(sys.argv[1])
print(channel.unary_unary('/test.Test/Echo')(b'hello', timeout=60).decode())
try: channel.unary_unary('/test.Test/Denied')(b'', timeout=60)
except grpc.RpcError as error: print(error.code().name)";
    let minute = std::time::Duration::from_secs(120);
    let said = run(Tool::Python, ["-c", script, &gateway.web().to_string()], minute).well();
    assert_eq!(said.lines().collect::<Vec<_>>(), ["hello", "UNAUTHENTICATED"]);
}

//! What probes find out, over TLS, HTTP/2 and gRPC, at real servers.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

use yumen_e2e::certificates::{Issued, Unusual};
use yumen_e2e::client::get;
use yumen_e2e::gateway::{fresh_folder, yumen};
use yumen_e2e::http2::FrameService;
use yumen_e2e::rig::{Rig, pair, put};
use yumen_e2e::tools::{Server, Tool, have, peer};
use yumen_e2e::{Backend, Gateway, SOON, Step, ok};

use crate::{change, metric};

/// One target, and what is said of its service and its probes. It gets no request before it is known
/// to be well.
fn config(url: &str, service: &str, active: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    upstream:
      targets: [{{ url: '{url}' }}]
      health:
        panic_below_percent: 0
        active: {{ interval: 200ms, timeout: 5s, unhealthy_after: 2, initially: unhealthy, {active} }}
    {service}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
"
    )
}

/// nginx with TLS for `a.test`, which says how it was asked; it wants a certificate of the client. Its
/// own it reads anew for each handshake.
fn secure_nginx(rig: &Rig, shown: &Issued, listen: &str) -> (Server, SocketAddr) {
    let http = format!(
        "server {{ listen LISTEN {listen}; ssl_certificate FOLDER/$ssl_server_name.pem; \
         ssl_certificate_key FOLDER/$ssl_server_name.key; ssl_session_cache shared:a:1m; \
         ssl_verify_client on; ssl_client_certificate FOLDER/ca.pem; \
         location / {{ return 200 \"$server_protocol $ssl_server_name $host\"; }} }}"
    );
    Server::nginx(&http, |folder| {
        put(folder, "a.test", shown);
        fs::write(folder.join("ca.pem"), &rig.authority.certificate).expect("a file");
    })
}

/// What requests to the service prove and demand.
fn tls(rig: &Rig) -> String {
    let folder = rig.folder.display();
    let own = pair(&rig.folder, "client");
    format!("tls: {{ ca: '${{file:{folder}/ca.pem}}', server_name: a.test, own: {own} }}")
}

/// Waits until a probe has failed for a reason that begins so.
fn complains(gateway: &Gateway, why: &str) {
    let deadline = Instant::now() + SOON;
    loop {
        let page = get(gateway.status(), "/upstreams").text();
        if page.contains(&format!("\"why\": \"{why}")) {
            return;
        }
        assert!(Instant::now() < deadline, "no {why} in {page}");
    }
}

fn rig() -> Rig {
    let client = Unusual { client: true, ..Unusual::default() };
    Rig::new(&[("client", &["gateway"], client)])
}

/// Probes speak what requests speak: the same TLS, and HTTP/1.1 or HTTP/2.
#[test]
fn probes_of_https() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let rig = rig();
    let shown = rig.authority.sign(&["a.test"]);
    for (listen, protocol, more, expect) in [
        ("ssl http2", "auto", "", "HTTP/2.0"),
        ("ssl http2", "http2", "", "HTTP/2.0"),
        ("ssl http2", "http1", "", "HTTP/1.1"),
        ("ssl", "auto", "", "HTTP/1.1"),
        // Probes may speak another version than requests.
        ("ssl http2", "auto", "protocol: http1, ", "HTTP/1.1"),
    ] {
        let (_nginx, at) = secure_nginx(&rig, &shown, listen);
        let service = format!("protocol: {protocol}\n    {}", tls(&rig));
        let active = format!(
            "probe: {{ http: {{ path: /up, {more}host: b.test, body: {{ contains: '{expect} a.test b.test' }} }} }}"
        );
        let gateway = Gateway::start(&config(&format!("https://{at}"), &service, &active));
        change(&gateway, 0, at, "unhealthy -> healthy: 2 probes in a row good");
        assert_eq!(get(gateway.web(), "/").status(), 200, "{listen} {protocol}");
    }
}

/// A certificate that is of another host, or has ended, is a failed probe that says so, although
/// sessions could be resumed; so is a server that does not agree to HTTP/2.
#[test]
fn probes_of_https_see_the_certificate() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let rig = rig();
    let good = rig.authority.sign(&["a.test"]);
    let (nginx, at) = secure_nginx(&rig, &good, "ssl");
    let active = "probe: { http: { path: /up } }";
    let url = format!("https://{at}");
    let gateway = Gateway::start(&config(&url, &tls(&rig), active));
    change(&gateway, 0, at, "unhealthy -> healthy");
    let expired = Unusual { expired: true, ..Unusual::default() };
    for (shown, why) in [
        (rig.authority.sign(&["other.test"]), "not valid for name \"a.test\""),
        (rig.authority.sign_unusual(&["a.test"], expired), "certificate expired"),
    ] {
        let seen = gateway.stderr.count();
        put(nginx.folder(), "a.test", &shown);
        change(&gateway, seen, at, "healthy -> unhealthy: 2 probes in a row failed: TLS: ");
        let page = get(gateway.status(), "/upstreams").text();
        assert!(gateway.stderr.all().last().is_some_and(|line| line.contains(why)), "{page}");
        assert!(page.contains(&why.replace('"', "\\\"")) && page.contains("\"tls\": "), "{page}");
        assert_eq!(get(gateway.web(), "/").status(), 503);
        put(nginx.folder(), "a.test", &good);
        change(&gateway, seen, at, "unhealthy -> healthy");
    }
    assert!(metric(&gateway, &["yumen_upstream_probe_failures_total", "\"tls\""]) >= 4);
    assert_eq!(metric(&gateway, &["yumen_upstream_unhealthy_total{"]), 2);
    // After a reload the probes speak as the new configuration says.
    let seen = gateway.stderr.count();
    let strict = format!("protocol: http2\n    {}", tls(&rig));
    gateway.reload(&config(&url, &strict, active)).expect("a good configuration");
    change(&gateway, seen, at, "healthy -> unhealthy");
    let line = gateway.stderr.all().pop().unwrap_or_default();
    assert!(
        line.contains("did not agree to speak HTTP/2") || line.contains("NoApplication"),
        "{line}"
    );
    let renamed = tls(&rig).replace("a.test", "b.test");
    gateway.reload(&config(&url, &renamed, active)).expect("a good configuration");
    // nginx has nothing for that name.
    complains(&gateway, "TLS: received fatal alert: ");
    gateway.reload(&config(&url, "tls: { server_name: a.test }", active)).expect("a good one");
    complains(&gateway, "TLS: invalid peer certificate: UnknownIssuer");
    gateway.reload(&config(&url, &tls(&rig), active)).expect("a good configuration");
    change(&gateway, seen, at, "unhealthy -> healthy");
}

/// Where nothing but HTTP/2 is spoken, in clear text.
#[test]
fn probes_of_http2_in_clear_text() {
    let service = FrameService::start(&[], |_, peer| {
        while let Some(stream) = peer.head(SOON) {
            peer.reply(stream, "I am up");
        }
    });
    let at = service.address;
    let active = "probe: { http: { path: /up, body: { regex: 'am +up' } } }";
    let gateway = Gateway::start(&config(&format!("http://{at}"), "protocol: http2", active));
    change(&gateway, 0, at, "unhealthy -> healthy");
    assert_eq!(get(gateway.web(), "/").text(), "I am up");
    // One that speaks HTTP/1.1 is none.
    let plain = Backend::answering("I am up");
    let at = plain.address;
    let gateway = Gateway::start(&config(&format!("http://{at}"), "protocol: http2", active));
    assert!(plain.wait(SOON, |all| all.len() > 2));
    let page = get(gateway.status(), "/upstreams").text();
    assert!(page.contains("\"why\": \"HTTP/2: ") && page.contains("\"broken\": "), "{page}");
    assert_eq!(get(gateway.web(), "/").status(), 503);
}

/// A place of its own for probes, in clear text, beside targets that speak TLS, or nobody knows what.
#[test]
fn probes_of_another_port() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let place = Backend::start(|call| {
        let known =
            ["a.test", "127.0.0.1"].iter().any(|host| call.request.one("host").starts_with(host));
        vec![Step::Body, if known { ok("up") } else { Step::Close }]
    });
    let rig = rig();
    let (_nginx, at) = secure_nginx(&rig, &rig.authority.sign(&["a.test"]), "ssl");
    let port = place.address.port();
    let active = format!("port: {port}, clear_text: true, probe: {{ http: {{ host: a.test }} }}");
    let gateway = Gateway::start(&config(&format!("https://{at}"), &tls(&rig), &active));
    change(&gateway, 0, at, "unhealthy -> healthy");
    assert_eq!(get(gateway.web(), "/").status(), 200);

    let raw = Backend::answering("as it is");
    let at = raw.address;
    let gateway = Gateway::start(&format!(
        "
listeners:
  - name: web
    address: '127.0.0.1:0'
    protocol: tcp
    streams: [{{ name: all, service: raw }}]
status: {{ address: '127.0.0.1:0' }}
services:
  - name: raw
    upstream:
      targets: [{{ url: 'tcp://{at}' }}]
      health: {{ active: {{ interval: 200ms, port: {port}, probe: {{ http: {{}} }}, initially: unhealthy }} }}
"
    ));
    change(&gateway, 0, at, "unhealthy -> healthy");
    assert_eq!(get(gateway.web(), "/").text(), "as it is");
}

/// Tells the gRPC server what to say of its health.
fn tell(control: SocketAddr, word: &str) {
    let mut stream = TcpStream::connect(control).expect("a connection");
    stream.write_all(format!("{word}\n").as_bytes()).expect("a listener");
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).expect("an answer");
    assert_eq!(said, "ok\n");
}

/// Google's own server, and where it is told what to say.
fn grpc_server(certificate: Option<&Path>) -> (Server, SocketAddr, SocketAddr) {
    let mut arguments = vec![peer("grpc_probed.py")];
    if let Some(folder) = certificate {
        arguments.extend([folder.join("own.pem"), folder.join("own.key")]);
    }
    let server = Server::start(Tool::Python, arguments);
    let find = |word: &str| {
        let line = server.says(word, SOON);
        line[word.len()..].parse().expect("an address")
    };
    let (control, at) = (find("control on "), find("listening on "));
    (server, control, at)
}

/// A service of gRPC goes when it says that it does not serve, and comes back; in clear text and
/// with TLS.
#[test]
fn probes_of_grpc() {
    if !have(&[Tool::Python]) {
        return;
    }
    let rig = rig();
    let folder = rig.folder.join("server");
    fs::create_dir(&folder).expect("a folder");
    put(&folder, "own", &rig.authority.sign(&["a.test"]));
    for secure in [false, true] {
        let (_server, control, at) = grpc_server(secure.then_some(&*folder));
        let (scheme, tls) = if secure { ("https", tls(&rig)) } else { ("http", String::new()) };
        let service = format!("protocol: http2\n    {tls}");
        let active = "probe: { grpc: { service: test.Test } }";
        let gateway = Gateway::start(&config(&format!("{scheme}://{at}"), &service, active));
        change(&gateway, 0, at, "unhealthy -> healthy: 2 probes in a row good");
        let seen = gateway.stderr.count();
        tell(control, "test.Test NOT_SERVING");
        change(&gateway, seen, at, "healthy -> unhealthy: 2 probes in a row failed: NOT_SERVING");
        assert_eq!(get(gateway.web(), "/").status(), 503);
        let page = get(gateway.status(), "/upstreams").text();
        assert!(page.contains("\"not_serving\": ") && page.contains("\"NOT_SERVING\""), "{page}");
        assert!(metric(&gateway, &["yumen_upstream_probe_failures_total", "not_serving"]) >= 2);
        // The server as a whole does serve.
        tell(control, "- SERVING");
        tell(control, "test.Test SERVING");
        change(&gateway, seen, at, "unhealthy -> healthy");
        // It does not know another service.
        let seen = gateway.stderr.count();
        let other = "probe: { grpc: { service: other.Test } }";
        let other = config(&format!("{scheme}://{at}"), &service, other);
        gateway.reload(&other).expect("a good configuration");
        change(&gateway, seen, at, "failed: NOT_FOUND: there is no gRPC service `other.Test`");
    }
}

/// What does not speak gRPC's health protocol is not healthy, and says why.
#[test]
fn what_is_no_health_of_grpc() {
    if !have(&[Tool::Python, Tool::Nginx]) {
        return;
    }
    let rig = rig();
    let (_echo, without_health) = Server::script(Tool::Python, "grpc_bare.py");
    let (_pages, pages) =
        Server::nginx("server { listen LISTEN http2; location / { return 200 'ok'; } }", |_| ());
    let (_text, text) =
        Server::nginx("server { listen LISTEN; location / { return 200 'ok'; } }", |_| ());
    let (_secure, secure) = secure_nginx(&rig, &rig.authority.sign(&["a.test"]), "ssl");
    for (url, service, at, why) in [
        ("http", String::new(), without_health, "UNIMPLEMENTED: it does not speak"),
        ("http", String::new(), pages, "no gRPC: the content type is `text/plain`"),
        ("http", String::new(), text, "HTTP/2: "),
        ("https", tls(&rig), secure, "TLS: "),
    ] {
        let active = "healthy_after: 1, probe: { grpc: {} }".to_owned();
        let gateway = Gateway::start(&config(&format!("{url}://{at}"), &service, &active));
        complains(&gateway, why);
        assert_eq!(get(gateway.web(), "/").status(), 503);
    }
}

/// What makes no sense is refused before anything starts.
#[test]
fn probes_that_make_no_sense_are_refused() {
    let folder = fresh_folder("probes");
    let file = folder.join("yumen.yaml");
    for (url, active, problem) in [
        ("http://127.0.0.1:9", "port: 81, clear_text: true, probe: { http: {} }", "has TLS"),
        (
            "https://127.0.0.1:9",
            "clear_text: true, probe: { http: {} }",
            "speak TLS at their own port",
        ),
        ("https://127.0.0.1:9", "probe: { http: { method: CONNECT } }", "is no method"),
        ("https://127.0.0.1:9", "probe: { grpc: { authority: 'a b' } }", "is no host"),
    ] {
        fs::write(&file, config(url, "", active)).expect("a file");
        let (code, out, err) = yumen(&["check", &file.display().to_string()]);
        let said = out + &err;
        assert!(code != 0 && said.contains(problem) && said.contains("help: "), "{active}: {said}");
    }
    let _left = fs::remove_dir_all(folder);
}

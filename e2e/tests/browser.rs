//! A real browser: pages, uploads and WebSockets over HTTP/2, inside TLS.

use std::time::Duration;

use yumen_e2e::certificates::Unusual;
use yumen_e2e::rig::{Rig, pair};
use yumen_e2e::tools::{Server, Tool, have};
use yumen_e2e::{Backend, Gateway, Step, raw};

/// A browser takes its time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const PAGE: &str = include_str!("../peers/browser.html");

/// What the browser has to say at the end: the page's own words, in the order of its steps.
const RIGHT: &str = "page=h2,upload=300000,many=30,subprotocol=chat,short=true,long=true,\
                     binary=true,closed=4001:true,told=4002:as you like:true,refused=1006";

fn html() -> Step {
    let length = PAGE.len();
    raw(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{PAGE}"
    ))
}

/// A text as the browser puts it into a query.
fn query(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let word = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(word).collect()
}

#[test]
fn pages_and_websockets_over_http2() {
    check("", "HTTP/2.0");
}

/// Where they are not offered on streams, a browser opens WebSockets as ever.
#[test]
fn websockets_beside_http2() {
    check("http2: { websocket: false }", "HTTP/1.1");
}

/// Has a browser do all it can on a listener with these settings; WebSockets come by this protocol.
fn check(listener: &str, protocol: &str) {
    if !have(&[Tool::Chromium, Tool::Python]) {
        return;
    }
    let (_sockets, sockets) = Server::script(Tool::Python, "websocket.py");
    let pages = Backend::start(|call| {
        let path = call.request.target().split('?').next().unwrap_or_default();
        match (call.request.method(), path) {
            (_, "/") => vec![Step::Body, html()],
            ("POST", _) => vec![Step::Body, yumen_e2e::ok("300000")],
            _ => vec![Step::Body, yumen_e2e::ok("ok")],
        }
    });
    let rig = Rig::new(&[("site", &["site.example"], Unusual::default())]);
    let gateway = Gateway::start(&format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', tls: {{ certificates: [{}] }}, {listener} }}
status: {{ address: off }}
services:
  - name: pages
    url: http://{}
    routes: [{{ name: pages, match: {{ paths: ['/*'] }} }}]
  - name: sockets
    url: http://{sockets}
    routes: [{{ name: sockets, match: {{ paths: ['/sockets/*'] }}, strip_prefix: /sockets }}]
",
        pair(&rig.folder, "site"),
        pages.authority(),
    ));
    let port = gateway.web().port();
    let profile = rig.folder.join("profile");
    let browser = Server::chromium(&profile, "site.example", port);
    let asked = |all: &[yumen_e2e::Recorded]| {
        all.iter().flat_map(|one| one.requests().0).find(|one| one.target().starts_with("/report?"))
    };
    let in_time = pages.wait(PATIENCE, |all| asked(all).is_some());
    assert!(in_time, "no report: {:#?} {:#?}", browser.said(), gateway.stdout.all());
    let report = asked(&pages.recorded()).expect("a report");
    assert_eq!(report.target(), format!("/report?{}", query(RIGHT)));
    assert!(browser.end(PATIENCE), "the browser does not end");
    let upload =
        pages.recorded().iter().flat_map(|one| one.requests().0).find(|one| one.method() == "POST");
    assert_eq!(upload.expect("an upload").body.len(), 300_000);
    let spoken = format!("\"protocol\":\"{protocol}\"");
    // What the browser says of itself is what the gateway has seen.
    for (path, parts) in [
        ("\"path\":\"/\"", ["\"status\":200", "\"protocol\":\"HTTP/2.0\""]),
        ("\"path\":\"/sockets/echo\"", ["\"tunnelled\":true", &spoken]),
        ("\"path\":\"/sockets/close/4002\"", ["\"tunnelled\":true", &spoken]),
        ("\"path\":\"/report\"", ["\"status\":200", "\"protocol\":\"HTTP/2.0\""]),
    ] {
        let line = gateway.stdout.wait(0, yumen_e2e::SOON, |line| line.contains(path));
        let line = line.unwrap_or_else(|| panic!("no {path}: {:#?}", gateway.stdout.all()));
        for part in parts {
            assert!(line.contains(part), "no {part} in {line}");
        }
    }
}

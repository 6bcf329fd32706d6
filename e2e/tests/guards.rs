//! Guards that need nobody's identity: what browsers may do here, and who is turned away. The last word
//! has a real browser, whose page asks gateways of another origin.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use yumen_e2e::certificates::Unusual;
use yumen_e2e::gateway::{fresh_folder, yumen};
use yumen_e2e::rig::{Rig, pair};
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::{Answer, Backend, Client, Gateway, Message, Step, raw};

/// A browser takes its time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const PAGE: &str = include_str!("../peers/guards.html");

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let request = format!("{}\r\n\r\n", request.replace('\n', "\r\n"));
    Client::connect(gateway.web()).ask(request).expect("an answer")
}

/// How many requests came to a service.
fn asked(backend: &Backend) -> usize {
    backend.recorded().iter().map(|one| one.requests().0.len()).sum()
}

const PREFLIGHT: &str = "Access-Control-Request-Method: PUT";

#[test]
fn preflights_are_answered_before_anybody_is_asked() {
    let backend = Backend::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\naccess-control-allow-origin: *\r\n";
        vec![Step::Body, raw(format!("{head}Content-Length: 2\r\n\r\nhi"))]
    });
    let dead = free_address();
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: off }}
policies:
  - kind: cors
    config: {{ origins: ['https://a.com', 'https://*.b.com'], credentials: true, expose: [X-Request-Id] }}
  - kind: security-headers
services:
  - name: backend
    url: http://{}
    routes:
      - {{ name: all, match: {{ paths: ['/x/*'] }} }}
      - name: closed
        match: {{ paths: [/closed] }}
        policies: [{{ kind: ip-restriction, config: {{ deny: [0.0.0.0/0] }} }}]
      - {{ name: get, match: {{ paths: [/get], methods: [GET] }} }}
  - name: dead
    url: http://{dead}
    routes: [{{ name: dead, match: {{ paths: [/dead] }} }}]
",
        backend.authority()
    ));
    for path in ["/x/y", "/closed", "/dead"] {
        for origin in ["https://a.com", "https://x.b.com"] {
            let answer = ask(
                &gateway,
                &format!("OPTIONS {path} HTTP/1.1\nHost: x\nOrigin: {origin}\n{PREFLIGHT}"),
            );
            assert_eq!((answer.status(), answer.body.len()), (204, 0), "{path}");
            assert_eq!(answer.one("access-control-allow-origin"), origin);
            assert_eq!(answer.one("access-control-allow-credentials"), "true");
            assert!(answer.one("access-control-allow-methods").contains("PUT"));
            assert_eq!(answer.one("access-control-max-age"), "600");
            assert!(answer.one("vary").contains("Origin"));
            assert_eq!(answer.one("x-content-type-options"), "nosniff");
        }
        let stranger = ask(
            &gateway,
            &format!("OPTIONS {path} HTTP/1.1\nHost: x\nOrigin: https://evil.org\n{PREFLIGHT}"),
        );
        assert_eq!(stranger.status(), 204);
        assert!(!fields(&stranger).contains("access-control-"), "{stranger:?}");
    }
    assert_eq!(asked(&backend), 0, "no service hears of a preflight");
    // What is none goes on, and so does what asks from nowhere.
    let get = |path: &str, origin: &str| {
        ask(&gateway, &format!("GET {path} HTTP/1.1\nHost: x\nOrigin: {origin}"))
    };
    let options = "OPTIONS /x/y HTTP/1.1\nHost: x\nOrigin: https://a.com";
    for answer in [ask(&gateway, options), get("/x/y", "https://a.com")] {
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hi"));
        assert_eq!(answer.one("access-control-allow-origin"), "https://a.com");
        assert_eq!(answer.one("access-control-expose-headers"), "X-Request-Id");
        assert_eq!(answer.one("vary"), "Accept-Encoding, Origin");
    }
    assert!(get("/x/y", "https://a.com.evil.org").all("access-control-allow-origin").is_empty());
    // Failures are read as well, also those without a route.
    for (path, status) in [("/closed", 403), ("/dead", 502), ("/nowhere", 404)] {
        let answer = get(path, "https://a.com");
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.one("access-control-allow-origin"), "https://a.com", "{path}");
        assert_eq!(answer.one("vary"), "Origin", "{path}");
        assert_eq!(answer.one("x-frame-options"), "SAMEORIGIN", "{path}");
        assert!(get(path, "null").all("access-control-allow-origin").is_empty(), "{path}");
    }
    let twice = ask(&gateway, "GET /x/y HTTP/1.1\nHost: x\nOrigin: https://a.com\nOrigin: null");
    assert_eq!((twice.status(), twice.all("access-control-allow-origin").len()), (400, 0));
    // A route that does not take OPTIONS keeps the preflight from the policy.
    let missed = "OPTIONS /get HTTP/1.1\nHost: x\nOrigin: https://a.com\n";
    assert_eq!(ask(&gateway, &format!("{missed}{PREFLIGHT}")).status(), 404);
}

/// All fields of an answer in lower case.
fn fields(answer: &Message) -> String {
    let names: Vec<&str> = answer.fields.iter().map(|(name, _)| name.as_str()).collect();
    names.join(" ").to_lowercase()
}

#[test]
fn routes_that_preflights_do_not_come_to_are_warned_about() {
    let check = |routes: &str| {
        let folder = fresh_folder("guards");
        let file = folder.join("yumen.yaml");
        let text = format!(
            "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
  - {{ name: other, address: '127.0.0.1:0' }}
policies: [{{ kind: cors, config: {{ origins: ['*'] }} }}]
services: [{{ name: a, url: 'http://127.0.0.1:9', routes: [{routes}] }}]
"
        );
        std::fs::write(&file, text).expect("a file");
        let (code, out, err) = yumen(&["check", &file.display().to_string()]);
        let _left = std::fs::remove_dir_all(folder);
        assert_eq!(code, 0, "{out}{err}");
        format!("{out}{err}").matches("warning").count()
    };
    assert_eq!(check("{ name: a, match: { paths: [/a], methods: [GET] } }"), 1);
    assert_eq!(check("{ name: a, match: { paths: [/a], methods: [GET, OPTIONS] } }"), 0);
    assert_eq!(check("{ name: a, match: { paths: [/a] } }"), 0);
    let both = |other: &str| {
        check(&format!(
            "{{ name: a, match: {{ hosts: [a.com], paths: [/a], methods: [GET] }} }},
             {{ name: b, match: {{ {other} }} }}"
        ))
    };
    assert_eq!(both("hosts: [a.com], paths: [/a], methods: [POST, OPTIONS]"), 0);
    assert_eq!(both("paths: ['/*']"), 0);
    assert_eq!(both("hosts: [a.com], methods: [OPTIONS]"), 0);
    assert_eq!(both("hosts: [b.com], paths: [/a]"), 1);
    assert_eq!(both("paths: ['/*'], headers: { x-a: b }"), 1);
    let twice = "{ name: a, policies: [{ kind: cors, config: { origins: ['*'] } }] }";
    assert_eq!(check(twice), 1);
    assert_eq!(check(&twice.replace("kind: cors,", "kind: cors, broader: replace,")), 0);
}

#[test]
fn who_is_turned_away_costs_no_service_anything() {
    let backend = Backend::answering("hi");
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: off }}
policies:
  - {{ kind: bot-filter, config: {{ allow: [goodbot], deny: [bot, '~ ^curl/[1-7]\\.'], missing: refuse }} }}
services:
  - name: backend
    url: http://{}
    routes:
      - name: form
        match: {{ paths: [/form] }}
        policies: [{{ kind: csrf, config: {{ trusted_origins: ['https://shop.com'] }} }}]
      - name: pictures
        match: {{ paths: [/pictures] }}
        policies: [{{ kind: referrer-restriction, config: {{ allow: ['*.a.com'], missing: refuse }} }}]
",
        backend.authority()
    ));
    let mine = "User-Agent: mine/1";
    let refused = [
        ("GET /form", "X: y"),
        ("GET /form", "User-Agent: SomeBot/2"),
        ("GET /form", "User-Agent: curl/7.88"),
        ("GET /form", "User-Agent: mine/1\nUser-Agent: mine/1"),
        ("POST /form", &format!("{mine}\nSec-Fetch-Site: cross-site")),
        ("POST /form", &format!("{mine}\nOrigin: https://evil.org")),
        ("DELETE /form", &format!("{mine}\nOrigin: null")),
        ("GET /pictures", mine),
        ("GET /pictures", &format!("{mine}\nReferer: https://a.com.evil.org/")),
        ("GET /pictures", &format!("{mine}\nReferer: https://a.com/")),
    ];
    for (line, fields) in refused {
        let answer = ask(&gateway, &format!("{line} HTTP/1.1\nHost: app.com\n{fields}"));
        assert_eq!(answer.status(), 403, "{line} {fields}");
        assert!(answer.text().contains("\"forbidden\""), "{}", answer.text());
    }
    assert_eq!(backend.connections(), 0);
    let welcome = [
        ("GET /form", "User-Agent: GoodBot/2"),
        ("GET /form", "User-Agent: curl/8.1"),
        ("POST /form", mine),
        ("POST /form", &format!("{mine}\nSec-Fetch-Site: same-origin")),
        ("POST /form", &format!("{mine}\nOrigin: http://app.com")),
        ("POST /form", &format!("{mine}\nSec-Fetch-Site: cross-site\nOrigin: https://shop.com")),
        ("GET /pictures", &format!("{mine}\nReferer: https://www.a.com/page")),
    ];
    for (line, fields) in welcome {
        let length = if line.starts_with("POST") { "\nContent-Length: 0" } else { "" };
        let answer = ask(&gateway, &format!("{line} HTTP/1.1\nHost: app.com\n{fields}{length}"));
        assert_eq!(answer.status(), 200, "{line} {fields}");
    }
    assert_eq!(asked(&backend), welcome.len());
}

/// What the page has to say at the end, in the order of its steps.
const RIGHT: &str = "get.200.get.id~put.200.put.id~field.TypeError~delete.TypeError\
                     ~closed.403.forbidden.id~lost.404.no_route.id~dead.502.upstream_unreachable.id\
                     ~narrow.TypeError~stranger.TypeError\
                     ~forged.403.forbidden.id~trusted.200.post.id~own.200.post.id";

/// The method of a request, as a service tells it.
fn told(request: &Message) -> Step {
    let body = request.method().to_lowercase();
    let head = format!("HTTP/1.1 200 OK\r\nX-Request-Id: 1\r\nContent-Length: {}", body.len());
    raw(format!("{head}\r\n\r\n{body}"))
}

/// The policies that the page meets, for its origin.
fn api(origin: &str, backend: &Backend, certificate: &str) -> String {
    let dead = free_address();
    format!(
        "
listeners:
  - name: web
    address: 127.0.0.1:0
    tls: {{ certificates: [{certificate}] }}
    policies:
      - kind: cors
        config:
          origins: ['{origin}']
          methods: [GET, PUT]
          headers: [Content-Type, X-Known]
          expose: [X-Request-Id]
          credentials: true
  - name: strict
    address: 127.0.0.1:0
    tls: {{ certificates: [{certificate}] }}
    policies: [{{ kind: cors, config: {{ origins: ['https://other.example'] }} }}]
status: {{ address: off }}
services:
  - name: backend
    url: http://{}
    routes:
      - {{ name: data, match: {{ paths: [/data] }} }}
      - name: closed
        match: {{ paths: [/closed] }}
        policies: [{{ kind: ip-restriction, config: {{ deny: [127.0.0.0/8] }} }}]
      - {{ name: narrow, match: {{ paths: [/narrow], methods: [GET, PUT] }} }}
      - {{ name: form, match: {{ paths: [/form] }}, policies: [{{ kind: csrf }}] }}
      - name: trusted
        match: {{ paths: [/trusted] }}
        policies: [{{ kind: csrf, config: {{ trusted_origins: ['{origin}'] }} }}]
  - {{ name: dead, url: 'http://{dead}', routes: [{{ name: dead, match: {{ paths: [/dead] }} }}] }}
",
        backend.authority()
    )
}

#[test]
fn a_page_reads_what_it_may_and_nothing_else() {
    if !have(&[Tool::Chromium]) {
        return;
    }
    let ports: Arc<OnceLock<(u16, u16)>> = Arc::default();
    let own = Arc::clone(&ports);
    let pages = Backend::start(move |call| match call.request.target() {
        "/" => {
            let (api, strict) = own.get().expect("the gateways are there first");
            let page = PAGE.replace("API_PORT", &api.to_string());
            let page = page.replace("STRICT_PORT", &strict.to_string());
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
            vec![Step::Body, raw(format!("{head}Content-Length: {}\r\n\r\n{page}", page.len()))]
        }
        _ => vec![Step::Body, told(call.request)],
    });
    let data = Backend::start(|call| vec![Step::Body, told(call.request)]);
    let rig = Rig::new(&[("site", &["site.example"], Unusual::default())]);
    let certificate = pair(&rig.folder, "site");
    let site = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0', tls: {{ certificates: [{certificate}] }} }}]
status: {{ address: off }}
policies: [{{ kind: csrf, config: {{ missing: refuse }} }}]
services:
  - name: pages
    url: http://{}
    routes: [{{ name: pages }}]
",
        pages.authority()
    ));
    let port = site.web().port();
    let origin = format!("https://site.example:{port}");
    let gateway = Gateway::start(&api(&origin, &data, &certificate));
    let (api, strict) = (gateway.web().port(), gateway.address("strict").port());
    ports.set((api, strict)).expect("once");
    let browser = Server::chromium(&rig.folder.join("profile"), "site.example", port);
    let report = |all: &[yumen_e2e::Recorded]| {
        all.iter().flat_map(|one| one.requests().0).find(|one| one.target().starts_with("/report?"))
    };
    let in_time = pages.wait(PATIENCE, |all| report(all).is_some());
    assert!(in_time, "no report: {:#?} {:#?}", browser.said(), gateway.stdout.all());
    let report = report(&pages.recorded()).expect("a report");
    assert_eq!(report.target(), format!("/report?{RIGHT}"), "{:#?}", gateway.stdout.all());
    assert!(browser.end(PATIENCE), "the browser does not end");
    // It has really asked before, and what it was told no to never came.
    let preflight = gateway.stdout.wait(0, yumen_e2e::SOON, |line| {
        line.contains("\"method\":\"OPTIONS\"") && line.contains("\"status\":204")
    });
    assert!(preflight.is_some(), "{:#?}", gateway.stdout.all());
    let came = data.recorded();
    let came = came.iter().flat_map(|one| one.requests().0);
    let mut came: Vec<String> = came.map(|one| one.start).collect();
    came.sort();
    let expect = ["GET /data", "GET /data", "POST /trusted", "PUT /data"];
    assert_eq!(came, expect.map(|line| format!("{line} HTTP/1.1")));
}

//! Clients that come in clear text are sent to `https://`, and told to remember it.

use std::fs;

use yumen_e2e::certificates::Unusual;
use yumen_e2e::gateway::{fresh_folder, yumen};
use yumen_e2e::rig::Rig;
use yumen_e2e::tools::{Tool, have};
use yumen_e2e::{Backend, Client, Gateway, Step, get, raw};

#[test]
fn clients_in_clear_text_are_sent_to_https() {
    let backend = Backend::answering("hello");
    let config = |redirect: &str| {
        format!(
            "
listeners:
  - name: web
    address: 127.0.0.1:0
    trusted_proxies: [127.0.0.0/8]
    https_redirect: {redirect}
status: {{ address: '127.0.0.1:0' }}
services:
  - {{ name: backend, url: 'http://{}', routes: [{{ name: all, match: {{ hosts: [a.test] }} }}] }}
",
            backend.authority()
        )
    };
    let gateway = Gateway::start(&config("{}"));
    let ask = |request: &str| {
        let answer = Client::connect(gateway.web()).ask(request).expect("an answer");
        (answer.status(), answer.all("location").join(" "), answer.all("strict-transport-security"))
    };
    let check = |line: &str, host: &str, expect: &str| {
        let (status, location, hsts) = ask(&format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!((status, location.as_str()), (308, expect), "{line} {host}");
        assert!(hsts.is_empty(), "not in clear text: {hsts:?}");
    };
    check("GET /", "a.test", "https://a.test/");
    check("GET /a/b%20c?d=e&f=%2F", "A.test:8080", "https://a.test/a/b%20c?d=e&f=%2F");
    check("GET /?", "other.test.", "https://other.test/?");
    check("GET /x", "[::1]:80", "https://[::1]/x");
    check("GET http://b.test:81/y?z", "a.test", "https://b.test/y?z");
    check("OPTIONS *", "a.test", "https://a.test/");
    check("DELETE //evil.test/", "a.test", "https://a.test/evil.test/");
    assert_eq!(backend.connections(), 0);
    let post = "POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(ask(post).1, "https://a.test/p");
    assert_eq!(ask("GET / HTTP/1.0\r\n\r\n").0, 400, "nobody knows which host");
    // Whoever came with TLS to a trusted proxy is where he belongs.
    let proxied = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\n\r\n";
    assert_eq!(ask(proxied).0, 200);
    let folder = fresh_folder("https");
    let file = folder.join("yumen.yaml");
    fs::write(&file, config("{}")).expect("a file");
    let (_, explained, _) =
        yumen(&["explain", "--config", &file.display().to_string(), "GET", "http://a.test/"]);
    assert!(
        explained.contains("redirected with 308") && explained.contains("`all`"),
        "{explained}"
    );
    let _left = fs::remove_dir_all(folder);
    gateway.reload(&config("{ port: 8443 }")).expect("a good configuration");
    check("GET /x?y", "a.test:8080", "https://a.test:8443/x?y");
}

#[test]
fn clients_with_tls_are_told_to_remember_it() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let backend = Backend::start(|call| match call.request.target() {
        "/own" => {
            let head = "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=1\r\n";
            vec![Step::Body, raw(format!("{head}Content-Length: 0\r\n\r\n"))]
        }
        _ => vec![Step::Body, raw("HTTP/1.1 204 No Content\r\n\r\n")],
    });
    let mut rig = Rig::new(&[("a", &["a.test"], Unusual::default())]);
    rig.tls = "hsts: { include_subdomains: true, preload: true }".to_owned();
    let web = rig.start(&backend, &["a"], "limits: { target: 100 }");
    let long = "x".repeat(200);
    let year = "max-age=31536000; includeSubDomains; preload";
    for version in ["--http1.1", "--http2"] {
        for (path, status, expect) in [
            ("", 204, year),
            ("own", 200, "max-age=1"),
            // Also on answers of the gateway itself, as an attacker could ask for them.
            (long.as_str(), 414, year),
        ] {
            let url = format!("https://a.test:{}/{path}", web.port());
            let head = rig.curl(web, "a.test", &[version, "-D", "-", "-o", "/dev/null", &url]);
            let head = head.well().to_ascii_lowercase();
            assert!(head.contains(&format!(" {status}")), "{version} {path}: {head}");
            let said: Vec<&str> = head
                .lines()
                .filter_map(|line| line.strip_prefix("strict-transport-security: "))
                .collect();
            assert_eq!(said, [expect.to_ascii_lowercase()], "{version} {path}");
        }
    }
    // In clear text there is nothing to remember.
    let answer = get(web, "/");
    assert_eq!((answer.status(), answer.all("strict-transport-security").len()), (400, 0));
}

//! TLS towards clients, with real ones: certificates by name, versions, resumption, renewal under
//! load, and clients that do not do their part.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use yumen_e2e::certificates::{Authority, Issued, Unusual};
use yumen_e2e::gateway::yumen;
use yumen_e2e::rig::{LONG, Rig, put};
use yumen_e2e::tools::{Server, Tool, have, run};
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, ok};

const USUAL: Unusual = Unusual { rsa: false, expired: false, client: false, serial: 0 };

#[test]
fn each_name_gets_its_certificate() {
    if !have(&[Tool::Curl, Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[
        ("first", &["a.test"], USUAL),
        ("exact", &["api.b.test"], USUAL),
        ("wild", &["*.b.test"], USUAL),
    ]);
    let web = rig.start(&backend, &["first", "exact", "wild"], "");
    for host in ["a.test", "api.b.test", "www.b.test"] {
        assert_eq!(rig.curl(web, host, &[]).well(), "hello", "{host}");
    }
    // Below the wildcard's one label, and unknown: both get the first certificate, which does not fit.
    for host in ["x.www.b.test", "c.test"] {
        let done = rig.curl(web, host, &[]);
        assert_eq!(done.code, 60, "{host}: {}", done.err);
    }
    for (name, subject) in [
        ("api.b.test", "CN = api.b.test"),
        ("API.B.TEST", "CN = api.b.test"),
        ("www.b.test", "CN = *.b.test"),
        ("c.test", "CN = a.test"),
    ] {
        let done = rig.s_client(web, &["-servername", name]);
        assert!(done.out.contains(&format!("subject={subject}")), "{name}: {}", done.out);
    }
    let done = rig.s_client(web, &["-noservername", "-alpn", "h3,http/1.1"]);
    assert!(done.out.contains("subject=CN = a.test"), "{}", done.out);
    assert!(done.out.contains("ALPN protocol: http/1.1"), "{}", done.out);
    let seen = &backend.recorded()[0].requests().0[0];
    assert_eq!(seen.one("x-forwarded-proto"), "https");
}

#[test]
fn http2_is_agreed_on_where_it_is_spoken() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let body = "x".repeat(3 << 20);
    let answer = body.clone();
    let backend = Backend::start(move |_| vec![Step::Body, ok(&answer)]);
    let mut rig = Rig::new(&[("a", &["a.test"], USUAL)]);
    let upload = rig.folder.join("upload");
    fs::write(&upload, &body).unwrap();
    let data = format!("@{}", upload.display());
    for (more, wish, version) in [
        ("", "--http2", "2"),
        ("", "--http1.1", "1.1"),
        ("http2: { enabled: false }", "--http2", "1.1"),
    ] {
        let web = rig.start(&backend, &["a"], more);
        let out = rig.folder.join("answer").display().to_string();
        let show = ["-o", &out, "-w", "%{http_version} %{http_code} %{size_download}"];
        let send = [wish, "--data-binary", &data];
        let done = rig.curl(web, "a.test", &[&show[..], &send[..]].concat());
        assert_eq!(done.well(), format!("{version} 200 {}", body.len()), "{more} {wish}");
    }
    let requests: Vec<_> = backend.recorded().iter().flat_map(|one| one.requests().0).collect();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request.body.len(), body.len());
        assert_eq!(request.one("x-forwarded-proto"), "https");
    }
}

#[test]
fn versions_and_kinds_of_keys() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[
        ("rsa", &["a.test"], Unusual { rsa: true, ..USUAL }),
        ("ecdsa", &["a.test"], USUAL),
    ]);
    let web = rig.start(&backend, &["rsa", "ecdsa"], "");
    let check = |arguments: &[&str], expect: &str| {
        let done = rig.s_client(web, &[&["-servername", "a.test"], arguments].concat());
        assert!(done.out.contains(expect), "{arguments:?}: {}\n{}", done.out, done.err);
    };
    check(&["-tls1_3"], "TLSv1.3, Cipher is TLS_AES");
    check(&["-tls1_2"], "TLSv1.2, Cipher is ECDHE-ECDSA");
    check(&["-tls1_2", "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"], "Cipher is ECDHE-RSA");
    check(&["-sigalgs", "RSA-PSS+SHA256"], "Peer signature type: RSA-PSS");
    check(&["-sigalgs", "ECDSA+SHA256"], "Peer signature type: ECDSA");
    check(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "Cipher is (NONE)");
    check(&["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], "Cipher is (NONE)");
    let failed = format!("http://{}/metrics", rig.gateway().status());
    let metrics = run(Tool::Curl, ["-s", &failed], LONG).well();
    assert!(metrics.contains("yumen_failed_handshakes_total{listener=\"web\"} 2"), "{metrics}");
    assert!(
        rig.gateway().stdout.wait(0, SOON, |line| line.contains("\"tls_expected\"")).is_some(),
        "{:?}",
        rig.gateway().stdout.all()
    );
    let only = rig.config(&backend, &["rsa", "ecdsa"], "");
    let only = only.replace("    tls:\n", "    tls:\n      min_version: 1.3\n");
    rig.gateway().reload(&only).unwrap();
    check(&["-tls1_2"], "Cipher is (NONE)");
    check(&["-tls1_3"], "TLSv1.3, Cipher is TLS_AES");
}

#[test]
fn sessions_are_resumed_across_reloads_and_for_their_name_only() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[("a", &["a.test"], USUAL), ("b", &["b.test"], USUAL)]);
    let web = rig.start(&backend, &["a", "b"], "");
    for version in ["-tls1_2", "-tls1_3"] {
        let kept = rig.folder.join("session").display().to_string();
        // Of TLS 1.3 the tickets come behind the handshake: an answer is waited for.
        let asked = |more: &[&str]| {
            let request =
                "printf 'GET / HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n'";
            let line = format!(
                "{request} | timeout 20 openssl s_client -connect {web} -ign_eof {version} {}",
                more.join(" ")
            );
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let first = asked(&["-servername", "a.test", "-sess_out", &kept]);
        assert!(first.contains("New, TLSv1"), "{first}");
        rig.gateway()
            .reload(&format!("{}# {version}\n", rig.config(&backend, &["b", "a"], "")))
            .unwrap();
        let again = asked(&["-servername", "a.test", "-sess_in", &kept]);
        assert!(again.contains("Reused, TLSv1") && again.contains("hello"), "{again}");
        let other = asked(&["-servername", "b.test", "-sess_in", &kept]);
        assert!(other.contains("New, TLSv1"), "{other}");
        let told = if version == "-tls1_2" { "TLSv1.2" } else { "TLSv1.3" };
        let told = format!("\"tls\":{{\"version\":\"{told}\",\"cipher\":\"TLS_");
        let resumed = |line: &str| line.contains(&told) && line.contains("\"resumed\":true");
        let line = rig.gateway().stdout.wait(0, SOON, resumed).expect("a line in time");
        assert!(line.contains("\"server_name\":\"a.test\""), "{line}");
    }
}

#[test]
fn a_certificate_is_renewed_under_load() {
    if !have(&[Tool::Curl, Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[("a", &["a.test"], USUAL)]);
    let web = rig.start(&backend, &["a"], "limits: { requests_per_connection: 100000 }");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let fresh = std::thread::scope(|scope| {
        let fresh = scope.spawn(|| {
            let mut done = 0_u32;
            let began = Instant::now();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && began.elapsed() < LONG {
                assert_eq!(rig.curl(web, "a.test", &[]).well(), "hello");
                done += 1;
            }
            done
        });
        let kept = scope.spawn(|| {
            let urls = format!("https://a.test:{}/[1-3000]", web.port());
            let done = rig.curl(web, "a.test", &["-w", "%{num_connects} ", &urls]).well();
            assert_eq!(done.matches("hello").count(), 3000);
            assert_eq!(done.matches("hello1 ").count(), 1, "one connection");
        });
        for round in 1..=5 {
            let seen = rig.gateway().stderr.count();
            put(&rig.folder, "a", &rig.authority.sign(&["a.test", &format!("r{round}.test")]));
            // Between the two files the old certificate goes on.
            let live = |line: &str| line.contains("is live");
            assert!(rig.gateway().stderr.wait(seen, LONG, live).is_some());
            let done = rig.curl(web, &format!("r{round}.test"), &[]);
            assert_eq!(done.well(), "hello", "the new certificate is there");
        }
        kept.join().unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        fresh.join().unwrap()
    });
    assert!(fresh > 5, "{fresh} handshakes beside the renewals");
}

#[test]
fn what_is_wrong_with_certificates_is_told() {
    let rig = Rig::new(&[("a", &["a.test"], USUAL), ("b", &["b.test"], USUAL)]);
    let backend = Backend::answering("");
    let folder = rig.folder.display().to_string();
    let file = rig.folder.join("yumen.yaml");
    let good = rig.config(&backend, &["a"], "");
    let check = |text: &str, expect: &str| {
        fs::write(&file, text).unwrap();
        let (code, out, err) = yumen(&["check", &file.display().to_string()]);
        assert!(err.contains(expect), "{code}: {out}\n{err}");
        assert!(!err.contains("PRIVATE KEY-"), "{err}");
    };
    check(
        &good.replace("a.key", "b.key"),
        "the key does not belong to the certificate of CN=a.test",
    );
    check(&good.replace("a.pem", "a.key"), "this is a key, not a certificate");
    check(&good.replace("a.key", "a.pem"), "this is a certificate, not a key");
    check(&good.replace("a.key", "gone.key"), "cannot be used: No such file");
    check(&good.replace(&format!("{folder}/a.key"), "yumen.yaml"), "there is no private key");
    fs::write(&file, good.replace(&format!("{folder}/"), "")).unwrap();
    let (code, out, err) = yumen(&["check", &file.display().to_string(), "--effective"]);
    assert_eq!(code, 0, "relative to the file: {err}");
    assert!(out.contains("${file:a.key}") && !out.contains("BEGIN"), "{out}");
}

#[test]
fn clear_text_on_a_port_with_tls_is_told_so() {
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[("a", &["a.test"], USUAL)]);
    let web = rig.start(&backend, &["a"], "");
    let mut client = Client::connect(web);
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("tls_expected"), "{}", answer.text());
    assert_eq!(backend.connections(), 0);
}

#[test]
fn slow_and_strange_handshakes_end() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[("a", &["a.test"], USUAL)]);
    let web = rig.start(&backend, &["a"], "timeouts: { handshake: 1s }");
    let hello = client_hello(300);
    // A byte at a time, each well within any limit on silence.
    let began = Instant::now();
    let mut slow = TcpStream::connect(web).unwrap();
    for byte in &hello {
        if slow.write_all(&[*byte]).is_err() || began.elapsed() > LONG {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // Nothing at all.
    let mut silent = TcpStream::connect(web).unwrap();
    silent.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!(silent.read(&mut [0; 16]), Ok(0) | Err(_)));
    assert!(began.elapsed() < Duration::from_secs(40));
    for bytes in [client_hello(65_536 - 100), client_hello(300_000), vec![0x16; 4096], vec![0; 9]] {
        let mut strange = TcpStream::connect(web).unwrap();
        strange.set_read_timeout(Some(LONG)).unwrap();
        let _cut = strange.write_all(&bytes);
        let mut answer = Vec::new();
        let _reset = strange.read_to_end(&mut answer);
        assert!(answer.len() < 100, "{answer:?}");
    }
    assert_eq!(rig.curl(web, "a.test", &[]).well(), "hello");
}

/// A ClientHello of this size, without anything in it that could be agreed on.
fn client_hello(size: usize) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    let padding = size.saturating_sub(body.len() + 2 + 4 + 4);
    let fits = padding.min(65_531);
    body.extend(u16::try_from(fits + 4).unwrap().to_be_bytes());
    body.extend([0, 21]);
    body.extend(u16::try_from(fits).unwrap().to_be_bytes());
    body.resize(body.len() + padding, 0);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1], &length[1..], &body].concat();
    let records = handshake.chunks(16_384).map(|part| {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        [&[0x16, 3, 1], &length[..], part].concat()
    });
    records.collect::<Vec<_>>().concat()
}

#[test]
fn long_bodies_go_both_ways() {
    if !have(&[Tool::Curl]) {
        return;
    }
    const SIZE: usize = 8 << 20;
    let backend = Backend::start(|call| match call.request.target() {
        "/down" => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
            let body = Step::Repeat(vec![b'x'; 65_536], SIZE / 65_536);
            vec![Step::Body, Step::Send(head.into_bytes()), body]
        }
        _ => vec![Step::Body, ok("took it")],
    });
    let mut rig = Rig::new(&[("a", &["a.test"], USUAL)]);
    let web = rig.start(&backend, &["a"], "limits: { body: 20MiB }");
    let file = rig.folder.join("body");
    fs::write(&file, vec![b'y'; SIZE]).unwrap();
    let data = format!("@{}", file.display());
    let up = format!("https://a.test:{}/up", web.port());
    assert_eq!(rig.curl(web, "a.test", &["--data-binary", &data, &up]).well(), "took it");
    let took = backend.recorded()[0].requests().0[0].body.len();
    assert_eq!(took, SIZE);
    let down = format!("https://a.test:{}/down", web.port());
    let out = rig.folder.join("out").display().to_string();
    // A reader that is slow at first, so that the gateway has to wait for it.
    let _took = rig.curl(web, "a.test", &["--limit-rate", "20M", "-o", &out, &down]).well();
    let got = fs::read(&out).unwrap();
    assert!(got.len() == SIZE && got.iter().all(|byte| *byte == b'x'), "{}", got.len());
}

/// What nginx shows, and how the gateway is told to take it.
struct Upstream<'a> {
    shown: Issued,
    /// Inside its `server` block.
    more: String,
    /// The service's `tls`.
    tls: &'a str,
    /// Instead of the address.
    host: Option<&'a str>,
}

impl Upstream<'_> {
    /// Asks through the gateway; the status, the body or the code, and the access log's line.
    fn ask(&self, rig: &Rig) -> (u16, String, String) {
        let http = format!(
            "server {{ listen LISTEN ssl; ssl_certificate FOLDER/own.pem; \
             ssl_certificate_key FOLDER/own.key; {} \
             location / {{ return 200 \"$ssl_server_name $ssl_session_reused $connection_requests\"; }} }}",
            self.more
        );
        let (_nginx, address) = Server::nginx(&http, |folder| {
            put(folder, "own", &self.shown);
            fs::write(folder.join("ca.pem"), &rig.authority.certificate).unwrap();
        });
        let host = self.host.unwrap_or("127.0.0.1");
        let tls = if self.tls.is_empty() { String::new() } else { format!("tls: {}", self.tls) };
        let tls = tls.replace("FOLDER", &rig.folder.display().to_string());
        let gateway = Gateway::start(&format!(
            "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: https://{host}:{}
    {tls}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
",
            address.port()
        ));
        let mut client = Client::connect(gateway.web());
        let request = "GET / HTTP/1.1\r\nHost: a.test\r\nAccept: application/json\r\n\r\n";
        let first = client.ask(request).unwrap();
        let answer = if first.status() == 200 { client.ask(request).unwrap() } else { first };
        let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"status\"")).unwrap();
        let warned = gateway.stderr.all().iter().any(|line| line.contains("insecure"));
        assert_eq!(warned, self.tls.contains("insecure"), "{:?}", gateway.stderr.all());
        (answer.status(), answer.text(), line)
    }
}

#[test]
fn services_prove_who_they_are() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let rig = Rig::new(&[("client", &["gateway"], Unusual { client: true, ..USUAL })]);
    let other = Authority::new("others").sign(&["127.0.0.1"]);
    let good = || rig.authority.sign(&["127.0.0.1", "localhost"]);
    let named = || rig.authority.sign(&["a.test"]);
    let expired = rig.authority.sign_unusual(&["127.0.0.1"], Unusual { expired: true, ..USUAL });
    let ca = "{ ca: '${file:FOLDER/ca.pem}' }";
    let check = |upstream: &Upstream<'_>, status: u16, expect: &str, cause: &str| {
        let (found, text, line) = upstream.ask(&rig);
        assert_eq!(found, status, "{text} {line}");
        assert!(text.contains(expect), "{text} {line}");
        assert!(line.contains(cause), "{line}");
        assert!(cause.is_empty() || !text.contains(cause), "private: {text}");
    };
    let more = || "ssl_protocols TLSv1.2 TLSv1.3;".to_owned();
    let usual = |shown, tls| Upstream { shown, more: more(), tls, host: None };
    // The second answer comes on the connection of the first.
    check(&usual(good(), ca), 200, " . 2", "");
    check(&Upstream { host: Some("localhost"), ..usual(good(), ca) }, 200, "localhost . 2", "");
    let renamed = "{ ca: '${file:FOLDER/ca.pem}', server_name: a.test, min_version: 1.3 }";
    check(&usual(named(), renamed), 200, "a.test . 2", "");
    check(&usual(other.clone(), "{ insecure: true }"), 200, " . 2", "");
    check(&usual(named(), ca), 502, "upstream_tls", "not valid for name");
    check(&usual(other, ca), 502, "upstream_tls", "UnknownIssuer");
    check(&usual(good(), ""), 502, "upstream_tls", "UnknownIssuer");
    check(&usual(expired, ca), 502, "upstream_tls", "expired");
    let asks = "ssl_verify_client on; ssl_client_certificate FOLDER/ca.pem;";
    let own = "{ ca: '${file:FOLDER/ca.pem}', own: { certificate: '${file:FOLDER/client.pem}', key: '${file:FOLDER/client.key}' } }";
    check(&Upstream { more: asks.to_owned(), ..usual(good(), own) }, 200, " . 2", "");
    // nginx answers without a certificate with 400 of its own.
    check(&Upstream { more: asks.to_owned(), ..usual(good(), ca) }, 400, "No required SSL", "");
    let old = "ssl_protocols TLSv1.1;";
    check(&Upstream { more: old.to_owned(), ..usual(good(), ca) }, 502, "upstream_tls", "TLS: ");
}

#[test]
fn sessions_with_services_are_resumed() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let rig = Rig::new(&[]);
    let shown = rig.authority.sign(&["127.0.0.1"]);
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let more = format!(
            "ssl_protocols {protocol}; ssl_session_cache shared:a:1m; keepalive_requests 1;"
        );
        let upstream = Upstream {
            shown: shown.clone(),
            more,
            tls: "{ ca: '${file:FOLDER/ca.pem}' }",
            host: None,
        };
        let (status, text, _) = upstream.ask(&rig);
        assert_eq!((status, text.as_str()), (200, " r 1"), "{protocol}");
    }
}

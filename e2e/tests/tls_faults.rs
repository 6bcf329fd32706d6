//! TLS that goes wrong: services that do not speak it, or not in time, or prove nothing; clients
//! that begin and do not go on; certificates that have ended.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::gateway::yumen;
use yumen_e2e::rig::{LONG, Rig};
use yumen_e2e::tools::{Server, Tool, have};
use yumen_e2e::{Backend, Client, Gateway, get};

/// A service on a port where TLS is expected; it lives as long as the test.
fn service(answer: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn hear(stream: &mut TcpStream) {
    let _some = stream.read(&mut [0; 4096]);
}

fn hang(stream: TcpStream) {
    std::thread::sleep(LONG);
    drop(stream);
}

fn in_clear_text(mut stream: TcpStream) {
    hear(&mut stream);
    let _sent = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

fn half_a_record(mut stream: TcpStream) {
    hear(&mut stream);
    // The head of a handshake record of 1,024 bytes, and a few of them.
    let _sent = stream.write_all(&[0x16, 3, 3, 4, 0, 2, 0, 0, 70, 3, 3]);
    hang(stream);
}

fn an_alert(mut stream: TcpStream) {
    hear(&mut stream);
    // Fatal: handshake_failure.
    let _sent = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]);
}

fn an_end(mut stream: TcpStream) {
    hear(&mut stream);
}

fn endless_garbage(mut stream: TcpStream) {
    hear(&mut stream);
    while stream.write_all(&[0x16; 4096]).is_ok() {}
}

/// Its name, what it does, and status, code and cause of what follows.
type Fault = (&'static str, fn(TcpStream), u16, &'static str, &'static str);

#[test]
fn services_without_tls_get_no_request() {
    let faults: [Fault; 6] = [
        ("clear", in_clear_text, 502, "upstream_tls", "TLS: "),
        ("half", half_a_record, 504, "upstream_timeout", ""),
        ("silent", hang, 504, "upstream_timeout", ""),
        ("alert", an_alert, 502, "upstream_tls", "HandshakeFailure"),
        ("end", an_end, 502, "upstream_tls", "closed the connection"),
        ("garbage", endless_garbage, 502, "upstream_tls", "TLS: "),
    ];
    let services = faults.map(|(name, answer, status, ..)| {
        let address = service(answer);
        // Only who says nothing is waited for.
        let connect = if status == 504 { "1s" } else { "30s" };
        format!(
            "
  - name: {name}
    url: https://{address}
    tls: {{ insecure: true }}
    timeouts: {{ connect: {connect} }}
    retries: {{ attempts: 1 }}
    routes: [{{ name: {name}, match: {{ paths: [/{name}] }} }}]"
        )
    });
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services: {}
",
        services.concat()
    ));
    std::thread::scope(|scope| {
        for (name, _, status, code, cause) in faults {
            let gateway = &gateway;
            scope.spawn(move || {
                let began = Instant::now();
                let answer = get(gateway.web(), &format!("/{name}"));
                assert!(began.elapsed() < Duration::from_secs(9), "{name}: {:?}", began.elapsed());
                assert_eq!(answer.status(), status, "{name}: {}", answer.text());
                assert!(answer.text().contains(code), "{name}: {}", answer.text());
                assert!(cause.is_empty() || !answer.text().contains(cause), "private: {name}");
                let of_it = |line: &str| line.contains(&format!("\"path\":\"/{name}\""));
                let line = gateway.stdout.wait(0, LONG, of_it).unwrap();
                assert!(line.contains(code) && line.contains(cause), "{name}: {line}");
            });
        }
    });
}

#[test]
fn services_that_signed_themselves_or_for_others_are_not_believed() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let rig = Rig::new(&[]);
    let own = Authority::itself(&["127.0.0.1"]);
    let expired = Unusual { expired: true, ..Unusual::default() };
    let shown = [
        ("self", own, "UnknownIssuer"),
        ("other", rig.authority.sign(&["other.test"]), "not valid for name"),
        ("ended", rig.authority.sign_unusual(&["127.0.0.1"], expired), "expired"),
        ("strange", Authority::new("strange").sign(&["127.0.0.1"]), "UnknownIssuer"),
    ];
    let mut services = String::new();
    let mut servers = Vec::new();
    for (name, issued, _) in &shown {
        let http = "server { listen LISTEN ssl; ssl_certificate FOLDER/own.pem; \
                    ssl_certificate_key FOLDER/own.key; location / { return 200 x; } }";
        let (server, address) =
            Server::nginx(http, |folder| yumen_e2e::rig::put(folder, "own", issued));
        servers.push(server);
        services.push_str(&format!(
            "
  - name: {name}
    url: https://{address}
    tls: {{ ca: '${{file:{}/ca.pem}}' }}
    routes: [{{ name: {name}, match: {{ paths: [/{name}] }} }}]",
            rig.folder.display()
        ));
    }
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services: {services}
"
    ));
    for (name, _, cause) in shown {
        let answer = get(gateway.web(), &format!("/{name}"));
        assert_eq!(answer.status(), 502, "{name}: {}", answer.text());
        assert!(answer.text().contains("upstream_tls"), "{name}: {}", answer.text());
        let of_it = |line: &str| line.contains(&format!("\"path\":\"/{name}\""));
        let line = gateway.stdout.wait(0, LONG, of_it).unwrap();
        assert!(line.contains(cause), "{name}: {line}");
    }
}

#[test]
fn clients_that_begin_and_do_not_go_on_are_closed() {
    const MANY: usize = 300;
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[("a", &["a.test", "b.test"], Unusual::default())]);
    // The name decides on the settings, so the ClientHello is waited for first.
    rig.tls = "hosts: [{ names: [b.test], min_version: 1.3 }]".to_owned();
    let web = rig.start(&backend, &["a"], "timeouts: { handshake: 1s }");
    let before = rig.gateway().memory();
    let begins: [Vec<u8>; 6] = [
        // Half a ClientHello: 16 KiB are announced.
        [&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3][..], &[7; 8000]].concat(),
        // SSL 2.0 and 3.0.
        vec![0x80, 0x2e, 1, 3, 0, 0, 21, 0, 0, 0, 16],
        [&[0x16, 3, 0, 0, 45, 1, 0, 0, 41, 3, 0][..], &[7; 32], &[0, 0, 2, 0, 5, 1, 0]].concat(),
        // TLS 1.0.
        [&[0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1][..], &[7; 32], &[0, 0, 2, 0, 5, 1, 0]].concat(),
        // An alert, and garbage.
        vec![0x15, 3, 3, 0, 2, 1, 0],
        vec![0x16; 9000],
    ];
    let mut clients: Vec<TcpStream> = Vec::new();
    for round in 0..MANY {
        let mut client = TcpStream::connect(web).unwrap();
        let _cut = client.write_all(&begins[round % begins.len()]);
        clients.push(client);
    }
    let began = Instant::now();
    for mut client in clients {
        client.set_read_timeout(Some(LONG)).unwrap();
        let mut answer = Vec::new();
        let _reset = client.read_to_end(&mut answer);
        assert!(answer.len() < 100, "an alert at most: {answer:?}");
    }
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    let after = rig.gateway().memory();
    assert!(after < before + (64 << 20), "{before} to {after}");
    let mut client = Client::connect(web);
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(answer.status(), 400, "it still answers");
}

#[test]
fn certificates_that_have_ended_are_warned_about_and_shown() {
    let expired = Unusual { expired: true, ..Unusual::default() };
    let mut rig =
        Rig::new(&[("good", &["a.test"], Unusual::default()), ("ended", &["b.test"], expired)]);
    rig.tls = "hosts: [{ names: [c.test], min_version: 1.3 }]".to_owned();
    let backend = Backend::answering("hello");
    let file = rig.folder.join("yumen.yaml");
    let config = rig.config(&backend, &["good", "ended"], "");
    let config = config.replace("paths: ['/*']", "paths: ['/*'], hosts: [a.test, d.test]");
    fs::write(&file, config).unwrap();
    let (code, out, err) = yumen(&["check", &file.display().to_string()]);
    assert_eq!(code, 0, "warnings only: {out}{err}");
    for (warning, there) in [
        ("the certificate of CN=b.test has ended", true),
        ("tls.certificates[1].certificate", true),
        ("no certificate of the listener `web` is for `c.test`", true),
        ("no certificate of the listener `web` is for `d.test`", true),
        ("a.test`", false),
        ("CN=a.test", false),
    ] {
        assert_eq!(err.contains(warning), there, "{warning}: {err}");
    }
    let _web = rig.start(&backend, &["good", "ended"], "");
    let warned = |line: &str| line.contains("the certificate of CN=b.test has ended");
    assert!(rig.gateway().stderr.wait(0, LONG, warned).is_some());
    let metrics = get(rig.gateway().status(), "/metrics").text();
    // The first of January 2021.
    let ended = "yumen_certificate_expiry_timestamp_seconds{listener=\"web\",\
                 certificate=\"certificates[1].certificate\"} 1609459200";
    assert!(metrics.contains(ended), "{metrics}");
}

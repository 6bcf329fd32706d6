//! The PROXY protocol in front of connections: the named client is the client, and nobody but the
//! named load balancers may name one.

use std::time::Duration;

use yumen_e2e::{Backend, Client, Gateway, Lost};

fn gateway(backend: &Backend) -> Gateway {
    Gateway::start(&format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', proxy_protocol: {{ from: [127.0.0.0/8] }} }}
  - {{ name: others, address: '127.0.0.1:0', proxy_protocol: {{ from: [10.0.0.0/8] }} }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
",
        backend.authority()
    ))
}

const REQUEST: &str = "GET /x HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A binary header: command, family, length as it is said, and the rest.
fn binary(command: u8, family: u8, length: u16, rest: &[u8]) -> Vec<u8> {
    [SIGNATURE, &[command, family], &length.to_be_bytes(), rest].concat()
}

const ADDRESSES: &[u8] = &[203, 0, 113, 9, 127, 0, 0, 1, 0x1f, 0x90, 0x1f, 0x91];

#[test]
fn headers_that_are_believed() {
    let backend = Backend::answering("ok");
    let gateway = gateway(&backend);
    let six =
        [&[0x20, 1, 0xd, 0xb8], [0; 11].as_slice(), &[1], &[0; 15], &[1], &[1, 2, 3, 4]].concat();
    let extra = [ADDRESSES, &[0x04, 0, 2, 9, 9]].concat();
    for (name, header, client) in [
        ("v1, IPv4", b"PROXY TCP4 203.0.113.9 127.0.0.1 8080 8081\r\n".to_vec(), "203.0.113.9"),
        ("v1, IPv6", b"PROXY TCP6 2001:db8::1 ::1 8080 8081\r\n".to_vec(), "2001:db8::1"),
        ("v1, unknown", b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        ("v2, IPv4", binary(0x21, 0x11, 12, ADDRESSES), "203.0.113.9"),
        ("v2, IPv6", binary(0x21, 0x21, 36, &six), "2001:db8::1"),
        ("v2, more fields", binary(0x21, 0x11, 17, &extra), "203.0.113.9"),
        ("v2, local", binary(0x20, 0, 0, b""), "127.0.0.1"),
    ] {
        let mark = backend.mark();
        let mut connection = Client::connect(gateway.web());
        connection.send([header.as_slice(), REQUEST.as_bytes()].concat());
        let answer = connection.answer("GET", yumen_e2e::SOON);
        assert!(answer.as_ref().is_ok_and(|answer| answer.status() == 200), "{name}: {answer:?}");
        let seen = backend.since(&mark);
        let requests = seen[0].requests().0;
        assert_eq!(requests[0].one("x-forwarded-for"), client, "{name}");
    }
}

#[test]
fn headers_that_are_not() {
    let backend = Backend::answering("ok");
    let gateway = gateway(&backend);
    for (name, listener, header) in [
        ("none", "web", Vec::new()),
        ("v1 without addresses", "web", b"PROXY TCP4\r\n".to_vec()),
        ("v1 with a bad address", "web", b"PROXY TCP4 1.2.3 127.0.0.1 1 2\r\n".to_vec()),
        ("v1 with a bad port", "web", b"PROXY TCP4 1.2.3.4 127.0.0.1 1 99999\r\n".to_vec()),
        ("v1 ended by LF", "web", b"PROXY TCP4 1.2.3.4 127.0.0.1 1 2\n".to_vec()),
        ("v1 too long", "web", [b"PROXY TCP4 ".as_slice(), &[b'1'; 200], b"\r\n"].concat()),
        ("v2 with another version", "web", binary(0x31, 0x11, 12, ADDRESSES)),
        ("v2 with another command", "web", binary(0x2f, 0x11, 12, ADDRESSES)),
        ("v2 too short", "web", binary(0x21, 0x11, 4, &ADDRESSES[..4])),
        ("v2 too long", "web", binary(0x21, 0x11, 65535, &[0; 65535])),
        ("from others", "others", b"PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n".to_vec()),
    ] {
        let mark = backend.mark();
        let mut connection = Client::connect(gateway.address(listener));
        let sender = connection.send_aside([header.as_slice(), REQUEST.as_bytes()].concat());
        match connection.answer("GET", Duration::from_secs(5)) {
            Err(Lost::Cut(..)) => {}
            Ok(answer) if answer.status() == 400 => {}
            other => panic!("{name}: {other:?}"),
        }
        let _sent = sender.join();
        assert!(backend.since(&mark).is_empty(), "{name}");
    }
}

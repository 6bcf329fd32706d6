//! TLS that does not end here: the name is read, in any pieces, and nothing else is touched.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use yumen_e2e::{Gateway, SOON};

use crate::{config, connect, ends, read, service};

/// The first message of a client, made by hand: with GREASE, ECH GREASE and whatever is wanted.
fn hello(name: Option<&str>, extra: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let long = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).expect("a length").to_be_bytes();
        [&length[..], bytes].concat()
    };
    let mut extensions: Vec<(u16, Vec<u8>)> = vec![
        (0x0a0a, Vec::new()),
        (0x000a, long(&[0x0a, 0x0a, 0x00, 0x1d, 0x00, 0x17])),
        (0x000d, long(&[0x04, 0x03, 0x08, 0x04])),
        (0x002b, vec![6, 0x0a, 0x0a, 3, 4, 3, 3]),
        (0x0033, long(&[&[0x00, 0x1d][..], &long(&[9; 32])].concat())),
        // Encrypted ClientHello, outer, with nothing in it that anybody could read.
        (0xfe0d, [&[0, 0, 1, 0, 1, 7][..], &long(&[5; 32]), &long(&[6; 144])].concat()),
    ];
    if let Some(name) = name {
        extensions.insert(1, (0, long(&[&[0][..], &long(name.as_bytes())].concat())));
    }
    extensions.extend_from_slice(extra);
    let extensions: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, body)| [&kind.to_be_bytes()[..], &long(body)].concat())
        .collect();
    let body = [
        &[3, 3][..],
        &[1; 32],
        &[32],
        &[2; 32],
        &long(&[0x0a, 0x0a, 0x13, 0x01, 0xc0, 0x2f]),
        &[1, 0],
        &long(&extensions),
    ]
    .concat();
    let length = u32::try_from(body.len()).expect("a length").to_be_bytes();
    records(&[&[1][..], &length[1..], &body].concat(), 16_000)
}

/// A handshake message in records of at most so many bytes.
fn records(message: &[u8], longest: usize) -> Vec<u8> {
    let record = |piece: &[u8]| {
        let length = u16::try_from(piece.len()).expect("a length").to_be_bytes();
        [&[0x16, 3, 1][..], &length, piece].concat()
    };
    message.chunks(longest).flat_map(record).collect()
}

/// A service that says its name and how many bytes came until the client was done, and whether they
/// were these.
fn judge(name: &'static str) -> SocketAddr {
    service(move |mut stream| {
        let _gone = stream.write_all(name.as_bytes());
        let mut all = Vec::new();
        let _gone = stream.read_to_end(&mut all);
        let _gone = stream.write_all(&all);
    })
}

const NAMED: &str = "protocol: tls, streams: [\
    { name: a, server_names: [a.test], service: a }, \
    { name: b, server_names: ['*.b.test', 'B.test'], service: b }, \
    { name: deep, server_names: ['*.deep.b.test'], service: a }";

fn rig(others: &str, more: &str) -> Gateway {
    let listener = format!("{NAMED} {others}], {more}");
    Gateway::start(&config(
        &listener,
        &[("a", &[judge("A")]), ("b", &[judge("B")]), ("c", &[judge("C")])],
        "",
    ))
}

/// Sends these bytes; the service that answers, which must have got just these.
fn asked(web: SocketAddr, bytes: &[u8]) -> Option<String> {
    let mut client = connect(web);
    let _gone = client.write_all(bytes);
    told(&mut client, bytes)
}

fn told(client: &mut TcpStream, bytes: &[u8]) -> Option<String> {
    let name = read(client, 1);
    if name.is_empty() {
        return None;
    }
    client.shutdown(std::net::Shutdown::Write).expect("a half close");
    assert!(read(client, bytes.len() + 1) == bytes, "the bytes are as they were");
    Some(String::from_utf8(name).expect("a name"))
}

#[test]
fn the_name_decides() {
    let gateway = rig(", { name: c, service: c }", "");
    for (name, expect) in [
        ("a.test", "A"),
        ("A.TEST", "A"),
        ("x.b.test", "B"),
        ("x.y.b.test", "B"),
        ("b.test", "B"),
        ("x.deep.b.test", "A"),
        ("deep.b.test", "B"),
        ("xa.test", "C"),
        ("other.test", "C"),
    ] {
        let got = asked(gateway.web(), &hello(Some(name), &[]));
        assert_eq!(got.as_deref(), Some(expect), "{name}");
    }
    assert_eq!(asked(gateway.web(), &hello(None, &[])).as_deref(), Some("C"), "no name");
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"x.deep.b.test\""));
    let line = line.expect("a line");
    for part in ["\"route\":\"deep\"", "\"host\":\"x.deep.b.test\"", "\"protocol\":\"TLS\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// However it comes: byte by byte, in many records, with what follows, padded.
#[test]
fn the_first_message_is_read_in_any_pieces() {
    let gateway = rig("", "");
    let whole = hello(Some("a.test"), &[]);
    for longest in [1, 3, 100, 1000] {
        let bytes = records(&whole[5..], longest);
        assert_eq!(asked(gateway.web(), &bytes).as_deref(), Some("A"), "records of {longest}");
    }
    let padded = hello(Some("a.test"), &[(21, vec![0; 12_000])]);
    assert_eq!(asked(gateway.web(), &padded).as_deref(), Some("A"), "padded");
    let early = [&whole[..], &[0x17, 3, 3, 0, 5], b"early"].concat();
    assert_eq!(asked(gateway.web(), &early).as_deref(), Some("A"), "more behind it");
    let mut client = connect(gateway.web());
    client.set_nodelay(true).expect("no delay");
    for byte in whole.chunks(7) {
        client.write_all(byte).expect("taken");
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(told(&mut client, &whole).as_deref(), Some("A"), "piece by piece");
}

#[test]
fn what_is_no_tls_is_refused() {
    let gateway = rig(", { name: c, service: c }", "timeouts: { handshake: 2s }");
    let whole = hello(Some("a.test"), &[]);
    let mut other = whole.clone();
    other[5] = 2;
    let long = [&[0x16, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0xf0, 3, 3][..], &[0; 20_000]].concat();
    for (why, bytes) in [
        ("clear text", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".to_vec()),
        ("another message", other),
        ("without end", long),
        ("cut off", whole[..50].to_vec()),
        ("nothing", Vec::new()),
    ] {
        let before = gateway.stdout.count();
        let mut client = connect(gateway.web());
        let _gone = client.write_all(&bytes);
        assert!(ends(&mut client, SOON), "{why}: it is closed, and no service was asked");
        let line = gateway.stdout.wait(before, SOON, |_| true).expect("a line");
        assert!(line.contains("\"failure\":\"tls_expected\""), "{why}: {line}");
    }
}

#[test]
fn a_name_that_nobody_has_ends_the_connection() {
    let gateway = rig("", "");
    for name in [Some("other.test"), None] {
        let before = gateway.stdout.count();
        assert_eq!(asked(gateway.web(), &hello(name, &[])), None, "{name:?}");
        let line = gateway.stdout.wait(before, SOON, |_| true).expect("a line");
        assert!(line.contains("\"failure\":\"no_route\""), "{line}");
    }
}

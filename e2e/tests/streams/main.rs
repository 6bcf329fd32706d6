//! Connections that are passed on as they are: TCP, and TLS by the name that a client asks for; with
//! exact bytes and with real clients and servers.

mod clients;
mod config;
mod tcp;
mod tls;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use yumen_e2e::SOON;

/// A listener `web` with more settings in front of services that are called as their streams are.
fn config(listener: &str, services: &[(&str, &[SocketAddr])], more: &str) -> String {
    let service = |(name, targets): &(&str, &[SocketAddr])| {
        let targets: Vec<String> =
            targets.iter().map(|at| format!("{{ url: 'tcp://{at}' }}")).collect();
        let targets = targets.join(", ");
        format!("  - name: {name}\n    upstream: {{ targets: [{targets}] }}\n{more}")
    };
    let services: String = services.iter().map(service).collect();
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', {listener} }}
status: {{ address: '127.0.0.1:0' }}
services:
{services}
"
    )
}

/// One stream without names.
const ONE: &str = "protocol: tcp, streams: [{ name: one, service: one }]";

/// A service that does this with every connection.
fn service(each: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    address
}

/// One that says its name first, then sends everything back.
fn echo(name: &'static str) -> SocketAddr {
    service(move |mut stream| {
        let _gone = stream.write_all(name.as_bytes());
        let mut space = [0; 64 << 10];
        while let Ok(count @ 1..) = stream.read(&mut space) {
            if stream.write_all(&space[..count]).is_err() {
                return;
            }
        }
        let _gone = stream.shutdown(Shutdown::Write);
    })
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    yumen_e2e::tools::free_address()
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, SOON).expect("a connection");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.set_write_timeout(Some(SOON)).expect("a timeout");
    stream
}

/// Reads so many bytes, or until the end.
fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut have = 0;
    while have < count {
        match stream.read(&mut bytes[have..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => have += more,
        }
    }
    bytes.truncate(have);
    bytes
}

/// Whether the connection ends in time, and brings nothing before.
fn ends(stream: &mut TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).expect("a timeout");
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

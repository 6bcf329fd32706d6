//! A service in a process of its own, to be killed and frozen by tests: it writes down every request
//! as soon as it has read the first line, before anything else is done with it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// What it answers to everything.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn main() {
    let path = std::env::args_os().nth(1).expect("a file to write to");
    let record = OpenOptions::new().append(true).create(true).open(path).expect("a file");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("listening on {}", listener.local_addr().expect("an address"));
    for stream in listener.incoming().flatten() {
        let record = record.try_clone().expect("a second handle");
        thread::spawn(move || serve(stream, record));
    }
}

/// Serves one connection to its end.
fn serve(mut stream: TcpStream, mut record: File) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    loop {
        let line = until(&mut stream, &mut buffer, b"\r\n")?;
        // In one piece: what was written outlives the process.
        let text = [&buffer[..line - 2], b"\n"].concat();
        record.write_all(&text).expect("a record");
        let head = until(&mut stream, &mut buffer, b"\r\n\r\n")?;
        let length = length(&String::from_utf8_lossy(&buffer[..head]));
        while buffer.len() < head + length {
            fill(&mut stream, &mut buffer)?;
        }
        buffer.drain(..head + length);
        stream.write_all(OK).ok()?;
    }
}

/// Reads until these bytes have come; says where they end.
fn until(stream: &mut TcpStream, buffer: &mut Vec<u8>, mark: &[u8]) -> Option<usize> {
    loop {
        if let Some(at) = buffer.windows(mark.len()).position(|bytes| bytes == mark) {
            return Some(at + mark.len());
        }
        fill(stream, buffer)?;
    }
}

fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut space = [0; 4096];
    match stream.read(&mut space) {
        Ok(count @ 1..) => buffer.extend_from_slice(&space[..count]),
        _ => return None,
    }
    Some(())
}

fn length(head: &str) -> usize {
    let value = head.lines().find_map(|line| {
        line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    });
    value.and_then(|(_, length)| length.parse().ok()).unwrap_or(0)
}

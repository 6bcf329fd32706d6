//! A small WebSocket client, and the server's half for scripts, enough to echo frames.

use std::net::SocketAddr;
use std::time::Duration;

use crate::client::{Brought, Client};
use crate::http2::block;
use crate::message::Message;

/// The key every test sends, and the answer that belongs to it (RFC 6455, section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What a server must answer to [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A whole handshake request.
pub fn handshake(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: test.example\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// The answer of a server that agrees to [`KEY`].
pub fn agreement() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
}

/// The answer of a server that agrees to whatever key a request has.
pub fn agreement_to(request: &Message) -> String {
    let key = request.all("sec-websocket-key").concat();
    agreement().replace(ACCEPT, &tungstenite::handshake::derive_accept_key(key.as_bytes()))
}

/// The head of a request that opens a WebSocket on a stream of HTTP/2 (RFC 8441).
pub fn connect(path: &str) -> Vec<u8> {
    block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "test.example"),
        (":path", path),
        ("sec-websocket-version", "13"),
    ])
}

/// "Going away" (1001), as a server says it.
pub const GOODBYE: [u8; 4] = [0x88, 2, 0x03, 0xe9];
/// The same as a client says it.
pub const GOODBYE_TO_SERVICE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

/// Opens a WebSocket.
pub fn open(to: SocketAddr, target: &str) -> Client {
    let mut client = Client::connect(to);
    let answer = client.ask(handshake(target)).expect("an answer to the handshake");
    assert_eq!(answer.status(), 101, "{answer:?}");
    client
}

/// One masked text frame.
pub fn frame(text: &str) -> Vec<u8> {
    let mask = [7, 77, 177, 27];
    let mut bytes = vec![0x81];
    match text.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap_or_default()),
        long @ 126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(long).unwrap_or_default().to_be_bytes());
        }
        huge => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(huge as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Sends a frame through a tunnel whose other end sends every byte back; true if it came back.
pub fn echoed(client: &mut Client, text: &str, within: Duration) -> bool {
    let bytes = frame(text);
    if !client.send(&bytes) {
        return false;
    }
    let deadline = std::time::Instant::now() + within;
    while client.buffer.len() < bytes.len() {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() || client.fill(left) == Brought::End {
            return false;
        }
    }
    let same = client.buffer[..bytes.len()] == bytes;
    client.buffer.drain(..bytes.len());
    same
}

//! One TLS connection as a machine between two streams of bytes: sealed ones outside, plain ones
//! inside. It reads and writes nothing itself, and holds little more than one record.

use std::io::{self, BufRead, Write};

use rustls::Connection;

use crate::fault::Fault;

/// One TLS connection.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    /// Plain bytes that wait to be read.
    waiting: usize,
    /// The peer has said that it sends nothing more.
    ended: bool,
}

/// What the two sides agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// The protocol inside, if one was agreed on.
    pub protocol: Option<Vec<u8>>,
    /// The name that the client asked for, in lower case.
    pub server_name: Option<String>,
}

impl Session {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, waiting: 0, ended: false }
    }

    /// Whether the two sides have not agreed yet.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// What was agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        let server_name = match &self.connection {
            Connection::Server(server) => server.server_name(),
            Connection::Client(_) => None,
        };
        Negotiated {
            protocol: self.connection.alpn_protocol().map(<[u8]>::to_vec),
            server_name: server_name.map(str::to_ascii_lowercase),
        }
    }

    /// Takes sealed bytes until there is something to read, the peer has ended, or all are taken;
    /// says how many were.
    ///
    /// # Errors
    /// When the session is over. What is to be sealed then tells the peer why.
    pub fn take(&mut self, sealed: &[u8]) -> Result<usize, Fault> {
        let mut rest = sealed;
        while !rest.is_empty() && self.waiting == 0 && !self.ended {
            // Fails only if there is too much to read, and there is nothing.
            if !matches!(self.connection.read_tls(&mut rest), Ok(1..)) {
                break;
            }
            let state = self.connection.process_new_packets()?;
            self.waiting = state.plaintext_bytes_to_read();
            self.ended = state.peer_has_closed();
        }
        Ok(sealed.len() - rest.len())
    }

    /// Appends at most so many plain bytes; says how many.
    pub fn read(&mut self, out: &mut Vec<u8>, most: usize) -> usize {
        let most = most.min(self.waiting);
        let mut reader = self.connection.reader();
        let mut read = 0;
        while read < most {
            let Ok(bytes) = reader.fill_buf() else { break };
            let bytes = bytes.get(..bytes.len().min(most - read)).unwrap_or_default();
            let count = bytes.len();
            if count == 0 {
                break;
            }
            out.extend_from_slice(bytes);
            reader.consume(count);
            read += count;
        }
        self.waiting -= read;
        read
    }

    /// Plain bytes that wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether the peer has said that it sends nothing more, and all it sent is read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended && self.waiting == 0
    }

    /// Takes plain bytes to be sealed; says how many.
    pub fn write(&mut self, plain: &[u8]) -> usize {
        self.connection.writer().write(plain).unwrap_or(0)
    }

    /// Says that nothing more will be written.
    pub fn end(&mut self) {
        self.connection.send_close_notify();
    }

    /// Whether there are sealed bytes to be sent.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.connection.wants_write()
    }

    /// Appends all sealed bytes that are to be sent.
    pub fn seal(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            let sealed: io::Result<usize> = self.connection.write_tls(out);
            // To write into memory cannot fail.
            if !matches!(sealed, Ok(1..)) {
                return;
            }
        }
    }
}

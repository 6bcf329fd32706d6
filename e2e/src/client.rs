//! A client that sends exact bytes and reads answers with the reference reader.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::message::{self, Flaw, Message, show};

/// How long a test waits for an answer that should come at once.
pub const SOON: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug)]
pub enum Lost {
    /// Time is up; this is what had come.
    Late(Vec<u8>),
    /// The connection ended before the answer did: what came of it, and the bytes.
    Cut(Option<Box<Message>>, Vec<u8>),
    /// What came is not a clean answer.
    Bad(String, Vec<u8>),
}

/// An answer, with the 1xx answers before it.
#[derive(Debug)]
pub struct Answer {
    /// 1xx answers.
    pub interim: Vec<Message>,
    /// The answer itself.
    pub message: Message,
}

impl std::ops::Deref for Answer {
    type Target = Message;
    fn deref(&self) -> &Message {
        &self.message
    }
}

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// More bytes.
    More,
    /// Nothing in the given time.
    Nothing,
    /// The end of the connection.
    End,
}

/// One connection of a client.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// What came and was not taken yet.
    pub buffer: Vec<u8>,
    /// True when the peer has ended the connection.
    pub ended: bool,
    /// True when the peer ended it with a reset.
    pub reset: bool,
}

impl Client {
    /// Connects.
    pub fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&to, SOON).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new(), ended: false, reset: false }
    }

    /// The other end: a connection that a client has made.
    pub fn accepted(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new(), ended: false, reset: false }
    }

    /// Sends these bytes; a peer that no longer reads is no failure here.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.set_write_timeout(Some(SOON)).expect("a timeout");
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends from another thread, so that an early answer can be read meanwhile.
    pub fn send_aside(&self, bytes: Vec<u8>) -> thread::JoinHandle<bool> {
        let mut stream = self.stream.try_clone().expect("a second handle");
        stream.set_write_timeout(Some(SOON)).expect("a timeout");
        thread::spawn(move || stream.write_all(&bytes).is_ok())
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&self) {
        let _gone = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset.
    pub fn abort(self) {
        let _late = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Makes the receive window small, for clients that read slowly.
    pub fn narrow(&self) {
        let _ignored = SockRef::from(&self.stream).set_recv_buffer_size(4 << 10);
    }

    /// Reads once into the buffer.
    pub fn fill(&mut self, within: Duration) -> Brought {
        if self.ended {
            return Brought::End;
        }
        let mut space = [0; 64 << 10];
        let within = within.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(within)).expect("a timeout");
        match self.stream.read(&mut space) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                self.buffer.extend_from_slice(&space[..count]);
                return Brought::More;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Brought::Nothing;
            }
            Err(_) => {
                self.ended = true;
                self.reset = true;
            }
        }
        Brought::End
    }

    /// Reads the next answer, to a request with `method`.
    ///
    /// # Errors
    /// [`Lost`] says why there is none.
    pub fn answer(&mut self, method: &str, within: Duration) -> Result<Answer, Lost> {
        let deadline = Instant::now() + within;
        let mut interim = Vec::new();
        loop {
            match message::answer_so_far(&self.buffer, method, self.ended) {
                Ok((message, used, None)) => {
                    self.buffer.drain(..used);
                    if message.status() >= 200 || message.status() == 101 {
                        return Ok(Answer { interim, message });
                    }
                    interim.push(message);
                    continue;
                }
                Ok((message, _, Some(Flaw::Cut(_)))) if self.ended => {
                    return Err(Lost::Cut(Some(Box::new(message)), self.buffer.clone()));
                }
                Ok((_, _, Some(Flaw::Bad(why)))) | Err(Flaw::Bad(why)) => {
                    return Err(Lost::Bad(why, self.buffer.clone()));
                }
                Err(Flaw::Cut(_)) if self.ended => {
                    return Err(Lost::Cut(None, self.buffer.clone()));
                }
                _ => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.fill(left) == Brought::Nothing && left.is_zero() {
                return Err(Lost::Late(self.buffer.clone()));
            }
        }
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// As [`Client::answer`].
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Result<Answer, Lost> {
        let request = request.as_ref();
        let end = request.iter().position(|b| *b == b' ').unwrap_or_default();
        let method = String::from_utf8_lossy(&request[..end]).into_owned();
        self.send(request);
        self.answer(&method, SOON)
    }

    /// Reads until the peer ends the connection; says whether it did in time.
    pub fn read_to_end(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while !self.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.fill(left);
        }
        true
    }

    /// What is in the buffer, printable.
    pub fn shown(&self) -> String {
        show(&self.buffer)
    }
}

/// One GET on a fresh connection.
pub fn get(to: SocketAddr, target: &str) -> Answer {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n");
    Client::connect(to).ask(request).unwrap_or_else(|lost| panic!("GET {target}: {lost:?}"))
}

//! The UDP socket of one worker for HTTP/3, and the way of datagrams to the process that knows
//! their connection, when another one has taken the socket over.
//!
//! Every connection id that a socket's endpoint gives out begins with its mark. The process that
//! takes over puts what carries the mark of the one before into that one's letterbox.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What connection ids of one endpoint begin with.
pub type Mark = [u8; 4];

/// A socket, ready to be served.
#[derive(Debug)]
#[cfg_attr(not(feature = "http3"), expect(dead_code, reason = "nothing is ever opened"))]
pub struct Datagrams {
    pub(crate) socket: UdpSocket,
    pub(crate) mark: Mark,
    /// What another process puts into the letterbox comes out here.
    pub(crate) inbox: UnixDatagram,
    pub(crate) retired: Arc<AtomicBool>,
    pub(crate) before: Option<Before>,
}

/// The process that had the socket before.
#[derive(Debug)]
pub struct Before {
    /// What its connection ids begin with.
    pub mark: Mark,
    /// Where its datagrams go.
    pub letterbox: UnixDatagram,
}

/// What it takes to pass a socket on.
#[derive(Debug)]
pub struct Passable {
    /// The socket once more.
    pub socket: UdpSocket,
    /// What the connection ids of its endpoint begin with.
    pub mark: Mark,
    /// Where its datagrams go when somebody else has the socket.
    pub letterbox: UnixDatagram,
    retired: Arc<AtomicBool>,
}

impl Datagrams {
    /// Makes a socket ready, and what it takes to pass it on.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(socket: UdpSocket, before: Option<Before>) -> io::Result<(Self, Passable)> {
        let (letterbox, inbox) = UnixDatagram::pair()?;
        letterbox.set_nonblocking(true)?;
        inbox.set_nonblocking(true)?;
        if let Some(before) = &before {
            before.letterbox.set_nonblocking(true)?;
        }
        // The system seeds it anew in every process.
        let random = RandomState::new().build_hasher().finish();
        let [a, b, c, d, ..] = random.to_ne_bytes();
        let mark = [a, b, c, d];
        let retired = Arc::new(AtomicBool::new(false));
        let passable = Passable {
            socket: socket.try_clone()?,
            mark,
            letterbox,
            retired: Arc::clone(&retired),
        };
        Ok((Self { socket, mark, inbox, retired, before }, passable))
    }
}

impl Passable {
    /// From now on somebody else reads the socket; here only the letterbox is.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

//! A connection as one task uses it, in clear text or with TLS: whoever reads and writes it need
//! not know which. In clear text it costs one look at a pointer more than the bare socket.

use std::io;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use yumen_tls::{Fault, Met, Negotiated, Session};

use crate::pipe::Pipe;
use crate::secure::Secure;
use crate::socket::Socket;

/// A connection. What was written is sent even if the connection is dropped behind it.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    secure: Option<Box<Secure>>,
}

impl Stream {
    /// Takes a connection that is made.
    #[must_use]
    pub fn new(connected: TcpStream) -> Self {
        Self { socket: Socket::new(connected), secure: None }
    }

    /// Takes a connection that was accepted at this very moment, before anything else was done with
    /// it or waited for.
    #[must_use]
    pub fn accepted(connected: TcpStream) -> Self {
        Self { socket: Socket::accepted(connected), secure: None }
    }

    /// Puts TLS on it; `early` was read from it already. Next is [`Stream::poll_handshake`].
    pub fn secure(&mut self, session: Session, early: Vec<u8>) {
        self.secure = Some(Box::new(Secure::new(session, early)));
    }

    /// Comes when both sides of TLS agree.
    ///
    /// # Errors
    /// What the system says, or why they do not agree (`InvalidData`), which the peer is told.
    pub fn poll_handshake(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.secure {
            None => Poll::Ready(Ok(())),
            Some(secure) => secure.poll_handshake(context, &self.socket),
        }
    }

    /// What both sides of TLS agreed on; `None` in clear text.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.secure.as_ref().map(|secure| secure.negotiated())
    }

    /// How a client met what was demanded of it; `None` in clear text, and with a service.
    ///
    /// # Errors
    /// As [`Session::met`].
    pub fn met(&self) -> Result<Option<Met>, Fault> {
        self.secure.as_ref().map_or(Ok(None), |secure| secure.met())
    }

    /// Whether bytes can be moved to and from it unseen.
    #[must_use]
    pub fn can_move(&self) -> bool {
        self.secure.is_none()
    }

    /// Reads at most `room` bytes into the spare capacity of `out`, of which there must be some; 0
    /// at the end. With TLS, an end that the peer did not announce is an error.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_read(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        match &self.secure {
            None => self.socket.poll_read(context, out, room),
            Some(secure) => secure.poll_read(context, &self.socket, out, room),
        }
    }

    /// Comes when there may be something to read, or the end: for whoever expects nothing yet, but
    /// wants to be woken. With TLS it comes at once, for something may have been opened already.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.secure {
            None => self.socket.poll_readable(context),
            Some(_) => Poll::Ready(()),
        }
    }

    /// Writes some of the bytes, of which there must be some. That a small write failed is seen
    /// by the next one.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &self.secure {
            None => self.socket.poll_write(context, bytes),
            Some(secure) => secure.poll_write(context, &self.socket, bytes),
        }
    }

    /// Writes some of the bytes, and tells the system that more will follow at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_write_more(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &self.secure {
            None => self.socket.poll_write_more(context, bytes),
            Some(secure) => secure.poll_write(context, &self.socket, bytes),
        }
    }

    /// Moves at most so many bytes into a pipe; 0 at the end. In clear text only.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_fill(
        &self,
        context: &mut Context<'_>,
        pipe: BorrowedFd<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if self.secure.is_some() {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        self.socket.poll_fill(context, pipe, most)
    }

    /// Moves some of what is in a pipe on. In clear text only.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_drain(
        &self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        if self.secure.is_some() {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        self.socket.poll_drain(context, pipe)
    }

    /// Reads what comes on the wire, sealed or not, into the spare capacity of `out`: for whoever
    /// only waits for its end.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_read_wire(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let room = out.capacity();
        self.socket.poll_read(context, out, room)
    }

    /// Says that nothing more will be written.
    pub fn poll_close(&self, context: &mut Context<'_>) -> Poll<()> {
        self.end();
        self.socket.poll_close(context)
    }

    /// With TLS, tells the peer that nothing more will be written, so that it knows that all has
    /// arrived; without waiting.
    pub fn end(&self) {
        if let Some(secure) = &self.secure {
            secure.end(&self.socket);
        }
    }

    /// Whether nothing has come, as the system knows it at this very moment, event or not: for what
    /// must not be sent to a peer that is gone.
    #[must_use]
    pub fn is_quiet_now(&self) -> bool {
        match &self.secure {
            None => self.socket.is_quiet_now(),
            Some(secure) => secure.is_quiet(&self.socket, Socket::read_at_once),
        }
    }

    /// Whether nothing has come since the last read that came back short or empty: no byte and no
    /// end.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match &self.secure {
            None => self.socket.is_quiet(),
            Some(secure) => secure.is_quiet(&self.socket, Socket::read_now),
        }
    }
}

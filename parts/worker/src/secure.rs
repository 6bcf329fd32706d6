//! A socket with TLS on it: plain bytes on our side, sealed ones on the wire.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use tokio::task::coop;
use yumen_tls::{Fault, Met, Negotiated, Session};

use crate::scratch::with_sealed;
use crate::socket::Socket;

/// Less is not worth a read of the system, however little the reader wants, in bytes.
const READ_MIN: usize = 4 * 1024;
/// How often in a row a look at an idle connection finds something.
const LOOKS_MAX: usize = 4;

/// The TLS of a connection.
#[derive(Debug)]
pub(crate) struct Secure {
    session: RefCell<Session>,
    /// Sealed bytes that came before what is in those in front of them was read: of one read of
    /// the system at most.
    early: RefCell<Vec<u8>>,
}

impl Secure {
    /// `early` was read from the socket already.
    pub(crate) fn new(session: Session, early: Vec<u8>) -> Self {
        Self { session: RefCell::new(session), early: RefCell::new(early) }
    }

    pub(crate) fn negotiated(&self) -> Negotiated {
        self.session.borrow().negotiated()
    }

    pub(crate) fn met(&self) -> Result<Option<Met>, Fault> {
        self.session.borrow().met()
    }

    /// Comes when both sides agree.
    pub(crate) fn poll_handshake(
        &self,
        context: &mut Context<'_>,
        socket: &Socket,
    ) -> Poll<io::Result<()>> {
        loop {
            self.flush(socket);
            if !self.session.borrow().is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_feed(context, socket, READ_MIN))?;
        }
    }

    /// As [`crate::Stream::poll_read`].
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        socket: &Socket,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        let room = room.min(out.capacity() - out.len());
        if room == 0 {
            // To read nothing would look like the end.
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        loop {
            {
                let mut session = self.session.borrow_mut();
                let read = session.read(out, room);
                if read > 0 || session.has_ended() {
                    return Poll::Ready(Ok(read));
                }
            }
            ready!(self.poll_feed(context, socket, room))?;
        }
    }

    /// As [`crate::Stream::poll_write`].
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        socket: &Socket,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(context));
        ready!(socket.poll_free(context))?;
        let written = self.session.borrow_mut().write(bytes);
        self.flush(socket);
        turn.made_progress();
        Poll::Ready(if written > 0 { Ok(written) } else { Err(io::ErrorKind::WriteZero.into()) })
    }

    /// Tells the peer that nothing more will be written.
    pub(crate) fn end(&self, socket: &Socket) {
        self.session.borrow_mut().end();
        self.flush(socket);
    }

    /// Whether nothing has come that a request would have to be answered with: what belongs to
    /// TLS alone (tickets) does not count.
    pub(crate) fn is_quiet(
        &self,
        socket: &Socket,
        read: fn(&Socket, &mut Vec<u8>) -> io::Result<usize>,
    ) -> bool {
        with_sealed(|buffer| {
            for _ in 0..LOOKS_MAX {
                buffer.clear();
                match read(socket, buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return self.early.borrow().is_empty();
                    }
                    Ok(1..) if self.feed(socket, buffer).is_ok() => {
                        let session = self.session.borrow();
                        if session.waiting() > 0 || session.has_ended() {
                            return false;
                        }
                    }
                    _ => return false,
                }
            }
            false
        })
    }

    /// Gives the session what came.
    fn poll_feed(
        &self,
        context: &mut Context<'_>,
        socket: &Socket,
        most: usize,
    ) -> Poll<io::Result<()>> {
        let early = self.early.take();
        if !early.is_empty() {
            return Poll::Ready(self.feed(socket, &early));
        }
        with_sealed(|buffer| {
            let read = ready!(socket.poll_read(context, buffer, most.max(READ_MIN)))?;
            Poll::Ready(if read > 0 {
                self.feed(socket, buffer)
            } else {
                // Whoever cuts the wire could cut it anywhere.
                Err(io::ErrorKind::UnexpectedEof.into())
            })
        })
    }

    fn feed(&self, socket: &Socket, sealed: &[u8]) -> io::Result<()> {
        let taken = self.session.borrow_mut().take(sealed);
        self.flush(socket);
        let taken =
            taken.map_err(|fault: Fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
        let rest = sealed.get(taken..).unwrap_or_default();
        if !rest.is_empty() {
            *self.early.borrow_mut() = rest.to_vec();
        }
        Ok(())
    }

    /// Sends what the session has for the peer.
    fn flush(&self, socket: &Socket) {
        if !self.session.borrow().owes() {
            return;
        }
        with_sealed(|buffer| {
            self.session.borrow_mut().seal(buffer);
            if !buffer.is_empty() {
                socket.put(buffer);
            }
        });
    }
}

//! The connection to one client: its socket, the bytes that were read too early, its deadline.
//!
//! The loop of the connection, the request's body and the tunnel all use it by turns, within one
//! task and never across a wait.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use yumen_http::Decoder;
use yumen_tls::{Fault, Met, Negotiated, Session};
use yumen_worker::{Deadline, Pipe, Stream};

/// Bytes of later requests that are read while one is answered; beyond this the client waits.
const AHEAD_MAX: usize = 64 * 1024;
/// How long, and for how many bytes, a connection that is being closed is read on, so that the
/// client gets to see its answer instead of a reset.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// The connection to one client.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Stream,
    /// Read from the socket, not yet used.
    rest: RefCell<Vec<u8>>,
    /// The body of the current request, while it has not ended.
    body: RefCell<Option<Decoder>>,
    pub(crate) deadline: Deadline,
    /// The client has closed its sending side.
    ended: Cell<bool>,
}

impl Link {
    pub(crate) fn new(stream: Stream, deadline: Deadline) -> Self {
        Self {
            stream,
            rest: RefCell::default(),
            body: RefCell::default(),
            deadline,
            ended: Cell::new(false),
        }
    }

    /// Puts TLS on it; what was read too early belongs to it.
    pub(crate) fn secure(&mut self, session: Session) {
        let early = std::mem::take(&mut *self.rest.borrow_mut());
        self.stream.secure(session, early);
    }

    /// Comes when both sides of TLS agree.
    pub(crate) fn poll_handshake(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_handshake(context)
    }

    /// What both sides of TLS agreed on.
    pub(crate) fn negotiated(&self) -> Option<Negotiated> {
        self.stream.negotiated()
    }

    /// How the client met what TLS demands of it.
    pub(crate) fn met(&self) -> Result<Option<Met>, Fault> {
        self.stream.met()
    }

    /// Whether bytes can be moved to it unseen.
    pub(crate) fn can_move(&self) -> bool {
        self.stream.can_move()
    }

    /// Reads what the client sent into the spare capacity of `out`; 0 at the end.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        if self.ended.get() {
            return Poll::Ready(Ok(0));
        }
        let read = self.stream.poll_read(context, out, room);
        if let Poll::Ready(Ok(0)) = read {
            self.ended.set(true);
        }
        read
    }

    /// Comes when there may be something to read, or the end.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.ended.get() {
            return Poll::Ready(());
        }
        self.stream.poll_readable(context)
    }

    /// Writes some of the bytes.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write(context, bytes)
    }

    /// Writes some of the bytes, of which more will follow at once.
    pub(crate) fn poll_write_more(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write_more(context, bytes)
    }

    /// Moves some of what is in a pipe on.
    pub(crate) fn poll_drain(
        &self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_drain(context, pipe)
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_close(&self, context: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_close(context)
    }

    /// Tells the client that all was sent, where that can be told without waiting.
    pub(crate) fn end(&self) {
        self.stream.end();
    }

    /// The bytes that were read too early.
    pub(crate) fn rest(&self) -> &RefCell<Vec<u8>> {
        &self.rest
    }

    /// The decoder of the current request's body, while the body has not ended.
    pub(crate) fn body(&self) -> &RefCell<Option<Decoder>> {
        &self.body
    }

    /// Whether the current request's body has not been read to its end.
    pub(crate) fn is_body_open(&self) -> bool {
        self.body.borrow().is_some()
    }

    /// Whether the client has said that it sends nothing more, and all it sent is used.
    pub(crate) fn is_drained(&self) -> bool {
        self.ended.get() && self.rest.borrow().is_empty()
    }

    /// Looks whether the client is still there while it waits for an answer. Later requests are
    /// kept for later; a client that only closed its sending side still wants its answer.
    pub(crate) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_body_open() || self.ended.get() || self.rest.borrow().len() >= AHEAD_MAX {
            return Poll::Pending;
        }
        // Mostly it has nothing to say while it waits.
        ready!(self.poll_readable(context));
        loop {
            let read = yumen_worker::with_scratch(|buffer| {
                let read = self.poll_read(context, buffer, AHEAD_MAX);
                self.rest.borrow_mut().extend_from_slice(buffer);
                read
            });
            match read {
                Poll::Pending | Poll::Ready(Ok(0)) => return Poll::Pending,
                Poll::Ready(Ok(_)) if self.rest.borrow().len() >= AHEAD_MAX => {
                    return Poll::Pending;
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
    }

    /// Sets the deadline for what comes next.
    pub(crate) fn allow(&self, patience: Option<Duration>) {
        self.deadline.set(patience);
    }

    /// Closes gently: says that nothing more will come, and reads on for a moment, because a
    /// system that closes with unread bytes resets the connection, answer and all.
    pub(crate) async fn linger(&self) {
        self.linger_over(|context, buffer| {
            let room = buffer.capacity();
            self.poll_read(context, buffer, room)
        })
        .await;
    }

    /// As [`Link::linger`], after a handshake that failed: what comes cannot be opened.
    pub(crate) async fn linger_unsecured(&self) {
        self.linger_over(|context, buffer| self.stream.poll_read_wire(context, buffer)).await;
    }

    async fn linger_over(
        &self,
        read: impl Fn(&mut Context<'_>, &mut Vec<u8>) -> Poll<io::Result<usize>>,
    ) {
        self.allow(Some(LINGER));
        let mut left = LINGER_BYTES_MAX;
        std::future::poll_fn(|context| {
            if self.poll_close(context).is_pending() {
                return Poll::Pending;
            }
            while left > 0 {
                match yumen_worker::with_scratch(|buffer| read(context, buffer)) {
                    Poll::Ready(Ok(read)) if read > 0 => left = left.saturating_sub(read),
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.deadline.has_come(context) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

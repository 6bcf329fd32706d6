//! A TCP socket as one task uses it: read, write, look whether anything came.
//!
//! Reading and writing try the system first and ask the event queue only when there is nothing to
//! do, which is the cheap order of the two. A read that comes back short has taken all there was,
//! so the next one waits for the event instead of asking the system in vain; an end that follows
//! is an event of its own. Small writes go through the worker's outbox.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::BufMut;
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::coop;

use crate::outbox;
use crate::pipe::{Pipe, splice};

/// A TCP socket. What was written is sent even if the socket is dropped behind it.
#[derive(Debug)]
pub(crate) struct Socket(Rc<Inner>);

/// The connection and what it owes.
#[derive(Debug)]
pub(crate) struct Inner {
    tcp: TcpStream,
    /// Bytes are waiting in the outbox.
    posted: Cell<bool>,
    /// Came out of the outbox, but the system did not take it.
    rest: RefCell<Vec<u8>>,
    /// Waits for the rest to be gone.
    waiting: RefCell<Option<Waker>>,
    /// What came of a write that its writer does not see any more.
    failed: Cell<Option<io::ErrorKind>>,
}

impl Socket {
    /// Takes a connection that is made.
    #[must_use]
    pub(crate) fn new(connected: TcpStream) -> Self {
        Self(Rc::new(Inner {
            tcp: connected,
            posted: Cell::new(false),
            rest: RefCell::default(),
            waiting: RefCell::default(),
            failed: Cell::default(),
        }))
    }

    /// Takes a connection that was accepted at this very moment: nothing has been heard of it yet.
    ///
    /// Tokio takes it that it has sent something already. Hardly any has, so that it would be asked
    /// in vain; what comes is told by an event. Such an event would be lost here, if there had been one.
    #[must_use]
    pub(crate) fn accepted(connected: TcpStream) -> Self {
        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        drop(connected.try_io(Interest::READABLE, nothing));
        Self::new(connected)
    }

    /// Reads at most `room` bytes into the spare capacity of `out`, of which there must be some; 0
    /// at the end.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(context));
        let tcp = &self.0.tcp;
        let room = room.min(out.capacity() - out.len());
        if room == 0 {
            // To read nothing would look like the end.
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        loop {
            let mut short = None;
            let tried = tcp.try_io(Interest::READABLE, || {
                let read = read(tcp, out, room)?;
                if read == 0 || read == room {
                    return Ok(read);
                }
                // Tokio forgets that the connection is readable when it hears this.
                short = Some(read);
                Err(io::ErrorKind::WouldBlock.into())
            });
            let done = match (tried, short) {
                (_, Some(read)) | (Ok(read), None) => Ok(read),
                (Err(error), None) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(tcp.poll_read_ready(context))?;
                    continue;
                }
                (Err(error), None) => Err(error),
            };
            turn.made_progress();
            return Poll::Ready(done);
        }
    }

    /// Comes when there may be something to read, or the end, as far as events tell: cheaper than a
    /// read where nothing is expected yet.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.tcp.poll_read_ready(context).map(drop)
    }

    /// Writes some of the bytes, of which there must be some. That a small write failed is seen
    /// by the next one.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(context));
        ready!(self.0.poll_owed(context, bytes.len() < outbox::WRITE_MAX))?;
        let done = if bytes.len() < outbox::WRITE_MAX && outbox::post(&self.0, bytes) {
            self.0.posted.set(true);
            Ok(bytes.len())
        } else {
            ready!(self.0.poll_send(context, bytes, SendFlags::NOSIGNAL))
        };
        turn.made_progress();
        Poll::Ready(done)
    }

    /// Writes some of the bytes, and tells the system that more will follow at once.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn poll_write_more(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.0.poll_owed(context, false))?;
        self.0.poll_send(context, bytes, SendFlags::NOSIGNAL | SendFlags::MORE)
    }

    /// Moves at most so many bytes into a pipe; 0 at the end.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn poll_fill(
        &self,
        context: &mut Context<'_>,
        pipe: BorrowedFd<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(context));
        let tcp = &self.0.tcp;
        loop {
            match tcp.try_io(Interest::READABLE, || splice(tcp.as_fd(), pipe, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(tcp.poll_read_ready(context))?;
                }
                done => {
                    turn.made_progress();
                    return Poll::Ready(done);
                }
            }
        }
    }

    /// Moves some of what is in a pipe on.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn poll_drain(
        &self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(context));
        ready!(self.0.poll_owed(context, false))?;
        let tcp = &self.0.tcp;
        let Some(exit) = pipe.exit() else { return Poll::Ready(Ok(0)) };
        let moved = loop {
            match tcp.try_io(Interest::WRITABLE, || splice(exit, tcp.as_fd(), pipe.held())) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(moved) => break moved,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(tcp.poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        };
        pipe.drained(moved);
        turn.made_progress();
        Poll::Ready(Ok(moved))
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_close(&self, context: &mut Context<'_>) -> Poll<()> {
        // Whatever comes of it: the connection is over.
        let _sent = ready!(self.0.poll_owed(context, false));
        let _shut = rustix::net::shutdown(&self.0.tcp, Shutdown::Write);
        Poll::Ready(())
    }

    /// Whether nothing has come since the last read that came back short or empty: no byte and no
    /// end. Without an event there is nothing to ask the system.
    #[must_use]
    pub(crate) fn is_quiet(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        match self.0.tcp.poll_read_ready(&mut context) {
            Poll::Pending => self.0.failed.take().is_none(),
            Poll::Ready(_) => {
                let mut byte = [0; 1];
                matches!(self.0.tcp.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }
}

impl Socket {
    /// Whether all that was written before is on its way, so that more may be written.
    pub(crate) fn poll_free(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_owed(context, true)
    }

    /// Writes all of the bytes: what the system does not take now is sent when it does.
    pub(crate) fn put(&self, bytes: &[u8]) {
        if bytes.len() < outbox::WRITE_MAX && outbox::post(&self.0, bytes) {
            self.0.posted.set(true);
            return;
        }
        if self.0.posted.get() {
            outbox::send_all();
        }
        if !self.0.send(bytes) {
            outbox::keep(&self.0);
        }
    }

    /// Whether nothing has come, as the system knows it at this very moment, event or not.
    pub(crate) fn is_quiet_now(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let mut byte = [0; 1];
        let peeked = rustix::net::recv(&self.0.tcp, &mut byte[..], flags);
        matches!(peeked, Err(rustix::io::Errno::AGAIN))
    }

    /// Reads what the system has at this very moment, event or not, into the spare capacity of
    /// `out`; the error is `WouldBlock` if there is nothing.
    pub(crate) fn read_at_once(&self, out: &mut Vec<u8>) -> io::Result<usize> {
        let flags = RecvFlags::DONTWAIT;
        let (read, _) = rustix::net::recv(&self.0.tcp, spare_capacity(out), flags)?;
        Ok(read)
    }

    /// Reads what is there now into the spare capacity of `out`; the error is `WouldBlock` if
    /// there is nothing. Without an event there is nothing to ask the system.
    pub(crate) fn read_now(&self, out: &mut Vec<u8>) -> io::Result<usize> {
        let mut context = Context::from_waker(Waker::noop());
        if self.0.tcp.poll_read_ready(&mut context).is_pending() {
            return Err(self.0.failed.take().unwrap_or(io::ErrorKind::WouldBlock).into());
        }
        self.0.tcp.try_read_buf(out)
    }
}

/// Asks the system, without the detour through the C library where the whole capacity may be filled.
fn read(tcp: &TcpStream, out: &mut Vec<u8>, room: usize) -> io::Result<usize> {
    if room == out.capacity() - out.len() {
        let (read, _) = rustix::net::recv(tcp, spare_capacity(out), RecvFlags::empty())?;
        return Ok(read);
    }
    tcp.try_read_buf(&mut out.limit(room))
}

impl Inner {
    /// Makes sure that what was written before goes out first. `small` writes may stand behind
    /// others in the outbox.
    fn poll_owed(&self, context: &Context<'_>, small: bool) -> Poll<io::Result<()>> {
        if self.posted.get() && !small {
            outbox::send_all();
        }
        if let Some(kind) = self.failed.take() {
            return Poll::Ready(Err(kind.into()));
        }
        if self.rest.borrow().is_empty() {
            return Poll::Ready(Ok(()));
        }
        *self.waiting.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// Sends what was posted; false if some of it is left.
    pub(crate) fn send(&self, bytes: &[u8]) -> bool {
        self.posted.set(false);
        if self.failed.get().is_some() {
            return true;
        }
        let mut rest = self.rest.borrow_mut();
        if rest.is_empty() {
            match rustix::net::send(&self.tcp, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => rest.extend_from_slice(bytes.get(sent..).unwrap_or_default()),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                    rest.extend_from_slice(bytes);
                }
                Err(error) => self.fail(error.kind()),
            }
        } else {
            rest.extend_from_slice(bytes);
        }
        rest.is_empty()
    }

    /// Goes on with what is left.
    pub(crate) fn poll_rest(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut rest = self.rest.borrow_mut();
        while !rest.is_empty() {
            match ready!(self.poll_send(context, &rest, SendFlags::NOSIGNAL)) {
                Ok(sent) => drop(rest.drain(..sent)),
                Err(error) => {
                    self.fail(error.kind());
                    rest.clear();
                }
            }
        }
        let waiting = self.waiting.borrow_mut().take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        Poll::Ready(())
    }

    /// Nobody waits for a write that went wrong, so whoever reads is told: the connection ends.
    fn fail(&self, kind: io::ErrorKind) {
        self.failed.set(Some(kind));
        let _over = rustix::net::shutdown(&self.tcp, Shutdown::Both);
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
        flags: SendFlags,
    ) -> Poll<io::Result<usize>> {
        loop {
            let tried = self
                .tcp
                .try_io(Interest::WRITABLE, || Ok(rustix::net::send(&self.tcp, bytes, flags)?));
            match tried {
                Ok(0) if !bytes.is_empty() => {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.tcp.poll_write_ready(context))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }
}

#[cfg(test)]
mod tests;

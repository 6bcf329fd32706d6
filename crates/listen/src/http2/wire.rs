//! A client's connection as the HTTP/2 library reads and writes it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use yumen_worker::{Backlog, Worker};

use crate::http2::guard::{Flood, Guard, PREFACE};
use crate::link::Link;

/// Bytes that are read at once.
const READ_MAX: usize = 64 * 1024;

/// The end that the library holds.
#[derive(Debug)]
pub(super) struct Wire(pub(super) Rc<Line>);

/// A connection with what is on its way through it.
#[derive(Debug)]
pub(super) struct Line {
    link: Rc<Link>,
    worker: Worker,
    guard: RefCell<Guard>,
    /// Bytes that the library has read.
    handed: Cell<usize>,
    /// Read, not yet handed over.
    early: RefCell<Vec<u8>>,
    /// Written by the library, not yet taken by the system.
    unsent: Backlog,
}

impl Line {
    /// Takes a connection whose first bytes were read already.
    pub(super) fn new(link: Rc<Link>, worker: Worker, mut guard: Guard, early: Vec<u8>) -> Self {
        guard.came(&early, worker.unix_seconds());
        Self {
            link,
            worker,
            guard: RefCell::new(guard),
            handed: Cell::new(0),
            early: RefCell::new(early),
            unsent: Backlog::default(),
        }
    }

    /// What the client sent too much of; nothing more is read then.
    pub(super) fn flood(&self) -> Option<Flood> {
        self.guard.borrow().flood()
    }

    /// Whether the client has begun a head that it has not ended.
    pub(super) fn is_in_head(&self) -> bool {
        self.guard.borrow().is_in_head()
    }

    /// How far the client has come with what it does not read at once; `None` if nothing waits.
    pub(super) fn stalled_at(&self) -> Option<u64> {
        (!self.unsent.is_empty()).then(|| self.unsent.taken())
    }

    /// Reads what the client sends and hands over as much as `out` takes.
    fn poll_fill(&self, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        yumen_worker::with_scratch(|buffer| {
            let read = ready!(self.link.poll_read(context, buffer, READ_MAX))?;
            self.guard.borrow_mut().came(buffer, self.worker.unix_seconds());
            if read > 0 && self.is_cut() {
                return Poll::Pending;
            }
            let handed = self.hand(buffer, out);
            self.early.borrow_mut().extend_from_slice(buffer.get(handed..).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }

    /// Hands over as much as `out` takes; says how much.
    fn hand(&self, bytes: &[u8], out: &mut ReadBuf<'_>) -> usize {
        let handed = bytes.len().min(out.remaining());
        out.put_slice(bytes.get(..handed).unwrap_or_default());
        self.handed.set(self.handed.get() + handed);
        handed
    }

    /// Whether nothing more is handed over: whoever drives the connection looks at the flood next,
    /// and ends it.
    fn is_cut(&self) -> bool {
        self.flood().is_some() && self.handed.get() >= PREFACE.len()
    }

    fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unsent.poll_send(|bytes| self.link.poll_write(context, bytes))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = &self.0;
        if line.early.borrow().is_empty() {
            return line.poll_fill(context, out);
        }
        if line.is_cut() {
            return Poll::Pending;
        }
        let mut early = line.early.borrow_mut();
        let handed = line.hand(&early, out);
        early.drain(..handed);
        if early.is_empty() {
            *early = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = &self.0;
        if line.unsent.is_full() {
            ready!(line.poll_send(context))?;
        }
        line.unsent.put(bytes);
        line.guard.borrow_mut().goes(bytes, line.worker.unix_seconds());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_send(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_send(context))?;
        self.0.link.poll_close(context).map(Ok)
    }
}

//! A service's connection as the HTTP/2 library reads and writes it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use yumen_worker::{Backlog, Stream};

/// The end that the library holds.
#[derive(Debug)]
pub(crate) struct Wire(pub(crate) Rc<Line>);

/// A connection with what is on its way through it.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Stream,
    /// Bytes that came.
    heard: Cell<u64>,
    /// Written by the library, not yet taken by the system.
    unsent: Backlog,
}

impl Line {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, heard: Cell::new(0), unsent: Backlog::default() }
    }

    /// How many bytes have come: when this does not change, the service is silent.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.get()
    }

    fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unsent.poll_send(|bytes| self.stream.poll_write(context, bytes))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = &self.0;
        yumen_worker::with_scratch(|buffer| {
            let read = ready!(line.stream.poll_read(context, buffer, out.remaining()))?;
            line.heard.set(line.heard.get() + read as u64);
            out.put_slice(buffer);
            Poll::Ready(Ok(()))
        })
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
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_send(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_send(context))?;
        self.0.stream.poll_close(context).map(Ok)
    }
}

//! A service's connection as the HTTP/2 library reads and writes it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use yumen_worker::Stream;

/// Frames are collected up to so many bytes before they are written.
const WRITE_MAX: usize = 64 * 1024;

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
    unsent: RefCell<Vec<u8>>,
}

impl Line {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, heard: Cell::new(0), unsent: RefCell::default() }
    }

    /// How many bytes have come: when this does not change, the service is silent.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.get()
    }

    fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut unsent = self.unsent.borrow_mut();
        let mut sent = 0;
        while let Some(rest) = unsent.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.poll_write(context, rest) {
                Poll::Ready(Ok(written)) => sent += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    unsent.drain(..sent);
                    return Poll::Pending;
                }
            }
        }
        // A connection that waits holds no buffer.
        *unsent = Vec::new();
        Poll::Ready(Ok(()))
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
        if line.unsent.borrow().len() >= WRITE_MAX {
            ready!(line.poll_send(context))?;
        }
        line.unsent.borrow_mut().extend_from_slice(bytes);
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

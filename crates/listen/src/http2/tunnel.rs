//! A WebSocket on an HTTP/2 stream (RFC 8441): the client's end of a tunnel.

use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use yumen_http::{BodyError, Tunnel};
use yumen_policy::Watch;
use yumen_worker::Deadline;

use crate::http2::deliver::CHUNK;
use crate::http2::piece::{Meter, Piece};

/// The client's end of a tunnel. Dropped before both sides have ended, it resets its stream.
pub(super) struct StreamEnd {
    inward: RecvStream,
    outward: SendStream<Piece>,
    watch: Rc<Watch>,
    meter: Rc<Meter>,
    closed: bool,
}

impl StreamEnd {
    pub(super) fn new(inward: RecvStream, outward: SendStream<Piece>, watch: &Rc<Watch>) -> Self {
        let (watch, meter) = (Rc::clone(watch), Meter::new(watch));
        Self { inward, outward, watch, meter, closed: false }
    }

    /// Waits until the library has written all that it was given, but no longer than this.
    pub(super) async fn flush(&mut self, deadline: &Deadline, patience: Duration) {
        deadline.set(Some(patience));
        std::future::poll_fn(|context| {
            self.meter.wake_at_end(context);
            let is_over = self.meter.queued() == 0
                || self.poll_gone(context).is_ready()
                || deadline.has_come(context);
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl fmt::Debug for StreamEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamEnd").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Tunnel for StreamEnd {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), BodyError>> {
        while out.is_empty() {
            let Some(bytes) = ready!(self.inward.poll_data(context)) else { break };
            let bytes = bytes.map_err(|_reset| BodyError::Cut)?;
            out.extend_from_slice(&bytes);
            self.watch.received.set(self.watch.received.get() + bytes.len() as u64);
            // It is read again only when the service has taken these bytes.
            let released = self.inward.flow_control().release_capacity(bytes.len());
            released.map_err(|_gone| BodyError::Cut)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, BodyError>> {
        while self.outward.capacity() == 0 {
            self.outward.reserve_capacity(bytes.len().min(CHUNK));
            match ready!(self.outward.poll_capacity(context)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(BodyError::Cut)),
            }
        }
        let some = bytes.get(..self.outward.capacity()).unwrap_or(bytes);
        let piece = Piece::new(Bytes::copy_from_slice(some), &self.meter);
        self.outward.send_data(piece, false).map_err(|_gone| BodyError::Cut)?;
        if some.len() == bytes.len() {
            // Others may use what this one has no bytes for.
            self.outward.reserve_capacity(0);
        }
        Poll::Ready(Ok(some.len()))
    }

    fn poll_close(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.closed, true) {
            // A client that is gone needs no end.
            let _sent = self.outward.send_data(Piece::new(Bytes::new(), &self.meter), true);
        }
        Poll::Ready(())
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.outward.poll_reset(context) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending if self.meter.has_lost() => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }
}

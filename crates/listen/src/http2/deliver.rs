//! An answer's body on its way into an HTTP/2 stream: the service is read only as far as the
//! client's windows are open.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, SendStream};
use yumen_http::{Body, Flow};
use yumen_worker::Deadline;

use crate::Broken;
use crate::http2::head;
use crate::http2::piece::{Meter, Piece};

/// Bytes that are read of a service's body at once, and wait with the library at most.
pub(super) const CHUNK: usize = 64 * 1024;

/// One body.
pub(super) struct Delivery<'a> {
    pub(super) stream: SendStream<Piece>,
    pub(super) meter: Rc<Meter>,
    pub(super) body: Body,
    pub(super) deadline: &'a Deadline,
    /// How long the client may leave its windows shut.
    pub(super) patience: Option<Duration>,
    /// The service has nothing more yet.
    pub(super) starved: bool,
    /// How many bytes had gone when the client began to keep us waiting.
    pub(super) stalled_at: Option<u64>,
}

/// What is left to be done with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// There may be more.
    More,
    /// All of it is with the library.
    Sent,
    /// The service broke off.
    Broken,
}

impl Delivery<'_> {
    /// Sends all of it.
    pub(super) async fn send(mut self) -> Result<(), Broken> {
        let mut rest = Rest::More;
        std::future::poll_fn(|context| self.poll(context, &mut rest)).await
    }

    fn poll(&mut self, context: &mut Context<'_>, rest: &mut Rest) -> Poll<Result<(), Broken>> {
        if self.stream.poll_reset(context).is_ready() || self.meter.has_lost() {
            return Poll::Ready(Err(Broken::Client));
        }
        while *rest == Rest::More {
            match self.poll_step(context) {
                Poll::Ready(step) => *rest = step?,
                Poll::Pending => return self.poll_patience(context),
            }
        }
        // What came before the service broke off is the client's.
        if self.meter.queued() > 0 {
            self.meter.wake_at_end(context);
            return self.poll_patience(context);
        }
        if *rest == Rest::Broken {
            self.stream.send_reset(Reason::INTERNAL_ERROR);
            return Poll::Ready(Err(Broken::Upstream));
        }
        Poll::Ready(Ok(()))
    }

    /// Moves some bytes on.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<Rest, Broken>> {
        self.starved = false;
        let service = match &mut self.body {
            Body::Stream(service, _) => service,
            other => {
                let bytes = match other.take() {
                    Body::Full(bytes) => Bytes::from(bytes),
                    Body::Empty | Body::Stream(..) => Bytes::new(),
                };
                return Poll::Ready(self.put(bytes, true).map(|()| Rest::Sent));
            }
        };
        let room = match self.stream.capacity() {
            0 => {
                self.stream.reserve_capacity(CHUNK);
                match self.stream.poll_capacity(context) {
                    Poll::Ready(Some(Ok(room))) => room,
                    Poll::Ready(_) => return Poll::Ready(Err(Broken::Client)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            room => room,
        };
        let (bytes, read) = yumen_worker::with_scratch(|buffer| {
            let read = service.poll_read(context, buffer, room.clamp(1, CHUNK));
            (Bytes::copy_from_slice(buffer), read)
        });
        match read {
            Poll::Pending => {
                // Others may use what this one has no bytes for.
                self.stream.reserve_capacity(0);
                self.starved = true;
                Poll::Pending
            }
            Poll::Ready(Ok(Flow::More)) => Poll::Ready(self.put(bytes, false).map(|()| Rest::More)),
            Poll::Ready(Ok(Flow::End)) => {
                let trailers = service.trailers();
                let Some(trailers) = trailers else {
                    return Poll::Ready(self.put(bytes, true).map(|()| Rest::Sent));
                };
                self.put(bytes, false)?;
                let sent = self.stream.send_trailers(head::trailers(&trailers));
                Poll::Ready(sent.map(|()| Rest::Sent).map_err(|_gone| Broken::Client))
            }
            Poll::Ready(Err(_)) => Poll::Ready(self.put(bytes, false).map(|()| Rest::Broken)),
        }
    }

    /// Hands bytes to the library.
    fn put(&mut self, bytes: Bytes, end: bool) -> Result<(), Broken> {
        if bytes.is_empty() && !end {
            return Ok(());
        }
        let piece = Piece::new(bytes, &self.meter);
        self.stream.send_data(piece, end).map_err(|_gone| Broken::Client)
    }

    /// The client keeps us waiting, unless it is the service: comes when it has done so for too
    /// long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.starved && self.meter.queued() == 0 {
            self.stalled_at = None;
            return Poll::Pending;
        }
        let sent = self.meter.sent();
        if self.stalled_at != Some(sent) {
            self.stalled_at = Some(sent);
            self.deadline.set(self.patience);
        }
        if !self.deadline.has_come(context) {
            return Poll::Pending;
        }
        self.stream.send_reset(Reason::CANCEL);
        Poll::Ready(Err(Broken::Client))
    }
}

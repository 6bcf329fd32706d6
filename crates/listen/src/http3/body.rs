//! The body of an HTTP/3 request, taken from its stream as it is asked for: the window opens again
//! only for what was taken.

use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::StreamError;
use h3::server::RequestStream;
use yumen_http::{BodyError, BodyRead, Fields, Flow};
use yumen_policy::Watch;
use yumen_worker::Deadline;

use super::duct::{Duct, Ends, Valve};
use super::guard::Flaw;
use crate::body::Pace;
use crate::streams::invite;

/// A request body that is still to come.
pub(super) struct StreamBody {
    pub(super) stream: RequestStream<Duct, Bytes>,
    pub(super) ends: Rc<Ends>,
    /// Came, but was not asked for yet.
    pub(super) here: Bytes,
    /// Empty pieces that were passed over: to the library each one is the end.
    pub(super) empty: u64,
    /// No more data comes; trailers may.
    pub(super) over: bool,
    /// Nothing more comes at all.
    pub(super) ended: bool,
    /// How long it is, if the head says so.
    pub(super) length: Option<u64>,
    pub(super) watch: Rc<Watch>,
    pub(super) pace: Pace,
    pub(super) deadline: Deadline,
    /// The client waits to hear that it may send it.
    pub(super) invite: bool,
    pub(super) trailers: Option<Fields>,
    pub(super) trailers_max: usize,
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamBody").field("here", &self.here.len()).finish_non_exhaustive()
    }
}

impl StreamBody {
    /// Looks at what came together with the head. What is wrong is found again by who reads.
    pub(super) fn look(&mut self, context: &mut Context<'_>) {
        if let Poll::Ready(Ok(Some(bytes))) = self.poll_data(context) {
            self.here = bytes;
            if let Poll::Ready(Ok(Some(more))) = self.poll_data(context) {
                self.here = [&*self.here, &*more].concat().into();
            }
        }
        // The end tells a request without a body from one whose body is still to come.
        let _ended = self.poll_end(context);
    }

    /// Whether neither body nor trailers follow the head.
    pub(super) fn is_empty(&self) -> bool {
        self.ended && self.here.is_empty() && self.trailers.is_none()
    }

    /// Asks the library. It is given no new bytes as long as it has some, and then no more than
    /// it takes to get something out.
    fn poll_library<T>(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> Poll<Result<T, StreamError>>,
    ) -> Poll<Result<T, BodyError>> {
        self.ends.valve.set(Valve::Shut);
        loop {
            match ask(self) {
                Poll::Ready(Ok(got)) => return Poll::Ready(Ok(got)),
                Poll::Ready(Err(_)) => {
                    let is_malformed = self.ends.flaw() == Some(Flaw::TooLarge);
                    return Poll::Ready(Err(if is_malformed {
                        BodyError::Malformed
                    } else {
                        BodyError::Cut
                    }));
                }
                // It was allowed to read, and there was nothing.
                Poll::Pending if self.ends.valve.get() == Valve::Once => return Poll::Pending,
                Poll::Pending => self.ends.valve.set(Valve::Once),
            }
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        if self.over {
            return Poll::Ready(Ok(None));
        }
        loop {
            let data = ready!(self.poll_library(|body| {
                let data = ready!(body.stream.poll_recv_data(context));
                Poll::Ready(
                    data.map(|data| data.map(|mut data| data.copy_to_bytes(data.remaining()))),
                )
            }))?;
            if data.is_none() && self.empty < self.ends.empty() {
                self.empty += 1;
                continue;
            }
            self.over = data.is_none();
            return Poll::Ready(Ok(data));
        }
    }

    /// Comes when nothing more comes, and trailers are here.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        if self.ended || !self.over {
            return if self.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let trailers = ready!(self.poll_library(|body| body.stream.poll_recv_trailers(context)))?;
        self.ended = true;
        let Some(trailers) = trailers else { return Poll::Ready(Ok(())) };
        let fields = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.trailers = yumen_http::read_trailers(fields, self.trailers_max)
            .map_err(|_malformed| BodyError::Malformed)?;
        Poll::Ready(Ok(()))
    }

    /// Hands over some of what is here.
    fn hand_over(&mut self, out: &mut Vec<u8>, room: usize) -> Result<(), BodyError> {
        let taken = room.min(self.here.len());
        out.extend_from_slice(self.here.get(..taken).unwrap_or_default());
        self.here.advance(taken);
        let received = self.watch.received.get() + taken as u64;
        self.watch.received.set(received);
        match self.length {
            Some(length) if received > length => Err(BodyError::Malformed),
            _ if received > self.watch.body_max.get() => Err(BodyError::TooLarge),
            _ => Ok(()),
        }
    }

    /// It ends here: is that where the head says?
    fn end(&self) -> Result<Flow, BodyError> {
        match self.length {
            Some(length) if length != self.watch.received.get() => Err(BodyError::Malformed),
            _ => Ok(Flow::End),
        }
    }
}

impl BodyRead for StreamBody {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        if std::mem::take(&mut self.invite) {
            invite(&self.watch);
        }
        let from = out.len();
        // Packets are small: what is there is handed over together.
        loop {
            self.hand_over(out, room.saturating_sub(out.len() - from))?;
            if !self.here.is_empty() {
                return Poll::Ready(Ok(Flow::More));
            }
            match self.poll_data(context)? {
                Poll::Ready(Some(bytes)) => {
                    self.pace.came(bytes.len())?;
                    self.here = bytes;
                    continue;
                }
                Poll::Ready(None) if self.poll_end(context)?.is_ready() => {
                    return Poll::Ready(self.end());
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if out.len() > from {
                return Poll::Ready(Ok(Flow::More));
            }
            return self.pace.poll_late(context, &self.deadline).map(Err);
        }
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }
}

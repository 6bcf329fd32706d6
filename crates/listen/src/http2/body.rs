//! The body of an HTTP/2 request, taken from its stream as it is asked for: the window opens again
//! only for what was taken.

use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use h2::RecvStream;
use yumen_http::{BodyError, BodyRead, Fields, Flow};
use yumen_policy::Watch;
use yumen_worker::Deadline;

use crate::body::Pace;
use crate::streams::invite;

/// A request body that is still to come.
pub(super) struct StreamBody {
    pub(super) stream: RecvStream,
    /// Came, but was not asked for yet.
    pub(super) here: Bytes,
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
    /// Hands over some of what is here.
    fn hand_over(&mut self, out: &mut Vec<u8>, room: usize) -> Result<Flow, BodyError> {
        let taken = room.min(self.here.len());
        out.extend_from_slice(self.here.get(..taken).unwrap_or_default());
        self.here.advance(taken);
        self.stream.flow_control().release_capacity(taken).map_err(|_gone| BodyError::Cut)?;
        let received = self.watch.received.get() + taken as u64;
        self.watch.received.set(received);
        if received > self.watch.body_max.get() {
            return Err(BodyError::TooLarge);
        }
        Ok(self.flow())
    }

    fn flow(&self) -> Flow {
        let ended = self.here.is_empty() && self.stream.is_end_stream();
        if ended { Flow::End } else { Flow::More }
    }

    fn poll_trailers(&mut self, context: &mut Context<'_>) -> Poll<Result<Flow, BodyError>> {
        let trailers = match self.stream.poll_trailers(context) {
            Poll::Ready(Ok(trailers)) => trailers.unwrap_or_default(),
            Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::Cut)),
            Poll::Pending => return self.pace.poll_late(context, &self.deadline).map(Err),
        };
        let fields = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        match yumen_http::read_trailers(fields, self.trailers_max) {
            Ok(trailers) => self.trailers = trailers,
            Err(_malformed) => return Poll::Ready(Err(BodyError::Malformed)),
        }
        Poll::Ready(Ok(Flow::End))
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
        loop {
            if !self.here.is_empty() {
                return Poll::Ready(self.hand_over(out, room));
            }
            match self.stream.poll_data(context) {
                Poll::Ready(Some(Ok(bytes))) => {
                    self.pace.came(bytes.len())?;
                    self.here = bytes;
                    if self.flow() == Flow::End {
                        return Poll::Ready(Ok(Flow::End));
                    }
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(BodyError::Cut)),
                Poll::Ready(None) => return self.poll_trailers(context),
                Poll::Pending => return self.pace.poll_late(context, &self.deadline).map(Err),
            }
        }
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }
}

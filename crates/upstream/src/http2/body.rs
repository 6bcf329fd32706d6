//! The body of an HTTP/2 answer, taken from its stream as it is asked for: the window opens again
//! only for what was taken.

use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream};
use yumen_http::{BodyError, BodyRead, Fields, Flow, grpc};
use yumen_policy::Watch;

use super::trunk::Lane;
use super::upload::Upload;
use crate::attempt::TRAILERS_MAX;
use crate::patience::Pauses;
use crate::upload::Wait;

/// An answer's body that is still to come.
pub(super) struct StreamBody {
    /// Until the body has ended.
    pub(super) lane: Option<Lane>,
    pub(super) stream: RecvStream,
    /// Came, but was not asked for yet.
    pub(super) here: Bytes,
    /// The rest of the request, when the service answered before it had all of it.
    pub(super) upload: Option<Upload>,
    /// What is still to come, if the service said how much there is.
    pub(super) left: Option<u64>,
    pub(super) pauses: Pauses,
    pub(super) trailers: Option<Fields>,
    /// Whether it answers a call of gRPC.
    pub(super) is_call: bool,
    pub(super) watch: Rc<Watch>,
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamBody").field("here", &self.here.len()).finish_non_exhaustive()
    }
}

impl StreamBody {
    fn poll_upload(&mut self, context: &mut Context<'_>) {
        let Some(upload) = &mut self.upload else { return };
        // The answer counts, whatever became of the request's body.
        if matches!(upload.poll(context), Ok(Wait::Nothing) | Err(_)) {
            self.upload = None;
        }
    }

    /// Hands over some of what is here.
    fn hand_over(&mut self, out: &mut Vec<u8>, room: usize) -> Result<Flow, BodyError> {
        let taken = room.min(self.here.len());
        out.extend_from_slice(self.here.get(..taken).unwrap_or_default());
        self.here.advance(taken);
        // A stream that is gone has no window; what came of it is good.
        let _released = self.stream.flow_control().release_capacity(taken);
        self.left = self.left.map(|left| left.saturating_sub(taken as u64));
        if self.here.is_empty() && self.stream.is_end_stream() {
            self.lane = None;
            return Ok(Flow::End);
        }
        if self.pauses.are_over() {
            return self.expire();
        }
        Ok(Flow::More)
    }

    fn poll_trailers(&mut self, context: &mut Context<'_>) -> Poll<Result<Flow, BodyError>> {
        let trailers = match self.stream.poll_trailers(context) {
            Poll::Ready(Ok(trailers)) => trailers.unwrap_or_default(),
            Poll::Ready(Err(error)) => return Poll::Ready(self.judge(&error)),
            Poll::Pending => return self.poll_patience(context),
        };
        let fields = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        match yumen_http::read_answer_trailers(fields, TRAILERS_MAX) {
            Ok(trailers) => {
                trailers.iter().for_each(|trailers| note_status(&self.watch, trailers));
                self.trailers = trailers;
            }
            Err(_malformed) => return Poll::Ready(Err(BodyError::Malformed)),
        }
        self.lane = None;
        Poll::Ready(Ok(Flow::End))
    }

    /// Whether a broken stream is the proper end of an answer: a service that has said all it had
    /// to say may end a request so that it does not want to the end (RFC 9113 section 8.1).
    fn judge(&mut self, error: &h2::Error) -> Result<Flow, BodyError> {
        let is_calm = error.is_reset() && error.reason() == Some(Reason::NO_ERROR);
        if is_calm && error.is_remote() && self.left.is_none_or(|left| left == 0) {
            self.lane = None;
            return Ok(Flow::End);
        }
        Err(BodyError::Cut)
    }

    /// The exchange has taken as long as it may. The client of a call of gRPC is told so; the
    /// service's stream is reset when this goes.
    fn expire(&mut self) -> Result<Flow, BodyError> {
        if !self.is_call {
            return Err(BodyError::TooLate);
        }
        let mut trailers = Fields::new();
        let status = grpc::DEADLINE_EXCEEDED.to_string();
        for (name, value) in [("grpc-status", &*status), ("grpc-message", "deadline exceeded")] {
            trailers.add(name, value.as_bytes()).map_err(|_bug| BodyError::TooLate)?;
        }
        note_status(&self.watch, &trailers);
        self.trailers = Some(trailers);
        Ok(Flow::End)
    }

    /// The service keeps us waiting: comes when it has done so for too long.
    fn poll_patience(&mut self, context: &Context<'_>) -> Poll<Result<Flow, BodyError>> {
        let Some(lane) = &self.lane else { return Poll::Ready(Err(BodyError::Cut)) };
        if let Some(patience) = self.pauses.begin() {
            lane.deadline.set(patience);
        }
        if !lane.deadline.has_come(context) {
            return Poll::Pending;
        }
        Poll::Ready(if self.pauses.are_over() { self.expire() } else { Err(BodyError::Stalled) })
    }
}

/// Writes down how a call of gRPC ended, if these fields say so.
pub(super) fn note_status(watch: &Watch, fields: &Fields) {
    if let Some(status) = fields.first("grpc-status").and_then(grpc::read_status) {
        watch.grpc_status.set(Some(status));
    }
}

impl BodyRead for StreamBody {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        self.poll_upload(context);
        loop {
            if !self.here.is_empty() {
                return Poll::Ready(self.hand_over(out, room));
            }
            match self.stream.poll_data(context) {
                Poll::Ready(Some(Ok(bytes))) => {
                    self.pauses.end();
                    if let Some(lane) = &self.lane {
                        lane.note_answer();
                    }
                    self.here = bytes;
                    if self.here.is_empty() && self.stream.is_end_stream() {
                        self.lane = None;
                        return Poll::Ready(Ok(Flow::End));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(self.judge(&error)),
                Poll::Ready(None) => return self.poll_trailers(context),
                Poll::Pending => return self.poll_patience(context),
            }
        }
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }
}

//! The body of an answer, read from the service as it is asked for.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use yumen_http::{BodyError, BodyRead, Decoder, Fields, Flow};
use yumen_worker::Worker;

use crate::connection::Connection;
use crate::destination::Destination;
use crate::patience::Pauses;
use crate::upload::{Upload, Wait};

/// Less than this is copied: moving costs more calls than it saves bytes.
const MOVE_MIN: u64 = 32 * 1024;

/// An answer's body that is still to come.
#[derive(Debug)]
pub(crate) struct ServiceBody {
    pub(crate) connection: Connection,
    pub(crate) decoder: Option<Decoder>,
    /// The rest of the request, when the service answered before it had all of it.
    pub(crate) upload: Option<Upload>,
    pub(crate) pauses: Pauses,
    /// The service keeps the connection.
    pub(crate) kept: bool,
    /// Some of it was moved on unseen.
    pub(crate) moving: bool,
    pub(crate) trailers: Option<Fields>,
    pub(crate) destination: Arc<Destination>,
    pub(crate) worker: Worker,
}

impl ServiceBody {
    fn poll_upload(&mut self, context: &mut Context<'_>) {
        let Some(upload) = &mut self.upload else { return };
        match upload.poll(context, &mut self.connection) {
            Ok(Wait::Nothing) => self.upload = None,
            Ok(Wait::Client | Wait::Service) => {}
            // The answer counts; the connection is not used again.
            Err(_) => {
                self.upload = None;
                self.kept = false;
            }
        }
    }

    fn poll_some(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<usize, BodyError>> {
        if !self.connection.rest.is_empty() {
            let rest = &mut self.connection.rest;
            let taken = rest.len().min(room);
            out.extend_from_slice(rest.get(..taken).unwrap_or_default());
            rest.drain(..taken);
            return Poll::Ready(Ok(taken));
        }
        match self.connection.poll_read(context, out, room) {
            Poll::Ready(Ok(read)) => {
                self.pauses.end();
                Poll::Ready(Ok(read))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(BodyError::Cut)),
            Poll::Pending => self.poll_patience(context).map(Err),
        }
    }

    /// The service keeps us waiting: comes when it has done so for too long.
    fn poll_patience(&mut self, context: &Context<'_>) -> Poll<BodyError> {
        if let Some(patience) = self.pauses.begin() {
            self.connection.allow(patience);
        }
        let late = self.connection.is_late(context);
        if late { Poll::Ready(BodyError::Stalled) } else { Poll::Pending }
    }

    fn end(&mut self, surplus: usize) {
        self.trailers = self.decoder.take().and_then(Decoder::into_trailers);
        // Bytes behind the end would become somebody else's answer.
        if self.kept && self.upload.is_none() && surplus == 0 && self.connection.rest.is_empty() {
            self.connection.put_back(&self.destination, self.worker.unix_seconds());
        }
    }
}

impl BodyRead for ServiceBody {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        self.poll_upload(context);
        loop {
            let from = out.len();
            let read = std::task::ready!(self.poll_some(context, out, room))?;
            let Some(decoder) = &mut self.decoder else { return Poll::Ready(Ok(Flow::End)) };
            if read == 0 {
                if !decoder.ends_at_close() {
                    return Poll::Ready(Err(BodyError::Cut));
                }
                self.decoder = None;
                return Poll::Ready(Ok(Flow::End));
            }
            let step = decoder.decode(out, from).map_err(|_malformed| BodyError::Malformed)?;
            out.truncate(out.len() - step.surplus);
            if step.end {
                self.end(step.surplus);
                return Poll::Ready(Ok(Flow::End));
            }
            if out.len() > from {
                return Poll::Ready(if self.pauses.are_over() {
                    Err(BodyError::TooLate)
                } else {
                    Ok(Flow::More)
                });
            }
        }
    }

    fn can_move(&self) -> bool {
        let left = self.decoder.as_ref().and_then(Decoder::plain_left).unwrap_or(0);
        let worth = if self.moving { left > 0 } else { left >= MOVE_MIN };
        worth
            && self.connection.can_move()
            && self.upload.is_none()
            && self.connection.rest.is_empty()
    }

    fn poll_move(
        &mut self,
        context: &mut Context<'_>,
        pipe: BorrowedFd<'_>,
    ) -> Poll<Result<(usize, Flow), BodyError>> {
        self.moving = true;
        let left = self.decoder.as_ref().and_then(Decoder::plain_left).unwrap_or(0);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let moved = match self.connection.poll_fill(context, pipe, most) {
            Poll::Ready(Ok(moved)) if moved > 0 => moved,
            Poll::Ready(_) => return Poll::Ready(Err(BodyError::Cut)),
            Poll::Pending => return self.poll_patience(context).map(Err),
        };
        self.pauses.end();
        let Some(decoder) = &mut self.decoder else { return Poll::Ready(Err(BodyError::Cut)) };
        decoder.skip(moved);
        if decoder.is_done() {
            self.end(0);
            return Poll::Ready(Ok((moved, Flow::End)));
        }
        Poll::Ready(if self.pauses.are_over() {
            Err(BodyError::TooLate)
        } else {
            Ok((moved, Flow::More))
        })
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }
}

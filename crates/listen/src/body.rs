//! The body of a request, read from its client as it is asked for.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use yumen_http::{BodyError, BodyRead, Fields, Flow};
use yumen_policy::Watch;
use yumen_worker::{Deadline, Worker};

use crate::link::Link;

/// What a client that waits for it is told before it sends its body (RFC 9110 section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request body that is still to come.
#[derive(Debug)]
pub(crate) struct ClientBody {
    pub(crate) link: Rc<Link>,
    pub(crate) watch: Rc<Watch>,
    pub(crate) pace: Pace,
    /// What is left to say of [`CONTINUE`].
    pub(crate) invitation: &'static [u8],
    pub(crate) trailers: Option<Fields>,
}

impl ClientBody {
    pub(crate) fn new(
        link: &Rc<Link>,
        watch: &Rc<Watch>,
        pace: Pace,
        expects_continue: bool,
    ) -> Self {
        Self {
            link: Rc::clone(link),
            watch: Rc::clone(watch),
            pace,
            invitation: if expects_continue { CONTINUE } else { &[] },
            trailers: None,
        }
    }

    fn poll_invite(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while !self.invitation.is_empty() {
            match self.link.poll_write(context, self.invitation) {
                Poll::Ready(Ok(written)) => {
                    self.invitation = self.invitation.get(written..).unwrap_or_default();
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::Cut)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Decodes what stands in `out` behind `from`.
    fn decode(&mut self, out: &mut Vec<u8>, from: usize) -> Result<Flow, BodyError> {
        let mut body = self.link.body().borrow_mut();
        let decoder = body.as_mut().ok_or(BodyError::Cut)?;
        let step = decoder.decode(out, from).map_err(|_malformed| BodyError::Malformed)?;
        if step.surplus > 0 {
            let surplus = out.split_off(out.len() - step.surplus);
            let mut rest = self.link.rest().borrow_mut();
            let later = std::mem::replace(&mut *rest, surplus);
            rest.extend_from_slice(&later);
        }
        let received = self.watch.received.get() + (out.len() - from) as u64;
        self.watch.received.set(received);
        if received > self.watch.body_max.get() {
            return Err(BodyError::TooLarge);
        }
        if !step.end {
            return Ok(Flow::More);
        }
        self.trailers = body.take().and_then(yumen_http::Decoder::into_trailers);
        Ok(Flow::End)
    }
}

impl BodyRead for ClientBody {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        if self.poll_invite(context)?.is_pending() {
            return if self.link.deadline.has_come(context) {
                Poll::Ready(Err(BodyError::Stalled))
            } else {
                Poll::Pending
            };
        }
        loop {
            let from = out.len();
            if self.link.rest().borrow().is_empty() {
                match self.link.poll_read(context, out, room) {
                    Poll::Ready(Ok(read)) if read > 0 => self.pace.came(read)?,
                    Poll::Ready(_) => return Poll::Ready(Err(BodyError::Cut)),
                    Poll::Pending => {
                        return self.pace.poll_late(context, &self.link.deadline).map(Err);
                    }
                }
            } else {
                let mut rest = self.link.rest().borrow_mut();
                let taken = rest.len().min(room);
                out.extend(rest.drain(..taken));
                if rest.is_empty() {
                    *rest = Vec::new();
                }
            }
            let flow = self.decode(out, from)?;
            // Framing alone is nothing to hand on.
            if flow == Flow::End || out.len() > from {
                return Poll::Ready(Ok(flow));
            }
        }
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }
}

/// Whether a body comes fast enough. Only the time that the gateway waits for the client counts.
#[derive(Debug)]
pub(crate) struct Pace {
    worker: Worker,
    idle: Option<Duration>,
    /// Bytes per second.
    rate: u64,
    waiting: bool,
    /// When the current stretch of waiting began, in seconds since 1970, and what it brought.
    since: u64,
    brought: u64,
}

impl Pace {
    pub(crate) fn new(worker: Worker, idle: Option<Duration>, rate: u64) -> Self {
        let since = worker.unix_seconds();
        Self { worker, idle, rate, waiting: false, since, brought: 0 }
    }

    /// Nothing is there: the client has to hurry from now on. Comes when it was too slow.
    pub(crate) fn poll_late(
        &mut self,
        context: &Context<'_>,
        deadline: &Deadline,
    ) -> Poll<BodyError> {
        if !self.waiting {
            self.waiting = true;
            deadline.set(self.idle);
        }
        if deadline.has_come(context) { Poll::Ready(BodyError::Stalled) } else { Poll::Pending }
    }

    /// Something came.
    pub(crate) fn came(&mut self, bytes: usize) -> Result<(), BodyError> {
        let now = self.worker.unix_seconds();
        let waited = std::mem::replace(&mut self.waiting, false);
        if !waited {
            // It was there already, so it was not the client who was slow.
            self.since = now;
            self.brought = 0;
        }
        self.brought += bytes as u64;
        let Some(idle) = self.idle else { return Ok(()) };
        let window = idle.as_secs().max(1);
        if now < self.since.saturating_add(window) {
            return Ok(());
        }
        if self.brought < self.rate.saturating_mul(now - self.since) {
            return Err(BodyError::Stalled);
        }
        self.since = now;
        self.brought = 0;
        Ok(())
    }
}

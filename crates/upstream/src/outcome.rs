//! How one attempt at an endpoint ended, as the endpoint's health sees it.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use yumen_http::{Response, Status, grpc};
use yumen_policy::{AttemptEnd, Exchange, FailureKind, Trail};

use crate::breaker::Grade;
use crate::endpoint::{Endpoint, Watch};
use crate::ledger::Leave;

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The head of an answer came, with this status; see [`status_of`].
    Answered(u16),
    /// No connection could be made.
    Unreachable,
    /// No connection, or no answer, in time.
    TimedOut,
    /// It answered nobody, and the request went elsewhere.
    Left,
    /// The connection was lost before the head of an answer was there.
    Lost {
        /// It had served a request before, so the service may have closed it for idleness.
        kept: bool,
    },
    /// What came is no answer.
    BadAnswer,
    /// Something else ended it: says nothing of the endpoint.
    Unjudged,
}

impl Outcome {
    /// Of an attempt that could not connect.
    pub(crate) fn unconnected(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            // TLS cannot be spoken with it.
            | io::ErrorKind::InvalidData => Self::Unreachable,
            // No file, no port, no memory: that is our own trouble.
            _ => Self::Unjudged,
        }
    }

    /// As a breaker sees it.
    pub(crate) fn grade(self) -> Grade {
        match self {
            Self::Answered(500..)
            | Self::Unreachable
            | Self::TimedOut
            | Self::Lost { kept: false }
            | Self::BadAnswer => Grade::Failed,
            Self::Answered(_) => Grade::Well,
            // One endpoint's silence says nothing of the service.
            Self::Lost { kept: true } | Self::Left | Self::Unjudged => Grade::None,
        }
    }

    /// As logs and traces tell it.
    fn end(self) -> AttemptEnd {
        match self {
            Self::Answered(status) => AttemptEnd::Answered(status),
            Self::Unreachable => AttemptEnd::Unreachable,
            Self::TimedOut => AttemptEnd::TimedOut,
            Self::Left => AttemptEnd::Left,
            Self::Lost { .. } => AttemptEnd::Lost,
            Self::BadAnswer => AttemptEnd::BadAnswer,
            Self::Unjudged => AttemptEnd::Broken,
        }
    }

    /// Of an attempt that failed on a connection. `kept`: the connection had served before.
    pub(crate) fn failed(kind: FailureKind, kept: bool) -> Self {
        match kind {
            FailureKind::UpstreamUnreachable | FailureKind::UpstreamTls => Self::Unreachable,
            FailureKind::UpstreamTimeout => Self::TimedOut,
            FailureKind::UpstreamClosed => Self::Lost { kept },
            FailureKind::UpstreamBadAnswer => Self::BadAnswer,
            _ => Self::Unjudged,
        }
    }
}

/// One attempt at an endpoint, from the choice to the head of the answer. One that is dropped
/// without an outcome (the client left) says nothing of the endpoint.
#[derive(Debug)]
pub(crate) struct Try<'a> {
    /// Its number among the attempts of its exchange.
    pub(crate) number: u32,
    /// When it began, from the start of the exchange.
    pub(crate) began: Duration,
    /// The breaker's leave, if there is a breaker.
    leave: Option<Leave<'a>>,
    /// `None` if nobody wants to know.
    watch: Option<Rc<Watch>>,
    /// When it began, if the time it takes is the endpoint's alone.
    since: Option<Instant>,
}

impl<'a> Try<'a> {
    /// Begins one. `at_hand`: the whole request is here, so that waiting is for the service only.
    pub(crate) fn begin(
        endpoint: &Endpoint,
        leave: Option<Leave<'a>>,
        at_hand: bool,
        trail: &mut Trail,
    ) -> Self {
        let now = Instant::now();
        let began = now.saturating_duration_since(trail.began);
        let number = trail.attempt(&endpoint.name, began);
        let watch = endpoint.watched();
        let since = watch.as_ref().filter(|_| at_hand).map(|watch| {
            watch.pulse.begin();
            now
        });
        Self { number, began, leave, watch, since }
    }

    /// Ends it, and tells the breaker, the endpoint's health and the trail.
    pub(crate) fn end(mut self, outcome: Outcome, trail: &mut Trail) {
        trail.attempt_ended(self.number, outcome.end());
        if let Some(leave) = self.leave.take() {
            self.tell_breaker(leave, outcome, trail);
        }
        if let Some(watch) = &self.watch {
            watch.pulse.note(outcome, self.since.map(|since| since.elapsed()));
        }
    }
}

impl Try<'_> {
    #[inline(never)]
    fn tell_breaker(&self, leave: Leave<'_>, outcome: Outcome, trail: &mut Trail) {
        if let Some(change) = leave.end(outcome.grade()) {
            let target = trail.attempts.target(self.number).cloned();
            trail.decide(change.decided(), target, None);
        }
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if self.since.is_some()
            && let Some(watch) = &self.watch
        {
            watch.pulse.end();
        }
    }
}

/// How a call of gRPC ended that was answered with a head and no message; `None` for everything
/// else.
pub(crate) fn ended_at_once(exchange: &Exchange) -> Option<u8> {
    let status = exchange.trail.watch.grpc_status.get()?;
    grpc::is_call(&exchange.request.head).then_some(status)
}

/// The status of an answer by which its service is judged: a call that has ended with the head of
/// its answer is not well because its HTTP status is 200.
pub(crate) fn status_of(response: &Response, exchange: &Exchange) -> u16 {
    match ended_at_once(exchange) {
        Some(status) if response.head.status() == Status::OK => grpc::http_status(status),
        _ => response.head.status().code(),
    }
}

//! How one attempt at an endpoint ended, as the endpoint's health sees it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use yumen_http::{Response, Status, grpc};
use yumen_policy::{Exchange, FailureKind};

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
pub(crate) struct Try {
    /// `None` if nobody wants to know.
    watch: Option<Rc<Watch>>,
    /// When it began, if the time it takes is the endpoint's alone.
    began: Option<Instant>,
}

impl Try {
    /// Begins one. `at_hand`: the whole request is here, so that waiting is for the service only.
    pub(crate) fn begin(endpoint: &Endpoint, at_hand: bool) -> Self {
        let watch = endpoint.watched();
        let began = watch.as_ref().filter(|_| at_hand).map(|watch| {
            watch.pulse.begin();
            Instant::now()
        });
        Self { watch, began }
    }

    /// Ends it.
    pub(crate) fn end(self, outcome: Outcome) {
        if let Some(watch) = &self.watch {
            watch.pulse.note(outcome, self.began.map(|began| began.elapsed()));
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        if self.began.is_some()
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

/// Tells the breaker how an attempt went.
pub(crate) fn conclude(
    leave: Option<Leave<'_>>,
    outcome: Outcome,
    endpoint: &Endpoint,
    exchange: &mut Exchange,
) {
    if let Some(change) = leave.and_then(|leave| leave.end(outcome.grade())) {
        exchange.trail.decide(change.decided(), Some(Arc::clone(&endpoint.name)), None);
    }
}

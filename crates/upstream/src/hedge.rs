//! Two tries side by side: when the first one takes long, the request is sent to another endpoint
//! too, and the first answer counts.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use yumen_http::{Response, ResponseHead};
use yumen_policy::{Decided, Exchange, Failure, FailureKind};

use crate::attempt::{Attempt, Failed};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::ledger::Leave;
use crate::outcome::{Outcome, Try};
use crate::send::Road;

/// Whom a request is sent to too.
pub(crate) struct Other<'a> {
    pub(crate) endpoint: Rc<Endpoint>,
    pub(crate) leave: Option<Leave<'a>>,
}

/// What came of two tries.
pub(crate) struct Raced {
    pub(crate) response: Result<Response, Failed>,
    /// The answer is the other's, and how that one went is told already.
    pub(crate) is_other: bool,
    /// What the first one had failed with before the other answered.
    pub(crate) lost: Option<FailureKind>,
}

/// Two tries side by side.
struct Race<'a> {
    /// `None` once it has failed.
    first: Option<Attempt>,
    failed: Option<Failed>,
    /// When the first one began, if each has its own patience.
    since: Option<Instant>,
    /// When the second one begins; `None` once it has, or cannot.
    wait: Option<Pin<Box<Sleep>>>,
    second: Option<Second<'a>>,
}

struct Second<'a> {
    current: Try<'a>,
    stage: Stage<'a>,
}

enum Stage<'a> {
    Opening(Pin<Box<dyn Future<Output = io::Result<Connection>> + 'a>>),
    Asking(Box<Attempt>),
}

/// Who came first.
enum Winner<'a> {
    First(Attempt, Box<ResponseHead>),
    Second(Second<'a>, Box<ResponseHead>),
    Nobody(Failed),
}

/// Goes on with a first try, and after so long sends the request to whom `choose` says too.
pub(crate) async fn race<'a>(
    road: &Road<'a>,
    (first, since): (Attempt, Option<Instant>),
    exchange: &mut Exchange,
    after: Duration,
    mut choose: impl FnMut(&mut Exchange) -> Option<Other<'a>>,
) -> Raced {
    let mut race = Race {
        first: Some(first),
        failed: None,
        since,
        wait: Some(Box::pin(tokio::time::sleep(after))),
        second: None,
    };
    let winner =
        std::future::poll_fn(|context| race.poll(context, road, exchange, &mut choose)).await;
    exchange.trail.answered = Some(exchange.trail.began.elapsed());
    let lost = race.failed.as_ref().map(|failed| failed.setback.failure.kind());
    match winner {
        Winner::First(attempt, head) => {
            Raced { response: attempt.finish(head, exchange, road), is_other: false, lost }
        }
        Winner::Second(second, head) => {
            let Second { current, stage } = second;
            current.end(Outcome::Answered(head.status().code()), &mut exchange.trail);
            let response = match stage {
                Stage::Asking(attempt) => attempt.finish(head, exchange, road),
                // Who has an answer has asked.
                Stage::Opening(_) => Err(Failure::new(FailureKind::Internal).into()),
            };
            Raced { response, is_other: true, lost }
        }
        Winner::Nobody(failed) => Raced { response: Err(failed), is_other: false, lost },
    }
}

impl<'a> Race<'a> {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        road: &Road<'a>,
        exchange: &mut Exchange,
        choose: &mut impl FnMut(&mut Exchange) -> Option<Other<'a>>,
    ) -> Poll<Winner<'a>> {
        if let Some(mut first) = self.first.take() {
            match first.poll(context, exchange, road.way) {
                Poll::Ready(Ok(head)) => return Poll::Ready(Winner::First(first, head)),
                Poll::Ready(Err(failure)) => self.failed = Some(first.fail(failure)),
                Poll::Pending => self.first = Some(first),
            }
        }
        if self.first.is_some()
            && let Some(wait) = &mut self.wait
            && wait.as_mut().poll(context).is_ready()
        {
            self.wait = None;
            self.second = choose(exchange).map(|other| Second::new(other, road, exchange));
        }
        if let Some(second) = self.second.take() {
            match second.poll(context, road, exchange, self.since) {
                Some((second, Poll::Ready(head))) => {
                    return Poll::Ready(Winner::Second(second, head));
                }
                Some((second, Poll::Pending)) => self.second = Some(second),
                // The first one is still under way, or what it failed with is told.
                None => {}
            }
        }
        match self.failed.take() {
            Some(failed) if self.second.is_none() => Poll::Ready(Winner::Nobody(failed)),
            failed => {
                self.failed = failed;
                Poll::Pending
            }
        }
    }
}

impl<'a> Second<'a> {
    fn new(other: Other<'a>, road: &Road<'a>, exchange: &mut Exchange) -> Self {
        let Other { endpoint, leave } = other;
        let current = Try::begin(&endpoint, leave, true, &mut exchange.trail);
        let (outbound, timeouts) = (road.outbound, road.way.timeouts);
        let opening = async move {
            match Connection::reuse(&endpoint, false) {
                Some(kept) => Ok(kept),
                None => Connection::open(&endpoint, outbound.worker(), timeouts.connect).await,
            }
        };
        Self { current, stage: Stage::Opening(Box::pin(opening)) }
    }

    /// Goes on with it. `None` if it has failed: then nobody hears of it but its endpoint.
    fn poll(
        mut self,
        context: &mut Context<'_>,
        road: &Road<'_>,
        exchange: &mut Exchange,
        since: Option<Instant>,
    ) -> Option<(Self, Poll<Box<ResponseHead>>)> {
        if let Stage::Opening(opening) = &mut self.stage {
            match opening.as_mut().poll(context) {
                Poll::Pending => return Some((self, Poll::Pending)),
                Poll::Ready(Ok(connection)) => {
                    let connected = exchange.trail.began.elapsed();
                    exchange.trail.connected(self.current.number, connected, connection.reused);
                    let since = since.map(|_| Instant::now());
                    let attempt = Attempt::begin(connection, since, road, exchange);
                    self.stage = Stage::Asking(Box::new(attempt));
                }
                Poll::Ready(Err(error)) => {
                    self.current.end(Outcome::unconnected(&error), &mut exchange.trail);
                    return None;
                }
            }
        }
        let Stage::Asking(attempt) = &mut self.stage else { return Some((self, Poll::Pending)) };
        let kept = attempt.is_reused();
        match attempt.poll(context, exchange, road.way) {
            Poll::Pending => Some((self, Poll::Pending)),
            Poll::Ready(Ok(head)) => Some((self, Poll::Ready(head))),
            Poll::Ready(Err(failure)) => {
                self.current.end(Outcome::failed(failure.kind(), kept), &mut exchange.trail);
                None
            }
        }
    }
}

/// Writes down that the request is sent to another endpoint too.
pub(crate) fn note(exchange: &mut Exchange) {
    let slow = exchange.trail.target().cloned();
    exchange.trail.decide(Decided::Hedge, slow, None);
}

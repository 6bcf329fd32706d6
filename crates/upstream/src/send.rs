//! One exchange to a service: choose an endpoint, try, and try again where that is safe, allowed
//! and likely to help.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_http::{Body, Response};
use yumen_model::HostHeader;
use yumen_policy::{Decided, Exchange, Failure, FailureKind};

use crate::adaptive::Bounds;
use crate::attempt::{Failed, attempt};
use crate::balance::Ask;
use crate::bulkhead::{Entry, Most, Place, Room};
use crate::connection::Connection;
use crate::destination::{Destination, Timeouts};
use crate::endpoint::Endpoint;
use crate::hedge::{self, Other, Raced};
use crate::http2::{self, Entered};
use crate::ledger::{Clerk, Leave};
use crate::outbound::Outbound;
use crate::outcome::{Outcome, Try, conclude};
use crate::pool::Pool;
use crate::replay::{Kept, keep, restore};
use crate::retry::{Cause, Retries, Setback};
use crate::tunnel::pass_on;

/// Endpoints that are tried at once, without asking the budget, while none can be connected to.
const ENDPOINTS_TRIED_MAX: u32 = 3;

/// Times that a request is sent again at once, without asking the budget, because the service says
/// that it has not looked at it; then its retries decide.
const UNPROCESSED_MAX: u32 = 2;

/// How long a client is asked to stay away when there are too many requests.
const OVERLOADED_WAIT: Duration = Duration::from_secs(1);

/// How one route sends to a service.
#[derive(Debug)]
pub struct Way<'a> {
    /// The service, as the plan of the exchange has it.
    pub destination: &'a Destination,
    /// The route's patience, or the service's.
    pub timeouts: Timeouts,
    /// The `Host` field, as the route or the service wants it.
    pub host: &'a HostHeader,
    /// When a request is sent once more.
    pub retries: &'a Retries,
    /// What all workers know of the service.
    pub clerk: &'a Clerk,
}

/// Everything that an exchange passes on its way to the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Road<'a> {
    pub(crate) outbound: &'a Outbound,
    pub(crate) pool: &'a Pool,
    pub(crate) way: &'a Way<'a>,
}

/// Waits until the service may have one more request. What comes back is to be kept until the
/// answer's last byte; it is none if there is no limit.
///
/// # Errors
/// When there are too many already, and too many wait, or the wait was too long.
pub async fn enter(way: &Way<'_>, exchange: &mut Exchange) -> Result<Option<Place>, Failure> {
    let Some(room) = &way.destination.room else { return Ok(None) };
    let receiver = match way.clerk.enter(room) {
        Entry::Now(place) => return Ok(Some(place)),
        Entry::Later(receiver) => Some(receiver),
        Entry::Never => None,
    };
    if let Some(receiver) = receiver {
        exchange.trail.decide(Decided::Queued, None, None);
        let patience = way.timeouts.within_total(room.patience, exchange.trail.began);
        let place = match patience {
            Some(patience) => tokio::time::timeout(patience, receiver).await.ok(),
            None => Some(receiver.await),
        };
        if let Some(Ok(place)) = place {
            return Ok(Some(place));
        }
    }
    let (what, kind) = match room.most {
        Most::Fixed(_) => (Decided::Overloaded, FailureKind::UpstreamBusy),
        Most::Adaptive(_) => (Decided::Shed, FailureKind::UpstreamOverloaded),
    };
    exchange.trail.decide(what, None, None);
    Err(Failure::new(kind).because("`limits` of the service").after(OVERLOADED_WAIT))
}

/// Sends the request of an exchange to a service and returns its answer, of which at least the
/// head is there. What could not be connected to is tried elsewhere; what was lost on a kept
/// connection that the service closed at that moment is sent again, if it can do no harm; beyond
/// that a request is sent again as the retries of the way allow.
///
/// # Errors
/// When no answer came; the kind says why.
pub async fn send(
    outbound: &Outbound,
    pool: &Pool,
    exchange: &mut Exchange,
    way: &Way<'_>,
) -> Result<Response, Failure> {
    if pool.is_empty() {
        look_up(pool, exchange, way).await;
    }
    way.clerk.offer(exchange.trail.began);
    let road = Road { outbound, pool, way };
    let mut course = Course::new(&road, exchange);
    let streams = course.kept.is_some() || matches!(exchange.request.body, Body::Stream(..));
    let result = course.run(&road, exchange).await;
    if let Some(Room { most: Most::Adaptive(bounds), .. }) = &way.destination.room {
        learn(way.clerk, bounds, &result, (exchange, streams));
    }
    if let Some(kept) = &course.kept {
        match &result {
            Ok(_) => kept.release(),
            // Another service may be asked.
            Err(_) if kept.is_whole() => exchange.request.body = kept.body(),
            Err(_) => exchange.request.body = Body::Empty,
        }
    }
    result
}

/// Tells the adaptive limit how the request fared.
fn learn(
    clerk: &Clerk,
    bounds: &Bounds,
    result: &Result<Response, Failure>,
    (exchange, streams): (&Exchange, bool),
) {
    let trail = &exchange.trail;
    let took = match (trail.asked, trail.answered) {
        // A pause between tries, or a client that is slow to send, is not the service's doing.
        (Some(asked), Some(answered)) if trail.attempts == 1 && !streams => {
            Some(answered.saturating_sub(asked))
        }
        _ => None,
    };
    match result {
        Ok(response) => {
            let overloaded = matches!(response.head.status().code(), 429 | 503);
            clerk.learn(bounds, took.filter(|_| !overloaded), overloaded);
        }
        Err(failure) if failure.kind() == FailureKind::UpstreamTimeout => {
            clerk.learn(bounds, None, true);
        }
        Err(_) => {}
    }
}

type Chosen = (usize, Rc<Endpoint>);

/// How far an exchange has come with its tries.
#[derive(Debug)]
struct Course {
    key: u64,
    /// Endpoints that came to nothing.
    tried: Vec<usize>,
    /// Who is asked next, if that is known.
    next: Option<Chosen>,
    /// The wait before that.
    pause: Duration,
    /// A kept connection turned out to be closed: a fresh one is made.
    fresh: bool,
    /// Endpoints that could not be connected to.
    unconnected: u32,
    /// Times that a service had not looked at it.
    unprocessed: u32,
    /// Retries so far, beside those that need no leave.
    retries: u32,
    /// The body, where it is kept to be sent again.
    kept: Option<Rc<Kept>>,
    /// The body is gone and was not kept.
    body_gone: bool,
    /// What the last attempt failed with.
    last: Option<Failure>,
}

impl Course {
    fn new(road: &Road<'_>, exchange: &mut Exchange) -> Self {
        Self {
            key: road.pool.key(&exchange.client, &exchange.request.head),
            tried: Vec::new(),
            next: None,
            pause: Duration::ZERO,
            fresh: false,
            unconnected: 0,
            unprocessed: 0,
            retries: 0,
            kept: keep(road.way, exchange),
            body_gone: false,
            last: None,
        }
    }

    /// Tries until there is an answer, or no other try.
    async fn run(&mut self, road: &Road<'_>, exchange: &mut Exchange) -> Result<Response, Failure> {
        let way = road.way;
        loop {
            let Some((index, endpoint)) = self.choose(road) else {
                return Err(self.last.take().unwrap_or_else(|| road.pool.nobody()));
            };
            let leave = self.ask_leave(way, exchange)?;
            exchange.trail.attempts += 1;
            exchange.trail.target = Some(Arc::clone(&endpoint.name));
            match self.try_at(road, (index, &endpoint), leave, exchange).await {
                Ok(response) => {
                    let status = response.head.status();
                    // If so, its connection is closed with it, unless all of it is here already.
                    let again = way.retries.are_for_status(status) && {
                        self.pause = retry_after(&response);
                        self.goes_on(road, Cause::Status(status), index, exchange)
                    };
                    if !again {
                        return Ok(response);
                    }
                }
                Err(Setback { failure, cause }) => {
                    let Some(cause) = cause else { return Err(failure) };
                    if !self.goes_on(road, cause, index, exchange) {
                        return Err(failure);
                    }
                    self.last = Some(failure);
                }
            }
        }
    }

    /// Another endpoint than those that were tried, or else one of them.
    fn choose(&mut self, road: &Road<'_>) -> Option<Chosen> {
        self.next.take().or_else(|| self.choose_other(road)).or_else(|| {
            let ask = Ask { tried: &[], random: road.outbound.random(), key: self.key };
            road.pool.choose(&ask)
        })
    }

    fn choose_other(&self, road: &Road<'_>) -> Option<Chosen> {
        let ask = Ask { tried: &self.tried, random: road.outbound.random(), key: self.key };
        road.pool.choose(&ask)
    }

    /// Leave of the breaker, if there is one.
    fn ask_leave<'a>(
        &mut self,
        way: &Way<'a>,
        exchange: &mut Exchange,
    ) -> Result<Option<Leave<'a>>, Failure> {
        let Some(terms) = &way.destination.breaker else { return Ok(None) };
        match way.clerk.admit(terms) {
            Ok((leave, change)) => {
                if let Some(change) = change {
                    exchange.trail.decide(change.decided(), None, None);
                }
                Ok(Some(leave))
            }
            Err(wait) => {
                exchange.trail.decide(Decided::BreakerOpen, None, None);
                let open = || Failure::new(FailureKind::UpstreamOpen).after(wait);
                Err(self.last.take().unwrap_or_else(open))
            }
        }
    }

    /// One try at this endpoint.
    async fn try_at(
        &mut self,
        road: &Road<'_>,
        (index, endpoint): (usize, &Rc<Endpoint>),
        leave: Option<Leave<'_>>,
        exchange: &mut Exchange,
    ) -> Result<Response, Setback> {
        if !self.pause.is_zero() {
            tokio::time::sleep(std::mem::take(&mut self.pause)).await;
        }
        if let Some(kept) = &self.kept {
            exchange.request.body = kept.body();
        }
        let timeouts = &road.way.timeouts;
        let since = timeouts.per_try.map(|_| Instant::now());
        let at_hand = !matches!(exchange.request.body, Body::Stream(..));
        let current = Try::begin(endpoint, at_hand);
        // What is not a request has a connection for itself, from its begin.
        let is_raw = !exchange.request.head.version().is_http();
        if is_raw {
            exchange.trail.asked.get_or_insert(exchange.trail.began.elapsed());
        }
        let kept = if is_raw { None } else { self.reuse(endpoint, exchange) };
        let entered = match kept {
            Some(connection) => Entered::Text(connection),
            None => match self.open(road, endpoint, exchange).await {
                Ok(entered) => entered,
                Err(error) => {
                    let outcome = Outcome::unconnected(&error);
                    conclude(leave, outcome, endpoint, exchange);
                    current.end(outcome);
                    return Err(unconnected(&error, endpoint));
                }
            },
        };
        let kept = entered.is_reused();
        exchange.trail.opened += u32::from(!kept);
        let hedge = road.way.retries.hedge.filter(|_| self.may_hedge(road, exchange));
        let entered = match (entered, hedge) {
            (Entered::Text(connection), Some(after)) => {
                let race = self.hedge(road, (index, after), (connection, since), exchange);
                // In a box, for few requests are hedged and all would pay for its size.
                let Raced { response, is_other, lost } = Box::pin(race).await;
                if is_other {
                    // Of one that was called off nothing is known.
                    if let Some(kind) = lost {
                        let outcome = Outcome::failed(kind, kept);
                        conclude(leave, outcome, endpoint, exchange);
                        current.end(outcome);
                    }
                    return response.map_err(|failed| failed.setback);
                }
                return self.settle(response, (leave, current), (endpoint, kept), exchange);
            }
            (entered, _) => entered,
        };
        let may_leave = endpoint.is_watched() && self.may_leave(road, at_hand, exchange);
        let mut elsewhere = || self.leave(road, index);
        let elsewhere: Option<&mut dyn FnMut() -> bool> =
            if may_leave { Some(&mut elsewhere) } else { None };
        let response = match entered {
            Entered::Text(connection) if is_raw => Ok(pass_on(connection, exchange)),
            Entered::Text(connection) => {
                attempt(road, connection, since, exchange, elsewhere).await
            }
            Entered::Lane(lane) => http2::attempt(road, lane, since, exchange, elsewhere).await,
        };
        self.settle(response, (leave, current), (endpoint, kept), exchange)
    }

    /// Tells how a try went that has ended.
    fn settle(
        &mut self,
        response: Result<Response, Failed>,
        (leave, current): (Option<Leave<'_>>, Try),
        (endpoint, kept): (&Endpoint, bool),
        exchange: &mut Exchange,
    ) -> Result<Response, Setback> {
        let outcome = match &response {
            Ok(response) => Outcome::Answered(response.head.status().code()),
            Err(Failed { setback: Setback { cause: Some(Cause::Silent), .. }, .. }) => {
                Outcome::Left
            }
            Err(failed) => Outcome::failed(failed.setback.failure.kind(), kept),
        };
        conclude(leave, outcome, endpoint, exchange);
        current.end(outcome);
        response.map_err(|Failed { setback, body, begun }| {
            match (&self.kept, body) {
                (Some(_), _) => {}
                (None, Some(body)) => exchange.request.body = restore(body, exchange),
                (None, None) => self.body_gone = begun,
            }
            setback
        })
    }

    /// Whether the request may be sent to another endpoint too, while this one is waited for.
    fn may_hedge(&self, road: &Road<'_>, exchange: &Exchange) -> bool {
        self.retries == 0
            && exchange.request.head.version().is_http()
            && !matches!(exchange.request.body, Body::Stream(..))
            && road.way.retries.allows(exchange.request.head.method())
    }

    async fn hedge<'a>(
        &mut self,
        road: &Road<'a>,
        (index, after): (usize, Duration),
        connected: (Connection, Option<Instant>),
        exchange: &mut Exchange,
    ) -> Raced {
        let tried = &mut self.tried;
        let key = self.key;
        let choose = |exchange: &mut Exchange| {
            let Way { retries, clerk, destination, .. } = road.way;
            let now = Instant::now();
            tried.push(index);
            let ask = Ask { tried, random: road.outbound.random(), key };
            let (other, endpoint) = road.pool.choose_well(&ask)?;
            if destination.breaker.is_some() && clerk.is_denied(now)
                || !clerk.draw(retries.allowance, now)
            {
                return None;
            }
            let leave = match &destination.breaker {
                Some(terms) => Some(clerk.admit(terms).ok()?.0),
                None => None,
            };
            tried.push(other);
            hedge::note(exchange);
            Some(Other { endpoint, leave })
        };
        hedge::race(road, connected, exchange, after, choose).await
    }

    /// Whether the request may go elsewhere while it waits for an answer.
    fn may_leave(&self, road: &Road<'_>, at_hand: bool, exchange: &Exchange) -> bool {
        let retries = road.way.retries;
        self.retries < retries.attempts
            && (at_hand || self.kept.is_some())
            && retries.are_for(Cause::Silent)
            && retries.allows(exchange.request.head.method())
    }

    /// Whether it leaves now: where to is prepared.
    fn leave(&mut self, road: &Road<'_>, index: usize) -> bool {
        let Way { retries, clerk, .. } = road.way;
        let now = Instant::now();
        if self.kept.as_ref().is_some_and(|kept| !kept.is_whole())
            || (road.way.destination.breaker.is_some() && clerk.is_denied(now))
        {
            return false;
        }
        self.tried.push(index);
        let ask = Ask { tried: &self.tried, random: road.outbound.random(), key: self.key };
        let next = road.pool.choose_well(&ask);
        if next.is_none() || !clerk.draw(retries.leaves(), now) {
            self.tried.pop();
            return false;
        }
        self.next = next;
        self.retries += 1;
        true
    }

    /// A kept connection of HTTP/1.1, unless something else is spoken with this endpoint.
    fn reuse(&self, endpoint: &Rc<Endpoint>, exchange: &Exchange) -> Option<Connection> {
        let head = &exchange.request.head;
        if self.fresh || (endpoint.shares() && !head.is_websocket()) {
            return None;
        }
        Connection::reuse(endpoint, !head.method().is_idempotent())
    }

    /// A new connection, or a part in one that is shared.
    async fn open(
        &self,
        road: &Road<'_>,
        endpoint: &Rc<Endpoint>,
        exchange: &Exchange,
    ) -> io::Result<Entered> {
        let timeouts = &road.way.timeouts;
        let patience = match (timeouts.connect, timeouts.per_try) {
            (Some(connect), Some(per_try)) => Some(connect.min(per_try)),
            (connect, per_try) => connect.or(per_try),
        };
        let patience = timeouts.within_total(patience, exchange.trail.began);
        let worker = road.outbound.worker();
        // A WebSocket needs a connection of its own.
        let head = &exchange.request.head;
        if endpoint.shares() && head.version().is_http() && !head.is_websocket() {
            let entered = http2::enter(endpoint, road, patience, self.fresh).await?;
            if let Some(entered) = entered {
                return Ok(entered);
            }
        }
        Connection::open(endpoint, worker, patience).await.map(Entered::Text)
    }

    /// Whether there is another try; if so, what it needs is prepared, and if not, the trail says
    /// why where that is not plain.
    fn goes_on(
        &mut self,
        road: &Road<'_>,
        cause: Cause,
        index: usize,
        exchange: &mut Exchange,
    ) -> bool {
        let retries = road.way.retries;
        let method = exchange.request.head.method();
        let harmless = match cause {
            Cause::Connect | Cause::Unprocessed => true,
            Cause::Stale => method.is_idempotent() || retries.allows(method),
            Cause::Reset | Cause::Timeout | Cause::Silent | Cause::Status(_) => {
                retries.allows(method)
            }
        };
        if !harmless || !retries.are_for(cause) && cause != Cause::Connect {
            return false;
        }
        if self.body_gone || self.kept.as_ref().is_some_and(|kept| !kept.is_whole()) {
            exchange.trail.decide(Decided::BodyGone, None, None);
            return false;
        }
        if cause == Cause::Stale {
            self.fresh = true;
        } else if cause == Cause::Unprocessed && self.unprocessed < UNPROCESSED_MAX {
            self.unprocessed += 1;
            self.tried.push(index);
        } else if cause != Cause::Silent && !self.may_go_on(road, cause, index, exchange) {
            return false;
        }
        let target = exchange.trail.target.clone();
        exchange.trail.decide(cause.decided(), target, cause.status());
        true
    }

    /// Whether another try is within all bounds.
    fn may_go_on(
        &mut self,
        road: &Road<'_>,
        cause: Cause,
        index: usize,
        exchange: &mut Exchange,
    ) -> bool {
        let Way { retries, timeouts, clerk, .. } = road.way;
        self.tried.push(index);
        if cause == Cause::Connect {
            self.unconnected += 1;
            if self.unconnected < ENDPOINTS_TRIED_MAX {
                self.next = self.choose_other(road);
                if self.next.is_some() {
                    return true;
                }
            }
            if !retries.are_for(cause) {
                return false;
            }
        }
        if self.retries >= retries.attempts {
            return false;
        }
        if self.pause > retries.retry_after {
            return false;
        }
        self.next = self.choose_other(road);
        // Who has kept us waiting for so long does not answer sooner for being asked again.
        if cause == Cause::Timeout && timeouts.per_try.is_none() && self.next.is_none() {
            return false;
        }
        if self.next.is_none() {
            let pause = retries.backoff.pause(self.retries, road.outbound.random());
            self.pause = self.pause.max(pause);
        }
        let now = Instant::now();
        let passed = now.saturating_duration_since(exchange.trail.began);
        if timeouts.total.is_some_and(|total| passed + self.pause >= total) {
            return false;
        }
        if road.way.destination.breaker.is_some() && clerk.is_denied(now) {
            exchange.trail.decide(Decided::BreakerOpen, None, None);
            return false;
        }
        if !clerk.draw(retries.allowance, now) {
            exchange.trail.decide(Decided::BudgetSpent, None, None);
            return false;
        }
        self.retries += 1;
        true
    }
}

fn unconnected(error: &io::Error, endpoint: &Endpoint) -> Setback {
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => FailureKind::UpstreamTimeout,
        // It could be connected to, but not trusted.
        io::ErrorKind::InvalidData => FailureKind::UpstreamTls,
        _ => FailureKind::UpstreamUnreachable,
    };
    let failure =
        Failure::new(kind).because(format!("cannot connect to {}: {error}", endpoint.name));
    Setback { failure, cause: Some(Cause::Connect) }
}

/// How long the service asks to be left alone, if it says so in seconds (RFC 9110 section 10.2.3).
fn retry_after(response: &Response) -> Duration {
    let value = response.head.fields().first("retry-after");
    let seconds = value.and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

/// Waits for the first answer of the DNS, for as long as a connection may take.
async fn look_up(pool: &Pool, exchange: &Exchange, way: &Way<'_>) {
    let Some(unknown) = pool.unknown() else { return };
    let patience = way.timeouts.within_total(way.timeouts.connect, exchange.trail.began);
    match patience {
        Some(patience) => drop(tokio::time::timeout(patience, unknown.looked_up()).await),
        None => unknown.looked_up().await,
    }
}

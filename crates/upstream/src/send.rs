//! One exchange to a service: choose an endpoint, try, and try again where that is safe, allowed
//! and likely to help.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use yumen_http::{Body, Response};
use yumen_model::HostHeader;
use yumen_policy::{Decided, Exchange, Failure, FailureKind};

use crate::attempt::{Attempt, Failed};
use crate::balance::Ask;
use crate::bulkhead::Place;
use crate::connection::Connection;
use crate::destination::{Destination, Timeouts};
use crate::endpoint::Endpoint;
use crate::entry;
use crate::hedge::{self, Other, Raced};
use crate::http2::{self, Entered};
use crate::ledger::{Clerk, Leave};
use crate::outbound::Outbound;
use crate::outcome::{Outcome, Try, status_of};
use crate::past::Past;
use crate::pool::Pool;
use crate::replay::{Kept, keep, restore};
use crate::retry::{Cause, Retries, Setback};
use crate::tunnel::pass_on;

/// Endpoints that are tried at once, without asking the budget, while none can be connected to.
const ENDPOINTS_TRIED_MAX: u32 = 3;

/// Times that a request is sent again at once, without asking the budget, because the service says
/// that it has not looked at it; then its retries decide.
const UNPROCESSED_MAX: u32 = 2;

/// How one route sends to a service.
#[derive(Debug)]
pub struct Way<'a> {
    /// The service, as the plan of the exchange has it.
    pub destination: &'a Destination,
    /// The route's patience, or the service's.
    pub timeouts: &'a Timeouts,
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

/// Sends the request of an exchange to a service and returns its answer, of which at least the
/// head is there. What could not be connected to is tried elsewhere; what was lost on a kept
/// connection that the service closed at that moment is sent again, if it can do no harm; beyond
/// that a request is sent again as the retries of the way allow. If the service is limited, the
/// exchange waits for its `place` first, which is to be kept until the answer's last byte.
///
/// Each function that waits on this way has a part of its own in the task of every connection, and is
/// passed through whenever something comes for it. So there are few, and what is seldom waited for is
/// in a box.
///
/// # Errors
/// When no answer came; the kind says why.
pub async fn send(
    outbound: &Outbound,
    pool: &Pool,
    (way, place): (&Way<'_>, &mut Option<Place>),
    exchange: &mut Exchange,
) -> Result<Response, Failure> {
    if let Some(room) = &way.destination.room {
        *place = Some(Box::pin(entry::enter(room, way, exchange)).await?);
    }
    if pool.is_empty() {
        Box::pin(look_up(pool, exchange, way)).await;
    }
    way.clerk.offer(exchange.trail.began);
    let road = Road { outbound, pool, way };
    let mut course = Course::new(&road, exchange);
    let result = loop {
        let Some((index, endpoint)) = course.choose(&road) else {
            break Err(course.last().unwrap_or_else(|| pool.nobody()));
        };
        let tried = course.try_at(&road, (index, &endpoint), exchange).await;
        if let Some(result) = course.judge(tried, &road, index, exchange) {
            break result;
        }
    };
    course.end(&result, way, exchange);
    result
}

/// An endpoint that is asked, with its position.
pub(crate) type Chosen = (usize, Rc<Endpoint>);

/// How far an exchange has come with its tries.
#[derive(Debug)]
struct Course {
    key: u64,
    /// Whether the body can be sent again.
    resend: Resend,
    /// What earlier tries came to. In a box, for most exchanges have one try.
    past: Option<Box<Past>>,
}

/// Whether the body of a request can be sent again.
#[derive(Debug)]
struct Resend {
    /// It was still to come when the first try began.
    streams: bool,
    /// Where it is kept for that.
    kept: Option<Rc<Kept>>,
    /// It is gone and was not kept.
    gone: bool,
}

impl Course {
    fn new(road: &Road<'_>, exchange: &mut Exchange) -> Self {
        let streams = matches!(exchange.request.body, Body::Stream(..));
        Self {
            key: road.pool.key(&exchange.client, &exchange.request.head),
            resend: Resend { streams, kept: keep(road.way, exchange), gone: false },
            past: None,
        }
    }

    fn past(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }

    /// Endpoints that came to nothing.
    fn tried(&self) -> &[usize] {
        self.past.as_ref().map_or(&[], |past| &past.tried)
    }

    /// Retries so far, beside those that need no leave.
    fn retries(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.retries)
    }

    /// Whether a fresh connection is made, since a kept one turned out to be closed.
    fn is_fresh(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.fresh)
    }

    /// What the last attempt failed with.
    #[cold]
    fn last(&mut self) -> Option<Failure> {
        self.past.as_mut()?.last.take()
    }

    /// What a try means for the exchange; `None`: there is another try.
    fn judge(
        &mut self,
        tried: Result<Response, Setback>,
        road: &Road<'_>,
        index: usize,
        exchange: &mut Exchange,
    ) -> Option<Result<Response, Failure>> {
        match tried {
            Ok(response) => {
                self.resend.gone = self.resend.streams && self.resend.kept.is_none();
                // If so, its connection is closed with it, unless all of it is here already.
                let again = road.way.retries.find(&response, exchange).is_some_and(|again| {
                    self.past().pause = again.wait;
                    self.goes_on(road, again.cause, index, exchange)
                });
                if again { None } else { Some(Ok(response)) }
            }
            Err(Setback { failure, cause }) => {
                let Some(cause) = cause else { return Some(Err(failure)) };
                if !self.goes_on(road, cause, index, exchange) {
                    return Some(Err(failure));
                }
                self.past().last = Some(failure);
                None
            }
        }
    }

    /// There is no other try.
    fn end(&mut self, result: &Result<Response, Failure>, way: &Way<'_>, exchange: &mut Exchange) {
        let well = result.as_ref().is_ok_and(|response| status_of(response, exchange) < 500);
        self.account(way.clerk, well);
        entry::learn(way, result, (exchange, self.resend.streams));
        if let Some(kept) = &self.resend.kept {
            match result {
                Ok(_) => kept.release(),
                // Another service may be asked.
                Err(_) if kept.is_whole() => exchange.request.body = kept.body(),
                Err(_) => exchange.request.body = Body::Empty,
            }
        }
    }

    /// Another endpoint than those that were tried, or else one of them.
    fn choose(&mut self, road: &Road<'_>) -> Option<Chosen> {
        let next = self.past.as_mut().and_then(|past| past.next.take());
        next.or_else(|| choose_other(road, self.tried(), self.key))
            .or_else(|| choose_other(road, &[], self.key))
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
                Err(self.last().unwrap_or_else(open))
            }
        }
    }

    /// One try at this endpoint.
    async fn try_at(
        &mut self,
        road: &Road<'_>,
        (index, endpoint): (usize, &Rc<Endpoint>),
        exchange: &mut Exchange,
    ) -> Result<Response, Setback> {
        let leave = self.ask_leave(road.way, exchange).map_err(Setback::last)?;
        if let Some(past) = &mut self.past
            && !past.pause.is_zero()
        {
            let pause = tokio::time::sleep(std::mem::take(&mut past.pause));
            // In a box, for few exchanges pause and all would pay for its size.
            Box::pin(pause).await;
        }
        if let Some(kept) = &self.resend.kept {
            exchange.request.body = kept.body();
        }
        let since = road.way.timeouts.per_try.map(|_| Instant::now());
        let at_hand = !matches!(exchange.request.body, Body::Stream(..));
        let current = Try::begin(endpoint, leave, at_hand, &mut exchange.trail);
        let is_raw = !exchange.request.head.version().is_http();
        let (entered, reused) = match self.reuse(endpoint, exchange) {
            Some(connection) => {
                exchange.trail.connected(current.number, current.began, true);
                (Entered::Text(connection), true)
            }
            // In a box, for few requests need a new one and all would pay for its size.
            None => match Box::pin(self.open(road, (endpoint, &current), exchange)).await {
                Ok(opened) => opened,
                Err(error) => {
                    current.end(Outcome::unconnected(&error), &mut exchange.trail);
                    return Err(Setback::unconnected(&error, endpoint));
                }
            },
        };
        let hedge = road.way.retries.hedge.filter(|_| self.may_hedge(road, exchange));
        if let Some(after) = hedge
            && let Entered::Text(connection) = entered
        {
            // In a box, for few requests are hedged and all would pay for its size.
            let race = self.hedge(road, (index, after), (connection, current, since), exchange);
            return Box::pin(race).await;
        }
        let may_leave = endpoint.is_watched() && self.may_leave(road, at_hand, exchange);
        let mut elsewhere = || self.leave(road, index);
        let elsewhere: Option<&mut dyn FnMut() -> bool> =
            if may_leave { Some(&mut elsewhere) } else { None };
        let response = match entered {
            Entered::Text(connection) if is_raw => Ok(pass_on(connection, exchange)),
            Entered::Text(connection) => {
                let mut attempt = Attempt::begin(connection, since, road, exchange);
                let head = attempt.head(exchange, road.way, elsewhere).await;
                exchange.trail.answered = Some(exchange.trail.began.elapsed());
                match attempt.whole(head, exchange, road) {
                    Ok(response) => Ok(response),
                    Err(head) => attempt.end(head, exchange, road),
                }
            }
            Entered::Lane(lane) => http2::attempt(road, lane, since, exchange, elsewhere).await,
        };
        self.settle(response, current, reused, exchange)
    }

    /// Tells how a try went that has ended.
    fn settle(
        &mut self,
        response: Result<Response, Failed>,
        current: Try<'_>,
        kept: bool,
        exchange: &mut Exchange,
    ) -> Result<Response, Setback> {
        let outcome = match &response {
            Ok(response) => Outcome::Answered(status_of(response, exchange)),
            Err(Failed { setback: Setback { cause: Some(Cause::Silent), .. }, .. }) => {
                Outcome::Left
            }
            Err(failed) => Outcome::failed(failed.setback.failure.kind(), kept),
        };
        current.end(outcome, &mut exchange.trail);
        response.map_err(|Failed { setback, body, begun }| {
            match (&self.resend.kept, body) {
                (Some(_), _) => {}
                (None, Some(body)) => exchange.request.body = restore(body, exchange),
                (None, None) => self.resend.gone = begun,
            }
            setback
        })
    }

    /// Whether the request may be sent to another endpoint too, while this one is waited for.
    fn may_hedge(&self, road: &Road<'_>, exchange: &Exchange) -> bool {
        self.retries() == 0
            && exchange.request.head.version().is_http()
            && !matches!(exchange.request.body, Body::Stream(..))
            && road.way.retries.allows(exchange.request.head.method())
    }

    /// Goes on with a try that may get another one at its side.
    async fn hedge<'a>(
        &mut self,
        road: &Road<'a>,
        (index, after): (usize, Duration),
        (connection, current, since): (Connection, Try<'_>, Option<Instant>),
        exchange: &mut Exchange,
    ) -> Result<Response, Setback> {
        let reused = connection.reused;
        let attempt = Attempt::begin(connection, since, road, exchange);
        let key = self.key;
        let tried = &mut self.past().tried;
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
        let Raced { response, is_other, lost } =
            hedge::race(road, (attempt, since), exchange, after, choose).await;
        if !is_other {
            return self.settle(response, current, reused, exchange);
        }
        // Of one that was called off nothing is known.
        if let Some(kind) = lost {
            current.end(Outcome::failed(kind, reused), &mut exchange.trail);
        }
        response.map_err(|failed| failed.setback)
    }

    /// Whether the request may go elsewhere while it waits for an answer.
    fn may_leave(&self, road: &Road<'_>, at_hand: bool, exchange: &Exchange) -> bool {
        let retries = road.way.retries;
        self.retries() < retries.attempts
            && (at_hand || self.resend.kept.is_some())
            && retries.are_for(Cause::Silent)
            && retries.allows(exchange.request.head.method())
    }

    /// Whether it leaves now: where to is prepared.
    fn leave(&mut self, road: &Road<'_>, index: usize) -> bool {
        let Way { retries, clerk, .. } = road.way;
        let now = Instant::now();
        if self.resend.kept.as_ref().is_some_and(|kept| !kept.is_whole())
            || (road.way.destination.breaker.is_some() && clerk.is_denied(now))
        {
            return false;
        }
        let key = self.key;
        let past = self.past();
        past.tried.push(index);
        let ask = Ask { tried: &past.tried, random: road.outbound.random(), key };
        let next = road.pool.choose_well(&ask);
        if next.is_none() || !clerk.draw(retries.leaves(), now) {
            past.tried.pop();
            return false;
        }
        past.next = next;
        past.retries += 1;
        true
    }

    /// A kept connection of HTTP/1.1, unless something else is spoken with this endpoint. What is not
    /// a request has a connection for itself, from its begin.
    fn reuse(&self, endpoint: &Rc<Endpoint>, exchange: &Exchange) -> Option<Connection> {
        let head = &exchange.request.head;
        if self.is_fresh()
            || !head.version().is_http()
            || (endpoint.shares() && !head.is_websocket())
        {
            return None;
        }
        Connection::reuse(endpoint, !head.method().is_idempotent())
    }

    /// A new connection, or a part in one that is shared; whether that was there already.
    async fn open(
        &self,
        road: &Road<'_>,
        (endpoint, current): (&Rc<Endpoint>, &Try<'_>),
        exchange: &mut Exchange,
    ) -> io::Result<(Entered, bool)> {
        if !exchange.request.head.version().is_http() {
            exchange.trail.asked.get_or_insert(current.began);
        }
        let entered = self.enter(road, endpoint, exchange).await?;
        let reused = entered.is_reused();
        let connected = if reused { current.began } else { exchange.trail.began.elapsed() };
        exchange.trail.connected(current.number, connected, reused);
        Ok((entered, reused))
    }

    /// A new connection, or a part in one that is shared.
    async fn enter(
        &self,
        road: &Road<'_>,
        endpoint: &Rc<Endpoint>,
        exchange: &Exchange,
    ) -> io::Result<Entered> {
        let timeouts = road.way.timeouts;
        let patience = match (timeouts.connect, timeouts.per_try) {
            (Some(connect), Some(per_try)) => Some(connect.min(per_try)),
            (connect, per_try) => connect.or(per_try),
        };
        let patience = timeouts.within_total(patience, exchange.trail.began);
        let worker = road.outbound.worker();
        // A WebSocket needs a connection of its own.
        let head = &exchange.request.head;
        if endpoint.shares() && head.version().is_http() && !head.is_websocket() {
            let entered = http2::enter(endpoint, road, patience, self.is_fresh()).await?;
            if let Some(entered) = entered {
                return Ok(entered);
            }
        }
        Connection::open(endpoint, worker, patience).await.map(Entered::Text)
    }

    /// Whether there is another try; if so, what it needs is prepared, and if not, the trail says
    /// why where that is not plain.
    #[cold]
    fn goes_on(
        &mut self,
        road: &Road<'_>,
        cause: Cause,
        index: usize,
        exchange: &mut Exchange,
    ) -> bool {
        let Way { retries, clerk, .. } = road.way;
        self.account(clerk, false);
        let method = exchange.request.head.method();
        let harmless = match cause {
            // Who lists how calls end says that they may be sent again then.
            Cause::Connect | Cause::Unprocessed | Cause::Call(_) => true,
            Cause::Stale => method.is_idempotent() || retries.allows(method),
            Cause::Reset | Cause::Timeout | Cause::Silent | Cause::Status(_) => {
                retries.allows(method)
            }
        };
        if !harmless || !retries.are_for(cause) && cause != Cause::Connect {
            return false;
        }
        if self.resend.gone || self.resend.kept.as_ref().is_some_and(|kept| !kept.is_whole()) {
            exchange.trail.decide(Decided::BodyGone, None, None);
            return false;
        }
        let past = self.past();
        let unprocessed = cause == Cause::Unprocessed && past.unprocessed < UNPROCESSED_MAX;
        if cause == Cause::Stale || unprocessed {
            // It cost the service nothing and is not a retry, unless this is how the service fails.
            if !clerk.has_left(retries.anew(), Instant::now()) {
                exchange.trail.decide(Decided::BudgetSpent, None, None);
                return false;
            }
            past.on_credit = true;
            past.fresh |= cause == Cause::Stale;
            if unprocessed {
                past.unprocessed += 1;
                past.tried.push(index);
            }
        } else if cause != Cause::Silent && !self.may_go_on(road, cause, index, exchange) {
            return false;
        }
        let target = exchange.trail.target().cloned();
        exchange.trail.decide(cause.decided(), target, cause.status());
        // How the next try ends is another matter.
        exchange.trail.watch.grpc_status.set(None);
        true
    }

    /// The last try has ended: one that was made on credit and came to nothing is paid for.
    fn account(&mut self, clerk: &Clerk, well: bool) {
        let on_credit = self.past.as_mut().is_some_and(|past| std::mem::take(&mut past.on_credit));
        if on_credit && !well {
            clerk.pay(Instant::now());
        }
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
        let key = self.key;
        let past = self.past();
        past.tried.push(index);
        if cause == Cause::Connect {
            past.unconnected += 1;
            if past.unconnected < ENDPOINTS_TRIED_MAX {
                past.next = choose_other(road, &past.tried, key);
                if past.next.is_some() {
                    return true;
                }
            }
            if !retries.are_for(cause) {
                return false;
            }
        }
        if past.retries >= retries.attempts {
            return false;
        }
        if past.pause > retries.retry_after {
            exchange.trail.decide(Decided::PushedBack, None, None);
            return false;
        }
        past.next = choose_other(road, &past.tried, key);
        // Who has kept us waiting for so long does not answer sooner for being asked again.
        if cause == Cause::Timeout && timeouts.per_try.is_none() && past.next.is_none() {
            return false;
        }
        if past.next.is_none() {
            let pause = retries.backoff.pause(past.retries, road.outbound.random());
            past.pause = past.pause.max(pause);
        }
        let now = Instant::now();
        let passed = now.saturating_duration_since(exchange.trail.began);
        if timeouts.total.is_some_and(|total| passed + past.pause >= total) {
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
        past.retries += 1;
        true
    }
}

/// An endpoint that is not among those tried.
fn choose_other(road: &Road<'_>, tried: &[usize], key: u64) -> Option<Chosen> {
    road.pool.choose(&Ask { tried, random: road.outbound.random(), key })
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

//! The table of contents of a request: find the route, go in through its policies, ask its service,
//! come back out.

use std::rc::Rc;
use std::time::Instant;

use yumen_http::{Body, Fields, Framing, Malformed, Response, ResponseHead, Status, Version};
use yumen_http::{cookie, grpc};
use yumen_listen::Door;
use yumen_plan::{Action, Asked, Chain, Fallback, Fixed, Forward, Substitute};
use yumen_policy::{Decided, Exchange, Failure, FailureKind, Step, Told, Verdict};
use yumen_upstream::Way;

use crate::bound::{Bound, Ends, ServiceEnds, Stand};
use crate::{Engine, Mark, secured};

impl Engine {
    /// Takes an exchange to its answer.
    pub(crate) async fn walk(
        &self,
        bound: &Bound,
        door: &Door,
        exchange: &mut Exchange,
        mark: &mut Mark,
    ) -> Result<Response, Failure> {
        let lost = || Failure::new(FailureKind::NoRoute);
        let (place, listener) = bound.listener(&door.name).ok_or_else(lost)?;
        mark.stand = Some(Stand { listener: place, rule: None });
        if !listener.takes(exchange.request.head.version()) {
            return Err(lost());
        }
        if let Some(response) = secured::turn_away(door, exchange)? {
            return Ok(response);
        }
        let asked = Asked::new(&exchange.request.head, exchange.client.address);
        let found = listener.find(&asked).map_err(malformed)?.ok_or_else(lost)?;
        let offer = listener.offers.get(found.rule).ok_or_else(lost)?;
        let route = bound.plan().routes.get(offer.route).ok_or_else(lost)?;
        let stand = Stand { listener: place, rule: Some(found.rule) };
        mark.stand = Some(stand);
        let ends = bound.ends(stand, &self.metrics, &self.outbound).ok_or_else(lost)?;
        check_length(exchange, route.body_max.unwrap_or(door.body_max))?;
        let head = &exchange.request.head;
        let parameters = listener.router.parameters(found, head.path_bytes());
        let path = route.rewrite.apply(head, &parameters);
        let location = match &route.action {
            Action::Redirect(redirect) => redirect.location(&parameters, head),
            Action::Forward(_) | Action::Answer(_) => Vec::new(),
        };
        exchange.path = path.map_err(malformed)?.map(String::into_boxed_str);
        // Here, and not there: who has no policies does not even step in.
        let has_policies = !offer.chain.links.is_empty();
        if has_policies
            && let Some(answer) = self.inward(&offer.chain, ends, exchange, mark).await?
        {
            return outward((&offer.chain, ends), exchange, answer, mark).await;
        }
        let response = match &route.action {
            Action::Forward(forward) => {
                let Forward { destination, timeouts, host, told, retries, fallback } = &**forward;
                secured::tell(exchange, told, &Told::default())?;
                hide_cookies(&bound.plan().cookies, exchange)?;
                let ServiceEnds { pool, clerk, .. } = &**ends.service.as_ref().ok_or_else(lost)?;
                let bounded;
                let timeouts = match grpc::timeout(&exchange.request.head) {
                    None => timeouts,
                    most => {
                        bounded = timeouts.bounded(most);
                        &bounded
                    }
                };
                let way = Way { destination, timeouts, host, retries, clerk };
                let place = &mut mark.place;
                let asked = yumen_upstream::send(&self.outbound, pool, (&way, place), exchange);
                match (asked.await, fallback) {
                    (Err(failure), Some(fallback)) if fallback.is_for(failure.kind()) => {
                        // In a box, for it is seldom needed and every request would pay for its size.
                        let stand_in =
                            self.stand_in((fallback, ends, told), failure, exchange, mark);
                        Box::pin(stand_in).await?
                    }
                    (answer, _) => answer?,
                }
            }
            Action::Redirect(redirect) => send_elsewhere(redirect.status, &location)?,
            Action::Answer(fixed) => answer(fixed)?,
        };
        if !has_policies {
            return Ok(response);
        }
        outward((&offer.chain, ends), exchange, response, mark).await
    }

    /// Through the policies, until one answers or refuses; the time is taken.
    async fn inward(
        &self,
        chain: &Chain,
        ends: &Ends,
        exchange: &mut Exchange,
        mark: &mut Mark,
    ) -> Result<Option<Response>, Failure> {
        let since = Instant::now();
        exchange.now = self.outbound.worker().unix_seconds();
        exchange.route = Some(Rc::clone(&ends.name));
        let alternatives = chain.links.get(chain.identify.clone()).unwrap_or_default();
        let fields = exchange.request.head.fields_mut();
        alternatives.iter().for_each(|link| link.policy.clear(fields));
        let decided = decide(chain, ends, exchange, mark).await;
        exchange.trail.policies = since.elapsed();
        decided
    }

    /// Does what is to be done instead, after a failure that stays in the log.
    async fn stand_in(
        &self,
        (fallback, ends, told): (&Fallback, &Ends, &Told),
        failure: Failure,
        exchange: &mut Exchange,
        mark: &mut Mark,
    ) -> Result<Response, Failure> {
        let (destination, ends) = match (&fallback.substitute, &ends.substitute) {
            (Substitute::Service(destination), Some(ends)) if has_body(exchange) => {
                (destination, ends)
            }
            (Substitute::Service(_), _) => {
                exchange.trail.decide(Decided::BodyGone, None, None);
                return Err(failure);
            }
            (Substitute::Answer(fixed), _) => {
                exchange.trail.give_up(&failure);
                exchange.trail.decide(Decided::Fallback, None, None);
                return answer(fixed);
            }
        };
        exchange.trail.give_up(&failure);
        exchange.trail.decide(Decided::Fallback, None, None);
        secured::tell(exchange, &destination.told, told)?;
        // The place at the first service is free from here on.
        mark.place = None;
        let way = Way {
            destination,
            timeouts: &destination.timeouts.bounded(grpc::timeout(&exchange.request.head)),
            host: &destination.host,
            retries: &destination.retries,
            clerk: &ends.clerk,
        };
        let place = &mut mark.place;
        let asked = yumen_upstream::send(&self.outbound, &ends.pool, (&way, place), exchange);
        let response = asked.await?;
        exchange.trail.substituted = true;
        Ok(response)
    }
}

/// To whoever asks for a WebSocket on a stream, any answer of status 2xx is one that agrees
/// (RFC 8441 section 5): it must have a tunnel behind it.
pub(crate) fn agreed(exchange: &Exchange, response: Response) -> Result<Response, Failure> {
    let head = &exchange.request.head;
    let is_good = matches!(response.head.status().code(), 200..300);
    let lies = is_good && head.is_websocket() && head.version() != Version::Http11;
    if !lies || response.tunnel.is_some() {
        return Ok(response);
    }
    let kind = match exchange.trail.answered {
        Some(_) => FailureKind::UpstreamBadAnswer,
        None => FailureKind::ProtocolRefused,
    };
    Err(Failure::new(kind).because("no WebSocket was agreed to"))
}

/// Whether the request's body, if it has one, can still be sent as a whole.
fn has_body(exchange: &Exchange) -> bool {
    let request = &exchange.request;
    matches!(request.head.framing(), Framing::None | Framing::Length(0)) || !request.body.is_empty()
}

/// Refuses a body that is known to be too long, and bounds one that is not.
fn check_length(exchange: &Exchange, body_max: u64) -> Result<(), Failure> {
    if exchange.request.body.length().is_some_and(|length| length > body_max) {
        return Err(Failure::new(FailureKind::BodyTooLarge));
    }
    exchange.trail.watch.body_max.set(body_max);
    Ok(())
}

/// Takes out of a request what browsers keep for the gateway alone.
fn hide_cookies(cookies: &[String], exchange: &mut Exchange) -> Result<(), Failure> {
    let fields = exchange.request.head.fields_mut();
    let mut hidden = cookies.iter().map(|name| cookie::remove_family(fields, name));
    hidden.try_for_each(|done| done.map_err(malformed))
}

/// Puts the fields into an answer that policies have promised for it, whichever it is.
#[inline(never)]
pub(crate) fn keep_promises(fields: &Fields, response: &mut Response) {
    for (name, value) in fields.iter() {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        // They were good in one head, and are in another one; a head that is full goes without.
        if response.head.fields_mut().add(name, value).is_err() {
            return;
        }
    }
}

fn put(head: &mut ResponseHead, name: &str, value: &[u8]) -> Result<(), Failure> {
    let put = head.fields_mut().add(name, value);
    put.map_err(malformed)
}

fn malformed(malformed: Malformed) -> Failure {
    Failure::new(FailureKind::BadRequest).because(malformed.0)
}

#[inline(never)]
fn send_elsewhere(status: Status, location: &[u8]) -> Result<Response, Failure> {
    let mut head = ResponseHead::new(status);
    put(&mut head, "Location", location)?;
    Ok(Response::new(head, Body::Empty))
}

#[inline(never)]
fn answer(fixed: &Fixed) -> Result<Response, Failure> {
    let mut head = ResponseHead::new(fixed.status);
    for (name, value) in &fixed.fields {
        put(&mut head, name, value.as_bytes())?;
    }
    let body = if fixed.body.is_empty() {
        Body::Empty
    } else {
        Body::Full(fixed.body.clone().into_bytes())
    };
    Ok(Response::new(head, body))
}

/// Through the policies, until one answers or refuses, and writes down who decided.
async fn decide(
    chain: &Chain,
    ends: &Ends,
    exchange: &mut Exchange,
    mark: &mut Mark,
) -> Result<Option<Response>, Failure> {
    let Chain { links, identify } = chain;
    let mut challenges = Vec::new();
    for (place, (link, meter)) in links.iter().zip(&ends.policies).enumerate() {
        let is_identified = exchange.principal.is_some();
        if is_identified && identify.contains(&place) {
            continue;
        }
        let since = mark.watches();
        let verdict = match link.policy.on_request(exchange) {
            Step::Now(verdict) => verdict,
            Step::Later(verdict) => verdict.await,
        };
        mark.step(place, false, since, &verdict);
        let decided = match verdict {
            Verdict::Next => {
                meter.passed();
                if !is_identified && let Some(principal) = &exchange.principal {
                    let fields = exchange.request.head.fields_mut();
                    principal.tell(fields).map_err(malformed)?;
                }
                continue;
            }
            Verdict::Report(failure) => {
                meter.reported(failure.kind());
                exchange.trail.report(&failure);
                continue;
            }
            Verdict::Answer(response) => {
                meter.answered();
                Ok(Some(*response))
            }
            Verdict::Fail(failure) => {
                meter.refused(failure.kind());
                Err(failure)
            }
            Verdict::Unknown(challenge) => {
                challenges.push(challenge);
                if place + 1 < identify.end {
                    meter.passed();
                    continue;
                }
                let failure = Failure::new(FailureKind::NoCredentials);
                meter.refused(failure.kind());
                Err(failure.challenging(std::mem::take(&mut challenges)))
            }
        };
        exchange.trail.decided_by(link.decider());
        return decided;
    }
    if !identify.is_empty() && exchange.principal.is_none() {
        let nobody = "policies that identify have let a request pass, and said nothing of it";
        return Err(Failure::new(FailureKind::Internal).because(nobody));
    }
    Ok(None)
}

/// Tells the policies around a failed exchange, in the opposite order, that its answer is in place.
#[cold]
pub(crate) fn tell_failure(bound: &Bound, stand: Option<Stand>, exchange: &mut Exchange) {
    let Some(stand) = stand else { return };
    let Some(listener) = bound.plan().listeners.get(stand.listener) else { return };
    let offer = stand.rule.and_then(|rule| listener.offers.get(rule));
    let chain = offer.map_or(&listener.unrouted, |offer| &offer.chain);
    chain.links.iter().rev().for_each(|link| link.policy.on_failure(exchange));
}

/// Back through the policies in the opposite order.
async fn outward(
    (chain, ends): (&Chain, &Ends),
    exchange: &mut Exchange,
    response: Response,
    mark: &mut Mark,
) -> Result<Response, Failure> {
    exchange.response = Some(response);
    for (place, (link, meter)) in chain.links.iter().zip(&ends.policies).enumerate().rev() {
        let since = mark.watches();
        let verdict = match link.policy.on_response(exchange) {
            Step::Now(verdict) => verdict,
            Step::Later(verdict) => verdict.await,
        };
        mark.step(place, true, since, &verdict);
        match verdict {
            Verdict::Next | Verdict::Report(_) => {}
            Verdict::Answer(response) => {
                meter.answered();
                exchange.trail.decided_by(link.decider());
                exchange.response = Some(*response);
            }
            Verdict::Fail(failure) => {
                meter.refused(failure.kind());
                exchange.trail.decided_by(link.decider());
                return Err(failure);
            }
            Verdict::Unknown(_) => {}
        }
    }
    exchange
        .response
        .take()
        .ok_or_else(|| Failure::new(FailureKind::Internal).because("a policy took the answer away"))
}

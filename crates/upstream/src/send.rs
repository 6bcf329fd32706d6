//! One exchange to a service: choose an endpoint, try, and try again where that is safe.

use std::sync::Arc;

use yumen_http::{Body, Response};
use yumen_model::HostHeader;
use yumen_policy::{Exchange, Failure, FailureKind};

use crate::attempt::attempt;
use crate::balance::Ask;
use crate::connection::Connection;
use crate::destination::Timeouts;
use crate::outbound::Outbound;
use crate::outcome::{Outcome, Try};
use crate::pool::Pool;

/// Endpoints that are tried before an exchange fails because none can be connected to.
const ENDPOINTS_TRIED_MAX: usize = 3;

/// How one route sends to a service.
#[derive(Debug)]
pub struct Way<'a> {
    /// The route's patience, or the service's.
    pub timeouts: Timeouts,
    /// The `Host` field, as the route or the service wants it.
    pub host: &'a HostHeader,
}

/// Sends the request of an exchange to a service and returns its answer, of which at least the
/// head is there. What could not be connected to is tried elsewhere; what was lost on a kept
/// connection that the service closed at that moment is sent again, if it can do no harm.
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
    let key = pool.key(&exchange.client, &exchange.request.head);
    let mut tried = Vec::new();
    let mut stale = false;
    let mut last = Failure::new(FailureKind::UpstreamBusy);
    while tried.len() < ENDPOINTS_TRIED_MAX {
        let ask = Ask { tried: &tried, random: outbound.random(), key };
        let Some((index, endpoint)) = pool.choose(&ask) else { break };
        exchange.trail.attempts += 1;
        exchange.trail.target = Some(Arc::clone(&endpoint.name));
        let at_hand = !matches!(exchange.request.body, Body::Stream(..));
        let current = Try::begin(&endpoint, at_hand);
        let kept = if stale { None } else { Connection::reuse(&endpoint) };
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let patience =
                    way.timeouts.within_total(way.timeouts.connect, exchange.trail.began);
                match Connection::open(&endpoint, outbound.worker(), patience).await {
                    Ok(connection) => connection,
                    Err(error) => {
                        current.end(Outcome::unconnected(&error));
                        let kind = match error.kind() {
                            std::io::ErrorKind::TimedOut => FailureKind::UpstreamTimeout,
                            _ => FailureKind::UpstreamUnreachable,
                        };
                        last = Failure::new(kind)
                            .because(format!("cannot connect to {}: {error}", endpoint.name));
                        tried.push(index);
                        continue;
                    }
                }
            }
        };
        exchange.trail.opened += u32::from(!connection.reused);
        let kept = connection.reused;
        let ended = attempt(outbound, pool, connection, exchange, way).await;
        current.end(match &ended {
            Ok(response) => Outcome::Answered(response.head.status().code()),
            Err(setback) => Outcome::failed(setback.failure.kind(), kept),
        });
        match ended {
            Ok(response) => return Ok(response),
            // A kept connection may die at any moment; a new one is another matter.
            Err(setback) if setback.again => {
                last = setback.failure;
                stale = true;
            }
            Err(setback) => return Err(setback.failure),
        }
    }
    Err(last)
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

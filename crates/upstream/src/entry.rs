//! The limits of a service: a request waits for its place among those that are under way, and an
//! adaptive limit learns how it fared.

use std::time::{Duration, Instant};

use yumen_http::Response;
use yumen_policy::{Decided, Exchange, Failure, FailureKind};

use crate::bulkhead::{Entry, Most, Place, Room};
use crate::outcome::status_of;
use crate::send::Way;

/// How long a client is asked to stay away when there are too many requests.
const OVERLOADED_WAIT: Duration = Duration::from_secs(1);

/// Waits until the service may have one more request. What comes back is to be kept until the
/// answer's last byte.
///
/// # Errors
/// When there are too many already, and too many wait, or the wait was too long.
pub(crate) async fn enter(
    room: &Room,
    way: &Way<'_>,
    exchange: &mut Exchange,
) -> Result<Place, Failure> {
    let receiver = match way.clerk.enter(room) {
        Entry::Now(place) => return Ok(place),
        Entry::Later(receiver) => Some(receiver),
        Entry::Never => None,
    };
    if let Some(receiver) = receiver {
        exchange.trail.decide(Decided::Queued, None, None);
        let patience = way.timeouts.within_total(room.patience, exchange.trail.began);
        let since = Instant::now();
        let place = match patience {
            Some(patience) => tokio::time::timeout(patience, receiver).await.ok(),
            None => Some(receiver.await),
        };
        exchange.trail.waited(since.elapsed());
        if let Some(Ok(place)) = place {
            return Ok(place);
        }
    }
    let (what, kind) = match room.most {
        Most::Fixed(_) => (Decided::Overloaded, FailureKind::UpstreamBusy),
        Most::Adaptive(_) => (Decided::Shed, FailureKind::UpstreamOverloaded),
    };
    way.clerk.turned_away();
    exchange.trail.decide(what, None, None);
    Err(Failure::new(kind).because("`limits` of the service").after(OVERLOADED_WAIT))
}

/// Tells the limit how a request fared that had a place, if it is an adaptive one. `streams`: the
/// request's body was still to come.
pub(crate) fn learn(
    way: &Way<'_>,
    result: &Result<Response, Failure>,
    (exchange, streams): (&Exchange, bool),
) {
    let Some(Room { most: Most::Adaptive(bounds), .. }) = &way.destination.room else { return };
    let (clerk, trail) = (way.clerk, &exchange.trail);
    let took = match (trail.asked, trail.answered) {
        // A pause between tries, or a client that is slow to send, is not the service's doing.
        (Some(asked), Some(answered)) if trail.attempts.count() == 1 && !streams => {
            Some(answered.saturating_sub(asked))
        }
        _ => None,
    };
    match result {
        Ok(response) => {
            let overloaded = matches!(status_of(response, exchange), 429 | 503);
            clerk.learn(bounds, took.filter(|_| !overloaded), overloaded);
        }
        Err(failure) if failure.kind() == FailureKind::UpstreamTimeout => {
            clerk.learn(bounds, None, true);
        }
        Err(_) => {}
    }
}

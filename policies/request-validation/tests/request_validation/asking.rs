//! Asks a policy as an engine would, without waiting for anything.
#![allow(dead_code, clippy::panic, reason = "each test takes what it needs")]

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use yumen_http::Body;
use yumen_policy::testing::exchange;
use yumen_policy::{Exchange, Failure, Policy, Step, Verdict};

/// An exchange with this head and body.
pub(crate) fn exchange_of(head: &str, body: Body) -> Exchange {
    let mut exchange = exchange(head);
    exchange.request.body = body;
    exchange
}

/// What a policy says of an exchange.
pub(crate) fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> Verdict {
    match policy.on_request(exchange) {
        Step::Now(verdict) => verdict,
        Step::Later(mut later) => {
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..1000 {
                if let Poll::Ready(verdict) = later.as_mut().poll(&mut context) {
                    return verdict;
                }
            }
            panic!("it waits for ever")
        }
    }
}

/// Whether a request with this head and body is let in.
pub(crate) fn ask(policy: &Arc<dyn Policy>, head: &str, body: Body) -> Result<(), Failure> {
    match verdict(policy, &mut exchange_of(head, body)) {
        Verdict::Next => Ok(()),
        Verdict::Fail(failure) => Err(failure),
        other => panic!("{other:?}"),
    }
}

/// Whether a POST of a body of this type is let in.
pub(crate) fn post(policy: &Arc<dyn Policy>, media: &str, body: &[u8]) -> Result<(), Failure> {
    let head = format!(
        "POST /orders HTTP/1.1\nHost: a\nContent-Type: {media}\nContent-Length: {}",
        body.len()
    );
    ask(policy, &head, Body::Full(body.to_vec()))
}

/// Where what is wrong was found, and what, by part.
pub(crate) fn told(failure: &Failure) -> Vec<String> {
    failure
        .violations()
        .iter()
        .map(|one| format!("{} {}: {}", one.part, one.at, one.message))
        .collect()
}

//! For the tests of policies: an exchange from a request's text, a policy from its config's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use yumen_http::{Body, Forwarding, HeadIndex, HeadLimits, Request, RequestHead};

use yumen_model::document::{Document, NoEnvironment, Source};
use yumen_model::report::Report;

use crate::{Client, Exchange, Failure, Kind, Policy, Scope, Settings, Step, Trail, Verdict};

/// An exchange whose request has this head (the empty line is added), from 192.0.2.1.
#[must_use]
#[expect(clippy::expect_used, reason = "a test wants to hear of its own mistakes at once")]
pub fn exchange(head: &str) -> Exchange {
    let limits = HeadLimits { head: 65_536, target: 8192, field: 8192, fields: 100 };
    let text = format!("{}\r\n\r\n", head.trim_end().replace('\n', "\r\n"));
    let mut index = HeadIndex::default();
    index.find(text.as_bytes(), &limits).expect("a good request head");
    let head = RequestHead::read(text.as_bytes(), index, &limits).expect("a good request head");
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let client = Client {
        peer: SocketAddr::new(address, 1),
        address,
        forwarding: Forwarding::direct(address.to_string().into(), "http", false),
        secured: None,
        misdirected: false,
    };
    let request = Request { head: Box::new(head), body: Body::Empty };
    Exchange::new(Rc::new(client), request, Trail::new([b'0'; 32], Instant::now(), Rc::default()))
}

/// A policy from the text of its config, or what is wrong with that.
///
/// # Errors
/// The report, with paths below `config`.
pub fn compile<S: Settings>(yaml: &str) -> Result<Arc<dyn Policy>, Report> {
    compile_in::<S>(yaml, &Scope::default())
}

/// As [`compile`], with what is around the policy.
///
/// # Errors
/// As [`compile`].
pub fn compile_in<S: Settings>(yaml: &str, scope: &Scope) -> Result<Arc<dyn Policy>, Report> {
    let mut report = Report::default();
    let source = Source { name: "test.yaml".to_owned(), text: yaml.to_owned() };
    let document = Document::read(&[source], &NoEnvironment, &mut report);
    let policy = Kind::of::<S>().compile(document.root(), "config", &mut report, scope);
    // A text that cannot be read is no config without settings.
    policy.filter(|_| !report.has_errors()).ok_or(report)
}

/// The verdict of a step that does not wait.
#[must_use]
#[expect(clippy::panic, reason = "a test wants to hear of its own mistakes at once")]
pub fn now(step: Step<'_>) -> Verdict {
    match step {
        Step::Now(verdict) => verdict,
        Step::Later(_) => panic!("the policy waits"),
    }
}

/// An exchange with this head and body.
#[must_use]
pub fn exchange_of(head: &str, body: Body) -> Exchange {
    let mut exchange = exchange(head);
    exchange.request.body = body;
    exchange
}

/// What a policy says of an exchange, if it waits for nothing but what is there.
#[must_use]
#[expect(clippy::panic, reason = "a test wants to hear of its own mistakes at once")]
pub fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> Verdict {
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
///
/// # Errors
/// Why it is not.
#[expect(clippy::panic, reason = "a test wants to hear of its own mistakes at once")]
pub fn ask(policy: &Arc<dyn Policy>, head: &str, body: Body) -> Result<(), Failure> {
    match verdict(policy, &mut exchange_of(head, body)) {
        Verdict::Next => Ok(()),
        Verdict::Fail(failure) => Err(failure),
        other => panic!("{other:?}"),
    }
}

/// Whether a POST of a body of this type is let in.
///
/// # Errors
/// Why it is not.
pub fn post(policy: &Arc<dyn Policy>, media: &str, body: &[u8]) -> Result<(), Failure> {
    let head = format!(
        "POST /orders HTTP/1.1\nHost: a\nContent-Type: {media}\nContent-Length: {}",
        body.len()
    );
    ask(policy, &head, Body::Full(body.to_vec()))
}

/// Where what is wrong was found, and what, by part.
#[must_use]
pub fn told(failure: &Failure) -> Vec<String> {
    failure
        .violations()
        .iter()
        .map(|one| format!("{} {}: {}", one.part, one.at, one.message))
        .collect()
}

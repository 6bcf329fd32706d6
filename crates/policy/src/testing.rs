//! For the tests of policies: an exchange from a request's text, a policy from its config's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use yumen_http::{Body, Forwarding, HeadIndex, HeadLimits, Request, RequestHead};

use yumen_model::document::{Document, NoEnvironment, Source};
use yumen_model::report::Report;

use crate::{Client, Exchange, Kind, Policy, Scope, Settings, Step, Trail, Verdict};

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

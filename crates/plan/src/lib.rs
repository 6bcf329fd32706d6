//! From a model to an immutable plan, naming every problem at once with its path.
//!
//! Everything that can fail, fails here. A plan names nothing that must be looked up later: routes
//! hold their destination, chains hold their policies. It holds no live thing either: connections,
//! counters and health stay in rooms that outlive it and are found by name when it is taken up.

mod acme;
mod action;
mod alerts;
mod chain;
mod compile;
mod consumers;
mod explain;
mod fallback;
mod http2;
mod http3;
mod log;
mod names;
mod question;
mod remember;
mod resolver;
mod route;
mod server;
mod signing_keys;
mod stream;
mod tls;
mod tracing;

pub use acme::AcmePlan;
pub use action::{Action, Fixed, Forward, Redirection};
pub use alerts::HookPlan;
pub use chain::{Chain, Link};
pub use consumers::{ConsumersPlan, compile_consumer, key_hash};
pub use explain::{Explanation, Outcome, Passage, Setting};
pub use fallback::{Fallback, Substitute};
pub use log::LogPlan;
pub use question::Asked;
pub use remember::{Debugging, Remember, Signed};
pub use route::{Rewrite, RoutePlan};
pub use server::ServerPlan;
pub use tracing::TracingPlan;

use std::collections::HashMap;
use std::sync::Arc;

use yumen_model::{Listener, Metrics, Span, Status};
use yumen_route::Router;
use yumen_upstream::Destination;
use yumen_upstream::resolve::Servers;

/// What the engine runs. It never changes; it is replaced whole.
#[derive(Debug)]
pub struct Plan {
    /// Counts the plans of this process, from 1.
    pub revision: u64,
    /// The listeners: those for requests in written order, then those that pass connections on.
    pub listeners: Vec<ListenerPlan>,
    /// Names of cookies, and of all that go on with a dot, that no service sees: the policies' own.
    pub cookies: Vec<String>,
    /// All routes; [`Offer::route`] is a position here.
    pub routes: Vec<RoutePlan>,
    /// All services by name.
    pub destinations: HashMap<Arc<str>, Arc<Destination>>,
    /// Those with a breaker or limits, by name: how they stand is looked at every second.
    pub limited: Vec<Arc<Destination>>,
    /// Who is asked for the addresses of names.
    pub servers: Servers,
    /// Who calls.
    pub consumers: ConsumersPlan,
    /// What is asked of a certificate authority, if anything is.
    pub acme: Option<AcmePlan>,
    /// Where exchanges are written down.
    pub logs: Vec<LogPlan>,
    /// How exchanges are traced, if they are.
    pub tracing: Option<TracingPlan>,
    /// Who is told of alerts.
    pub alerts: Vec<HookPlan>,
    /// How what was counted is shown.
    pub metrics: Metrics,
    /// Which exchanges are remembered.
    pub remember: Remember,
    /// The status listener.
    pub status: Status,
    /// How long a stopping gateway waits.
    pub drain: Span,
    /// How long it goes on accepting before that.
    pub drain_delay: Span,
}

fn by_name(destinations: Vec<Arc<Destination>>) -> HashMap<Arc<str>, Arc<Destination>> {
    destinations.into_iter().map(|one| (Arc::clone(&one.name), one)).collect()
}

fn limited(destinations: &[Arc<Destination>]) -> Vec<Arc<Destination>> {
    let limited = destinations.iter().filter(|one| one.is_limited());
    let mut limited: Vec<_> = limited.map(Arc::clone).collect();
    limited.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    limited
}

/// One listener and what it offers.
#[derive(Debug)]
pub struct ListenerPlan {
    /// As it was written.
    pub listener: Listener,
    /// Its TLS, if clients connect with it.
    pub tls: Option<yumen_tls::Server>,
    /// Finds the offer for a request.
    pub router: Arc<Router>,
    /// By the router's numbers.
    pub offers: Vec<Offer>,
    /// The policies for all its requests, which hear of failures where there is no route.
    pub unrouted: Chain,
}

/// A route as one listener offers it.
#[derive(Debug)]
pub struct Offer {
    /// Its position in [`Plan::routes`].
    pub route: usize,
    /// What runs around it.
    pub chain: Chain,
}

//! How the endpoints of a service stand at a moment, for whoever asks why a request went where it went.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::health::Standing;
use crate::pool::Pool;

/// One endpoint, as the worker that asks sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its address.
    pub target: Arc<str>,
    /// Whether requests come to it: `open`, `rising`, `silent`, `on_trial`, `out`, or `full`.
    pub standing: &'static str,
    /// Requests of this worker that are under way there.
    pub requests: u32,
}

impl Pool {
    /// The first endpoints of the service, this many at most.
    #[must_use]
    pub fn candidates(&self, most: usize) -> Vec<Candidate> {
        let connections_max = self.destination().connections_max;
        self.map_endpoints(most, |endpoint| Candidate {
            target: Arc::clone(&endpoint.name),
            standing: standing(endpoint, connections_max),
            requests: endpoint.in_flight(),
        })
    }
}

fn standing(endpoint: &Endpoint, connections_max: u32) -> &'static str {
    match endpoint.standing() {
        Standing::Out => "out",
        Standing::Silent => "silent",
        Standing::Trial => "on_trial",
        Standing::Open { .. } if !endpoint.has_room(connections_max) => "full",
        Standing::Open { share: Standing::WHOLE } => "open",
        Standing::Open { .. } => "rising",
    }
}

//! What the operator is told of endpoints: how each fares, and each change.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::case::Reason;
use super::probe::Flaw;

/// How one endpoint fares.
#[derive(Debug, Clone)]
pub struct EndpointHealth {
    /// The service.
    pub service: Arc<str>,
    /// The target, `host:port`.
    pub target: Arc<str>,
    /// The address.
    pub address: SocketAddr,
    /// `healthy`, `silent`, `ejected`, `trial` or, by its probes, `unhealthy`.
    pub state: &'static str,
    /// Why it came to this state; empty if it has always had it.
    pub why: Arc<str>,
    /// For how long it has had it, in milliseconds.
    pub millis: u64,
    /// Whether requests go to it as usual.
    pub healthy: bool,
    /// Whether its target takes requests at all: its weight is not 0.
    pub takes: bool,
    /// Whether its service is in panic: all its endpoints are used, whatever their state.
    pub panic: bool,
    /// Probes so far; `None` if it is not probed.
    pub probes: Option<ProbeCounts>,
    /// Ejections so far, in the order of [`Reason::ALL`].
    pub ejections: [u64; Reason::ALL.len()],
}

/// The probes of one endpoint so far.
#[derive(Debug, Clone, Default)]
pub struct ProbeCounts {
    /// Good ones.
    pub good: u64,
    /// Failed ones, in the order of [`Flaw::ALL`].
    pub failed: [u64; Flaw::ALL.len()],
    /// How often they made it unhealthy.
    pub unhealthy: u64,
    /// Why the last one failed that did, and how many milliseconds ago.
    pub last_failure: Option<(Arc<str>, u64)>,
}

impl EndpointHealth {
    /// What it is sorted by.
    pub(crate) fn place(&self) -> (&str, &str, SocketAddr) {
        (&self.service, &self.target, self.address)
    }
}

/// A change of an endpoint's state, or of a whole service; written as a sentence.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) service: Arc<str>,
    /// `None`: all endpoints.
    pub(crate) endpoint: Option<(Arc<str>, SocketAddr)>,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) why: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, endpoint, from, to, why } = self;
        write!(f, "service {service}")?;
        match endpoint {
            Some((target, address)) if **target == address.to_string() => {
                write!(f, ", target {target}")?;
            }
            Some((target, address)) => write!(f, ", target {target} at {address}")?,
            None => {}
        }
        write!(f, ": {from} -> {to}: {why}")
    }
}

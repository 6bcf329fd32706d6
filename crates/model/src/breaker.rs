//! When a service is not asked: a circuit breaker, and how many requests it gets at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Span;

/// Stops asking a service that fails, and answers with 503 at once, for a while; then lets a few
/// requests through to see whether it is well again. It looks at attempts: no connection, a lost
/// one, no answer in time, no HTTP, and answers of 5xx are failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// How far back it looks, 1s to 10m.
    pub window: Span,
    /// With fewer attempts in the window it stays closed, unless too many failed one after the
    /// other; at least 1.
    pub attempts_min: u32,
    /// Opens when this share of the attempts failed, above 0 and up to 1.
    pub error_share: f64,
    /// An answer whose head takes longer is slow. Off: none is.
    pub slow: Span,
    /// Opens when this share of the attempts was slow, above 0 and up to 1.
    pub slow_share: f64,
    /// Opens when so many attempts failed one after the other; never if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive: Option<u32>,
    /// How long the service is left alone, 100ms to 10m.
    pub open: Span,
    /// How many requests are let through after that; if all go well it closes, and else it opens
    /// again. At least 1.
    pub trials: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            window: Span::seconds(10),
            attempts_min: 20,
            error_share: 0.5,
            slow: Span::OFF,
            slow_share: 0.8,
            consecutive: None,
            open: Span::seconds(5),
            trials: 3,
        }
    }
}

/// How many requests a service gets at once, from all workers together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceLimits {
    /// Requests under way, from their head to the last byte of their answer; no limit if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// A limit that finds its own height, instead of `requests`; off if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveLimit>,
    /// Requests that wait for their turn when there are as many under way as there may be; more
    /// are answered with 503 at once.
    pub pending: u32,
    /// How long a request waits for its turn before it is answered with 503.
    pub pending_timeout: Span,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self { requests: None, adaptive: None, pending: 0, pending_timeout: Span::seconds(1) }
    }
}

/// A limit of requests under way that finds its own height: it falls when answers take longer than
/// they do when nobody queues at the service, or when it says that it is overloaded (429, 503, no
/// answer in time), and rises while they do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveLimit {
    /// It never falls below this many; at least 1. No more than the service can do at one time.
    pub min: u32,
    /// It never rises above this many.
    pub max: u32,
    /// Where it begins.
    pub initial: u32,
    /// How many times longer than without a queue answers may take, 1.1 to 10.
    pub tolerance: f64,
}

impl Default for AdaptiveLimit {
    fn default() -> Self {
        Self { min: 4, max: 1000, initial: 20, tolerance: 1.5 }
    }
}

//! How it is seen whether the targets of a service are well, and what follows from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Protocol, Span};

/// How it is seen whether the targets are well, and what follows from it. Works on the endpoints:
/// each address of a target by itself. What was learned is shared by all workers and survives
/// reloads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Judging endpoints by how requests fare at them. On by default for every service with more
    /// than one endpoint.
    pub passive: Passive,
    /// Judging endpoints by probes. Off unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
    /// When less than so many percent of the endpoints can be used, all of them are, well or not:
    /// the few that are left would drown. 1: only when none is left. 0: never; requests are
    /// answered with 503 when none is left. At most 100.
    pub panic_below_percent: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self { passive: Passive::default(), active: None, panic_below_percent: 1 }
    }
}

/// When an endpoint is ejected for how requests fare at it, and for how long. An ejected endpoint
/// gets no requests. After its time it is tried with one request after the other; three good
/// answers bring it back, one failure ejects it again, for longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Passive {
    /// So many attempts without an answer, one after the other (no connection, connection lost, no
    /// answer in time, an answer that is not HTTP), eject an endpoint. 0 is off.
    pub failures: u32,
    /// So many answers of 5xx, one after the other, eject an endpoint. 0 is off.
    pub errors: u32,
    /// When so many percent of the attempts in a `window` failed or were answered with 5xx, the
    /// endpoint is ejected. 0 is off, 100 at most.
    pub error_rate_percent: u32,
    /// When the mean time until an answer in a `window` is so many times the median of the other
    /// endpoints, the endpoint is ejected. 0 is off, else at least 2.
    pub latency_factor: u32,
    /// The time over which `error_rate_percent` and `latency_factor` are taken.
    pub window: Span,
    /// Fewer attempts in a `window` say nothing about rate and latency.
    pub requests_min: u32,
    /// An endpoint at which requests wait, and that has answered nothing for so long beyond what
    /// is usual for it, gets no new requests while others can take them; when three requests wait
    /// three times as long, it is ejected. Only if another endpoint is well.
    pub silence: Span,
    /// For how long an endpoint is ejected the first time; doubles each time. An endpoint that then
    /// stays for as long as it was out is trusted as before. Up to a quarter more, at random.
    pub ejection: Span,
    /// The longest ejection.
    pub ejection_max: Span,
    /// At most so many percent of the endpoints are ejected at one time, to the nearest whole
    /// number: at least one, never all. 0: none ever is.
    pub ejected_percent_max: u32,
}

impl Default for Passive {
    fn default() -> Self {
        Self {
            failures: 5,
            errors: 0,
            error_rate_percent: 0,
            latency_factor: 0,
            window: Span::seconds(10),
            requests_min: 100,
            silence: Span::millis(500),
            ejection: Span::seconds(5),
            ejection_max: Span::seconds(120),
            ejected_percent_max: 50,
        }
    }
}

/// How endpoints are probed: each by itself, whether requests go to it or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Active {
    /// What is asked.
    pub probe: Probe,
    /// From one probe to the next; a tenth more or less, at random.
    #[serde(default = "interval")]
    pub interval: Span,
    /// How long a probe may take in all; a longer one has failed.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// So many good probes in a row bring an unhealthy endpoint back. At least 1.
    #[serde(default = "healthy_after")]
    pub healthy_after: u32,
    /// So many failed probes in a row make an endpoint unhealthy: it gets no requests. At least 1.
    #[serde(default = "unhealthy_after")]
    pub unhealthy_after: u32,
    /// The port that is probed, if it is not the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether `port` is spoken to in clear text although the targets have TLS.
    #[serde(default)]
    pub clear_text: bool,
    /// What an endpoint is held for before it was probed often enough.
    #[serde(default)]
    pub initially: Initially,
}

fn interval() -> Span {
    Span::seconds(5)
}

fn timeout() -> Span {
    Span::seconds(2)
}

fn healthy_after() -> u32 {
    2
}

fn unhealthy_after() -> u32 {
    3
}

/// What an endpoint is held for before it was probed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Initially {
    /// It gets requests.
    #[default]
    Healthy,
    /// It gets none.
    Unhealthy,
}

/// What a probe asks. It is asked as requests are sent to the target: with the same TLS, and over the
/// same version of HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Probe {
    /// Whether a connection can be made.
    Tcp,
    /// Whether the answer to a request is as it should be.
    Http(HttpProbe),
    /// Whether it says by gRPC's health protocol (`grpc.health.v1.Health/Check`) that it serves.
    Grpc(GrpcProbe),
}

/// A request, and what a good answer to it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpProbe {
    /// The path, with a query if need be.
    pub path: String,
    /// The method; it should change nothing.
    pub method: String,
    /// The `Host` field; the target's own unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The version of HTTP; the service's own unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Statuses of good answers: `200`, `200-399`.
    pub status: Vec<String>,
    /// What the first 64KiB of a good answer's body hold; anything unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyMatch>,
}

impl Default for HttpProbe {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            method: "GET".to_owned(),
            host: None,
            protocol: None,
            status: vec!["200-399".to_owned()],
            body: None,
        }
    }
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BodyMatch {
    /// This text.
    Contains(String),
    /// Something that matches this regular expression.
    Regex(String),
}

/// A call of gRPC's health protocol; good is that the service is SERVING.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcProbe {
    /// The gRPC service that is asked about, such as `shop.Cart`; the target as a whole if it is not
    /// given.
    pub service: String,
    /// The `:authority`; the target's own unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

//! What requests are sent to: targets, how one is chosen, pools and patience.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Breaker, Bytes, CertificateField, Fallback, Health, HostHeader, PolicyUse, Protocol, Retries,
    Route, ServiceHttp2, ServiceLimits, ServiceTls, Span,
};

/// Something that answers requests, behind one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Unique among services.
    pub name: String,
    /// Where it is, if it is one place: `http://host:port` or `https://host:port`, with a path that is put in front of
    /// every request's path if need be; `srv://_http._tcp.name`, as the DNS knows it; or
    /// `tcp://host:port` for connections that are passed on as they are. Either this or `upstream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where it is, if it is several places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// Which version of HTTP is spoken with it.
    #[serde(default)]
    pub protocol: Protocol,
    /// How connections of HTTP/2 are shared.
    #[serde(default)]
    pub http2: ServiceHttp2,
    /// How TLS is spoken with targets whose URL begins with `https://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServiceTls>,
    /// What it is told of the certificate that a client showed; a route may have its own list.
    #[serde(default)]
    pub client_certificate: Vec<CertificateField>,
    /// The `Host` field that the service sees; a route may set its own.
    #[serde(default)]
    pub host: HostHeader,
    /// How long the service may take; a route may set its own.
    #[serde(default)]
    pub timeouts: ServiceTimeouts,
    /// When a request is sent once more; a route may have its own.
    #[serde(default)]
    pub retries: Retries,
    /// When the service is not asked for a while; if left out, it always is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// What stands in for its answer when it gave none; a route may have its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// How many requests it gets at once.
    #[serde(default)]
    pub limits: ServiceLimits,
    /// Connections that are kept for later requests.
    #[serde(default)]
    pub pool: Pool,
    /// Policies for every route of this service.
    #[serde(default)]
    pub policies: Vec<PolicyUse>,
    /// Routes that lead here; the same as top-level routes with `service` set to this one.
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// Several targets and how one is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// How a target is chosen for a request.
    #[serde(default)]
    pub balance: Balance,
    /// The places.
    pub targets: Vec<Target>,
    /// How it is seen whether they are well, and what follows.
    #[serde(default)]
    pub health: Health,
    /// For how long an endpoint that was ejected, or that came later than others, rises to its
    /// full share of the requests; it begins with a tenth. Off by default.
    #[serde(default = "off")]
    pub slow_start: Span,
}

/// One place where a service answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `http://host:port`, `https://host:port` or `tcp://host:port`, without a path. A host name is looked up in the DNS again when its
    /// time to live has passed, and each of its addresses takes an equal part of the weight. Or
    /// `srv://_http._tcp.name`: the DNS knows hosts and ports, their weights (times that of the
    /// target) and priorities (after that of the target).
    pub url: String,
    /// Its share of the requests relative to the others; 0 takes it out.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Targets of 0 come first. Those of the next number get requests as the share of healthy ones
    /// before them falls below five sevenths: what these then cannot be given. At most 7.
    #[serde(default)]
    pub priority: u8,
    /// Where it runs. Of targets with the same priority, those in the zone of this gateway come
    /// first: the others are a step behind, as if they were of a priority in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

fn off() -> Span {
    Span::OFF
}

fn default_weight() -> u32 {
    100
}

/// How a target is chosen for a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// One after the other, smoothly by weight.
    #[default]
    RoundRobin,
    /// Two at random by weight, then the one with fewer requests under way.
    RandomOfTwo,
    /// The one with the fewest requests under way for its weight.
    LeastRequests,
    /// The same key goes to the same target while the targets stay the same.
    Hash {
        /// What the key is made of.
        on: HashOn,
        /// How far above the average load a target may be before its keys move on, as a factor
        /// above 1.
        #[serde(default = "default_load_bound")]
        load_bound: f64,
    },
}

fn default_load_bound() -> f64 {
    1.25
}

/// What a consistent hash is taken of. A request without it is spread by the client's address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashOn {
    /// The client's address.
    Address,
    /// The path, without the query.
    Path,
    /// The value of this header field.
    Header(String),
    /// The value of this cookie.
    Cookie(String),
}

/// How long a service may take. What takes longer is answered with 504.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceTimeouts {
    /// Until a connection stands.
    pub connect: Span,
    /// From the request's last byte (or the service's last sign of life) to the answer's head.
    pub first_byte: Span,
    /// From the begin of one try to the whole head of its answer, signs of life or not; the time
    /// in which the client sends a body does not count. Off by default.
    pub per_try: Span,
    /// Silence inside an answer.
    pub idle: Span,
    /// From the request's head to the answer's last byte, all tries included. Off by default, so
    /// that downloads and event streams live as long as they flow.
    pub total: Span,
}

impl Default for ServiceTimeouts {
    fn default() -> Self {
        Self {
            connect: Span::seconds(2),
            first_byte: Span::seconds(10),
            per_try: Span::OFF,
            idle: Span::seconds(30),
            total: Span::OFF,
        }
    }
}

/// Connections that are kept for later requests. Every worker thread has its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pool {
    /// Idle connections kept for one target by one worker; the oldest goes first.
    pub idle: u32,
    /// How long an idle connection is kept.
    pub idle_timeout: Span,
    /// Open connections to one target from one worker, idle or not; more requests are answered
    /// with 503.
    pub connections: u32,
    /// Requests on one connection before it is closed.
    pub requests_per_connection: u32,
    /// The largest head a service may answer with (502).
    pub head: Bytes,
    /// Header fields of one answer (502).
    pub fields: u32,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            idle: 256,
            idle_timeout: Span::seconds(55),
            connections: 4096,
            requests_per_connection: 100_000,
            head: Bytes::kib(64),
            fields: 200,
        }
    }
}

//! Distributed tracing: where spans go, which exchanges have them, and what services are told.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pem::{Pem, Secret};

/// Spans of exchanges, sent to a collector of OpenTelemetry. Without it, the fields of traces pass
/// through to services as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tracing {
    /// The collector, such as `http://127.0.0.1:4318`. Over HTTP a path that is left out is
    /// `/v1/traces`. Must be given.
    pub url: String,
    /// What the collector speaks.
    pub protocol: OtlpProtocol,
    /// Fields of each request to the collector, such as a key; usually `${env:NAME}`.
    pub headers: BTreeMap<String, Secret>,
    /// Who may have signed the collector's certificate, instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// Whether spans are packed on their way: less to send for some work more.
    pub gzip: bool,
    /// The share of exchanges that have spans, 0 to 1, where no parent decides. Which ones depends on
    /// the trace id, so that several gateways choose the same.
    pub sample: f64,
    /// Whose decision on sampling is taken over.
    pub parent: TraceParent,
    /// The fields that a trace is taken up from, the first that is there.
    pub accept: Vec<TraceAccept>,
    /// The fields that tell services of the trace.
    pub propagate: Vec<TracePropagate>,
    /// What the gateway is called in traces.
    pub service_name: String,
    /// What else is said of the gateway in traces, such as `deployment.environment.name: live`.
    pub attributes: BTreeMap<String, String>,
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            url: String::new(),
            protocol: OtlpProtocol::Http,
            headers: BTreeMap::new(),
            ca: None,
            gzip: false,
            sample: 1.0,
            parent: TraceParent::Trusted,
            accept: vec![TraceAccept::W3c, TraceAccept::B3],
            propagate: vec![TracePropagate::W3c],
            service_name: "yumen".to_owned(),
            attributes: BTreeMap::new(),
        }
    }
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpProtocol {
    /// Protocol Buffers over HTTP/1.1, usually port 4318.
    Http,
    /// gRPC, usually port 4317.
    Grpc,
}

/// Whose decision on sampling is taken over. The trace itself is always taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceParent {
    /// That of the listener's `trusted_proxies`.
    Trusted,
    /// Everybody's: a client can have all of its requests recorded.
    Always,
    /// Nobody's.
    Never,
}

/// Fields that a trace is taken up from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceAccept {
    /// `traceparent` and `tracestate`.
    W3c,
    /// `b3`, or `X-B3-TraceId` and its kin.
    B3,
}

/// Fields that tell services of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TracePropagate {
    /// `traceparent` and `tracestate`.
    W3c,
    /// `X-B3-TraceId` and its kin.
    B3,
    /// `b3`.
    B3Single,
}

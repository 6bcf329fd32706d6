//! The nouns as a user writes them: listeners, services, routes, policy uses; their defaults,
//! their schema, and the reading of a document into them. No IO, no behaviour.
//!
//! Two halves: the *nouns* ([`Model`] and what it holds) are plain data with `serde` and
//! `schemars` derives, the one source of config, schema, reference docs and forms; the *reader*
//! ([`document`], [`mod@read`]) turns YAML or JSON text into them and names every problem at once,
//! each with its path and its place in the file ([`report`]).

mod access_logs;
mod acme;
mod address;
mod alerts;
mod breaker;
mod consumer;
pub mod document;
mod explain;
mod fallback;
mod health;
mod hide;
mod listener;
mod log_sink;
mod measure;
mod path;
mod pem;
mod policy_use;
mod protocol;
pub mod read;
pub mod report;
mod resolver;
mod retries;
mod route;
pub mod schema;
mod service;
mod signing_keys;
mod stream;
mod tls;
mod tracing;
mod watch;

pub use access_logs::AccessLogs;
pub use acme::{Acme, AcmeChallenge, ExternalAccount};
pub use address::socket_address;
pub use alerts::{AlertFormat, AlertHook, AlertKind, AlertTimes};
pub use breaker::{AdaptiveLimit, Breaker, ServiceLimits};
pub use consumer::{
    CertificateCredential, Consumer, Directory, KeyCredential, PasswordCredential,
    SecretCredential, SecretEncoding, TokenKeyCredential,
};
pub use explain::{DebugHeader, Explain, Keep};
pub use fallback::Fallback;
pub use health::{Active, BodyMatch, GrpcProbe, Health, HttpProbe, Initially, Passive, Probe};
pub use listener::{
    Http2, Http3, HttpsRedirect, Listener, ListenerLimits, ListenerTimeouts, ProxyProtocol,
};
pub use log_sink::{Facility, HttpSink, LogBatch, LogSink, OtlpSink, SyslogForm, SyslogSink};
pub use measure::{Bytes, Moment, NoMoment, Refusal, Span};
pub use pem::{Pem, Secret};
pub use policy_use::{Broader, PolicyUse};
pub use protocol::{Protocol, ServiceHttp2};
pub use read::read;
pub use resolver::Resolver;
pub use retries::{Backoff, GrpcStatus, Retries, RetryBudget, RetryOn};
pub use route::{Answer, HostHeader, Match, Redirect, Route, RouteLimits, ValueMatch};
pub use service::{Balance, HashOn, Pool, Service, ServiceTimeouts, Target, Upstream};
pub use signing_keys::{SigningKey, SigningKeys};
pub use stream::{ListenerProtocol, Stream};
pub use tls::{
    CertificateAndKey, CertificateField, ClientCertificateMode, ClientCertificates, HostTls, Hsts,
    ListenerTls, ServiceTls, TlsVersion,
};
pub use tracing::{OtlpProtocol, TraceAccept, TraceParent, TracePropagate, Tracing};
pub use watch::{AccessLog, Compat, LogFormat, LogHeaders, LogNames, LogRotation, Metrics, Status};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything one gateway is told: the root of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// What requests are sent to. A service may carry its own routes.
    pub services: Vec<Service>,
    /// Which request goes where: routes that are not written inside a service.
    pub routes: Vec<Route>,
    /// Policies for every route of every listener.
    pub policies: Vec<PolicyUse>,
    /// Who calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<Consumer>,
    /// How consumers are kept, and where more of them are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Directory>,
    /// Private keys that the gateway signs tokens with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<SigningKeys>,
    /// Where this gateway runs, such as `eu-west-1a`: targets of the same zone come first. None if
    /// left out. Usually it is `${env:NAME}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Who is asked for the addresses of the names of targets.
    pub resolver: Resolver,
    /// The authority that issues the certificates for `tls.acme` of listeners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acme: Option<Acme>,
    /// One line for each exchange; one log, or several.
    pub access_log: AccessLogs,
    /// Spans for a collector of OpenTelemetry; none if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
    /// Who is told of states that only the gateway knows of. Nobody, unless it is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertHook>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Which exchanges are remembered, so that they can be explained.
    pub explain: Explain,
    /// The listener for `/metrics`, `/livez` and `/readyz`.
    pub status: Status,
    /// How long a stopping gateway waits for exchanges that are under way.
    pub drain: Span,
    /// How long a stopping gateway goes on accepting connections, while `/readyz` says 503 and
    /// every answer is the last of its connection, so that load balancers notice first. Comes
    /// before `drain`, and is not part of it.
    pub drain_delay: Span,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            services: Vec::new(),
            routes: Vec::new(),
            policies: Vec::new(),
            consumers: Vec::new(),
            directory: None,
            signing_keys: Vec::new(),
            zone: None,
            resolver: Resolver::default(),
            acme: None,
            access_log: AccessLogs::default(),
            tracing: None,
            alerts: Vec::new(),
            metrics: Metrics::default(),
            explain: Explain::default(),
            status: Status::default(),
            drain: Span::seconds(60),
            drain_delay: Span::OFF,
        }
    }
}

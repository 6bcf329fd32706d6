//! Which request goes where, and how its head is changed on the way.

mod value_match;

use std::collections::BTreeMap;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Network, networks};
use crate::{Bytes, CertificateField, Fallback, PolicyUse, Retries, ServiceTimeouts};

pub use value_match::ValueMatch;

/// Requests that match go to one service, are redirected, or are answered at once. Of several
/// routes that match, the one with the highest `priority` is taken, then the most specific, then
/// the first by name (`docs/guide/routing.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Unique among routes.
    pub name: String,
    /// The service that requests go to. Either this, `redirect` or `answer`; left out where the
    /// route is written inside a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Send the client elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// Answer at once, without a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Listeners on which the route is offered; all if empty.
    #[serde(default)]
    pub listeners: Vec<String>,
    /// Higher goes first, before any specificity.
    #[serde(default)]
    pub priority: i32,
    /// What a request must be like; everything that is written must hold.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Whole segments that are taken off the front of the path: `/api` turns `/api/users` into
    /// `/users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<String>,
    /// The path that the service sees, with the parameters of the matched path in braces:
    /// `/v2/users/{id}`. The query is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
    /// What the service is told of the certificate that a client showed, instead of the service's
    /// own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<Vec<CertificateField>>,
    /// The `Host` field that the service sees, instead of the service's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostHeader>,
    /// Limits for these requests, instead of the listener's.
    #[serde(default)]
    pub limits: RouteLimits,
    /// How long the service may take, instead of its own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<ServiceTimeouts>,
    /// When a request is sent once more, instead of the service's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// What stands in for the answer when the service gave none, instead of the service's own
    /// setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// Policies for these requests.
    #[serde(default)]
    pub policies: Vec<PolicyUse>,
}

/// What a request must be like. Lists hold alternatives; different keys must all hold; a key that
/// is left out holds for every request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Host names without port: `api.example.com`, or `*.example.com` for every name below it.
    pub hosts: Vec<String>,
    /// Paths: `/a/b` exactly; `/a/*` for `/a` and everything below it, by whole segments;
    /// `/a/{id}` for one segment by name; `/a/{rest*}` for the rest by name; `~ regex` for a
    /// regular expression that must match the whole path.
    pub paths: Vec<String>,
    /// Methods, such as `GET`. `GET` does not include `HEAD`.
    pub methods: Vec<String>,
    /// Header fields by name; one of a field's lines must fit.
    pub headers: BTreeMap<String, ValueMatch>,
    /// Query parameters by name; one of a parameter's values must fit.
    pub query: BTreeMap<String, ValueMatch>,
    /// Networks the client may come from.
    #[serde(deserialize_with = "networks")]
    #[schemars(with = "Vec<Network>")]
    pub source: Vec<IpNet>,
}

/// The `Host` field that a service sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// The host and port of the chosen target.
    #[default]
    Target,
    /// What the client sent.
    Client,
    /// This one.
    Set(String),
}

/// Sends the client elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The new place, absolute or from the root, with the parameters of the matched path in
    /// braces: `https://new.example.com/{rest}`. Without a `?` in it, the query is kept.
    pub location: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "default_redirect_status")]
    pub status: u16,
}

fn default_redirect_status() -> u16 {
    308
}

/// An answer without a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// 200 to 599.
    #[serde(default = "default_answer_status")]
    pub status: u16,
    /// Header fields; `content-type` is `text/plain; charset=utf-8` unless it is set here.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

fn default_answer_status() -> u16 {
    200
}

/// Limits for the requests of one route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteLimits {
    /// A request body (413).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Bytes>,
}

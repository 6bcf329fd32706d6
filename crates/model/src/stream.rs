//! Connections that are passed on as they are: what is spoken on a listener, and which service gets
//! what comes there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListenerProtocol {
    /// HTTP/1.1 and HTTP/2, with routes and policies.
    #[default]
    Http,
    /// Anything: the bytes of each connection pass to a service of `streams` as they are. With
    /// `tls`, TLS ends here, and what is inside passes.
    Tcp,
    /// TLS that does not end here: the name that a client asks for (SNI) is read, and the bytes
    /// pass to the service of `streams` that has this name.
    Tls,
}

/// Connections that pass to one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Unique among streams and routes; logs and metrics show it as the route.
    pub name: String,
    /// The names that clients ask for with TLS (SNI): `db.example.com`, or `*.example.com` for
    /// every name below it. Without any, it takes all connections that no other stream takes, also
    /// those that ask for no name.
    #[serde(default)]
    pub server_names: Vec<String>,
    /// The service; its URLs begin with `tcp://`.
    pub service: String,
}

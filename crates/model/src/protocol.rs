//! Which version of HTTP is spoken with a service, and how connections of HTTP/2 are shared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bytes, Span};

/// Which version of HTTP is spoken with a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// In TLS what the service likes best (ALPN), HTTP/2 or HTTP/1.1; in clear text HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 always.
    Http1,
    /// HTTP/2 always; in clear text with prior knowledge (h2c). What gRPC needs.
    Http2,
}

/// How connections of HTTP/2 to one target are shared by the requests of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceHttp2 {
    /// Requests under way on one connection, 1 to 10000, or fewer if the service says so; more get
    /// another connection, within `pool.connections`.
    pub streams: u32,
    /// What a service may send of one answer before the client takes it, 16KiB to 16MiB. All
    /// answers on one connection may wait at the same time.
    pub window: Bytes,
    /// When nothing came from the service for so long while requests are under way, it is sent a
    /// PING.
    pub ping: Span,
    /// When still nothing came so long after a PING, the connection is given up.
    pub ping_timeout: Span,
}

impl Default for ServiceHttp2 {
    fn default() -> Self {
        Self {
            streams: 100,
            window: Bytes::kib(128),
            ping: Span::seconds(5),
            ping_timeout: Span::seconds(5),
        }
    }
}

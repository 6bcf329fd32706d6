//! Where clients connect: address, trust, limits and patience.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Network, networks};
use crate::{Bytes, ListenerProtocol, ListenerTls, PolicyUse, Span, Stream};

/// An address on which clients are served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Unique among listeners; routes, logs and metrics use it.
    pub name: String,
    /// `host:port`: an IPv4 address, an IPv6 address in brackets, or `localhost`; `:8080` means
    /// all addresses, IPv4 and IPv6. Port 0 lets the system choose one.
    pub address: String,
    /// What is spoken here.
    #[serde(default)]
    pub protocol: ListenerProtocol,
    /// Peers whose `X-Forwarded-For`, `-Proto` and `-Host` fields are believed and extended. From
    /// all others these fields are replaced. `Forwarded` is believed of nobody.
    #[serde(default, deserialize_with = "networks")]
    #[schemars(with = "Vec<Network>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Expect a PROXY protocol header (v1 or v2) in front of every connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Clients connect with TLS (`https://`); without it, in clear text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// Send clients that come in clear text to `https://`: 308 to the same host, path and query;
    /// requests that came with TLS to a trusted proxy go on. For listeners without `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_redirect: Option<HttpsRedirect>,
    /// Also tell services about the client in the standard `Forwarded` field (RFC 7239).
    #[serde(default)]
    pub forwarded: bool,
    /// What a client may ask for at most.
    #[serde(default)]
    pub limits: ListenerLimits,
    /// How long a client may take.
    #[serde(default)]
    pub timeouts: ListenerTimeouts,
    /// HTTP/2 for clients: without TLS for those that begin with it (prior knowledge).
    #[serde(default)]
    pub http2: Http2,
    /// HTTP/3 for clients, over UDP beside the TCP of this listener. It needs `tls`.
    #[serde(default)]
    pub http3: Http3,
    /// Policies for every request that arrives here.
    #[serde(default)]
    pub policies: Vec<PolicyUse>,
    /// Where the connections of a listener go whose `protocol` is `tcp` or `tls`.
    #[serde(default)]
    pub streams: Vec<Stream>,
}

/// Where clients that come in clear text are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpsRedirect {
    /// The port of `https://`, as clients see it, 1 to 65535.
    pub port: u16,
}

impl Default for HttpsRedirect {
    fn default() -> Self {
        Self { port: 443 }
    }
}

/// Who may (and then must) open a connection with a PROXY protocol header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyProtocol {
    /// Load balancers that send the header; a connection from anybody else is closed.
    #[serde(deserialize_with = "networks")]
    #[schemars(with = "Vec<Network>")]
    pub from: Vec<IpNet>,
}

/// What a client may ask for at most. What is larger is refused with the status in brackets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerLimits {
    /// The whole request head: request line and fields (431).
    pub head: Bytes,
    /// The request line's target (414).
    pub target: Bytes,
    /// One header field: name and value (431).
    pub field: Bytes,
    /// Header fields of one request (431).
    pub fields: u32,
    /// A request body (413); a route may set its own.
    pub body: Bytes,
    /// All trailer fields of one request (400).
    pub trailers: Bytes,
    /// Requests on one connection; the last answer says `Connection: close`.
    pub requests_per_connection: u32,
    /// Open connections of the whole listener; more wait in the system's backlog.
    pub connections: u32,
    /// Open connections of one client address; more are closed at once.
    pub connections_per_client: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            head: Bytes::kib(32),
            target: Bytes::kib(8),
            field: Bytes::kib(8),
            fields: 100,
            body: Bytes::mib(10),
            trailers: Bytes::kib(4),
            requests_per_connection: 1000,
            connections: 100_000,
            connections_per_client: 1000,
        }
    }
}

/// How long a client may take before it is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerTimeouts {
    /// From the first wait for a request on a new connection, or from its first byte on a kept
    /// one, until its head is complete (408).
    pub head: Span,
    /// From a new connection until its TLS handshake is done, or, with `protocol: tls`, until its
    /// first TLS message has come; then it is closed.
    pub handshake: Span,
    /// Silence inside a request body (408).
    pub body_idle: Span,
    /// The least a request body must bring in every `body_idle`, in bytes per second (408).
    pub body_rate: Bytes,
    /// Silence between two requests on one connection.
    pub keep_alive: Span,
    /// How long a client may leave its answer unread.
    pub write_stall: Span,
    /// Silence in both directions of an upgraded connection (WebSocket) or a stream.
    pub tunnel_idle: Span,
    /// How long an upgraded connection (WebSocket) or a stream may last in all.
    pub tunnel_lifetime: Span,
}

impl Default for ListenerTimeouts {
    fn default() -> Self {
        Self {
            head: Span::seconds(10),
            handshake: Span::seconds(10),
            body_idle: Span::seconds(30),
            body_rate: Bytes(100),
            keep_alive: Span::seconds(60),
            write_stall: Span::seconds(60),
            tunnel_idle: Span::seconds(300),
            tunnel_lifetime: Span::OFF,
        }
    }
}

/// HTTP/2 for clients. Heads, bodies and times are bounded by `limits` and `timeouts` as for
/// HTTP/1.1; here is what only HTTP/2 has. A client that goes beyond `resets` or `control_frames`
/// gets a GOAWAY (`ENHANCE_YOUR_CALM`) and its connection is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http2 {
    /// Whether it is spoken at all.
    pub enabled: bool,
    /// Whether a WebSocket may be opened on a stream (RFC 8441). Over HTTP/1.1 one always may.
    pub websocket: bool,
    /// Requests of one connection that are under way at a time, 1 to 10000; more are refused.
    pub streams: u32,
    /// What a client may send of one body before the service takes it, 1KiB to 16MiB.
    pub window: Bytes,
    /// The same for all bodies of one connection together, 64KiB to 1GiB.
    pub connection_window: Bytes,
    /// Streams of one connection that end in a reset in every 30 seconds, whether the client sends
    /// it or forces the gateway to.
    pub resets: u32,
    /// Frames of one connection that carry nothing (SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty
    /// DATA, CONTINUATION, unknown ones) in every 30 seconds; each KiB that the client is sent
    /// allows one more.
    pub control_frames: u32,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            enabled: true,
            websocket: true,
            streams: 100,
            window: Bytes::kib(64),
            connection_window: Bytes::mib(1),
            resets: 200,
            control_frames: 1000,
        }
    }
}

/// HTTP/3 for clients. Heads, bodies and times are bounded by `limits` and `timeouts` as for
/// HTTP/1.1; here is what only HTTP/3 has. Clients learn of it from the `Alt-Svc` field of answers
/// over TLS. A client that goes beyond `resets` or `control_frames` loses its connection
/// (`H3_EXCESSIVE_LOAD`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http3 {
    /// Whether it is spoken, on the UDP port of the same number as the listener's.
    pub enabled: bool,
    /// Requests of one connection that are under way at a time, 1 to 10000; more wait at the
    /// client.
    pub streams: u32,
    /// What a client may send of one body before the service takes it, 1KiB to 16MiB.
    pub window: Bytes,
    /// The same for all bodies of one connection together, 64KiB to 1GiB.
    pub connection_window: Bytes,
    /// Requests of one connection that its client breaks off in every 30 seconds.
    pub resets: u32,
    /// Frames of one connection that carry nothing (empty DATA, unknown ones, each 64 bytes
    /// beside the requests) in every 30 seconds.
    pub control_frames: u32,
    /// How long clients may remember that HTTP/3 is spoken here (`ma` of `Alt-Svc`); `off`: they
    /// are not told.
    pub advertise: Span,
    /// The UDP port that clients are told, if it is not the listener's own: something in front
    /// translates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertised_port: Option<u16>,
}

impl Default for Http3 {
    fn default() -> Self {
        Self {
            enabled: false,
            streams: 100,
            window: Bytes::kib(256),
            connection_window: Bytes::mib(1),
            resets: 200,
            control_frames: 1000,
            advertise: Span::seconds(24 * 3600),
            advertised_port: None,
        }
    }
}

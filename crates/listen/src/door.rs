//! The settings of one listener, ready for use.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use yumen_http::HeadLimits;
use yumen_model::{Bytes, Http2, Listener};
use yumen_tls::Acceptor;

/// The settings of one listener. A reload puts another one in its place; a request keeps the one
/// it began with.
#[derive(Debug)]
pub struct Door {
    /// The listener's name.
    pub name: Arc<str>,
    /// The largest request body, unless a route says otherwise.
    pub body_max: u64,
    pub(crate) head: HeadLimits,
    pub(crate) trailers_max: usize,
    pub(crate) requests_max: u32,
    pub(crate) connections_max: u32,
    pub(crate) connections_per_client: u32,
    pub(crate) patience: Patience,
    pub(crate) forwarded: bool,
    pub(crate) http2: Http2,
    pub(crate) tls: Option<Acceptor>,
    trusted: Vec<IpNet>,
    proxies: Option<Vec<IpNet>>,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) head: Option<Duration>,
    pub(crate) handshake: Option<Duration>,
    pub(crate) body_idle: Option<Duration>,
    /// Bytes per second.
    pub(crate) body_rate: u64,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) write_stall: Option<Duration>,
    pub(crate) tunnel_idle: Option<Duration>,
}

impl Door {
    /// The settings of this listener, and its TLS if it has one.
    #[must_use]
    pub fn new(listener: &Listener, tls: Option<Acceptor>) -> Self {
        let limits = &listener.limits;
        let timeouts = &listener.timeouts;
        Self {
            name: listener.name.as_str().into(),
            body_max: limits.body.0,
            head: HeadLimits {
                head: size(limits.head),
                target: size(limits.target),
                field: size(limits.field),
                fields: usize::try_from(limits.fields).unwrap_or(usize::MAX),
            },
            trailers_max: size(limits.trailers),
            requests_max: limits.requests_per_connection,
            connections_max: limits.connections,
            connections_per_client: limits.connections_per_client,
            patience: Patience {
                head: timeouts.head.get(),
                handshake: timeouts.handshake.get(),
                body_idle: timeouts.body_idle.get(),
                body_rate: timeouts.body_rate.0,
                keep_alive: timeouts.keep_alive.get(),
                write_stall: timeouts.write_stall.get(),
                tunnel_idle: timeouts.tunnel_idle.get(),
            },
            forwarded: listener.forwarded,
            http2: listener.http2.clone(),
            tls,
            trusted: listener.trusted_proxies.clone(),
            proxies: listener.proxy_protocol.as_ref().map(|proxy| proxy.from.clone()),
        }
    }

    /// Its TLS, if it has one.
    #[must_use]
    pub fn tls(&self) -> Option<&Acceptor> {
        self.tls.as_ref()
    }

    /// Whether this address is one of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Whether connections start with a PROXY protocol header, and whether this peer may send one.
    pub(crate) fn expects_proxy_header(&self, peer: IpAddr) -> Option<bool> {
        let proxies = self.proxies.as_ref()?;
        Some(proxies.iter().any(|network| network.contains(&peer)))
    }
}

pub(crate) fn size(bytes: Bytes) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

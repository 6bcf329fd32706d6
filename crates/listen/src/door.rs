//! The settings of one listener, ready for use.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use yumen_http::{HeadLimits, RequestHead, Response, ResponseHead};
use yumen_model::{Bytes, Hsts, Http2, Http3, Listener, ListenerProtocol};
use yumen_tls::{Acceptor, Met};

use crate::tokens::Tokens;

/// The settings of one listener. A reload puts another one in its place; a request keeps the one
/// it began with.
#[derive(Debug)]
pub struct Door {
    /// The listener's name.
    pub name: Arc<str>,
    /// The largest request body, unless a route says otherwise.
    pub body_max: u64,
    /// The port of `https://` to which clients are sent that come in clear text, if they are.
    pub https_redirect: Option<u16>,
    /// What clients that come with TLS are told to remember (RFC 6797), if they are.
    pub hsts: Option<String>,
    pub(crate) protocol: ListenerProtocol,
    pub(crate) head: HeadLimits,
    pub(crate) trailers_max: usize,
    pub(crate) requests_max: u32,
    pub(crate) connections_max: u32,
    pub(crate) connections_per_client: u32,
    pub(crate) patience: Patience,
    pub(crate) forwarded: bool,
    pub(crate) http2: Http2,
    pub(crate) http3: Http3,
    /// What answers over TLS say of HTTP/3 (`Alt-Svc`).
    alternative: Option<Vec<u8>>,
    pub(crate) tls: Option<Acceptor>,
    tokens: Option<Arc<Tokens>>,
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
    pub(crate) tunnel_lifetime: Option<Duration>,
}

impl Door {
    /// The settings of this listener, and its TLS if it has one; `port` is where it listens.
    #[must_use]
    pub fn new(listener: &Listener, tls: Option<Acceptor>, port: u16) -> Self {
        let limits = &listener.limits;
        let timeouts = &listener.timeouts;
        Self {
            name: listener.name.as_str().into(),
            body_max: limits.body.0,
            protocol: listener.protocol,
            https_redirect: listener.https_redirect.as_ref().map(|redirect| redirect.port),
            hsts: listener.tls.as_ref().and_then(|tls| tls.hsts.as_ref()).map(Hsts::to_string),
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
                tunnel_lifetime: timeouts.tunnel_lifetime.get(),
            },
            forwarded: listener.forwarded,
            http2: listener.http2.clone(),
            http3: listener.http3.clone(),
            alternative: alternative(&listener.http3, port).filter(|_| tls.is_some()),
            tls,
            tokens: None,
            trusted: listener.trusted_proxies.clone(),
            proxies: listener.proxy_protocol.as_ref().map(|proxy| proxy.from.clone()),
        }
    }

    /// Requests in clear text for these are answered before anything else is done with them.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Option<Arc<Tokens>>) -> Self {
        self.tokens = tokens;
        self
    }

    /// The answer to a certificate authority, if that is who asks.
    #[must_use]
    pub fn challenge(&self, head: &RequestHead) -> Option<Response> {
        self.tokens.as_ref()?.answer(head)
    }

    /// Its TLS, if it has one.
    #[must_use]
    pub fn tls(&self) -> Option<&Acceptor> {
        self.tls.as_ref()
    }

    /// Whether a connection may be used for requests to this host.
    pub(crate) fn admits(&self, met: &Met, host: &str) -> bool {
        // A listener that has no TLS any more demands nothing.
        self.tls.as_ref().is_none_or(|tls| tls.admits(met, host))
    }

    /// Whether HTTP/3 is spoken beside it.
    #[must_use]
    pub fn speaks_http3(&self) -> bool {
        self.http3.enabled
    }

    /// Tells a client that came by TLS where HTTP/3 is spoken (RFC 7838).
    pub(crate) fn advertise(&self, head: &mut ResponseHead) {
        if let Some(alternative) = &self.alternative {
            // The grammar is kept, so this cannot fail. A service's own word is about itself.
            let _set = head.fields_mut().set("Alt-Svc", alternative);
        }
    }

    /// Whether this address is one of a trusted proxy.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Whether connections start with a PROXY protocol header, and whether this peer may send one.
    pub(crate) fn expects_proxy_header(&self, peer: IpAddr) -> Option<bool> {
        let proxies = self.proxies.as_ref()?;
        Some(proxies.iter().any(|network| network.contains(&peer)))
    }
}

fn alternative(http3: &Http3, port: u16) -> Option<Vec<u8>> {
    let age = http3.advertise.get().filter(|_| http3.enabled)?;
    let port = http3.advertised_port.unwrap_or(port);
    Some(format!("h3=\":{port}\"; ma={}", age.as_secs()).into_bytes())
}

pub(crate) fn size(bytes: Bytes) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

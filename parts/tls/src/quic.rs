//! TLS inside QUIC: the certificates, sessions and rules of the listener that it stands beside.

use std::any::Any;
use std::sync::Arc;

use quinn_proto::crypto::ServerConfig;
use quinn_proto::crypto::rustls::{HandshakeData, QuicServerConfig};

use crate::server::Acceptor;
use crate::session::Negotiated;

/// The protocol that is spoken inside (RFC 9114 section 3.1).
const PROTOCOL: &[u8] = b"h3";

impl Acceptor {
    /// The same for QUIC; `None` if clients are asked for certificates (which of them depends on
    /// the name, and QUIC asks all alike), or the library lacks what QUIC begins with.
    #[must_use]
    pub fn quic(&self) -> Option<Arc<dyn ServerConfig>> {
        let mut config = self.unasking()?.clone();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // What comes before the handshake can be sent again by anybody.
        config.max_early_data_size = 0;
        Some(Arc::new(QuicServerConfig::try_from(config).ok()?))
    }
}

impl Negotiated {
    /// What both sides agreed on, as a QUIC connection tells it.
    #[must_use]
    pub fn in_quic(handshake: Option<Box<dyn Any>>) -> Self {
        let data = handshake.and_then(|data| data.downcast::<HandshakeData>().ok());
        data.map_or_else(Self::default, |data| Self {
            protocol: data.protocol,
            server_name: data.server_name.map(|name| name.to_ascii_lowercase()),
            // QUIC knows no other.
            version: Some("TLSv1.3"),
            cipher: None,
            resumed: false,
        })
    }
}

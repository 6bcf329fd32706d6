//! TLS as values: PEM texts become settings, settings make sessions, sessions turn bytes into
//! bytes. The one place that knows the TLS library; no sockets and no files but the system's roots.

mod automatic;
mod certificate;
mod client;
mod demand;
mod fault;
mod hello;
mod names;
mod pem;
#[cfg(feature = "quic")]
mod quic;
mod server;
mod session;
mod signature;

pub use automatic::{CHALLENGE_PROTOCOL, Certified, Shelf};
pub use certificate::{Dates, Facts, Holder};
pub use client::{Client, ClientText, Name};
pub use demand::{ClientsText, DemandText, Met};
pub use fault::{Fault, Problem};
pub use hello::{Greeting, Hello};
pub use server::{Acceptor, Pair, Server, ServerText};
pub use session::{Negotiated, Session};
pub use signature::SigningKey;

use std::sync::{Arc, LazyLock};

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

/// The oldest version that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Oldest {
    /// TLS 1.2
    #[default]
    Tls12,
    /// TLS 1.3
    Tls13,
}

impl Oldest {
    pub(crate) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Tls12 => &BOTH,
            Self::Tls13 => BOTH.get(..1).unwrap_or_default(),
        }
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    let suite = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().map(|suite| suite.common.hash_provider.hash(bytes));
    hash.map(|hash| hash.as_ref().to_vec()).unwrap_or_default()
}

/// The suites and groups of the library: forward secrecy and authenticated encryption only, which
/// is Mozilla's intermediate list without its finite-field groups.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    &PROVIDER
}

#[cfg(test)]
mod tests;

//! Certificates that come and go while a listener is open, and those that answer an authority's
//! challenge in a handshake (RFC 8737).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Facts;
use crate::fault::Problem;
use crate::names::Names;
use crate::pem;
use crate::server::{Pair, certified};

/// The protocol of connections that ask for an answer to a challenge and bring nothing else.
pub const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// A certificate with its key, ready to be shown.
#[derive(Debug, Clone)]
pub struct Certified {
    facts: Facts,
    key: Arc<CertifiedKey>,
}

impl Certified {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// If they cannot be used, or not together.
    pub fn read(pair: Pair<'_>) -> Result<Self, Problem> {
        certified(pair, "").map(|(facts, key)| Self { facts, key })
    }

    /// One for this name that answers a challenge, with a key of its own; `None` if it cannot be
    /// made.
    #[must_use]
    pub fn for_challenge(name: &str, digest: &[u8]) -> Option<Self> {
        // Any other length would be no digest, and is a panic in the library.
        let digest = <&[u8; 32]>::try_from(digest).ok()?;
        let mut params = CertificateParams::new([name.to_owned()]).ok()?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate().ok()?;
        // Not checked like others: its extension is critical, and nobody else is to accept it.
        let chain = vec![params.self_signed(&key).ok()?.der().clone()];
        let facts = Facts::of(&chain)?;
        let key = pem::key(&key.serialize_pem(), "").ok()?;
        Some(Self { facts, key: Arc::new(CertifiedKey::new(chain, key)) })
    }

    /// What the certificate says.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

type ByName = HashMap<String, Arc<CertifiedKey>>;

/// Where listeners find certificates that were not written in their configuration.
#[derive(Debug, Default)]
pub struct Shelf {
    certificates: ArcSwap<ByName>,
    challenges: ArcSwap<ByName>,
}

impl Shelf {
    /// Puts these in the place of all that were there. Connections that are open keep theirs.
    pub fn put(
        &self,
        certificates: Vec<(String, Certified)>,
        challenges: Vec<(String, Certified)>,
    ) {
        let by_name = |all: Vec<(String, Certified)>| {
            Arc::new(all.into_iter().map(|(name, one)| (name, one.key)).collect::<ByName>())
        };
        self.certificates.store(by_name(certificates));
        self.challenges.store(by_name(challenges));
    }

    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.certificates.load().get(name).cloned()
    }
}

/// The certificates of a listener some of which come from the shelf.
#[derive(Debug)]
pub(crate) struct Automatic {
    pub(crate) written: Arc<Names>,
    pub(crate) names: Arc<HashSet<String>>,
    /// For whoever asks for no name, or for an unknown one, if nothing is written.
    pub(crate) first: Option<String>,
    pub(crate) shelf: Arc<Shelf>,
}

impl ResolvesServerCert for Automatic {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let mut protocols = hello.alpn().into_iter().flatten();
        if protocols.next() == Some(CHALLENGE_PROTOCOL) && protocols.next().is_none() {
            return self.shelf.challenges.load().get(&name?).cloned();
        }
        let schemes = hello.signature_schemes();
        match name.as_deref() {
            // Without its certificate, a written one for `*.` serves; one for others does not.
            Some(name) if self.names.contains(name) => {
                self.shelf.find(name).or_else(|| Names::choose(self.written.find(name)?, schemes))
            }
            name => self
                .written
                .resolve_name(name, schemes)
                .or_else(|| self.shelf.find(self.first.as_deref()?)),
        }
    }
}

#[cfg(test)]
mod tests;

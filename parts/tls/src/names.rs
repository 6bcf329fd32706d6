//! Which certificate a client gets: by the name that it asks for, and by what it can verify.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::certificate::Facts;

/// Certificates that stand side by side for one name.
pub(crate) type Beside = Vec<Arc<CertifiedKey>>;

/// Something for each of some names, of which some begin with `*.`.
#[derive(Debug, Clone)]
pub(crate) struct ByName<T> {
    exact: HashMap<String, T>,
    /// By what stands behind `*.`.
    wild: HashMap<String, T>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), wild: HashMap::new() }
    }
}

impl<T> ByName<T> {
    fn map(&mut self, name: &str) -> (&mut HashMap<String, T>, String) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(behind) => (&mut self.wild, behind.to_owned()),
            None => (&mut self.exact, name),
        }
    }

    /// Puts in what is for a name; gives back what was there.
    pub(crate) fn put(&mut self, name: &str, one: T) -> Option<T> {
        let (map, name) = self.map(name);
        map.insert(name, one)
    }

    /// What is for a name: the exact one, then `*.` and the rest of it.
    pub(crate) fn find(&self, name: &str) -> Option<&T> {
        if self.exact.is_empty() && self.wild.is_empty() {
            return None;
        }
        let name = name.trim_end_matches('.');
        let name = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        };
        let above = || name.split_once('.').and_then(|(_, above)| self.wild.get(above));
        self.exact.get(&*name).or_else(above)
    }
}

/// All certificates of a listener by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: ByName<Beside>,
    /// For whoever asks for no name, or for an unknown one.
    first: Beside,
}

impl Names {
    pub(crate) fn new(certificates: &[(Facts, Arc<CertifiedKey>)]) -> Self {
        let mut names = Self::default();
        for (facts, key) in certificates {
            for name in &facts.names {
                let (map, name) = names.known.map(name);
                map.entry(name).or_default().push(Arc::clone(key));
            }
        }
        let maps = [&mut names.known.exact, &mut names.known.wild];
        maps.into_iter().flat_map(HashMap::values_mut).for_each(|beside| beside.sort_by_key(cost));
        if let Some((facts, key)) = certificates.first() {
            let beside = facts.names.first().and_then(|name| {
                let (map, name) = names.known.map(name);
                map.get(&name)
            });
            names.first = beside.cloned().unwrap_or_else(|| vec![Arc::clone(key)]);
        }
        names
    }

    /// The one for a client that asks for this name and can verify these signatures.
    pub(crate) fn resolve_name(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Self::choose(name.and_then(|name| self.find(name)).unwrap_or(&self.first), schemes)
    }

    /// One of those that stand side by side.
    pub(crate) fn choose(
        beside: &Beside,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let fits = beside.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        fits.or(beside.first()).cloned()
    }

    /// The certificates for a name, without those that stand in for unknown names.
    pub(crate) fn find(&self, name: &str) -> Option<&Beside> {
        self.known.find(name)
    }
}

/// What one handshake costs with it: the cheaper ones are offered first.
fn cost(key: &Arc<CertifiedKey>) -> u8 {
    match key.key.algorithm() {
        SignatureAlgorithm::ECDSA => 0,
        SignatureAlgorithm::ED25519 | SignatureAlgorithm::ED448 => 1,
        _ => 2,
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.resolve_name(hello.server_name(), hello.signature_schemes())
    }
}

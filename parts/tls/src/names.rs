//! Which certificate a client gets: by the name that it asks for, and by what it can verify.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Facts;

/// Certificates that stand side by side for one name.
type Beside = Vec<Arc<CertifiedKey>>;

/// All certificates of a listener by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    exact: HashMap<String, Beside>,
    /// By what stands behind `*.`.
    wild: HashMap<String, Beside>,
    /// For whoever asks for no name, or for an unknown one.
    first: Beside,
}

impl Names {
    pub(crate) fn new(certificates: &[(Facts, Arc<CertifiedKey>)]) -> Self {
        let mut names = Self::default();
        for (facts, key) in certificates {
            for name in &facts.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(behind) => (&mut names.wild, behind),
                    None => (&mut names.exact, name.as_str()),
                };
                map.entry(name.to_owned()).or_default().push(Arc::clone(key));
            }
        }
        let maps = [&mut names.exact, &mut names.wild];
        maps.into_iter().flat_map(HashMap::values_mut).for_each(|beside| beside.sort_by_key(cost));
        if let Some((facts, key)) = certificates.first() {
            let beside = facts.names.first().and_then(|name| match name.strip_prefix("*.") {
                Some(behind) => names.wild.get(behind),
                None => names.exact.get(name),
            });
            names.first = beside.cloned().unwrap_or_else(|| vec![Arc::clone(key)]);
        }
        names
    }

    /// The certificates for a name, without those that stand in for unknown names.
    pub(crate) fn find(&self, name: &str) -> Option<&Beside> {
        let name = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        };
        let above = || name.split_once('.').and_then(|(_, above)| self.wild.get(above));
        self.exact.get(&*name).or_else(above)
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
        let beside = hello.server_name().and_then(|name| self.find(name)).unwrap_or(&self.first);
        let schemes = hello.signature_schemes();
        let fits = beside.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        fits.or(beside.first()).cloned()
    }
}

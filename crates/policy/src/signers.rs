//! Keys that the gateway signs tokens with, by the names that policies call them.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_jose::{SigningKey, key_set_document};
use yumen_model::report::{Report, nearest};

/// Keys under one name, of which the first one signs.
#[derive(Debug)]
pub struct Signer {
    first: SigningKey,
    others: Vec<SigningKey>,
}

impl Signer {
    /// Of these keys; `None` if there are none.
    #[must_use]
    pub fn new(keys: Vec<SigningKey>) -> Option<Self> {
        let mut keys = keys.into_iter();
        let first = keys.next()?;
        Some(Self { first, others: keys.collect() })
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.first
    }

    /// All keys that tokens may be signed with.
    pub fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// All of them, by name.
#[derive(Debug, Default)]
pub struct Signers(BTreeMap<String, Option<Arc<Signer>>>);

impl Signers {
    /// Adds some; `None` if they cannot be used, which was told where they are written.
    pub fn add(&mut self, name: &str, signer: Option<Signer>) {
        self.0.insert(name.to_owned(), signer.map(Arc::new));
    }

    /// Those of a name; that there are none goes to the report.
    pub fn named(&self, name: &str, at: &str, report: &mut Report) -> Option<Arc<Signer>> {
        if let Some(signer) = self.0.get(name) {
            return signer.clone();
        }
        let hint = match nearest(name, self.0.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add them under `signing_keys`".to_owned(),
        };
        report.error(at, format!("there are no signing keys `{name}`")).hint(hint);
        None
    }
}

/// The document of all public keys (RFC 7517 section 5).
#[must_use]
pub fn document(signers: &[Arc<Signer>]) -> String {
    let keys: Vec<&SigningKey> = signers.iter().flat_map(|signer| signer.keys()).collect();
    key_set_document(&keys)
}

//! The keys that tokens may be signed with: those of the configuration, of a server, and of consumers.

use std::sync::Arc;

use yumen_directory::{Credential, Directory, Material, Proof};
use yumen_jose::{Key, KeySet, Refused, Signed, TOKEN_BYTES, Unverified, Verifier};
use yumen_key_sets::Remote;

use yumen_kept::{Kept, Room};

/// Keys of consumers that are kept ready.
const READY: Room = Room { entries: 1024, bytes: 1 << 20 };
/// Names the header's `kid` where a claim could be named.
const KID: &str = "kid";

/// Where keys are.
#[derive(Debug)]
pub(crate) struct Keys {
    /// In the configuration.
    pub(crate) own: Option<KeySet>,
    /// With a server.
    pub(crate) remote: Option<Arc<Remote>>,
    /// With consumers.
    pub(crate) of_consumers: Option<OfConsumers>,
}

/// Keys of consumers, by the names that tokens say.
#[derive(Debug)]
pub(crate) struct OfConsumers {
    directory: Arc<Directory>,
    /// Which claim names the key, or `kid`.
    named_by: String,
    ready: Kept<KeySet>,
}

/// Whose key made a signature.
#[derive(Debug)]
pub(crate) enum Origin {
    /// One of the configuration.
    Own,
    /// One of this generation of the server's.
    Remote(u64),
    /// A consumer's, which goes by this name.
    Consumer(String, Arc<Credential>),
}

/// Why no key made the signature of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Whatever keys there are, it is not good.
    Refused(Refused),
    /// The server may have the key by now.
    Newer(Refused),
    /// The server's keys are not there yet.
    Absent,
    /// The consumer's key has expired, or the consumer is disabled.
    Over,
}

impl Keys {
    /// The token, if one of the keys has signed it.
    pub(crate) fn open(
        &self,
        verifier: &Verifier,
        token: &str,
        now: u64,
    ) -> Result<(Signed, Origin), Missed> {
        let mut why = Refused::KeyUnknown;
        if let Some(own) = &self.own {
            match verifier.open(own, token) {
                Ok(signed) => return Ok((signed, Origin::Own)),
                Err(refused) => why = refused,
            }
        }
        if let Some(of_consumers) = &self.of_consumers {
            match of_consumers.open(verifier, token, now) {
                Ok(opened) => return Ok(opened),
                Err(Missed::Refused(Refused::KeyUnknown)) => {}
                Err(Missed::Refused(refused)) => why = refused,
                // Whoever is shut out is not let in by another door.
                Err(over) => return Err(over),
            }
        }
        let Some(remote) = &self.remote else { return Err(Missed::Refused(why)) };
        let present = remote.present();
        let Some(present) = present.as_ref() else {
            // A form that is wrong is wrong with any key.
            return Err(Unverified::read(token, TOKEN_BYTES)
                .map_or_else(Missed::Refused, |_| Missed::Absent));
        };
        match verifier.open(&present.keys, token) {
            Ok(signed) => Ok((signed, Origin::Remote(present.generation))),
            Err(refused) if may_be_newer(refused, token) => {
                Err(Missed::Newer(if why == Refused::KeyUnknown { refused } else { why }))
            }
            Err(refused) => Err(Missed::Refused(refused)),
        }
    }

    /// Whether the key that made a signature is still one of these, and the credential if it is a
    /// consumer's. `None` if the token is to be looked at anew.
    pub(crate) fn still(&self, origin: &Origin, now: u64) -> Option<Option<Arc<Credential>>> {
        match origin {
            Origin::Own => Some(None),
            Origin::Remote(generation) => {
                let present = self.remote.as_ref()?.present();
                (present.as_ref()?.generation == *generation).then_some(None)
            }
            Origin::Consumer(name, known) => {
                let found = self.of_consumers.as_ref()?.find(name)?;
                let is_same = Arc::ptr_eq(&found, known) || found.material() == known.material();
                (is_same && found.is_good(now)).then_some(Some(found))
            }
        }
    }
}

/// Whether a newer set may have the key of a token: it names one that is not there, or none.
fn may_be_newer(refused: Refused, token: &str) -> bool {
    let has_no_name =
        || Unverified::read(token, TOKEN_BYTES).is_ok_and(|said| said.kid().is_none());
    refused == Refused::KeyUnknown || refused == Refused::Signature && has_no_name()
}

impl OfConsumers {
    pub(crate) fn new(directory: Arc<Directory>, named_by: String) -> Self {
        Self { directory, named_by, ready: Kept::new(READY) }
    }

    fn find(&self, name: &str) -> Option<Arc<Credential>> {
        self.directory.named(Proof::TokenKey, name.as_bytes())
    }

    fn open(&self, verifier: &Verifier, token: &str, now: u64) -> Result<(Signed, Origin), Missed> {
        let said = Unverified::read(token, TOKEN_BYTES).map_err(Missed::Refused)?;
        let name = if self.named_by == KID { said.kid() } else { said.text(&self.named_by) };
        let unknown = Missed::Refused(Refused::KeyUnknown);
        let name = name.ok_or(unknown)?;
        let credential = self.find(name).ok_or(unknown)?;
        let keys = self.keys(&credential, now).ok_or(unknown)?;
        let signed = verifier.open(&keys, token).map_err(|refused| match refused {
            // Its name was found, and it is another one.
            Refused::KeyUnknown => Missed::Refused(Refused::Signature),
            other => Missed::Refused(other),
        })?;
        // Only now: whoever has not the key is not told what is with it.
        if !credential.is_good(now) {
            return Err(Missed::Over);
        }
        Ok((signed, Origin::Consumer(name.to_owned(), credential)))
    }

    /// The key of a credential, ready for use. To read one takes about as long as a verification.
    fn keys(&self, credential: &Credential, now: u64) -> Option<Arc<KeySet>> {
        let Material::Secret(stated) = credential.material() else { return None };
        let ticket = self.ready.ticket(stated.as_bytes());
        if let Some(keys) = self.ready.get(&ticket, now) {
            return Some(keys);
        }
        // It was read when it was configured.
        let key = Key::from_stated(stated).ok()?;
        let keys = Arc::new(KeySet::of(vec![key]).ok()?);
        self.ready.put(ticket, Arc::clone(&keys), stated.len(), now);
        Some(keys)
    }
}

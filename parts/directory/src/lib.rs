//! Who is known: consumers and their credentials, in an index that changes while it is read.
//!
//! Reading takes no lock: a change makes the parts of the index that it touches anew and puts the
//! whole in the old one's place at once ([`Directory::change`]). Secrets that are found by
//! themselves are kept as keyed digests only ([`Pepper`]).

pub mod certificate;
mod consumer;
mod credential;
mod pepper;
mod table;
#[cfg(test)]
mod tests;

pub use consumer::{Consumer, Entry, Stated};
pub use credential::{Credential, Material, Proof};
pub use pepper::{Digest, Pepper};

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::pepper::Handle;
use crate::table::Table;

/// All consumers and credentials of a gateway.
pub struct Directory {
    index: ArcSwap<Index>,
    /// The consumers of each source, by name; whoever changes something holds the lock.
    sources: Mutex<HashMap<Box<str>, HashSet<Arc<str>>>>,
}

/// Without what it holds: that may be a million, and is nobody's business.
impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl Default for Directory {
    fn default() -> Self {
        let index = ArcSwap::from_pointee(Index::new(Pepper::new("")));
        Self { index, sources: Mutex::default() }
    }
}

/// What is true at one moment.
#[derive(Clone)]
struct Index {
    pepper: Pepper,
    consumers: Table<Arc<Consumer>>,
    /// By what they are called elsewhere, where several may have the same name.
    external: Table<Vec<Arc<Consumer>>>,
    credentials: Table<Arc<Credential>>,
}

/// How many consumers and credentials there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Consumers.
    pub consumers: usize,
    /// Credentials of all of them.
    pub credentials: usize,
}

/// Changes of what one source says.
#[derive(Debug, Default)]
pub struct Change {
    /// The source's name.
    pub source: Box<str>,
    /// Consumers that are new or different, whole.
    pub put: Vec<Entry>,
    /// Consumers that are no longer there, by name.
    pub gone: Vec<Arc<str>>,
    /// Nothing else is there any more: all others of the source go.
    pub whole: bool,
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Another source has a consumer of this name.
    Consumer(Arc<str>),
    /// Two consumers, or one of them twice, would have the same credential.
    Credential {
        /// Of what kind it is.
        proof: Proof,
        /// One of the consumers.
        one: Arc<str>,
        /// The other one.
        other: Arc<str>,
    },
}

impl Directory {
    /// Who has this secret key.
    #[must_use]
    pub fn key(&self, key: &[u8]) -> Option<Arc<Credential>> {
        self.named(Proof::Key, key)
    }

    /// The credential of a kind that goes by this name.
    #[must_use]
    pub fn named(&self, proof: Proof, name: &[u8]) -> Option<Arc<Credential>> {
        let index = self.index.load();
        let handle = index.pepper.digest(proof, name).handle();
        index.credentials.get(&handle).map(Arc::clone)
    }

    /// The digest of a password with its user's name, as it is kept of passwords that are configured.
    #[must_use]
    pub fn password_digest(&self, user: &[u8], password: &[u8]) -> Digest {
        self.index.load().pepper.password(user, password)
    }

    /// The consumer of this name.
    #[must_use]
    pub fn consumer(&self, name: &str) -> Option<Arc<Consumer>> {
        let index = self.index.load();
        index.consumers.get(&index.pepper.consumer(name)).map(Arc::clone)
    }

    /// The consumer that is called so elsewhere, if there is exactly one.
    #[must_use]
    pub fn consumer_by_external_id(&self, id: &str) -> Option<Arc<Consumer>> {
        let index = self.index.load();
        match index.external.get(&index.pepper.consumer(id)).map(Vec::as_slice) {
            Some([only]) => Some(Arc::clone(only)),
            _ => None,
        }
    }

    /// How many are known.
    #[must_use]
    pub fn count(&self) -> Count {
        let index = self.index.load();
        Count { consumers: index.consumers.len(), credentials: index.credentials.len() }
    }

    /// Changes what sources say, all of it at once or, if there is a conflict, nothing.
    /// Digests in it must have been made with this pepper; another one than before forgets all
    /// sources.
    ///
    /// # Errors
    /// All conflicts, at most [`CONFLICTS_MAX`] of them.
    pub fn change(&self, pepper: &Pepper, changes: Vec<Change>) -> Result<(), Vec<Conflict>> {
        // Whoever panicked while it was held has changed nothing but names, which only say what goes
        // when a source goes.
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.index.load_full();
        let is_same = before.pepper == *pepper;
        let mut next = if is_same { (*before).clone() } else { Index::new(pepper.clone()) };
        let nobody = HashSet::new();
        let names_of = |source: &str| sources.get(source).filter(|_| is_same).unwrap_or(&nobody);
        // First all that goes or is replaced, so that a credential may move from one to another.
        let mut steps = Vec::with_capacity(changes.len());
        for Change { source, put, mut gone, whole } in changes {
            let names = names_of(&source);
            let fresh: HashSet<Arc<str>> =
                put.iter().map(|entry| Arc::clone(&entry.name)).collect();
            if whole {
                gone.extend(names.iter().filter(|name| !fresh.contains(*name)).map(Arc::clone));
            }
            for name in gone.iter().chain(&fresh).filter(|name| names.contains(*name)) {
                next.remove(name);
            }
            steps.push((source, put, gone, fresh));
        }
        let mut conflicts = Vec::new();
        for (_, put, ..) in &mut steps {
            next.put_all(std::mem::take(put), &before, &mut conflicts);
        }
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        if !is_same {
            sources.clear();
        }
        self.index.store(Arc::new(next));
        for (source, _, gone, fresh) in steps {
            let names = sources.entry(source).or_default();
            for name in &gone {
                names.remove(name);
            }
            names.extend(fresh);
        }
        sources.retain(|_, names| !names.is_empty());
        Ok(())
    }
}

/// Conflicts that are told at once.
pub const CONFLICTS_MAX: usize = 20;

impl Index {
    fn new(pepper: Pepper) -> Self {
        let (consumers, external) = (Table::default(), Table::default());
        Self { pepper, consumers, external, credentials: Table::default() }
    }

    fn remove(&mut self, name: &str) {
        if let Some(consumer) = self.consumers.remove(&self.pepper.consumer(name)) {
            for handle in consumer.handles() {
                self.credentials.remove(handle);
            }
            self.forget_external(&consumer);
        }
    }

    fn forget_external(&mut self, consumer: &Consumer) {
        let Some(id) = &consumer.external_id else { return };
        let handle = self.pepper.consumer(id);
        let mut others = self.external.remove(&handle).unwrap_or_default();
        others.retain(|other| other.name != consumer.name);
        if !others.is_empty() {
            self.external.insert(handle, others);
        }
    }

    /// Puts consumers in, none of whom is there if all is well.
    fn put_all(&mut self, put: Vec<Entry>, before: &Self, conflicts: &mut Vec<Conflict>) {
        self.consumers.reserve(put.len());
        self.external.reserve(put.iter().filter(|entry| entry.external_id.is_some()).count());
        self.credentials.reserve(put.iter().map(|entry| entry.credentials.len()).sum());
        for entry in put {
            if conflicts.len() >= CONFLICTS_MAX {
                break;
            }
            self.put(entry, before, conflicts);
        }
    }

    fn put(&mut self, entry: Entry, before: &Self, conflicts: &mut Vec<Conflict>) {
        let handle = self.pepper.consumer(&entry.name);
        let (consumer, credentials) = entry.into_parts();
        if self.consumers.insert(handle, Arc::clone(&consumer)).is_some() {
            conflicts.push(Conflict::Consumer(Arc::clone(&consumer.name)));
        }
        if let Some(id) = &consumer.external_id {
            let handle = self.pepper.consumer(id);
            let mut same = self.external.remove(&handle).unwrap_or_default();
            same.push(Arc::clone(&consumer));
            self.external.insert(handle, same);
        }
        for stated in credentials {
            let handle = stated.handle();
            let used = before.credentials.get(&handle).and_then(|known| known.last_used());
            let credential = Arc::new(Credential::new(&consumer, stated, used));
            if let Some(other) = self.credentials.insert(handle, credential) {
                conflicts.push(Conflict::Credential {
                    proof: other.proof(),
                    one: Arc::clone(&other.consumer.name),
                    other: Arc::clone(&consumer.name),
                });
            }
        }
    }
}

/// What a consumer is found by in the table of consumers.
impl Pepper {
    fn consumer(&self, name: &str) -> Handle {
        self.digest(Proof::Name, name.as_bytes()).handle()
    }
}

//! Somebody who calls, and what is stated of them.

use std::fmt;
use std::sync::Arc;

use crate::credential::{Material, Proof};
use crate::pepper::{Digest, Handle};

/// Somebody who calls: a person, a program, a company.
#[derive(Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Unique in the directory.
    pub name: Arc<str>,
    /// What they are called elsewhere.
    pub external_id: Option<Box<str>>,
    /// The groups that they are in.
    pub groups: Box<[Box<str>]>,
    /// Words for people and programs, and for expressions.
    pub tags: Box<[Box<str>]>,
    /// Whether none of their credentials is good.
    pub is_disabled: bool,
    handles: Box<[Handle]>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Consumer {
    /// Somebody of whom only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            external_id: None,
            groups: Box::default(),
            tags: Box::default(),
            is_disabled: false,
            handles: Box::default(),
        }
    }

    /// Whether they are in one of these groups.
    #[must_use]
    pub fn is_in(&self, groups: &[String]) -> bool {
        self.groups.iter().any(|own| groups.iter().any(|one| **own == **one))
    }

    pub(crate) fn handles(&self) -> &[Handle] {
        &self.handles
    }
}

/// A consumer with all its credentials, to be put into the directory.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As in [`Consumer`].
    pub name: Arc<str>,
    /// As in [`Consumer`].
    pub external_id: Option<Box<str>>,
    /// As in [`Consumer`].
    pub groups: Box<[Box<str>]>,
    /// As in [`Consumer`].
    pub tags: Box<[Box<str>]>,
    /// As in [`Consumer`].
    pub is_disabled: bool,
    /// What they prove themselves with.
    pub credentials: Vec<Stated>,
}

impl Entry {
    pub(crate) fn into_parts(self) -> (Arc<Consumer>, Vec<Stated>) {
        let Self { name, external_id, groups, tags, is_disabled, credentials } = self;
        let handles = credentials.iter().map(Stated::handle).collect();
        let consumer = Consumer { name, external_id, groups, tags, is_disabled, handles };
        (Arc::new(consumer), credentials)
    }
}

/// A credential, to be put into the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// How it proves.
    pub proof: Proof,
    /// The digest of its name, or of the secret itself.
    pub digest: Digest,
    /// What people call it.
    pub label: Option<Box<str>>,
    /// From when on it is no longer good, in seconds since 1970.
    pub expires: Option<u64>,
    /// What is to be checked.
    pub material: Material,
}

impl Stated {
    pub(crate) fn handle(&self) -> Handle {
        self.digest.handle()
    }
}

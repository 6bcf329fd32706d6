//! A table of which a change copies little: shards that the old one and the new one share.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use crate::pepper::Handle;

/// Entries of a shard, about, when the table grows.
const SHARD: usize = 256;

/// Hashes what looks drawn at random already: with itself.
#[derive(Debug, Default, Clone)]
struct Drawn(u64);

impl Hasher for Drawn {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.back());
    }
}

type Shard<T> = HashMap<Handle, T, BuildHasherDefault<Drawn>>;

/// Values by handle.
#[derive(Clone)]
pub(crate) struct Table<T> {
    /// A power of two of them.
    shards: Vec<Arc<Shard<T>>>,
    len: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { shards: vec![Arc::default()], len: 0 }
    }
}

impl<T: Clone> Table<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, handle: &Handle) -> Option<&T> {
        self.shards.get(self.place(*handle))?.get(handle)
    }

    /// Puts a value in; the one before is returned.
    pub(crate) fn insert(&mut self, handle: Handle, value: T) -> Option<T> {
        let place = self.place(handle);
        let before = Arc::make_mut(self.shards.get_mut(place)?).insert(handle, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, handle: &Handle) -> Option<T> {
        let place = self.place(*handle);
        let gone = Arc::make_mut(self.shards.get_mut(place)?).remove(handle);
        self.len -= usize::from(gone.is_some());
        gone
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        let wanted = (self.len + more).div_ceil(SHARD).next_power_of_two();
        if wanted <= self.shards.len() {
            return;
        }
        let old = std::mem::replace(&mut self.shards, vec![Arc::default(); wanted]);
        for shard in old {
            for (handle, value) in &*shard {
                let place = self.place(*handle);
                if let Some(shard) = self.shards.get_mut(place) {
                    Arc::make_mut(shard).insert(*handle, value.clone());
                }
            }
        }
    }

    fn place(&self, handle: Handle) -> usize {
        // Cannot be cut: there are fewer shards than a `usize` counts.
        usize::try_from(handle.front() & (self.shards.len() as u64 - 1)).unwrap_or(0)
    }
}

//! A table of which a change copies little: shards that the old one and the new one share.

use std::sync::Arc;

use crate::pepper::Handle;

/// Entries of a shard, about, when the table grows.
const SHARD: usize = 256;
/// Room that a full shard gets at a time: twice as much as it has would be half wasted.
const LEAP: usize = 16;

/// Entries in the order of their handles, which takes no more memory than they do.
type Shard<T> = Vec<(Handle, T)>;

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

/// Where a handle is in a shard, or would be.
fn find<T>(shard: &[(Handle, T)], handle: &Handle) -> Result<usize, usize> {
    shard.binary_search_by_key(handle, |(own, _)| *own)
}

impl<T: Clone> Table<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, handle: &Handle) -> Option<&T> {
        let shard = self.shards.get(self.place(*handle))?;
        let (_, value) = shard.get(find(shard, handle).ok()?)?;
        Some(value)
    }

    /// Puts a value in; the one before is returned.
    pub(crate) fn insert(&mut self, handle: Handle, value: T) -> Option<T> {
        let place = self.place(handle);
        let shard = Arc::make_mut(self.shards.get_mut(place)?);
        match find(shard, &handle) {
            Ok(at) => shard.get_mut(at).map(|(_, known)| std::mem::replace(known, value)),
            Err(at) => {
                if shard.len() == shard.capacity() {
                    shard.reserve_exact(LEAP);
                }
                shard.insert(at, (handle, value));
                self.len += 1;
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, handle: &Handle) -> Option<T> {
        let place = self.place(*handle);
        let shard = self.shards.get_mut(place)?;
        let at = find(shard, handle).ok()?;
        let (_, value) = Arc::make_mut(shard).remove(at);
        self.len -= 1;
        Some(value)
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
                // In order: all of a new shard come from one old one.
                if let Some(shard) = self.shards.get_mut(place) {
                    Arc::make_mut(shard).push((*handle, value.clone()));
                }
            }
        }
    }

    fn place(&self, handle: Handle) -> usize {
        // Cannot be cut: there are fewer shards than a `usize` counts.
        usize::try_from(handle.front() & (self.shards.len() as u64 - 1)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A table does what a map does, while it grows and shrinks.
    #[test]
    fn it_is_a_map() {
        let (mut table, mut map) = (Table::default(), BTreeMap::new());
        let mut state = 88_172_645_463_325_252_u64;
        let mut drawn = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..200_000 {
            // Of few handles, so that they come again.
            let handle = Handle::of(drawn() % 20_000);
            match drawn() % 3 {
                0 => assert_eq!(table.remove(&handle), map.remove(&handle)),
                _ => assert_eq!(table.insert(handle, round), map.insert(handle, round)),
            }
            if round % 10_000 == 0 {
                table.reserve(round / 10);
            }
            let other = Handle::of(drawn() % 20_000);
            assert_eq!(table.get(&other), map.get(&other));
            assert_eq!(table.len(), map.len());
        }
        assert!(table.shards.len() > 32, "it has grown");
    }
}

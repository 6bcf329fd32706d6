//! Counters by a small key, of which only those in use take memory.

use std::{
    collections::BTreeMap,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Slots of one block: with the pointer to the next block they fill a cache line.
const BLOCK_SLOTS: usize = 6;

/// A slot is one word: the key below, its count above. So a reader never sees one without the
/// other.
const KEY_BITS: u32 = u16::BITS;
const KEY_MASK: u64 = (1 << KEY_BITS) - 1;
const ONE: u64 = 1 << KEY_BITS;

/// Counters of one worker by key, in order of first use: the usual key is found first. Grows by a
/// block when all slots are taken; the number of blocks is bounded by the number of keys.
#[derive(Debug, Default)]
pub(super) struct Slots {
    words: [AtomicU64; BLOCK_SLOTS],
    next: OnceLock<Box<Self>>,
}

impl Slots {
    /// Counts one for `key`, which is not 0: that is a free slot. Called by one thread only. The
    /// count of 48 bits wraps around without touching its key.
    pub(super) fn count(&self, key: u16) {
        let key = u64::from(key);
        let mut block = self;
        loop {
            for word in &block.words {
                let seen = word.load(Ordering::Relaxed);
                if seen == 0 || seen & KEY_MASK == key {
                    return word.store((seen | key).wrapping_add(ONE), Ordering::Relaxed);
                }
            }
            block = block.next.get_or_init(Box::default);
        }
    }

    /// Adds every count to `sums`. Any thread.
    pub(super) fn add_to(&self, sums: &mut BTreeMap<u16, u64>) {
        let mut block = Some(self);
        while let Some(Self { words, next }) = block {
            for word in words {
                let word = word.load(Ordering::Relaxed);
                if let Ok(key @ 1..) = u16::try_from(word & KEY_MASK) {
                    let sum = sums.entry(key).or_default();
                    *sum = sum.wrapping_add(word >> KEY_BITS);
                }
            }
            block = next.get().map(Box::as_ref);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::{BLOCK_SLOTS, Slots};

    fn sums(slots: &Slots) -> BTreeMap<u16, u64> {
        let mut sums = BTreeMap::new();
        slots.add_to(&mut sums);
        sums
    }

    #[test]
    fn every_key_has_its_own_count() {
        let slots = Slots::default();
        assert!(sums(&slots).is_empty());
        for round in 1..=3_u64 {
            for key in (1..=1_000).rev() {
                slots.count(key);
            }
            slots.count(u16::MAX);
            assert_eq!(sums(&slots).len(), 1_001);
            assert!(sums(&slots).values().all(|count| *count == round));
        }
    }

    #[test]
    fn a_block_is_a_cache_line() {
        assert_eq!(size_of::<Slots>(), 64);
        assert_eq!(BLOCK_SLOTS * 8 + 16, 64);
    }

    #[test]
    fn a_count_that_wraps_keeps_its_key() {
        let slots = Slots::default();
        slots.words[0].store((u64::MAX << 16) | 7, Ordering::Relaxed);
        slots.count(7);
        slots.count(7);
        slots.count(8);
        assert_eq!(sums(&slots), BTreeMap::from([(7, 1), (8, 1)]));
    }

    #[test]
    fn a_reader_beside_the_writer_sees_counts_that_only_grow() {
        const ROUNDS: u64 = 2_000;
        let slots = Slots::default();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    (1..=40).for_each(|key| slots.count(key));
                }
                done.store(true, Ordering::Release);
            });
            let mut before = BTreeMap::new();
            while !done.load(Ordering::Acquire) {
                let now = sums(&slots);
                assert!(now.keys().all(|key| (1..=40).contains(key)));
                assert!(before.iter().all(|(key, count)| now.get(key) >= Some(count)));
                before = now;
            }
        });
        assert_eq!(sums(&slots), (1..=40).map(|key| (key, ROUNDS)).collect());
    }
}

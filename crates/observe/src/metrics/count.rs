//! A number that one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// One cell. Only its worker writes it, so a load and a store are enough: a `fetch_add` would
/// cost ten times as much. It may wrap around; sums wrap with it.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.read().wrapping_add(more), Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, less: u64) {
        self.0.store(self.read().wrapping_sub(less), Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

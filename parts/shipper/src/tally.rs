//! What became of the records, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why records were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// There was no room in the queue.
    QueueFull,
    /// The server does not want them.
    Refused,
    /// They could not be sent for too long.
    TooOld,
    /// The shipper was closed before it could send them.
    Closed,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::QueueFull, Self::Refused, Self::TooOld, Self::Closed];

    /// The word for it in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::TooOld => "too_old",
            Self::Closed => "closed",
        }
    }
}

/// What became of records so far. They only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records that the server has taken.
    pub sent: u64,
    /// Records that were dropped, in the order of [`Loss::ALL`].
    pub dropped: [u64; 4],
    /// Requests that failed, whether they were tried again or not.
    pub failures: u64,
}

impl Totals {
    /// Of records that were lost, and nothing else.
    #[must_use]
    pub fn lost(why: Loss, records: u64) -> Self {
        let mut totals = Self::default();
        totals.dropped.get_mut(why as usize).into_iter().for_each(|count| *count = records);
        totals
    }

    /// These and others together.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.sent += others.sent;
        self.failures += others.failures;
        self.dropped.iter_mut().zip(others.dropped).for_each(|(sum, more)| *sum += more);
        self
    }

    /// Records that were dropped, by why.
    pub fn losses(&self) -> impl Iterator<Item = (Loss, u64)> {
        Loss::ALL.into_iter().zip(self.dropped)
    }
}

/// The counts that all threads share.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: AtomicU64,
    dropped: [AtomicU64; 4],
    failures: AtomicU64,
}

impl Tally {
    pub(crate) fn sent(&self, records: u64) {
        self.sent.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, why: Loss, records: u64) {
        if let Some(count) = self.dropped.get(why as usize) {
            count.fetch_add(records, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            sent: self.sent.load(Ordering::Relaxed),
            dropped: self.dropped.each_ref().map(|count| count.load(Ordering::Relaxed)),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

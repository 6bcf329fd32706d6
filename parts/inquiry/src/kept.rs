//! What a server said a moment ago: for a short time, and so much.

use std::sync::Arc;
use std::time::Duration;

use yumen_kept::Room;
pub use yumen_kept::Ticket;

use crate::server::{Problem, problem};

/// The longest time, in seconds.
const LIFETIME_MAX: u64 = 300;
/// The most answers.
const ENTRIES_MAX: usize = 1_000_000;
/// Room is made for a multiple of so many.
const ENTRIES_STEP: usize = 16;

/// What was said, by question, with when it was asked. The time enters as a value, in seconds.
#[derive(Debug)]
pub struct Kept<V> {
    lifetime: u64,
    said: yumen_kept::Kept<(Arc<V>, u64)>,
}

impl<V> Kept<V> {
    /// For so many seconds, and at least so many answers; at most twice as many.
    #[must_use]
    pub fn new(lifetime: u64, entries: usize) -> Self {
        let entries = entries.clamp(1, ENTRIES_MAX).next_multiple_of(ENTRIES_STEP);
        let said = yumen_kept::Kept::new(Room::of(entries));
        Self { lifetime: lifetime.min(LIFETIME_MAX), said }
    }

    /// As it is configured: for how long, in whole seconds, and at least how many.
    ///
    /// # Errors
    /// Every problem that is in the settings `for` and `entries` of `cache`.
    pub fn compile(lifetime: Duration, entries: u32) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let is_whole = lifetime.subsec_nanos() == 0;
        if !is_whole || !(1..=LIFETIME_MAX).contains(&lifetime.as_secs()) {
            let message = format!("it is not from 1 to {LIFETIME_MAX} whole seconds");
            problems.push(problem("cache.for", message, "such as `5s`"));
        }
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        if !(1..=ENTRIES_MAX).contains(&entries) {
            let message = format!("it is not from 1 to {ENTRIES_MAX}");
            problems.push(problem("cache.entries", message, "such as `10000`"));
        }
        if problems.is_empty() { Ok(Self::new(lifetime.as_secs(), entries)) } else { Err(problems) }
    }

    /// Stands for this question.
    #[must_use]
    pub fn ticket(&self, question: &[u8]) -> Ticket {
        self.said.ticket(question)
    }

    /// What was said to it, if that is not too long ago.
    #[must_use]
    pub fn get(&self, ticket: &Ticket, now: u64) -> Option<Arc<V>> {
        let (what, at) = self.said.get(ticket, now)?;
        // A clock that was set back makes it old.
        let age = now.checked_sub(at)?;
        (age < self.lifetime).then_some(what)
    }

    /// Keeps what was said to a question that was asked at this time.
    pub fn put(&self, ticket: Ticket, what: Arc<V>, now: u64) {
        self.said.put(ticket, (what, now), 0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_its_time_only() {
        let kept = Kept::new(5, 100);
        let ticket = kept.ticket(b"a");
        kept.put(ticket, Arc::new(1), 1000);
        for (now, expect) in [(1000, Some(1)), (1004, Some(1)), (1005, None), (999, None)] {
            assert_eq!(kept.get(&ticket, now).map(|one| *one), expect, "{now}");
        }
        kept.put(ticket, Arc::new(2), 1004);
        assert_eq!(kept.get(&ticket, 1008).as_deref(), Some(&2));
        assert_eq!(kept.get(&kept.ticket(b"b"), 1004), None);
    }
}

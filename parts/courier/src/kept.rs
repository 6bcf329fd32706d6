//! Connections that are kept for the next request. No clock: the time enters as a value.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Things of which the youngest is taken first. Each belongs to a place, and is of use only there.
#[derive(Debug)]
pub(crate) struct Kept<T, P> {
    most: usize,
    idle: Duration,
    /// The oldest first.
    held: Mutex<Vec<Held<T, P>>>,
}

#[derive(Debug)]
struct Held<T, P> {
    what: T,
    place: P,
    since: Instant,
}

impl<T, P: PartialEq> Kept<T, P> {
    /// Keeps so many, each for so long at most.
    pub(crate) fn new(most: usize, idle: Duration) -> Self {
        Self { most, idle, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held<T, P>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything is worth to be kept.
    pub(crate) fn keeps(&self) -> bool {
        self.most > 0
    }

    /// Takes the youngest of this place, and lets go of all that are too old.
    pub(crate) fn take(&self, place: &P, now: Instant) -> Option<T> {
        let mut held = self.held();
        held.retain(|one| now.saturating_duration_since(one.since) < self.idle);
        let found = held.iter().rposition(|one| one.place == *place)?;
        Some(held.remove(found).what)
    }

    /// Keeps one; the oldest goes where there are too many.
    pub(crate) fn put(&self, what: T, place: P, now: Instant) {
        if self.most == 0 {
            return;
        }
        let mut held = self.held();
        if held.len() >= self.most {
            held.remove(0);
        }
        held.push(Held { what, place, since: now });
    }

    /// Lets go of all.
    pub(crate) fn clear(&self) {
        self.held().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(10);

    #[test]
    fn the_youngest_is_taken_and_the_oldest_goes() {
        let now = Instant::now();
        let kept = Kept::new(2, IDLE);
        for (number, second) in [(1, 0), (2, 1), (3, 2)] {
            kept.put(number, (), now + Duration::from_secs(second));
        }
        let now = now + Duration::from_secs(3);
        assert_eq!([0; 3].map(|_| kept.take(&(), now)), [Some(3), Some(2), None]);
    }

    #[test]
    fn nothing_is_kept_for_too_long() {
        let now = Instant::now();
        let kept = Kept::new(2, IDLE);
        kept.put(1, (), now);
        kept.put(2, (), now + Duration::from_secs(1));
        assert_eq!(kept.take(&(), now + IDLE), Some(2), "it has a second left");
        assert_eq!(kept.take(&(), now + IDLE), None);
    }

    #[test]
    fn each_is_of_use_in_its_place_only() {
        let now = Instant::now();
        let kept = Kept::new(2, IDLE);
        kept.put(1, "here", now);
        kept.put(2, "there", now);
        assert_eq!(kept.take(&"here", now), Some(1));
        assert_eq!(kept.take(&"here", now), None);
        assert_eq!(kept.take(&"there", now), Some(2));
    }

    #[test]
    fn who_keeps_none_keeps_none() {
        let now = Instant::now();
        let kept = Kept::new(0, IDLE);
        kept.put(1, (), now);
        assert_eq!((kept.keeps(), kept.take(&(), now)), (false, None));
        let kept = Kept::new(1, IDLE);
        kept.put(1, (), now);
        kept.clear();
        assert_eq!(kept.take(&(), now), None);
    }
}

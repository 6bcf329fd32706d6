//! A token that is held, and when to do something about it. No clock here.

use std::time::{Duration, Instant};

use crate::answer::Lease;
use crate::hidden::Hidden;

/// The shortest time from one renewal to the next.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// A token that is held.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: Hidden,
    pub(crate) lease: Lease,
    /// How long it was good when it was new.
    whole: Option<Duration>,
    /// When it has to be renewed.
    due: Option<Instant>,
    /// When it ends.
    ends: Option<Instant>,
}

impl Session {
    pub(crate) fn new(token: Hidden, lease: Lease, now: Instant) -> Self {
        let mut session = Self { token, lease, whole: lease.lasts, due: None, ends: None };
        session.renewed(lease, now);
        session
    }

    /// It was renewed, and is good as long as this.
    pub(crate) fn renewed(&mut self, lease: Lease, now: Instant) {
        self.lease = lease;
        // A third of its time is left for trying again.
        let soon = |lasts: Duration| now.checked_add((lasts / 3).saturating_mul(2).max(PAUSE_MIN));
        self.due = lease.lasts.and_then(soon);
        self.ends = lease.lasts.and_then(|lasts| now.checked_add(lasts));
    }

    /// Something failed; it is tried again after this pause.
    pub(crate) fn put_off(&mut self, pause: Duration, now: Instant) {
        self.due = now.checked_add(pause.max(PAUSE_MIN));
    }

    /// Nothing can be done about its end.
    pub(crate) fn give_up(&mut self) {
        self.due = None;
    }

    /// When something has to be done.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }

    /// How much of its time is left.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.ends.map(|ends| ends.saturating_duration_since(now))
    }

    /// Whether a renewal gave it less than half the time of a new one: the longest that it may live
    /// comes near.
    pub(crate) fn wanes(&self) -> bool {
        let both = self.lease.lasts.zip(self.whole);
        both.is_some_and(|(lasts, whole)| lasts < whole / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(seconds: u64) -> Lease {
        Lease { lasts: Some(Duration::from_secs(seconds)), is_renewable: true }
    }

    #[test]
    fn a_token_is_renewed_while_there_is_time() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut session = Session::new(Hidden("x".to_owned()), lease(90), now);
        assert_eq!(session.due(), Some(after(60)));
        assert!(!session.is_over(after(89)) && session.is_over(after(90)) && !session.wanes());
        session.put_off(Duration::from_secs(5), after(60));
        assert_eq!(session.due(), Some(after(65)));
        assert_eq!(session.left(after(65)), Some(Duration::from_secs(25)));
        session.renewed(lease(46), after(65));
        assert!(!session.wanes() && !session.is_over(after(100)));
        session.renewed(lease(44), after(70));
        assert!(session.wanes());
        session.renewed(lease(1), after(80));
        assert_eq!(session.due(), Some(after(81)));
        session.give_up();
        assert_eq!(session.due(), None);
    }

    #[test]
    fn a_token_without_an_end_is_left_alone() {
        let now = Instant::now();
        for lease in [Lease::UNKNOWN, lease(u64::MAX)] {
            let session = Session::new(Hidden("x".to_owned()), lease, now);
            assert!(session.due().is_none() && !session.is_over(now) && !session.wanes());
        }
    }
}

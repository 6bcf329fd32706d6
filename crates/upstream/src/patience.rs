//! How long a service may keep us waiting for the head of its answer, and for each piece of its body.

use std::time::{Duration, Instant};

use crate::destination::Timeouts;
use crate::upload::Wait;

/// The wait for the head of an answer.
#[derive(Debug)]
pub(crate) struct Patience {
    /// When the try began, or the client's body ended; if that counts.
    since: Option<Instant>,
    wait: Option<Wait>,
}

impl Patience {
    /// `since`: when the try began, if it has a time of its own.
    pub(crate) fn new(since: Option<Instant>) -> Self {
        Self { since, wait: None }
    }

    /// The service gave a sign of life.
    pub(crate) fn renew(&mut self) {
        self.wait = None;
    }

    /// Whether nothing was waited for yet.
    pub(crate) fn is_new(&self) -> bool {
        self.wait.is_none()
    }

    /// The deadline for what is waited for, once for each wait. `began`: when the exchange did.
    pub(crate) fn arm(
        &mut self,
        wait: Wait,
        timeouts: &Timeouts,
        began: Instant,
    ) -> Option<Option<Duration>> {
        if self.wait == Some(wait) {
            return None;
        }
        let waited_for_client = self.wait == Some(Wait::Client);
        self.wait = Some(wait);
        let mut patience = match wait {
            Wait::Client => None,
            Wait::Service | Wait::Nothing => timeouts.first_byte,
        };
        if let (Some(since), Some(per_try)) = (&mut self.since, timeouts.per_try)
            && wait != Wait::Client
        {
            if waited_for_client {
                *since = Instant::now();
            }
            let left = per_try.saturating_sub(since.elapsed());
            patience = Some(patience.map_or(left, |patience| patience.min(left)));
        }
        Some(timeouts.within_total(patience, began))
    }
}

/// The waits for pieces of the body of an answer.
#[derive(Debug)]
pub(crate) struct Pauses {
    timeouts: Timeouts,
    /// When the exchange began.
    began: Instant,
    waiting: bool,
}

impl Pauses {
    /// `began`: when the exchange did.
    pub(crate) fn new(timeouts: Timeouts, began: Instant) -> Self {
        Self { timeouts, began, waiting: false }
    }

    /// A piece came.
    pub(crate) fn end(&mut self) {
        self.waiting = false;
    }

    /// Nothing is there: the deadline for what comes next, once for each wait.
    pub(crate) fn begin(&mut self) -> Option<Option<Duration>> {
        let begins = !std::mem::replace(&mut self.waiting, true);
        begins.then(|| self.timeouts.within_total(self.timeouts.idle, self.began))
    }

    /// Whether the exchange has taken as long as it may.
    pub(crate) fn are_over(&self) -> bool {
        self.timeouts.total.is_some_and(|total| self.began.elapsed() >= total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_model::{ServiceTimeouts, Span};

    #[test]
    fn each_wait_for_a_piece_has_its_own_patience_within_the_whole() {
        let (idle, total) = (Span::seconds(30), Span::seconds(60));
        let timeouts = ServiceTimeouts { idle, total, ..ServiceTimeouts::default() };
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let mut pauses = Pauses::new(Timeouts::from(&timeouts), ago(10));
        assert_eq!(pauses.begin(), Some(Some(Duration::from_secs(30))));
        assert_eq!(pauses.begin(), None, "it is the same wait");
        pauses.end();
        assert_eq!(pauses.begin(), Some(Some(Duration::from_secs(30))));
        assert!(!pauses.are_over());
        let mut late = Pauses::new(Timeouts::from(&timeouts), ago(50));
        let left = late.begin().flatten().unwrap();
        assert!(left <= Duration::from_secs(10) && left > Duration::from_secs(5), "{left:?}");
        assert!(Pauses::new(Timeouts::from(&timeouts), ago(60)).are_over());
    }
}

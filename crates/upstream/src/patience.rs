//! How long a service may keep us waiting for the head of its answer.

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

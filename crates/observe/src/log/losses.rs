//! What the operator is told of lost lines: one sentence, at most once a minute.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

/// The operator hears of lost lines at most this often.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(60);

/// Takes one sentence for the operator.
pub(super) type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What the operator was told of the lines that one thread lost.
pub(super) struct Losses {
    tell: Tell,
    /// How many lost lines were spoken of.
    told: u64,
    last: Option<Instant>,
    /// When it was said that a file cannot be rotated.
    complained: Option<Instant>,
    /// Why lines were lost since then; `None` if the thread only fell behind.
    pub(super) cause: Option<String>,
}

impl Losses {
    pub(super) fn new(tell: Tell) -> Self {
        Self { tell, told: 0, last: None, complained: None, cause: None }
    }

    /// Nothing is lost when a file cannot be rotated, but it goes on growing.
    pub(super) fn complain(&mut self, name: &str, cause: &io::Error, now: Instant) {
        if self.complained.is_none_or(|last| now.duration_since(last) >= TELL_EVERY) {
            (self.tell)(&format!("access log: cannot rotate {name}: {cause}"));
            self.complained = Some(now);
        }
    }

    /// Says how many of all lines that were ever lost were not spoken of.
    pub(super) fn tell(&mut self, name: &str, dropped: u64, now: Instant) {
        let too_soon = self.last.is_some_and(|last| now.duration_since(last) < TELL_EVERY);
        let lost = dropped.saturating_sub(self.told);
        if lost == 0 || too_soon {
            return;
        }
        let cause = self.cause.take();
        let why = cause.as_deref().unwrap_or("they came faster than they could be written");
        (self.tell)(&format!("access log: {lost} lines lost: {name}: {why}"));
        self.told = dropped;
        self.last = Some(now);
    }
}

impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Losses").field("told", &self.told).finish_non_exhaustive()
    }
}

//! The attempts of one exchange to get an answer from a service: where, when, and how each ended.

use std::sync::Arc;
use std::time::Duration;

/// Attempts that are kept of one exchange; later ones are only counted.
const KEPT_MAX: usize = 16;

/// One attempt to get an answer from one endpoint. Times are from the start of the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The endpoint, as `host:port`.
    pub target: Arc<str>,
    /// When it was chosen.
    pub began: Duration,
    /// When there was a connection to send the request over; `None` if there never was.
    pub connected: Option<Duration>,
    /// Whether that connection had been there before.
    pub reused: bool,
    /// When and how it ended; `None` while it is under way, and if it was called off.
    pub end: Option<(Duration, AttemptEnd)>,
}

impl Attempt {
    /// How long it took to connect; `None` over a connection that had been there before, or if
    /// there never was one.
    #[must_use]
    pub fn connect(&self) -> Option<Duration> {
        let connected = self.connected.filter(|_| !self.reused)?;
        Some(connected.saturating_sub(self.began))
    }

    /// How long it took until it ended.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        self.end.map(|(at, _)| at.saturating_sub(self.began))
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The head of an answer came, with this status; of a call of gRPC that failed at once, that of
    /// HTTP that it counts as.
    Answered(u16),
    /// No connection could be made.
    Unreachable,
    /// No connection, or no answer, in time.
    TimedOut,
    /// The endpoint answered nobody, and the request went elsewhere.
    Left,
    /// The connection was lost before the head of an answer was there.
    Lost,
    /// What came is no answer.
    BadAnswer,
    /// The gateway or the client ended it.
    Broken,
}

impl AttemptEnd {
    /// The words for how an attempt ends; the last one is for those that were called off.
    pub const NAMES: [&str; 8] = [
        "answered",
        "unreachable",
        "timed_out",
        "left",
        "lost",
        "bad_answer",
        "broken",
        "called_off",
    ];

    /// Its place in [`AttemptEnd::NAMES`].
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Self::Answered(_) => 0,
            Self::Unreachable => 1,
            Self::TimedOut => 2,
            Self::Left => 3,
            Self::Lost => 4,
            Self::BadAnswer => 5,
            Self::Broken => 6,
        }
    }

    /// The place of an attempt that was called off.
    pub const CALLED_OFF_PLACE: usize = 7;

    /// The word for it in logs and metrics; `None` was called off.
    #[must_use]
    pub fn name(end: Option<Self>) -> &'static str {
        let place = end.map_or(Self::CALLED_OFF_PLACE, Self::place);
        Self::NAMES.get(place).copied().unwrap_or_default()
    }
}

/// All attempts of one exchange. The first one, mostly the only one, needs no memory of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts {
    first: Option<Attempt>,
    more: Vec<Attempt>,
    count: u32,
    current: u32,
}

impl Attempts {
    /// None yet.
    pub const NONE: Self = Self { first: None, more: Vec::new(), count: 0, current: 0 };

    /// Begins one, and returns its number.
    pub fn begin(&mut self, target: &Arc<str>, began: Duration) -> u32 {
        let number = self.count;
        self.count = self.count.saturating_add(1);
        self.current = number;
        let kept = usize::from(self.first.is_some()) + self.more.len();
        if kept < KEPT_MAX {
            let target = Arc::clone(target);
            let attempt = Attempt { target, began, connected: None, reused: false, end: None };
            if self.first.is_none() {
                self.first = Some(attempt);
            } else {
                self.more.push(attempt);
            }
        }
        number
    }

    /// Writes down when the attempt of this number had its connection.
    pub fn connected(&mut self, number: u32, at: Duration, reused: bool) {
        if let Some(attempt) = self.get_mut(number) {
            attempt.connected = Some(at);
            attempt.reused = reused;
        }
    }

    /// Writes down when and how the attempt of this number ended. One that was answered is the one
    /// that counts, though others may have begun later.
    pub fn end(&mut self, number: u32, at: Duration, end: AttemptEnd) {
        if let AttemptEnd::Answered(_) = end {
            self.current = number;
        }
        if let Some(attempt) = self.get_mut(number) {
            attempt.end = Some((at, end));
        }
    }

    /// Where the attempt of this number went.
    #[must_use]
    pub fn target(&self, number: u32) -> Option<&Arc<str>> {
        self.get(number).map(|attempt| &attempt.target)
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The one that counts: whose answer it is, or else the last one.
    #[must_use]
    pub fn current(&self) -> Option<&Attempt> {
        self.get(self.current)
    }

    /// Those that are kept, in the order in which they began.
    pub fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.first.iter().chain(&self.more)
    }

    fn get(&self, number: u32) -> Option<&Attempt> {
        match number {
            0 => self.first.as_ref(),
            _ => self.more.get(usize::try_from(number - 1).ok()?),
        }
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        match number {
            0 => self.first.as_mut(),
            _ => self.more.get_mut(usize::try_from(number - 1).ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn each_attempt_is_written_down_by_its_number() {
        let mut attempts = Attempts::default();
        assert_eq!((attempts.count(), attempts.current()), (0, None));
        let first = attempts.begin(&"a:1".into(), ms(1));
        attempts.connected(first, ms(2), false);
        let second = attempts.begin(&"b:1".into(), ms(5));
        attempts.end(first, ms(6), AttemptEnd::Lost);
        assert_eq!(attempts.current().unwrap().target.as_ref(), "b:1", "the last one counts");
        attempts.connected(second, ms(5), true);
        attempts.end(second, ms(9), AttemptEnd::Answered(200));
        let seen: Vec<_> =
            attempts.iter().map(|one| (one.connected, one.reused, one.end)).collect();
        assert_eq!(
            seen,
            [
                (Some(ms(2)), false, Some((ms(6), AttemptEnd::Lost))),
                (Some(ms(5)), true, Some((ms(9), AttemptEnd::Answered(200)))),
            ]
        );
        attempts.end(first, ms(9), AttemptEnd::Answered(200));
        assert_eq!(attempts.current().unwrap().target.as_ref(), "a:1");
    }

    #[test]
    fn every_end_has_a_word_of_its_own() {
        for (end, word) in [
            (Some(AttemptEnd::Answered(200)), "answered"),
            (Some(AttemptEnd::Unreachable), "unreachable"),
            (Some(AttemptEnd::TimedOut), "timed_out"),
            (Some(AttemptEnd::Left), "left"),
            (Some(AttemptEnd::Lost), "lost"),
            (Some(AttemptEnd::BadAnswer), "bad_answer"),
            (Some(AttemptEnd::Broken), "broken"),
            (None, "called_off"),
        ] {
            assert_eq!(AttemptEnd::name(end), word);
        }
    }

    #[test]
    fn later_ones_are_only_counted() {
        let mut attempts = Attempts::default();
        for number in 0..40 {
            assert_eq!(attempts.begin(&"a:1".into(), ms(0)), number);
            attempts.connected(number, ms(0), false);
            attempts.end(number, ms(0), AttemptEnd::TimedOut);
        }
        assert_eq!((attempts.count(), attempts.iter().count()), (40, KEPT_MAX));
        assert_eq!(attempts.current(), None, "nothing is known of the last one");
    }
}

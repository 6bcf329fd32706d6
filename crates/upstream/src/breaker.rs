//! The circuit breaker of one service: stops asking a service that fails, and finds out with few
//! requests whether it is well again. The time enters as a value, from any fixed moment.

use std::time::Duration;

use yumen_model::Span;
use yumen_model::report::Report;
use yumen_policy::Decided;

/// Parts that the window is made of: the oldest one goes as a whole.
const PARTS: usize = 10;

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Terms {
    pub(crate) window: Duration,
    /// Fewer attempts in the window say nothing.
    pub(crate) attempts_min: u32,
    pub(crate) error_share: f64,
    /// Longer is slow.
    pub(crate) slow: Option<Duration>,
    pub(crate) slow_share: f64,
    /// Failures one after the other.
    pub(crate) consecutive: Option<u32>,
    pub(crate) open: Duration,
    pub(crate) trials: u32,
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grade {
    Well,
    Slow,
    Failed,
    /// It says nothing of the service.
    None,
}

/// Leave to ask the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Of which time: what began in another one is not counted in this.
    pub(crate) epoch: u32,
    pub(crate) trial: bool,
    /// Of a trial: how often others had to stand in before it was let through.
    round: u32,
}

impl Pass {
    /// Leave that a closed breaker gives.
    pub(crate) fn free(epoch: u32) -> Self {
        Self { epoch, trial: false, round: 0 }
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing is asked for a while: too many failed.
    OpenedByErrors,
    /// Nothing is asked for a while: too many were slow.
    OpenedBySlow,
    /// Nothing is asked for a while: so many failed one after the other.
    OpenedByRow,
    /// Nothing is asked for a while longer: a trial failed.
    OpenedByTrial,
    /// A few requests are let through.
    Trying,
    /// All is well again.
    Closed,
}

/// The state of a breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: State,
    epoch: u32,
    parts: [Part; PARTS],
    /// The part under way, counted from the start of time.
    part: u64,
    /// Failures one after the other.
    row: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All requests go through.
    #[default]
    Closed,
    /// None does.
    Open { until: Duration },
    /// A few do. `since`: when the last of them was let through; `round`: how often others have had to
    /// stand in for those that hang.
    Trying { given: u32, well: u32, since: Duration, round: u32 },
}

#[derive(Debug, Default, Clone, Copy)]
struct Part {
    attempts: u32,
    failed: u32,
    slow: u32,
}

impl Terms {
    /// Compiles the breaker of a service; problems go into the report with paths below `at`.
    pub(crate) fn compile(breaker: &yumen_model::Breaker, at: &str, report: &mut Report) -> Self {
        for (key, share) in
            [("error_share", breaker.error_share), ("slow_share", breaker.slow_share)]
        {
            if !(share > 0.0 && share <= 1.0) {
                report
                    .error(format!("{at}.{key}"), format!("{share} is no share"))
                    .hint("a number above 0 and up to 1: 0.5 is half of all attempts");
            }
        }
        let counts = [
            ("attempts_min", Some(breaker.attempts_min)),
            ("consecutive", breaker.consecutive),
            ("trials", Some(breaker.trials)),
        ];
        for (key, _) in counts.iter().filter(|(_, count)| *count == Some(0)) {
            report.error(format!("{at}.{key}"), "0 is too few").hint("at least 1");
        }
        let longest = Duration::from_secs(600);
        let mut within = |key: &str, span: Span, shortest: Duration| {
            let span = span.get().unwrap_or_default();
            if span < shortest || span > longest {
                report
                    .error(format!("{at}.{key}"), format!("{span:?} is out of bounds"))
                    .hint(format!("from {shortest:?} to {longest:?}"));
            }
            span
        };
        Self {
            window: within("window", breaker.window, Duration::from_secs(1)),
            open: within("open", breaker.open, Duration::from_millis(100)),
            attempts_min: breaker.attempts_min,
            error_share: breaker.error_share,
            slow: breaker.slow.get(),
            slow_share: breaker.slow_share,
            consecutive: breaker.consecutive,
            trials: breaker.trials,
        }
    }
}

impl Change {
    /// The word for it.
    pub(crate) fn decided(self) -> Decided {
        match self {
            Self::Trying => Decided::BreakerTrial,
            Self::Closed => Decided::BreakerClosed,
            Self::OpenedByErrors | Self::OpenedBySlow | Self::OpenedByRow | Self::OpenedByTrial => {
                Decided::BreakerOpened
            }
        }
    }

    /// What became of the breaker, and why.
    pub(crate) fn news(self) -> &'static str {
        match self {
            Self::OpenedByErrors => "opened: too many attempts failed",
            Self::OpenedBySlow => "opened: too many answers were slow",
            Self::OpenedByRow => "opened: too many attempts failed one after the other",
            Self::OpenedByTrial => "opened again: a trial failed",
            Self::Trying => "is half open: a few requests are tried",
            Self::Closed => "closed: all trials went well",
        }
    }
}

impl Breaker {
    /// Counts attempts that went well and were not told of before.
    pub(crate) fn well(&mut self, terms: &Terms, count: u32, now: Duration) {
        if count == 0 || self.state != State::Closed {
            return;
        }
        self.roll(terms.window, now);
        let place = usize::try_from(self.part % PARTS as u64).unwrap_or(0);
        if let Some(part) = self.parts.get_mut(place) {
            part.attempts = part.attempts.saturating_add(count);
        }
        self.row = 0;
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Leave for one attempt, and whether the state changed with it.
    ///
    /// # Errors
    /// How long to stay away.
    pub(crate) fn admit(
        &mut self,
        terms: &Terms,
        now: Duration,
    ) -> Result<(Pass, Option<Change>), Duration> {
        match &mut self.state {
            State::Closed => Ok((Pass::free(self.epoch), None)),
            State::Open { until } if now < *until => Err(*until - now),
            State::Open { .. } => {
                self.turn(State::Trying { given: 1, well: 0, since: now, round: 0 });
                Ok((Pass { epoch: self.epoch, trial: true, round: 0 }, Some(Change::Trying)))
            }
            // Trials that have no end for so long are not waited for: others stand in for them.
            State::Trying { given, well, since, round }
                if *given < terms.trials || now.saturating_sub(*since) >= terms.open =>
            {
                if *given >= terms.trials {
                    *given = *well;
                    *round = round.wrapping_add(1);
                }
                *given += 1;
                *since = now;
                Ok((Pass { epoch: self.epoch, trial: true, round: *round }, None))
            }
            // Soon it will be known.
            State::Trying { .. } => Err(Duration::from_secs(1).min(terms.open)),
        }
    }

    /// How an attempt went that had this leave.
    pub(crate) fn note(
        &mut self,
        terms: &Terms,
        pass: Pass,
        grade: Grade,
        now: Duration,
    ) -> Option<Change> {
        if pass.epoch != self.epoch {
            return None;
        }
        match &mut self.state {
            State::Closed => self.weigh(terms, grade, now),
            State::Open { .. } => None,
            State::Trying { given, well, round, .. } => match grade {
                Grade::None => {
                    // The place of one that hung was taken by another.
                    let gives_back = pass.round == *round;
                    *given = given.saturating_sub(u32::from(gives_back));
                    None
                }
                Grade::Well => {
                    *well += 1;
                    let all_well = *well >= terms.trials;
                    all_well.then(|| self.turn_to(State::Closed, Change::Closed))
                }
                Grade::Slow | Grade::Failed => {
                    let until = now + terms.open;
                    Some(self.turn_to(State::Open { until }, Change::OpenedByTrial))
                }
            },
        }
    }

    /// Counts an attempt while closed, and opens if it was one too many.
    fn weigh(&mut self, terms: &Terms, grade: Grade, now: Duration) -> Option<Change> {
        if grade == Grade::None {
            return None;
        }
        self.roll(terms.window, now);
        let place = usize::try_from(self.part % PARTS as u64).unwrap_or(0);
        let part = self.parts.get_mut(place)?;
        part.attempts = part.attempts.saturating_add(1);
        match grade {
            Grade::Failed => {
                part.failed += 1;
                self.row = self.row.saturating_add(1);
            }
            Grade::Slow => {
                part.slow += 1;
                self.row = 0;
            }
            Grade::Well | Grade::None => {
                self.row = 0;
                return None;
            }
        }
        let sum = |count: fn(&Part) -> u32| {
            self.parts.iter().map(|part| u64::from(count(part))).sum::<u64>()
        };
        let attempts = sum(|part| part.attempts);
        let enough = attempts >= u64::from(terms.attempts_min);
        let reached = |count: u64, share: f64| enough && count as f64 >= attempts as f64 * share;
        let why = if terms.consecutive.is_some_and(|most| self.row >= most) {
            Change::OpenedByRow
        } else if grade == Grade::Failed && reached(sum(|part| part.failed), terms.error_share) {
            Change::OpenedByErrors
        } else if grade == Grade::Slow && reached(sum(|part| part.slow), terms.slow_share) {
            Change::OpenedBySlow
        } else {
            return None;
        };
        Some(self.turn_to(State::Open { until: now + terms.open }, why))
    }

    /// Forgets the parts that have left the window.
    fn roll(&mut self, window: Duration, now: Duration) {
        let length = (window / 10).as_micros().max(1);
        let part = u64::try_from(now.as_micros() / length).unwrap_or(u64::MAX);
        let passed = part.abs_diff(self.part);
        // Another worker read its clock a moment earlier.
        if passed == 0 || part + 1 == self.part {
            return;
        }
        if part < self.part || passed >= PARTS as u64 {
            self.parts = [Part::default(); PARTS];
        } else {
            for gone in self.part + 1..=part {
                let place = usize::try_from(gone % PARTS as u64).unwrap_or(0);
                if let Some(gone) = self.parts.get_mut(place) {
                    *gone = Part::default();
                }
            }
        }
        self.part = part;
    }

    fn turn_to(&mut self, state: State, change: Change) -> Change {
        self.turn(state);
        change
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
        self.parts = [Part::default(); PARTS];
        self.row = 0;
    }
}

#[cfg(test)]
mod tests;

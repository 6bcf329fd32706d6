//! One endpoint as its judge knows it: what was counted lately, and what it is held for.

use std::sync::Arc;

use super::member::Standing;
use super::probe::{Checks, Complaint, Flaw};
use super::report::ProbeCounts;
use super::rules::Rules;
use crate::balance::random::Random;

/// Good answers that bring an endpoint back from its trial.
const TRIAL_ANSWERS: u64 = 3;
/// Requests that wait in vain before silence ejects.
const SILENT_MIN: u64 = 3;
/// How many times longer than the silence that is noticed the one is that ejects.
const SILENT_TIMES: u64 = 3;
/// Means below this many microseconds are never out of line.
const LATENCY_MIN: u64 = 10_000;
/// The part of its requests with which a slow start begins, as a divisor.
const SLOW_START_FIRST: u32 = 10;
/// Doublings of the time of an ejection.
const DOUBLINGS_MAX: u32 = 20;

/// What was seen of an endpoint since the last look, by all workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Attempts that wait for an answer now.
    pub(crate) waiting: u64,
    /// Answers other than 5xx.
    pub(crate) answers: u64,
    /// Answers of 5xx.
    pub(crate) errors: u64,
    /// Attempts without an answer.
    pub(crate) failures: u64,
    /// Answers whose time is known, and the sum of their times in microseconds.
    pub(crate) timed: u64,
    pub(crate) micros: u64,
    /// The slowest answer of late, in microseconds.
    pub(crate) slowest: u64,
}

/// What an endpoint is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Well.
    Up,
    /// It lets requests wait for longer than is usual.
    Silent,
    /// No requests until then.
    Ejected { until: u64 },
    /// One request after the other, to see whether it is well again.
    Trial,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "healthy",
            Self::Silent => "silent",
            Self::Ejected { .. } => "ejected",
            Self::Trial => "trial",
        }
    }
}

/// Why an endpoint is ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Attempts without an answer, one after the other.
    Failures,
    /// Answers of 5xx, one after the other.
    Errors,
    /// Too many of its attempts.
    ErrorRate,
    /// Slower than the others.
    Latency,
    /// It answers nothing.
    Silence,
}

impl Reason {
    /// All, in the order in which they are counted.
    pub const ALL: [Self; 5] =
        [Self::Failures, Self::Errors, Self::ErrorRate, Self::Latency, Self::Silence];

    /// As metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Errors => "errors",
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
            Self::Silence => "silence",
        }
    }
}

/// What a look at one case comes to.
pub(super) enum Finding {
    Nothing,
    Becomes(State, String),
    Guilty(Reason, String),
}

/// One endpoint as its judge knows it.
#[derive(Debug)]
pub(crate) struct Case {
    /// Put here before each look.
    pub(crate) sample: Sample,
    pub(crate) state: State,
    /// When it came to this state.
    pub(crate) since: u64,
    /// Since when it rises to its full share; `None` if it has it.
    risen: Option<u64>,
    /// Without an answer in between.
    failures: u64,
    /// Answers of 5xx without another in between.
    errors: u64,
    window: Window,
    /// Requests have waited since then, and none was answered.
    silent_since: u64,
    /// How many, those included that were given up.
    unanswered: u64,
    /// Doublings of the next ejection.
    doublings: u32,
    /// How long the last ejection was, less what was forgiven.
    out_for: u64,
    /// Since when nothing was forgiven.
    calm_since: u64,
    /// Good answers of this trial.
    passed: u64,
    /// What probes say of it.
    pub(crate) probes: Probes,
    /// Ejections so far, by reason.
    pub(crate) ejections: [u64; Reason::ALL.len()],
    /// It was ejected for its silence, and has said nothing since.
    mute: bool,
    /// It answers nothing at all, and others do: who waits for it does better to leave.
    pub(crate) deserted: bool,
}

/// What probes say of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    /// It gets no requests.
    unhealthy: bool,
    /// Probes in a row that say the opposite.
    against: u32,
    /// So far.
    good: u64,
    failed: [u64; Flaw::ALL.len()],
    /// Times that it became unhealthy.
    turns: u64,
    /// Why the last one failed that did, and when.
    last_failure: Option<(Arc<str>, u64)>,
}

impl Probes {
    /// One has ended.
    fn count(&mut self, ended: &Result<(), Complaint>, now: u64) {
        let Err(Complaint { flaw, text }) = ended else {
            self.good += 1;
            return;
        };
        if let Some(count) = self.failed.get_mut(*flaw as usize) {
            *count += 1;
        }
        self.last_failure = Some((text.as_str().into(), now));
    }

    pub(super) fn counts(&self, now: u64) -> ProbeCounts {
        let last_failure = self.last_failure.as_ref();
        ProbeCounts {
            good: self.good,
            failed: self.failed,
            unhealthy: self.turns,
            last_failure: last_failure.map(|(why, at)| (Arc::clone(why), now.saturating_sub(*at))),
        }
    }
}

/// Counts of a stretch of time.
#[derive(Debug, Default)]
struct Window {
    since: u64,
    all: u64,
    bad: u64,
    timed: u64,
    micros: u64,
}

impl Case {
    /// An endpoint of which nothing is known. `fresh`: it came later than others.
    pub(crate) fn new(now: u64, fresh: bool, unhealthy: bool) -> Self {
        Self {
            sample: Sample::default(),
            state: State::Up,
            since: now,
            risen: fresh.then_some(now),
            failures: 0,
            errors: 0,
            window: Window { since: now, ..Window::default() },
            silent_since: now,
            unanswered: 0,
            doublings: 0,
            out_for: 0,
            calm_since: now,
            passed: 0,
            probes: Probes { unhealthy, ..Probes::default() },
            ejections: [0; Reason::ALL.len()],
            mute: false,
            deserted: false,
        }
    }

    pub(super) fn is_ejected(&self) -> bool {
        matches!(self.state, State::Ejected { .. } | State::Trial)
    }

    /// Nothing speaks against it right now.
    pub(super) fn is_well(&self, rules: &Rules, now: u64) -> bool {
        let silent = rules.silence > 0 && self.silence(now) > self.bearable(rules, 1);
        self.state == State::Up && !silent && self.failures == 0 && !self.probes.unhealthy
    }

    /// It is well, and nobody waits for it for as much as half the time in which silence is noticed:
    /// in a stall of all, which one endpoint is found in a moment before the others, none is.
    pub(super) fn is_lively(&self, rules: &Rules, now: u64) -> bool {
        let brief = rules.silence / 2 + self.sample.slowest / 1000;
        self.is_well(rules, now) && self.silence(now) <= brief
    }

    /// It answers nothing at all: not one slow request, but all of several.
    pub(super) fn is_mute(&self) -> bool {
        self.mute || (self.state == State::Silent && self.unanswered >= SILENT_MIN)
    }

    /// What choosing is to know of it.
    pub(crate) fn standing(&self, rules: &Rules, now: u64) -> Standing {
        match self.state {
            _ if self.probes.unhealthy => Standing::Out,
            State::Ejected { .. } => Standing::Out,
            State::Trial => Standing::Trial,
            State::Silent => Standing::Silent,
            State::Up => Standing::Open { share: self.share(rules, now) },
        }
    }

    /// Doublings of the next ejection.
    #[cfg(test)]
    pub(super) fn doublings(&self) -> u32 {
        self.doublings
    }

    /// What the operator is told that it is.
    pub(crate) fn name(&self) -> &'static str {
        if self.probes.unhealthy { "unhealthy" } else { self.state.name() }
    }

    /// Whether it can be used at all.
    pub(super) fn is_usable(&self) -> bool {
        !self.probes.unhealthy && !matches!(self.state, State::Ejected { .. })
    }

    /// A probe ended. Says why, if that changes anything.
    pub(super) fn probed(
        &mut self,
        checks: &Checks,
        ended: &Result<(), Complaint>,
        now: u64,
    ) -> Option<String> {
        let probes = &mut self.probes;
        probes.count(ended, now);
        if ended.is_err() == probes.unhealthy {
            probes.against = 0;
            return None;
        }
        probes.against += 1;
        let (enough, why) = match ended {
            Ok(()) => (checks.healthy_after, "good".to_owned()),
            Err(why) => (checks.unhealthy_after, format!("failed: {why}")),
        };
        if probes.against < enough {
            return None;
        }
        let why = format!("{} probes in a row {why}", probes.against);
        probes.against = 0;
        probes.unhealthy = !probes.unhealthy;
        probes.turns += u64::from(probes.unhealthy);
        self.since = now;
        if !self.probes.unhealthy {
            self.risen = Some(now);
        }
        Some(why)
    }

    /// Probes say nothing of it any more; says whether that changes anything.
    pub(super) fn forget_probes(&mut self) -> bool {
        self.probes.against = 0;
        std::mem::take(&mut self.probes.unhealthy)
    }

    /// Its part of the requests that it would get usually.
    fn share(&self, rules: &Rules, now: u64) -> u32 {
        let risen = self.risen.filter(|_| rules.slow_start > 0);
        let Some(risen) = risen else { return Standing::WHOLE };
        let passed = now.saturating_sub(risen).min(rules.slow_start);
        let share = u64::from(Standing::WHOLE) * passed / rules.slow_start;
        u32::try_from(share).unwrap_or(Standing::WHOLE).max(Standing::WHOLE / SLOW_START_FIRST)
    }

    /// Whether a trial may have one more request.
    pub(crate) fn grants(&self) -> bool {
        self.state == State::Trial && self.sample.waiting == 0
    }

    /// Counts the fresh sample in.
    pub(super) fn take_in(&mut self, rules: &Rules, now: u64) {
        let Sample { waiting, answers, errors, failures, timed, micros, .. } = self.sample;
        self.failures = if answers + errors > 0 { 0 } else { self.failures + failures };
        self.errors = if answers > 0 { 0 } else { self.errors + errors };
        if answers + errors > 0 {
            self.mute = false;
        }
        if answers + errors > 0 || (waiting == 0 && failures == 0 && self.state != State::Silent) {
            self.silent_since = now;
            self.unanswered = 0;
        }
        self.unanswered = self.unanswered.max(waiting) + failures;
        if rules.window > 0 && now.saturating_sub(self.window.since) >= rules.window {
            self.window = Window { since: now, ..Window::default() };
        }
        let window = &mut self.window;
        window.all += answers + errors + failures;
        window.bad += errors + failures;
        window.timed += timed;
        window.micros += micros;
        if self.state == State::Trial {
            self.passed += answers + if self.minds_errors(rules) { 0 } else { errors };
        }
        self.forgive(rules, now);
    }

    /// Each time it was well for as long as it was out, one doubling is forgotten.
    fn forgive(&mut self, rules: &Rules, now: u64) {
        if self.state == State::Up
            && self.doublings > 0
            && now.saturating_sub(self.calm_since) >= self.out_for
        {
            self.doublings -= 1;
            self.out_for = (self.out_for / 2).max(rules.ejection);
            self.calm_since = now;
        }
    }

    fn minds_errors(&self, rules: &Rules) -> bool {
        rules.errors > 0 || rules.error_rate_percent > 0
    }

    fn silence(&self, now: u64) -> u64 {
        if self.unanswered == 0 { 0 } else { now.saturating_sub(self.silent_since) }
    }

    /// How long it may be silent, in so many times of what is set, beyond what is usual for it.
    fn bearable(&self, rules: &Rules, times: u64) -> u64 {
        rules.silence.saturating_mul(times).saturating_add(self.sample.slowest / 500)
    }

    /// The mean time until an answer in this window, in microseconds.
    pub(super) fn mean_latency(&self, rules: &Rules) -> Option<u64> {
        let enough = self.window.timed >= rules.requests_min.max(1);
        (enough && !self.is_ejected()).then(|| self.window.micros / self.window.timed.max(1))
    }

    /// What is to be made of it. `usual` is what the others take.
    pub(super) fn find(
        &self,
        rules: &Rules,
        now: u64,
        others_well: bool,
        usual: Option<u64>,
    ) -> Finding {
        match self.state {
            State::Ejected { until } if now >= until => {
                Finding::Becomes(State::Trial, "its time is over".to_owned())
            }
            State::Ejected { .. } => Finding::Nothing,
            State::Trial => self.find_in_trial(rules, now),
            State::Up | State::Silent => self
                .find_bad_answers(rules)
                .or_else(|| self.find_latency(rules, usual))
                .or_else(|| self.find_silence(rules, now, others_well))
                .unwrap_or(Finding::Nothing),
        }
    }

    fn find_in_trial(&self, rules: &Rules, now: u64) -> Finding {
        let Sample { errors, failures, .. } = self.sample;
        if failures > 0 {
            return Finding::Guilty(Reason::Failures, "it failed its trial".to_owned());
        }
        if errors > 0 && self.minds_errors(rules) {
            return Finding::Guilty(Reason::Errors, "it failed its trial with 5xx".to_owned());
        }
        if rules.silence > 0 && self.silence(now) > self.bearable(rules, 1) {
            return Finding::Guilty(Reason::Silence, "it gave no answer in its trial".to_owned());
        }
        if self.passed >= TRIAL_ANSWERS {
            return Finding::Becomes(State::Up, format!("{TRIAL_ANSWERS} good answers in trial"));
        }
        Finding::Nothing
    }

    fn find_bad_answers(&self, rules: &Rules) -> Option<Finding> {
        if rules.failures > 0 && self.failures >= rules.failures {
            let why = format!("{} attempts in a row had no answer", self.failures);
            return Some(Finding::Guilty(Reason::Failures, why));
        }
        if rules.errors > 0 && self.errors >= rules.errors {
            let why = format!("{} answers in a row were 5xx", self.errors);
            return Some(Finding::Guilty(Reason::Errors, why));
        }
        let Window { all, bad, .. } = self.window;
        let percent = bad.saturating_mul(100) / all.max(1);
        if rules.error_rate_percent > 0
            && all >= rules.requests_min.max(1)
            && percent >= rules.error_rate_percent
        {
            let why = format!("{percent} % of {all} attempts failed or were 5xx");
            return Some(Finding::Guilty(Reason::ErrorRate, why));
        }
        None
    }

    fn find_latency(&self, rules: &Rules, usual: Option<u64>) -> Option<Finding> {
        let (mean, usual) = (self.mean_latency(rules)?, usual?);
        let most = usual.saturating_mul(rules.latency_factor).max(LATENCY_MIN);
        (rules.latency_factor > 0 && mean > most).then(|| {
            let [mean, usual] = [mean, usual].map(|micros| micros / 1000);
            let why = format!("answers take {mean} ms on average, those of others {usual} ms");
            Finding::Guilty(Reason::Latency, why)
        })
    }

    fn find_silence(&self, rules: &Rules, now: u64, others_well: bool) -> Option<Finding> {
        if rules.silence == 0 {
            return None;
        }
        let silence = self.silence(now);
        let many = self.unanswered >= SILENT_MIN;
        let waiting = self.sample.waiting > 0;
        let over = (waiting && silence > self.bearable(rules, SILENT_TIMES))
            || (!waiting && self.state == State::Silent);
        if others_well && many && over {
            let why = format!("no answer for {silence} ms while {} waited", self.unanswered);
            return Some(Finding::Guilty(Reason::Silence, why));
        }
        let silent = waiting && silence > self.bearable(rules, 1);
        if self.state == State::Silent && !silent {
            let why = "nobody waits for it any more".to_owned();
            return Some(Finding::Becomes(State::Up, why));
        }
        self.find_silent(rules, now, others_well).map(|why| Finding::Becomes(State::Silent, why))
    }

    /// What it becomes instead of being ejected, which it may not be. Silent, if it is: those who wait for
    /// it may leave then. Once it is, nobody asks it any more, so nobody would ever learn that it is well
    /// again: after the time of an ejection it is asked as usual.
    pub(super) fn spare(
        &self,
        rules: &Rules,
        now: u64,
        others_well: bool,
    ) -> Option<(State, String)> {
        let over = now.saturating_sub(self.since) >= rules.ejection;
        if self.state == State::Silent && self.sample.waiting == 0 && over {
            return Some((State::Up, "no more may be ejected, so it is asked again".to_owned()));
        }
        self.find_silent(rules, now, others_well).map(|why| (State::Silent, why))
    }

    /// Why one that was well is silent now.
    fn find_silent(&self, rules: &Rules, now: u64, others_well: bool) -> Option<String> {
        let silence = self.silence(now);
        let silent =
            rules.silence > 0 && self.sample.waiting > 0 && silence > self.bearable(rules, 1);
        let found = self.state == State::Up && silent && others_well;
        found.then(|| format!("no answer for {silence} ms"))
    }

    pub(super) fn enter(&mut self, state: State, now: u64) {
        let back = matches!((self.state, state), (State::Trial, State::Up));
        if back {
            self.risen = Some(now);
            self.calm_since = now;
        }
        if back || state == State::Trial {
            self.clear(now);
        }
        self.mute = false;
        self.state = state;
        self.since = now;
    }

    /// Takes it out, for twice as long as the last time.
    pub(super) fn eject(&mut self, rules: &Rules, reason: Reason, now: u64, random: &mut Random) {
        let times = 1_u64 << self.doublings.min(DOUBLINGS_MAX);
        let wait = rules.ejection.saturating_mul(times).min(rules.ejection_max);
        let until = now + wait + random.below(wait / 4 + 1);
        self.doublings = self.doublings.saturating_add(1);
        self.out_for = wait;
        if let Some(count) = self.ejections.get_mut(reason as usize) {
            *count += 1;
        }
        self.clear(now);
        self.mute = reason == Reason::Silence;
        self.state = State::Ejected { until };
        self.since = now;
    }

    fn clear(&mut self, now: u64) {
        self.failures = 0;
        self.errors = 0;
        self.window = Window { since: now, ..Window::default() };
        self.silent_since = now;
        self.unanswered = 0;
        self.passed = 0;
    }
}

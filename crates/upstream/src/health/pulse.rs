//! What one worker has seen of one endpoint: cells that only this worker writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::case::Sample;
use crate::outcome::Outcome;

/// With each timed answer, so much of the slowest one is forgotten, as a divisor.
const FORGOTTEN: u64 = 256;

/// What one worker has seen of one endpoint since it began.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Attempts that waited, or wait, for nothing but the endpoint.
    begun: Cell,
    /// Those of them that are over.
    ended: Cell,
    /// Answers other than 5xx.
    answers: Cell,
    /// Answers of 5xx.
    errors: Cell,
    /// Attempts without an answer.
    failures: Cell,
    /// Answers whose time is known, and the sum of their times.
    timed: Cell,
    micros: Cell,
    /// The slowest answer of late, in microseconds.
    slowest: Cell,
}

/// A number with one writer: a load and a store are enough.
#[derive(Debug, Default)]
struct Cell(AtomicU64);

impl Cell {
    fn add(&self, more: u64) {
        self.set(self.read().wrapping_add(more));
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Pulse {
    /// An attempt waits for the endpoint from now on.
    pub(crate) fn begin(&self) {
        self.begun.add(1);
    }

    /// An attempt that waited does so no more.
    pub(crate) fn end(&self) {
        self.ended.add(1);
    }

    /// An attempt ended; `took` is its time, if that was the endpoint's alone.
    pub(crate) fn note(&self, outcome: Outcome, took: Option<Duration>) {
        match outcome {
            Outcome::Answered(500..) => self.errors.add(1),
            Outcome::Answered(_) => self.answers.add(1),
            Outcome::Unreachable
            | Outcome::TimedOut
            | Outcome::Left
            | Outcome::Lost { kept: false }
            | Outcome::BadAnswer => return self.failures.add(1),
            // The service may have closed a kept connection at any moment, with good reason.
            Outcome::Lost { kept: true } | Outcome::Unjudged => return,
        }
        let Some(took) = took else { return };
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.timed.add(1);
        self.micros.add(took);
        let slowest = self.slowest.read();
        self.slowest.set(took.max(slowest - slowest / FORGOTTEN));
    }

    /// All counts at this moment.
    pub(super) fn totals(&self) -> Totals {
        // The end before the beginning: what ends in between waits a moment longer.
        let ended = self.ended.read();
        Totals {
            waiting: self.begun.read().saturating_sub(ended),
            answers: self.answers.read(),
            errors: self.errors.read(),
            failures: self.failures.read(),
            timed: self.timed.read(),
            micros: self.micros.read(),
            slowest: self.slowest.read(),
        }
    }
}

/// All counts at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    waiting: u64,
    answers: u64,
    errors: u64,
    failures: u64,
    timed: u64,
    micros: u64,
    slowest: u64,
}

impl Totals {
    /// Adds what was counted since another moment.
    pub(super) fn add_since(&self, before: &Self, sample: &mut Sample) {
        sample.waiting += self.waiting;
        sample.answers += self.answers.wrapping_sub(before.answers);
        sample.errors += self.errors.wrapping_sub(before.errors);
        sample.failures += self.failures.wrapping_sub(before.failures);
        sample.timed += self.timed.wrapping_sub(before.timed);
        sample.micros += self.micros.wrapping_sub(before.micros);
        sample.slowest = sample.slowest.max(self.slowest);
    }
}

//! Lines for a server: put together to batches, which a shipper takes there.

use std::time::{Duration, Instant};

use yumen_model::LogBatch;
use yumen_otlp::{Origin, request};
use yumen_shipper::{Load, Loss, Shipper, Totals};

use super::tally::{LineLoss, WayTally};

/// How long the last batches may take, when there are no more lines.
const LAST_BATCHES: Duration = Duration::from_secs(10);
/// How often it is looked what became of those that are on their way.
const LOOK: Duration = Duration::from_secs(1);

/// The batch of the moment, and the shipper.
#[derive(Debug)]
pub(super) struct Batches {
    shipper: Shipper,
    /// Who made the lines, if they are log records of OTLP.
    origin: Option<Origin>,
    bytes_max: usize,
    age_max: Duration,
    batch: Vec<u8>,
    lines: u64,
    /// When the first line of the batch came.
    since: Option<Instant>,
    /// What was counted of the shipper's totals.
    counted: Totals,
}

impl Batches {
    pub(super) fn new(shipper: Shipper, origin: Option<Origin>, config: &LogBatch) -> Self {
        Self {
            shipper,
            origin,
            bytes_max: usize::try_from(config.bytes.0).unwrap_or(usize::MAX),
            age_max: config.age.get().unwrap_or_default(),
            batch: Vec::new(),
            lines: 0,
            since: None,
            counted: Totals::default(),
        }
    }

    /// Adds the lines of a chunk.
    pub(super) fn add(&mut self, bytes: &[u8], lines: u64, now: Instant) {
        if self.batch.len().saturating_add(bytes.len()) > self.bytes_max {
            self.send();
        }
        self.batch.extend_from_slice(bytes);
        self.lines = self.lines.saturating_add(lines);
        self.since.get_or_insert(now);
        if self.batch.len() >= self.bytes_max {
            self.send();
        }
    }

    /// How long more lines may be waited for; `None` if nothing is to be done until they come.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        match self.since {
            Some(since) => Some(self.age_max.saturating_sub(now.saturating_duration_since(since))),
            None if self.shipper.waiting() > 0 => Some(LOOK),
            None => None,
        }
    }

    /// Sends the batch if it is old enough.
    pub(super) fn look(&mut self, now: Instant) {
        let is_old = |since| now.saturating_duration_since(since) >= self.age_max;
        if self.since.is_some_and(is_old) {
            self.send();
        }
    }

    fn send(&mut self) {
        if self.since.take().is_some() {
            let batch = std::mem::take(&mut self.batch);
            let batch = match &self.origin {
                Some(origin) => request(origin, &batch),
                None => batch,
            };
            // What finds no room is counted by the shipper.
            self.shipper.offer(Load::new(batch, std::mem::take(&mut self.lines)));
        }
    }

    /// Sends what is there, and waits for its end.
    pub(super) fn finish(&mut self) {
        self.send();
        self.shipper.finish(LAST_BATCHES);
    }

    /// Counts what became of lines since it was last asked; says how many were lost, and why most of
    /// them.
    pub(super) fn count(&mut self, tally: &WayTally) -> (u64, Option<&'static str>) {
        let now = self.shipper.totals();
        let before = std::mem::replace(&mut self.counted, now);
        tally.write(now.sent.saturating_sub(before.sent));
        let mut lost = 0;
        let mut most = (0, None);
        let losses = Loss::ALL.into_iter().zip(now.dropped.into_iter().zip(before.dropped));
        for (loss, (now, before)) in losses {
            let lines = now.saturating_sub(before);
            let (why, sentence) = told(loss);
            tally.lose(why, lines);
            lost += lines;
            if lines > most.0 {
                most = (lines, Some(sentence));
            }
        }
        (lost, most.1)
    }
}

/// A loss as it is counted, and as the operator hears of it.
fn told(loss: Loss) -> (LineLoss, &'static str) {
    match loss {
        Loss::QueueFull => (LineLoss::QueueFull, "they came faster than they could be sent"),
        Loss::Refused => (LineLoss::Refused, "the server does not take them"),
        Loss::TooOld => (LineLoss::TooOld, "they could not be sent for too long"),
        Loss::Closed => (LineLoss::Closed, "there was no time left to send them"),
    }
}

//! From the buffers of workers to the shipper of the moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use yumen_otlp::{Origin, request};
use yumen_shipper::{Load, Loss, Shipper, Totals};

use super::spans;
use crate::log::Secrets;
use crate::record::Record;

/// Spans of one worker are handed on when they are as many bytes, or else every second.
const BATCH_BYTES: usize = 64 * 1024;
/// How long a shipper that another one has followed may take to send what it has.
const LAST_SPANS: Duration = Duration::from_secs(10);

/// Where all workers hand their spans to.
#[derive(Debug, Default)]
pub struct Exporter {
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    to: Option<(Shipper, Origin)>,
    /// Those that were followed by another one and still send what they have.
    ending: Vec<Shipper>,
    /// What became of the spans of those that have ended, and of spans that found none.
    settled: Totals,
}

impl Live {
    /// Closes the shipper of the moment.
    fn end(&mut self) -> Option<Shipper> {
        let (shipper, _) = self.to.take()?;
        shipper.close(LAST_SPANS);
        self.ending.push(shipper.clone());
        Some(shipper)
    }

    /// Keeps of those that have ended their totals only.
    fn settle(&mut self) {
        let settled = &mut self.settled;
        self.ending.retain(|shipper| {
            // In this order: what has ended counts nothing more.
            let has_ended = shipper.has_ended();
            if has_ended {
                *settled = settled.and(shipper.totals());
            }
            !has_ended
        });
    }
}

impl Exporter {
    fn live(&self) -> MutexGuard<'_, Live> {
        // It is changed whole or not at all.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands spans to this one from now on. The one before sends what it has.
    pub fn follow(&self, shipper: Shipper, origin: Origin) {
        let mut live = self.live();
        live.end();
        live.to = Some((shipper, origin));
        live.settle();
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut live = self.live();
        live.settle();
        let now = live.to.iter().map(|(shipper, _)| shipper);
        live.ending.iter().chain(now).fold(live.settled, |sum, one| sum.and(one.totals()))
    }

    /// Sends what is there, for as long as this, and ends.
    pub fn finish(&self, patience: Duration) {
        let last = self.live().end();
        if let Some(shipper) = last {
            shipper.finish(patience);
        }
    }

    /// Takes the spans of one worker. Locked while they are put into a request, some microseconds: so none
    /// is handed to a shipper that is closed.
    pub(crate) fn take(&self, spans: &[u8], count: u64) {
        let mut live = self.live();
        match &live.to {
            // What finds no room is counted there.
            Some((shipper, origin)) => {
                shipper.offer(Load::new(request(origin, spans), count));
            }
            None => live.settled = live.settled.and(Totals::lost(Loss::Closed, count)),
        }
    }
}

/// One worker's spans.
#[derive(Debug)]
pub struct SpanBuffer {
    exporter: Arc<Exporter>,
    spans: Vec<u8>,
    count: u64,
}

impl SpanBuffer {
    /// One without a span.
    #[must_use]
    pub fn new(exporter: Arc<Exporter>) -> Self {
        Self { exporter, spans: Vec::new(), count: 0 }
    }

    /// Writes the spans of an exchange, if it is sampled, without these secrets.
    pub fn write(&mut self, record: &Record<'_>, secrets: &Secrets) {
        let Some(trace) = record.trace.filter(|trace| trace.is_sampled()) else { return };
        self.count += spans::write(&mut self.spans, trace, record, secrets);
        if self.spans.len() >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Hands on what is there. Called about once a second, and before the worker ends.
    pub fn flush(&mut self) {
        if self.count > 0 {
            self.exporter.take(&self.spans, std::mem::take(&mut self.count));
            self.spans.clear();
            // One long burst must not keep its memory for ever.
            self.spans.shrink_to(BATCH_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_find_no_shipper_are_counted() {
        let exporter = Exporter::default();
        exporter.take(b"x", 3);
        exporter.take(b"x", 4);
        let closed = Loss::ALL.iter().position(|loss| *loss == Loss::Closed).unwrap();
        assert_eq!(exporter.totals().dropped[closed], 7);
        exporter.finish(Duration::ZERO);
        assert_eq!(exporter.totals().dropped.iter().sum::<u64>(), 7);
    }
}

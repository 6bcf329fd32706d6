//! From the buffers of workers to the shipper of the moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use yumen_otlp::{Origin, request};
use yumen_shipper::{Load, Shipper, Totals};

use super::spans;
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
    to: Option<(Shipper, Arc<Origin>)>,
    /// Those that were followed by another one.
    past: Vec<Shipper>,
}

impl Exporter {
    fn live(&self) -> MutexGuard<'_, Live> {
        // It is changed whole or not at all.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands spans to this one from now on. The one before sends what it has.
    pub fn follow(&self, shipper: Shipper, origin: Origin) {
        let mut live = self.live();
        if let Some((old, _)) = live.to.replace((shipper, Arc::new(origin))) {
            old.close(LAST_SPANS);
            live.past.push(old);
        }
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let live = self.live();
        let all = live.past.iter().chain(live.to.iter().map(|(shipper, _)| shipper));
        all.fold(Totals::default(), |mut sum, one| {
            let one = one.totals();
            sum.sent += one.sent;
            sum.failures += one.failures;
            sum.dropped.iter_mut().zip(one.dropped).for_each(|(sum, more)| *sum += more);
            sum
        })
    }

    /// Sends what is there, for as long as this, and ends.
    pub fn finish(&self, patience: Duration) {
        let to = self.live().to.take();
        if let Some((shipper, _)) = to {
            shipper.finish(patience);
            self.live().past.push(shipper);
        }
    }

    fn take(&self, spans: &[u8], count: u64) {
        let to = self.live().to.clone();
        if let Some((shipper, origin)) = to {
            shipper.offer(Load::new(request(&origin, spans), count));
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

    /// Writes the spans of an exchange, if it is sampled.
    pub fn write(&mut self, record: &Record<'_>) {
        let Some(trace) = record.trace.filter(|trace| trace.is_sampled()) else { return };
        self.count += spans::write(&mut self.spans, trace, record);
        if self.spans.len() >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Hands on what is there.
    pub fn flush(&mut self) {
        if self.count > 0 {
            self.exporter.take(&self.spans, std::mem::take(&mut self.count));
            self.spans.clear();
            // One long burst must not keep its memory for ever.
            self.spans.shrink_to(BATCH_BYTES);
        }
    }
}

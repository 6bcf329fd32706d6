//! A worker's end of the access logs: formats records, and hands them over in chunks.

use std::{mem, sync::Arc, time::Instant};

use super::{
    CHUNK_BYTES, json::Members, outlet::Chunk, redact::Secrets, sink::Sink, stamp::Stamp,
    stock::Stock, writer::Shared,
};
use crate::{record::Record, tap::Taps};

/// Where one worker writes its records. It does nothing by itself when it is dropped: whoever
/// owns it calls [`LogBuffer::flush`] now and then, and last of all.
#[derive(Debug)]
pub struct LogBuffer {
    shared: Arc<Shared>,
    /// The generation that the rest is of.
    generation: u64,
    logs: Vec<Begun>,
    members: Arc<Members>,
    stamp: Stamp,
}

/// A chunk of one log that is not full yet.
#[derive(Debug)]
struct Begun {
    sink: Arc<Sink>,
    bytes: Vec<u8>,
    lines: u64,
}

impl LogBuffer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let members = Arc::default();
        let mut buffer =
            Self { shared, generation: 0, logs: Vec::new(), members, stamp: Stamp::default() };
        buffer.take_up();
        buffer
    }

    /// Whether records go nowhere, so that what only the log needs is not worth finding out.
    pub fn is_off(&self) -> bool {
        self.logs.is_empty()
    }

    /// Whether records are to have the fields of their answers, which are gone by then unless
    /// somebody keeps a copy.
    pub fn wants_answers(&self) -> bool {
        self.logs.iter().any(|log| log.sink.wants_answers)
    }

    /// What is kept out of the log, also of one that is off.
    pub fn secrets(&self) -> &Secrets {
        &self.members.secrets
    }

    /// Tells all who listen live of an exchange, as the log would be told.
    pub fn offer(&self, taps: &Taps, record: &Record<'_>) {
        taps.offer(record, &self.members);
    }

    /// Formats one record. Never waits: a full queue costs lines, which are counted.
    pub fn write(&mut self, record: &Record<'_>) {
        self.follow();
        for log in &mut self.logs {
            if !log.sink.filter.takes(record) {
                continue;
            }
            log.sink.format(&mut log.bytes, &mut self.stamp, record);
            log.lines += 1;
            if log.bytes.len() >= CHUNK_BYTES {
                log.hand_over(&self.shared.stock);
            }
        }
    }

    /// Hands over what was written so far. Called by the worker's ticker, about once a second, and
    /// before the worker ends.
    pub fn flush(&mut self) {
        self.hand_over();
        self.follow();
    }

    /// Turns to the present logs. Lines of the old ones go where they belong.
    fn follow(&mut self) {
        if self.shared.generation() != self.generation {
            self.hand_over();
            self.take_up();
        }
    }

    fn take_up(&mut self) {
        let (generation, present) = self.shared.current();
        let stock = &self.shared.stock;
        for gone in self.logs.drain(..) {
            stock.keep_empty(gone.bytes);
        }
        let begin =
            |sink: &Arc<Sink>| Begun { sink: Arc::clone(sink), bytes: stock.empty(), lines: 0 };
        self.logs.extend(present.sinks.iter().map(begin));
        (self.generation, self.members) = (generation, present.members);
    }

    fn hand_over(&mut self) {
        self.logs.iter_mut().for_each(|log| log.hand_over(&self.shared.stock));
    }
}

impl Begun {
    fn hand_over(&mut self, stock: &Stock) {
        if self.lines == 0 {
            return;
        }
        let bytes = mem::replace(&mut self.bytes, stock.empty());
        let lines = mem::take(&mut self.lines);
        let chunk = Chunk { bytes, lines, sink: Arc::clone(&self.sink), since: Instant::now() };
        self.sink.outlet.hand(chunk, stock);
    }
}

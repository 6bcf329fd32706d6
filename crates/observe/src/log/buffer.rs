//! A worker's end of the access log: formats records, and hands them over in chunks.

use std::{
    mem,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{SyncSender, TrySendError},
    },
};

use super::{
    CHUNK_BYTES,
    redact::Secrets,
    stamp::Stamp,
    writer::{Chunk, Parcel, Present, Shared},
};
use crate::{record::Record, tap::Taps};

/// Where one worker writes its records. It does nothing by itself when it is dropped: whoever
/// owns it calls [`LogBuffer::flush`] now and then, and last of all.
#[derive(Debug)]
pub struct LogBuffer {
    shared: Arc<Shared>,
    queue: SyncSender<Parcel>,
    /// The generation that `present` is of.
    generation: u64,
    present: Present,
    stamp: Stamp,
    bytes: Vec<u8>,
    lines: u64,
}

impl LogBuffer {
    pub(super) fn new(shared: Arc<Shared>, queue: SyncSender<Parcel>) -> Self {
        let (generation, present) = shared.current();
        let bytes = shared.empty();
        Self { shared, queue, generation, present, stamp: Stamp::default(), bytes, lines: 0 }
    }

    /// Whether records go nowhere, so that what only the log needs is not worth finding out.
    pub fn is_off(&self) -> bool {
        self.present.sink.is_none()
    }

    /// Whether records are to have the fields of their answers, which are gone by then unless
    /// somebody keeps a copy.
    pub fn wants_answers(&self) -> bool {
        self.present.sink.as_ref().is_some_and(|sink| sink.wants_answers)
    }

    /// What is kept out of the log, also of one that is off.
    pub fn secrets(&self) -> &Secrets {
        &self.present.members.secrets
    }

    /// Tells all who listen live of an exchange, as the log would be told.
    pub fn offer(&self, taps: &Taps, record: &Record<'_>) {
        taps.offer(record, &self.present.members);
    }

    /// Formats one record. Never waits: a full queue costs lines, which are counted.
    pub fn write(&mut self, record: &Record<'_>) {
        self.follow();
        let Some(sink) = &self.present.sink else { return };
        if !sink.filter.takes(record) {
            return;
        }
        sink.format(&mut self.bytes, &mut self.stamp, record);
        self.lines += 1;
        if self.bytes.len() >= CHUNK_BYTES {
            self.hand_over();
        }
    }

    /// Hands over what was written so far. Called by the worker's ticker, about once a second, and
    /// before the worker ends.
    pub fn flush(&mut self) {
        self.hand_over();
        self.follow();
    }

    /// Turns to the present sink and format. Lines of the old one go where they belong.
    fn follow(&mut self) {
        if self.shared.generation() != self.generation {
            self.hand_over();
            (self.generation, self.present) = self.shared.current();
        }
    }

    fn hand_over(&mut self) {
        let Some(sink) = &self.present.sink else { return };
        if self.lines == 0 {
            return;
        }
        let bytes = mem::replace(&mut self.bytes, self.shared.empty());
        let lines = mem::take(&mut self.lines);
        let tally = &self.shared.tally;
        tally.handed.fetch_add(lines, Ordering::Relaxed);
        let chunk = Chunk { bytes, lines, sink: Arc::clone(sink) };
        match self.queue.try_send(Parcel::Chunk(chunk)) {
            Ok(()) => {}
            Err(TrySendError::Full(parcel) | TrySendError::Disconnected(parcel)) => {
                tally.queue_full.fetch_add(lines, Ordering::Relaxed);
                if let Parcel::Chunk(chunk) = parcel {
                    self.shared.keep_empty(chunk.bytes);
                }
            }
        }
    }
}

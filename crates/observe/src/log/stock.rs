//! What buffers and threads of all logs have in common: empty chunks, counts, and whether it is over.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::{CHUNK_CAPACITY, LogTally};

/// Most empty chunks kept for the next use.
const EMPTY_CHUNKS: usize = 16;

/// What is shared by all.
#[derive(Debug)]
pub(super) struct Stock {
    /// Chunks to be used again. Only ever tried, never waited for.
    empty: Mutex<Vec<Vec<u8>>>,
    /// Whether threads are to end once their queues are empty.
    closing: AtomicBool,
    pub(super) tally: Arc<LogTally>,
}

impl Stock {
    pub(super) fn new(tally: Arc<LogTally>) -> Self {
        let empty = Mutex::new(Vec::with_capacity(EMPTY_CHUNKS));
        Self { empty, closing: AtomicBool::new(false), tally }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// An empty chunk, used before if one is at hand.
    pub(super) fn empty(&self) -> Vec<u8> {
        let kept = self.empty.try_lock().ok().and_then(|mut kept| kept.pop());
        kept.unwrap_or_else(|| Vec::with_capacity(CHUNK_CAPACITY))
    }

    /// Keeps a chunk for the next use, unless there are enough or one line made it huge.
    pub(super) fn keep_empty(&self, mut chunk: Vec<u8>) {
        chunk.clear();
        if chunk.capacity() <= 2 * CHUNK_CAPACITY
            && let Ok(mut kept) = self.empty.try_lock()
            && kept.len() < EMPTY_CHUNKS
        {
            kept.push(chunk);
        }
    }
}

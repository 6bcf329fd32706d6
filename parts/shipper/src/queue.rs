//! The queue between those who offer batches and the thread that sends them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::load::{Bounds, Load};

/// Batches that wait, within bounds. Locked for a moment only, never while something waits.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    inner: Mutex<Inner>,
    more: Notify,
    closing: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    loads: VecDeque<Load>,
    /// Of those that wait and of the one under way.
    count: usize,
    bytes: usize,
    /// Until when it may be emptied; `None` while it is open.
    until: Option<Instant>,
    /// It is closed, and nobody takes anything out of it any more.
    is_done: bool,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, inner: Mutex::default(), more: Notify::new(), closing: Notify::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // It is changed whole or not at all.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch in; false if there is no room or it is closed.
    pub(crate) fn put(&self, load: Load) -> bool {
        let mut inner = self.inner();
        let bytes = inner.bytes.saturating_add(load.body.len());
        if inner.until.is_some() || inner.count >= self.bounds.loads || bytes > self.bounds.bytes {
            return false;
        }
        (inner.bytes, inner.count) = (bytes, inner.count + 1);
        inner.loads.push_back(load);
        drop(inner);
        self.more.notify_one();
        true
    }

    /// The next batch, as soon as there is one; `None` when it is closed and empty.
    pub(crate) async fn take(&self) -> Option<Load> {
        loop {
            {
                let mut inner = self.inner();
                if let Some(load) = inner.loads.pop_front() {
                    return Some(load);
                }
                if inner.until.is_some() {
                    inner.is_done = true;
                    return None;
                }
            }
            // What was put in between has left a permit.
            self.more.notified().await;
        }
    }

    /// A batch that was taken is done with: its room is free.
    pub(crate) fn done(&self, bytes: usize) {
        let mut inner = self.inner();
        inner.bytes = inner.bytes.saturating_sub(bytes);
        inner.count = inner.count.saturating_sub(1);
    }

    /// Batches that wait or are under way.
    pub(crate) fn count(&self) -> usize {
        self.inner().count
    }

    /// Whether it was closed and has been emptied, and all that was in it is done with.
    pub(crate) fn is_done(&self) -> bool {
        self.inner().is_done
    }

    /// Takes nothing more, and gives what is there so much time.
    pub(crate) fn close(&self, patience: Duration) {
        let now = Instant::now();
        let until = now.checked_add(patience).unwrap_or(now);
        let mut inner = self.inner();
        inner.until = Some(inner.until.map_or(until, |earlier| earlier.min(until)));
        drop(inner);
        self.more.notify_one();
        self.closing.notify_one();
    }

    fn until(&self) -> Option<Instant> {
        self.inner().until
    }

    /// Comes to its end when it is closed and its time is over.
    pub(crate) async fn over(&self) {
        loop {
            match self.until() {
                // It may be closed once more, with less patience.
                Some(until) => tokio::select! {
                    () = tokio::time::sleep_until(until.into()) => return,
                    () = self.closing.notified() => {}
                },
                None => self.closing.notified().await,
            }
        }
    }
}

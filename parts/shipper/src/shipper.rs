//! The handle of a shipper, and the start of its thread.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use yumen_courier::{Courier, Request};
use yumen_http::Malformed;

use crate::load::{Load, Manner, Settings};
use crate::queue::Queue;
use crate::round::Round;
use crate::tally::{Loss, Tally, Totals};

/// Takes batches to one server. Clones are handles of the same one.
#[derive(Clone)]
pub struct Shipper {
    queue: Arc<Queue>,
    tally: Arc<Tally>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl fmt::Debug for Shipper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, totals) = (self.waiting(), self.totals());
        f.debug_struct("Shipper").field("waiting", &waiting).field("totals", &totals).finish()
    }
}

impl Shipper {
    /// Starts one, with its thread.
    ///
    /// # Errors
    /// When the settings make no request, or the system gives no thread.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let unfit = |why: Malformed| io::Error::new(io::ErrorKind::InvalidInput, why.0);
        let blank = blank(&settings).map_err(unfit)?;
        let courier = Courier::new(settings.courier.clone()).map_err(unfit)?;
        let (queue, tally) = (Arc::new(Queue::new(settings.bounds)), Arc::<Tally>::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let name = settings.name.clone();
        let round = Round::new(courier, blank, settings, Arc::clone(&queue), Arc::clone(&tally));
        let thread = Builder::new().name(name).spawn(move || runtime.block_on(round.run()))?;
        Ok(Self { queue, tally, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Puts a batch into the queue, without waiting. If there is no room it is dropped and counted, and
    /// the answer is false.
    pub fn offer(&self, load: Load) -> bool {
        let records = load.records;
        let is_in = self.queue.put(load);
        if !is_in {
            self.tally.dropped(Loss::QueueFull, records);
        }
        is_in
    }

    /// What became of the records so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.tally.totals()
    }

    /// Batches that wait or are under way.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.count()
    }

    /// Takes nothing more; what is in the queue is still sent, if that takes no longer than this. Does
    /// not wait for it.
    pub fn close(&self, patience: Duration) {
        self.queue.close(patience);
    }

    /// Whether it was closed and has sent what it could: its totals are final.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.queue.is_done()
    }

    /// Closes it, and waits until its thread has ended.
    pub fn finish(&self, patience: Duration) {
        self.close(patience);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            // It has panicked, which was said where it happened; there is nothing left to wait for.
        }
    }
}

/// A request without a body, with all that is the same each time.
fn blank(settings: &Settings) -> Result<Request, Malformed> {
    let mut blank = Request::post(&settings.path, Vec::new())?;
    if let Manner::Post(content_type) = settings.manner {
        blank.add("content-type", content_type.as_bytes())?;
    }
    for (name, value) in &settings.fields {
        blank.add(name, value)?;
    }
    Ok(blank)
}

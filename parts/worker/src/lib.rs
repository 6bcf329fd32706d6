//! One thread of the data plane: its runtime, its tasks, its deadlines, its scratch buffers, its
//! connections.
//!
//! Workers share nothing on the request path. Everything here belongs to one thread, so it is
//! kept in cells, not behind locks.

mod backlog;
mod outbox;
mod pipe;
mod scratch;
mod secure;
mod socket;
mod stream;
mod wheel;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

pub use backlog::Backlog;
pub use pipe::Pipe;
pub use scratch::{
    CAPACITY as SCRATCH_CAPACITY, with as with_scratch, with_small as with_small_scratch,
};
pub use stream::Stream;
pub use wheel::{Deadline, Wheel};

/// How often deadlines are looked at: they are this exact.
pub const TICK: Duration = Duration::from_millis(20);

/// A handle on the thread that it is used on.
#[derive(Debug, Clone)]
pub struct Worker {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    index: usize,
    wheel: Rc<Wheel>,
    /// Seconds since the start of 1970, as of the last tick.
    unix_seconds: Cell<u64>,
}

impl Worker {
    /// Starts a thread of this name with a runtime of its own and runs `work` on it to its end.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start<W, F>(name: &str, index: usize, work: W) -> io::Result<JoinHandle<()>>
    where
        W: FnOnce(Worker) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .event_interval(61)
                .build_local(tokio::runtime::LocalOptions::default())
        };
        // A runtime cannot move between threads, so a failure to make one is sent back.
        let (sender, made) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = match runtime() {
                Ok(runtime) => runtime,
                Err(error) => {
                    drop(sender.send(Err(error)));
                    return;
                }
            };
            drop(sender.send(Ok(())));
            runtime.block_on(async move {
                let worker = Worker::here(index);
                worker.spawn(tick(worker.clone()));
                worker.spawn(outbox::send_for_ever());
                work(worker).await;
                outbox::finish().await;
            });
        })?;
        made.recv().map_err(io::Error::other)??;
        Ok(thread)
    }

    /// A handle for the current thread, whose deadlines nobody moves: for tests and for threads
    /// that tick themselves.
    #[must_use]
    pub fn here(index: usize) -> Self {
        let inner =
            Inner { index, wheel: Rc::new(Wheel::new()), unix_seconds: Cell::new(unix_seconds()) };
        Self { inner: Rc::new(inner) }
    }

    /// Which worker this is, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.inner.index
    }

    /// Seconds since the start of 1970, a tick old at most.
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        self.inner.unix_seconds.get()
    }

    /// A deadline that is off.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        Wheel::deadline(&self.inner.wheel)
    }

    /// Wakes every task that waits for a deadline, so that it looks around: for drains.
    pub fn wake_all(&self) {
        self.inner.wheel.wake_all();
    }

    /// Runs a task on this thread. This is the only place where tasks are spawned.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        // In a box, because the runtime moves what it is given several times, and tasks are large.
        drop(tokio::task::spawn_local(Box::pin(task)));
    }
}

async fn tick(worker: Worker) {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let now = ticks.tick().await;
        let passed = now.into_std().saturating_duration_since(began);
        worker.inner.unix_seconds.set(unix_seconds());
        worker.inner.wheel.advance(passed);
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

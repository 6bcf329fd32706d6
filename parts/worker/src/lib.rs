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

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
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
    began: Instant,
    /// Seconds since the start of 1970, as of the last tick; 0 while nothing ticks.
    unix_seconds: Cell<u64>,
    /// Wakes whoever ticks, who rests while nobody has a deadline.
    resting: RefCell<Option<Waker>>,
}

impl Inner {
    /// One tick, however long after the one before.
    fn tick(&self) {
        self.unix_seconds.set(unix_seconds());
        self.wheel.advance(self.began.elapsed());
    }

    /// Comes when somebody has a deadline.
    fn poll_rest(&self, context: &Context<'_>) -> Poll<()> {
        if !self.wheel.is_empty() {
            return Poll::Ready(());
        }
        self.unix_seconds.set(0);
        *self.resting.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// Somebody is about to have a deadline, which is counted from the last tick.
    fn end_rest(&self) {
        if let Some(ticker) = self.resting.take() {
            self.tick();
            ticker.wake();
        }
    }
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
        let inner = Inner {
            index,
            wheel: Rc::new(Wheel::new()),
            began: Instant::now(),
            unix_seconds: Cell::new(unix_seconds()),
            resting: RefCell::default(),
        };
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
        match self.inner.unix_seconds.get() {
            0 => unix_seconds(),
            seconds => seconds,
        }
    }

    /// A deadline that is off.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.inner.end_rest();
        Wheel::deadline(&self.inner.wheel)
    }

    /// Wakes every task that waits for a deadline, so that it looks around: for drains.
    pub fn wake_all(&self) {
        self.inner.wheel.wake_all();
    }

    /// Runs a task on this thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spawn(task);
    }
}

/// Runs a task on this thread, which is a worker's, whatever becomes of whoever wanted it. This is the
/// only place where tasks are spawned.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    // In a box, because the runtime moves what it is given several times, and tasks are large.
    drop(tokio::task::spawn_local(Box::pin(task)));
}

async fn tick(worker: Worker) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        worker.inner.tick();
        std::future::poll_fn(|context| worker.inner.poll_rest(context)).await;
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// Runs this on a worker.
    fn run<F: Future<Output = ()> + 'static>(work: impl FnOnce(Worker) -> F + Send + 'static) {
        Worker::start("test", 0, work).unwrap().join().unwrap();
    }

    /// Waits until nothing ticks.
    async fn rest(worker: &Worker) {
        while worker.inner.resting.borrow().is_none() {
            tokio::time::sleep(TICK).await;
        }
    }

    #[test]
    fn a_deadline_after_a_rest_is_counted_from_its_own_time() {
        run(|worker| async move {
            for _ in 0..2 {
                rest(&worker).await;
                let near = unix_seconds();
                assert!((near..=near + 1).contains(&worker.unix_seconds()), "the clock is read");
                tokio::time::sleep(6 * TICK).await;
                let since = Instant::now();
                let deadline = worker.deadline();
                deadline.set(Some(4 * TICK));
                let come = poll_fn(|context| match deadline.has_come(context) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                });
                tokio::time::timeout(Duration::from_secs(10), come).await.expect("it comes");
                assert!(since.elapsed() >= 4 * TICK, "not early: {:?}", since.elapsed());
            }
        });
    }
}

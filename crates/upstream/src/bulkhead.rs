//! How many requests a service has at once, counted over all workers; those above it wait their
//! turn in one queue, or are sent away at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use tokio::sync::oneshot::{Receiver, Sender, channel};

use crate::adaptive::Bounds;
use yumen_model::ServiceLimits;
use yumen_model::report::Report;

/// How many requests a service gets at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room {
    pub(crate) most: Most,
    /// How many may wait.
    pub(crate) pending: u32,
    /// For how long.
    pub(crate) patience: Option<Duration>,
}

/// The most that are under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Most {
    /// So many.
    Fixed(u32),
    /// As many as do not queue at the service.
    Adaptive(Bounds),
}

impl Room {
    /// Compiles the limits of a service; problems go into the report with paths below `at`.
    pub(crate) fn compile(limits: &ServiceLimits, at: &str, report: &mut Report) -> Option<Self> {
        let patience = limits.pending_timeout.get();
        if let Some(adaptive) = &limits.adaptive {
            if limits.requests.is_some() {
                report
                    .error(format!("{at}.adaptive"), "`requests` is a limit already")
                    .hint("keep one of them; `adaptive.max` is the most that there may be");
            }
            let most = Bounds::compile(adaptive, &format!("{at}.adaptive"), report);
            return Some(Self { most: Most::Adaptive(most), pending: limits.pending, patience });
        }
        let Some(requests) = limits.requests else {
            if limits.pending > 0 {
                report
                    .error(format!("{at}.pending"), "nothing waits: `requests` is not limited")
                    .hint("set `requests` or `adaptive`, or leave `pending` out");
            }
            return None;
        };
        if requests == 0 {
            report
                .error(format!("{at}.requests"), "with 0 requests nothing is served")
                .hint("at least 1, or leave it out for no limit");
        }
        Some(Self { most: Most::Fixed(requests), pending: limits.pending, patience })
    }
}

/// The requests of one service.
#[derive(Debug, Default)]
pub(crate) struct Bulkhead {
    under_way: AtomicU32,
    /// As the newest plan has it.
    limit: AtomicU32,
    /// How many are in the queue, to be seen without its lock.
    waiting: AtomicU32,
    queue: Mutex<VecDeque<Sender<Place>>>,
}

/// A place among the requests under way, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Option<Arc<Bulkhead>>);

/// What came of asking for a place.
#[derive(Debug)]
pub(crate) enum Entry {
    /// There was one.
    Now(Place),
    /// There will be one when those before are served.
    Later(Receiver<Place>),
    /// There is none, and the queue is full.
    Never,
}

impl Bulkhead {
    /// Asks for a place among `limit`, or for one of `pending` places in the queue.
    pub(crate) fn enter(self: &Arc<Self>, limit: u32, pending: u32) -> Entry {
        if self.limit.load(Ordering::Relaxed) != limit {
            self.limit.store(limit, Ordering::SeqCst);
        }
        // Nobody overtakes those who wait.
        if self.waiting() == 0 && self.take() {
            return Entry::Now(Place(Some(Arc::clone(self))));
        }
        let receiver = {
            let mut queue = self.lock();
            if queue.len() >= pending as usize {
                // Who has gone away is still in it.
                queue.retain(|waiting| !waiting.is_closed());
            }
            if queue.len() >= pending as usize {
                self.tell(&queue);
                None
            } else {
                let (sender, receiver) = channel();
                queue.push_back(sender);
                self.tell(&queue);
                Some(receiver)
            }
        };
        // A place may have come free just before we were in the queue.
        self.serve();
        match receiver {
            None => Entry::Never,
            Some(mut receiver) => match receiver.try_recv() {
                Ok(place) => Entry::Now(place),
                Err(_) => Entry::Later(receiver),
            },
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::SeqCst)
    }

    fn take(&self) -> bool {
        let limit = self.limit.load(Ordering::SeqCst);
        let more = |count| (count < limit).then_some(count + 1);
        self.under_way.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Gives free places to those who wait.
    fn serve(self: &Arc<Self>) {
        while self.waiting() > 0 && self.take() {
            let first = {
                let mut queue = self.lock();
                let first = queue.pop_front();
                self.tell(&queue);
                first
            };
            let place = Place(Some(Arc::clone(self)));
            let unwanted = match first {
                Some(first) => first.send(place).err(),
                None => Some(place),
            };
            if let Some(mut place) = unwanted {
                // Given back here, because giving it back serves the queue, which is done already.
                place.0 = None;
                self.under_way.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    fn tell(&self, queue: &VecDeque<Sender<Place>>) {
        self.waiting.store(u32::try_from(queue.len()).unwrap_or(u32::MAX), Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sender<Place>>> {
        // Nothing that is done under the lock can panic half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    /// Hands the place on. That is more than to count, and still belongs here: an exchange ends in many
    /// ways, its task being dropped among them, and a place that only became free would leave those
    /// who wait in the queue with nobody to look at it. It neither fails nor waits for long: the
    /// queue's lock is held for a push or a pop.
    fn drop(&mut self) {
        if let Some(bulkhead) = self.0.take() {
            bulkhead.under_way.fetch_sub(1, Ordering::SeqCst);
            bulkhead.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use std::thread;

    use super::*;
    use crate::balance::random::Random;

    /// No more are under way than may be, whoever came first is served first, no place is lost.
    #[test]
    fn places_are_kept_in_order_and_none_is_lost() {
        for seed in 0..3000 {
            let mut random = Random::new(seed);
            let bulkhead = Arc::new(Bulkhead::default());
            let mut limit = 1 + random.below(8) as u32;
            let pending = random.below(8) as u32;
            let mut inside: Vec<Place> = Vec::new();
            let mut queue: VecDeque<(u32, Receiver<Place>)> = VecDeque::new();
            let mut served = 0;
            for number in 1..200 {
                match random.below(10) {
                    0..5 => match bulkhead.enter(limit, pending) {
                        Entry::Now(place) => {
                            // With a higher limit those who waited came in with this one.
                            for (number, mut receiver) in queue.drain(..) {
                                assert!(number > served, "seed {seed}: out of order");
                                served = number;
                                inside.push(receiver.try_recv().expect("nobody is overtaken"));
                            }
                            inside.push(place);
                        }
                        Entry::Later(place) => queue.push_back((number, place)),
                        Entry::Never => assert!(queue.len() >= pending as usize, "seed {seed}"),
                    },
                    5..8 if !inside.is_empty() => {
                        let place = random.below(inside.len() as u64) as usize;
                        drop(inside.swap_remove(place));
                    }
                    8 if !queue.is_empty() => {
                        let place = random.below(queue.len() as u64) as usize;
                        drop(queue.remove(place));
                    }
                    9 if random.below(4) == 0 => limit = 1 + random.below(8) as u32,
                    _ => {}
                }
                while let Some((number, receiver)) = queue.front_mut() {
                    let Ok(place) = receiver.try_recv() else { break };
                    assert!(*number > served, "seed {seed}: out of order");
                    served = *number;
                    inside.push(place);
                    queue.pop_front();
                }
                assert_eq!(bulkhead.under_way() as usize, inside.len(), "seed {seed}");
            }
            drop(inside);
            for (_, mut receiver) in queue {
                assert!(receiver.try_recv().is_ok(), "seed {seed}: forgotten in the queue");
            }
            assert_eq!((bulkhead.under_way(), bulkhead.waiting()), (0, 0), "seed {seed}");
        }
    }

    #[test]
    fn workers_share_the_places() {
        let bulkhead = Arc::new(Bulkhead::default());
        let most = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..3000 {
                        let place = match bulkhead.enter(2, 10) {
                            Entry::Now(place) => place,
                            Entry::Later(receiver) => receiver.blocking_recv().unwrap(),
                            Entry::Never => continue,
                        };
                        most.fetch_max(bulkhead.under_way(), Ordering::SeqCst);
                        drop(place);
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "2, and one that is handed on");
        assert_eq!((bulkhead.under_way(), bulkhead.waiting()), (0, 0));
    }
}

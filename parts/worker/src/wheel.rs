//! Deadlines by the thousand, kept by a coarse timer wheel: setting one is a store, and nothing
//! is done for those that never come.
//!
//! A deadline that is put off stays in the slot it is in and is looked at there; only one that is
//! drawn nearer than its slot moves. So the usual life of a connection (a request, an answer, a
//! rest) touches the wheel a few times a minute, not a few times a request.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::TICK;

const SLOTS: u64 = 512;
const NONE: u32 = u32::MAX;
const OFF: u64 = u64::MAX;

#[derive(Debug)]
struct Entry {
    /// The tick at which it expires.
    deadline: u64,
    /// The tick of the slot it is in; `OFF` when it is in none.
    queued: u64,
    next: u32,
    previous: u32,
    waker: Option<Waker>,
}

/// The deadlines of one worker.
#[derive(Debug)]
pub struct Wheel {
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    now: u64,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The first entry of each slot.
    slots: Vec<u32>,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl Wheel {
    /// A wheel at time zero.
    #[must_use]
    pub fn new() -> Self {
        let slots = (0..SLOTS).map(|_| NONE).collect();
        Self { state: RefCell::new(State { now: 0, entries: Vec::new(), free: Vec::new(), slots }) }
    }

    /// A deadline that is off.
    #[must_use]
    pub fn deadline(wheel: &Rc<Self>) -> Deadline {
        let index = wheel.state.borrow_mut().enter();
        Deadline { wheel: Rc::clone(wheel), index }
    }

    /// Says how much time has passed since the wheel was made, and wakes whoever is late.
    pub fn advance(&self, passed: Duration) {
        let target = u64::try_from(passed.as_millis() / TICK.as_millis()).unwrap_or(OFF - 1);
        loop {
            // Wakers run without the borrow: waking may drop a task, and with it a deadline.
            let late = {
                let mut state = self.state.borrow_mut();
                if state.now >= target {
                    return;
                }
                if state.is_empty() {
                    state.now = target;
                    return;
                }
                state.step()
            };
            late.into_iter().for_each(Waker::wake);
        }
    }
}

impl Wheel {
    /// Whether nobody has a deadline.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.borrow().is_empty()
    }

    /// Wakes every task that waits for a deadline, as if something had happened.
    pub fn wake_all(&self) {
        let wakers: Vec<Waker> = self
            .state
            .borrow_mut()
            .entries
            .iter_mut()
            .filter_map(|entry| entry.waker.take())
            .collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn enter(&mut self) -> u32 {
        let entry = Entry { deadline: OFF, queued: OFF, next: NONE, previous: NONE, waker: None };
        if let Some(index) = self.free.pop() {
            if let Some(place) = self.entry(index) {
                *place = entry;
            }
            return index;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
    }

    fn is_empty(&self) -> bool {
        self.entries.len() == self.free.len()
    }

    fn leave(&mut self, index: u32) {
        self.unlink(index);
        if let Some(entry) = self.entry(index) {
            entry.waker = None;
            entry.deadline = OFF;
            self.free.push(index);
        }
    }

    fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }

    fn slot(&mut self, tick: u64) -> Option<&mut u32> {
        usize::try_from(tick % SLOTS).ok().and_then(|slot| self.slots.get_mut(slot))
    }

    fn set(&mut self, index: u32, deadline: u64) {
        let nearer = match self.entry(index) {
            Some(entry) => {
                entry.deadline = deadline;
                deadline < entry.queued
            }
            None => false,
        };
        if nearer {
            self.unlink(index);
            self.link(index, deadline);
        }
    }

    /// Puts an entry in the slot of its deadline, or in the farthest one there is.
    fn link(&mut self, index: u32, deadline: u64) {
        let tick = deadline.clamp(self.now + 1, self.now + SLOTS - 1);
        let Some(first) = self.slot(tick).map(|first| std::mem::replace(first, index)) else {
            return;
        };
        if let Some(entry) = self.entry(index) {
            entry.queued = tick;
            entry.next = first;
            entry.previous = NONE;
        }
        if let Some(entry) = self.entry(first) {
            entry.previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entry(index) else { return };
        if entry.queued == OFF {
            return;
        }
        let (next, previous, tick) = (entry.next, entry.previous, entry.queued);
        entry.queued = OFF;
        if let Some(entry) = self.entry(next) {
            entry.previous = previous;
        }
        if let Some(entry) = self.entry(previous) {
            entry.next = next;
        } else if let Some(first) = self.slot(tick) {
            *first = next;
        }
    }

    /// One tick: the wakers of those that are late now.
    fn step(&mut self) -> Vec<Waker> {
        self.now += 1;
        let now = self.now;
        let mut late = Vec::new();
        let mut index = self.slot(now).map_or(NONE, |first| *first);
        while let Some(entry) = self.entry(index) {
            let current = index;
            index = entry.next;
            let deadline = entry.deadline;
            if deadline <= now {
                late.extend(entry.waker.take());
            }
            self.unlink(current);
            if deadline > now && deadline != OFF {
                self.link(current, deadline);
            }
        }
        late
    }
}

/// The ticks that this long a time takes, the last one whole. (Without the numbers of 128 bits of
/// [`Duration::as_millis`]: this is done several times for each request.)
fn ticks(after: Duration) -> u64 {
    const TICKS_PER_SECOND: u64 = 1_000_000_000 / TICK_NANOS as u64;
    const TICK_NANOS: u32 = TICK.subsec_nanos();
    let part = after.subsec_nanos().div_ceil(TICK_NANOS);
    after.as_secs().saturating_mul(TICKS_PER_SECOND).saturating_add(u64::from(part))
}

/// A moment after which something must not go on waiting.
#[derive(Debug)]
pub struct Deadline {
    wheel: Rc<Wheel>,
    index: u32,
}

impl Deadline {
    /// Sets it so far from now, or turns it off. It comes at most two ticks late and never early.
    pub fn set(&self, after: Option<Duration>) {
        let mut state = self.wheel.state.borrow_mut();
        let deadline =
            after.map_or(OFF, |after| state.now.saturating_add(ticks(after)).saturating_add(1));
        state.set(self.index, deadline);
    }

    /// Whether the moment has come. If not, the task is woken when it does.
    #[must_use]
    pub fn has_come(&self, context: &Context<'_>) -> bool {
        let mut state = self.wheel.state.borrow_mut();
        let now = state.now;
        let Some(entry) = state.entry(self.index) else { return false };
        if entry.deadline <= now {
            return true;
        }
        let known = entry.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if !known {
            entry.waker = Some(context.waker().clone());
        }
        false
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.wheel.state.borrow_mut().leave(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Random deadlines, set again and again, against the plain definition.
    #[test]
    fn a_deadline_comes_when_it_should_and_not_before() {
        for seed in 1..64_u64 {
            let mut random = seed;
            let mut next = move |below: u64| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) % below
            };
            let wheel = Rc::new(Wheel::new());
            let woken = Arc::new(Count::default());
            let waker = Waker::from(Arc::clone(&woken));
            let context = Context::from_waker(&waker);
            let mut deadlines: Vec<(Deadline, Option<u64>)> = Vec::new();
            let mut now = 0;
            for _ in 0..2000 {
                match next(5) {
                    0 => deadlines.push((Wheel::deadline(&wheel), None)),
                    1 if !deadlines.is_empty() => {
                        let at = usize::try_from(next(deadlines.len() as u64)).unwrap();
                        drop(deadlines.swap_remove(at));
                    }
                    2 if !deadlines.is_empty() => {
                        let at = usize::try_from(next(deadlines.len() as u64)).unwrap();
                        let after = [None, Some(next(100)), Some(next(60_000))]
                            [usize::try_from(next(3)).unwrap()];
                        deadlines[at].0.set(after.map(Duration::from_millis));
                        deadlines[at].1 = after.map(|after| now + after);
                        let _armed = deadlines[at].0.has_come(&context);
                    }
                    _ => {
                        now += next(3000);
                        let before = woken.0.load(Ordering::Relaxed);
                        let pending = deadlines
                            .iter()
                            .filter(|(deadline, _)| !deadline.has_come(&context))
                            .count();
                        wheel.advance(Duration::from_millis(now));
                        let still = deadlines
                            .iter()
                            .filter(|(deadline, _)| !deadline.has_come(&context))
                            .count();
                        let woke = woken.0.load(Ordering::Relaxed) - before;
                        assert_eq!(
                            woke,
                            pending - still,
                            "each one that came woke its task, seed {seed}"
                        );
                    }
                }
                for (deadline, at) in &deadlines {
                    let come = deadline.has_come(&context);
                    let early = at.is_none_or(|at| now < at);
                    let overdue = at.is_some_and(|at| now >= at + 2 * 20 + 20);
                    assert!(!(come && early), "early, seed {seed}");
                    assert!(come || !overdue, "late, seed {seed}");
                }
            }
        }
    }
}

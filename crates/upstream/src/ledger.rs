//! What all workers know together of how one service fares. It outlives plans and is found by the
//! service's name.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::adaptive::{Adaptive, Bounds, Observed};
use crate::breaker::{Breaker, Change, Grade, Pass, State, Terms};
use crate::budget::{Allowance, Budget};
use crate::bulkhead::{Bulkhead, Entry, Most, Room};
use crate::destination::Destination;

/// Requests that one worker counts by itself before it tells the others.
const UNTOLD_MAX: u32 = 32;

/// Sentences that wait to be said; later ones are lost.
const NEWS_MAX: usize = 256;

/// The ledgers of all services.
#[derive(Debug, Default)]
pub struct Ledgers {
    ledgers: Mutex<HashMap<Arc<str>, Arc<Ledger>>>,
    news: Arc<Mutex<Vec<String>>>,
}

/// How one service stands at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Its breaker, if it has one.
    pub breaker: Option<BreakerState>,
    /// Its requests, if there is a limit for them.
    pub limits: Option<Crowd>,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everybody is let through.
    Closed,
    /// Some are, to see how they fare.
    HalfOpen,
    /// Nobody is.
    Open,
}

/// The requests of a service that limits them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// How many may be under way now.
    pub limit: u32,
    /// Whether that moves by itself.
    pub is_adaptive: bool,
    /// How many are under way.
    pub requests: u32,
    /// How many wait for their turn.
    pub pending: u32,
    /// How many were sent away so far, at once or after a wait.
    pub sent_away: u64,
}

/// What all workers know together of one service.
#[derive(Debug)]
struct Ledger {
    name: Arc<str>,
    opened: Instant,
    budget: Mutex<Budget>,
    breaker: Mutex<Breaker>,
    /// The breaker's epoch above, and whether it is not closed in the lowest bit: while it is closed
    /// nobody needs its lock to be let through.
    gate: AtomicU32,
    bulkhead: Arc<Bulkhead>,
    adaptive: Mutex<Adaptive>,
    /// How many it lets through now; 0 if it was never asked.
    limit: AtomicU32,
    /// Requests that got no place.
    sent_away: AtomicU64,
    news: Arc<Mutex<Vec<String>>>,
}

/// One worker's access to the ledger of a service.
#[derive(Debug)]
pub struct Clerk {
    ledger: Arc<Ledger>,
    /// Requests that the ledger does not know of yet.
    untold: Cell<u32>,
    /// Attempts that went well and that the breaker does not know of yet.
    untold_well: Cell<u32>,
}

/// Leave to try once.
#[derive(Debug)]
pub(crate) struct Leave<'a> {
    clerk: &'a Clerk,
    terms: &'a Terms,
    /// Taken when the attempt has ended.
    pass: Option<Pass>,
    began: Instant,
}

impl Ledgers {
    /// Access to the ledger of the service of this name, which is opened if there is none. Takes a
    /// lock: to be called once for each plan.
    pub fn clerk(&self, name: &Arc<str>) -> Clerk {
        let mut ledgers = lock(&self.ledgers);
        let open = || {
            Arc::new(Ledger {
                name: Arc::clone(name),
                opened: Instant::now(),
                budget: Mutex::default(),
                breaker: Mutex::default(),
                gate: AtomicU32::new(0),
                bulkhead: Arc::default(),
                adaptive: Mutex::default(),
                limit: AtomicU32::new(0),
                sent_away: AtomicU64::new(0),
                news: Arc::clone(&self.news),
            })
        };
        let ledger = ledgers.entry(Arc::clone(name)).or_insert_with(open);
        Clerk { ledger: Arc::clone(ledger), untold: Cell::new(0), untold_well: Cell::new(0) }
    }

    /// Forgets the ledgers of services that are no more.
    pub fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        lock(&self.ledgers).retain(|name, _| is_kept(name));
    }

    /// How a service stands; `None` if it has neither breaker nor limits. Takes locks that requests
    /// take too, for a moment.
    #[must_use]
    pub fn read(&self, destination: &Destination) -> Option<Reading> {
        let Destination { name, breaker, room, .. } = destination;
        if !destination.is_limited() {
            return None;
        }
        // One that nobody has asked yet has no ledger.
        let ledger = lock(&self.ledgers).get(name).cloned();
        let ledger = ledger.as_deref();
        Some(Reading {
            breaker: breaker.is_some().then(|| ledger.map_or(BreakerState::Closed, Ledger::state)),
            limits: room.as_ref().map(|room| Crowd::read(room, ledger)),
        })
    }

    /// What changed since the last call, as sentences for the operator.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.news))
    }
}

impl Clerk {
    /// Counts a request. Other workers learn of it a little later, so that they never wait for
    /// each other here.
    pub(crate) fn offer(&self, now: Instant) {
        self.untold.set(self.untold.get() + 1);
        if self.untold.get() < UNTOLD_MAX {
            return;
        }
        match self.ledger.budget.try_lock() {
            Ok(mut budget) => self.tell(&mut budget, now),
            Err(TryLockError::Poisoned(poisoned)) => self.tell(&mut poisoned.into_inner(), now),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Takes a retry out of the budget; false if none is left.
    pub(crate) fn draw(&self, allowance: Allowance, now: Instant) -> bool {
        let mut budget = lock(&self.ledger.budget);
        self.tell(&mut budget, now);
        budget.draw(allowance, now.saturating_duration_since(self.ledger.opened))
    }

    /// Whether there is a retry left in the budget, which is not taken.
    pub(crate) fn has_left(&self, allowance: Allowance, now: Instant) -> bool {
        let mut budget = lock(&self.ledger.budget);
        self.tell(&mut budget, now);
        budget.has_left(allowance, self.ledger.since(now))
    }

    /// Takes a retry out of the budget that was made already.
    pub(crate) fn pay(&self, now: Instant) {
        lock(&self.ledger.budget).pay(self.ledger.since(now));
    }

    /// Asks for a place among the requests under way.
    pub(crate) fn enter(&self, room: &Room) -> Entry {
        let limit = limit(room, self.ledger.limit.load(Ordering::Relaxed));
        self.ledger.bulkhead.enter(limit, room.pending)
    }

    /// Counts a request that got no place.
    pub(crate) fn turned_away(&self) {
        self.ledger.sent_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes in how a request fared that had a place.
    pub(crate) fn learn(&self, bounds: &Bounds, took: Option<Duration>, overloaded: bool) {
        // One that comes while another worker tells its own is not missed: they are samples.
        let mut adaptive = match self.ledger.adaptive.try_lock() {
            Ok(adaptive) => adaptive,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let under_way = self.ledger.bulkhead.under_way();
        let observed = Observed { took, overloaded, under_way };
        adaptive.note(bounds, observed, self.ledger.since(Instant::now()));
        let limit = adaptive.limit(bounds);
        if self.ledger.limit.load(Ordering::Relaxed) != limit {
            self.ledger.limit.store(limit, Ordering::Relaxed);
        }
    }

    /// Whether the breaker would refuse an attempt now.
    pub(crate) fn is_denied(&self, now: Instant) -> bool {
        if self.ledger.gate.load(Ordering::Acquire) & 1 == 0 {
            return false;
        }
        match lock(&self.ledger.breaker).state() {
            State::Open { until } => self.ledger.since(now) < until,
            State::Closed | State::Trying { .. } => false,
        }
    }

    /// Asks the breaker for leave to try once.
    ///
    /// # Errors
    /// How long to stay away.
    pub(crate) fn admit<'a>(
        &'a self,
        terms: &'a Terms,
    ) -> Result<(Leave<'a>, Option<Change>), Duration> {
        let began = Instant::now();
        let gate = self.ledger.gate.load(Ordering::Acquire);
        let (pass, change) = if gate & 1 == 0 {
            (Pass::free(gate >> 1), None)
        } else {
            let mut breaker = lock(&self.ledger.breaker);
            let admitted = breaker.admit(terms, self.ledger.since(began))?;
            self.ledger.changed(&breaker, admitted.1);
            admitted
        };
        Ok((Leave { clerk: self, terms, pass: Some(pass), began }, change))
    }

    fn tell(&self, budget: &mut Budget, now: Instant) {
        budget.offer(self.untold.take(), now.saturating_duration_since(self.ledger.opened));
    }
}

impl Ledger {
    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    fn state(&self) -> BreakerState {
        match lock(&self.breaker).state() {
            State::Closed => BreakerState::Closed,
            State::Trying { .. } => BreakerState::HalfOpen,
            State::Open { .. } => BreakerState::Open,
        }
    }

    /// Makes known what became of the breaker.
    fn changed(&self, breaker: &Breaker, change: Option<Change>) {
        let Some(change) = change else { return };
        let closed = breaker.state() == State::Closed;
        self.gate.store(breaker.epoch() << 1 | u32::from(!closed), Ordering::Release);
        let mut news = lock(&self.news);
        if news.len() < NEWS_MAX {
            news.push(format!("the breaker of service {} {}", self.name, change.news()));
        }
    }
}

impl Crowd {
    /// `ledger`: none if nobody was let in yet.
    fn read(room: &Room, ledger: Option<&Ledger>) -> Self {
        let found = ledger.map_or(0, |ledger| ledger.limit.load(Ordering::Relaxed));
        Self {
            limit: limit(room, found),
            is_adaptive: matches!(room.most, Most::Adaptive(_)),
            requests: ledger.map_or(0, |ledger| ledger.bulkhead.under_way()),
            pending: ledger.map_or(0, |ledger| ledger.bulkhead.waiting()),
            sent_away: ledger.map_or(0, |ledger| ledger.sent_away.load(Ordering::Relaxed)),
        }
    }
}

/// How many may be under way; `found`: what an adaptive limit has come to, 0 if nothing yet.
fn limit(room: &Room, found: u32) -> u32 {
    match &room.most {
        Most::Fixed(requests) => *requests,
        Most::Adaptive(bounds) => bounds.within(found),
    }
}

impl Leave<'_> {
    /// Tells how the attempt went; `slow` answers are counted by the time that it took.
    pub(crate) fn end(mut self, grade: Grade) -> Option<Change> {
        let now = Instant::now();
        let slow = self.terms.slow.is_some_and(|slow| now - self.began >= slow);
        let grade = if grade == Grade::Well && slow { Grade::Slow } else { grade };
        self.note(grade, now)
    }

    fn note(&mut self, grade: Grade, now: Instant) -> Option<Change> {
        let pass = self.pass.take()?;
        let Clerk { ledger, untold_well, .. } = self.clerk;
        let mut breaker = if grade == Grade::Well && !pass.trial {
            // Good news can wait until nobody else is writing.
            match ledger.breaker.try_lock() {
                Ok(breaker) => breaker,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    untold_well.set(untold_well.get() + 1);
                    return None;
                }
            }
        } else {
            lock(&ledger.breaker)
        };
        let at = ledger.since(now);
        breaker.well(self.terms, untold_well.take(), at);
        let change = breaker.note(self.terms, pass, grade, at);
        ledger.changed(&breaker, change);
        change
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        // Whoever left before the end was no trial.
        if self.pass.is_some_and(|pass| pass.trial) {
            self.note(Grade::None, self.began);
        }
    }
}

/// Nothing that is done under these locks can panic half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_what_a_name_stands_for_and_forget_what_is_gone() {
        let ledgers = Ledgers::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let least = Allowance { share: 0.0, per_second_min: 1 };
        let now = Instant::now();
        let drawn = |clerk: &Clerk| (0..5).filter(|_| clerk.draw(least, now)).count();
        assert_eq!(drawn(&ledgers.clerk(&a)), 2);
        assert_eq!(drawn(&ledgers.clerk(&a)), 0, "another worker, or another plan");
        assert_eq!(drawn(&ledgers.clerk(&b)), 2, "another service");
        ledgers.retain(|name| name == "b");
        assert_eq!(drawn(&ledgers.clerk(&a)), 2, "a service of that name that is new");
        assert_eq!(drawn(&ledgers.clerk(&b)), 0);
    }

    #[test]
    fn workers_share_a_breaker_that_outlives_plans() {
        let ledgers = Ledgers::default();
        let name: Arc<str> = "a".into();
        let mut report = yumen_model::report::Report::default();
        let breaker =
            yumen_model::Breaker { consecutive: Some(3), ..yumen_model::Breaker::default() };
        let terms = Terms::compile(&breaker, "", &mut report);
        let (one, other) = (ledgers.clerk(&name), ledgers.clerk(&name));
        let state = |ledgers: &Ledgers| lock(&ledgers.ledgers).get("a").map(|one| one.state());
        for clerk in [&one, &other, &one] {
            assert_eq!(state(&ledgers), Some(BreakerState::Closed));
            let (leave, change) = clerk.admit(&terms).unwrap();
            assert_eq!(change, None);
            leave.end(Grade::Failed);
        }
        assert_eq!(state(&ledgers), Some(BreakerState::Open));
        ledgers.retain(|_| true);
        let wait = ledgers.clerk(&name).admit(&terms).unwrap_err();
        assert!(wait > Duration::from_secs(4) && wait <= Duration::from_secs(5), "{wait:?}");
        assert!(other.is_denied(Instant::now()));
        let news = ledgers.news();
        assert!(news.len() == 1 && news[0].contains("service a opened"), "{news:?}");
        assert!(ledgers.news().is_empty());
    }

    #[test]
    fn what_is_read_is_what_is() {
        let ledgers = Ledgers::default();
        let clerk = ledgers.clerk(&"a".into());
        let room = |limits: yumen_model::ServiceLimits| {
            Room::compile(&limits, "", &mut yumen_model::report::Report::default()).unwrap()
        };
        let pending = 1;
        let fixed = room(yumen_model::ServiceLimits {
            requests: Some(2),
            pending,
            ..yumen_model::ServiceLimits::default()
        });
        let read = |room: &Room, ledger: Option<&Ledger>| {
            let Crowd { limit, is_adaptive, requests, pending, sent_away } =
                Crowd::read(room, ledger);
            (limit, is_adaptive, requests, pending, sent_away)
        };
        assert_eq!(read(&fixed, None), (2, false, 0, 0, 0));
        let held: Vec<Entry> = (0..4).map(|_| clerk.enter(&fixed)).collect();
        assert!(matches!(held.last(), Some(Entry::Never)));
        clerk.turned_away();
        assert_eq!(read(&fixed, Some(&clerk.ledger)), (2, false, 2, 1, 1));
        drop(held);
        // Another plan, another kind of limit.
        let adaptive = yumen_model::AdaptiveLimit::default();
        let adaptive = room(yumen_model::ServiceLimits {
            adaptive: Some(adaptive),
            pending,
            ..yumen_model::ServiceLimits::default()
        });
        assert_eq!(read(&adaptive, Some(&clerk.ledger)), (20, true, 0, 0, 1));
        clerk.ledger.limit.store(33, Ordering::Relaxed);
        assert_eq!(read(&adaptive, Some(&clerk.ledger)), (33, true, 0, 0, 1));
    }

    #[test]
    fn a_trial_that_is_given_up_is_given_back() {
        let ledgers = Ledgers::default();
        let clerk = ledgers.clerk(&"a".into());
        let terms = Terms {
            window: Duration::from_secs(1),
            attempts_min: 1,
            error_share: 1.0,
            slow: None,
            slow_share: 1.0,
            consecutive: None,
            open: Duration::from_secs(60),
            trials: 1,
        };
        let at_once = Terms { open: Duration::ZERO, ..terms };
        clerk.admit(&at_once).unwrap().0.end(Grade::Failed);
        for _ in 0..3 {
            let (trial, _) = clerk.admit(&terms).unwrap();
            assert!(clerk.admit(&terms).is_err(), "one at a time");
            drop(trial);
        }
        let (trial, _) = clerk.admit(&terms).unwrap();
        assert_eq!(trial.end(Grade::Well), Some(Change::Closed));
    }

    #[test]
    fn a_worker_tells_in_time() {
        let ledgers = Ledgers::default();
        let clerk = ledgers.clerk(&"a".into());
        let share = Allowance { share: 0.5, per_second_min: 0 };
        let now = Instant::now();
        (0..10).for_each(|_| clerk.offer(now));
        assert_eq!((0..20).filter(|_| clerk.draw(share, now)).count(), 5);
        let other = ledgers.clerk(&"a".into());
        (0..UNTOLD_MAX).for_each(|_| other.offer(now));
        assert_eq!((0..99).filter(|_| clerk.draw(share, now)).count(), 16);
    }
}

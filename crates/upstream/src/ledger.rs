//! What all workers know together of how one service fares. It outlives plans and is found by the
//! service's name.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use crate::budget::{Allowance, Budget};

/// Requests that one worker counts by itself before it tells the others.
const UNTOLD_MAX: u32 = 32;

/// The ledgers of all services.
#[derive(Debug, Default)]
pub struct Ledgers(Mutex<HashMap<Arc<str>, Arc<Ledger>>>);

/// What all workers know together of one service.
#[derive(Debug)]
struct Ledger {
    opened: Instant,
    budget: Mutex<Budget>,
}

/// One worker's access to the ledger of a service.
#[derive(Debug)]
pub struct Clerk {
    ledger: Arc<Ledger>,
    /// Requests that the ledger does not know of yet.
    untold: Cell<u32>,
}

impl Ledgers {
    /// Access to the ledger of the service of this name, which is opened if there is none. Takes a
    /// lock: to be called once for each plan.
    pub fn clerk(&self, name: &Arc<str>) -> Clerk {
        let mut ledgers = lock(&self.0);
        let open = || Arc::new(Ledger { opened: Instant::now(), budget: Mutex::default() });
        let ledger = ledgers.entry(Arc::clone(name)).or_insert_with(open);
        Clerk { ledger: Arc::clone(ledger), untold: Cell::new(0) }
    }

    /// Forgets the ledgers of services that are no more.
    pub fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        lock(&self.0).retain(|name, _| is_kept(name));
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

    fn tell(&self, budget: &mut Budget, now: Instant) {
        budget.offer(self.untold.take(), now.saturating_duration_since(self.ledger.opened));
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

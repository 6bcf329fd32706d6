//! One worker's way out: a pool for each service that it has sent something to.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;

use yumen_worker::Worker;

use crate::destination::Destination;
use crate::health::Standings;
use crate::pool::Pool;
use crate::resolve::Names;

/// One worker's way out.
#[derive(Debug)]
pub struct Outbound {
    worker: Worker,
    names: Names,
    standings: Standings,
    pools: RefCell<HashMap<Arc<str>, Rc<Pool>>>,
    random: Cell<u64>,
}

impl Outbound {
    /// A way out without any connection.
    #[must_use]
    pub fn new(worker: Worker, names: Names, standings: Standings) -> Self {
        let seed = RandomState::new().hash_one(worker.index()) | 1;
        let pools = RefCell::default();
        Self { worker, names, standings, pools, random: Cell::new(seed) }
    }

    /// The pool of this service, which follows the given plan of it.
    pub fn pool(&self, destination: &Arc<Destination>) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if let Some(pool) = pools.get(&destination.name) {
            pool.adopt(destination, &self.names);
            return Rc::clone(pool);
        }
        let standings = self.standings.clone();
        let destination = Arc::clone(destination);
        let name = Arc::clone(&destination.name);
        let pool = Rc::new(Pool::new(destination, &self.names, standings, self.random()));
        pools.insert(name, Rc::clone(&pool));
        pool
    }

    /// Forgets the pools of services that are no more.
    pub fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        self.pools.borrow_mut().retain(|name, pool| {
            let kept = is_kept(name);
            if !kept {
                pool.clear();
            }
            kept
        });
    }

    /// How many connections to each service are open.
    pub fn each_open(&self, mut tell: impl FnMut(&str, u64)) {
        self.pools.borrow().iter().for_each(|(name, pool)| tell(name, pool.open_connections()));
    }

    /// Closes idle connections that have been kept long enough; to be called every second or so.
    pub fn sweep(&self) {
        let now = self.worker.unix_seconds();
        self.pools.borrow().values().for_each(|pool| pool.sweep(now));
    }

    /// The worker whose way out this is.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// A random number, good enough for balance (xorshift64*).
    pub(crate) fn random(&self) -> u64 {
        let mut state = self.random.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.random.set(state);
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

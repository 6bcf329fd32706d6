//! One address of a target as one worker sees it: its idle connections and its load.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use yumen_worker::{Deadline, Stream};

use crate::health::Pulse;
use crate::outcome::Outcome;

/// One address of a target.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The target as the `Host` field names it.
    pub(crate) authority: Arc<str>,
    /// The address as text, for logs and for consistent hashing.
    pub(crate) name: Arc<str>,
    /// The most recently used is at the back.
    idle: RefCell<VecDeque<Wire>>,
    /// Connections, idle or not.
    open: Cell<u32>,
    /// Requests under way.
    in_flight: Cell<u32>,
    /// How its attempts fare.
    pub(crate) pulse: Pulse,
}

/// A connection that nobody uses right now.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    pub(crate) deadline: Deadline,
    /// Requests that were sent on it.
    pub(crate) served: u32,
    /// When it was put back, in seconds since 1970.
    pub(crate) since: u64,
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr, authority: Arc<str>) -> Self {
        Self {
            address,
            authority,
            name: address.to_string().into(),
            idle: RefCell::default(),
            open: Cell::new(0),
            in_flight: Cell::new(0),
            pulse: Pulse::default(),
        }
    }

    /// Notes how an attempt ended, once for each. `took` is its time, if that was this endpoint's
    /// alone.
    pub(crate) fn note(&self, outcome: Outcome, took: Option<Duration>) {
        self.pulse.note(outcome, took);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Open connections, idle or not.
    pub(crate) fn open(&self) -> u32 {
        self.open.get()
    }

    /// Whether a request may use a connection of it: an idle one, or one more.
    pub(crate) fn has_room(&self, connections_max: u32) -> bool {
        self.open.get() < connections_max || !self.idle.borrow().is_empty()
    }

    /// Takes an idle connection that is still alive.
    pub(crate) fn take(&self) -> Option<Wire> {
        loop {
            let wire = self.idle.borrow_mut().pop_back()?;
            if wire.stream.is_quiet() {
                return Some(wire);
            }
            self.count_closed();
        }
    }

    /// Puts a connection back; the oldest goes when there are too many.
    pub(crate) fn put(&self, wire: Wire, idle_max: usize) {
        let mut idle = self.idle.borrow_mut();
        idle.push_back(wire);
        while idle.len() > idle_max {
            idle.pop_front();
            self.count_closed();
        }
    }

    /// Closes idle connections that were put back before `before`, and those that the service has
    /// closed.
    pub(crate) fn sweep(&self, before: u64) {
        let mut idle = self.idle.borrow_mut();
        let count = idle.len();
        idle.retain(|wire| wire.since >= before && wire.stream.is_quiet());
        for _ in idle.len()..count {
            self.count_closed();
        }
    }

    /// Closes all idle connections.
    pub(crate) fn clear(&self) {
        let count = std::mem::take(&mut *self.idle.borrow_mut()).len();
        for _ in 0..count {
            self.count_closed();
        }
    }

    pub(crate) fn count_opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    pub(crate) fn count_closed(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

/// A request under way at an endpoint, counted while this exists.
#[derive(Debug)]
pub(crate) struct Flight(Rc<Endpoint>);

impl Flight {
    pub(crate) fn to(endpoint: &Rc<Endpoint>) -> Self {
        endpoint.in_flight.set(endpoint.in_flight.get() + 1);
        Self(Rc::clone(endpoint))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}

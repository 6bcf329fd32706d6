//! What a worker counts with: a handle for each listener, service and route.
//!
//! Cells have one writer, so handles cannot leave the thread that made them (they are not
//! `Send`): the compiler keeps the promise that lets counting do without locks.

use std::{
    cell::RefCell,
    marker::PhantomData,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use yumen_policy::{AttemptEnd, Decided, FailureKind};

use super::{
    Registry, RouteName,
    consumers::Found,
    count::Count,
    histogram::{Histogram, LATENCY, OVERHEAD},
    native::NativeHistogram,
    outcome,
    slots::Slots,
};
use crate::record::{Counted, micros};

/// Makes a type stay on its thread.
type OneThread = PhantomData<Rc<()>>;

/// The metrics of one worker. Finding cells takes a lock for a moment: keep what it returns with
/// the plan, by index, and ask when a name is first used.
#[derive(Debug)]
pub struct WorkerMetrics {
    registry: Arc<Registry>,
    worker: u64,
    consumers: RefCell<Found>,
    one_thread: OneThread,
}

/// Counts exchanges of one route.
#[derive(Debug, Clone)]
pub struct RouteMeter {
    cells: Arc<RouteCells>,
    /// Shared by the routes of a service on a listener; nothing is counted there unless it is wanted.
    natives: Option<Arc<NativeCells>>,
    one_thread: OneThread,
}

/// Counts what one kind of policy decides.
#[derive(Debug, Clone)]
pub struct PolicyMeter {
    cells: Arc<PolicyCells>,
    one_thread: OneThread,
}

/// Counts connections and exchanges of one listener.
#[derive(Debug, Clone)]
pub struct ListenerMeter {
    cells: Arc<ListenerCells>,
    one_thread: OneThread,
}

/// Counts connections and retries of one service.
#[derive(Debug, Clone)]
pub struct ServiceMeter {
    cells: Arc<ServiceCells>,
    one_thread: OneThread,
}

#[derive(Debug, Default)]
pub(super) struct RouteCells {
    pub(super) outcomes: Slots,
    pub(super) total: Histogram,
    pub(super) upstream: Histogram,
    pub(super) overhead: Histogram,
    pub(super) received: Count,
    pub(super) sent: Count,
}

#[derive(Debug, Default)]
pub(super) struct NativeCells {
    pub(super) total: NativeHistogram,
    pub(super) upstream: NativeHistogram,
    pub(super) overhead: NativeHistogram,
}

#[derive(Debug, Default)]
pub(super) struct ListenerCells {
    pub(super) active: Count,
    pub(super) open: Count,
    pub(super) accepted: Count,
    pub(super) turned_away: Count,
    pub(super) flooding: Count,
    pub(super) unsecured: Count,
    pub(super) refused: Slots,
}

#[derive(Debug, Default)]
pub(super) struct ServiceCells {
    pub(super) open: Count,
    pub(super) opened: Count,
    pub(super) reused: Count,
    /// By the place of what was decided in the list of all, from 1.
    pub(super) decisions: Slots,
    /// By the place of how they ended in the list of all, from 1.
    pub(super) attempts: Slots,
    pub(super) breaker: Count,
    pub(super) requests: Count,
    pub(super) pending: Count,
    pub(super) limit: Count,
}

#[derive(Debug, Default)]
pub(super) struct PolicyCells {
    pub(super) passed: Count,
    pub(super) answered: Count,
    /// By the place of the failure in the list of all, from 1.
    pub(super) refused: Slots,
    /// The same of those that it only reported.
    pub(super) reported: Slots,
}

impl WorkerMetrics {
    pub(super) fn new(registry: Arc<Registry>, worker: u64) -> Self {
        let consumers = RefCell::default();
        Self { registry, worker, consumers, one_thread: PhantomData }
    }

    /// The cells of a route on a listener. The names of service and route are empty for exchanges
    /// that no route matched.
    pub fn route(&self, listener: &str, service: &str, route: &str) -> RouteMeter {
        let [listener, service, route] = [listener, service, route].map(str::to_owned);
        let natives = self.registry.native.load(Ordering::Relaxed).then(|| {
            let name = (listener.clone(), service.clone());
            self.registry.natives.cells(self.worker, name)
        });
        let name = RouteName { listener, service, route };
        let cells = self.registry.routes.cells(self.worker, name);
        RouteMeter { cells, natives, one_thread: PhantomData }
    }

    /// Counts an exchange of a consumer after its end, if they are counted.
    pub fn consumer(&self, name: &str, counted: &Counted<'_>) {
        let all = &self.registry.consumers;
        if all.are_counted() {
            self.consumers.borrow_mut().count(all, self.worker, name, counted);
        }
    }

    /// The cells of a kind of policy.
    pub fn policy(&self, kind: &'static str) -> PolicyMeter {
        let cells = self.registry.policies.cells(self.worker, kind);
        PolicyMeter { cells, one_thread: PhantomData }
    }

    /// The cells of a listener.
    pub fn listener(&self, name: &str) -> ListenerMeter {
        ListenerMeter {
            cells: self.registry.listeners.cells(self.worker, name.to_owned()),
            one_thread: PhantomData,
        }
    }

    /// The cells of a service.
    pub fn service(&self, name: &str) -> ServiceMeter {
        ServiceMeter {
            cells: self.registry.services.cells(self.worker, name.to_owned()),
            one_thread: PhantomData,
        }
    }
}

impl RouteMeter {
    /// Counts one exchange after its end: method, status, source, times and sizes of the record.
    pub fn count<'a>(&self, counted: impl Into<Counted<'a>>) {
        let Counted { method, status, source, times, received, sent } = counted.into();
        let cells = &*self.cells;
        cells.outcomes.count(outcome::key(method, status, source));
        cells.total.observe(&LATENCY, micros(times.total));
        if let Some(upstream) = times.upstream {
            cells.upstream.observe(&LATENCY, micros(upstream));
        }
        cells.overhead.observe(&OVERHEAD, micros(times.overhead));
        cells.received.add(received.whole());
        cells.sent.add(sent.whole());
        if let Some(natives) = &self.natives {
            natives.total.observe(micros(times.total));
            if let Some(upstream) = times.upstream {
                natives.upstream.observe(micros(upstream));
            }
            natives.overhead.observe(micros(times.overhead));
        }
    }
}

impl PolicyMeter {
    /// It let an exchange go on.
    pub fn passed(&self) {
        self.cells.passed.add(1);
    }

    /// It answered.
    pub fn answered(&self) {
        self.cells.answered.add(1);
    }

    /// It would have refused with this failure, and only reports.
    pub fn reported(&self, failure: FailureKind) {
        let place = FailureKind::ALL.iter().position(|one| *one == failure).unwrap_or(0);
        self.cells.reported.count(u16::try_from(place + 1).unwrap_or(u16::MAX));
    }

    /// It refused, with this failure.
    pub fn refused(&self, failure: FailureKind) {
        let place = FailureKind::ALL.iter().position(|one| *one == failure).unwrap_or(0);
        self.cells.refused.count(u16::try_from(place + 1).unwrap_or(u16::MAX));
    }
}

impl ListenerMeter {
    /// A connection was accepted.
    pub fn connection_opened(&self) {
        self.cells.accepted.add(1);
        self.cells.open.add(1);
    }

    /// A connection that was accepted is gone. Called once for each
    /// [`ListenerMeter::connection_opened`].
    pub fn connection_closed(&self) {
        self.cells.open.subtract(1);
    }

    /// A connection was closed at once, because there were too many.
    pub fn connection_turned_away(&self) {
        self.cells.turned_away.add(1);
    }

    /// A connection was cut because of a flood of frames.
    pub fn connection_flooding(&self) {
        self.cells.flooding.add(1);
    }

    /// A connection was closed because there was no TLS handshake.
    pub fn handshake_failed(&self) {
        self.cells.unsecured.add(1);
    }

    /// An exchange began.
    pub fn request_began(&self) {
        self.cells.active.add(1);
    }

    /// An exchange ended. Called once for each [`ListenerMeter::request_began`].
    pub fn request_ended(&self) {
        self.cells.active.subtract(1);
    }

    /// A request was answered with `status` without becoming an exchange: it could not be read, or
    /// not in time. Status 0: without an answer.
    pub fn request_refused(&self, status: u16) {
        self.cells.refused.count(outcome::code_key(status));
    }
}

impl ServiceMeter {
    /// A connection to a target was made.
    pub fn connection_opened(&self) {
        self.cells.opened.add(1);
    }

    /// So many connections to targets are open now.
    pub fn connections_open(&self, count: u64) {
        self.cells.open.set(count);
    }

    /// A request was sent over a connection that had served one before.
    pub fn connection_reused(&self) {
        self.cells.reused.add(1);
    }

    /// How the service stands: its breaker (0 closed, 1 half open, 2 open), its limited requests,
    /// those that wait, and the limit (0: none). To be told by one worker for all.
    pub fn reading(&self, breaker: u64, requests: u64, pending: u64, limit: u64) {
        self.cells.breaker.set(breaker);
        self.cells.requests.set(requests);
        self.cells.pending.set(pending);
        self.cells.limit.set(limit);
    }

    /// An attempt ended like this; `None` if it was called off.
    pub fn attempted(&self, end: Option<AttemptEnd>) {
        let place = end.map_or(AttemptEnd::CALLED_OFF_PLACE, AttemptEnd::place);
        self.cells.attempts.count(u16::try_from(place + 1).unwrap_or(u16::MAX));
    }

    /// Something was decided on the way of a request to a target.
    pub fn decided(&self, what: Decided) {
        let place = Decided::ALL.iter().position(|one| *one == what).unwrap_or(0);
        self.cells.decisions.count(u16::try_from(place + 1).unwrap_or(u16::MAX));
    }
}

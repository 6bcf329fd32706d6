//! The corridor: one exchange through the rooms, and the swap of plans.
//!
//! [`Engine`] is one worker's; all workers share a [`Present`], which holds the plan of the moment.

mod bound;
mod fail;
mod ids;
mod note;
mod remember;
mod secured;
mod tarpit;
mod traced;
mod walk;

pub use bound::Present;

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use yumen_http::{Fields, Refusal, Response, grpc};
use yumen_listen::{ConnectionEvent, Door, End, Serve};
use yumen_observe::{Exporter, ListenerMeter, LogBuffer, Memory, SpanBuffer, Taps, WorkerMetrics};
use yumen_plan::Plan;
use yumen_policy::{Client, Exchange, Failure, FailureKind};
use yumen_upstream::{Destination, Outbound, Place};

use crate::bound::{Bound, Stand};
use crate::ids::Ids;
use crate::remember::Recorder;
use crate::tarpit::Tarpit;

/// One worker's engine.
#[derive(Debug)]
pub struct Engine {
    present: Arc<Present>,
    outbound: Outbound,
    metrics: WorkerMetrics,
    log: RefCell<LogBuffer>,
    spans: RefCell<SpanBuffer>,
    onlookers: Onlookers,
    bound: RefCell<Rc<Bound>>,
    /// Few, so that going through them is faster than hashing.
    listeners: RefCell<Vec<(Arc<str>, Rc<ListenerMeter>)>>,
    ids: Ids,
    tarpit: RefCell<Tarpit>,
}

/// Who may want to know of single exchanges.
#[derive(Debug, Clone)]
pub struct Onlookers {
    /// Those who listen to the log live.
    pub taps: Arc<Taps>,
    /// What this worker remembers.
    pub memory: Arc<Memory>,
    /// How many workers share what there is room for.
    pub workers: usize,
    /// Where spans go.
    pub exporter: Arc<Exporter>,
}

/// What the engine remembers of an exchange until its end.
#[derive(Debug, Default)]
pub struct Mark {
    /// The plan that the exchange began under.
    bound: Option<Rc<Bound>>,
    /// Where it is in that.
    stand: Option<Stand>,
    listener: Option<Rc<ListenerMeter>>,
    /// Its place among the requests of its service, if those are limited.
    place: Option<Place>,
    /// The fields of the answer, if somebody wants to write them down.
    answered: Option<Box<Fields>>,
    /// Watches its policies, if that is wanted.
    recorder: Option<Box<Recorder>>,
}

impl Engine {
    /// An engine that runs what is present.
    #[must_use]
    pub fn new(
        present: Arc<Present>,
        outbound: Outbound,
        metrics: WorkerMetrics,
        log: LogBuffer,
        onlookers: Onlookers,
    ) -> Self {
        let bound = RefCell::new(Rc::new(Bound::new(&present)));
        Self {
            present,
            outbound,
            metrics,
            log: RefCell::new(log),
            spans: RefCell::new(SpanBuffer::new(Arc::clone(&onlookers.exporter))),
            onlookers,
            bound,
            listeners: RefCell::default(),
            ids: Ids::default(),
            tarpit: RefCell::default(),
        }
    }

    /// What is to be done every second or so: closes connections to services that have been idle
    /// for long enough, and hands the access log's lines on.
    pub fn tidy(&self) {
        self.outbound.sweep();
        self.outbound.each_open(|name, count| self.metrics.service(name).connections_open(count));
        self.log.borrow_mut().flush();
        self.spans.borrow_mut().flush();
        // Plans that nobody uses any more are let go of even when no request comes.
        let bound = self.bound();
        self.forget(&bound.plan().remember);
        // What all workers share is shown once.
        if self.outbound.worker().index() == 0 {
            for destination in &bound.plan().limited {
                if let Some(reading) = self.present.ledgers().read(destination) {
                    note::show(&self.metrics.service(&destination.name), reading);
                }
            }
        }
    }

    /// The plan of the moment with this worker's ends of it.
    fn bound(&self) -> Rc<Bound> {
        if !self.bound.borrow().is_of(&self.present) {
            self.bind();
        }
        Rc::clone(&self.bound.borrow())
    }

    /// Takes the plan of the moment up.
    #[cold]
    fn bind(&self) {
        let mut bound = self.bound.borrow_mut();
        let old = std::mem::replace(&mut *bound, Rc::new(Bound::new(&self.present)));
        let plan = bound.plan();
        if self.outbound.worker().index() == 0 {
            self.clear(&old.plan().limited, plan);
        }
        self.outbound.worker().spawn(bound::let_go(old));
        self.outbound.retain(|name| plan.destinations.contains_key(name));
    }

    /// Shows that services which had a breaker or limits have neither any more: nobody reads how those
    /// stand from now on.
    fn clear(&self, limited: &[Arc<Destination>], plan: &Plan) {
        for destination in limited {
            let still = plan.destinations.get(&destination.name);
            if !still.is_some_and(|still| still.is_limited()) {
                self.metrics.service(&destination.name).reading(0, 0, 0, 0);
            }
        }
    }

    /// Waits, if credentials were tried from this address too often.
    async fn hold(&self, address: IpAddr) {
        let wait = self.tarpit.borrow_mut().refused(address, Instant::now());
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
    }

    fn listener(&self, door: &Door) -> Rc<ListenerMeter> {
        let listeners = self.listeners.borrow();
        if let Some((_, meter)) = listeners.iter().find(|(name, _)| *name == door.name) {
            return Rc::clone(meter);
        }
        drop(listeners);
        self.meet(door)
    }

    /// A listener that was not met before.
    #[cold]
    fn meet(&self, door: &Door) -> Rc<ListenerMeter> {
        let meter = Rc::new(self.metrics.listener(&door.name));
        self.listeners.borrow_mut().push((Arc::clone(&door.name), Rc::clone(&meter)));
        meter
    }
}

impl Serve for Engine {
    type Mark = Mark;

    fn next_id(&self) -> [u8; 32] {
        self.ids.next()
    }

    async fn answer(&self, door: &Door, exchange: &mut Exchange, mark: &mut Mark) {
        let bound = self.bound();
        mark.bound = Some(Rc::clone(&bound));
        let listener = self.listener(door);
        listener.request_began();
        mark.listener = Some(listener);
        mark.recorder = remember::recorder(&bound.plan().remember, exchange);
        if let Some(plan) = &bound.plan().tracing {
            traced::begin(plan, door, exchange);
        }
        exchange.response = door.challenge(&exchange.request.head);
        if exchange.response.is_some() {
            return;
        }
        let walked = self.walk(&bound, door, exchange, mark).await;
        match walked.and_then(|response| walk::agreed(exchange, response)) {
            Ok(response) => exchange.response = Some(response),
            Err(failure) => {
                if failure.kind() == FailureKind::Unauthenticated {
                    // In a box, for every exchange would pay for its size.
                    Box::pin(self.hold(exchange.client.address)).await;
                }
                let (head, id) = (&exchange.request.head, exchange.trail.id());
                let response = if grpc::is_call(head) {
                    exchange.trail.watch.grpc_status.set(Some(failure.kind().grpc_status()));
                    fail::respond_to_call(&failure, id)
                } else {
                    fail::respond(&failure, head.fields().first("accept"), id)
                };
                exchange.response = Some(response);
                exchange.trail.give_up(&failure);
                walk::tell_failure(&bound, mark.stand, exchange);
            }
        }
        if let Some(response) = &mut exchange.response {
            if let Some(fields) = exchange.trail.promised() {
                walk::keep_promises(fields, response);
            }
            secured::remember_tls(door, &exchange.client, response);
            if self.log.borrow().wants_answers() || self.onlookers.taps.is_open() {
                mark.answered = Some(Box::new(response.head.fields().clone()));
            }
            if let Some(recorder) = &mark.recorder {
                recorder.tell(response, &exchange.trail.id);
            }
        }
    }

    fn refuse(&self, door: &Door, client: &Client, refusal: Refusal) -> Response {
        let failure = Failure::from(refusal);
        let id = self.ids.next();
        let id = std::str::from_utf8(&id).unwrap_or_default();
        self.note_refused(door, client, &failure, id);
        let mut response = fail::respond(&failure, None, id);
        secured::remember_tls(door, client, &mut response);
        response
    }

    fn ended(&self, door: &Door, exchange: &Exchange, mark: Mark, end: End) {
        if let Some(listener) = &mark.listener {
            listener.request_ended();
        }
        self.note(door, exchange, &mark, end);
    }

    fn unsecured(&self, door: &Door, client: &Client, cause: &str) {
        let failure = Failure::new(FailureKind::TlsExpected).because(cause.to_owned());
        self.note_unsecured(door, client, &failure);
    }

    fn connection(&self, door: &Door, event: ConnectionEvent) {
        let meter = self.listener(door);
        match event {
            ConnectionEvent::Opened => meter.connection_opened(),
            ConnectionEvent::Closed => meter.connection_closed(),
            ConnectionEvent::TurnedAway => meter.connection_turned_away(),
            ConnectionEvent::Flooded => meter.connection_flooding(),
        }
    }
}

//! One address of a target as one worker sees it: its idle connections and its load.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::futures::OwnedNotified;
use yumen_model::Protocol;
use yumen_worker::{Deadline, Stream};

use crate::balance::hash_key;
use crate::health::{Member, Pulse, Standing};
use crate::http2::Trunks;
use crate::seal::Seal;

/// One address of a target.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The target as the `Host` field names it.
    pub(crate) authority: Arc<str>,
    /// What it must prove, if TLS is spoken with it.
    pub(crate) seal: Option<Seal>,
    /// What is spoken with it.
    pub(crate) protocol: Protocol,
    /// The address as text, for logs and for consistent hashing.
    pub(crate) name: Arc<str>,
    /// The hash of its name.
    pub(crate) mark: u64,
    /// The most recently used is at the back.
    idle: RefCell<VecDeque<Wire>>,
    /// Connections, idle or not.
    open: Cell<u32>,
    /// Requests under way.
    in_flight: Cell<u32>,
    /// Connections of HTTP/2, if that may be spoken with it.
    pub(crate) trunks: Option<Rc<Trunks>>,
    /// Set once its health matters: when there are others.
    watch: RefCell<Option<Rc<Watch>>>,
}

/// The ends of an endpoint's health: what all workers are told, what this one has seen.
#[derive(Debug)]
pub(crate) struct Watch {
    member: Arc<Member>,
    pub(crate) pulse: Arc<Pulse>,
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
    pub(crate) fn new(
        address: SocketAddr,
        authority: Arc<str>,
        seal: Option<Seal>,
        protocol: Protocol,
    ) -> Self {
        let trunks = match protocol {
            Protocol::Http2 => Some(Rc::new(Trunks::new(true))),
            Protocol::Auto if seal.is_some() => Some(Rc::new(Trunks::new(false))),
            Protocol::Auto | Protocol::Http1 => None,
        };
        let name: Arc<str> = address.to_string().into();
        Self {
            address,
            authority,
            seal,
            protocol,
            trunks,
            mark: hash_key(name.as_bytes()),
            name,
            idle: RefCell::default(),
            open: Cell::new(0),
            in_flight: Cell::new(0),
            watch: RefCell::default(),
        }
    }

    /// From now on its health matters, as all workers share it.
    pub(crate) fn watch(&self, member: Arc<Member>) {
        let mut watch = self.watch.borrow_mut();
        if watch.as_ref().is_none_or(|watch| !Arc::ptr_eq(&watch.member, &member)) {
            *watch = Some(Rc::new(Watch { pulse: member.pulse(), member }));
        }
    }

    /// Whether its health matters.
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.borrow().is_some()
    }

    /// Whether it answers nobody while others do.
    pub(crate) fn is_deserted(&self) -> bool {
        self.watch.borrow().as_ref().is_some_and(|watch| watch.member.is_deserted())
    }

    /// Comes when it is said, or said again, that it answers nobody.
    pub(crate) fn leaving(&self) -> Option<OwnedNotified> {
        self.watch.borrow().as_ref().map(|watch| watch.member.leaving())
    }

    /// The ends of its health, if anybody wants to know.
    pub(crate) fn watched(&self) -> Option<Rc<Watch>> {
        self.watch.borrow().clone()
    }

    /// Whether a request that could go elsewhere may come here. `draw` is the request's number
    /// where only a part of them may.
    pub(crate) fn is_welcoming(&self, draw: u64) -> bool {
        let watch = self.watch.borrow();
        let Some(member) = watch.as_ref().map(|watch| &watch.member) else { return true };
        match member.standing() {
            Standing::Open { share: Standing::WHOLE } => true,
            Standing::Open { share } => draw % u64::from(Standing::WHOLE) < u64::from(share),
            Standing::Trial => member.has_permit(),
            Standing::Silent | Standing::Out => false,
        }
    }

    /// Whether it takes requests of this priority; on trial it takes one of any, or those before
    /// whom others come would never be tried.
    pub(crate) fn is_of(&self, level: u8) -> bool {
        self.watch.borrow().as_ref().is_some_and(|watch| {
            watch.member.level() == level || watch.member.standing() == Standing::Trial
        })
    }

    /// Whether requests come to it; all do where nobody watches its health.
    pub(crate) fn standing(&self) -> Standing {
        let watch = self.watch.borrow();
        let whole = Standing::Open { share: Standing::WHOLE };
        watch.as_ref().map_or(whole, |watch| watch.member.standing())
    }

    /// Whether it takes requests that nobody else can take.
    pub(crate) fn is_in(&self) -> bool {
        let watch = self.watch.borrow();
        watch.as_ref().is_none_or(|watch| watch.member.standing() != Standing::Out)
    }

    /// A request was given to it.
    pub(crate) fn count_chosen(&self) {
        let watch = self.watch.borrow();
        if let Some(member) = watch.as_ref().map(|watch| &watch.member)
            && member.standing() == Standing::Trial
        {
            member.use_permit();
        }
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
        self.open.get() < connections_max
            || !self.idle.borrow().is_empty()
            || self.trunks.as_ref().is_some_and(|trunks| trunks.have_room())
    }

    /// Whether requests share connections of HTTP/2 to it. One that chose HTTP/1.1 is asked again
    /// when no connection is left.
    pub(crate) fn shares(&self) -> bool {
        self.trunks.as_ref().is_some_and(|trunks| !trunks.speak_text() || self.open.get() == 0)
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

    /// Closes all idle connections, and those of HTTP/2 when their requests have ended.
    pub(crate) fn clear(&self) {
        let count = std::mem::take(&mut *self.idle.borrow_mut()).len();
        for _ in 0..count {
            self.count_closed();
        }
        if let Some(trunks) = &self.trunks {
            trunks.clear();
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

    /// Where it is under way.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}

//! The plan of the moment, and one worker's ends of it: pools and meters, found once for each plan
//! and then by number.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use yumen_observe::{PolicyMeter, RouteMeter, ServiceMeter, WorkerMetrics};
use yumen_plan::{Action, ListenerPlan, Offer, Plan, RoutePlan, Substitute};
use yumen_policy::RouteName;
use yumen_upstream::{Clerk, Destination, Ledgers, Outbound, Pool};

/// The plan of the moment, for all workers.
#[derive(Debug)]
pub struct Present {
    plan: Mutex<Arc<Plan>>,
    /// The one before, while exchanges that ran under it may have to be explained.
    earlier: Mutex<Option<Arc<Plan>>>,
    /// How often it was swapped: workers look at this number for every request and take the lock
    /// only when it has changed.
    swaps: AtomicU64,
    /// What all workers know together of each service.
    ledgers: Arc<Ledgers>,
}

impl Present {
    /// Begins with this plan.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan: Mutex::new(plan),
            earlier: Mutex::default(),
            swaps: AtomicU64::new(0),
            ledgers: Arc::default(),
        }
    }

    /// Puts another plan in its place. Exchanges that have begun end under the old one, which is
    /// returned: dropping a large plan takes a moment, which is not to be a worker's.
    pub fn swap(&self, plan: Arc<Plan>) -> Arc<Plan> {
        let now = Arc::clone(&plan);
        let old = std::mem::replace(&mut *self.lock(), plan);
        self.swaps.fetch_add(1, Ordering::Release);
        self.ledgers.retain(|name| now.destinations.contains_key(name));
        let earlier = (!now.remember.is_off()).then(|| Arc::clone(&old));
        let before = std::mem::replace(&mut *self.earlier(), earlier);
        // Whoever swaps holds it too, and lets it go where that may take a moment.
        drop(before);
        old
    }

    /// The plan of this revision, if it is the present one or the one before.
    #[must_use]
    pub fn plan_of(&self, revision: u64) -> Option<Arc<Plan>> {
        let present = Some(self.plan());
        let earlier = self.earlier().clone();
        [present, earlier].into_iter().flatten().find(|plan| plan.revision == revision)
    }

    fn earlier(&self) -> MutexGuard<'_, Option<Arc<Plan>>> {
        self.earlier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.lock())
    }

    /// What all workers know together of each service.
    #[must_use]
    pub fn ledgers(&self) -> &Ledgers {
        &self.ledgers
    }

    pub(crate) fn swaps(&self) -> u64 {
        self.swaps.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Plan>> {
        // A plan is put in whole or not at all.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plan with one worker's ends of it.
#[derive(Debug)]
pub(crate) struct Bound {
    plan: Arc<Plan>,
    /// How often plans had been swapped, at least, when this one was taken.
    swaps: u64,
    /// For each offer of each listener.
    offers: Box<[Box<[OnceCell<Ends>]>]>,
    /// For each listener, of requests without a route.
    astray: Box<[OnceCell<RouteMeter>]>,
    /// Of services whose routes were asked for, by name.
    services: RefCell<HashMap<Arc<str>, Rc<ServiceEnds>>>,
    ledgers: Arc<Ledgers>,
}

/// Lets a plan's ends go little by little, once no exchange uses them: ten thousand at once would
/// make every request wait.
pub(crate) async fn let_go(old: Rc<Bound>) {
    /// Ends that are let go in one turn.
    const AT_ONCE: usize = 64;
    /// How long exchanges under the old plan are given before they are looked at again.
    const PAUSE: Duration = Duration::from_millis(100);
    let mut old = old;
    let bound = loop {
        match Rc::try_unwrap(old) {
            Ok(bound) => break bound,
            Err(used) => old = used,
        }
        tokio::time::sleep(PAUSE).await;
    };
    for offers in bound.offers {
        let mut offers = Vec::from(offers);
        while !offers.is_empty() {
            offers.truncate(offers.len().saturating_sub(AT_ONCE));
            tokio::task::yield_now().await;
        }
    }
}

/// Where an exchange is in a plan: its listener, and the offer there that it goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    /// By its place among the plan's listeners.
    pub(crate) listener: usize,
    /// By the router's number; `None` if no route matches.
    pub(crate) rule: Option<usize>,
}

/// One offer's ends on one worker.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) name: Rc<RouteName>,
    pub(crate) meter: RouteMeter,
    /// Of the policies of its chain, in their order.
    pub(crate) policies: Box<[PolicyMeter]>,
    pub(crate) service: Option<Rc<ServiceEnds>>,
    /// Of the service that stands in for it.
    pub(crate) substitute: Option<Rc<ServiceEnds>>,
}

/// One worker's ends of a service.
#[derive(Debug)]
pub(crate) struct ServiceEnds {
    pub(crate) pool: Rc<Pool>,
    pub(crate) meter: ServiceMeter,
    pub(crate) clerk: Clerk,
}

impl Bound {
    pub(crate) fn new(present: &Present) -> Self {
        // In this order: a plan that is swapped in between is taken again, never missed.
        let swaps = present.swaps();
        let plan = present.plan();
        let cells = |one: &ListenerPlan| one.offers.iter().map(|_| OnceCell::new()).collect();
        let offers = plan.listeners.iter().map(cells).collect();
        let astray = plan.listeners.iter().map(|_| OnceCell::new()).collect();
        let ledgers = Arc::clone(&present.ledgers);
        Self { plan, swaps, offers, astray, services: RefCell::default(), ledgers }
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(crate) fn is_of(&self, present: &Present) -> bool {
        self.swaps == present.swaps()
    }

    /// The listener of this name, and its place.
    pub(crate) fn listener(&self, name: &str) -> Option<(usize, &ListenerPlan)> {
        let mut listeners = self.plan.listeners.iter().enumerate();
        listeners.find(|(_, listener)| listener.listener.name == name)
    }

    fn offer(&self, stand: Stand) -> Option<(&ListenerPlan, &Offer, &RoutePlan)> {
        let listener = self.plan.listeners.get(stand.listener)?;
        let offer = listener.offers.get(stand.rule?)?;
        Some((listener, offer, self.plan.routes.get(offer.route)?))
    }

    /// The route that an exchange goes by.
    pub(crate) fn route(&self, stand: Stand) -> Option<&RoutePlan> {
        self.offer(stand).map(|(_, _, route)| route)
    }

    pub(crate) fn ends(
        &self,
        stand: Stand,
        metrics: &WorkerMetrics,
        outbound: &Outbound,
    ) -> Option<&Ends> {
        let cell = self.offers.get(stand.listener)?.get(stand.rule?)?;
        if let Some(ends) = cell.get() {
            return Some(ends);
        }
        self.find_ends(stand, cell, metrics, outbound)
    }

    /// The ends of a route that nobody has asked for yet.
    #[cold]
    fn find_ends<'a>(
        &self,
        stand: Stand,
        cell: &'a OnceCell<Ends>,
        metrics: &WorkerMetrics,
        outbound: &Outbound,
    ) -> Option<&'a Ends> {
        let (listener, offer, route) = self.offer(stand)?;
        let ends_of = |destination| self.service_ends(destination, metrics, outbound);
        Some(cell.get_or_init(|| {
            let (service, fallback) = match &route.action {
                Action::Forward(forward) => {
                    (Some(ends_of(&forward.destination)), forward.fallback.as_deref())
                }
                Action::Redirect(_) | Action::Answer(_) => (None, None),
            };
            let substitute = fallback.and_then(|fallback| match &fallback.substitute {
                Substitute::Service(destination) => Some(ends_of(destination)),
                Substitute::Answer(_) => None,
            });
            let meter = metrics.route(&listener.listener.name, &route.service, &route.name);
            let policies = offer.chain.links.iter().map(|link| metrics.policy(link.kind)).collect();
            let (name, service_name) = (Arc::clone(&route.name), Arc::clone(&route.service));
            let name = Rc::new(RouteName { route: name, service: service_name });
            Ends { name, meter, policies, service, substitute }
        }))
    }

    /// The ends of a service, which all its routes share.
    fn service_ends(
        &self,
        destination: &Arc<Destination>,
        metrics: &WorkerMetrics,
        outbound: &Outbound,
    ) -> Rc<ServiceEnds> {
        let mut services = self.services.borrow_mut();
        let ends = services.entry(Arc::clone(&destination.name)).or_insert_with(|| {
            Rc::new(ServiceEnds {
                pool: outbound.pool(destination),
                meter: metrics.service(&destination.name),
                clerk: self.ledgers.clerk(&destination.name),
            })
        });
        Rc::clone(ends)
    }

    /// Counts exchanges of this listener that no route matches.
    pub(crate) fn astray(&self, listener: usize, metrics: &WorkerMetrics) -> Option<&RouteMeter> {
        let name = &self.plan.listeners.get(listener)?.listener.name;
        Some(self.astray.get(listener)?.get_or_init(|| metrics.route(name, "", "")))
    }
}

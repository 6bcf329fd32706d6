//! The plan of the moment, and one worker's ends of it: pools and meters, found once for each plan
//! and then by number.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use yumen_observe::{RouteMeter, ServiceMeter, WorkerMetrics};
use yumen_plan::{Action, ListenerPlan, Plan};
use yumen_upstream::{Outbound, Pool};

/// The plan of the moment, for all workers.
#[derive(Debug)]
pub struct Present(ArcSwap<Plan>);

impl Present {
    /// Begins with this plan.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self(ArcSwap::new(plan))
    }

    /// Puts another plan in its place. Exchanges that have begun end under the old one, which is
    /// returned: dropping a large plan takes a moment, which is not to be a worker's.
    pub fn swap(&self, plan: Arc<Plan>) -> Arc<Plan> {
        self.0.swap(plan)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        self.0.load_full()
    }

    pub(crate) fn is(&self, plan: &Arc<Plan>) -> bool {
        Arc::ptr_eq(&self.0.load(), plan)
    }
}

/// A plan with one worker's ends of it.
#[derive(Debug)]
pub(crate) struct Bound {
    plan: Arc<Plan>,
    /// For each route.
    routes: Box<[OnceCell<Ends>]>,
    /// For requests without a route.
    astray: OnceCell<RouteMeter>,
}

/// One route's ends on one worker.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) meter: RouteMeter,
    pub(crate) service: Option<(Rc<Pool>, ServiceMeter)>,
}

impl Bound {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let routes = plan.routes.iter().map(|_| OnceCell::new()).collect();
        Self { plan, routes, astray: OnceCell::new() }
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(crate) fn listener(&self, name: &str) -> Option<&ListenerPlan> {
        self.plan.listeners.iter().find(|listener| listener.listener.name == name)
    }

    pub(crate) fn ends(
        &self,
        route: usize,
        metrics: &WorkerMetrics,
        outbound: &Outbound,
    ) -> Option<&Ends> {
        let cell = self.routes.get(route)?;
        let route = self.plan.routes.get(route)?;
        Some(cell.get_or_init(|| {
            let service = match &route.action {
                Action::Forward { destination, .. } => {
                    Some((outbound.pool(destination), metrics.service(&destination.name)))
                }
                Action::Redirect(_) | Action::Answer(_) => None,
            };
            Ends { meter: metrics.route(&route.service, &route.name), service }
        }))
    }

    pub(crate) fn astray(&self, metrics: &WorkerMetrics) -> &RouteMeter {
        self.astray.get_or_init(|| metrics.route("", ""))
    }
}

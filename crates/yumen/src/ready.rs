//! A configuration that is ready to be taken up: whatever takes long was done before.

use yumen_model::Compat;
use yumen_model::document::Source;
use yumen_observe::{Names, RouteName};
use yumen_plan::{Offer, Plan};

use crate::expiry::Expiry;
use crate::last_good::Written;
use crate::secrets::Petition;

/// A plan, and what is taken up with it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) plan: Plan,
    /// What is counted under the plan.
    pub(crate) counted: Names,
    /// What of it ends some time.
    pub(crate) expiry: Expiry,
    /// The sources of the plan, to be kept.
    pub(crate) written: Written,
}

impl Ready {
    pub(crate) fn new(plan: Plan, sources: &[Source], petition: &Petition) -> Self {
        let offers = || {
            plan.listeners.iter().flat_map(|listener| {
                listener.offers.iter().map(|offer| (listener.listener.name.as_str(), offer))
            })
        };
        let route = |(listener, offer): (&str, &Offer)| {
            let route = plan.routes.get(offer.route)?;
            let (service, route) = (route.service.to_string(), route.name.to_string());
            Some(RouteName { listener: listener.to_owned(), service, route })
        };
        let counted = Names {
            consumers: usize::from(plan.metrics.consumers),
            native: plan.metrics.native_histograms,
            kong: plan.metrics.compat.contains(&Compat::Kong),
            listeners: plan.listeners.iter().map(|one| one.listener.name.clone()).collect(),
            services: plan.destinations.keys().map(ToString::to_string).collect(),
            routes: offers().filter_map(route).collect(),
            policies: offers()
                .flat_map(|(_, offer)| offer.chain.links.iter())
                .map(|link| link.kind)
                .collect(),
        };
        Self {
            expiry: Expiry::new(&plan),
            plan,
            counted,
            written: Written::new(sources, petition.sealed()),
        }
    }
}

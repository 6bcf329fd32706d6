//! One service as one worker sees it: its endpoints, and which of them is next.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use yumen_http::{RequestHead, cookie};
use yumen_model::HashOn;
use yumen_policy::{Client, Failure, FailureKind};

use crate::balance::random::mix;
use crate::balance::{Ask, Balancer, Endpoints, Share, hash_key, split_weights};
use crate::destination::{Destination, Host, Spot};
use crate::endpoint::Endpoint;
use crate::health::{Group, PRIORITY_MAX, Place, Standings};
use crate::resolve::{Names, Watched, steps};

/// One service as one worker sees it.
#[derive(Debug)]
pub struct Pool {
    destination: RefCell<Arc<Destination>>,
    /// For each target that has a name instead of an address.
    watched: RefCell<Vec<Arc<Watched>>>,
    /// The sum of the versions of what is watched, as of the last look.
    seen: Cell<u64>,
    endpoints: RefCell<Vec<Rc<Endpoint>>>,
    balancer: RefCell<Balancer>,
    standings: Standings,
    /// The health of the endpoints, if there are several.
    group: RefCell<Option<Arc<Group>>>,
    seed: u64,
}

impl Pool {
    pub(crate) fn new(
        destination: Arc<Destination>,
        names: &Names,
        standings: Standings,
        seed: u64,
    ) -> Self {
        let pool = Self {
            balancer: RefCell::new(Balancer::new(&destination.balance, &[], seed)),
            watched: RefCell::new(destination.watch(names)),
            destination: RefCell::new(destination),
            seen: Cell::new(0),
            endpoints: RefCell::default(),
            standings,
            group: RefCell::default(),
            seed,
        };
        pool.rebuild();
        pool
    }

    /// Follows a newer plan; an exchange that ends late under an old one does not turn the pool
    /// back. Endpoints that stay keep their connections and their load.
    pub(crate) fn adopt(&self, destination: &Arc<Destination>, names: &Names) {
        if destination.revision <= self.destination.borrow().revision {
            return;
        }
        *self.watched.borrow_mut() = destination.watch(names);
        *self.destination.borrow_mut() = Arc::clone(destination);
        self.rebuild();
    }

    pub(crate) fn destination(&self) -> Arc<Destination> {
        Arc::clone(&self.destination.borrow())
    }

    /// The names among the targets that have never been looked up with success.
    pub(crate) fn unknown(&self) -> Option<Arc<Watched>> {
        self.watched.borrow().iter().find(|watched| watched.addresses().is_empty()).cloned()
    }

    fn version(&self) -> u64 {
        version(&self.watched.borrow())
    }

    /// Makes the list of endpoints anew from the targets and what their names mean now.
    #[cold]
    fn rebuild(&self) {
        self.seen.set(self.version());
        let destination = self.destination();
        let old = std::mem::take(&mut *self.endpoints.borrow_mut());
        let mut endpoints: Vec<Rc<Endpoint>> = Vec::new();
        let (sites, parts) = sites(&destination, &self.watched.borrow());
        for Site { address, authority, target, .. } in &sites {
            let known = old.iter().find(|endpoint| {
                endpoint.address == *address
                    && endpoint.authority == *authority
                    && endpoint.seal == target.seal
                    && endpoint.protocol == destination.protocol
            });
            let fresh = || {
                let authority = Arc::clone(authority);
                let seal = target.seal.clone();
                Rc::new(Endpoint::new(*address, authority, seal, destination.protocol))
            };
            endpoints.push(known.map_or_else(fresh, Rc::clone));
        }
        let places: Vec<Place> = sites.iter().map(Place::of).collect();
        for gone in old.iter().filter(|old| !endpoints.iter().any(|kept| Rc::ptr_eq(kept, old))) {
            gone.clear();
        }
        // One weight for each target, and one endpoint for each of its addresses.
        let weights = parts.iter().zip(split_weights(&parts));
        let weights =
            weights.flat_map(|((_, addresses), weight)| std::iter::repeat_n(weight, *addresses));
        let shares: Vec<Share<'_>> = endpoints
            .iter()
            .zip(weights)
            .map(|(endpoint, weight)| Share { name: &endpoint.name, weight })
            .collect();
        *self.balancer.borrow_mut() = Balancer::new(&destination.balance, &shares, self.seed);
        *self.group.borrow_mut() = self.watch_health(&destination, &endpoints, &places);
        *self.endpoints.borrow_mut() = endpoints;
    }

    /// Endpoints that have others beside them are watched.
    fn watch_health(
        &self,
        destination: &Destination,
        endpoints: &[Rc<Endpoint>],
        places: &[Place],
    ) -> Option<Arc<Group>> {
        if !destination.is_watched(endpoints.len()) {
            return None;
        }
        let group = self.standings.group(&destination.name, &destination.rules);
        let members = group.enroll(destination.revision, &destination.rules, places);
        for (endpoint, member) in endpoints.iter().zip(members) {
            endpoint.watch(member);
        }
        Some(group)
    }

    /// Chooses an endpoint that is not among those tried; its position and itself.
    pub(crate) fn choose(&self, ask: &Ask<'_>) -> Option<(usize, Rc<Endpoint>)> {
        self.choose_by(ask, Self::choose_among)
    }

    /// The same, only of those that are well.
    pub(crate) fn choose_well(&self, ask: &Ask<'_>) -> Option<(usize, Rc<Endpoint>)> {
        self.choose_by(ask, Self::choose_welcoming)
    }

    fn choose_by(
        &self,
        ask: &Ask<'_>,
        choose: impl FnOnce(&Self, &[Rc<Endpoint>], &Ask<'_>) -> Option<usize>,
    ) -> Option<(usize, Rc<Endpoint>)> {
        if !self.watched.borrow().is_empty() && self.version() != self.seen.get() {
            self.rebuild();
        }
        let endpoints = self.endpoints.borrow();
        let index = choose(self, &endpoints, ask)?;
        let endpoint = endpoints.get(index)?;
        endpoint.count_chosen();
        Some((index, Rc::clone(endpoint)))
    }

    /// The position of the one that is chosen: of those that are well, else of those that may be
    /// used at all, else, if the service may panic, of all.
    fn choose_among(&self, endpoints: &[Rc<Endpoint>], ask: &Ask<'_>) -> Option<usize> {
        let destination = self.destination.borrow();
        // The same key meets the same endpoints while they rise.
        let draw = if destination.hash_on().is_some() { ask.key } else { ask.random };
        let connections_max = destination.connections_max;
        let group = self.group.borrow();
        let whoms: &[Whom] = match &*group {
            None => &[Whom::All],
            Some(group) if group.is_in_panic() => &[Whom::All],
            // What failed elsewhere is no reason to panic.
            Some(group) if group.panics() && ask.tried.is_empty() => {
                &[Whom::Welcoming, Whom::In, Whom::All]
            }
            Some(_) => &[Whom::Welcoming, Whom::In],
        };
        let level = group.as_ref().filter(|group| !group.is_in_panic());
        let level = level.and_then(|group| group.levels()).map(|levels| levels.find(mix(draw)));
        let first = level.map(Whom::Of);
        let mut balancer = self.balancer.borrow_mut();
        first.iter().chain(whoms).find_map(|whom| {
            let now = Now { endpoints, connections_max, whom: *whom, draw };
            balancer.choose(&now, ask)
        })
    }

    /// The position of the one that is chosen of those that are well.
    fn choose_welcoming(&self, endpoints: &[Rc<Endpoint>], ask: &Ask<'_>) -> Option<usize> {
        let destination = self.destination.borrow();
        let draw = if destination.hash_on().is_some() { ask.key } else { ask.random };
        let connections_max = destination.connections_max;
        let now = Now { endpoints, connections_max, whom: Whom::Welcoming, draw };
        self.balancer.borrow_mut().choose(&now, ask)
    }

    /// Why there is no endpoint for a request that was not tried anywhere.
    #[cold]
    pub(crate) fn nobody(&self) -> Failure {
        match self.unknown().filter(|_| self.is_empty()) {
            Some(name) => {
                let error = name.status().error.clone();
                let why = error.unwrap_or_else(|| "no answer yet".to_owned());
                let why = format!("cannot look up {}: {why}", name.host());
                Failure::new(FailureKind::UpstreamUnreachable).because(why)
            }
            None => Failure::new(FailureKind::UpstreamBusy),
        }
    }

    /// Whether there is any endpoint at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoints.borrow().is_empty()
    }

    /// The key that this request is spread by.
    pub(crate) fn key(&self, client: &Client, head: &RequestHead) -> u64 {
        let destination = self.destination.borrow();
        let Some(on) = destination.hash_on() else { return 0 };
        let value = match on {
            HashOn::Address => None,
            HashOn::Path => Some(head.path().as_bytes()),
            HashOn::Header(name) => head.fields().first(name),
            HashOn::Cookie(name) => cookie::values(head.fields(), name).next(),
        };
        match value {
            Some(value) => hash_key(value),
            None => hash_key(client.address.to_string().as_bytes()),
        }
    }

    /// Closes idle connections that have been kept long enough.
    pub(crate) fn sweep(&self, now: u64) {
        let timeout = self.destination.borrow().idle_timeout;
        let before = timeout.map_or(0, |timeout| now.saturating_sub(timeout.as_secs()));
        self.endpoints.borrow().iter().for_each(|endpoint| endpoint.sweep(before));
    }

    pub(crate) fn open_connections(&self) -> u64 {
        self.endpoints.borrow().iter().map(|endpoint| u64::from(endpoint.open())).sum()
    }

    /// Something of each of the first endpoints, this many at most.
    pub(crate) fn map_endpoints<T>(&self, most: usize, of: impl Fn(&Endpoint) -> T) -> Vec<T> {
        self.endpoints.borrow().iter().take(most).map(|endpoint| of(endpoint)).collect()
    }

    /// Closes all idle connections.
    pub(crate) fn clear(&self) {
        self.endpoints.borrow().iter().for_each(|endpoint| endpoint.clear());
    }
}

/// Changes when what is watched does.
pub(crate) fn version(watched: &[Arc<Watched>]) -> u64 {
    watched.iter().fold(1, |sum, watched| sum.wrapping_add(watched.version()))
}

/// One address of a target.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) target: &'a Spot,
    pub(crate) address: SocketAddr,
    /// As the `Host` field names it.
    pub(crate) authority: Arc<str>,
    pub(crate) priority: u8,
}

/// The IPv4 addresses among these, which are sorted; all if there are none. Where a host has both, one
/// family often leads nowhere, and nothing speaks against an endpoint that nobody asks. On this machine
/// both lead somewhere, and which of them a service listens on is not to be known: whoever does not
/// refuses at once.
fn of_one_family(addresses: &[IpAddr]) -> &[IpAddr] {
    if addresses.iter().all(IpAddr::is_loopback) {
        return addresses;
    }
    let of_v4 = addresses.partition_point(IpAddr::is_ipv4);
    addresses.get(..of_v4).filter(|of_v4| !of_v4.is_empty()).unwrap_or(addresses)
}

/// All addresses of all targets, as their names mean now; with it, in the same order, how much of
/// the requests so many of them get together.
pub(crate) fn sites<'a>(
    destination: &'a Destination,
    watched: &[Arc<Watched>],
) -> (Vec<Site<'a>>, Vec<(u32, usize)>) {
    let (mut sites, mut parts) = (Vec::new(), Vec::new());
    let find = |name: &str, service: bool| {
        watched.iter().find(|one| one.is_service() == service && one.host() == name)
    };
    let mut add = |target: &'a Spot, place: (&Arc<str>, u16, u8), weight, addresses: &[IpAddr]| {
        let (authority, port, priority) = place;
        let addresses = of_one_family(addresses);
        parts.push((weight, addresses.len()));
        sites.extend(addresses.iter().map(|address| Site {
            target,
            address: SocketAddr::new(*address, port),
            authority: Arc::clone(authority),
            priority,
        }));
    };
    for target in &destination.targets {
        let own = (&target.authority, target.port, target.priority);
        match &target.host {
            Host::Address(address) => add(target, own, target.weight, &[*address]),
            Host::Name(name) => {
                let addresses = find(name, false).map(|one| one.addresses()).unwrap_or_default();
                add(target, own, target.weight, &addresses);
            }
            Host::Service(name) => {
                let records = find(name, true).map(|one| one.records()).unwrap_or_default();
                for (record, step) in records.iter().zip(steps(&records)) {
                    let authority: Arc<str> = format!("{}:{}", record.host, record.port).into();
                    let priority = target.priority.saturating_add(step).min(PRIORITY_MAX);
                    // Zero is a very small chance (RFC 2782): the smallest that there is.
                    let weight = target.weight.saturating_mul(u32::from(record.weight).max(1));
                    let place = (&authority, record.port, priority);
                    add(target, place, weight, &record.addresses);
                }
            }
        }
    }
    (sites, parts)
}

/// What is true of the endpoints at this moment.
struct Now<'a> {
    endpoints: &'a [Rc<Endpoint>],
    connections_max: u32,
    whom: Whom,
    draw: u64,
}

/// Who may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Those of this priority that are well.
    Of(u8),
    /// Those that are well, rising ones for their share of the requests.
    Welcoming,
    /// Those that are not out.
    In,
    /// All.
    All,
}

impl Now<'_> {
    fn welcomes(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_welcoming(mix(self.draw ^ endpoint.mark))
    }
}

impl Endpoints for Now<'_> {
    fn is_available(&self, index: usize) -> bool {
        let Some(endpoint) = self.endpoints.get(index) else { return false };
        let is_meant = match self.whom {
            Whom::Of(level) => endpoint.is_of(level) && self.welcomes(endpoint),
            Whom::Welcoming => self.welcomes(endpoint),
            Whom::In => endpoint.is_in(),
            Whom::All => true,
        };
        is_meant && endpoint.has_room(self.connections_max)
    }

    fn in_flight(&self, index: usize) -> u32 {
        self.endpoints.get(index).map_or(0, |endpoint| endpoint.in_flight())
    }
}

#[cfg(test)]
mod tests;

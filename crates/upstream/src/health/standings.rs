//! What is known of the health of all endpoints: shared by all workers, kept across reloads.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::levels::{Levels, PRIORITY_MAX};
use super::member::Member;
use super::report::EndpointHealth;
use super::rules::Rules;
use crate::destination::Destination;
use crate::pool::{Site, sites, version};
use crate::resolve::{Names, Watched};
use crate::seal::Seal;

/// What is known of the health of endpoints. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Standings {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    groups: Mutex<HashMap<Arc<str>, Weak<Group>>>,
    /// Services whose endpoints are probed, whether requests come or not.
    probed: Mutex<Vec<Arc<Probed>>>,
    /// Told when a group was added.
    added: Notify,
}

/// A service whose endpoints are probed.
#[derive(Debug)]
struct Probed {
    destination: Arc<Destination>,
    watched: Vec<Arc<Watched>>,
    group: Arc<Group>,
    /// What was watched when its members were last enrolled.
    seen: AtomicU64,
}

/// The endpoints of one service.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) service: Arc<str>,
    roll: Mutex<Roll>,
    /// So few can be used that all are.
    panic: AtomicBool,
    /// All are used when none can be.
    panics: AtomicBool,
    /// Which requests go to which priority; 0 if there is only one.
    levels: AtomicU64,
    board: Mutex<Vec<EndpointHealth>>,
}

/// Where an endpoint is.
#[derive(Debug)]
pub(crate) struct Place {
    address: SocketAddr,
    authority: Arc<str>,
    level: u8,
    seal: Option<Seal>,
}

impl Place {
    /// A target that takes no requests has no priority: it must not count among those that do.
    const NO_LEVEL: u8 = u8::MAX;

    /// An address of a target.
    pub(crate) fn of(site: &Site<'_>) -> Self {
        let level = if site.target.weight == 0 { Self::NO_LEVEL } else { site.priority };
        let seal = site.target.seal.clone();
        Self { address: site.address, authority: Arc::clone(&site.authority), level, seal }
    }
}

/// Who belongs to a group, and how they are judged.
#[derive(Debug, Clone)]
pub(crate) struct Roll {
    /// The revision of the plan that says so.
    revision: u64,
    pub(crate) rules: Arc<Rules>,
    pub(crate) members: Vec<Arc<Member>>,
}

impl Standings {
    /// The group of this service, which lives for as long as somebody holds it.
    pub(crate) fn group(&self, service: &Arc<str>, rules: &Arc<Rules>) -> Arc<Group> {
        let mut groups = lock(&self.shared.groups);
        if let Some(group) = groups.get(service).and_then(Weak::upgrade) {
            return group;
        }
        let roll = Roll { revision: 0, rules: Arc::clone(rules), members: Vec::new() };
        let group = Arc::new(Group {
            service: Arc::clone(service),
            roll: Mutex::new(roll),
            panic: AtomicBool::new(false),
            panics: AtomicBool::new(rules.panics()),
            levels: AtomicU64::new(0),
            board: Mutex::default(),
        });
        groups.insert(Arc::clone(service), Arc::downgrade(&group));
        self.shared.added.notify_one();
        group
    }

    /// A plan is taken up: from now on the endpoints of its services are judged by its rules, and
    /// probed where it asks for that.
    pub fn follow<'a>(
        &self,
        destinations: impl Iterator<Item = &'a Arc<Destination>> + Clone,
        names: &Names,
    ) {
        {
            let groups = lock(&self.shared.groups);
            for destination in destinations.clone() {
                let group = groups.get(&destination.name).and_then(Weak::upgrade);
                if let Some(group) = group {
                    group.rule(destination.revision, &destination.rules);
                }
            }
        }
        let probed = destinations.filter(|destination| destination.rules.are_active());
        let probed = probed.map(|destination| {
            Arc::new(Probed {
                watched: destination.watch(names),
                group: self.group(&destination.name, &destination.rules),
                destination: Arc::clone(destination),
                seen: AtomicU64::new(0),
            })
        });
        let probed = probed.collect();
        // The old ones go after the new ones are there: what they share stays.
        let old = std::mem::replace(&mut *lock(&self.shared.probed), probed);
        drop(old);
    }

    /// Takes in what the names of probed services mean now.
    pub(crate) fn refresh(&self) {
        let probed = lock(&self.shared.probed).clone();
        probed.iter().for_each(|probed| probed.refresh());
    }

    /// All groups that somebody holds; forgets the others.
    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        let mut groups = lock(&self.shared.groups);
        groups.retain(|_, group| group.strong_count() > 0);
        groups.values().filter_map(Weak::upgrade).collect()
    }

    /// Waits until a group was added.
    pub(crate) async fn added(&self) {
        self.shared.added.notified().await;
    }

    /// How all endpoints fare whose health is watched, by service and target: for the operator.
    #[must_use]
    pub fn report(&self) -> Vec<EndpointHealth> {
        let groups = self.groups();
        let mut all: Vec<_> = groups.iter().flat_map(|group| lock(&group.board).clone()).collect();
        all.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        all
    }
}

impl Probed {
    fn refresh(&self) {
        let version = version(&self.watched);
        if self.seen.swap(version, Ordering::Relaxed) == version {
            return;
        }
        let destination = &self.destination;
        let places: Vec<Place> =
            sites(destination, &self.watched).0.iter().map(Place::of).collect();
        self.group.enroll(destination.revision, &destination.rules, &places);
    }
}

impl Group {
    /// Takes in who belongs to it by the plan of this revision, unless a newer one has spoken.
    /// Returns the members at these places, in the same order.
    pub(crate) fn enroll(
        &self,
        revision: u64,
        rules: &Arc<Rules>,
        places: &[Place],
    ) -> Vec<Arc<Member>> {
        let mut roll = lock(&self.roll);
        let find = |place: &Place| {
            let Place { address, authority, .. } = place;
            let known = roll
                .members
                .iter()
                .find(|member| member.address == *address && member.authority == *authority);
            let fresh = || Arc::new(Member::new(*address, Arc::clone(authority), rules));
            known.map_or_else(fresh, Arc::clone)
        };
        let members: Vec<Arc<Member>> = places.iter().map(find).collect();
        if revision >= roll.revision {
            for (member, place) in members.iter().zip(places) {
                member.set_level(place.level);
                member.set_seal(place.seal.clone());
            }
            *roll = Roll { revision, rules: Arc::clone(rules), members: members.clone() };
            self.panics.store(rules.panics(), Ordering::Relaxed);
            // Until the keeper has looked, all are held for healthy.
            if self.levels().is_none() {
                let several = places.iter().any(|place| (1..=PRIORITY_MAX).contains(&place.level));
                let endpoints = places.iter().map(|place| (place.level, true));
                self.set_levels(several.then(|| Levels::new(endpoints)));
            }
        }
        members
    }

    /// Its members are judged by other rules.
    fn rule(&self, revision: u64, rules: &Arc<Rules>) {
        let mut roll = lock(&self.roll);
        roll.revision = revision;
        roll.rules = Arc::clone(rules);
        self.panics.store(rules.panics(), Ordering::Relaxed);
    }

    pub(crate) fn roll(&self) -> Roll {
        lock(&self.roll).clone()
    }

    pub(crate) fn is_in_panic(&self) -> bool {
        self.panic.load(Ordering::Relaxed)
    }

    pub(crate) fn set_panic(&self, panic: bool) {
        self.panic.store(panic, Ordering::Relaxed);
    }

    /// Which requests go to which priority, if there are several.
    pub(crate) fn levels(&self) -> Option<Levels> {
        let packed = self.levels.load(Ordering::Relaxed);
        (packed != 0).then(|| Levels::unpack(packed))
    }

    pub(super) fn set_levels(&self, levels: Option<Levels>) {
        self.levels.store(levels.map_or(0, Levels::pack), Ordering::Relaxed);
    }

    /// Whether all are used when none can be.
    pub(crate) fn panics(&self) -> bool {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, board: Vec<EndpointHealth>) {
        *lock(&self.board) = board;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here can be half done when a thread dies.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

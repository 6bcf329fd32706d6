//! Names to addresses: looked up again in the background, never while a request waits.
//!
//! [`Resolver::run`] is the half that works, on a thread that serves no requests; [`Names`] is the
//! half that is asked, from anywhere. A name is kept up to date for as long as somebody holds its
//! [`Watched`]: a new plan that asks for a name of the old one gets the same `Watched`, with its
//! last good answer, and a name that no plan holds any more is forgotten.
//!
//! A bad answer (an error, silence, no such name, no addresses) never takes addresses away: the
//! last good answer stays until there is a better one. It does not know ports, and it does not
//! judge whether an address answers: that is health's work.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};

use crate::balance::random::Random;
use lookup::Lookup;
use pace::Pace;

pub use event::Event;
pub use lookup::Source;
pub use pace::{RETRY_MAX, RETRY_MIN, TTL_MAX, TTL_MIN};
pub use servers::{SERVERS_MAX, Servers};
pub(crate) use service::steps;
pub use service::{RECORDS_MAX, Record};
pub use watched::{ADDRESSES_MAX, Status, Watched};

mod answer;
mod event;
mod hosts;
mod lookup;
mod pace;
mod servers;
mod service;
mod watched;

#[cfg(test)]
mod tests;

/// The names that are watched. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    registry: Mutex<Registry>,
    /// Told when a name was added.
    added: Notify,
    /// Who is asked.
    servers: watch::Sender<Servers>,
}

#[derive(Debug, Default)]
struct Registry {
    /// By the name, and whether it is that of a service.
    names: HashMap<(String, bool), Weak<Watched>>,
    /// Names that the resolver has not taken up yet.
    added: Vec<Weak<Watched>>,
}

impl Names {
    /// The addresses of `host`, from now on kept up to date for as long as the answer is held.
    ///
    /// `host` is a name, or an IP address without brackets. An address stands for itself, and
    /// `localhost` with all names below it for the loopback addresses (RFC 6761): those are known
    /// at once and never looked up. A final dot says that no search domain is to be tried.
    #[must_use]
    pub fn watch(&self, host: &str) -> Arc<Watched> {
        let host = host.to_ascii_lowercase();
        if let Some(addresses) = fixed(&host) {
            return Arc::new(Watched::known(host, addresses));
        }
        self.take_up(host, false)
    }

    /// The places of a service of the DNS (`_http._tcp.example.com`), kept up to date like addresses.
    #[must_use]
    pub fn watch_service(&self, name: &str) -> Arc<Watched> {
        self.take_up(name.to_ascii_lowercase(), true)
    }

    fn take_up(&self, host: String, service: bool) -> Arc<Watched> {
        let mut registry = self.registry();
        let key = (host, service);
        if let Some(watched) = registry.names.get(&key).and_then(Weak::upgrade) {
            return watched;
        }
        let watched = Arc::new(Watched::unknown(key.0.clone(), service));
        registry.names.insert(key, Arc::downgrade(&watched));
        registry.added.push(Arc::downgrade(&watched));
        self.shared.added.notify_one();
        watched
    }

    /// From now on these are asked: about all names, and at once.
    pub fn ask(&self, servers: Servers) {
        self.shared.servers.send_if_modified(|asked| {
            let changes = *asked != servers;
            *asked = servers;
            changes
        });
    }

    /// All names that are looked up, sorted: for the operator.
    #[must_use]
    pub fn watched(&self) -> Vec<Arc<Watched>> {
        let mut all: Vec<_> = self.registry().names.values().filter_map(Weak::upgrade).collect();
        all.sort_unstable_by(|a, b| a.host().cmp(b.host()));
        all
    }

    /// Waits until every name that is watched now was looked up once, well or badly, but not
    /// longer than `within`. Returns the names that have no addresses then; their [`Status`] says
    /// why. A resolver must be running elsewhere, on a runtime with time.
    pub async fn looked_up(&self, within: Duration) -> Vec<Arc<Watched>> {
        let watched = self.watched();
        let all = async {
            for name in &watched {
                name.looked_up().await;
            }
        };
        tokio::select! {
            () = all => {}
            () = tokio::time::sleep(within) => {}
        }
        watched.into_iter().filter(|name| name.version() == 0).collect()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing in here can be half done when a thread dies.
        self.shared.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_unheld(&self) {
        self.registry().names.retain(|_, watched| watched.strong_count() > 0);
    }
}

/// The addresses of a host that needs no lookup.
fn fixed(host: &str) -> Option<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Some(vec![address]);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    (name == "localhost" || name.ends_with(".localhost"))
        .then(|| vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)])
}

/// Who is told of changes.
type Tell = Arc<dyn Fn(&Event) + Send + Sync>;

/// Looks names up, again and again.
pub struct Resolver {
    names: Names,
    lookup: Arc<Lookup>,
    random: Random,
    /// One task for each name: a broken one takes no other name with it.
    keepers: JoinSet<()>,
    kept: HashMap<Id, Weak<Watched>>,
    tell: Tell,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Makes a resolver that asks `source`, and the names that it will keep. `seed` spreads the
    /// times of lookups; any number will do.
    #[must_use]
    pub fn new(source: Source, seed: u64) -> (Self, Names) {
        let names = Names::default();
        names.ask(source.servers.clone());
        let servers = names.shared.servers.subscribe();
        let resolver = Self {
            names: names.clone(),
            lookup: Arc::new(Lookup::new(source, servers)),
            random: Random::new(seed),
            keepers: JoinSet::new(),
            kept: HashMap::new(),
            tell: Arc::new(|_| ()),
        };
        (resolver, names)
    }

    /// Keeps all names up to date, and tells when one cannot be looked up; does not return. Needs a
    /// tokio runtime with IO and time.
    pub async fn run(mut self, tell: impl Fn(&Event) + Send + Sync + 'static) {
        self.tell = Arc::new(tell);
        loop {
            let added = std::mem::take(&mut self.names.registry().added);
            for watched in added {
                self.keep(watched, Duration::ZERO);
            }
            tokio::select! {
                () = self.names.shared.added.notified() => {}
                Some(ended) = self.keepers.join_next_with_id() => self.part(ended),
            }
        }
    }

    fn keep(&mut self, watched: Weak<Watched>, delay: Duration) {
        let pace = Pace::new(Random::new(self.random.next()));
        let lookup = Arc::clone(&self.lookup);
        let keeper = keep_up(Weak::clone(&watched), lookup, pace, delay, Arc::clone(&self.tell));
        let keeper = self.keepers.spawn(keeper);
        self.kept.insert(keeper.id(), watched);
    }

    /// Sees off a keeper that has ended because nobody holds its name, or has broken.
    fn part(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let watched = self.kept.remove(&id);
        if ended.is_ok() {
            self.names.forget_unheld();
        } else if let Some(watched) = watched {
            // The name must not stay stale for ever.
            self.keep(watched, RETRY_MAX);
        }
    }
}

/// Keeps one name up to date until nobody holds it any more.
async fn keep_up(
    watched: Weak<Watched>,
    lookup: Arc<Lookup>,
    mut pace: Pace,
    mut delay: Duration,
    tell: Tell,
) {
    let mut servers = lookup.servers.clone();
    servers.mark_unchanged();
    loop {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            Ok(()) = servers.changed() => {}
        }
        let Some(name) = watched.upgrade() else { return };
        let failures = name.status().failures;
        delay = if name.is_service() {
            let answer = lookup.ask_service(name.host(), &name.records()).await;
            name.settle_service(answer, Instant::now(), &mut pace)
        } else {
            let answer = lookup.ask(name.host()).await;
            name.settle(answer, Instant::now(), &mut pace)
        };
        if let Some(event) = Event::after(&name, failures) {
            tell(&event);
        }
    }
}

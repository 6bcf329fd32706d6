//! Metrics: cells that one worker writes without locks, summed when somebody asks.
//!
//! Cardinality is bounded by construction: a series exists for a name of the configuration, never
//! for a value from a client. Counting costs a few plain loads and stores; finding the cells of a
//! name takes a lock for a moment and is done once for each plan and worker.

mod consumers;
mod count;
mod exposition;
mod format;
mod histogram;
mod kong;
mod meter;
mod native;
mod outcome;
mod process;
mod protobuf;
mod render;
mod series;
mod slots;
mod table;

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use consumers::Consumers;
pub use format::Format;
use meter::{ListenerCells, NativeCells, PolicyCells, RouteCells, ServiceCells};
pub use meter::{ListenerMeter, PolicyMeter, RouteMeter, ServiceMeter, WorkerMetrics};
pub use render::Sums;
pub use series::names;
use table::Table;

use crate::{log::LogTally, record::micros, traces::Exporter};

/// All metrics of the process.
///
/// A reload resets nothing: cells belong to names. The series of a name that no configuration
/// holds any more are shown for a grace time, so that the last scrape misses nothing, and then
/// forgotten.
#[derive(Debug)]
pub struct Registry {
    version: String,
    log: Arc<LogTally>,
    exporter: Arc<Exporter>,
    grace: Duration,
    workers: AtomicU64,
    routes: Table<RouteName, RouteCells>,
    /// By the names of listener and service.
    natives: Table<(String, String), NativeCells>,
    services: Table<String, ServiceCells>,
    listeners: Table<String, ListenerCells>,
    consumers: Consumers,
    policies: Table<&'static str, PolicyCells>,
    kong: AtomicBool,
    native: AtomicBool,
    config: ConfigCells,
    targets: Mutex<Vec<TargetHealth>>,
    /// Names that can be looked up, and those that cannot.
    looked_up: [AtomicU64; 2],
    /// Secrets that can be read, and those that cannot.
    secrets: [AtomicU64; 2],
    expiring: Mutex<Vec<Expiring>>,
    acme: Mutex<Option<AcmeFigures>>,
    alerts: Mutex<Vec<HookFigures>>,
}

/// How it goes with certificates from an authority, as it was when somebody asked.
#[derive(Debug, Clone, Default)]
pub struct AcmeFigures {
    /// Orders that brought a certificate.
    pub good: u64,
    /// Orders that did not.
    pub failed: u64,
    /// Times that no order could be placed at all.
    pub unreached: u64,
    /// Until when the certificate for each name is good, in seconds since 1970.
    pub expiries: Vec<(String, u64)>,
}

/// How it goes with one hook for alerts, as it was when somebody looked.
#[derive(Debug, Clone, Default)]
pub struct HookFigures {
    /// The name of the hook.
    pub hook: String,
    /// How many alerts fire, by kind.
    pub firing: Vec<(&'static str, u64)>,
    /// Messages that it has taken.
    pub sent: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Messages that it did not want.
    pub refused: u64,
}

/// How the attempts at one service have ended so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptFigures {
    /// The name of the service.
    pub service: String,
    /// With an answer.
    pub answered: u64,
    /// Without one, by the service's fault.
    pub failed: u64,
}

/// Something of the configuration that ends: a certificate, or a list of revoked ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiring {
    /// `listener` or `service`.
    pub place: &'static str,
    /// The name of that.
    pub name: String,
    /// Which one, such as `certificates[0].certificate`.
    pub what: String,
    /// When it ends, in seconds since 1970.
    pub at: u64,
}

/// How one target of a service fares, as it was when somebody asked.
#[derive(Debug, Clone, Default)]
pub struct TargetHealth {
    /// The name of its service.
    pub service: String,
    /// As the configuration names it.
    pub target: String,
    /// How many of its addresses requests go to as usual.
    pub healthy: u64,
    /// Probes of its addresses, if there are any.
    pub probes: Option<TargetProbes>,
    /// How often an address of it was ejected, by reason.
    pub ejections: Vec<(&'static str, u64)>,
}

/// The probes of the addresses of one target.
#[derive(Debug, Clone, Default)]
pub struct TargetProbes {
    /// Good ones.
    pub good: u64,
    /// Failed ones, by reason.
    pub failed: Vec<(&'static str, u64)>,
    /// How often they made an address unhealthy.
    pub unhealthy: u64,
}

/// A route is counted under the names of its listener and its service, and its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteName {
    /// The name of the listener that exchanges came in by.
    pub listener: String,
    /// The name of its service; empty if it has none.
    pub service: String,
    /// Its own name.
    pub route: String,
}

/// The names of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Names of listeners.
    pub listeners: BTreeSet<String>,
    /// Names of services.
    pub services: BTreeSet<String>,
    /// Names of routes, as they are given to [`WorkerMetrics::route`].
    pub routes: BTreeSet<RouteName>,
    /// Kinds of policies.
    pub policies: BTreeSet<&'static str>,
    /// Whether counts are shown under Kong's names too.
    pub kong: bool,
    /// Whether native histograms are counted, for each service on each listener.
    pub native: bool,
    /// How many consumers are counted each for itself; 0: none is counted.
    pub consumers: usize,
}

#[derive(Debug, Default)]
struct ConfigCells {
    revision: AtomicU64,
    failures: AtomicU64,
    consumers: AtomicU64,
    credentials: AtomicU64,
    applied_micros: AtomicU64,
    /// Since when there is a newer configuration that was refused.
    refused: Mutex<Option<Instant>>,
}

impl ConfigCells {
    fn refused(&self) -> MutexGuard<'_, Option<Instant>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how long what is in force has been older than what there is.
    fn stale(&self, now: Instant) -> Duration {
        let since = *self.refused();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

impl Registry {
    /// How long the series of a removed name are usually shown.
    pub const GRACE: Duration = Duration::from_secs(600);

    /// An empty registry. `log` is what the access log counts into, `exporter` knows what becomes of
    /// spans.
    pub fn new(
        version: &str,
        log: Arc<LogTally>,
        exporter: Arc<Exporter>,
        grace: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            version: version.to_owned(),
            log,
            exporter,
            grace,
            workers: AtomicU64::new(0),
            routes: Table::default(),
            natives: Table::default(),
            services: Table::default(),
            listeners: Table::default(),
            consumers: Consumers::default(),
            policies: Table::default(),
            kong: AtomicBool::default(),
            native: AtomicBool::default(),
            config: ConfigCells::default(),
            targets: Mutex::default(),
            looked_up: Default::default(),
            secrets: Default::default(),
            expiring: Mutex::default(),
            acme: Mutex::default(),
            alerts: Mutex::default(),
        })
    }

    /// Cells for one more worker, to be called on its thread.
    pub fn worker(self: &Arc<Self>) -> WorkerMetrics {
        WorkerMetrics::new(Arc::clone(self), self.workers.fetch_add(1, Ordering::Relaxed))
    }

    /// A configuration comes into force. Names that it does not hold begin their grace time `now`.
    /// To be called just before the workers see it, so that none finds cells that are about to be
    /// forgotten. Takes time with the number of names, so it is not called on a worker.
    pub fn config_applied(&self, revision: u64, mut names: Names, at: SystemTime, now: Instant) {
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.config.revision.store(revision, Ordering::Relaxed);
        self.config.applied_micros.store(micros(at), Ordering::Relaxed);
        *self.config.refused() = None;
        // Exchanges without a route are counted under the name of their listener.
        let astray =
            |listener: &String| RouteName { listener: listener.clone(), ..RouteName::default() };
        names.routes.extend(names.listeners.iter().map(astray));
        names.routes.insert(RouteName::default());
        // Of names that are not kept the cells go: what is switched off takes no memory.
        let pair = |name: &RouteName| (name.listener.clone(), name.service.clone());
        let natives = names.routes.iter().filter(|_| names.native).map(pair).collect();
        self.natives.keep(natives);
        self.native.store(names.native, Ordering::Relaxed);
        self.routes.keep(names.routes);
        self.services.keep(names.services);
        self.listeners.keep(names.listeners);
        self.policies.keep(names.policies);
        self.consumers.configure(names.consumers);
        self.kong.store(names.kong, Ordering::Relaxed);
        self.sweep(now);
    }

    /// A configuration was refused `now`; the one before it stays in force.
    pub fn config_failed(&self, now: Instant) {
        self.config.failures.fetch_add(1, Ordering::Relaxed);
        self.config.refused().get_or_insert(now);
    }

    /// How many consumers and credentials are known, and whether somebody is: whoever is not is counted
    /// no more.
    pub fn known(&self, consumers: usize, credentials: usize, is_known: impl Fn(&str) -> bool) {
        self.consumers.forget(is_known);
        self.config.consumers.store(consumers as u64, Ordering::Relaxed);
        self.config.credentials.store(credentials as u64, Ordering::Relaxed);
    }

    /// How many names of targets were looked up well the last time, and how many were not.
    pub fn looked_up(&self, [good, failing]: [u64; 2]) {
        for (cell, count) in self.looked_up.iter().zip([good, failing]) {
            cell.store(count, Ordering::Relaxed);
        }
    }

    /// How many secrets of Vault that the configuration refers to could be read the last time, and how
    /// many could not.
    pub fn secrets(&self, [good, failing]: [u64; 2]) {
        for (cell, count) in self.secrets.iter().zip([good, failing]) {
            cell.store(count, Ordering::Relaxed);
        }
    }

    /// How all targets fare now, to be shown from now on.
    pub fn targets(&self, targets: Vec<TargetHealth>) {
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    /// What ends, to be shown from now on instead of what was shown before.
    pub fn expiring(&self, expiring: Vec<Expiring>) {
        *self.expiring.lock().unwrap_or_else(PoisonError::into_inner) = expiring;
    }

    /// How it goes with certificates from an authority, to be shown from now on.
    pub fn acme(&self, figures: Option<AcmeFigures>) {
        *self.acme.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// How it goes with hooks for alerts, to be shown from now on.
    pub fn alerts(&self, figures: Vec<HookFigures>) {
        *self.alerts.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// How the attempts at all services that are known have ended so far.
    pub fn attempts(&self) -> Vec<AttemptFigures> {
        render::attempts(self)
    }

    /// Lines of the access log that were lost so far.
    pub fn lines_lost(&self) -> u64 {
        self.log.dropped()
    }

    /// Writes everything in this format, in an order that depends on names only. Takes milliseconds and, for thousands of routes, writes
    /// megabytes: it is called on a thread that serves no exchange.
    ///
    /// # Errors
    /// Those of `out`; a vector has none.
    pub fn render(&self, format: Format, now: Instant, out: &mut dyn io::Write) -> io::Result<()> {
        self.write(self.sums(now), format, now, out)
    }

    /// Reads everything that workers count. They wait for it a moment when they meet a name for the first
    /// time, so it is not called on a thread that others go before.
    #[must_use]
    pub fn sums(&self, now: Instant) -> Sums {
        self.sweep(now);
        render::sums(self)
    }

    /// Writes what was read, which takes most of the time of [`Registry::render`]; no worker waits for it.
    ///
    /// # Errors
    /// Those of `out`; a vector has none.
    pub fn write(
        &self,
        sums: Sums,
        format: Format,
        now: Instant,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        render::render(self, sums, format, now, out)
    }

    fn sweep(&self, now: Instant) {
        self.routes.sweep(now, self.grace);
        self.natives.sweep(now, self.grace);
        self.services.sweep(now, self.grace);
        self.listeners.sweep(now, self.grace);
        self.policies.sweep(now, self.grace);
    }
}

#[cfg(test)]
mod tests;

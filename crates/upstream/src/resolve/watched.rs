//! One name, its addresses, and what its last lookups came to.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::SetOnce;

use super::answer::Answer;
use super::pace::{Pace, TTL_MIN};
use super::service::{Record, Records};

/// Addresses kept of one name; of more, the lowest ones, so that the choice is the same each time.
pub const ADDRESSES_MAX: usize = 64;

/// One name that is kept up to date.
#[derive(Debug)]
pub struct Watched {
    host: String,
    addresses: ArcSwap<Vec<IpAddr>>,
    /// Of a service of the DNS.
    records: Option<ArcSwap<Vec<Record>>>,
    version: AtomicU64,
    status: ArcSwap<Status>,
    looked_up: SetOnce<()>,
}

/// How the lookups of a name go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// When the last good answer came; `None` if there was none yet.
    pub answered_at: Option<Instant>,
    /// What went wrong in the last lookup; `None` if nothing did.
    pub error: Option<String>,
    /// Lookups that failed one after the other, up to now.
    pub failures: u32,
}

impl Watched {
    /// A name that is known without lookups.
    pub(super) fn known(host: String, addresses: Vec<IpAddr>) -> Self {
        Self {
            host,
            addresses: ArcSwap::from_pointee(addresses),
            records: None,
            version: AtomicU64::new(1),
            status: ArcSwap::default(),
            looked_up: SetOnce::new_with(Some(())),
        }
    }

    /// A name that is yet to be looked up.
    pub(super) fn unknown(host: String, service: bool) -> Self {
        Self {
            host,
            addresses: ArcSwap::default(),
            records: service.then(ArcSwap::default),
            version: AtomicU64::new(0),
            status: ArcSwap::default(),
            looked_up: SetOnce::new(),
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is the name of a service.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.records.is_some()
    }

    /// The places of a service as of the last good answer, in order; of any other name there are
    /// none.
    #[must_use]
    pub fn records(&self) -> Arc<Vec<Record>> {
        self.records.as_ref().map(ArcSwap::load_full).unwrap_or_default()
    }

    /// The addresses of the last good answer, sorted; empty only if there was none yet. Takes no
    /// lock.
    #[must_use]
    pub fn addresses(&self) -> Arc<Vec<IpAddr>> {
        self.addresses.load_full()
    }

    /// How often the addresses have changed; 0 before the first good answer. Read it before the
    /// addresses: as long as it stays the same, so do they. Cheap enough to ask for each request.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How the lookups go: for the operator.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Waits until the name was looked up once, well or badly.
    pub async fn looked_up(&self) {
        self.looked_up.wait().await;
    }

    /// Takes in an answer that came `now`; returns the wait until the next lookup.
    pub(super) fn settle(&self, answer: Answer, now: Instant, pace: &mut Pace) -> Duration {
        let known = self.addresses.load_full();
        let (wait, answered_at, error) = match answer.merge(&known) {
            Ok(outcome) => {
                let wait = match &outcome.error {
                    None => pace.after_answer(outcome.ttl),
                    // Half an answer: the other half is tried again as after a failure.
                    Some(_) => pace.after_failure().min(outcome.ttl.max(TTL_MIN)),
                };
                self.publish(&known, outcome.addresses);
                (wait, Some(now), outcome.error)
            }
            Err(error) => (pace.after_failure(), self.status.load().answered_at, Some(error)),
        };
        self.status.store(Arc::new(Status { answered_at, error, failures: pace.failures() }));
        // All lookups but the first find it set.
        self.looked_up.set(()).unwrap_or_default();
        wait
    }

    /// The same for the places of a service.
    pub(super) fn settle_service(
        &self,
        answer: Result<Records, String>,
        now: Instant,
        pace: &mut Pace,
    ) -> Duration {
        let known = self.records();
        let (wait, answered_at, error) = match answer.and_then(|answer| answer.merge(&known)) {
            Ok(Records { records, ttl, error }) => {
                let wait = match &error {
                    None => pace.after_answer(ttl),
                    Some(_) => pace.after_failure().min(ttl.max(TTL_MIN)),
                };
                let mut all: Vec<IpAddr> =
                    records.iter().flat_map(|record| record.addresses.clone()).collect();
                all.sort_unstable();
                all.dedup();
                if let Some(own) = self.records.as_ref().filter(|_| *known != records) {
                    own.store(Arc::new(records));
                    self.addresses.store(Arc::new(all));
                    self.version.fetch_add(1, Ordering::Release);
                }
                (wait, Some(now), error)
            }
            Err(error) => (pace.after_failure(), self.status.load().answered_at, Some(error)),
        };
        self.status.store(Arc::new(Status { answered_at, error, failures: pace.failures() }));
        self.looked_up.set(()).unwrap_or_default();
        wait
    }

    fn publish(&self, known: &[IpAddr], addresses: Vec<IpAddr>) {
        if known != addresses {
            self.addresses.store(Arc::new(addresses));
            // After the addresses: who sees the new version sees the new addresses.
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

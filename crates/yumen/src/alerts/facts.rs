//! The facts that alerts are about, from what is known anyway: for metrics, pages and the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use yumen_alert::{Answers, Fact, Silent};
use yumen_engine::Present;
use yumen_model::AlertKind;
use yumen_observe::{Exporter, Registry};
use yumen_plan::Plan;
use yumen_upstream::BreakerState;
use yumen_upstream::health::Standings;
use yumen_upstream::resolve::Names;

use crate::certificates::Showcase;
use crate::expiry::{self, Expiry};

/// A service that is probed is not held for down by requests that failed longer ago than this.
const LATELY: Duration = Duration::from_secs(60);
/// An automatic certificate is renewed when a third of its life is left; half of that later it is late.
const LATE_DIVISOR: u64 = 6;

/// What is looked at.
pub(crate) struct Scene<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) present: &'a Present,
    pub(crate) standings: &'a Standings,
    pub(crate) names: &'a Names,
    pub(crate) showcase: &'a Showcase,
    pub(crate) exporter: &'a Exporter,
    pub(crate) expiry: &'a Expiry,
    /// How often each worker has turned; `None` if it has ended.
    pub(crate) turns: Vec<Option<u64>>,
}

/// What is known from the look before, and what only the control thread knows.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Why a newer configuration was refused.
    pub(super) refused: Option<String>,
    pub(super) is_last_good: bool,
    answers: Answers,
    turns: Vec<Option<u64>>,
    lines_lost: Option<u64>,
    spans_lost: Option<u64>,
}

impl Gathered {
    /// Nothing yet, but whether the gateway was started with the last good configuration.
    pub(super) fn new(is_last_good: bool) -> Self {
        Self { is_last_good, ..Self::default() }
    }

    /// Whether workers turn is seen by two looks, one soon after the other.
    pub(super) fn forget_turns(&mut self) {
        self.turns.clear();
    }

    /// All facts that somebody wants to hear of, the worst first.
    pub(super) fn gather(
        &mut self,
        scene: &Scene<'_>,
        (now, clock): (Instant, SystemTime),
        wants: &dyn Fn(AlertKind) -> bool,
    ) -> Vec<Fact> {
        let plan = scene.present.plan();
        let mut facts = Vec::new();
        for kind in AlertKind::ALL.into_iter().filter(|kind| wants(*kind)) {
            let found = match kind {
                AlertKind::ServiceDown => self.services(scene, &plan, now),
                AlertKind::BreakerOpen => breakers(scene, &plan),
                AlertKind::WorkerStuck => self.workers(&scene.turns),
                AlertKind::ConfigRejected => self.refused.iter().map(|why| refused(why)).collect(),
                AlertKind::LastGoodUsed => self.is_last_good.then(last_good).into_iter().collect(),
                AlertKind::CertificateExpiring => certificates(scene, clock),
                AlertKind::AcmeFailing => failing(scene),
                AlertKind::NameLookupFailing => names(scene),
                AlertKind::LogLinesDropped => lost(
                    &mut self.lines_lost,
                    scene.registry.lines_lost(),
                    "lines of the access log",
                ),
                AlertKind::SpansDropped => {
                    let dropped = scene.exporter.totals().dropped.iter().sum();
                    lost(&mut self.spans_lost, dropped, "spans of traces")
                }
            };
            let fact = |(subject, summary)| Fact { kind, subject, summary };
            facts.extend(found.into_iter().map(fact));
        }
        facts
    }

    /// Services of which no endpoint is well, or no attempt is answered.
    fn services(&mut self, scene: &Scene<'_>, plan: &Plan, now: Instant) -> Vec<Found> {
        let mut down: BTreeMap<String, String> = BTreeMap::new();
        let mut watched: BTreeMap<String, Group> = BTreeMap::new();
        for one in scene.standings.report().iter().filter(|one| one.takes) {
            let group = watched.entry(one.service.to_string()).or_default();
            group.endpoints += 1;
            group.healthy += u64::from(one.healthy);
            group.is_probed |= one.probes.is_some();
        }
        let attempts = scene.registry.attempts();
        let counts = attempts.iter().map(|one| (one.service.as_str(), one.answered, one.failed));
        for Silent { service, failures, ago } in self.answers.look(counts, now) {
            let is_probed = watched.get(service).is_some_and(|group| group.is_probed);
            if !is_probed || ago < LATELY {
                let why = format!("its last {failures} attempts had no answer");
                down.insert(service.to_owned(), why);
            }
        }
        for (service, Group { endpoints, .. }) in
            watched.iter().filter(|(_, group)| group.healthy == 0)
        {
            let why = format!("no endpoint of {endpoints} is healthy");
            down.insert(service.clone(), why);
        }
        // What is not in the plan any more has nobody to be down for.
        let known =
            down.into_iter().filter(|(name, _)| plan.destinations.contains_key(name.as_str()));
        known.map(|(name, why)| (name.clone(), format!("Service {name} is down: {why}."))).collect()
    }

    fn workers(&mut self, turns: &[Option<u64>]) -> Vec<Found> {
        let before = std::mem::replace(&mut self.turns, turns.to_vec());
        let mut found = Vec::new();
        for (index, (turns, before)) in turns.iter().zip(&before).enumerate() {
            let name = format!("worker-{index}");
            if turns.is_none() {
                let summary = format!("Thread {name} has ended, and serves nobody any more.");
                found.push((name, summary));
            } else if turns == before {
                let summary = format!("Thread {name} does not turn: its requests wait.");
                found.push((name, summary));
            }
        }
        found
    }
}

/// Whose state it is, and a sentence.
type Found = (String, String);

/// The endpoints of one service that take requests.
#[derive(Default)]
struct Group {
    endpoints: u64,
    healthy: u64,
    is_probed: bool,
}

fn breakers(scene: &Scene<'_>, plan: &Plan) -> Vec<Found> {
    let ledgers = scene.present.ledgers();
    let open = plan.limited.iter().filter_map(|one| {
        let how = match ledgers.read(one)?.breaker? {
            BreakerState::Closed => return None,
            BreakerState::HalfOpen => "half open: a few requests are let through",
            BreakerState::Open => "open: requests to it are refused",
        };
        let name = one.name.to_string();
        let summary = format!("The breaker of service {name} is {how}.");
        Some((name, summary))
    });
    open.collect()
}

fn refused(why: &str) -> Found {
    let summary =
        format!("A newer configuration was refused ({why}); the one before stays in force.");
    (String::new(), summary)
}

fn last_good() -> Found {
    let summary = "The gateway was started with the last good configuration, because the present one \
                   has errors.";
    (String::new(), summary.to_owned())
}

fn certificates(scene: &Scene<'_>, clock: SystemTime) -> Vec<Found> {
    let now = expiry::seconds(clock);
    let late = |(name, from, until): (String, u64, u64)| {
        let left = until.saturating_sub(now);
        let is_late = left < until.saturating_sub(from) / LATE_DIVISOR;
        let when = if left == 0 {
            format!("has ended {}", expiry::long(now - until, "ago"))
        } else {
            format!("ends {}", expiry::long(left, "from now"))
        };
        let summary = format!("The automatic certificate for {name} {when}, and no new one came.");
        is_late.then_some((format!("acme: {name}"), summary))
    };
    let configured = scene.expiry.faults(clock).into_iter();
    let configured = configured.map(|(what, message)| (what, format!("In {message}.")));
    configured.chain(scene.showcase.lives().into_iter().filter_map(late)).collect()
}

fn failing(scene: &Scene<'_>) -> Vec<Found> {
    let failing = scene.showcase.failing().into_iter();
    let told = failing.map(|(name, why)| {
        let summary = format!("The authority gives no certificate for {name}: {why}.");
        (name, summary)
    });
    told.collect()
}

fn names(scene: &Scene<'_>) -> Vec<Found> {
    let watched = scene.names.watched();
    let failing = watched.iter().filter_map(|name| {
        let status = name.status();
        let why = status.error.as_ref().filter(|_| status.failures > 0)?;
        let host = name.host().to_owned();
        let summary = format!("The name {host} of a target cannot be looked up: {why}.");
        Some((host, summary))
    });
    failing.collect()
}

/// Whether more is lost than at the look before.
fn lost(before: &mut Option<u64>, now: u64, what: &str) -> Vec<Found> {
    let before = before.replace(now).unwrap_or(now);
    let fresh = (now > before).then(|| (String::new(), format!("Lost so far: {now} {what}.")));
    fresh.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_a_fact_while_it_grows() {
        let mut before = None;
        let mut check =
            |now, expect| assert_eq!(lost(&mut before, now, "x").len(), expect, "{now}");
        check(7, 0);
        check(7, 0);
        check(8, 1);
        check(8, 0);
        check(20, 1);
    }

    #[test]
    fn a_worker_that_does_not_turn_is_seen() {
        let mut gathered = Gathered::default();
        let mut check = |turns: &[Option<u64>], expect: &[&str]| {
            let found = gathered.workers(turns);
            assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expect);
        };
        check(&[Some(1), Some(1)], &[]);
        check(&[Some(2), Some(1)], &["worker-1"]);
        check(&[Some(3), Some(2)], &[]);
        check(&[Some(3), Some(2)], &["worker-0", "worker-1"]);
        check(&[Some(4), Some(3)], &[]);
        check(&[None, Some(4)], &["worker-0"]);
        check(&[None, Some(4)], &["worker-0", "worker-1"]);
    }

    #[test]
    fn what_was_seen_long_ago_says_nothing() {
        let mut gathered = Gathered::default();
        assert!(gathered.workers(&[Some(1)]).is_empty());
        gathered.forget_turns();
        assert!(gathered.workers(&[Some(1)]).is_empty());
        assert_eq!(gathered.workers(&[Some(1)]).len(), 1);
    }
}

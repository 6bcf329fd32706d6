//! How endpoints fare, as the status listener shows it: a page for people, figures for metrics.

use serde_json::{Map, Value, json};
use yumen_engine::Present;
use yumen_observe::{TargetHealth, TargetProbes};
use yumen_upstream::health::{Flaw, ProbeCounts, Reason, Standings};
use yumen_upstream::resolve::{Names, Watched};
use yumen_upstream::{BreakerState, Reading};

/// Every service that has limits or a breaker, every endpoint whose health is watched, and every
/// name that is looked up, as JSON.
pub(crate) fn page(present: &Present, standings: &Standings, names: &Names) -> String {
    let plan = present.plan();
    let services = plan.limited.iter();
    let services: Vec<Value> =
        services.filter_map(|one| Some(service(&one.name, present.ledgers().read(one)?))).collect();
    let endpoints: Vec<Value> = standings
        .report()
        .iter()
        .map(|one| {
            json!({
                "service": &*one.service,
                "target": &*one.target,
                "address": one.address.to_string(),
                "state": one.state,
                "for_ms": one.millis,
                "why": &*one.why,
                "panic": one.panic,
                "probes": one.probes.as_ref().map(probes),
                "ejections": one.ejections.iter().sum::<u64>(),
            })
        })
        .collect();
    let names: Vec<Value> = names.watched().iter().map(|name| self::name(name)).collect();
    format!("{:#}\n", json!({ "services": services, "endpoints": endpoints, "names": names }))
}

fn service(name: &str, reading: Reading) -> Value {
    let mut members = Map::new();
    members.insert("service".to_owned(), json!(name));
    if let Some(breaker) = reading.breaker {
        let word = match breaker {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Open => "open",
        };
        members.insert("breaker".to_owned(), json!(word));
    }
    if let Some(crowd) = reading.limits {
        let limits = json!({
            "limit": crowd.limit,
            "adaptive": crowd.is_adaptive,
            "requests": crowd.requests,
            "pending": crowd.pending,
            "sent_away": crowd.sent_away,
        });
        members.insert("limits".to_owned(), limits);
    }
    Value::Object(members)
}

fn name(name: &Watched) -> Value {
    let status = name.status();
    json!({
        "name": name.host(),
        "addresses": name.addresses().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "error": status.error,
        "failures": status.failures,
    })
}

/// How many names were looked up well the last time, and how many were not.
pub(crate) fn names(names: &Names) -> [u64; 2] {
    let (failing, good): (Vec<_>, Vec<_>) =
        names.watched().into_iter().partition(|name| name.status().failures > 0);
    [good.len() as u64, failing.len() as u64]
}

fn probes(counts: &ProbeCounts) -> Value {
    let reasons = Flaw::ALL.iter().zip(counts.failed).filter(|(_, count)| *count > 0);
    let reasons = reasons.map(|(flaw, count)| (flaw.name().to_owned(), json!(count)));
    json!({
        "good": counts.good,
        "failed": counts.failed.iter().sum::<u64>(),
        "reasons": Value::Object(reasons.collect()),
        "unhealthy": counts.unhealthy,
        "last_failure": counts.last_failure.as_ref().map(|(why, millis)| json!({
            "why": &**why,
            "ago_ms": millis,
        })),
    })
}

/// The same, summed up by target.
pub(crate) fn targets(standings: &Standings) -> Vec<TargetHealth> {
    let mut targets: Vec<TargetHealth> = Vec::new();
    for one in standings.report() {
        let known = targets
            .last()
            .is_some_and(|last| *last.service == *one.service && *last.target == *one.target);
        if !known {
            targets.push(TargetHealth {
                service: one.service.to_string(),
                target: one.target.to_string(),
                healthy: 0,
                probes: None,
                ejections: Reason::ALL.iter().map(|reason| (reason.name(), 0)).collect(),
            });
        }
        let Some(target) = targets.last_mut() else { continue };
        target.healthy += u64::from(one.healthy);
        if let Some(probes) = one.probes {
            let sums = target.probes.get_or_insert_with(|| TargetProbes {
                failed: Flaw::ALL.iter().map(|flaw| (flaw.name(), 0)).collect(),
                ..TargetProbes::default()
            });
            sums.good += probes.good;
            sums.unhealthy += probes.unhealthy;
            for ((_, sum), count) in sums.failed.iter_mut().zip(probes.failed) {
                *sum += count;
            }
        }
        for ((_, sum), count) in target.ejections.iter_mut().zip(one.ejections) {
            *sum += count;
        }
    }
    targets
}

//! How endpoints fare, as the status listener shows it: a page for people, figures for metrics.

use serde_json::{Map, Value, json};
use yumen_engine::Present;
use yumen_observe::TargetHealth;
use yumen_upstream::health::{Reason, Standings};
use yumen_upstream::{BreakerState, Reading};

/// Every service that has limits or a breaker, and every endpoint whose health is watched, as JSON.
pub(crate) fn page(present: &Present, standings: &Standings) -> String {
    let plan = present.plan();
    let mut services: Vec<_> = plan
        .destinations
        .iter()
        .filter_map(|(name, destination)| Some((name, present.ledgers().read(destination)?)))
        .collect();
    services.sort_unstable_by_key(|(name, _)| *name);
    let services: Vec<Value> =
        services.into_iter().map(|(name, reading)| service(name, reading)).collect();
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
                "probes": one.probes.map(|[good, failed]| json!({"good": good, "failed": failed})),
                "ejections": one.ejections.iter().sum::<u64>(),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "services": services, "endpoints": endpoints }))
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
            let sums = target.probes.get_or_insert_default();
            sums.iter_mut().zip(probes).for_each(|(sum, count)| *sum += count);
        }
        for ((_, sum), count) in target.ejections.iter_mut().zip(one.ejections) {
            *sum += count;
        }
    }
    targets
}

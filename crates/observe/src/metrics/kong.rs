//! The same sums under the names that Kong 3 gives them, for dashboards that were made for it.
//!
//! Kong has no listeners, so what came in by several is one; it counts only what has a service.
//! Latencies are in milliseconds. Buckets are Yumen's own: they cannot be had otherwise.

use std::{collections::BTreeMap, io, sync::PoisonError};

use super::{
    Registry, RouteName,
    exposition::{Exposition, Unit, Value, label},
    histogram::{LATENCY, OVERHEAD},
    outcome,
    render::{ListenerSum, RouteSum, histograms},
    series::{Kind, Series},
};

const REQUESTS: Series = Series {
    name: "kong_http_requests_total",
    kind: Kind::Counter,
    help: "Requests, by service, route, status and who answered.",
};
// A counter, but a name that does not end in `_total` cannot be one in OpenMetrics.
const BANDWIDTH: Series = Series {
    name: "kong_bandwidth_bytes",
    kind: Kind::Gauge,
    help: "Bytes of requests (ingress) and answers (egress).",
};
const TOTAL: Series = latency("kong_request_latency_ms", "The whole of a request.");
const UPSTREAM: Series = latency("kong_upstream_latency_ms", "What the service took.");
const OWN: Series = latency("kong_kong_latency_ms", "What the gateway itself added.");
// Kong's type of it is gauge, which no name that ends in `_total` can have in OpenMetrics.
const CONNECTIONS: Series = Series {
    name: "kong_nginx_connections_total",
    kind: Kind::Counter,
    help: "Connections of clients, by state.",
};
const ALL_REQUESTS: Series = Series {
    name: "kong_nginx_requests_total",
    kind: Kind::Counter,
    help: "Requests of all services.",
};
const TARGET_HEALTH: Series = Series {
    name: "kong_upstream_target_health",
    kind: Kind::Gauge,
    help: "Whether a target is in this state.",
};
const NODE: Series =
    Series { name: "kong_node_info", kind: Kind::Gauge, help: "This node; always 1." };
const DATASTORE: Series = Series {
    name: "kong_datastore_reachable",
    kind: Kind::Gauge,
    help: "Always 1: no request needs a datastore.",
};

const fn latency(name: &'static str, help: &'static str) -> Series {
    Series { name, kind: Kind::Histogram, help }
}

/// Writes all of it.
pub(super) fn render(
    text: &mut Exposition<'_>,
    registry: &Registry,
    listeners: &[(String, ListenerSum)],
    routes: &[(RouteName, RouteSum)],
) -> io::Result<()> {
    let rows = joined(routes);
    requests(text, &rows)?;
    histograms(text, (TOTAL, &LATENCY, Unit::Millis), &rows, |sum| &sum.total)?;
    histograms(text, (UPSTREAM, &LATENCY, Unit::Millis), &rows, |sum| &sum.upstream)?;
    histograms(text, (OWN, &OVERHEAD, Unit::Millis), &rows, |sum| &sum.overhead)?;
    text.begin(BANDWIDTH);
    for (labels, sum) in &rows {
        for (direction, bytes) in [("ingress", sum.received), ("egress", sum.sent)] {
            let more = [label("direction", direction), label("consumer", "")].join(&b',');
            text.sample((BANDWIDTH, ""), &[labels, &more], Value::Whole(bytes))?;
        }
    }
    node(text, registry, listeners, &rows)?;
    targets(text, registry)
}

/// What was counted of each route, however it came in.
fn joined(routes: &[(RouteName, RouteSum)]) -> Vec<(Vec<u8>, RouteSum)> {
    let mut sums: BTreeMap<(&str, &str), RouteSum> = BTreeMap::new();
    for (RouteName { service, route, .. }, one) in routes {
        if service.is_empty() {
            continue;
        }
        let sum = sums.entry((service, route)).or_default();
        for (key, count) in &one.outcomes {
            *sum.outcomes.entry(*key).or_default() += count;
        }
        sum.total.join(&one.total);
        sum.upstream.join(&one.upstream);
        sum.overhead.join(&one.overhead);
        sum.received = sum.received.wrapping_add(one.received);
        sum.sent = sum.sent.wrapping_add(one.sent);
    }
    let labels = |service, route| {
        let all = [("service", service), ("route", route), ("workspace", "default")];
        all.map(|(key, value)| label(key, value)).join(&b',')
    };
    sums.into_iter().map(|((service, route), sum)| (labels(service, route), sum)).collect()
}

fn requests(text: &mut Exposition<'_>, rows: &[(Vec<u8>, RouteSum)]) -> io::Result<()> {
    text.begin(REQUESTS);
    for (labels, sum) in rows {
        // Kong knows no methods.
        let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
        for (key, count) in &sum.outcomes {
            let (_, code, source) = outcome::labels(*key);
            let source = if source == "upstream" { "service" } else { "kong" };
            *counts.entry((code, source)).or_default() += count;
        }
        for ((code, source), count) in &counts {
            let more = [("code", &**code), ("source", *source), ("consumer", "")];
            let more = more.map(|(key, value)| label(key, value)).join(&b',');
            text.sample((REQUESTS, ""), &[labels, &more], Value::Whole(*count))?;
        }
    }
    Ok(())
}

fn node(
    text: &mut Exposition<'_>,
    registry: &Registry,
    listeners: &[(String, ListenerSum)],
    rows: &[(Vec<u8>, RouteSum)],
) -> io::Result<()> {
    let id = label("node_id", "");
    let here = [id.clone(), label("subsystem", "http")].join(&b',');
    text.begin(CONNECTIONS);
    let open: u64 = listeners.iter().map(|(_, sum)| sum.open).sum();
    let accepted: u64 = listeners.iter().map(|(_, sum)| sum.accepted).sum();
    for (state, count) in [("active", open), ("accepted", accepted), ("handled", accepted)] {
        let state = label("state", state);
        text.sample((CONNECTIONS, ""), &[&here, &state], Value::Whole(count))?;
    }
    text.begin(ALL_REQUESTS);
    let all = rows.iter().flat_map(|(_, sum)| sum.outcomes.values()).sum();
    text.sample((ALL_REQUESTS, ""), &[&here], Value::Whole(all))?;
    text.begin(NODE);
    text.sample((NODE, ""), &[&id, &label("version", &registry.version)], Value::Whole(1))?;
    text.begin(DATASTORE);
    text.sample((DATASTORE, ""), &[], Value::Whole(1))
}

fn targets(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    let targets = registry.targets.lock().unwrap_or_else(PoisonError::into_inner).clone();
    text.begin(TARGET_HEALTH);
    for one in &targets {
        let names = [("upstream", &*one.service), ("target", &*one.target), ("address", "")];
        let names = names.map(|(key, value)| label(key, value)).join(&b',');
        for (state, is_so) in [("healthy", one.healthy > 0), ("unhealthy", one.healthy == 0)] {
            let more = [label("state", state), label("subsystem", "http")].join(&b',');
            text.sample((TARGET_HEALTH, ""), &[&names, &more], Value::Whole(u64::from(is_so)))?;
        }
    }
    Ok(())
}

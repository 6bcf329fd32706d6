//! What two looks at a gateway tell: rates, shares and times of what happened in between.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

/// One look.
#[derive(Debug)]
pub(super) struct Sample {
    at: Instant,
    /// The numbers of the series that have no labels.
    plain: BTreeMap<String, f64>,
    routes: BTreeMap<String, Route>,
    services: Vec<(String, String)>,
    targets: Vec<(String, String)>,
}

/// What was counted of a route since the process began.
#[derive(Debug, Clone, Default)]
struct Route {
    requests: f64,
    errors: f64,
    /// Upper bound in seconds, and how many took at most so long.
    buckets: Vec<(f64, f64)>,
}

/// What happened between two looks.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) revision: u64,
    pub(super) active: u64,
    pub(super) connections: u64,
    pub(super) mebibytes: f64,
    /// Of one core.
    pub(super) cpu: f64,
    pub(super) rows: Vec<Row>,
    pub(super) services: Vec<(String, String)>,
    pub(super) targets: Vec<(String, String)>,
}

/// One route.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    /// Requests in a second.
    pub(super) rate: f64,
    /// The share of answers of status 5xx, 0 to 1.
    pub(super) errors: f64,
    /// Seconds; not a number without a request.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Sample {
    pub(super) fn read(at: Instant, metrics: &str, upstreams: &str) -> Self {
        let mut sample = Self {
            at,
            plain: BTreeMap::new(),
            routes: BTreeMap::new(),
            services: Vec::new(),
            targets: Vec::new(),
        };
        metrics.lines().filter_map(series).for_each(|series| sample.take(&series));
        for route in sample.routes.values_mut() {
            // A route on several listeners has one bucket of each.
            let mut sums: Vec<(f64, f64)> = Vec::new();
            route.buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            for (bound, count) in route.buckets.drain(..) {
                match sums.last_mut() {
                    Some(last) if last.0.total_cmp(&bound).is_eq() => last.1 += count,
                    _ => sums.push((bound, count)),
                }
            }
            route.buckets = sums;
        }
        let page: Value = serde_json::from_str(upstreams).unwrap_or_default();
        sample.services = items(&page, "services").map(service).collect();
        sample.targets = items(&page, "endpoints").map(target).collect();
        sample
    }

    fn take(&mut self, series: &Series<'_>) {
        match series.name {
            "yumen_http_requests_total" => {
                let is_error = series.label("code").is_some_and(|code| code.starts_with('5'));
                let route = self.routes.entry(series.route()).or_default();
                route.requests += series.value;
                route.errors += if is_error { series.value } else { 0.0 };
            }
            "yumen_http_request_duration_seconds_bucket" => {
                let bound = series.label("le").and_then(|bound| match bound.as_str() {
                    "+Inf" => Some(f64::INFINITY),
                    bound => bound.parse().ok(),
                });
                let route = self.routes.entry(series.route()).or_default();
                route.buckets.extend(bound.map(|bound| (bound, series.value)));
            }
            name => *self.plain.entry(name.to_owned()).or_default() += series.value,
        }
    }

    fn number(&self, name: &str) -> f64 {
        self.plain.get(name).copied().unwrap_or_default()
    }
}

impl Figures {
    pub(super) fn between(before: &Sample, now: &Sample) -> Self {
        let seconds = now.at.saturating_duration_since(before.at).as_secs_f64().max(0.001);
        let rows = now.routes.iter().map(|(name, route)| {
            let old = before.routes.get(name).cloned().unwrap_or_default();
            // A process that began anew counts from 0.
            let old = if old.requests > route.requests { Route::default() } else { old };
            let requests = route.requests - old.requests;
            let share = (route.errors - old.errors) / requests;
            let grown = grown(&old.buckets, &route.buckets);
            Row {
                name: name.clone(),
                rate: requests / seconds,
                errors: if share.is_finite() { share } else { 0.0 },
                p50: quantile(&grown, 0.5),
                p99: quantile(&grown, 0.99),
            }
        });
        let cpu = "process_cpu_seconds_total";
        let used = (now.number(cpu) - before.number(cpu)).max(0.0);
        Self {
            revision: whole(now.number("yumen_config_revision")),
            active: whole(now.number("yumen_http_active_requests")),
            connections: whole(now.number("yumen_connections")),
            mebibytes: now.number("process_resident_memory_bytes") / f64::from(1 << 20),
            cpu: used / seconds * 100.0,
            rows: rows.collect(),
            services: now.services.clone(),
            targets: now.targets.clone(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a conversion of a float saturates, and these are counts"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

/// How the buckets have grown.
fn grown(before: &[(f64, f64)], now: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let before = |bound: f64| {
        before.iter().find(|one| one.0.total_cmp(&bound).is_eq()).map_or(0.0, |one| one.1)
    };
    now.iter().map(|(bound, count)| (*bound, count - before(*bound))).collect()
}

/// The time that this share stays below, by straight lines within buckets; not a number without a
/// request, and the last bound for what lies beyond.
fn quantile(buckets: &[(f64, f64)], share: f64) -> f64 {
    let all = buckets.last().map_or(0.0, |last| last.1);
    if all <= 0.0 {
        return f64::NAN;
    }
    let wanted = all * share;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= wanted {
            return match bound.is_finite() {
                true => lower + (bound - lower) * (wanted - below) / (count - below).max(1e-9),
                false => lower,
            };
        }
        (lower, below) = (*bound, *count);
    }
    lower
}

fn items<'a>(page: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    page.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn word(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn service(one: &Value) -> (String, String) {
    let mut state = Vec::new();
    if let Some(breaker) = one.get("breaker").and_then(Value::as_str) {
        state.push(format!("breaker {breaker}"));
    }
    if let Some(limits) = one.get("limits") {
        let number = |key: &str| limits.get(key).and_then(Value::as_u64).unwrap_or_default();
        let [requests, limit, pending] = ["requests", "limit", "pending"].map(number);
        state.push(format!("{requests} of {limit} requests, {pending} wait"));
    }
    (word(one, "service"), state.join(", "))
}

fn target(one: &Value) -> (String, String) {
    let (name, at) = (word(one, "service"), word(one, "address"));
    let why = match word(one, "why") {
        why if why.is_empty() => why,
        why => format!(": {why}"),
    };
    (format!("{name} {at}"), format!("{}{why}", word(one, "state")))
}

/// One line of the text format.
struct Series<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

fn series(line: &str) -> Option<Series<'_>> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    Some(Series { name, labels, value: value.parse().ok()? })
}

impl Series<'_> {
    /// The value of a label. A name of ours has no quotes in it that would have to be undone.
    fn label(&self, name: &str) -> Option<String> {
        let mut rest = self.labels;
        while let Some((key, after)) = rest.split_once("=\"") {
            let end = after
                .match_indices('"')
                .map(|(at, _)| at)
                .find(|at| !after.get(..*at).is_some_and(|before| before.ends_with('\\')))?;
            let value = after.get(..end)?;
            if key.trim_start_matches(',') == name {
                return Some(value.to_owned());
            }
            rest = after.get(end + 1..)?;
        }
        None
    }

    fn route(&self) -> String {
        match self.label("route").unwrap_or_default() {
            none if none.is_empty() => "(no route)".to_owned(),
            route => route,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn page(requests: u32, errors: u32) -> String {
        let all = requests + errors;
        format!(
            "# TYPE yumen_http_requests_total counter\n\
             yumen_http_requests_total{{listener=\"a,b\",route=\"all\",code=\"200\"}} {requests}\n\
             yumen_http_requests_total{{listener=\"web\",route=\"all\",code=\"503\"}} {errors}\n\
             yumen_http_request_duration_seconds_bucket{{route=\"all\",le=\"0.01\"}} {requests}\n\
             yumen_http_request_duration_seconds_bucket{{route=\"all\",le=\"0.1\"}} {all}\n\
             yumen_http_request_duration_seconds_bucket{{route=\"all\",le=\"+Inf\"}} {all}\n\
             yumen_config_revision 3\nprocess_cpu_seconds_total {}\n",
            f64::from(requests) / 100.0
        )
    }

    #[test]
    fn figures_are_of_the_time_in_between() {
        let at = Instant::now();
        let before = Sample::read(at, &page(100, 0), "{}");
        let now = Sample::read(at + Duration::from_secs(2), &page(190, 10), "{}");
        let figures = Figures::between(&before, &now);
        let row = &figures.rows[0];
        assert_eq!((row.name.as_str(), figures.revision), ("all", 3));
        assert!((row.rate - 50.0).abs() < 1e-6 && (row.errors - 0.1).abs() < 1e-6, "{row:?}");
        assert!((row.p50 - 0.01 * 50.0 / 90.0).abs() < 1e-6, "{row:?}");
        assert!((row.p99 - (0.01 + 0.09 * 0.9)).abs() < 1e-6, "{row:?}");
        assert!((figures.cpu - 45.0).abs() < 1e-6, "{figures:?}");
    }

    #[test]
    fn a_process_that_began_anew_counts_from_nothing() {
        let at = Instant::now();
        let before = Sample::read(at, &page(100, 0), "{}");
        let now = Sample::read(at + Duration::from_secs(1), &page(10, 0), "{}");
        assert!((Figures::between(&before, &now).rows[0].rate - 10.0).abs() < 1e-6);
    }

    #[test]
    fn without_requests_there_are_no_times() {
        let at = Instant::now();
        let sample = Sample::read(at, &page(5, 0), "not JSON");
        let figures = Figures::between(&sample, &sample);
        assert!(figures.rows[0].p50.is_nan() && figures.rows[0].errors == 0.0);
    }
}

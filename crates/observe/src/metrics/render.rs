//! Everything that is counted, as text: sums first, then one metric after the other.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{PoisonError, atomic::Ordering},
    time::Instant,
};

use yumen_policy::{AttemptEnd, Decided, FailureKind};

use super::{
    AcmeFigures, AttemptFigures, HookFigures, Registry, RouteName, TargetHealth,
    consumers::{self, ConsumerSum},
    count::Count,
    exposition::{Exposition, Unit, Value, label},
    format::Format,
    histogram::{self, HistogramSum, Scale},
    kong,
    meter::{ListenerCells, NativeCells, PolicyCells, RouteCells, ServiceCells},
    native::NativeSum,
    outcome, process,
    series::{self, Series},
};
use crate::record::micros;

/// The sum of a route over all workers. All metrics of one scrape are made of the same sums.
#[derive(Default)]
pub(super) struct RouteSum {
    pub(super) outcomes: BTreeMap<u16, u64>,
    pub(super) total: HistogramSum,
    pub(super) upstream: HistogramSum,
    pub(super) overhead: HistogramSum,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// The native histograms of a service on a listener: of the whole, of the service, of what is added.
type NativeSums = [NativeSum; 3];

#[derive(Default)]
pub(super) struct ListenerSum {
    active: u64,
    pub(super) open: u64,
    pub(super) accepted: u64,
    turned_away: u64,
    flooding: u64,
    unsecured: u64,
    refused: BTreeMap<u16, u64>,
}

#[derive(Default)]
struct ServiceSum {
    open: u64,
    opened: u64,
    reused: u64,
    decisions: BTreeMap<u16, u64>,
    attempts: BTreeMap<u16, u64>,
    breaker: u64,
    requests: u64,
    pending: u64,
    limit: u64,
}

#[derive(Default)]
struct PolicySum {
    passed: u64,
    answered: u64,
    refused: BTreeMap<u16, u64>,
    reported: BTreeMap<u16, u64>,
}

/// Rows of one metric: the labels that are written in front of every sample, and the sums.
type Rows<S> = [(Vec<u8>, S)];

/// What all workers have counted together, at one moment.
pub struct Sums {
    listeners: Vec<(String, ListenerSum)>,
    routes: Vec<(RouteName, RouteSum)>,
    natives: Vec<((String, String), NativeSums)>,
    consumers: Vec<(String, ConsumerSum)>,
    policies: Vec<(&'static str, PolicySum)>,
    services: Vec<(String, ServiceSum)>,
}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sums").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}

/// Reads all cells.
pub(super) fn sums(registry: &Registry) -> Sums {
    Sums {
        listeners: registry.listeners.sums(add_listener),
        routes: registry.routes.sums(add_route),
        natives: registry.natives.sums(add_natives),
        consumers: registry.consumers.sums(),
        policies: registry.policies.sums(add_policy),
        services: registry.services.sums(add_service),
    }
}

/// Writes all metrics to `out`.
pub(super) fn render(
    registry: &Registry,
    sums: Sums,
    format: Format,
    now: Instant,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut exposition = Exposition::new(format, out);
    let text = &mut exposition;
    build_and_config(text, registry, now)?;
    secrets(text, registry)?;
    expiring(text, registry)?;
    if registry.kong.load(Ordering::Relaxed) {
        kong::render(text, registry, &sums.listeners, &sums.routes)?;
    }
    listeners(text, &labelled(sums.listeners, |name| label("listener", name)))?;
    routes(text, &labelled(sums.routes, route_labels))?;
    natives(text, &labelled(sums.natives, native_labels));
    consumers::render(text, &sums.consumers)?;
    policies(text, &labelled(sums.policies, |kind| label("policy", kind)))?;
    services(text, &labelled(sums.services, |name| label("service", name)))?;
    targets(text, registry)?;
    acme(text, registry)?;
    log(text, registry)?;
    spans(text, registry)?;
    alerts(text, registry)?;
    for (series, value) in process::figures() {
        text.begin(series);
        text.sample((series, ""), &[], value)?;
    }
    exposition.finish()
}

fn secrets(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    text.begin(series::SECRETS);
    for (state, count) in ["good", "failing"].into_iter().zip(&registry.secrets) {
        let state = label("state", state);
        let count = Value::Whole(count.load(Ordering::Relaxed));
        text.sample((series::SECRETS, ""), &[&state], count)?;
    }
    Ok(())
}

fn expiring(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    let expiring = registry.expiring.lock().unwrap_or_else(PoisonError::into_inner).clone();
    text.begin(series::CERTIFICATE_EXPIRY);
    for one in &expiring {
        let labels = [label(one.place, &one.name), label("certificate", &one.what)];
        let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
        text.sample((series::CERTIFICATE_EXPIRY, ""), &labels, Value::Whole(one.at))?;
    }
    Ok(())
}

fn add_route(sum: &mut RouteSum, cells: &RouteCells) {
    cells.outcomes.add_to(&mut sum.outcomes);
    sum.total.add(&cells.total);
    sum.upstream.add(&cells.upstream);
    sum.overhead.add(&cells.overhead);
    add(&mut sum.received, &cells.received);
    add(&mut sum.sent, &cells.sent);
}

fn add_natives([total, upstream, overhead]: &mut NativeSums, cells: &NativeCells) {
    total.add(&cells.total);
    upstream.add(&cells.upstream);
    overhead.add(&cells.overhead);
}

fn add_listener(sum: &mut ListenerSum, cells: &ListenerCells) {
    cells.refused.add_to(&mut sum.refused);
    add(&mut sum.active, &cells.active);
    add(&mut sum.open, &cells.open);
    add(&mut sum.accepted, &cells.accepted);
    add(&mut sum.turned_away, &cells.turned_away);
    add(&mut sum.flooding, &cells.flooding);
    add(&mut sum.unsecured, &cells.unsecured);
}

fn add_service(sum: &mut ServiceSum, cells: &ServiceCells) {
    add(&mut sum.open, &cells.open);
    add(&mut sum.opened, &cells.opened);
    add(&mut sum.reused, &cells.reused);
    cells.decisions.add_to(&mut sum.decisions);
    cells.attempts.add_to(&mut sum.attempts);
    add(&mut sum.breaker, &cells.breaker);
    add(&mut sum.requests, &cells.requests);
    add(&mut sum.pending, &cells.pending);
    add(&mut sum.limit, &cells.limit);
}

fn add_policy(sum: &mut PolicySum, cells: &PolicyCells) {
    add(&mut sum.passed, &cells.passed);
    add(&mut sum.answered, &cells.answered);
    cells.refused.add_to(&mut sum.refused);
    cells.reported.add_to(&mut sum.reported);
}

fn add(sum: &mut u64, count: &Count) {
    *sum = sum.wrapping_add(count.read());
}

fn labelled<K, S>(sums: Vec<(K, S)>, labels: impl Fn(&K) -> Vec<u8>) -> Vec<(Vec<u8>, S)> {
    sums.into_iter().map(|(key, sum)| (labels(&key), sum)).collect()
}

fn route_labels(name: &RouteName) -> Vec<u8> {
    let RouteName { listener, service, route } = name;
    [label("listener", listener), label("service", service), label("route", route)].join(&b',')
}

fn native_labels((listener, service): &(String, String)) -> Vec<u8> {
    [label("listener", listener), label("service", service)].join(&b',')
}

fn build_and_config(
    text: &mut Exposition<'_>,
    registry: &Registry,
    now: Instant,
) -> io::Result<()> {
    use Ordering::Relaxed;
    let config = &registry.config;
    text.begin(series::BUILD);
    text.sample((series::BUILD, ""), &[&label("version", &registry.version)], Value::Whole(1))?;
    for (series, value) in [
        (series::CONFIG_REVISION, Value::Whole(config.revision.load(Relaxed))),
        (series::CONFIG_SUCCESS, Value::Micros(config.applied_micros.load(Relaxed))),
        (series::CONFIG_FAILURES, Value::Whole(config.failures.load(Relaxed))),
        (series::CONFIG_STALE, Value::Micros(micros(config.stale(now)))),
        (series::CONSUMERS, Value::Whole(config.consumers.load(Relaxed))),
        (series::CREDENTIALS, Value::Whole(config.credentials.load(Relaxed))),
    ] {
        text.begin(series);
        text.sample((series, ""), &[], value)?;
    }
    Ok(())
}

fn listeners(text: &mut Exposition<'_>, rows: &Rows<ListenerSum>) -> io::Result<()> {
    plain(text, series::CONNECTIONS, rows, |sum| sum.open)?;
    plain(text, series::CONNECTIONS_TOTAL, rows, |sum| sum.accepted)?;
    plain(text, series::REFUSED_CONNECTIONS, rows, |sum| sum.turned_away)?;
    plain(text, series::FLOODING_CONNECTIONS, rows, |sum| sum.flooding)?;
    plain(text, series::FAILED_HANDSHAKES, rows, |sum| sum.unsecured)?;
    plain(text, series::ACTIVE_REQUESTS, rows, |sum| sum.active)?;
    text.begin(series::REFUSED_REQUESTS);
    for (labels, sum) in rows {
        for (key, count) in &sum.refused {
            let code = label("code", &outcome::code_label(*key));
            text.sample((series::REFUSED_REQUESTS, ""), &[labels, &code], Value::Whole(*count))?;
        }
    }
    Ok(())
}

fn routes(text: &mut Exposition<'_>, rows: &Rows<RouteSum>) -> io::Result<()> {
    text.begin(series::REQUESTS);
    for (labels, sum) in rows {
        for (key, count) in &sum.outcomes {
            let (method, code, source) = outcome::labels(*key);
            let [method, code, source] = [("method", method), ("code", &*code), ("source", source)]
                .map(|(k, v)| label(k, v));
            text.sample(
                (series::REQUESTS, ""),
                &[labels, &method, &code, &source],
                Value::Whole(*count),
            )?;
        }
    }
    histograms(text, (series::DURATION, &histogram::LATENCY, Unit::Seconds), rows, |sum| {
        &sum.total
    })?;
    histograms(
        text,
        (series::UPSTREAM_DURATION, &histogram::LATENCY, Unit::Seconds),
        rows,
        |sum| &sum.upstream,
    )?;
    histograms(text, (series::OVERHEAD, &histogram::OVERHEAD, Unit::Seconds), rows, |sum| {
        &sum.overhead
    })?;
    text.begin(series::BYTES);
    for (labels, sum) in rows {
        for (direction, bytes) in [("in", sum.received), ("out", sum.sent)] {
            let direction = label("direction", direction);
            text.sample((series::BYTES, ""), &[labels, &direction], Value::Whole(bytes))?;
        }
    }
    Ok(())
}

fn natives(text: &mut Exposition<'_>, rows: &Rows<NativeSums>) {
    // In each row, in this order.
    let all = [series::NATIVE_DURATION, series::NATIVE_UPSTREAM, series::NATIVE_OVERHEAD];
    for (place, series) in all.into_iter().enumerate() {
        let sums = rows.iter().filter_map(|(labels, sums)| Some((&**labels, sums.get(place)?)));
        text.natives(series, sums);
    }
}

fn policies(text: &mut Exposition<'_>, rows: &Rows<PolicySum>) -> io::Result<()> {
    let series = series::POLICY_DECISIONS;
    text.begin(series);
    for (labels, sum) in rows {
        let told = |decision| {
            move |(place, count): (&u16, &u64)| {
                let kind = FailureKind::ALL.get(usize::from(*place).saturating_sub(1))?;
                Some((decision, kind.code(), *count))
            }
        };
        let refused = sum.refused.iter().filter_map(told("refused"));
        let reported = sum.reported.iter().filter_map(told("reported"));
        let all = [("passed", "", sum.passed), ("answered", "", sum.answered)];
        for (decision, code, count) in all.into_iter().chain(refused).chain(reported) {
            let [decision, code] =
                [("decision", decision), ("code", code)].map(|(key, value)| label(key, value));
            text.sample((series, ""), &[labels, &decision, &code], Value::Whole(count))?;
        }
    }
    Ok(())
}

fn services(text: &mut Exposition<'_>, rows: &Rows<ServiceSum>) -> io::Result<()> {
    text.begin(series::UPSTREAM_ATTEMPTS);
    for (labels, sum) in rows {
        for (place, count) in &sum.attempts {
            let end = AttemptEnd::NAMES.get(usize::from(*place).saturating_sub(1));
            let end = label("end", end.copied().unwrap_or_default());
            text.sample((series::UPSTREAM_ATTEMPTS, ""), &[labels, &end], Value::Whole(*count))?;
        }
    }
    plain(text, series::UPSTREAM_CONNECTIONS, rows, |sum| sum.open)?;
    plain(text, series::UPSTREAM_OPENED, rows, |sum| sum.opened)?;
    plain(text, series::UPSTREAM_REUSED, rows, |sum| sum.reused)?;
    plain(text, series::UPSTREAM_BREAKER, rows, |sum| sum.breaker)?;
    plain(text, series::UPSTREAM_REQUESTS, rows, |sum| sum.requests)?;
    plain(text, series::UPSTREAM_PENDING, rows, |sum| sum.pending)?;
    plain(text, series::UPSTREAM_LIMIT, rows, |sum| sum.limit)?;
    decisions(text, (series::UPSTREAM_RETRIES, "reason"), rows, Decided::is_retry)?;
    decisions(text, (series::UPSTREAM_DECISIONS, "decision"), rows, |what| !what.is_retry())
}

/// The decisions that are counted in one metric, by their words.
fn decisions(
    text: &mut Exposition<'_>,
    (series, key): (Series, &str),
    rows: &Rows<ServiceSum>,
    belongs: impl Fn(Decided) -> bool,
) -> io::Result<()> {
    text.begin(series);
    for (labels, sum) in rows {
        for (place, count) in &sum.decisions {
            let what = Decided::ALL.get(usize::from(*place).saturating_sub(1));
            let Some(what) = what.filter(|what| belongs(**what)) else { continue };
            text.sample((series, ""), &[labels, &label(key, what.name())], Value::Whole(*count))?;
        }
    }
    Ok(())
}

fn targets(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    let targets = registry.targets.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let rows: Vec<(Vec<u8>, TargetHealth)> = targets
        .into_iter()
        .map(|one| {
            let labels = [label("service", &one.service), label("target", &one.target)];
            (labels.join(&b','), one)
        })
        .collect();
    plain(text, series::UPSTREAM_HEALTHY, &rows, |one| one.healthy)?;
    probes(text, &rows)?;
    text.begin(series::UPSTREAM_EJECTIONS);
    for (labels, one) in &rows {
        for (reason, count) in &one.ejections {
            let reason = label("reason", reason);
            text.sample(
                (series::UPSTREAM_EJECTIONS, ""),
                &[labels, &reason],
                Value::Whole(*count),
            )?;
        }
    }
    text.begin(series::UPSTREAM_NAMES);
    for (result, count) in ["good", "failing"].into_iter().zip(&registry.looked_up) {
        let result = label("lookup", result);
        let count = Value::Whole(count.load(Ordering::Relaxed));
        text.sample((series::UPSTREAM_NAMES, ""), &[&result], count)?;
    }
    Ok(())
}

fn probes(text: &mut Exposition<'_>, rows: &[(Vec<u8>, TargetHealth)]) -> io::Result<()> {
    let probed = || rows.iter().filter_map(|(labels, one)| Some((labels, one.probes.as_ref()?)));
    text.begin(series::UPSTREAM_PROBES);
    for (labels, one) in probed() {
        let failed = one.failed.iter().map(|(_, count)| count).sum();
        for (result, count) in [("good", one.good), ("failed", failed)] {
            let result = label("result", result);
            text.sample((series::UPSTREAM_PROBES, ""), &[labels, &result], Value::Whole(count))?;
        }
    }
    text.begin(series::UPSTREAM_PROBE_FAILURES);
    for (labels, one) in probed() {
        for (reason, count) in &one.failed {
            let reason = label("reason", reason);
            let series = (series::UPSTREAM_PROBE_FAILURES, "");
            text.sample(series, &[labels, &reason], Value::Whole(*count))?;
        }
    }
    text.begin(series::UPSTREAM_UNHEALTHY);
    for (labels, one) in probed() {
        let series = (series::UPSTREAM_UNHEALTHY, "");
        text.sample(series, &[labels], Value::Whole(one.unhealthy))?;
    }
    Ok(())
}

fn acme(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    let figures = registry.acme.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let AcmeFigures { good, failed, unreached, expiries } = figures.unwrap_or_default();
    text.begin(series::ACME_ORDERS);
    for (result, count) in [("good", good), ("failed", failed)] {
        let result = label("result", result);
        text.sample((series::ACME_ORDERS, ""), &[&result], Value::Whole(count))?;
    }
    text.begin(series::ACME_UNREACHED);
    text.sample((series::ACME_UNREACHED, ""), &[], Value::Whole(unreached))?;
    text.begin(series::ACME_EXPIRY);
    for (name, until) in expiries {
        let name = label("name", &name);
        text.sample((series::ACME_EXPIRY, ""), &[&name], Value::Whole(until))?;
    }
    Ok(())
}

fn log(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    text.begin(series::LOG_WRITTEN);
    for (way, tally) in registry.log.used() {
        let sink = label("sink", way.name());
        text.sample((series::LOG_WRITTEN, ""), &[&sink], Value::Whole(tally.written()))?;
    }
    text.begin(series::LOG_DROPPED);
    for (way, tally) in registry.log.used() {
        let sink = label("sink", way.name());
        for why in way.losses() {
            let reason = label("reason", why.name());
            let lines = Value::Whole(tally.lost(*why));
            text.sample((series::LOG_DROPPED, ""), &[&sink, &reason], lines)?;
        }
    }
    Ok(())
}

fn spans(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    let totals = registry.exporter.totals();
    text.begin(series::SPANS_SENT);
    text.sample((series::SPANS_SENT, ""), &[], Value::Whole(totals.sent))?;
    text.begin(series::SPANS_DROPPED);
    for (why, count) in totals.losses() {
        let reason = label("reason", why.name());
        text.sample((series::SPANS_DROPPED, ""), &[&reason], Value::Whole(count))?;
    }
    text.begin(series::SPANS_FAILURES);
    text.sample((series::SPANS_FAILURES, ""), &[], Value::Whole(totals.failures))
}

fn alerts(text: &mut Exposition<'_>, registry: &Registry) -> io::Result<()> {
    let hooks = registry.alerts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let hooks = hooks.into_iter().map(|one| (label("hook", &one.hook), one));
    let rows: Vec<(Vec<u8>, HookFigures)> = hooks.collect();
    text.begin(series::ALERTS_FIRING);
    for (labels, one) in &rows {
        for (kind, count) in &one.firing {
            let series = (series::ALERTS_FIRING, "");
            text.sample(series, &[labels, &label("kind", kind)], Value::Whole(*count))?;
        }
    }
    plain(text, series::ALERTS_SENT, &rows, |one| one.sent)?;
    plain(text, series::ALERTS_FAILED, &rows, |one| one.failed)?;
    plain(text, series::ALERTS_REFUSED, &rows, |one| one.refused)
}

/// How attempts have ended, by service.
pub(super) fn attempts(registry: &Registry) -> Vec<AttemptFigures> {
    let sums = registry.services.sums(|sum: &mut BTreeMap<u16, u64>, cells: &ServiceCells| {
        cells.attempts.add_to(sum);
    });
    let figures = sums.into_iter().map(|(service, ends)| {
        let mut figures = AttemptFigures { service, ..AttemptFigures::default() };
        for (place, count) in ends {
            let end = AttemptEnd::NAMES.get(usize::from(place).saturating_sub(1));
            match *end.unwrap_or(&"") {
                "answered" => figures.answered += count,
                "unreachable" | "timed_out" | "left" | "lost" | "bad_answer" => {
                    figures.failed += count;
                }
                _ => {}
            }
        }
        figures
    });
    figures.collect()
}

/// A metric with one sample for each row.
fn plain<S>(
    text: &mut Exposition<'_>,
    series: Series,
    rows: &Rows<S>,
    value: fn(&S) -> u64,
) -> io::Result<()> {
    text.begin(series);
    for (labels, sum) in rows {
        text.sample((series, ""), &[labels], Value::Whole(value(sum)))?;
    }
    Ok(())
}

/// A histogram for each row; one that has seen nothing is not shown.
pub(super) fn histograms<S>(
    text: &mut Exposition<'_>,
    (series, scale, unit): (Series, &Scale, Unit),
    rows: &Rows<S>,
    histogram: fn(&S) -> &HistogramSum,
) -> io::Result<()> {
    let bounds = text.bounds(scale, unit);
    text.begin(series);
    for (labels, sum) in rows {
        let sum = histogram(sum);
        if !sum.is_empty() {
            text.histogram(series, &bounds, labels, sum)?;
        }
    }
    Ok(())
}

mod parser;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{Format, Names, Registry, RouteName, TargetHealth, names, series};
use yumen_policy::{AttemptEnd, Decided, FailureKind};

use crate::traces::Exporter;
use crate::{AttemptFigures, HookFigures, LogTally, Record, Size, Source, Times};
use parser::parse;

fn registry() -> Arc<Registry> {
    Registry::new("1.2.3", Arc::new(LogTally::default()), Arc::default(), Registry::GRACE)
}

fn text(registry: &Registry) -> String {
    let mut out = Vec::new();
    registry.render(Format::Text, Instant::now(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn samples(registry: &Registry) -> BTreeMap<String, f64> {
    parse(&text(registry))
}

fn record(micros: u64) -> Record<'static> {
    Record {
        method: b"GET",
        status: 200,
        source: Source::Upstream,
        times: Times {
            total: Duration::from_micros(micros),
            upstream: Some(Duration::from_micros(micros / 2)),
            overhead: Duration::from_micros(60),
            ..Times::default()
        },
        received: Size { head: 100, body: 10 },
        sent: Size { head: 200, body: 1_000 },
        ..Record::default()
    }
}

#[test]
fn one_route_as_prometheus_reads_it() {
    let registry = registry();
    let route = registry.worker().route("web", "shop", "orders");
    route.count(&record(700));
    route.count(&Record { method: b"BREW", status: 418, source: Source::Gateway, ..record(700) });
    route.count(&Record {
        times: Times { upstream: None, ..record(61_000_000).times },
        status: 0,
        source: Source::Gateway,
        ..record(0)
    });
    let text = text(&registry);
    parse(&text);
    let shown: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("# HELP yumen_http_requests_total"))
        .take_while(|line| !line.starts_with("# HELP yumen_consumer_requests_total "))
        .filter(|line| !line.starts_with("# HELP"))
        .collect();
    assert_eq!(shown.join("\n") + "\n", include_str!("tests/route.golden"));
}

#[test]
fn every_metric_is_listed_and_every_listed_metric_is_shown() {
    let text = text(&registry());
    let shown: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let native = series::NATIVE.iter().map(|series| series.name);
    assert_eq!(shown.into_iter().chain(native).collect::<Vec<_>>(), names().collect::<Vec<_>>());
    let count = series::ALL.len() + series::NATIVE.len();
    assert_eq!(names().collect::<BTreeSet<_>>().len(), count);
}

#[test]
fn whoever_is_known_is_counted() {
    let registry = registry();
    registry.known(3, 5, |_| true);
    let samples = samples(&registry);
    assert_eq!((samples["yumen_consumers{}"], samples["yumen_credentials{}"]), (3.0, 5.0));
}

#[test]
fn what_policies_decide_is_counted() {
    let registry = registry();
    let worker = registry.worker();
    let policy = worker.policy("ip-restriction");
    (0..3).for_each(|_| policy.passed());
    policy.answered();
    policy.refused(FailureKind::Forbidden);
    policy.refused(FailureKind::Forbidden);
    policy.reported(FailureKind::Invalid);
    let samples = samples(&registry);
    for (key, expect) in [
        ("yumen_policy_decisions_total{policy=ip-restriction|decision=passed|code=}", 3.0),
        ("yumen_policy_decisions_total{policy=ip-restriction|decision=answered|code=}", 1.0),
        (
            "yumen_policy_decisions_total{policy=ip-restriction|decision=reported|code=invalid_request}",
            1.0,
        ),
        (
            "yumen_policy_decisions_total{policy=ip-restriction|decision=refused|code=forbidden}",
            2.0,
        ),
    ] {
        assert_eq!(samples.get(key), Some(&expect), "{key}");
    }
}

#[test]
fn listeners_services_config_and_log_are_counted() {
    let tally = Arc::new(LogTally::of(11, 3, 2));
    let registry = Registry::new("1.2.3", tally, Arc::default(), Registry::GRACE);
    let worker = registry.worker();
    let listener = worker.listener("web");
    listener.connection_opened();
    listener.connection_opened();
    listener.connection_closed();
    listener.connection_turned_away();
    listener.connection_flooding();
    listener.request_began();
    listener.request_began();
    listener.request_ended();
    listener.request_refused(431);
    listener.request_refused(431);
    listener.request_refused(0);
    let service = worker.service("shop");
    service.connection_opened();
    service.connection_opened();
    service.connections_open(1);
    service.connection_reused();
    service.decided(Decided::Stale);
    service.decided(Decided::BudgetSpent);
    service.attempted(Some(AttemptEnd::Answered(200)));
    service.attempted(Some(AttemptEnd::TimedOut));
    service.attempted(None);
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_253_290_123);
    registry.config_applied(7, Names::default(), at, Instant::now());
    registry.config_failed(Instant::now());
    let samples = samples(&registry);
    for (key, expect) in [
        ("yumen_connections{listener=web}", 1.0),
        ("yumen_connections_total{listener=web}", 2.0),
        ("yumen_refused_connections_total{listener=web}", 1.0),
        ("yumen_flooding_connections_total{listener=web}", 1.0),
        ("yumen_http_active_requests{listener=web}", 1.0),
        ("yumen_refused_requests_total{listener=web|code=431}", 2.0),
        ("yumen_refused_requests_total{listener=web|code=none}", 1.0),
        ("yumen_upstream_connections{service=shop}", 1.0),
        ("yumen_upstream_connections_opened_total{service=shop}", 2.0),
        ("yumen_upstream_connections_reused_total{service=shop}", 1.0),
        ("yumen_upstream_retries_total{service=shop|reason=stale}", 1.0),
        ("yumen_upstream_decisions_total{service=shop|decision=budget_spent}", 1.0),
        ("yumen_upstream_attempts_total{service=shop|end=answered}", 1.0),
        ("yumen_upstream_attempts_total{service=shop|end=timed_out}", 1.0),
        ("yumen_upstream_attempts_total{service=shop|end=called_off}", 1.0),
        ("yumen_config_revision{}", 7.0),
        ("yumen_config_apply_failures_total{}", 1.0),
        ("yumen_config_last_success_timestamp_seconds{}", 1_795_253_290.123),
        ("yumen_access_log_written_total{sink=stdout}", 11.0),
        ("yumen_access_log_dropped_total{sink=stdout|reason=queue_full}", 3.0),
        ("yumen_access_log_dropped_total{sink=stdout|reason=write_failed}", 2.0),
        ("yumen_build_info{version=1.2.3}", 1.0),
    ] {
        assert_eq!(samples.get(key), Some(&expect), "{key}");
    }
    assert!(samples["process_resident_memory_bytes{}"] > 1e5);
    let started = samples["process_start_time_seconds{}"];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(started <= now + 1.0 && started > 1.6e9, "{started}");
}

#[test]
fn spans_that_are_lost_are_counted() {
    let exporter = Arc::<Exporter>::default();
    exporter.take(b"x", 4);
    let registry = Registry::new("1.2.3", Arc::default(), exporter, Registry::GRACE);
    let samples = samples(&registry);
    for (key, expect) in [
        ("yumen_spans_sent_total{}", 0.0),
        ("yumen_spans_dropped_total{reason=queue_full}", 0.0),
        ("yumen_spans_dropped_total{reason=closed}", 4.0),
        ("yumen_span_requests_failed_total{}", 0.0),
    ] {
        assert_eq!(samples.get(key), Some(&expect), "{key}");
    }
}

#[test]
fn a_configuration_is_stale_while_a_newer_one_is_refused() {
    let registry = registry();
    let start = Instant::now();
    let shown = |after: u64| {
        let mut out = Vec::new();
        registry.render(Format::Text, start + Duration::from_secs(after), &mut out).unwrap();
        parse(std::str::from_utf8(&out).unwrap())["yumen_config_stale_seconds{}"]
    };
    assert_eq!(shown(5), 0.0);
    registry.config_failed(start);
    registry.config_failed(start + Duration::from_secs(3));
    assert_eq!(shown(5), 5.0, "since the first that was refused");
    registry.config_applied(2, Names::default(), SystemTime::UNIX_EPOCH, start);
    assert_eq!(shown(6), 0.0);
}

#[test]
fn openmetrics_names_counters_without_their_ending_and_has_an_end() {
    let registry = registry();
    registry.worker().route("web", "shop", "orders").count(&record(700));
    let mut out = Vec::new();
    registry.render(Format::OpenMetrics, Instant::now(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    for line in [
        "# TYPE yumen_http_requests counter",
        r#"yumen_http_requests_total{listener="web",service="shop",route="orders",method="GET",code="200",source="upstream"} 1"#,
        r#"yumen_http_request_duration_seconds_bucket{listener="web",service="shop",route="orders",le="1.0"} 1"#,
        "# TYPE yumen_http_request_duration_seconds histogram",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
}

#[test]
fn kong_s_names_are_shown_where_they_are_asked_for() {
    let registry = registry();
    let worker = registry.worker();
    for listener in ["web", "inside"] {
        worker.route(listener, "shop", "orders").count(&record(700));
        worker.route(listener, "", "").count(&record(1));
        worker.listener(listener).connection_opened();
    }
    let cells = worker.route("web", "shop", "orders");
    cells.count(&Record { method: b"POST", source: Source::Gateway, status: 429, ..record(10) });
    registry.targets(vec![TargetHealth {
        service: "shop".to_owned(),
        target: "10.0.0.1:80".to_owned(),
        ..TargetHealth::default()
    }]);
    let mut kong = samples(&registry);
    kong.retain(|key, _| key.starts_with("kong_"));
    assert!(kong.is_empty(), "{kong:?}");
    let names = Names { kong: true, ..Names::default() };
    registry.config_applied(1, names, SystemTime::UNIX_EPOCH, Instant::now());
    let samples = samples(&registry);
    let shop = "service=shop|route=orders|workspace=default";
    for (key, expect) in [
        (format!("kong_http_requests_total{{{shop}|code=200|source=service|consumer=}}"), 2.0),
        (format!("kong_http_requests_total{{{shop}|code=429|source=kong|consumer=}}"), 1.0),
        (format!("kong_request_latency_ms_bucket{{{shop}|le=1}}"), 3.0),
        (format!("kong_request_latency_ms_sum{{{shop}}}"), 1.41),
        (format!("kong_kong_latency_ms_count{{{shop}}}"), 3.0),
        (format!("kong_upstream_latency_ms_count{{{shop}}}"), 3.0),
        (format!("kong_bandwidth_bytes{{{shop}|direction=egress|consumer=}}"), 3_600.0),
        ("kong_nginx_connections_total{node_id=|subsystem=http|state=active}".to_owned(), 2.0),
        ("kong_nginx_requests_total{node_id=|subsystem=http}".to_owned(), 3.0),
        (
            "kong_upstream_target_health{upstream=shop|target=10.0.0.1:80|address=|\
             state=unhealthy|subsystem=http}"
                .to_owned(),
            1.0,
        ),
    ] {
        assert_eq!(samples.get(&key), Some(&expect), "{key} in {samples:#?}");
    }
}

#[test]
fn native_histograms_are_those_of_a_service_and_only_there_if_they_are_wanted() {
    let registry = registry();
    let worker = registry.worker();
    let start = Instant::now();
    let route = |name: &str| ["web", "shop", name].map(str::to_owned);
    let apply = |native: bool, at: Instant| {
        let routes = ["orders", "carts"].map(route);
        let routes =
            routes.map(|[listener, service, route]| RouteName { listener, service, route });
        let names = Names { native, routes: routes.into(), ..Names::default() };
        registry.config_applied(1, names, SystemTime::UNIX_EPOCH, at);
    };
    let count = || {
        for name in ["orders", "carts"] {
            worker.route("web", "shop", name).count(&record(700));
        }
    };
    let shown = |format: Format, at: Instant| {
        let mut out = Vec::new();
        registry.render(format, at, &mut out).unwrap();
        let name = b"yumen_native_http_request_duration_seconds";
        out.windows(name.len()).filter(|window| window == name).count()
    };
    apply(false, start);
    count();
    assert_eq!(shown(Format::Protobuf, start), 0);
    apply(true, start);
    count();
    assert_eq!(shown(Format::Protobuf, start), 1);
    assert_eq!(shown(Format::Text, start) + shown(Format::OpenMetrics, start), 0);
    let sums = registry.natives.sums(|sum: &mut u64, cells| {
        let mut one = super::native::NativeSum::default();
        one.add(&cells.total);
        *sum += one.count();
    });
    assert_eq!(sums, [(("web".to_owned(), "shop".to_owned()), 2)]);
    apply(false, start);
    count();
    assert_eq!(shown(Format::Protobuf, start), 1, "the grace time is not over");
    assert_eq!(shown(Format::Protobuf, start + Registry::GRACE), 0);
}

#[test]
fn any_name_is_a_label_value() {
    let registry = registry();
    let name = "a\"b\\c\nd,e}f=\"g\u{7389} ";
    registry.worker().listener(name).request_began();
    registry.worker().route(name, name, name).count(&record(1));
    let samples = samples(&registry);
    assert_eq!(samples[&format!("yumen_http_active_requests{{listener={name}}}")], 1.0);
    let requests = format!(
        "yumen_http_requests_total{{listener={name}|service={name}|route={name}|method=GET|code=200|source=upstream}}"
    );
    assert_eq!(samples[&requests], 1.0);
}

#[test]
fn workers_that_count_at_once_lose_nothing_and_a_scrape_sees_whole_histograms() {
    const WORKERS: u64 = 4;
    const ROUNDS: u64 = 5_000;
    let registry = registry();
    let done = std::sync::atomic::AtomicU64::new(0);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (registry, done) = (&registry, &done);
            scope.spawn(move || {
                let metrics = registry.worker();
                for round in 0..ROUNDS {
                    let route = metrics.route("web", "s", &(round % 100).to_string());
                    route.count(&Record {
                        status: u16::try_from(200 + worker).unwrap(),
                        ..record(round)
                    });
                }
                done.fetch_add(1, Ordering::Release);
            });
        }
        while done.load(Ordering::Acquire) < WORKERS {
            parse(&text(&registry));
        }
    });
    let samples = samples(&registry);
    let sum = |start: &str| -> f64 {
        samples.iter().filter(|(key, _)| key.starts_with(start)).map(|(_, value)| value).sum()
    };
    let exchanges = 20_000.0;
    assert_eq!(sum("yumen_http_requests_total{"), exchanges);
    assert_eq!(sum("yumen_http_request_duration_seconds_count{"), exchanges);
    assert_eq!(sum("yumen_http_overhead_seconds_count{"), exchanges);
    assert_eq!(sum("yumen_http_bytes_total{"), exchanges * 1_310.0);
    let one = "yumen_http_requests_total{listener=web|service=s|route=7|method=GET|code=203|source=upstream}";
    assert_eq!(samples[one], 50.0);
    let seconds = sum("yumen_http_request_duration_seconds_sum{");
    let expect = 4.0 * 4_999.0 * 5_000.0 / 2.0 / 1e6;
    assert!((seconds - expect).abs() < 1e-6, "{seconds} {expect}");
}

#[test]
fn a_reload_resets_nothing_and_forgets_removed_names_after_their_grace_time() {
    let registry = registry();
    let worker = registry.worker();
    let start = Instant::now();
    let apply = |routes: &[&str], at: Instant| {
        let routes = routes
            .iter()
            .map(|route| ["web", "s", *route].map(str::to_owned))
            .map(|[listener, service, route]| RouteName { listener, service, route })
            .collect();
        let listeners = BTreeSet::from(["web".to_owned()]);
        let names = Names { routes, listeners, ..Names::default() };
        registry.config_applied(1, names, SystemTime::UNIX_EPOCH, at);
    };
    let shown = |at: Instant| {
        let mut out = Vec::new();
        registry.render(Format::Text, at, &mut out).unwrap();
        let mut requests = parse(std::str::from_utf8(&out).unwrap());
        requests.retain(|key, _| key.starts_with("yumen_http_requests_total{"));
        let mut routes: Vec<(String, f64)> = requests
            .into_iter()
            .map(|(key, value)| (key.split('|').nth(2).unwrap().to_owned(), value))
            .collect();
        routes.sort_by(|one, other| one.0.cmp(&other.0));
        routes
    };
    let all = |kept: f64| {
        vec![
            ("route=".to_owned(), 1.0),
            ("route=kept".to_owned(), kept),
            ("route=old".to_owned(), 1.0),
        ]
    };
    apply(&["kept", "old"], start);
    for (service, route) in [("s", "kept"), ("s", "old"), ("", "")] {
        worker.route("web", service, route).count(&record(1));
    }
    apply(&["kept"], start);
    worker.route("web", "s", "kept").count(&record(1));
    assert_eq!(shown(start + Registry::GRACE - Duration::from_secs(1)), all(2.0));
    // It comes back, and goes again: the time begins anew.
    apply(&["kept", "old"], start + Registry::GRACE);
    apply(&["kept"], start + Registry::GRACE);
    assert_eq!(shown(start + 2 * Registry::GRACE - Duration::from_secs(1)), all(2.0));
    let left = shown(start + 2 * Registry::GRACE);
    assert_eq!(left, [("route=".to_owned(), 1.0), ("route=kept".to_owned(), 2.0)]);
}

#[test]
fn the_order_depends_on_names_only() {
    let bodies: Vec<String> = [["b", "a", "c"], ["c", "b", "a"]]
        .iter()
        .map(|order| {
            let registry = registry();
            for name in order {
                registry.worker().route("web", "s", name).count(&record(1));
                registry.worker().listener(name).connection_opened();
            }
            text(&registry).lines().filter(|line| !line.starts_with("process_")).collect()
        })
        .collect();
    assert_eq!(bodies[0], bodies[1]);
}

/// Distinct methods, statuses and names from clients make no more series than there are places.
#[test]
fn cardinality_is_bounded_whatever_clients_send() {
    let registry = registry();
    let route = registry.worker().route("web", "s", "r");
    for number in 0..100_000_u32 {
        let method = format!("M{number}");
        let status = u16::try_from(number % 1_000).unwrap();
        route.count(&Record { method: method.as_bytes(), status, ..record(1) });
    }
    let samples = samples(&registry);
    let series = samples.keys().filter(|key| key.starts_with("yumen_http_requests_total")).count();
    assert!(series <= 68, "{series}");
}

#[test]
fn what_alerts_are_made_of_and_what_became_of_them() {
    let registry =
        Registry::new("1.2.3", Arc::new(LogTally::of(11, 3, 2)), Arc::default(), Registry::GRACE);
    assert_eq!(registry.lines_lost(), 5);
    let service = registry.worker().service("shop");
    let ends = [
        AttemptEnd::Answered(200),
        AttemptEnd::Answered(503),
        AttemptEnd::TimedOut,
        AttemptEnd::Unreachable,
        AttemptEnd::Left,
        AttemptEnd::Lost,
        AttemptEnd::BadAnswer,
        AttemptEnd::Broken,
    ];
    ends.into_iter().for_each(|end| service.attempted(Some(end)));
    service.attempted(None);
    let expect = AttemptFigures { service: "shop".to_owned(), answered: 2, failed: 5 };
    assert_eq!(registry.attempts(), [expect], "what was given up says nothing");
    let firing = vec![("service_down", 2), ("breaker_open", 0)];
    let (sent, failed, refused) = (3, 4, 5);
    registry.alerts(vec![HookFigures { hook: "ops".to_owned(), firing, sent, failed, refused }]);
    let samples = samples(&registry);
    for (key, expect) in [
        ("yumen_alerts_firing{hook=ops|kind=service_down}", 2.0),
        ("yumen_alerts_firing{hook=ops|kind=breaker_open}", 0.0),
        ("yumen_alerts_sent_total{hook=ops}", 3.0),
        ("yumen_alerts_failed_total{hook=ops}", 4.0),
        ("yumen_alerts_refused_total{hook=ops}", 5.0),
    ] {
        assert_eq!(samples.get(key), Some(&expect), "{key}");
    }
}

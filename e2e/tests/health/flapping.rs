//! A target whose health comes and goes: what is counted, and what others notice of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::{Backend, Gateway, SOON, Step, ok, raw};

use crate::{config, metric};

/// Between two probes.
const INTERVAL: Duration = Duration::from_millis(200);
/// A tenth sooner at most.
const INTERVAL_MIN: Duration = Duration::from_millis(180);

/// A target that answers requests well, and its probes as the numbers of these say: true is good.
struct Moody {
    backend: Backend,
    probes: Arc<AtomicUsize>,
    /// From now on each probe is good.
    calm: Arc<AtomicBool>,
}

impl Moody {
    /// Bad probes fail in four ways in turn.
    fn start(is_good: fn(usize) -> bool) -> Self {
        let (probes, calm) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, quiet) = (Arc::clone(&probes), Arc::clone(&calm));
        let failed = AtomicUsize::new(0);
        let backend = Backend::start(move |call| {
            if call.request.target() != "/up" {
                return vec![Step::Body, ok("ok")];
            }
            let number = count.fetch_add(1, Ordering::SeqCst);
            if quiet.load(Ordering::SeqCst) || is_good(number) {
                return vec![ok("well")];
            }
            match failed.fetch_add(1, Ordering::SeqCst) % 4 {
                0 => vec![raw("HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n")],
                1 => vec![ok("sick")],
                2 => vec![Step::Reset],
                _ => vec![Step::Hang],
            }
        });
        Self { backend, probes, calm }
    }

    fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    fn reach(&self, probes: usize) {
        let deadline = Instant::now() + SOON;
        while self.probes() < probes {
            assert!(Instant::now() < deadline, "{} of {probes} probes", self.probes());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A target that is always well.
fn steady() -> Backend {
    Backend::start(|call| match call.request.target() {
        "/up" => vec![ok("well")],
        _ => vec![Step::Body, ok("ok")],
    })
}

fn settings(more: &str) -> String {
    let probe = "probe: { http: { path: /up, body: { contains: well } } }";
    format!(
        "      health: {{ active: {{ interval: {}ms, timeout: 1s, {probe} }} }}\n{more}",
        INTERVAL.as_millis()
    )
}

/// Lines about this target that tell of a change.
fn changes(gateway: &Gateway, moody: &Moody, words: &str) -> u64 {
    let target = format!("target {}: ", moody.backend.address);
    let fits = |line: &String| line.contains(&target) && line.contains(words);
    gateway.stderr.all().iter().filter(|line| fits(line)).count() as u64
}

fn failures(gateway: &Gateway, moody: &Moody) -> Vec<(&'static str, u64)> {
    let target = format!("\"{}\"", moody.backend.address);
    let reasons = ["connect", "tls", "timeout", "broken", "status", "body", "not_serving"];
    let count = |reason| {
        let label = format!("reason=\"{reason}\"");
        metric(gateway, &["yumen_upstream_probe_failures_total{", &target, &label])
    };
    reasons.map(|reason| (reason, count(reason))).to_vec()
}

/// Good and bad in turn: neither threshold is met, so nothing changes for anybody, and each failure is
/// counted with its reason.
#[test]
fn a_target_that_is_well_every_other_time() {
    let (moody, steady) = (Moody::start(|probe| probe % 2 == 0), steady());
    let targets = [moody.backend.address, steady.address];
    let gateway = Gateway::start(&config(&targets, &settings("")));
    let load =
        Load::start(&Plan { pause: Duration::from_millis(5), ..Plan::steady(gateway.web(), 4) });
    let (from, began) = (moody.probes(), Instant::now());
    moody.reach(from + 24);
    // It is not probed more often for being odd.
    let most = began.elapsed().as_millis() / INTERVAL_MIN.as_millis() + 2;
    assert!(
        moody.probes() - from <= usize::try_from(most).expect("a few"),
        "{} {most}",
        moody.probes()
    );
    let report = load.stop();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(changes(&gateway, &moody, "->"), 0, "{:#?}", gateway.stderr.all());
    let target = format!("\"{}\"", moody.backend.address);
    let healthy = metric(&gateway, &["yumen_upstream_endpoint_healthy{", &target]);
    assert_eq!((healthy, metric(&gateway, &["yumen_upstream_unhealthy_total{", &target])), (1, 0));
    let failures = failures(&gateway, &moody);
    for (reason, count) in &failures {
        let is_met = ["timeout", "broken", "status", "body"].contains(reason);
        assert_eq!(*count > 0, is_met, "{failures:?}");
    }
    let count = |result: &str| {
        metric(
            &gateway,
            &["yumen_upstream_probes_total{", &target, &format!("result=\"{result}\"")],
        )
    };
    let (good, failed) = (count("good"), count("failed"));
    assert!(failed >= failures.iter().map(|(_, count)| count).sum(), "{failures:?} of {failed}");
    assert!(good.abs_diff(failed) <= 2, "{good} good ones, {failed} failed");
    let page = get(gateway.status(), "/upstreams").text();
    assert!(page.contains("\"last_failure\": {"), "{page}");
}

/// Three bad ones and four good ones in turn: it goes and comes each time, which is told and counted,
/// no request fails, and it gets only a part of the requests when it is back.
#[test]
fn a_target_that_goes_and_comes() {
    let (moody, steady) = (Moody::start(|probe| probe % 7 >= 3), steady());
    let targets = [moody.backend.address, steady.address];
    let gateway = Gateway::start(&config(&targets, &settings("      slow_start: 1m")));
    let load =
        Load::start(&Plan { pause: Duration::from_millis(2), ..Plan::steady(gateway.web(), 4) });
    let mark = (moody.backend.mark(), steady.mark());
    moody.reach(7 * 4);
    moody.calm.store(true, Ordering::SeqCst);
    let calm = moody.probes();
    let report = load.stop();
    assert!(report.failed.is_empty(), "{report:?}");
    let requests = |backend: &Backend, mark| -> usize {
        let all = backend.since(mark).into_iter().flat_map(|one| one.requests().0);
        all.filter(|request| request.target() == "/").count()
    };
    let (moody_ones, steady_ones) = (requests(&moody.backend, &mark.0), requests(&steady, &mark.1));
    println!("{moody_ones} requests at the moody target, {steady_ones} at the steady one");
    assert!(moody_ones * 4 < steady_ones, "{moody_ones} against {steady_ones}");
    moody.reach(calm + 4);
    let went = changes(&gateway, &moody, "healthy -> unhealthy: 3 probes in a row failed");
    let came = changes(&gateway, &moody, "unhealthy -> healthy: 2 probes in a row good");
    assert!(went >= 3, "{:#?}", gateway.stderr.all());
    assert_eq!((went, changes(&gateway, &moody, "->")), (came, went + came));
    let target = format!("\"{}\"", moody.backend.address);
    assert_eq!(metric(&gateway, &["yumen_upstream_unhealthy_total{", &target]), went);
    assert_eq!(metric(&gateway, &["yumen_upstream_endpoint_healthy{", &target]), 1);
}

//! Three times as much is asked as the service can do, by clients who do not wait for each other: it
//! does nearly all that it can, and who is sent away learns so at once. Alone in its file, so that
//! no other test runs at the same time.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::open_loop::{OpenLoop, Served};
use yumen_e2e::{Backend, Gateway, Step, ok};

/// What the service does at one time, and how long each takes.
const PLACES: u32 = 8;
const WORK: Duration = Duration::from_millis(10);
/// How many times what it can do is asked of it.
const TIMES: f64 = 3.0;
/// Until a limit has found its height, and for how long it is looked at then.
const SETTLE: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_secs(10);
/// More than there are requests under way.
const CONNECTIONS: usize = 160;
/// How often a bar is tried for: on a busy machine neither the service nor the load does what it should.
const ROUNDS: usize = 4;
/// The bars.
const GOODPUT: f64 = 0.9;
const SHED: Duration = Duration::from_millis(5);

/// A service that does so much at one time, first come first served, and no more.
fn service() -> Backend {
    let places = Arc::new((Mutex::new(PLACES), Condvar::new()));
    Backend::start(move |_| {
        let (free, changed) = &*places;
        let mut left = changed
            .wait_while(free.lock().expect("a sound lock"), |free| *free == 0)
            .expect("a sound lock");
        *left -= 1;
        drop(left);
        // That is what its work takes.
        thread::sleep(WORK);
        *free.lock().expect("a sound lock") += 1;
        changed.notify_one();
        vec![Step::Body, ok("ok")]
    })
}

/// Requests in a second that the service does when it is asked directly for all it can do.
fn peak(backend: &Backend) -> f64 {
    let long = Duration::from_secs(3);
    let rate = 1.5 * f64::from(PLACES) / WORK.as_secs_f64();
    let connections = 4 * PLACES as usize;
    let load = OpenLoop { to: backend.address, rate, long, connections };
    let began = Instant::now();
    let from = began + Duration::from_secs(1);
    let all = load.run();
    assert!(all.iter().all(|one| one.status == 200));
    goodput(&all, from, began + long)
}

fn goodput(all: &[Served], from: Instant, to: Instant) -> f64 {
    let within = |one: &&Served| one.status == 200 && one.ended >= from && one.ended < to;
    all.iter().filter(within).count() as f64 / (to - from).as_secs_f64()
}

/// The time within which so many percent of these were answered.
fn within(some: &[&Served], percent: usize) -> Duration {
    let mut times: Vec<Duration> = some.iter().map(|one| one.took()).collect();
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// One round; what is wrong with its figures.
fn round(limits: &str, code: &str) -> Result<(), String> {
    let backend = service();
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{}
    limits: {limits}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
",
        backend.address
    ));
    let peak = peak(&backend);
    let (to, rate, long) = (gateway.web(), TIMES * peak, SETTLE + LONG);
    let began = Instant::now();
    let all = OpenLoop { to, rate, long, connections: CONNECTIONS }.run();
    let from = began + SETTLE;
    let settled: Vec<&Served> = all.iter().filter(|one| one.due >= from).collect();
    let (good, shed): (Vec<&Served>, Vec<&Served>) =
        settled.into_iter().partition(|one| one.status == 200);
    for one in &shed {
        assert!(one.status == 503 && one.text.contains(code), "{one:?}");
    }
    assert!(shed.len() > good.len(), "no overload: {} of {}", shed.len(), all.len());
    let share = goodput(&all, from, began + long) / peak;
    let late = all.iter().map(|one| one.began - one.due).filter(|late| *late > SHED).count();
    println!(
        "{limits}: at {rate:.0} a second, {TIMES} times the peak of {peak:.0}: goodput {share:.3} of it, \
         median {:?}, p99 {:?}; {} sent away, median {:?}, p95 {:?}; {late} of {} began late",
        within(&good, 50),
        within(&good, 99),
        shed.len(),
        within(&shed, 50),
        within(&shed, 95),
        all.len(),
    );
    if share < GOODPUT {
        return Err(format!("goodput {share:.3} of the peak"));
    }
    let (median, p95) = (within(&shed, 50), within(&shed, 95));
    if median > SHED || p95 > SHED {
        return Err(format!("who is sent away waits: median {median:?}, p95 {p95:?}"));
    }
    Ok(())
}

fn check(limits: &str, code: &str) {
    let mut last = String::new();
    for _ in 0..ROUNDS {
        match round(limits, code) {
            Ok(()) => return,
            Err(why) => last = why,
        }
    }
    panic!("{limits}: {last}");
}

/// One after the other, for the same reason.
#[test]
fn a_service_does_what_it_can_and_who_is_sent_away_learns_so_at_once() {
    check("{ adaptive: {} }", "upstream_overloaded");
    check("{ requests: 10, pending: 8, pending_timeout: 1s }", "upstream_busy");
}

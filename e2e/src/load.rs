//! A steady load of small GETs on kept connections, which counts every failure by kind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::{Client, Lost};

/// What a load did so far.
#[derive(Debug, Default)]
struct Tally {
    done: AtomicU64,
    failed: Mutex<BTreeMap<String, u64>>,
    slowest: AtomicU64,
    slow: AtomicU64,
    stop: AtomicBool,
}

/// A running load.
pub struct Load {
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<Vec<Timed>>>,
}

/// When a request ended, and how long it took.
pub type Timed = (Instant, Duration);

/// Requests of one connection whose times are kept.
const TIMED_MAX: usize = 100_000;

/// What a load did.
#[derive(Debug)]
pub struct Report {
    /// Requests that were answered rightly.
    pub done: u64,
    /// Requests that were not, by kind.
    pub failed: BTreeMap<String, u64>,
    /// The longest time of one request.
    pub slowest: Duration,
    /// Requests that took longer than a second.
    pub slow: u64,
}

/// Which requests a load makes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub to: SocketAddr,
    /// Connections at the same time, one thread each.
    pub connections: usize,
    /// Every so many requests a connection is closed and a fresh one made; 0 for never.
    pub renew: u64,
    /// Pause between two requests of one connection.
    pub pause: Duration,
    /// `GET`, or a method that sends a short body.
    pub method: &'static str,
    /// Path.
    pub target: &'static str,
    /// The body that is right.
    pub body: &'static str,
}

impl Plan {
    /// Kept connections without pauses: `/`, answered with `ok`.
    pub fn steady(to: SocketAddr, connections: usize) -> Self {
        let (method, target, body) = ("GET", "/", "ok");
        Self { to, connections, renew: 0, pause: Duration::ZERO, method, target, body }
    }
}

impl Load {
    /// Starts it.
    pub fn start(plan: &Plan) -> Self {
        let tally = Arc::new(Tally::default());
        let threads = (0..plan.connections)
            .map(|_| {
                let (plan, tally) = (plan.clone(), Arc::clone(&tally));
                thread::spawn(move || drive(&plan, &tally))
            })
            .collect();
        Self { tally, threads }
    }

    /// Requests answered so far.
    pub fn done(&self) -> u64 {
        self.tally.done.load(Ordering::Relaxed)
    }

    /// Waits until so many requests were answered; says whether they were in time.
    pub fn reach(&self, count: u64, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while self.done() < count {
            if Instant::now() >= deadline {
                return false;
            }
            // Polled, so that the load itself stays free of locks.
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Ends the load and hands over what it did.
    pub fn stop(self) -> Report {
        self.stop_timed().0
    }

    /// The same, with the times of all requests.
    pub fn stop_timed(self) -> (Report, Vec<Timed>) {
        self.tally.stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for thread in self.threads {
            times.extend(thread.join().expect("a load thread ends well"));
        }
        let report = Report {
            done: self.tally.done.load(Ordering::Relaxed),
            failed: self.tally.failed.lock().expect("a sound lock").clone(),
            slowest: Duration::from_micros(self.tally.slowest.load(Ordering::Relaxed)),
            slow: self.tally.slow.load(Ordering::Relaxed),
        };
        (report, times)
    }
}

/// Rounds of a load that are tried for a bar of time.
const ROUNDS: usize = 4;

/// Makes so many requests, none of which may fail, and says how many were made in all. In one round of a
/// few none may take as long as `most`: in the others the machine may be busy with something else.
pub fn unslowed(plan: &Plan, count: u64, most: Duration) -> u64 {
    let mut done = 0;
    let mut slowest = Vec::new();
    for _ in 0..ROUNDS {
        let load = Load::start(plan);
        let enough = load.reach(count, Duration::from_secs(100));
        let report = load.stop();
        assert!(enough && report.failed.is_empty(), "{report:?}");
        done += report.done;
        slowest.push(report.slowest);
        if report.slowest < most {
            return done;
        }
    }
    panic!("each round had a slow request: {slowest:?}");
}

/// The time within which so many percent of these requests ended.
pub fn percentile(times: &[Timed], percent: usize) -> Duration {
    let mut times: Vec<Duration> = times.iter().map(|(_, took)| *took).collect();
    times.sort_unstable();
    times
        .get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn drive(plan: &Plan, tally: &Tally) -> Vec<Timed> {
    let mut times = Vec::new();
    let head = format!("{} {} HTTP/1.1\r\nHost: test.example\r\n", plan.method, plan.target);
    let request = match plan.method {
        "GET" => format!("{head}\r\n"),
        _ => format!("{head}Content-Length: 5\r\n\r\nhello"),
    };
    let mut client = None;
    let mut count: u64 = 0;
    while !tally.stop.load(Ordering::Relaxed) {
        let fresh = client.is_none();
        let mut connection = client.take().unwrap_or_else(|| Client::connect(plan.to));
        let began = Instant::now();
        let outcome = connection.ask(&request);
        let ended = Instant::now();
        if times.len() < TIMED_MAX {
            times.push((ended, ended - began));
        }
        let took = u64::try_from((ended - began).as_micros()).unwrap_or(u64::MAX);
        tally.slowest.fetch_max(took, Ordering::Relaxed);
        tally.slow.fetch_add(u64::from(took > 1_000_000), Ordering::Relaxed);
        count += 1;
        let failure = match &outcome {
            Ok(answer) if answer.status() == 200 && answer.body == plan.body.as_bytes() => None,
            Ok(answer) => Some(format!("status {}: {}", answer.status(), answer.text())),
            Err(Lost::Late(_)) => Some("late".to_owned()),
            Err(Lost::Cut(..)) if fresh => Some("lost on a fresh connection".to_owned()),
            Err(Lost::Cut(..)) => Some("lost on a kept connection".to_owned()),
            Err(Lost::Bad(why, _)) => Some(format!("bad answer: {why}")),
        };
        match failure {
            None => _ = tally.done.fetch_add(1, Ordering::Relaxed),
            Some(kind) => *tally.failed.lock().expect("a sound lock").entry(kind).or_default() += 1,
        }
        let renewed = plan.renew > 0 && count.is_multiple_of(plan.renew);
        if outcome.is_ok_and(|answer| !answer.closes()) && !renewed {
            client = Some(connection);
        }
        if !plan.pause.is_zero() {
            // The pause is part of the load's shape.
            thread::sleep(plan.pause);
        }
    }
    times
}

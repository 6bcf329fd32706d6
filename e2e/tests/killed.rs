//! One of two services dies or freezes in the middle of a load: the bars of reliability, each as it
//! was set. Every round must lose nothing; what is measured in time needs one round of a few in which
//! the machine was not busy with something else.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::gateway::{fresh_folder, signal};
use yumen_e2e::load::{Timed, percentile};
use yumen_e2e::tools::Server;
use yumen_e2e::wire::{Carried, Wire};
use yumen_e2e::{Client, Gateway, Lost, SOON};

/// Clients that keep their connections, and those that make a new one for each request.
const KEPT: usize = 24;
const FRESH: usize = 4;
/// Between two requests of a client: about 900 requests in a second, together.
const PAUSE: Duration = Duration::from_millis(30);
/// Requests before something happens, and after it.
const BEFORE: u64 = 1_000;
const AFTER: u64 = 3_000;
/// How often a bar of time is tried for.
const ROUNDS: usize = 4;

/// Tests here measure times, so they run one after the other.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A service that writes down which requests it began to receive.
struct Target {
    process: Server,
    address: SocketAddr,
    record: PathBuf,
}

/// Two of them, and a gateway before them.
struct Rig {
    targets: [Target; 2],
    gateway: Gateway,
    folder: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}

impl Target {
    fn begun(&self) -> HashSet<String> {
        let text = fs::read_to_string(&self.record).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn rig() -> Rig {
    let folder = fresh_folder("killed");
    let targets = ["one", "two"].map(|name| {
        let record = folder.join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
        let (process, address) = Server::announced(command.arg(&record));
        Target { process, address, record }
    });
    let [one, two] = &targets;
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    upstream: {{ targets: [{{ url: 'http://{}' }}, {{ url: 'http://{}' }}] }}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
",
        one.address, two.address
    ));
    Rig { targets, gateway, folder }
}

/// One request and what came of it.
#[derive(Debug)]
struct Sent {
    number: u64,
    /// Not 200, and why.
    failed: Option<String>,
    timed: Timed,
}

/// Sends so many requests before something happens and after it; when that was.
fn load(web: SocketAddr, method: &'static str, happen: impl FnOnce()) -> (Vec<Sent>, Instant) {
    let next = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..KEPT + FRESH)
        .map(|client| {
            let next = Arc::clone(&next);
            thread::spawn(move || drive(web, method, client >= KEPT, &next))
        })
        .collect();
    while next.load(Ordering::Relaxed) < BEFORE {
        // Polled, so that the load itself stays free of locks.
        thread::sleep(Duration::from_micros(200));
    }
    let at = Instant::now();
    happen();
    let all = threads.into_iter().flat_map(|one| one.join().expect("it ends well")).collect();
    (all, at)
}

fn drive(web: SocketAddr, method: &str, fresh: bool, next: &AtomicU64) -> Vec<Sent> {
    let (mut all, mut kept) = (Vec::new(), None);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= BEFORE + AFTER {
            return all;
        }
        let mut client = kept.take().unwrap_or_else(|| Client::connect(web));
        let body = if method == "GET" { "\r\n" } else { "Content-Length: 5\r\n\r\nhello" };
        let began = Instant::now();
        let outcome =
            client.ask(format!("{method} /{number} HTTP/1.1\r\nHost: test.example\r\n{body}"));
        let ended = Instant::now();
        let failed = match &outcome {
            Ok(answer) if answer.status() == 200 && answer.body == b"ok" => None,
            Ok(answer) => Some(format!("{}: {}", answer.status(), answer.text())),
            Err(Lost::Late(_)) => Some("late".to_owned()),
            Err(Lost::Cut(..)) => Some("cut".to_owned()),
            Err(Lost::Bad(why, _)) => Some(why.clone()),
        };
        all.push(Sent { number, failed, timed: (ended, ended - began) });
        if !fresh && outcome.is_ok_and(|answer| !answer.closes()) {
            kept = Some(client);
        }
        // The pause is part of the load's shape.
        thread::sleep(PAUSE);
    }
}

/// What took how long of those that ended in the second after something happened.
fn next_second(all: &[Sent], at: Instant) -> Vec<Timed> {
    let within = |(ended, _): &Timed| *ended > at && *ended < at + Duration::from_secs(1);
    all.iter().map(|sent| sent.timed).filter(within).collect()
}

fn failed(all: &[Sent]) -> Vec<&Sent> {
    all.iter().filter(|sent| sent.failed.is_some()).collect()
}

/// kill -9 under GET: none of 3,000 fails, and in the next second 99 of 100 take 50 ms at most.
#[test]
fn of_3000_gets_none_fails_when_one_of_two_is_killed() {
    let _turn = turn();
    const BAR: Duration = Duration::from_millis(50);
    let mut best = Duration::MAX;
    for round in 0..ROUNDS {
        let rig = rig();
        let (all, at) =
            load(rig.gateway.web(), "GET", || signal(rig.targets[0].process.pid(), "KILL"));
        assert_eq!(failed(&all).len(), 0, "{:?}", failed(&all));
        let next = next_second(&all, at);
        let p99 = percentile(&next, 99);
        let slowest = all.iter().map(|sent| sent.timed.1).max().unwrap_or_default();
        println!(
            "round {round}: killed; p99 of the {} GETs in the next second {p99:?}, the slowest of \
             all {slowest:?}",
            next.len()
        );
        assert!(next.len() > 100, "too little of a load: {}", next.len());
        best = best.min(p99);
        if best <= BAR {
            return;
        }
    }
    panic!("p99 after the kill: {best:?} at best");
}

/// kill -9 under POST: whoever gets no answer has had his request sent to the one that died; nobody
/// is turned away whose request could still go to the other one.
#[test]
fn no_post_fails_that_was_not_yet_written() {
    let _turn = turn();
    let rig = rig();
    let [dead, alive] = &rig.targets;
    let wire = Wire::watch(dead.address.port());
    let (all, _) = load(rig.gateway.web(), "POST", || signal(dead.process.pid(), "KILL"));
    let (begun, other) = (dead.begun(), alive.begun());
    let line = |number: u64| format!("POST /{number} HTTP/1.1");
    let failed = failed(&all);
    let unread: Vec<&&Sent> =
        failed.iter().filter(|sent| !begun.contains(&line(sent.number))).collect();
    println!(
        "killed under POST: {} of {} failed, {} of them had not been read by the dead one yet",
        failed.len(),
        all.len(),
        unread.len()
    );
    for sent in &failed {
        let why = sent.failed.as_deref().unwrap_or_default();
        assert!(why.starts_with("502") && why.contains("upstream_closed"), "{sent:?}");
        assert!(!other.contains(&line(sent.number)), "answered by nobody, done twice: {sent:?}");
    }
    // What was in the dead one's socket was written, too.
    match wire {
        Some(wire) => {
            let bytes = |sent: &Sent| format!("{}\r\n", line(sent.number)).into_bytes();
            let carried: Vec<_> = unread.iter().map(|sent| wire.carried(&bytes(sent))).collect();
            let late = carried.iter().filter(|how| **how == Carried::TooLate).count();
            println!("{late} of them were written to a connection that had ended");
            let unsent = carried.contains(&Carried::Not);
            assert!(!unsent, "never written, and yet not answered: {unread:?} {carried:?}");
            let known = begun.iter().next().expect("the dead one had requests");
            assert_ne!(wire.carried(known.as_bytes()), Carried::Not, "the wire is not watched");
        }
        None => {
            eprintln!("packets cannot be watched here: what was not read counts as not written");
            assert!(unread.len() <= 1, "{unread:?}");
        }
    }
    // As many as were under way in that moment, at most.
    assert!(failed.len() <= KEPT + FRESH, "{failed:?}");
    let twice = begun.intersection(&other).count();
    assert_eq!(twice, 0, "a POST that was begun is sent to nobody else");
    let answered = all.iter().filter(|sent| sent.failed.is_none());
    for sent in answered {
        let line = line(sent.number);
        assert!(begun.contains(&line) || other.contains(&line), "{sent:?}: by whom?");
    }
}

/// SIGSTOP: nothing is lost, at most three take longer than a second, and within two seconds the
/// frozen one gets nothing more.
#[test]
fn at_most_three_are_slow_when_one_of_two_freezes() {
    let _turn = turn();
    const BAR: Duration = Duration::from_secs(2);
    let mut best = None;
    for round in 0..ROUNDS {
        let rig = rig();
        let frozen = &rig.targets[0];
        let seen = rig.gateway.stderr.count();
        let words = format!("target {}: ", frozen.address);
        let mut out = Duration::MAX;
        let (all, _) = load(rig.gateway.web(), "GET", || {
            let began = Instant::now();
            signal(frozen.process.pid(), "STOP");
            let ejected = |line: &str| line.contains(&words) && line.contains("-> ejected");
            let line = rig.gateway.stderr.wait(seen, SOON, ejected);
            assert!(line.is_some(), "not ejected: {:#?}", rig.gateway.stderr.all());
            out = began.elapsed();
        });
        assert_eq!(failed(&all).len(), 0, "{:?}", failed(&all));
        let slow = all.iter().filter(|sent| sent.timed.1 > Duration::from_secs(1)).count();
        let slowest = all.iter().map(|sent| sent.timed.1).max().unwrap_or_default();
        println!(
            "round {round}: frozen; out after {out:?}; {slow} slower than 1 s, the slowest {slowest:?}"
        );
        // However busy the machine is, nobody waits for the patience of a first byte.
        assert!(slowest < Duration::from_secs(6), "{slowest:?}");
        if slow <= 3 && out <= BAR {
            return;
        }
        best = best.min(Some((slow, out))).or(Some((slow, out)));
    }
    panic!("slower than 1 s, and out after: {best:?} at best");
}

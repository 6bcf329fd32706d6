//! Seeded simulations of a service with so many workers and a queue, in virtual time.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::balance::random::Random;

/// A service that does so many things at one time, first come first served.
struct Service {
    adaptive: Adaptive,
    bounds: Bounds,
    random: Random,
    workers: u64,
    /// Microseconds that it takes to answer.
    base: u64,
    /// When each worker is free.
    free: BinaryHeap<Reverse<u64>>,
    /// End and begin of what is under way.
    under_way: BinaryHeap<Reverse<(u64, u64)>>,
    now: u64,
    shed: u64,
    /// Microseconds of work that was let through.
    work: u64,
    times: Vec<u64>,
    lowest: u32,
    highest: u32,
}

impl Service {
    fn new(workers: u64, base: u64, seed: u64) -> Self {
        Self {
            adaptive: Adaptive::default(),
            bounds: BOUNDS,
            random: Random::new(seed),
            workers,
            base,
            free: (0..workers).map(|_| Reverse(0)).collect(),
            under_way: BinaryHeap::new(),
            now: 0,
            shed: 0,
            work: 0,
            times: Vec::new(),
            lowest: u32::MAX,
            highest: 0,
        }
    }

    fn end_until(&mut self, now: u64) {
        while let Some(Reverse((end, began))) = self.under_way.peek().copied()
            && end <= now
        {
            let observed = Observed {
                took: Some(Duration::from_micros(end - began)),
                overloaded: false,
                under_way: self.under_way.len() as u32,
            };
            self.under_way.pop();
            self.times.push(end - began);
            self.adaptive.note(&self.bounds, observed, Duration::from_micros(end));
        }
        self.now = now;
    }

    fn request(&mut self) {
        let limit = self.adaptive.limit(&self.bounds);
        self.lowest = self.lowest.min(limit);
        self.highest = self.highest.max(limit);
        if self.under_way.len() >= limit as usize {
            self.shed += 1;
            return;
        }
        let Some(Reverse(free)) = self.free.pop() else { return };
        let work = self.base / 2 + self.random.below(self.base);
        self.work += work;
        let end = free.max(self.now) + work;
        self.free.push(Reverse(end));
        self.under_way.push(Reverse((end, self.now)));
    }

    /// So many times what it can do is asked of it, for so many seconds. Says how much of what it
    /// can do was done.
    fn run(&mut self, load: f64, seconds: u64) -> f64 {
        let (from, before) = (self.now, self.work);
        let gap = self.base as f64 / self.workers as f64 / load;
        let mut next = self.now as f64;
        while self.now < from + seconds * 1_000_000 {
            next += gap * (self.random.below(2_000) as f64 / 1_000.0);
            self.end_until(next as u64);
            self.request();
        }
        (self.work - before) as f64 / (seconds * 1_000_000 * self.workers) as f64
    }

    fn mean_since(&self, from: usize) -> f64 {
        let times = &self.times[from..];
        times.iter().sum::<u64>() as f64 / times.len().max(1) as f64
    }
}

const BOUNDS: Bounds = Bounds { min: 4, max: 1000, initial: 20, tolerance: 1.5 };

/// A pace of a service. Most are slow: then there is less to do in a simulated second.
fn pace(random: &mut Random) -> u64 {
    [10_000, 50_000, 100_000, 200_000][random.below(60).min(3) as usize]
}

/// With three times the load that it can bear, a service of any size does nearly all it can, and
/// answers take a small multiple of what they take without a queue.
#[test]
fn under_overload_it_settles_near_what_the_service_can_do() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut service = Service::new(4 + random.below(29), pace(&mut random), seed);
        // It looks down every 30 s: one of them is within.
        service.run(3.0, 10);
        let from = service.times.len();
        let goodput = service.run(3.0, 35);
        let mean = service.mean_since(from) / service.base as f64;
        let case = format!("seed {seed}: {} workers: {goodput} {mean}", service.workers);
        // Where answers take long, so does the look at how long they take without a queue.
        assert!(goodput >= if service.base > 50_000 { 0.88 } else { 0.9 }, "{case}");
        assert!(mean <= if service.workers < 8 { 4.5 } else { 3.0 }, "{case}");
        assert!(service.lowest >= BOUNDS.min && service.highest <= BOUNDS.max, "{case}");
    }
}

/// What it can bear is let through, bursts included.
#[test]
fn nobody_is_sent_away_from_a_service_that_can_do_it() {
    for seed in 0..2_000 {
        let mut service = Service::new(16, pace(&mut Random::new(seed)), seed);
        service.run(0.3, 20);
        assert_eq!(service.shed, 0, "seed {seed}");
        // Sixteen at once.
        for _ in 0..20 {
            service.run(0.2, 1);
            (0..12).for_each(|_| service.request());
        }
        assert_eq!(service.shed, 0, "seed {seed}");
    }
}

/// A service that becomes slower gets less, and more again when it has recovered, or when its new
/// pace turns out to be usual.
#[test]
fn it_follows_a_service_that_changes() {
    for seed in 0..500 {
        let base = if seed % 50 == 0 { 20_000 } else { 100_000 };
        let mut service = Service::new(10, base, seed);
        service.run(2.0, 40);
        // A neighbour takes half of its workers.
        let gone: Vec<_> = (0..5).filter_map(|_| service.free.pop()).collect();
        service.workers = 5;
        service.run(2.0, 20);
        let from = service.times.len();
        let goodput = service.run(2.0, 30);
        let mean = service.mean_since(from) / base as f64;
        assert!(goodput >= 0.85 && mean <= 4.0, "seed {seed}: with half {goodput} {mean}");
        service.free.extend(gone);
        service.workers = 10;
        service.run(2.0, 20);
        let goodput = service.run(2.0, 30);
        assert!(goodput >= 0.85, "seed {seed}: recovered {goodput}");
        // Everything takes three times as long from now on.
        service.base = 3 * base;
        service.run(2.0, 60);
        let goodput = service.run(2.0, 60);
        assert!(goodput >= 0.85, "seed {seed}: slower for good {goodput}");
    }
}

/// Whatever is observed, and whoever's clock is behind: the limit keeps within its bounds, also when
/// those change; it neither jumps up nor falls by more than a look down, window by window; and with a
/// service that is well again it rises until nobody is sent away.
#[test]
fn any_run_keeps_its_promises() {
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let bounds = |random: &mut Random| {
            let min = 1 + random.below(20) as u32;
            let max = min + random.below(500) as u32;
            let initial = min + random.below(u64::from(max - min) + 1) as u32;
            Bounds { min, max, initial, tolerance: 1.1 + random.below(90) as f64 / 10.0 }
        };
        let mut adaptive = Adaptive::default();
        let mut now = Duration::from_secs(random.below(1_000));
        let mut of = bounds(&mut random);
        assert_eq!(adaptive.limit(&of), of.initial, "seed {seed}");
        let mood = random.below(4);
        let mut changed = false;
        for _ in 0..600 {
            if random.below(200) == 0 {
                of = bounds(&mut random);
                changed = true;
            }
            let step = [1, 10, 200, 20_000][random.below(4) as usize];
            now += Duration::from_millis(random.below(step));
            let behind = Duration::from_millis(random.below(3) * random.below(20));
            let took = match random.below(5) {
                0 => None,
                1 => Some(Duration::ZERO),
                n => Some(Duration::from_micros(random.below(10_u64.pow(n as u32 * 2)))),
            };
            let before = adaptive.limit(&of);
            let observed = Observed {
                took,
                overloaded: random.below(12) < mood,
                under_way: random.below(u64::from(before) + 2) as u32,
            };
            adaptive.note(&of, observed, now.saturating_sub(behind));
            let limit = adaptive.limit(&of);
            assert!((of.min..=of.max).contains(&limit), "seed {seed}: {limit} {of:?}");
            assert!(adaptive.limit.is_finite() && adaptive.usual.is_finite(), "seed {seed}");
            let most = f64::from(before) + f64::from(before).sqrt();
            // After a look down it is what it was before.
            let usual = adaptive.stage == Stage::Usual;
            assert!(usual || f64::from(limit) <= most + 1.0, "seed {seed}: {before} to {limit}");
            assert!(changed || limit * 2 + 1 >= before, "seed {seed}: {before} to {limit}");
            changed &= !usual;
        }
        // A service without a queue: all answers take the same, and as many are under way as may be.
        for _ in 0..40_000 {
            now += Duration::from_millis(5);
            let under_way = adaptive.limit(&of);
            let took = Some(Duration::from_millis(10));
            adaptive.note(&of, Observed { took, overloaded: false, under_way }, now);
            if under_way == of.max {
                break;
            }
        }
        assert_eq!(adaptive.limit(&of), of.max, "seed {seed}: {of:?} {adaptive:?}");
    }
}

/// A service that says that it is overloaded gets less at once.
#[test]
fn an_overloaded_service_gets_less() {
    let mut adaptive = Adaptive::default();
    let mut now = Duration::ZERO;
    for _ in 0..2_000 {
        now += Duration::from_millis(2);
        let observed = Observed { took: None, overloaded: true, under_way: 20 };
        adaptive.note(&BOUNDS, observed, now);
        assert!(adaptive.limit(&BOUNDS) >= BOUNDS.min);
    }
    assert_eq!(adaptive.limit(&BOUNDS), BOUNDS.min);
}

#[test]
fn what_makes_no_sense_is_said() {
    let usual = AdaptiveLimit::default();
    for (limit, problems) in [
        (usual.clone(), 0),
        (AdaptiveLimit { min: 0, ..usual.clone() }, 1),
        (AdaptiveLimit { min: 50, max: 40, initial: 45, ..usual.clone() }, 2),
        (AdaptiveLimit { initial: 2000, ..usual.clone() }, 1),
        (AdaptiveLimit { tolerance: 1.0, ..usual.clone() }, 1),
        (AdaptiveLimit { tolerance: f64::NAN, ..usual }, 1),
    ] {
        let mut report = Report::default();
        Bounds::compile(&limit, "a", &mut report);
        assert_eq!(report.problems().len(), problems, "{limit:?}");
    }
}

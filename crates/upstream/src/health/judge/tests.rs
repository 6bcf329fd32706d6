//! Seeded simulations: every failure names the seed that shows it again.

use super::*;
use crate::health::case::{Reason, Sample, State};
use crate::health::member::Standing;
use yumen_model::{Health, Passive, Protocol, Span};

/// Between two looks, in milliseconds.
const STEP: u64 = 100;

/// How an endpoint behaves at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Answers, in so many microseconds.
    Well(u64),
    /// Refuses connections.
    Dead,
    /// Takes requests and says nothing.
    Frozen,
    /// Answers 500.
    Broken,
    /// Fails so many of a hundred requests.
    Flaky(u64),
}

/// A service in virtual time.
struct World {
    rules: Rules,
    cases: Vec<Case>,
    ways: Vec<Way>,
    /// Requests that wait at each.
    waiting: Vec<u64>,
    permits: Vec<bool>,
    /// Requests that each got.
    got: Vec<u64>,
    now: u64,
    random: Random,
    changes: Vec<(u64, Change)>,
}

fn rules(passive: Passive) -> Rules {
    Rules::compile(&Health { passive, ..Health::default() }, Span::OFF, Protocol::Auto)
}

impl World {
    fn new(rules: Rules, ways: Vec<Way>, seed: u64) -> Self {
        let count = ways.len();
        Self {
            rules,
            cases: (0..count).map(|_| Case::new(0, false, false)).collect(),
            ways,
            waiting: vec![0; count],
            permits: vec![false; count],
            got: vec![0; count],
            now: 0,
            random: Random::new(seed),
            changes: Vec::new(),
        }
    }

    fn standing(&self, index: usize) -> Standing {
        self.cases[index].standing(&self.rules, self.now)
    }

    /// As a pool chooses, at random.
    fn choose(&mut self) -> usize {
        let count = self.cases.len();
        let start = usize::try_from(self.random.below(count as u64)).unwrap();
        let order: Vec<usize> = (0..count).map(|step| (start + step) % count).collect();
        let welcoming = order.iter().copied().find(|index| match self.standing(*index) {
            Standing::Open { .. } => true,
            Standing::Trial => self.permits[*index],
            Standing::Silent | Standing::Out => false,
        });
        let is_in = order.iter().copied().find(|index| self.standing(*index) != Standing::Out);
        let chosen = welcoming.or(is_in).unwrap_or(start);
        self.permits[chosen] = false;
        chosen
    }

    fn request(&mut self) {
        let index = self.choose();
        self.got[index] += 1;
        let lost = self.random.below(100);
        let sample = &mut self.cases[index].sample;
        match self.ways[index] {
            Way::Well(micros) => {
                sample.answers += 1;
                sample.timed += 1;
                sample.micros += micros;
                sample.slowest = sample.slowest.max(micros);
            }
            Way::Flaky(percent) if lost >= percent => sample.answers += 1,
            Way::Dead | Way::Flaky(_) => sample.failures += 1,
            Way::Broken => sample.errors += 1,
            Way::Frozen => self.waiting[index] += 1,
        }
    }

    /// So many requests, then a look.
    fn step(&mut self, requests: u64) {
        for _ in 0..requests {
            self.request();
        }
        self.now += STEP;
        for (case, waiting) in self.cases.iter_mut().zip(&self.waiting) {
            case.sample.waiting = *waiting;
        }
        let changes = look(&self.rules, &mut self.cases, self.now, &mut self.random);
        self.changes.extend(changes.into_iter().map(|change| (self.now, change)));
        for (index, case) in self.cases.iter_mut().enumerate() {
            self.permits[index] |= case.grants();
            let slowest = case.sample.slowest;
            case.sample = Sample { slowest, ..Sample::default() };
        }
    }

    fn run(&mut self, millis: u64, requests: u64) {
        for _ in 0..millis / STEP {
            self.step(requests);
        }
    }

    /// What waits for a frozen endpoint is given up.
    fn give_up(&mut self, index: usize) {
        self.cases[index].sample.failures += self.waiting[index];
        self.waiting[index] = 0;
    }

    fn ejected(&self) -> usize {
        self.cases.iter().filter(|case| case.is_ejected()).count()
    }

    fn first(&self, index: usize, to: &str) -> Option<u64> {
        let found = self.changes.iter().find(|(_, one)| one.index == index && one.to == to);
        found.map(|(at, _)| *at)
    }
}

/// Random behaviour that changes at random: whatever happens, no more than allowed are out, and
/// one that is always well is never out.
#[test]
fn no_more_than_allowed_and_never_the_good_one() {
    for seed in 0..2_000_u64 {
        let mut random = Random::new(seed);
        let count = usize::try_from(2 + random.below(9)).unwrap();
        let percent = u32::try_from(random.below(101)).unwrap();
        let passive = Passive {
            errors: u32::try_from(random.below(10)).unwrap(),
            error_rate_percent: u32::try_from(random.below(60)).unwrap(),
            requests_min: 10,
            ejected_percent_max: percent,
            ..Passive::default()
        };
        let rules = rules(passive);
        let most = rules.ejected_max(count);
        assert!(most < count, "seed {seed}: never all");
        let mut world = World::new(rules, vec![Way::Well(1_000); count], seed);
        for _ in 0..20 {
            for index in 1..count {
                world.ways[index] = match random.below(8) {
                    0 => Way::Dead,
                    1 => Way::Frozen,
                    2 => Way::Broken,
                    3 => Way::Flaky(random.below(100)),
                    _ => Way::Well(1_000),
                };
                if world.ways[index] != Way::Frozen || random.below(3) == 0 {
                    world.give_up(index);
                }
            }
            for _ in 0..6 {
                world.step(random.below(10));
                assert!(world.ejected() <= most, "seed {seed} at {}", world.now);
            }
        }
        assert_eq!(world.first(0, "ejected"), None, "seed {seed}: {:?}", world.changes);
    }
}

/// Changes of state that there are.
const CHANGES: [(&str, &str); 7] = [
    ("healthy", "silent"),
    ("healthy", "ejected"),
    ("silent", "healthy"),
    ("silent", "ejected"),
    ("ejected", "trial"),
    ("trial", "healthy"),
    ("trial", "ejected"),
];

/// Checks one change against what an endpoint was before, and since when.
fn check_change(world: &World, change: &Change, (before, since, doublings): (State, u64, u32)) {
    let (rules, case) = (&world.rules, &world.cases[change.index]);
    assert!(CHANGES.contains(&(change.from, change.to)), "{change:?}");
    match (before, case.state) {
        (State::Ejected { until }, State::Trial) => {
            assert!(world.now >= until && until - since >= rules.ejection, "{change:?}");
        }
        (_, State::Ejected { until }) => {
            let times = |doublings: u32| (rules.ejection << doublings).min(rules.ejection_max);
            // One doubling may have been forgiven in this very moment.
            let (least, most) = (times(doublings.saturating_sub(1)), times(doublings));
            let wait = until - world.now;
            assert!((least..=most + most / 4).contains(&wait), "{change:?} for {wait}, not {most}");
        }
        _ => {}
    }
}

/// Random behaviour under random rules: an endpoint changes only in the ways that there are, is out for
/// as long as it should be and gets nothing meanwhile; when all is well again, all of them come back.
#[test]
fn any_run_keeps_its_promises() {
    for seed in 0..2_000_u64 {
        let mut random = Random::new(seed);
        let count = usize::try_from(1 + random.below(6)).unwrap();
        let small = |random: &mut Random, bound| u32::try_from(random.below(bound)).unwrap();
        let passive = Passive {
            failures: small(&mut random, 8),
            errors: small(&mut random, 8),
            error_rate_percent: small(&mut random, 2) * 30,
            latency_factor: small(&mut random, 2) * 4,
            requests_min: 5,
            ejected_percent_max: small(&mut random, 101),
            ejection: Span::seconds(1 + random.below(4)),
            ejection_max: Span::seconds(5 + random.below(25)),
            ..Passive::default()
        };
        let mut world = World::new(rules(passive), vec![Way::Well(1_000); count], seed);
        for phase in 0..12 {
            for index in 0..count {
                world.ways[index] = match random.below(7) {
                    0 => Way::Dead,
                    1 => Way::Frozen,
                    2 => Way::Broken,
                    3 => Way::Flaky(random.below(100)),
                    4 => Way::Well(random.below(400_000)),
                    _ => Way::Well(1_000),
                };
                world.give_up(index);
            }
            for _ in 0..10 {
                let before: Vec<(State, u64, u32)> = world
                    .cases
                    .iter()
                    .map(|case| (case.state, case.since, case.doublings()))
                    .collect();
                let (got, seen) = (world.got.clone(), world.changes.len());
                world.step(random.below(12));
                for (_, change) in &world.changes[seen..] {
                    check_change(&world, change, before[change.index]);
                }
                let out = |state: &State| matches!(state, State::Ejected { .. });
                let all_out = before.iter().all(|(state, ..)| out(state));
                for (index, (state, ..)) in before.iter().enumerate() {
                    let more = world.got[index] > got[index];
                    assert!(all_out || !out(state) || !more, "seed {seed} phase {phase}: {index}");
                }
                assert!(world.ejected() <= world.rules.ejected_max(count), "seed {seed}");
            }
        }
        world.ways = vec![Way::Well(1_000); count];
        (0..count).for_each(|index| world.give_up(index));
        world.run(60_000, 6);
        for index in 0..count {
            let standing = world.standing(index);
            let whole = Standing::Open { share: Standing::WHOLE };
            assert_eq!(standing, whole, "seed {seed}: {:?}", world.changes);
            assert!(!world.cases[index].deserted, "seed {seed}");
        }
    }
}

#[test]
fn a_dead_one_gets_a_bounded_share() {
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let count = usize::try_from(2 + random.below(5)).unwrap();
        let mut ways = vec![Way::Well(1_000); count];
        ways[0] = Way::Dead;
        let mut world = World::new(rules(Passive::default()), ways, seed);
        world.run(60_000, 4);
        let all: u64 = world.got.iter().sum();
        assert!(world.first(0, "ejected").unwrap() <= 20_000, "seed {seed}");
        // What comes before the first ejection, then one request for each trial.
        assert!(world.got[0] <= 200, "seed {seed}: {} of {all}", world.got[0]);
    }
}

#[test]
fn ejections_grow_and_are_forgiven() {
    for seed in 0..20 {
        let mut world = World::new(rules(Passive::default()), vec![Way::Well(1); 2], seed);
        world.ways[0] = Way::Dead;
        world.run(300_000, 3);
        let outs: Vec<u64> = world
            .changes
            .iter()
            .filter(|(_, one)| one.index == 0 && one.to == "ejected")
            .map(|(at, _)| *at)
            .collect();
        let gaps: Vec<u64> = outs.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps[0] >= 5_000 && gaps[0] < 8_000, "seed {seed}: {gaps:?}");
        assert!(gaps[2] > 2 * gaps[0], "seed {seed}: {gaps:?}");
        assert!(gaps.iter().all(|gap| *gap < 155_000), "seed {seed}: {gaps:?}");
        // Well again for long: back at the start.
        world.ways[0] = Way::Well(1);
        world.run(600_000, 3);
        world.changes.clear();
        let from = world.now;
        world.ways[0] = Way::Dead;
        world.run(20_000, 3);
        let out = world.first(0, "ejected").unwrap();
        let trial = world.first(0, "trial").unwrap();
        assert!(out - from <= 3_000, "seed {seed}");
        assert!(trial - out <= 6_400, "seed {seed}: {}", trial - out);
    }
}

#[test]
fn a_frozen_one_is_silent_then_ejected_and_comes_back() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let mut world = World::new(rules(Passive::default()), vec![Way::Well(2_000); 2], seed);
        world.run(5_000, 10);
        let frozen = world.now;
        world.ways[0] = Way::Frozen;
        // A load that waits for answers: after a few requests all of it is stuck.
        world.step(28);
        world.run(2_000, random.below(3));
        let silent = world.first(0, "silent").unwrap() - frozen;
        let out = world.first(0, "ejected").unwrap() - frozen;
        assert!(silent <= 800 && out <= 2_000, "seed {seed}: {silent} {out}");
        assert_eq!(world.first(1, "silent"), None, "seed {seed}");
        let stuck = world.waiting[0];
        world.run(3_000, 10);
        assert_eq!(world.waiting[0], stuck, "seed {seed}: nothing more is sent to it");
        world.ways[0] = Way::Well(2_000);
        world.cases[0].sample.answers += stuck;
        world.waiting[0] = 0;
        world.run(8_000, 10);
        assert_eq!(world.standing(0), Standing::Open { share: Standing::WHOLE }, "seed {seed}");
    }
}

/// Where nobody may be ejected, one that fell silent is asked again after the time of an ejection.
#[test]
fn a_silent_one_that_may_not_be_ejected_is_asked_again() {
    for seed in 0..500 {
        let passive = Passive { ejected_percent_max: 0, ..Passive::default() };
        let mut world = World::new(rules(passive), vec![Way::Well(2_000); 3], seed);
        world.run(3_000, 10);
        world.ways[0] = Way::Frozen;
        world.step(28);
        world.run(1_500, 10);
        assert_eq!(world.standing(0), Standing::Silent, "seed {seed}");
        world.give_up(0);
        let (given_up, got) = (world.now, world.got[0]);
        world.run(3_000, 10);
        assert_eq!(world.got[0], got, "seed {seed}: not at once");
        world.run(10_000, 10);
        assert!(world.got[0] > got, "seed {seed}: never again");
        world.give_up(0);
        let again = world.changes.iter().filter(|(at, one)| *at > given_up && one.to == "silent");
        assert!((1..=3).contains(&again.count()), "seed {seed}: {:?}", world.changes);
        world.ways[0] = Way::Well(2_000);
        world.run(12_000, 10);
        let whole = Standing::Open { share: Standing::WHOLE };
        assert_eq!(world.standing(0), whole, "seed {seed}: {:?}", world.changes);
        assert_eq!(world.first(0, "ejected"), None, "seed {seed}");
    }
}

/// When all of them hang, the cause is elsewhere: nobody is taken out for it.
#[test]
fn silence_of_all_ejects_nobody() {
    for seed in 0..500 {
        let mut world = World::new(rules(Passive::default()), vec![Way::Well(1_000); 4], seed);
        world.run(3_000, 20);
        world.ways = vec![Way::Frozen; 4];
        world.step(40);
        world.run(4_000, 4);
        assert_eq!(world.ejected(), 0, "seed {seed}: {:?}", world.changes);
    }
}

/// Who waits for a frozen one leaves soon, from no other; and nobody leaves when all stand still,
/// nor for one slow request.
#[test]
fn only_the_silent_one_is_deserted() {
    let deserted = |world: &World| -> Vec<usize> {
        (0..world.cases.len()).filter(|index| world.cases[*index].deserted).collect()
    };
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let count = 2 + usize::try_from(random.below(5)).unwrap();
        let usual = 1_000 + random.below(50_000);
        let mut world = World::new(rules(Passive::default()), vec![Way::Well(usual); count], seed);
        let load = 1 + random.below(100);
        world.run(1_000 + STEP * random.below(20), load);
        assert!(deserted(&world).is_empty(), "seed {seed}");
        let frozen = usize::try_from(random.below(count as u64)).unwrap();
        world.ways[frozen] = Way::Frozen;
        let began = world.now;
        while deserted(&world).is_empty() {
            world.step(load);
            assert!(deserted(&world).iter().all(|index| *index == frozen), "seed {seed}");
            let many = world.waiting[frozen] >= 3;
            assert!(world.now - began < 1_500 || !many, "seed {seed}: {}", world.now - began);
            if world.now - began > 3_000 {
                break;
            }
        }
        // All of them leave, which ejects it.
        world.give_up(frozen);
        world.run(200, load);
        assert!(world.cases[frozen].is_ejected() || world.got[frozen] < 1_000, "seed {seed}");
        world.waiting[frozen] = 0;
        world.ways[frozen] = Way::Well(usual);
        world.run(60_000, 20);
        assert!(deserted(&world).is_empty(), "seed {seed}: it is well again");

        let mut stall = World::new(rules(Passive::default()), vec![Way::Well(usual); count], seed);
        stall.run(1_000, load);
        // One is a moment earlier than the others.
        stall.ways[frozen] = Way::Frozen;
        stall.step(random.below(3));
        stall.ways = vec![Way::Frozen; count];
        for _ in 0..100 {
            stall.step(load.max(count as u64 * 4));
            assert!(deserted(&stall).is_empty(), "seed {seed}: all stand still");
        }

        let mut slow = World::new(rules(Passive::default()), vec![Way::Well(usual); count], seed);
        slow.run(1_000, load);
        slow.waiting[frozen] = 1 + random.below(2);
        for _ in 0..50 {
            slow.step(0);
            assert!(deserted(&slow).is_empty(), "seed {seed}: only one or two are slow");
        }
    }
}

#[test]
fn the_median_of_the_others_is_found_without_sorting_them_again() {
    let mut random = Random::new(7);
    for _ in 0..2_000 {
        let count = usize::try_from(random.below(8)).unwrap();
        let means: Vec<Option<u64>> =
            (0..count).map(|_| (random.below(4) > 0).then(|| random.below(5))).collect();
        let mut sorted: Vec<u64> = means.iter().flatten().copied().collect();
        sorted.sort_unstable();
        for index in 0..count {
            let others = means.iter().enumerate().filter(|(other, _)| *other != index);
            let mut others: Vec<u64> = others.filter_map(|(_, mean)| *mean).collect();
            others.sort_unstable();
            let expect = others.get(others.len() / 2).copied();
            assert_eq!(median_of_others(&sorted, means[index]), expect, "{means:?} {index}");
        }
    }
}

/// What is slow by nature is not silent.
#[test]
fn usual_slowness_is_borne() {
    let mut world = World::new(rules(Passive::default()), vec![Way::Well(4_000_000); 2], 1);
    world.run(1_000, 10);
    world.ways[0] = Way::Frozen;
    world.step(10);
    world.ways[0] = Way::Well(4_000_000);
    world.run(5_000, 5);
    assert!(world.changes.is_empty(), "{:?}", world.changes);
}

#[test]
fn each_reason_ejects_when_it_is_on() {
    let check = |passive: Passive, way: Way, expect: Option<Reason>| {
        let mut world = World::new(rules(passive.clone()), vec![Way::Well(20_000); 3], 7);
        world.ways[1] = way;
        while world.now < 20_000 && world.first(1, "ejected").is_none() {
            world.step(30);
        }
        let counts = world.cases[1].ejections;
        let found = Reason::ALL.into_iter().find(|reason| counts[*reason as usize] > 0);
        assert_eq!(found, expect, "{way:?} {passive:?}: {:?}", world.changes);
    };
    let default = Passive::default;
    check(default(), Way::Dead, Some(Reason::Failures));
    check(Passive { failures: 0, ..default() }, Way::Dead, None);
    check(default(), Way::Broken, None);
    check(Passive { errors: 5, ..default() }, Way::Broken, Some(Reason::Errors));
    let rate = || Passive { error_rate_percent: 30, failures: 0, ..default() };
    check(rate(), Way::Flaky(60), Some(Reason::ErrorRate));
    check(rate(), Way::Flaky(10), None);
    check(rate(), Way::Broken, Some(Reason::ErrorRate));
    let latency = || Passive { latency_factor: 3, ..default() };
    check(latency(), Way::Well(100_000), Some(Reason::Latency));
    check(latency(), Way::Well(40_000), None);
    check(default(), Way::Well(100_000), None);
    check(Passive { silence: Span::OFF, ..default() }, Way::Frozen, None);
    check(default(), Way::Frozen, Some(Reason::Silence));
    check(Passive { ejected_percent_max: 0, ..default() }, Way::Dead, None);
}

#[test]
fn how_many_may_be_out() {
    let check = |percent: u32, endpoints: usize, expect: usize| {
        let rules = rules(Passive { ejected_percent_max: percent, ..Passive::default() });
        assert_eq!(rules.ejected_max(endpoints), expect, "{percent} % of {endpoints}");
    };
    check(50, 1, 0);
    check(50, 2, 1);
    check(50, 3, 2);
    check(50, 10, 5);
    check(10, 3, 1);
    check(100, 5, 4);
    check(0, 5, 0);
}

#[test]
fn panic_begins_below_its_share() {
    let check = |below: u32, ejected: usize, expect: bool| {
        let health = Health { panic_below_percent: below, ..Health::default() };
        let rules = Rules::compile(&health, Span::OFF, Protocol::Auto);
        let mut cases: Vec<Case> = (0..4).map(|_| Case::new(0, false, false)).collect();
        cases.iter_mut().take(ejected).for_each(|case| case.state = State::Ejected { until: 9 });
        assert_eq!(is_panic(&rules, &cases), expect, "below {below} %, {ejected} of 4 out");
    };
    check(1, 3, false);
    check(1, 4, true);
    check(0, 4, false);
    check(50, 2, false);
    check(50, 3, true);
}

#[test]
fn a_slow_start_rises_to_the_whole() {
    let rules = Rules::compile(&Health::default(), Span::seconds(10), Protocol::Auto);
    let share = |case: &Case, now| match case.standing(&rules, now) {
        Standing::Open { share } => share,
        other => panic!("{other:?}"),
    };
    assert_eq!(share(&Case::new(0, false, false), 0), Standing::WHOLE, "the first need none");
    let case = Case::new(1_000, true, false);
    let shares: Vec<u32> = (0..=110).map(|step| share(&case, 1_000 + step * 100)).collect();
    assert!(shares.is_sorted(), "{shares:?}");
    assert_eq!((shares[0], shares[50], shares[100]), (102, 512, Standing::WHOLE));
}

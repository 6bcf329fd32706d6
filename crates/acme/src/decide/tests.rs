//! The journal under an authority that fails in every way, with a clock of its own.

use super::*;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most.max(1)
    }
}

struct World {
    dice: Dice,
    names: Vec<String>,
    held: Vec<Option<Held>>,
    life: u64,
    /// When the authority does not answer: from, to.
    down: (u64, u64),
    /// In how many of a hundred cases an order fails before `well`.
    fails: u64,
    /// From then on nothing fails.
    well: u64,
    journal: Journal,
    placed: Vec<u64>,
    failed: Vec<(usize, u64)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let start = 1_000_000 + dice.below(1000);
        let count = usize::try_from(1 + dice.below(20)).unwrap();
        let life = [3 * DAY, 6 * DAY, 12 * DAY][usize::try_from(dice.below(3)).unwrap()];
        let from = start + dice.below(life);
        let down = (from, from + dice.below(life / 2));
        let held = |dice: &mut Dice| {
            let until = start + dice.below(life);
            (dice.below(2) == 0).then(|| Held { from: until.saturating_sub(life), until })
        };
        let held = (0..count).map(|_| held(&mut dice)).collect();
        Self {
            names: (0..count).map(|index| format!("n{index}.example")).collect(),
            held,
            life,
            down,
            fails: dice.below(101),
            well: down.1 + dice.below(life / 4),
            journal: Journal::default(),
            placed: Vec::new(),
            failed: Vec::new(),
            dice,
        }
    }

    fn step(&mut self, index: usize, now: u64) -> u64 {
        if (self.down.0..self.down.1).contains(&now) {
            self.journal.unreached("down", None, now);
            return now + self.dice.below(30);
        }
        let name = self.names[index].clone();
        self.journal.begin(&name, now);
        self.placed.push(now);
        // It is kept, and read again.
        let text = serde_json::to_string(&self.journal).unwrap();
        self.journal = serde_json::from_str(&text).unwrap();
        let took = now + self.dice.below(20);
        if now < self.well && self.dice.below(100) < self.fails {
            self.failed.push((index, now));
            // If not, it was killed in the middle of the order.
            if self.fails == 100 || self.dice.below(5) > 0 {
                let asked = Some(self.dice.below(1000)).filter(|_| self.fails.is_multiple_of(2));
                let is_passing = self.fails != 100 && self.dice.below(3) == 0;
                let setback = Setback { why: "no", asked, is_passing };
                assert!(self.journal.failed(&name, setback, took) > took);
            }
        } else {
            self.journal.succeeded(&name);
            self.held[index] = Some(Held { from: took, until: took + self.life });
        }
        took
    }

    /// Runs to some time after everything is well.
    fn run(&mut self, seed: u64) {
        let mut now = 1_000_000;
        let ends = self.well + self.life;
        let mut steps = 0;
        while now < ends {
            steps += 1;
            assert!(steps < 200_000, "seed {seed}: it never rests");
            let wishes = self.names.iter().zip(&self.held);
            let wishes: Vec<Wish<'_>> =
                wishes.map(|(name, held)| Wish { name, held: *held }).collect();
            match self.journal.next(&wishes, now) {
                Next::Order(index) => now = self.step(index, now),
                Next::Wait(until) => {
                    assert!(until > now, "seed {seed}: a wait that is none");
                    now = until;
                }
                Next::Nothing => panic!("seed {seed}: there are names"),
            }
            // Half a day is more than the longest rest.
            if now > self.well + 12 * HOUR {
                let lost = self.held.iter().position(|held| held.is_none_or(|one| one.until < now));
                assert_eq!(lost, None, "seed {seed}: at {now}, well since {}", self.well);
            }
        }
    }
}

#[test]
fn whatever_fails_the_authority_is_spared_and_no_certificate_runs_out() {
    for seed in 1..500 {
        let mut world = World::new(seed);
        world.run(seed);
        let hours = world.placed.windows(ORDERS_PER_HOUR + 1);
        for hour in hours {
            let (first, last) = (hour[0], hour[ORDERS_PER_HOUR]);
            assert!(last - first >= HOUR, "seed {seed}: too many orders in an hour");
        }
        for index in 0..world.names.len() {
            let of_one = world.failed.iter().filter(|(one, _)| *one == index);
            let failed: Vec<u64> = of_one.map(|(_, at)| *at).collect();
            for five in failed.windows(6).filter(|_| world.fails == 100) {
                assert!(five[5] - five[0] >= HOUR, "seed {seed}: one name fails too often");
            }
        }
    }
}

fn wish(held: Option<Held>) -> Wish<'static> {
    Wish { name: "a.example", held }
}

#[test]
fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
    let held = Held { from: 0, until: 90 * DAY };
    let journal = Journal::default();
    let check = |now, expect: fn(Next) -> bool| {
        let next = journal.next(&[wish(Some(held))], now);
        assert!(expect(next), "at {now}: {next:?}");
    };
    check(56 * DAY, |next| matches!(next, Next::Wait(at) if (57 * DAY..=60 * DAY).contains(&at)));
    check(60 * DAY, |next| next == Next::Order(0));
    check(100 * DAY, |next| next == Next::Order(0));
    assert_eq!(journal.next(&[], 5), Next::Nothing);
}

#[test]
fn who_has_none_goes_first_then_who_loses_his_first() {
    let wishes = |held: &[Option<u64>]| -> Next {
        let names = ["a", "b", "c"];
        let wishes: Vec<Wish<'_>> = held
            .iter()
            .zip(names)
            .map(|(until, name)| Wish { name, held: until.map(|until| Held { from: 0, until }) })
            .collect();
        Journal::default().next(&wishes, 1000)
    };
    assert_eq!(wishes(&[Some(1100), None, Some(1050)]), Next::Order(1));
    assert_eq!(wishes(&[Some(1100), Some(1200), Some(1050)]), Next::Order(2));
}

#[test]
fn a_name_that_fails_rests_longer_each_time_and_lets_others_go_on() {
    let mut journal = Journal::default();
    let both = [wish(None), Wish { name: "b.example", held: None }];
    let mut now = 1000;
    let mut before = 0;
    let refused = Setback { why: "no", asked: None, is_passing: false };
    for _ in 0..12 {
        journal.begin("a.example", now);
        let next = journal.failed("a.example", refused, now);
        let rest = next - now;
        assert!(rest > before || rest >= REST_MAX, "{rest} after {before}");
        assert!(rest <= REST_MAX + REST_MAX / 4);
        assert_eq!(journal.next(&both, now + 1), Next::Order(1));
        (before, now) = (rest, next);
    }
    // As long as the authority asks for, but not for ever.
    let mut asked =
        |asked| journal.failed("a.example", Setback { asked: Some(asked), ..refused }, now) - now;
    assert!(asked(2 * DAY) >= 2 * DAY);
    assert!(asked(u64::MAX) <= ASKED_MAX);
    let passing = journal.failed("a.example", Setback { is_passing: true, ..refused }, now);
    assert!(passing <= now + UNREACHED_MAX + UNREACHED_MAX / 4);
    journal.succeeded("a.example");
    assert_eq!(journal.next(&both[..1], now), Next::Order(0));
}

#[test]
fn what_is_due_and_does_not_come_is_told() {
    let held = |until| Some(Held { from: until - 90 * DAY, until });
    let now = 1000 * DAY;
    let wishes = [
        Wish { name: "none", held: None },
        Wish { name: "due", held: held(now + 20 * DAY) },
        Wish { name: "good", held: held(now + 80 * DAY) },
    ];
    let told = |journal: &Journal| -> Vec<String> {
        let told = journal.setbacks(&wishes, now);
        told.into_iter().map(|(name, why)| format!("{name}: {why}")).collect()
    };
    let mut journal = Journal::default();
    assert!(told(&journal).is_empty());
    journal.unreached("no route", None, now);
    assert_eq!(told(&journal), ["none: no route", "due: no route"]);
    let setback = Setback { why: "not mine", asked: None, is_passing: false };
    for name in ["due", "good"] {
        journal.begin(name, now);
        journal.failed(name, setback, now);
    }
    assert_eq!(told(&journal), ["due: not mine"]);
    journal.succeeded("due");
    assert!(told(&journal).is_empty());
}

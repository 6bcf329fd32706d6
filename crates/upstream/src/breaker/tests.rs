#![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

use super::*;
use crate::balance::random::Random;

const TERMS: Terms = Terms {
    window: Duration::from_secs(10),
    attempts_min: 20,
    error_share: 0.5,
    slow: Some(Duration::from_millis(100)),
    slow_share: 0.8,
    consecutive: None,
    open: Duration::from_secs(5),
    trials: 3,
};

const START: Duration = Duration::from_secs(100);

fn attempt(breaker: &mut Breaker, terms: &Terms, grade: Grade, now: Duration) -> Option<Change> {
    let (pass, change) = breaker.admit(terms, now).unwrap();
    change.or(breaker.note(terms, pass, grade, now))
}

#[test]
fn it_opens_at_its_share_and_not_before_there_is_enough_to_see() {
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        assert_eq!(attempt(&mut breaker, &TERMS, Grade::Well, START), None);
    }
    for _ in 0..9 {
        assert_eq!(attempt(&mut breaker, &TERMS, Grade::Failed, START), None);
    }
    let opened = attempt(&mut breaker, &TERMS, Grade::Failed, START);
    assert_eq!(opened, Some(Change::OpenedByErrors), "10 of 20");
    assert_eq!(breaker.admit(&TERMS, START), Err(TERMS.open));
}

#[test]
fn slow_answers_and_rows_of_failures_open_it_too() {
    let mut breaker = Breaker::default();
    let slow = (0..20).filter_map(|_| attempt(&mut breaker, &TERMS, Grade::Slow, START));
    assert_eq!(slow.last(), Some(Change::OpenedBySlow));
    let terms = Terms { consecutive: Some(5), ..TERMS };
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        assert_eq!(attempt(&mut breaker, &terms, Grade::Failed, START), None);
    }
    attempt(&mut breaker, &terms, Grade::Well, START);
    for _ in 0..4 {
        assert_eq!(attempt(&mut breaker, &terms, Grade::Failed, START), None);
    }
    assert_eq!(attempt(&mut breaker, &terms, Grade::Failed, START), Some(Change::OpenedByRow));
}

#[test]
fn what_is_long_past_is_forgotten() {
    let mut breaker = Breaker::default();
    for second in 0..200 {
        let now = START + Duration::from_secs(second);
        assert_eq!(attempt(&mut breaker, &TERMS, Grade::Failed, now), None, "{second}");
    }
}

#[test]
fn trials_close_it_or_open_it_again() {
    let terms = Terms { consecutive: Some(1), ..TERMS };
    let mut breaker = Breaker::default();
    let (late, _) = breaker.admit(&terms, START).unwrap();
    attempt(&mut breaker, &terms, Grade::Failed, START);
    let later = START + terms.open;
    assert!(breaker.admit(&terms, later - Duration::from_millis(1)).is_err());
    let (first, change) = breaker.admit(&terms, later).unwrap();
    assert_eq!((first.trial, change), (true, Some(Change::Trying)));
    let (second, _) = breaker.admit(&terms, later).unwrap();
    let (third, _) = breaker.admit(&terms, later).unwrap();
    assert!(breaker.admit(&terms, later).is_err(), "three are let through");
    assert_eq!(breaker.note(&terms, late, Grade::Failed, later), None, "from before");
    assert_eq!(breaker.note(&terms, second, Grade::None, later), None);
    let (second, _) = breaker.admit(&terms, later).unwrap();
    assert_eq!(breaker.note(&terms, first, Grade::Well, later), None);
    assert_eq!(breaker.note(&terms, second, Grade::Well, later), None);
    assert_eq!(breaker.note(&terms, third, Grade::Failed, later), Some(Change::OpenedByTrial));
    let again = later + terms.open;
    let passes: Vec<Pass> = (0..3).map(|_| breaker.admit(&terms, again).unwrap().0).collect();
    let changes = passes.iter().filter_map(|pass| breaker.note(&terms, *pass, Grade::Well, again));
    assert_eq!(changes.collect::<Vec<_>>(), [Change::Closed]);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn trials_without_an_end_block_nothing() {
    let terms = Terms { consecutive: Some(1), ..TERMS };
    let mut breaker = Breaker::default();
    attempt(&mut breaker, &terms, Grade::Failed, START);
    let later = START + terms.open;
    let trials: Vec<Pass> = (0..3).map(|_| breaker.admit(&terms, later).unwrap().0).collect();
    assert_eq!(breaker.note(&terms, trials[0], Grade::Well, later), None);
    // The two others hang.
    let much_later = later + terms.open;
    assert!(breaker.admit(&terms, much_later - Duration::from_millis(1)).is_err());
    let again: Vec<Pass> = (0..2).map(|_| breaker.admit(&terms, much_later).unwrap().0).collect();
    assert!(breaker.admit(&terms, much_later).is_err(), "no more than those that hang");
    assert_eq!(breaker.note(&terms, again[0], Grade::Well, much_later), None);
    assert_eq!(breaker.note(&terms, again[1], Grade::Well, much_later), Some(Change::Closed));
    assert_eq!(breaker.note(&terms, trials[1], Grade::Failed, much_later), None, "too late");
}

/// A trial that hung for too long is not waited for, so that it has no place to give back.
#[test]
fn trials_that_others_stand_in_for_give_nothing_back() {
    let terms = Terms { consecutive: Some(1), trials: 1, ..TERMS };
    let mut breaker = Breaker::default();
    attempt(&mut breaker, &terms, Grade::Failed, START);
    let later = START + terms.open;
    let hung = breaker.admit(&terms, later).unwrap().0;
    let much_later = later + terms.open;
    let other = breaker.admit(&terms, much_later).unwrap().0;
    assert_eq!(breaker.note(&terms, hung, Grade::None, much_later), None);
    assert!(breaker.admit(&terms, much_later).is_err(), "the other one is under way");
    assert_eq!(breaker.note(&terms, other, Grade::None, much_later), None);
    assert!(breaker.admit(&terms, much_later).is_ok());
}

/// What a closed breaker has seen, kept as a plain list.
#[derive(Default)]
struct Seen {
    /// In which tenth of a window each attempt ended, and how.
    graded: Vec<(u128, Grade)>,
}

impl Seen {
    /// One more has ended; what a recount of the whole list makes of it.
    fn note(&mut self, terms: &Terms, grade: Grade, now: Duration) -> Option<Change> {
        let part = now.as_micros() / (terms.window / 10).as_micros();
        self.graded.push((part, grade));
        let window: Vec<Grade> =
            self.graded.iter().filter(|(at, _)| at + 10 > part).map(|(_, grade)| *grade).collect();
        let reached = |share: f64| {
            let count = window.iter().filter(|one| **one == grade).count();
            window.len() >= terms.attempts_min as usize
                && count as f64 >= window.len() as f64 * share
        };
        let row = self.graded.iter().rev().take_while(|(_, one)| *one == Grade::Failed).count();
        match grade {
            Grade::Failed if terms.consecutive.is_some_and(|most| row >= most as usize) => {
                Some(Change::OpenedByRow)
            }
            Grade::Failed if reached(terms.error_share) => Some(Change::OpenedByErrors),
            Grade::Slow if reached(terms.slow_share) => Some(Change::OpenedBySlow),
            _ => None,
        }
    }
}

/// A run of a breaker, beside what must be true of it.
struct Run {
    terms: Terms,
    breaker: Breaker,
    random: Random,
    now: Duration,
    /// Attempts that have not ended, and when they began.
    under_way: Vec<(Pass, Duration)>,
    seen: Seen,
    trials_well: u32,
    /// Not before then.
    reopens: Duration,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let terms = Terms {
            window: Duration::from_secs(1 + random.below(20)),
            attempts_min: 1 + random.below(30) as u32,
            error_share: (1 + random.below(10)) as f64 / 10.0,
            slow_share: (1 + random.below(10)) as f64 / 10.0,
            consecutive: (random.below(2) == 0).then(|| 2 + random.below(10) as u32),
            open: Duration::from_millis(1 + random.below(8000)),
            trials: 1 + random.below(5) as u32,
            ..TERMS
        };
        Self {
            terms,
            breaker: Breaker::default(),
            random,
            now: START,
            under_way: Vec::new(),
            seen: Seen::default(),
            trials_well: 0,
            reopens: Duration::ZERO,
        }
    }

    /// Somebody asks; what changed, and what should have.
    fn ask(&mut self) -> [Option<Change>; 2] {
        let before = self.breaker.state();
        match self.breaker.admit(&self.terms, self.now) {
            Ok((pass, change)) => {
                assert!(self.now >= self.reopens, "asked while open");
                self.under_way.push((pass, self.now));
                let opens = matches!(before, State::Open { .. });
                [change, opens.then_some(Change::Trying)]
            }
            Err(wait) => {
                assert_ne!(before, State::Closed);
                assert!(!wait.is_zero() && wait <= self.terms.open.max(Duration::from_secs(1)));
                [None, None]
            }
        }
    }

    /// Some went well and were not told of before.
    fn tell(&mut self) {
        let count = self.random.below(4) as u32;
        let told = if self.breaker.state() == State::Closed { count } else { 0 };
        self.breaker.well(&self.terms, count, self.now);
        for _ in 0..told {
            assert_eq!(self.seen.note(&self.terms, Grade::Well, self.now), None);
        }
    }

    /// One that was under way has ended; what changed, and what should have.
    fn end(&mut self, bad: u64) -> [Option<Change>; 2] {
        let place = self.random.below(self.under_way.len() as u64) as usize;
        let (pass, _) = self.under_way.swap_remove(place);
        let grade = match self.random.below(100) {
            n if n < bad => [Grade::Failed, Grade::Slow][self.random.below(2) as usize],
            99 => Grade::None,
            _ => Grade::Well,
        };
        let expect = match (self.breaker.state(), grade) {
            _ if pass.epoch != self.breaker.epoch() || grade == Grade::None => None,
            (State::Closed, _) => self.seen.note(&self.terms, grade, self.now),
            (State::Open { .. }, _) => None,
            (State::Trying { .. }, Grade::Well) => {
                self.trials_well += 1;
                (self.trials_well >= self.terms.trials).then_some(Change::Closed)
            }
            (State::Trying { .. }, _) => Some(Change::OpenedByTrial),
        };
        [self.breaker.note(&self.terms, pass, grade, self.now), expect]
    }

    fn step(&mut self, bad: u64) {
        self.now += Duration::from_millis(self.random.below(300));
        let [change, expect] = match self.random.below(8) {
            0 => {
                self.tell();
                [None, None]
            }
            1..=3 if !self.under_way.is_empty() => self.end(bad),
            _ => self.ask(),
        };
        assert_eq!(change, expect, "at {:?}: {:?}", self.now, self.terms);
        // Others may stand in for those that take longer than it was open.
        let trials = self.under_way.iter().filter(|(pass, began)| {
            let recent = self.now - *began < self.terms.open;
            pass.trial && pass.epoch == self.breaker.epoch() && recent
        });
        assert!(trials.count() <= self.terms.trials as usize, "too many trials");
        if change.is_some() {
            (self.seen, self.trials_well) = (Seen::default(), 0);
            self.reopens = match self.breaker.state() {
                State::Open { until } => {
                    assert_eq!(until, self.now + self.terms.open);
                    until
                }
                State::Closed | State::Trying { .. } => Duration::ZERO,
            };
        }
    }
}

/// What must hold of any run: nothing goes through while open; never more trials at once than
/// allowed; it opens exactly when a plain recount of the window says so, for the same reason; and it
/// closes when as many trials as there may be went well, and not before.
#[test]
fn any_run_keeps_its_promises() {
    for seed in 0..3000 {
        // Shown only when it fails.
        println!("seed {seed}");
        let mut run = Run::new(seed);
        let bad = run.random.below(100);
        (0..500).for_each(|_| run.step(bad));
    }
}

//! Tables of what is told when, and a long run in which everything happens at random.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn hook(more: &str) -> AlertHook {
    serde_json::from_str(&format!(r#"{{"name": "ops", "url": "http://a/"{more}}}"#)).unwrap()
}

fn fact(kind: AlertKind, subject: &str) -> Fact {
    Fact { kind, subject: subject.to_owned(), summary: format!("{} {subject}", kind.name()) }
}

/// A watch and its clock, in seconds since it began.
struct Bench {
    watch: Watch,
    began: Instant,
    second: u64,
}

impl Bench {
    fn new(more: &str) -> Self {
        Self { watch: Watch::new(Terms::of(&hook(more))), began: Instant::now(), second: 0 }
    }

    fn now(&self) -> Instant {
        self.began + Duration::from_secs(self.second)
    }

    fn clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.second)
    }

    /// One second with these facts; a message that is due.
    fn step(&mut self, facts: &[Fact]) -> Option<Message> {
        self.watch.look(facts, self.now(), self.clock());
        let message = self.watch.next(self.now(), self.clock());
        self.second += 1;
        message
    }

    /// The message of the last step has come to its end, in the same second.
    fn end(&mut self, end: End) {
        let now = self.began + Duration::from_secs(self.second - 1);
        self.watch.ended(end, now);
    }

    /// So many seconds; every message is taken at once. What was told, as `SECOND word subject`.
    fn run(&mut self, seconds: u64, facts: &[Fact]) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..seconds {
            let second = self.second;
            let Some(message) = self.step(facts) else { continue };
            for note in &message.notes {
                let again = if note.again { "still " } else { "" };
                told.push(format!("{second} {again}{} {}", note.state.name(), note.subject));
            }
            self.end(End::Taken);
        }
        told
    }
}

#[test]
fn each_kind_has_its_own_patience() {
    for (kind, told, over) in [
        (AlertKind::ServiceDown, 10, 10),
        (AlertKind::BreakerOpen, 10, 10),
        (AlertKind::WorkerStuck, 10, 10),
        (AlertKind::NameLookupFailing, 60, 60),
        (AlertKind::AcmeFailing, 600, 600),
        (AlertKind::ConfigRejected, 0, 0),
        (AlertKind::LastGoodUsed, 0, 0),
        (AlertKind::CertificateExpiring, 0, 0),
        (AlertKind::LogLinesDropped, 0, 300),
        (AlertKind::SpansDropped, 0, 300),
    ] {
        let mut bench = Bench::new("");
        assert_eq!(bench.run(700, &[fact(kind, "x")]), [format!("{told} firing x")], "{kind:?}");
        assert_eq!(bench.run(700, &[]), [format!("{} resolved x", 700 + over)], "{kind:?}");
        assert_eq!(bench.watch.cases.len(), 0, "{kind:?}");
    }
}

#[test]
fn what_comes_and_goes_is_told_once_or_not_at_all() {
    let down = [fact(AlertKind::ServiceDown, "a")];
    let mut bench = Bench::new("");
    for _ in 0..20 {
        assert!(bench.run(9, &down).is_empty());
        assert!(bench.run(1, &[]).is_empty(), "never for ten seconds");
    }
    assert_eq!(bench.run(11, &down).len(), 1);
    for _ in 0..20 {
        assert!(bench.run(9, &[]).is_empty(), "never over for ten seconds");
        assert!(bench.run(1, &down).is_empty());
    }
    assert_eq!(bench.run(30, &[]).len(), 1);
}

#[test]
fn settings_are_obeyed() {
    let refused = [fact(AlertKind::ConfigRejected, "")];
    let down = [fact(AlertKind::ServiceDown, "a")];
    let told = |more: &str, facts: &[Fact]| {
        let mut bench = Bench::new(more);
        [bench.run(100, facts), bench.run(100, &[])].concat()
    };
    let day = 24 * 3600;
    assert_eq!(told("", &refused), ["0 firing ", "100 resolved "]);
    assert_eq!(told(r#", "resolved": false"#, &refused), ["0 firing "]);
    assert!(told(r#", "on": ["service_down"]"#, &refused).is_empty());
    let at_once = told(r#", "for": {"service_down": "off"}"#, &down);
    assert_eq!(at_once, ["0 firing a", "100 resolved a"]);
    assert_eq!(told(r#", "for": {"service_down": "50s"}"#, &down)[0], "50 firing a");
    let repeats = |more: &str| Bench::new(more).run(day, &refused).len();
    assert_eq!(repeats(""), 6, "every four hours");
    assert_eq!(repeats(r#", "repeat": "off""#), 1);
    assert_eq!(repeats(r#", "repeat": "1h""#), 24);
    assert_eq!(repeats(r#", "format": "alertmanager""#), 24 * 60);
}

#[test]
fn a_reload_changes_terms_and_forgets_nothing_but_what_is_not_wanted() {
    let facts = [fact(AlertKind::ServiceDown, "a"), fact(AlertKind::ConfigRejected, "")];
    let mut bench = Bench::new("");
    assert_eq!(bench.run(30, &facts).len(), 2);
    bench.watch.follow(Terms::of(&hook(r#", "on": ["service_down"], "labels": {"a": "b"}"#)));
    assert!(bench.run(30, &facts).is_empty(), "it is known already");
    assert_eq!(bench.run(30, &[]), ["70 resolved a"]);
}

#[test]
fn a_hook_that_is_away_is_told_how_it_is_when_it_is_back() {
    let (a, b) = (fact(AlertKind::ConfigRejected, "a"), fact(AlertKind::ConfigRejected, "b"));
    let mut bench = Bench::new("");
    let first = bench.step(&[a.clone(), b.clone()]).unwrap();
    assert_eq!((first.sequence, first.notes.len()), (1, 2));
    assert!(bench.run(60, std::slice::from_ref(&b)).is_empty(), "one message at a time");
    bench.end(End::Lost);
    assert_eq!(bench.run(60, std::slice::from_ref(&b)), ["65 firing b"], "a was never told of");
    let message = bench.step(&[]).unwrap();
    assert_eq!(message.sequence, 3);
    bench.step(&[b]);
    bench.end(End::Taken);
    let told = bench.run(60, &[fact(AlertKind::ConfigRejected, "b")]);
    assert_eq!(told, ["127 firing b"], "it was told that it is over, and it is not");
}

#[test]
fn a_hook_that_does_not_want_a_message_is_left_alone_ever_longer() {
    let facts = [fact(AlertKind::ConfigRejected, "")];
    let mut bench = Bench::new("");
    let mut at = Vec::new();
    while bench.second < 2000 {
        let second = bench.second;
        if bench.step(&facts).is_some() {
            at.push(second);
            bench.end(End::Refused);
        }
    }
    let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300, 300, 300]);
}

#[test]
fn a_storm_is_bounded() {
    let facts: Vec<Fact> = (0..CASES_MAX + 500)
        .map(|number| fact(AlertKind::ConfigRejected, &format!("{number:05}")))
        .collect();
    let mut bench = Bench::new("");
    let message = bench.step(&facts).unwrap();
    assert_eq!((message.notes.len(), message.beyond), (CASES_MAX, 500));
    assert_eq!(bench.watch.cases.len(), CASES_MAX);
    bench.end(End::Taken);
    assert!(bench.run(60, &facts).is_empty());
    let long = fact(AlertKind::ServiceDown, &"x".repeat(5000));
    let long = Fact { summary: "a\nb\u{7}".to_owned() + &"y".repeat(5000), ..long };
    let mut bench = Bench::new("");
    bench.run(10, std::slice::from_ref(&long));
    let note = bench.step(&[long]).unwrap().notes.remove(0);
    assert_eq!((note.subject.len(), note.summary.len()), (SUBJECT_MAX, SUMMARY_MAX));
    assert!(note.summary.starts_with("a b y"));
}

/// The same numbers in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// States come and go, the hook is away, slow or unwilling, settings change: whatever it was told makes
/// sense in its order, comes neither too soon nor too often, and in the end it knows how it is.
#[test]
fn in_a_long_run_a_hook_is_told_the_truth() {
    for seed in 0..40 {
        let mut chance = Chance(seed);
        let mut bench = Bench::new("");
        let mut held: BTreeMap<Key, u64> = BTreeMap::new();
        let mut known: BTreeSet<Key> = BTreeSet::new();
        let mut under_way: Option<(Message, u64)> = None;
        let mut last_begun: Option<u64> = None;
        for second in 0..6000_u64 {
            let is_calm = second >= 5000;
            if !is_calm {
                let kinds = [AlertKind::ServiceDown, AlertKind::ConfigRejected];
                let kind = kinds[usize::try_from(chance.below(2)).unwrap()];
                let key = (kind, chance.below(6).to_string());
                if chance.below(4) == 0 && held.remove(&key).is_none() {
                    held.insert(key, second);
                }
            }
            let facts: Vec<Fact> =
                held.keys().map(|(kind, subject)| fact(*kind, subject)).collect();
            if let Some(message) = bench.step(&facts) {
                assert!(under_way.is_none() && !message.notes.is_empty());
                assert!(last_begun.is_none_or(|last| second - last >= GAP.as_secs()), "{seed}");
                last_begun = Some(second);
                for note in &message.notes {
                    let key = (note.kind, note.subject.clone());
                    let is_known = known.contains(&key);
                    match (note.state, note.again) {
                        (State::Firing, again) => assert_eq!(again, is_known, "{seed}: {note:?}"),
                        (State::Resolved, _) => assert!(is_known, "{seed}: {note:?}"),
                    }
                    let began =
                        note.since.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
                    let soon = note.kind == AlertKind::ServiceDown && second < began + 10;
                    assert!(note.state == State::Resolved || !soon, "{seed}: {note:?}");
                }
                let takes = if is_calm { 0 } else { chance.below(30) };
                under_way = Some((message, second + takes));
            }
            if let Some((message, _)) = under_way.take_if(|(_, until)| second >= *until) {
                let ends = [End::Taken, End::Taken, End::Lost, End::Refused];
                let end = if is_calm {
                    End::Taken
                } else {
                    ends[usize::try_from(chance.below(4)).unwrap()]
                };
                if end == End::Taken {
                    for note in message.notes {
                        let key = (note.kind, note.subject);
                        match note.state {
                            State::Firing => known.insert(key),
                            State::Resolved => known.remove(&key),
                        };
                    }
                }
                bench.end(end);
            }
            if chance.below(200) == 0 {
                let more = if chance.below(2) == 0 { "" } else { r#", "repeat": "1m""# };
                bench.watch.follow(Terms::of(&hook(more)));
            }
        }
        assert_eq!(known, held.into_keys().collect(), "{seed}");
    }
}

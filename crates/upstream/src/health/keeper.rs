//! The keeper of all endpoints' health: looks at what workers saw, judges, and says so.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::case::{Case, Sample};
use super::judge::{Change, is_panic, look};
use super::levels::{Levels, PRIORITY_MAX};
use super::member::{Member, Standing};
use super::probe::Complaint;
use super::pulse::{Pulse, Totals};
use super::report::{EndpointHealth, Event};
use super::rounds::{Probed, Rounds, Underway};
use super::rules::Rules;
use super::standings::{Group, Roll, Standings};
use crate::balance::random::Random;

/// How much more or less than it should be a wait between probes may be, as a divisor.
const JITTER_DIVISOR: u64 = 10;
/// How often all endpoints are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Judges all endpoints, again and again.
#[derive(Debug)]
pub struct Keeper {
    standings: Standings,
    files: HashMap<Arc<str>, File>,
    random: Random,
    rounds: Rounds,
}

/// What the keeper knows of one service.
#[derive(Debug)]
struct File {
    group: Arc<Group>,
    members: Vec<Known>,
    /// In the order of the members.
    cases: Vec<Case>,
    panic: bool,
    /// What is yet to be told.
    events: Vec<Event>,
}

#[derive(Debug)]
struct Known {
    member: Arc<Member>,
    seen: Vec<(Weak<Pulse>, Totals)>,
    why: Arc<str>,
    /// When it is probed next.
    due: u64,
    /// A probe that is under way; ends with this.
    probe: Option<Underway>,
}

impl Keeper {
    /// Makes a keeper, and what it will keep. `seed` spreads what happens at random.
    #[must_use]
    pub fn new(seed: u64) -> (Self, Standings) {
        let standings = Standings::default();
        let keeper = Self {
            standings: standings.clone(),
            files: HashMap::new(),
            random: Random::new(seed),
            rounds: Rounds::default(),
        };
        (keeper, standings)
    }

    /// Judges until the process ends; tells each change. Runs on a worker's thread, because probes
    /// use its connections.
    pub async fn run(mut self, tell: impl Fn(&Event)) {
        let began = Instant::now();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if self.files.is_empty() && self.standings.groups().is_empty() {
                self.standings.added().await;
            }
            looks.tick().await;
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.look(now, &tell);
        }
    }

    /// One look at everything.
    pub(crate) fn look(&mut self, now: u64, tell: &impl Fn(&Event)) {
        self.standings.refresh();
        let groups = self.standings.groups();
        for Probed { member, ended } in self.rounds.ended() {
            for file in self.files.values_mut() {
                file.probed(&member, &ended, now);
            }
        }
        // The keeper's own hold keeps no group alive: one of these, one in the file.
        self.files.retain(|_, file| Arc::strong_count(&file.group) > 2);
        for group in groups {
            if Arc::strong_count(&group) == 1 {
                continue;
            }
            let file = self.files.entry(Arc::clone(&group.service));
            let file = file.or_insert_with(|| File::new(Arc::clone(&group)));
            file.look(now, &mut self.random);
            file.probe(now, &mut self.random, &mut self.rounds);
            // What is told is so already.
            file.events.drain(..).for_each(|event| tell(&event));
        }
    }
}

impl File {
    fn new(group: Arc<Group>) -> Self {
        Self { group, members: Vec::new(), cases: Vec::new(), panic: false, events: Vec::new() }
    }

    fn look(&mut self, now: u64, random: &mut Random) {
        let Roll { rules, members, .. } = self.group.roll();
        self.follow(members, &rules, now);
        for (known, case) in self.members.iter_mut().zip(&mut self.cases) {
            case.sample = known.sample();
        }
        let changes = look(&rules, &mut self.cases, now, random);
        for change in changes {
            self.note(change);
        }
        for (known, case) in self.members.iter().zip(&self.cases) {
            if case.grants() {
                known.member.grant_permit();
            }
            known.member.stand(case.standing(&rules, now));
            known.member.desert(case.deserted, case.sample.waiting);
        }
        self.mind_levels(&rules, now);
        self.mind_panic(&rules);
        self.group.publish(self.board(&rules, now));
    }

    /// Cases follow their members.
    fn follow(&mut self, members: Vec<Arc<Member>>, rules: &Rules, now: u64) {
        if rules.active.is_none() {
            for index in 0..self.cases.len() {
                let Some(case) = self.cases.get_mut(index) else { continue };
                let from = case.name();
                if case.forget_probes() {
                    let (to, why) = (case.name(), "it is not probed any more".to_owned());
                    self.note(Change { index, from, to, why });
                }
            }
        }
        let same = self.members.len() == members.len()
            && self.members.iter().zip(&members).all(|(a, b)| Arc::ptr_eq(&a.member, b));
        if same {
            return;
        }
        let fresh = !self.members.is_empty();
        let unhealthy = !rules.are_trusting();
        let mut old: Vec<_> = std::mem::take(&mut self.members)
            .into_iter()
            .zip(std::mem::take(&mut self.cases))
            .collect();
        for member in members {
            let known = old.iter().position(|(known, _)| Arc::ptr_eq(&known.member, &member));
            let (known, case) = match known {
                Some(place) => old.swap_remove(place),
                None => (Known::new(member, now), Case::new(now, fresh, unhealthy)),
            };
            self.members.push(known);
            self.cases.push(case);
        }
    }

    fn note(&mut self, change: Change) {
        let Change { index, from, to, why } = change;
        let Some(known) = self.members.get_mut(index) else { return };
        known.why = why.as_str().into();
        let member = &known.member;
        self.events.push(Event {
            service: Arc::clone(&self.group.service),
            endpoint: Some((Arc::clone(&member.authority), member.address)),
            from,
            to,
            why,
        });
    }

    /// A probe of one of these endpoints ended.
    fn probed(&mut self, member: &Weak<Member>, ended: &Result<(), Complaint>, now: u64) {
        let is_it = |known: &Known| std::ptr::eq(member.as_ptr(), Arc::as_ptr(&known.member));
        let Some(index) = self.members.iter().position(is_it) else { return };
        let rules = self.group.roll().rules;
        let (Some(known), Some(case), Some(checks)) =
            (self.members.get_mut(index), self.cases.get_mut(index), &rules.active)
        else {
            return;
        };
        known.probe = None;
        let from = case.name();
        if let Some(why) = case.probed(checks, ended, now) {
            let to = case.name();
            self.note(Change { index, from, to, why });
        }
    }

    /// Sends out the probes that are due.
    fn probe(&mut self, now: u64, random: &mut Random, rounds: &mut Rounds) {
        let rules = self.group.roll().rules;
        let Some(checks) = &rules.active else {
            self.members.iter_mut().for_each(|known| known.probe = None);
            return;
        };
        for known in &mut self.members {
            if now < known.due || known.probe.as_ref().is_some_and(|probe| !probe.is_over()) {
                continue;
            }
            let Some(probe) = rounds.begin(&known.member, checks) else { return };
            known.probe = Some(probe);
            let spread = checks.interval / JITTER_DIVISOR;
            known.due = now + checks.interval - spread + random.below(2 * spread + 1);
        }
    }

    /// Spreads requests over priorities.
    fn mind_levels(&self, rules: &Rules, now: u64) {
        if self.members.is_empty() {
            // They are about to be enrolled, with levels that say what is known.
            return;
        }
        let several =
            self.members.iter().any(|known| (1..=PRIORITY_MAX).contains(&known.member.level()));
        let endpoints = self.members.iter().zip(&self.cases).map(|(known, case)| {
            let healthy = matches!(case.standing(rules, now), Standing::Open { .. });
            (known.member.level(), healthy)
        });
        self.group.set_levels(several.then(|| Levels::new(endpoints)));
    }

    fn mind_panic(&mut self, rules: &Rules) {
        let panic = is_panic(rules, &self.cases);
        if panic == self.panic {
            return;
        }
        self.panic = panic;
        self.group.set_panic(panic);
        let (from, to, why) = if panic {
            ("normal", "panic", "too few endpoints are left, so all are used")
        } else {
            ("panic", "normal", "enough endpoints can be used")
        };
        let service = Arc::clone(&self.group.service);
        self.events.push(Event { service, endpoint: None, from, to, why: why.to_owned() });
    }

    fn board(&self, rules: &Rules, now: u64) -> Vec<EndpointHealth> {
        let row = |(known, case): (&Known, &Case)| EndpointHealth {
            service: Arc::clone(&self.group.service),
            target: Arc::clone(&known.member.authority),
            address: known.member.address,
            state: case.name(),
            why: Arc::clone(&known.why),
            millis: now.saturating_sub(case.since),
            healthy: matches!(case.standing(rules, now), Standing::Open { .. }),
            takes: known.member.level() <= PRIORITY_MAX,
            panic: self.panic,
            probes: rules.active.as_ref().map(|_| case.probes.counts(now)),
            ejections: case.ejections,
        };
        self.members.iter().zip(&self.cases).map(row).collect()
    }
}

impl Known {
    fn new(member: Arc<Member>, now: u64) -> Self {
        Self { member, seen: Vec::new(), why: "".into(), due: now, probe: None }
    }

    /// What all workers saw since the last look.
    fn sample(&mut self) -> Sample {
        let mut sample = Sample::default();
        let seen = std::mem::take(&mut self.seen);
        let member = Arc::clone(&self.member);
        member.each_pulse(|pulse| {
            let pulse_is = |known: &Weak<Pulse>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(pulse));
            let before = seen.iter().find(|(known, _)| pulse_is(known));
            let before = before.map(|(_, totals)| *totals).unwrap_or_default();
            let totals = pulse.totals();
            totals.add_since(&before, &mut sample);
            self.seen.push((Arc::downgrade(pulse), totals));
        });
        sample
    }
}

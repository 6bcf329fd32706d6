//! What one hook has been told, and what it is to be told next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use yumen_model::{AlertFormat, AlertHook, AlertKind, AlertTimes, Span};

use crate::Fact;
use crate::kind::patience;
use crate::message::{Message, Note, State};

/// Alerts that a hook is told of one by one at one time; more are only counted.
pub const CASES_MAX: usize = 1000;
/// The least time between two messages to one hook.
pub const GAP: Duration = Duration::from_secs(5);
/// The longest time until a hook is told again that did not take a message.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// After what time an alert that goes on is told again, unless it is said.
const REPEAT: Duration = Duration::from_secs(4 * 3600);
/// Alertmanager holds an alert for over that it hears nothing of.
const REFRESH: Duration = Duration::from_secs(60);
/// Characters of a subject and of a sentence.
const SUBJECT_MAX: usize = 256;
const SUMMARY_MAX: usize = 300;

/// What a hook wants to be told, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    on: Vec<AlertKind>,
    lasting: AlertTimes,
    repeat: Option<Duration>,
    resolved: bool,
}

impl Terms {
    /// As they are configured.
    #[must_use]
    pub fn of(hook: &AlertHook) -> Self {
        let repeat = match hook.format {
            AlertFormat::Alertmanager => Some(REFRESH),
            AlertFormat::Json | AlertFormat::Slack => hook.repeat.map_or(Some(REPEAT), Span::get),
        };
        let (on, lasting, resolved) = (hook.on.clone(), hook.lasting.clone(), hook.resolved);
        Self { on, lasting, repeat, resolved }
    }

    /// Whether it wants to hear of this kind.
    #[must_use]
    pub fn wants(&self, kind: AlertKind) -> bool {
        self.on.contains(&kind)
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The hook has it.
    Taken,
    /// The hook does not want it.
    Refused,
    /// The hook could not be reached for too long.
    Lost,
}

type Key = (AlertKind, String);

/// Keeps watch for one hook.
#[derive(Debug)]
pub struct Watch {
    terms: Terms,
    cases: BTreeMap<Key, Case>,
    /// Facts beyond [`CASES_MAX`], at the last look.
    beyond: usize,
    /// What the message under way says.
    under_way: Option<Vec<(Key, State)>>,
    /// When the next message may go.
    due: Option<Instant>,
    sequence: u64,
    /// Messages in a row that the hook did not want.
    refusals: u32,
}

/// What is known of one state.
#[derive(Debug)]
struct Case {
    /// Whether it holds, and since when it does or does not.
    holds: bool,
    turned: Instant,
    /// When it began, and when it ended.
    since: SystemTime,
    ended: SystemTime,
    /// It has lasted long enough to be told, and is not over for long enough.
    is_firing: bool,
    /// When the hook was told last; `None` if it knows nothing, or that it is over.
    told: Option<Instant>,
    /// The message under way speaks of it: the hook may know soon.
    is_under_way: bool,
    summary: String,
}

impl Watch {
    /// Of nothing yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            cases: BTreeMap::new(),
            beyond: 0,
            under_way: None,
            due: None,
            sequence: 0,
            refusals: 0,
        }
    }

    /// Other terms from now on; what was told stays told. Kinds that are not wanted any more are forgotten.
    pub fn follow(&mut self, terms: Terms) {
        self.cases.retain(|(kind, _), _| terms.wants(*kind));
        self.terms = terms;
    }

    /// Takes in all that holds `now`; what is not among it does not.
    pub fn look(&mut self, facts: &[Fact], now: Instant, clock: SystemTime) {
        self.beyond = 0;
        let before: Vec<Key> =
            self.cases.iter().filter(|(_, case)| case.holds).map(|(key, _)| key.clone()).collect();
        self.cases.values_mut().for_each(|case| case.holds = false);
        for fact in facts.iter().filter(|fact| self.terms.wants(fact.kind)) {
            let key = (fact.kind, cut(&fact.subject, SUBJECT_MAX));
            if !self.cases.contains_key(&key) && self.cases.len() >= CASES_MAX {
                self.beyond += 1;
                continue;
            }
            let fresh = || Case {
                holds: true,
                turned: now,
                since: clock,
                ended: clock,
                is_firing: false,
                told: None,
                is_under_way: false,
                summary: String::new(),
            };
            let held = before.binary_search(&key).is_ok();
            let case = self.cases.entry(key).or_insert_with(fresh);
            case.holds = true;
            case.summary = cut(&fact.summary, SUMMARY_MAX);
            if !held {
                case.turned = now;
                if !case.is_firing {
                    case.since = clock;
                }
            }
        }
        for key in &before {
            if let Some(case) = self.cases.get_mut(key).filter(|case| !case.holds) {
                (case.turned, case.ended) = (now, clock);
            }
        }
        self.settle(now);
    }

    /// What has lasted long enough, and what is over.
    fn settle(&mut self, now: Instant) {
        let Terms { lasting, resolved, .. } = &self.terms;
        for ((kind, _), case) in &mut self.cases {
            let (rise, fall) = patience(*kind, lasting);
            let passed = now.saturating_duration_since(case.turned);
            if case.holds && passed >= rise {
                case.is_firing = true;
            } else if !case.holds && passed >= fall {
                case.is_firing = false;
            }
            if !resolved && !case.is_firing {
                case.told = None;
            }
        }
        self.cases.retain(|_, case| {
            case.holds || case.is_firing || case.told.is_some() || case.is_under_way
        });
    }

    /// A message, if there is something to be told and the hook may be told now. Until its [`End`]
    /// is known there is no other one.
    pub fn next(&mut self, now: Instant, clock: SystemTime) -> Option<Message> {
        if self.under_way.is_some() || self.due.is_some_and(|due| now < due) {
            return None;
        }
        let mut notes: Vec<Note> =
            self.cases.iter().filter_map(|(key, case)| case.note(key, &self.terms, now)).collect();
        if notes.is_empty() {
            return None;
        }
        // News first, the worst of it at the top: kinds are in that order.
        notes.sort_by_key(|note| (note.again, note.state != State::Firing));
        self.sequence += 1;
        let told = notes.iter().map(|note| ((note.kind, note.subject.clone()), note.state));
        let told: Vec<(Key, State)> = told.collect();
        for (key, _) in &told {
            if let Some(case) = self.cases.get_mut(key) {
                case.is_under_way = true;
            }
        }
        self.under_way = Some(told);
        Some(Message { sequence: self.sequence, at: clock, notes, beyond: self.beyond })
    }

    /// The message under way has come to its end.
    pub fn ended(&mut self, end: End, now: Instant) {
        let Some(told) = self.under_way.take() else { return };
        self.refusals = if end == End::Refused { self.refusals.saturating_add(1) } else { 0 };
        let pause = GAP.saturating_mul(1 << self.refusals.min(10)).min(PAUSE_MAX);
        self.due = now.checked_add(pause);
        for (key, state) in told {
            let Some(case) = self.cases.get_mut(&key) else { continue };
            case.is_under_way = false;
            // If it was not taken, the next one says how it is by then.
            if end == End::Taken {
                case.told = (state == State::Firing).then_some(now);
            }
        }
        self.settle(now);
    }

    /// How many alerts of each kind last long enough to be told, and are not over.
    #[must_use]
    pub fn firing(&self) -> [u64; AlertKind::ALL.len()] {
        let mut counts = [0; AlertKind::ALL.len()];
        for ((kind, _), _) in self.cases.iter().filter(|(_, case)| case.is_firing) {
            if let Some(count) = counts.get_mut(*kind as usize) {
                *count += 1;
            }
        }
        counts
    }
}

impl Case {
    /// What is to be told of it now, if anything.
    fn note(&self, (kind, subject): &Key, terms: &Terms, now: Instant) -> Option<Note> {
        let state = match (self.is_firing, self.told) {
            (true, None) => State::Firing,
            (true, Some(told)) => {
                let passed = now.saturating_duration_since(told);
                terms.repeat.filter(|repeat| passed >= *repeat)?;
                State::Firing
            }
            (false, Some(_)) => State::Resolved,
            (false, None) => return None,
        };
        Some(Note {
            kind: *kind,
            subject: subject.clone(),
            state,
            since: self.since,
            ended: (state == State::Resolved).then_some(self.ended.max(self.since)),
            again: state == State::Firing && self.told.is_some(),
            summary: self.summary.clone(),
        })
    }
}

/// At most so many characters, on one line.
fn cut(text: &str, most: usize) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(most).collect()
}

#[cfg(test)]
mod tests;

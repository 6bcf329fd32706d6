//! One hook: what it is told, and the shipper that takes it there.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use yumen_alert::{End, Fact, Node, Terms, Watch, write};
use yumen_model::{AlertHook, AlertKind};
use yumen_observe::HookFigures;
use yumen_plan::HookPlan;
use yumen_shipper::{Bounds, Load, Loss, Manner, Shipper, Totals};

use crate::shipment::Shipment;

/// One message is under way at a time; it is given up when it is older than this, and made anew.
const BOUNDS: Bounds = Bounds {
    loads: 2,
    bytes: 4 * 1024 * 1024,
    within: Duration::from_secs(10),
    age: Duration::from_secs(60),
    pause: Duration::from_millis(500),
    pause_max: Duration::from_secs(10),
};
/// How long a message may take that is under way to a hook that is no more.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One hook.
#[derive(Debug)]
pub(super) struct Hook {
    settings: AlertHook,
    terms: Terms,
    watch: Watch,
    shipper: Shipper,
    /// What the shipper had done when it was given the message that is under way.
    given: Option<Totals>,
    /// What shippers before this one have done.
    past: Totals,
}

impl Hook {
    pub(super) fn start(plan: &HookPlan) -> io::Result<Self> {
        let terms = Terms::of(&plan.hook);
        Ok(Self {
            settings: plan.hook.clone(),
            watch: Watch::new(terms.clone()),
            terms,
            shipper: ship(plan)?,
            given: None,
            past: Totals::default(),
        })
    }

    /// The same one under another plan.
    pub(super) fn follow(self, plan: &HookPlan) -> io::Result<Self> {
        let terms = Terms::of(&plan.hook);
        let mut next = if is_same_way(&self.settings, &plan.hook) {
            self
        } else {
            self.close();
            let Self { settings, terms, mut watch, shipper, past, .. } = self;
            // It may still arrive; if not, it is told on the new way.
            watch.ended(End::Lost, Instant::now());
            let past = sum(past, shipper.totals());
            Self { settings, terms, watch, shipper: ship(plan)?, given: None, past }
        };
        if next.terms != terms {
            next.watch.follow(terms.clone());
        }
        (next.settings, next.terms) = (plan.hook.clone(), terms);
        Ok(next)
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(super) fn wants(&self, kind: AlertKind) -> bool {
        self.terms.wants(kind)
    }

    /// Takes in what holds now, and sends what the hook is to be told.
    pub(super) fn tell(
        &mut self,
        facts: &[Fact],
        node: &Node,
        (now, clock): (Instant, SystemTime),
    ) {
        if let Some(before) = self.given.take_if(|_| self.shipper.waiting() == 0) {
            self.watch.ended(end(before, self.shipper.totals()), now);
        }
        self.watch.look(facts, now, clock);
        if let Some(message) = self.watch.next(now, clock) {
            self.given = Some(self.shipper.totals());
            // One that finds no room is dropped, which is seen at the next look.
            self.shipper.offer(Load::new(write(&message, node, &self.settings), 1));
        }
    }

    pub(super) fn figures(&self) -> HookFigures {
        let totals = sum(self.past, self.shipper.totals());
        let firing = AlertKind::ALL.into_iter().zip(self.watch.firing());
        HookFigures {
            hook: self.settings.name.clone(),
            firing: firing.map(|(kind, count)| (kind.name(), count)).collect(),
            sent: totals.sent,
            failed: totals.failures,
            refused: refused(totals),
        }
    }

    pub(super) fn close(&self) {
        self.close_within(LAST_WORDS);
    }

    pub(super) fn close_within(&self, patience: Duration) {
        self.shipper.close(patience);
    }

    pub(super) fn finish(&self, patience: Duration) {
        self.shipper.finish(patience);
    }
}

/// What became of the one message in between.
fn end(before: Totals, after: Totals) -> End {
    if after.sent > before.sent {
        End::Taken
    } else if refused(after) > refused(before) {
        End::Refused
    } else {
        End::Lost
    }
}

fn refused(totals: Totals) -> u64 {
    totals.losses().filter(|(loss, _)| *loss == Loss::Refused).map(|(_, count)| count).sum()
}

fn sum(mut one: Totals, other: Totals) -> Totals {
    one.sent += other.sent;
    one.failures += other.failures;
    one.dropped.iter_mut().zip(other.dropped).for_each(|(sum, more)| *sum += more);
    one
}

/// Whether messages go the same way.
fn is_same_way(old: &AlertHook, new: &AlertHook) -> bool {
    old.url == new.url && old.headers == new.headers && old.ca == new.ca && old.format == new.format
}

fn ship(plan: &HookPlan) -> io::Result<Shipper> {
    let HookPlan { hook, server } = plan;
    let shipment = Shipment {
        what: "alerts",
        // Its path may be a secret.
        place: format!("hook {} ({})", hook.name, server.url.target),
        thread: "alerts",
        server,
        path: &server.url.path,
        manner: Manner::Post("application/json"),
        headers: &hook.headers,
        gzip: false,
        rejected: |_| 0,
        bounds: BOUNDS,
    };
    Shipper::start(shipment.settings())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_message_is_seen_by_what_was_counted() {
        let before = Totals { sent: 3, dropped: [1, 1, 1, 1], failures: 9 };
        let lost = |place: usize| {
            let mut after = before;
            after.dropped[place] += 1;
            end(before, after)
        };
        assert_eq!(end(before, Totals { sent: 4, failures: 12, ..before }), End::Taken);
        let ends: Vec<End> = (0..4).map(lost).collect();
        assert_eq!(ends, [End::Lost, End::Refused, End::Lost, End::Lost]);
    }
}

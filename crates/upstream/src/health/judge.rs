//! What is made of what was seen: pure, with the time as milliseconds and chance as numbers.
//!
//! All cases of one service are looked at together, some ten times a second: whether one endpoint
//! is out of line is seen by the others, and how many may be ejected depends on all of them.

use super::case::{Case, Finding};
use super::rules::Rules;
use crate::balance::random::Random;

/// A change of state, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whose.
    pub(crate) index: usize,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) why: String,
}

/// Looks at all cases of one service, whose samples are fresh.
pub(crate) fn look(
    rules: &Rules,
    cases: &mut [Case],
    now: u64,
    random: &mut Random,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for case in cases.iter_mut() {
        case.take_in(rules, now);
    }
    let usual = usual_latency(rules, cases);
    let well: Vec<bool> = cases.iter().map(|case| case.is_well(rules, now)).collect();
    let wells = well.iter().filter(|well| **well).count();
    let mut ejected = cases.iter().filter(|case| case.is_ejected()).count();
    let ejected_max = rules.ejected_max(cases.len());
    for (index, case) in cases.iter_mut().enumerate() {
        let from = case.name();
        let others_well = wells > usize::from(well.get(index).is_some_and(|well| *well));
        let others = usual.get(index).copied().flatten();
        let before = case.is_ejected();
        let why = match case.find(rules, now, others_well, others) {
            Finding::Nothing => continue,
            Finding::Becomes(state, why) => {
                case.enter(state, now);
                why
            }
            // There is a bound on how many; while it is met, the case stays open.
            Finding::Guilty(..) if !before && ejected >= ejected_max => {
                let Some((state, why)) = case.spare(rules, now, others_well) else { continue };
                case.enter(state, now);
                why
            }
            Finding::Guilty(reason, why) => {
                case.eject(rules, reason, now, random);
                why
            }
        };
        ejected = ejected + usize::from(case.is_ejected()) - usize::from(before);
        changes.push(Change { index, from, to: case.name(), why });
    }
    let others_answer = cases.iter().any(|case| case.is_lively(rules, now));
    for case in cases.iter_mut() {
        case.deserted = others_answer && case.is_mute();
    }
    changes
}

/// Whether so few endpoints can be used that all are. Where there are none, as in the moment
/// before the first are known, there is nothing to panic about.
pub(crate) fn is_panic(rules: &Rules, cases: &[Case]) -> bool {
    if cases.is_empty() {
        return false;
    }
    let usable = cases.iter().filter(|case| case.is_usable()).count();
    rules.is_panic(usable, cases.len())
}

/// For each case, the median of the mean times of the others, in microseconds, where there are
/// any with enough requests.
fn usual_latency(rules: &Rules, cases: &[Case]) -> Vec<Option<u64>> {
    if rules.latency_factor == 0 {
        return Vec::new();
    }
    let means: Vec<Option<u64>> = cases.iter().map(|case| case.mean_latency(rules)).collect();
    let mut sorted: Vec<u64> = means.iter().flatten().copied().collect();
    sorted.sort_unstable();
    means.iter().map(|own| median_of_others(&sorted, *own)).collect()
}

/// The median of these sorted numbers without one of them.
fn median_of_others(sorted: &[u64], own: Option<u64>) -> Option<u64> {
    let Some(own) = own else { return sorted.get(sorted.len() / 2).copied() };
    let place = sorted.partition_point(|other| *other < own);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle + usize::from(middle >= place)).copied().filter(|_| sorted.len() > 1)
}

#[cfg(test)]
mod tests;

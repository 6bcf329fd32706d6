//! Smooth weighted round robin: exact proportions over a cycle, O(log n) for a turn.
//!
//! Time is counted in turns. With `total` the sum of all weights, an endpoint of weight `w` ideally
//! has its turn number `k` (from 0) between the times `k * total / w` and `(k + 1) * total / w`. It
//! waits until that span begins, then it is ready; of the ready ones, the one whose span ends first
//! is next. So no endpoint is ever a whole turn ahead of its share, after `total` turns each has
//! had exactly its weight, and equal weights are a plain rotation. (NGINX comes to a like order by
//! a scan over all endpoints for every request.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Endpoints;
use super::candidates::Candidates;
use super::random::Random;

/// Turns that are passed over in one choice because their endpoint cannot take the request; then
/// one is drawn by weight among those that can.
const PASSED_MAX: usize = 16;

/// The furthest point of a cycle at which a worker starts.
const START_MAX: u64 = 1024;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    /// The sum of all weights: the length of a cycle.
    total: u64,
    /// Turns that were had so far.
    now: u64,
    /// Turns that each endpoint has had.
    taken: Vec<u64>,
    /// When the span of each waiting endpoint begins.
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
    /// When the span of each ready endpoint ends.
    ready: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Turns {
    pub(super) fn new(weights: &[u32], seed: u64) -> Self {
        let weighted = weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
        let mut turns = Self {
            total: weights.iter().map(|weight| u64::from(*weight)).sum(),
            now: 0,
            taken: vec![0; weights.len()],
            waiting: weighted.map(|(index, _)| Reverse((0, index))).collect(),
            ready: BinaryHeap::new(),
        };
        let start = seed.checked_rem(turns.total.min(START_MAX)).unwrap_or(0);
        for _ in 0..start {
            turns.next(weights);
        }
        turns
    }

    /// The next endpoint in turn that can take the request.
    pub(super) fn choose(
        &mut self,
        candidates: &Candidates<'_, impl Endpoints>,
        random: &mut Random,
    ) -> Option<usize> {
        for _ in 0..PASSED_MAX {
            let index = self.next(candidates.weights)?;
            if candidates.is_usable(index) {
                return Some(index);
            }
        }
        candidates.any_by_weight(random)
    }

    /// Takes the next turn, whoever has it; `None` if no endpoint has a weight. `weights` are those
    /// that the turns were made from.
    pub(super) fn next(&mut self, weights: &[u32]) -> Option<usize> {
        while let Some(Reverse((begin, index))) = self.waiting.peek().copied()
            && begin <= self.now
        {
            self.waiting.pop();
            let end = self.span(weights, index, 1);
            self.ready.push(Reverse((end, index)));
        }
        let Reverse((_, index)) = self.ready.pop()?;
        *self.taken.get_mut(index)? += 1;
        self.now += 1;
        let begin = self.span(weights, index, 0);
        self.waiting.push(Reverse((begin, index)));
        Some(index)
    }

    /// The first whole turn at or after the begin of the endpoint's span that is `ahead` of its
    /// next.
    fn span(&self, weights: &[u32], index: usize, ahead: u64) -> u64 {
        let taken = self.taken.get(index).copied().unwrap_or(0) + ahead;
        let weight = u128::from(weights.get(index).copied().unwrap_or(1).max(1));
        let turn = (u128::from(taken) * u128::from(self.total)).div_ceil(weight);
        u64::try_from(turn).unwrap_or(u64::MAX)
    }
}

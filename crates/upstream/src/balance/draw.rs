//! Two at random by weight, then the one with less load: O(log n) for a choice.

use super::Endpoints;
use super::candidates::Candidates;
use super::random::Random;

/// Draws for each of the two before giving up on finding one that can take the request.
const DRAWS_MAX: usize = 8;

/// The endpoints laid end to end, each as long as its weight.
#[derive(Debug)]
pub(super) struct Draw {
    /// Where each endpoint ends.
    ends: Vec<u64>,
}

impl Draw {
    pub(super) fn new(weights: &[u32]) -> Self {
        let sum = |end: &mut u64, weight: &u32| {
            *end += u64::from(*weight);
            Some(*end)
        };
        Self { ends: weights.iter().scan(0, sum).collect() }
    }

    pub(super) fn choose(
        &self,
        candidates: &Candidates<'_, impl Endpoints>,
        random: &mut Random,
    ) -> Option<usize> {
        let first = (0..DRAWS_MAX)
            .map(|_| self.one(random))
            .find(|index| candidates.is_usable(*index))
            .or_else(|| candidates.any_by_weight(random))?;
        let second = (0..DRAWS_MAX)
            .map(|_| self.one_beside(first, random))
            .find(|index| *index != first && candidates.is_usable(*index));
        // A tie goes to the first, which was drawn by weight alone: an idle service is then served
        // exactly by weight.
        match second {
            Some(second) if candidates.load(second).is_below(candidates.load(first)) => {
                Some(second)
            }
            _ => Some(first),
        }
    }

    fn one(&self, random: &mut Random) -> usize {
        self.at(random.below(self.total()))
    }

    /// One by weight among all but `other`, without drawing again: the line is cut at `other`.
    fn one_beside(&self, other: usize, random: &mut Random) -> usize {
        let end = self.ends.get(other).copied().unwrap_or(0);
        let begin = other.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let begin = begin.unwrap_or(0);
        let point = random.below(self.total() - (end - begin));
        self.at(if point < begin { point } else { point + (end - begin) })
    }

    fn at(&self, point: u64) -> usize {
        self.ends.partition_point(|end| *end <= point)
    }

    fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }
}

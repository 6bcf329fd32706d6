//! The endpoints that one request may still go to, and the scans over all of them.

use super::Endpoints;
use super::random::Random;

/// All endpoints, seen by one request.
#[derive(Debug)]
pub(super) struct Candidates<'a, E> {
    pub(super) weights: &'a [u32],
    pub(super) endpoints: &'a E,
    pub(super) tried: &'a [usize],
}

impl<E: Endpoints> Candidates<'_, E> {
    pub(super) fn weight(&self, index: usize) -> u32 {
        self.weights.get(index).copied().unwrap_or(0)
    }

    pub(super) fn in_flight(&self, index: usize) -> u32 {
        self.endpoints.in_flight(index)
    }

    /// Whether requests may go to the endpoint at all.
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.weight(index) > 0 && self.endpoints.is_available(index)
    }

    /// Whether this request may go to the endpoint.
    pub(super) fn is_usable(&self, index: usize) -> bool {
        !self.tried.contains(&index) && self.is_open(index)
    }

    pub(super) fn usable(&self) -> impl Iterator<Item = usize> {
        (0..self.weights.len()).filter(|index| self.is_usable(*index))
    }

    /// Requests under way for each unit of weight, in a form that compares exactly.
    pub(super) fn load(&self, index: usize) -> Load {
        Load { in_flight: self.in_flight(index), weight: self.weight(index) }
    }

    /// Any usable endpoint, at random by weight, in one pass over all of them.
    pub(super) fn any_by_weight(&self, random: &mut Random) -> Option<usize> {
        let mut total = 0;
        let mut chosen = None;
        for index in self.usable() {
            let weight = u64::from(self.weight(index));
            total += weight;
            if random.below(total) < weight {
                chosen = Some(index);
            }
        }
        chosen
    }

    /// The usable endpoint with the least load; of several, the first from `start` on, around the
    /// list.
    pub(super) fn least_loaded(&self, start: usize) -> Option<usize> {
        let mut least: Option<(usize, Load)> = None;
        for index in (start..self.weights.len()).chain(0..start) {
            if !self.is_usable(index) {
                continue;
            }
            let load = self.load(index);
            if least.is_none_or(|(_, lowest)| load.is_below(lowest)) {
                least = Some((index, load));
            }
        }
        least.map(|(index, _)| index)
    }
}

/// Requests under way in proportion to a weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    in_flight: u32,
    weight: u32,
}

impl Load {
    pub(super) fn is_below(self, other: Self) -> bool {
        u64::from(self.in_flight) * u64::from(other.weight)
            < u64::from(other.in_flight) * u64::from(self.weight)
    }
}

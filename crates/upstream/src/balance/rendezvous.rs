//! Consistent hashing with bounded load: the same key goes to the same endpoint while it can.
//!
//! Every key falls into one of [`BUCKETS`] buckets, and every endpoint draws a number for every
//! bucket from its name alone (weighted rendezvous hashing); the highest number has the bucket. So
//! an endpoint that is added takes keys for itself and moves no other, one that is removed (or is
//! not available) gives away its own and moves no other, and all processes agree. Adding an
//! endpoint moves its share of the keys, no more.
//!
//! An endpoint with more than `load_bound` times its share of the requests under way passes the
//! key on to the one with the next highest number.

use std::collections::HashMap;

use super::candidates::Candidates;
use super::key::hash_key;
use super::random::mix;
use super::{Endpoints, Share};

/// Buckets that keys fall into.
const BUCKETS: usize = 1 << 16;

/// With more endpoints than this, who has a bucket is remembered (256 KiB for a balancer, touched
/// as buckets are used); with fewer it is as quick to find it again.
const UNREMEMBERED_MAX: usize = 32;

/// Endpoints whose requests are counted anew for each choice, spread over time: with more, the
/// count of all is kept for some choices, so that it costs the same for any number of endpoints.
const COUNTED_FOR_A_CHOICE: usize = 32;

/// Who has which key.
#[derive(Debug)]
pub(super) struct Rendezvous {
    /// The hash of each endpoint's name.
    marks: Vec<u64>,
    /// Whether all weights are equal: then the numbers need no logarithm.
    is_even: bool,
    /// One more than the endpoint that has each bucket; 0 if not known yet.
    homes: Vec<u32>,
    load_bound: f64,
    census: Census,
}

/// The requests under way at all open endpoints, counted a little while ago.
#[derive(Debug, Default)]
struct Census {
    /// Choices until the next count.
    fresh_for: usize,
    in_flight: u64,
    weight: u64,
}

impl Rendezvous {
    pub(super) fn new(shares: &[Share<'_>], load_bound: f64) -> Self {
        let mut namesakes = HashMap::new();
        let mark = |share: &Share<'_>| {
            // Endpoints of one name must not draw the same numbers: only one would ever win.
            let name = hash_key(share.name.as_bytes());
            let namesake: &mut u64 = namesakes.entry(name).or_default();
            *namesake += 1;
            mix(name.wrapping_add(*namesake))
        };
        let is_remembered = shares.len() > UNREMEMBERED_MAX;
        Self {
            marks: shares.iter().map(mark).collect(),
            is_even: shares.windows(2).all(|pair| matches!(pair, [a, b] if a.weight == b.weight)),
            homes: vec![0; if is_remembered { BUCKETS } else { 0 }],
            load_bound: load_bound.max(1.0),
            census: Census::default(),
        }
    }

    pub(super) fn choose(
        &mut self,
        candidates: &Candidates<'_, impl Endpoints>,
        key: u64,
    ) -> Option<usize> {
        // Keys are mixed here too, so that any numbers will do as keys.
        let [low, high, ..] = mix(key).to_le_bytes();
        let bucket = u16::from_le_bytes([low, high]);
        let home = self.home(candidates.weights, bucket)?;
        self.census.refresh(candidates);
        if candidates.is_usable(home) && !self.is_full(candidates, home) {
            return Some(home);
        }
        let open = candidates.usable().filter(|index| !self.is_full(candidates, *index));
        self.winner(candidates.weights, bucket, open).or_else(|| candidates.least_loaded(home))
    }

    /// Who has the bucket when all is well.
    fn home(&mut self, weights: &[u32], bucket: u16) -> Option<usize> {
        let known = self.homes.get(usize::from(bucket)).and_then(|home| home.checked_sub(1));
        if let Some(home) = known {
            return usize::try_from(home).ok();
        }
        let home = self.winner(weights, bucket, 0..weights.len())?;
        if let Some(entry) = self.homes.get_mut(usize::from(bucket)) {
            *entry = u32::try_from(home + 1).unwrap_or(0);
        }
        Some(home)
    }

    /// The one of `indices` with the highest number for the bucket.
    fn winner(
        &self,
        weights: &[u32],
        bucket: u16,
        indices: impl Iterator<Item = usize>,
    ) -> Option<usize> {
        let salt = mix(u64::from(bucket));
        let mut highest: Option<(usize, f64)> = None;
        for index in indices {
            let (Some(mark), Some(weight)) = (self.marks.get(index), weights.get(index)) else {
                continue;
            };
            if *weight == 0 {
                continue;
            }
            let number = self.number(mix(mark ^ salt), *weight);
            if highest.is_none_or(|(_, record)| number > record) {
                highest = Some((index, number));
            }
        }
        highest.map(|(index, _)| index)
    }

    /// A number whose chance to be the highest of all is in proportion to the weight.
    fn number(&self, bits: u64, weight: u32) -> f64 {
        // Strictly between 0 and 1, so that the logarithm is finite and not 0.
        let even = ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        if self.is_even { even } else { f64::from(weight) / -even.ln() }
    }

    /// Whether the endpoint has so much more than its share that keys move on. One request more
    /// than that is always allowed, so that a quiet service keeps its keys in place.
    fn is_full(&self, candidates: &Candidates<'_, impl Endpoints>, index: usize) -> bool {
        let share = self.census.in_flight as f64 / self.census.weight.max(1) as f64;
        let fair = share * f64::from(candidates.weight(index));
        f64::from(candidates.in_flight(index)) > self.load_bound * fair + 1.0
    }
}

impl Census {
    /// Counts again if the last count is too old.
    fn refresh(&mut self, candidates: &Candidates<'_, impl Endpoints>) {
        if let Some(left) = self.fresh_for.checked_sub(1) {
            self.fresh_for = left;
            return;
        }
        *self =
            Self { fresh_for: candidates.weights.len() / COUNTED_FOR_A_CHOICE, ..Self::default() };
        for index in 0..candidates.weights.len() {
            if candidates.is_open(index) {
                self.in_flight += u64::from(candidates.in_flight(index));
                self.weight += u64::from(candidates.weight(index));
            }
        }
    }
}

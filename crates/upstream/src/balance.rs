//! Choosing which endpoint takes a request: pure, without IO, clock or randomness of its own.
//!
//! Every worker thread has its own [`Balancer`] for a service, so choosing takes no lock. What is
//! true at this moment (health, requests under way) is asked of the caller through [`Endpoints`],
//! and randomness enters as a number. An endpoint is its position in the list that the balancer
//! was made from; when the list changes, a new balancer is made.

use yumen_model::Balance;

use candidates::Candidates;
use draw::Draw;
use random::Random;
use rendezvous::Rendezvous;
use turns::Turns;

pub use key::hash_key;
pub use weights::split_weights;

mod candidates;
mod draw;
mod key;
pub(crate) mod random;
mod rendezvous;
mod turns;
mod weights;

#[cfg(test)]
mod tests;

/// One endpoint that a balancer chooses among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<'a> {
    /// What it is called in every process and after every reload, such as `10.0.0.7:8080`.
    /// Consistent hashing keeps keys at the same name, wherever it stands in the list.
    pub name: &'a str,
    /// Its part of the requests relative to the others; 0 is never chosen.
    pub weight: u32,
}

/// What is true of the endpoints at this moment.
///
/// Asked for one endpoint mostly, and for all of them by [`Balance::LeastRequests`] or when
/// many are not available: an answer should cost a few nanoseconds. Answers may change between
/// two calls; the balancer copes with that.
pub trait Endpoints {
    /// Whether the endpoint at `index` may take a request: healthy and below its limits.
    fn is_available(&self, index: usize) -> bool;

    /// How many requests are under way at the endpoint at `index`, by all workers if that is
    /// known.
    fn in_flight(&self, index: usize) -> u32;
}

/// One request's wish for an endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask<'a> {
    /// Endpoints that this request has tried already; they are not chosen again.
    pub tried: &'a [usize],
    /// A fresh, evenly spread random number.
    pub random: u64,
    /// The request's key for [`Balance::Hash`] (see [`hash_key`]); the other ways ignore it.
    pub key: u64,
}

/// Chooses an endpoint for each request of one service in one worker.
#[derive(Debug)]
pub struct Balancer {
    weights: Vec<u32>,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// There is nothing to choose.
    Only(usize),
    RoundRobin(Turns),
    RandomOfTwo(Draw),
    LeastRequests(Turns),
    Hash(Rendezvous),
}

impl Balancer {
    /// Makes a balancer that chooses among `shares` as `balance` says.
    ///
    /// `seed` should differ between workers: it moves the point where a rotation starts, so that
    /// workers that start together do not all begin with the same endpoint.
    #[must_use]
    pub fn new(balance: &Balance, shares: &[Share<'_>], seed: u64) -> Self {
        let weights: Vec<u32> = shares.iter().map(|share| share.weight).collect();
        let mut weighted = weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
        let rule = match (balance, weighted.next(), weighted.next()) {
            (_, Some((only, _)), None) => Rule::Only(only),
            (Balance::RoundRobin, ..) => Rule::RoundRobin(Turns::new(&weights, seed)),
            (Balance::RandomOfTwo, ..) => Rule::RandomOfTwo(Draw::new(&weights)),
            (Balance::LeastRequests, ..) => Rule::LeastRequests(Turns::new(&weights, seed)),
            (Balance::Hash { load_bound, .. }, ..) => {
                Rule::Hash(Rendezvous::new(shares, *load_bound))
            }
        };
        Self { weights, rule }
    }

    /// The endpoint that should take the request, or `None` if no endpoint with a weight is both
    /// available and untried.
    pub fn choose(&mut self, endpoints: &impl Endpoints, ask: &Ask<'_>) -> Option<usize> {
        let candidates = Candidates { weights: &self.weights, endpoints, tried: ask.tried };
        let mut random = Random::new(ask.random);
        match &mut self.rule {
            Rule::Only(index) => Some(*index).filter(|index| candidates.is_usable(*index)),
            Rule::RoundRobin(turns) => turns.choose(&candidates, &mut random),
            Rule::RandomOfTwo(draw) => draw.choose(&candidates, &mut random),
            // The one whose turn it is wins a tie, so that equally loaded endpoints are served in
            // rotation by weight.
            Rule::LeastRequests(turns) => candidates.least_loaded(turns.next(&self.weights)?),
            Rule::Hash(rendezvous) => rendezvous.choose(&candidates, ask.key),
        }
    }
}

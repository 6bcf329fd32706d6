//! Seeded simulations: every failure names the seed that shows it again.

use yumen_model::{Balance, HashOn};

use super::random::Random;
use super::{Ask, Balancer, Endpoints, Share, hash_key, split_weights};

mod load;
mod rotation;
mod stickiness;

/// Endpoints as a test wants them.
#[derive(Debug, Clone)]
struct Scene {
    names: Vec<String>,
    weights: Vec<u32>,
    available: Vec<bool>,
    in_flight: Vec<u32>,
}

impl Endpoints for Scene {
    fn is_available(&self, index: usize) -> bool {
        self.available[index]
    }

    fn in_flight(&self, index: usize) -> u32 {
        self.in_flight[index]
    }
}

impl Scene {
    fn new(weights: &[u32]) -> Self {
        Self {
            names: (0..weights.len()).map(|index| format!("10.0.0.{index}:80")).collect(),
            weights: weights.to_vec(),
            available: vec![true; weights.len()],
            in_flight: vec![0; weights.len()],
        }
    }

    /// Up to `most` endpoints with weights up to `heaviest`, some of them 0.
    fn random(random: &mut Random, most: u64, heaviest: u64) -> Self {
        let count = 1 + random.below(most);
        let weights: Vec<u32> =
            (0..count).map(|_| u32::try_from(random.below(heaviest + 1)).unwrap()).collect();
        Self::new(&weights)
    }

    fn balancer(&self, balance: &Balance, seed: u64) -> Balancer {
        let shares: Vec<Share<'_>> = self
            .names
            .iter()
            .zip(&self.weights)
            .map(|(name, weight)| Share { name, weight: *weight })
            .collect();
        Balancer::new(balance, &shares, seed)
    }

    /// What any correct choice comes from.
    fn usable(&self, tried: &[usize]) -> Vec<usize> {
        (0..self.weights.len())
            .filter(|i| self.weights[*i] > 0 && self.available[*i] && !tried.contains(i))
            .collect()
    }

    fn total(&self) -> u64 {
        self.weights.iter().map(|weight| u64::from(*weight)).sum()
    }
}

fn hash(load_bound: f64) -> Balance {
    Balance::Hash { on: HashOn::Address, load_bound }
}

fn every_balance() -> [Balance; 4] {
    [Balance::RoundRobin, Balance::RandomOfTwo, Balance::LeastRequests, hash(1.25)]
}

fn ask(random: &mut Random) -> Ask<'static> {
    Ask { tried: &[], random: random.next(), key: random.next() }
}

/// Counts who is chosen in `choices` requests that end at once.
fn tally(scene: &Scene, balance: &Balance, choices: usize, seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed);
    let mut balancer = scene.balancer(balance, seed);
    let mut counts = vec![0; scene.weights.len()];
    for _ in 0..choices {
        let chosen = balancer.choose(scene, &ask(&mut random)).unwrap();
        counts[chosen] += 1;
    }
    counts
}

#[test]
fn nothing_is_chosen_when_nothing_can_be() {
    let mut away = Scene::new(&[3, 3]);
    away.available = vec![false, false];
    for scene in [Scene::new(&[]), Scene::new(&[0]), Scene::new(&[0, 0, 0]), away] {
        for balance in every_balance() {
            let mut balancer = scene.balancer(&balance, 1);
            for random in 0..50 {
                let ask = Ask { tried: &[], random, key: random };
                assert_eq!(balancer.choose(&scene, &ask), None, "{balance:?} {scene:?}");
            }
        }
    }
}

#[test]
fn the_only_one_is_always_chosen() {
    for weights in [&[7][..], &[0, 7], &[7, 0], &[0, u32::MAX, 0]] {
        let scene = Scene::new(weights);
        let only = scene.usable(&[])[0];
        for balance in every_balance() {
            let counts = tally(&scene, &balance, 100, 3);
            assert_eq!(counts[only], 100, "{balance:?} {weights:?}");
        }
    }
}

/// Thousands of random scenes with random health, load and tried endpoints: a choice is always
/// one that may be chosen, and there is one whenever there can be one.
#[test]
fn a_choice_is_always_usable() {
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let mut scene = Scene::random(&mut random, 12, 5);
        for balance in every_balance() {
            let mut balancer = scene.balancer(&balance, seed);
            for _ in 0..20 {
                let chance = random.below(4);
                for index in 0..scene.weights.len() {
                    scene.available[index] = random.below(4) >= chance;
                    scene.in_flight[index] = u32::try_from(random.below(6)).unwrap();
                }
                let tried: Vec<usize> =
                    (0..scene.weights.len()).filter(|_| random.below(3) == 0).collect();
                let ask = Ask { tried: &tried, ..ask(&mut random) };
                let chosen = balancer.choose(&scene, &ask);
                let usable = scene.usable(&tried);
                match chosen {
                    Some(index) => assert!(usable.contains(&index), "seed {seed} {balance:?}"),
                    None => assert!(usable.is_empty(), "seed {seed} {balance:?} {scene:?}"),
                }
            }
        }
    }
}

/// Retries visit every endpoint once and then end.
#[test]
fn retries_end_when_all_were_tried() {
    for balance in every_balance() {
        for seed in 0..1_000 {
            let mut random = Random::new(seed);
            let scene = Scene::random(&mut random, 40, 1_000);
            let mut balancer = scene.balancer(&balance, seed);
            let mut tried = Vec::new();
            let key = random.next();
            while let Some(chosen) =
                balancer.choose(&scene, &Ask { tried: &tried, random: random.next(), key })
            {
                assert!(!tried.contains(&chosen), "seed {seed} {balance:?}");
                tried.push(chosen);
            }
            assert_eq!(tried.len(), scene.usable(&[]).len(), "seed {seed} {balance:?}");
        }
    }
}

#[test]
fn addresses_share_the_weight_of_their_target() {
    let check = |targets: &[(u32, usize)], expect: &[u32]| {
        assert_eq!(split_weights(targets), expect, "{targets:?}");
    };
    check(&[], &[]);
    check(&[(100, 1), (100, 1)], &[100, 100]);
    check(&[(100, 1), (100, 3)], &[300, 100]);
    check(&[(100, 2), (100, 3), (0, 4)], &[600, 400, 0]);
    check(&[(100, 0), (50, 2)], &[0, 50]);
    check(&[(u32::MAX, 1), (1, 50)], &[u32::MAX, 1]);
    check(&[(u32::MAX, 3)], &[u32::MAX / 3]);
}

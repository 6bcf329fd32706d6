//! Random of two and least requests: by weight when idle, away from load otherwise.

use std::collections::VecDeque;

use super::{Ask, Balance, Random, Scene, ask, every_balance, hash, tally};

/// Drawn counts lie within five standard deviations of their share.
#[test]
fn an_idle_service_is_drawn_by_weight() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut scene = Scene::random(&mut random, 10, 50);
        scene.weights[0] += 1;
        let counts = tally(&scene, &Balance::RandomOfTwo, 10_000, seed);
        for (count, weight) in counts.iter().zip(&scene.weights) {
            let chance = f64::from(*weight) / scene.total() as f64;
            let spread = (10_000.0 * chance * (1.0 - chance)).sqrt();
            let off = (*count as f64 - 10_000.0 * chance).abs();
            assert!(off <= 5.0 * spread, "seed {seed}: {count} of weight {weight} in {scene:?}");
        }
    }
}

/// Whoever is away, those that are left share by weight.
#[test]
fn who_is_left_shares_by_weight() {
    const CHOICES: usize = 1_000;
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let mut scene = Scene::random(&mut random, 12, 9);
        scene.weights[0] += 1;
        for index in 1..scene.weights.len() {
            scene.available[index] = random.below(3) > 0;
        }
        let left = scene.usable(&[]);
        let total: u32 = left.iter().map(|index| scene.weights[*index]).sum();
        for balance in [Balance::RoundRobin, Balance::RandomOfTwo] {
            let counts = tally(&scene, &balance, CHOICES, seed);
            for (index, count) in counts.iter().enumerate() {
                let weight = if left.contains(&index) { scene.weights[index] } else { 0 };
                let chance = f64::from(weight) / f64::from(total);
                let fair = CHOICES as f64 * chance;
                let off = (*count as f64 - fair).abs();
                let spread = (fair * (1.0 - chance)).sqrt();
                assert!(off <= 5.5 * spread, "seed {seed} {balance:?}: {counts:?} of {scene:?}");
            }
        }
    }
}

#[test]
fn of_two_the_less_loaded_is_taken() {
    let mut scene = Scene::new(&[1, 1]);
    scene.in_flight = vec![5, 4];
    assert_eq!(tally(&scene, &Balance::RandomOfTwo, 200, 1), [0, 200]);
    // Twice the weight carries twice the load.
    let mut scene = Scene::new(&[2, 1]);
    scene.in_flight = vec![7, 4];
    assert_eq!(tally(&scene, &Balance::RandomOfTwo, 200, 1), [200, 0]);
}

#[test]
fn least_requests_takes_the_least_loaded() {
    let check = |weights: &[u32], in_flight: &[u32], expect: &[u64]| {
        let mut scene = Scene::new(weights);
        scene.in_flight = in_flight.to_vec();
        assert_eq!(tally(&scene, &Balance::LeastRequests, 12, 0), expect, "{in_flight:?}");
    };
    check(&[1, 1, 1], &[3, 1, 2], &[0, 12, 0]);
    check(&[1, 1, 1], &[2, 1, 1], &[0, 8, 4]);
    check(&[4, 1, 1], &[7, 2, 2], &[12, 0, 0]);
    check(&[0, 1, 1], &[0, 9, 8], &[0, 0, 12]);
    // All idle: smoothly by weight.
    check(&[1, 1, 1], &[0, 0, 0], &[4, 4, 4]);
    check(&[4, 1, 1], &[0, 0, 0], &[8, 2, 2]);
    check(&[u32::MAX, u32::MAX], &[u32::MAX, u32::MAX - 1], &[0, 12]);
}

/// A service with a fixed number of requests under way: what is chosen last ends last. Load is
/// then in proportion to the weights.
fn held(balance: &Balance, weights: &[u32], under_way: usize, seed: u64) -> Scene {
    let mut scene = Scene::new(weights);
    let mut random = Random::new(seed);
    let mut balancer = scene.balancer(balance, seed);
    let mut open = VecDeque::new();
    for _ in 0..20 * under_way {
        let chosen = balancer.choose(&scene, &ask(&mut random)).unwrap();
        scene.in_flight[chosen] += 1;
        open.push_back(chosen);
        if open.len() > under_way {
            let place = usize::try_from(random.below(open.len() as u64)).unwrap();
            let ended = open.remove(place).unwrap();
            scene.in_flight[ended] -= 1;
        }
    }
    scene
}

#[test]
fn load_follows_weight() {
    for (balance, slack) in
        [(Balance::LeastRequests, 2.0), (Balance::RandomOfTwo, 8.0), (hash(1.25), 25.0)]
    {
        for seed in 0..20 {
            let scene = held(&balance, &[100, 50, 50, 200], 400, seed);
            for (load, fair) in scene.in_flight.iter().zip([100.0, 50.0, 50.0, 200.0]) {
                let off = (f64::from(*load) - fair).abs();
                let slack = if fair > 100.0 { 2.0 * slack } else { slack };
                assert!(off <= slack, "seed {seed} {balance:?}: {:?}", scene.in_flight);
            }
        }
    }
}

/// An endpoint that hangs keeps what it has; the others take the rest.
#[test]
fn a_stuck_endpoint_gets_nothing_more() {
    for balance in [Balance::LeastRequests, Balance::RandomOfTwo, hash(1.25)] {
        let mut scene = Scene::new(&[1; 10]);
        scene.in_flight[3] = 100;
        assert_eq!(tally(&scene, &balance, 10_000, 2)[3], 0, "{balance:?}");
    }
}

#[test]
fn a_thousand_targets_are_served_by_every_balance() {
    let scene = Scene::new(&[100; 1_000]);
    for balance in every_balance() {
        let counts = tally(&scene, &balance, 20_000, 4);
        let served = counts.iter().filter(|count| **count > 0).count();
        assert!(served > 990, "{balance:?} {served}");
    }
}

#[test]
fn equal_seeds_choose_equally() {
    let scene = Scene::new(&[1, 2, 3, 4]);
    for balance in every_balance() {
        let run = || {
            let mut balancer = scene.balancer(&balance, 77);
            let mut random = Random::new(77);
            let choose = |_| balancer.choose(&scene, &Ask { key: 5, ..ask(&mut random) });
            (0..100).map(choose).collect::<Vec<_>>()
        };
        assert_eq!(run(), run(), "{balance:?}");
    }
}

//! Round robin: exact, smooth, and spread over workers.

use super::{Ask, Balance, Balancer, Random, Scene, ask, tally};

fn order(scene: &Scene, balancer: &mut Balancer, choices: usize) -> Vec<usize> {
    (0..choices).map(|_| balancer.choose(scene, &Ask::default()).unwrap()).collect()
}

#[test]
fn equal_weights_are_a_plain_rotation() {
    for weight in [1, 100, u32::MAX] {
        let scene = Scene::new(&[weight; 5]);
        let mut balancer = scene.balancer(&Balance::RoundRobin, 0);
        assert_eq!(order(&scene, &mut balancer, 12), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
    }
}

#[test]
fn a_heavy_one_is_spread_among_the_light_ones() {
    let check = |weights: &[u32], expect: &[usize]| {
        let scene = Scene::new(weights);
        let mut balancer = scene.balancer(&Balance::RoundRobin, 0);
        assert_eq!(order(&scene, &mut balancer, expect.len()), expect, "{weights:?}");
    };
    check(&[5, 1, 1], &[0, 1, 0, 0, 2, 0, 0]);
    check(&[3, 2, 1], &[0, 1, 0, 1, 0, 2]);
    check(&[4, 1, 1, 1, 1], &[0, 1, 0, 2, 0, 3, 0, 4]);
    check(&[0, 2, 0, 1], &[1, 3, 1]);
}

/// After a whole cycle, wherever it began, each endpoint had exactly its weight; at every point
/// inside, it was less than one turn ahead of its share and never far behind.
#[test]
fn every_cycle_is_exact_and_smooth() {
    let mut furthest_behind = 0.0_f64;
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut scene = Scene::random(&mut random, 20, 30);
        scene.weights[0] += 1;
        let total = scene.total();
        let mut balancer = scene.balancer(&Balance::RoundRobin, 0);
        let mut counts = vec![0_u64; scene.weights.len()];
        for turn in 1..=2 * total {
            counts[balancer.choose(&scene, &ask(&mut random)).unwrap()] += 1;
            for (count, weight) in counts.iter().zip(&scene.weights) {
                let fair = turn as f64 * f64::from(*weight) / total as f64;
                assert!((*count as f64) < fair + 1.0, "seed {seed} turn {turn} {scene:?}");
                furthest_behind = furthest_behind.max(fair - *count as f64);
            }
        }
        for (count, weight) in counts.iter().zip(&scene.weights) {
            assert_eq!(*count, 2 * u64::from(*weight), "seed {seed}");
        }
        let offset = scene.balancer(&Balance::RoundRobin, seed);
        assert_cycle(&scene, offset, seed);
    }
    assert!(furthest_behind < 1.5, "{furthest_behind}");
}

fn assert_cycle(scene: &Scene, mut balancer: Balancer, seed: u64) {
    let mut counts = vec![0_u32; scene.weights.len()];
    for _ in 0..scene.total() {
        counts[balancer.choose(scene, &Ask::default()).unwrap()] += 1;
    }
    assert_eq!(counts, scene.weights, "seed {seed}");
}

#[test]
fn a_thousand_targets_keep_exact_proportions() {
    let weights: Vec<u32> = (0..1_000).map(|index| index % 7).collect();
    let scene = Scene::new(&weights);
    assert_cycle(&scene, scene.balancer(&Balance::RoundRobin, 42), 42);
    let even = Scene::new(&[100; 1_000]);
    let counts = tally(&even, &Balance::RoundRobin, 3_000, 7);
    assert!(counts.iter().all(|count| *count == 3));
}

/// The heaviest weights there are, far into a cycle of 4 billion turns.
#[test]
fn extreme_weights_neither_overflow_nor_starve() {
    let scene = Scene::new(&[u32::MAX, 1, u32::MAX, u32::MAX - 1]);
    let counts = tally(&scene, &Balance::RoundRobin, 30_000, 11);
    assert_eq!(counts[0] + counts[2] + counts[3] + counts[1], 30_000);
    assert!(counts[1] <= 1 && counts[0].abs_diff(10_000) <= 1, "{counts:?}");
}

#[test]
fn workers_start_at_different_places() {
    let scene = Scene::new(&[100; 8]);
    let first = |seed| order(&scene, &mut scene.balancer(&Balance::RoundRobin, seed), 1)[0];
    let mut firsts: Vec<usize> = (0..8).map(first).collect();
    firsts.sort_unstable();
    assert_eq!(firsts, [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// Of four, two are gone: the others keep their proportion, and the gone ones get nothing.
#[test]
fn the_rest_keep_their_proportions_when_some_are_gone() {
    let mut scene = Scene::new(&[40, 10, 30, 20]);
    scene.available = vec![false, true, false, true];
    let counts = tally(&scene, &Balance::RoundRobin, 3_000, 5);
    assert_eq!((counts[0], counts[2]), (0, 0));
    assert!(counts[1].abs_diff(1_000) <= 60, "{counts:?}");
}

/// One in a thousand is left, and the choice still ends at it.
#[test]
fn the_last_one_left_is_found() {
    let mut scene = Scene::new(&[100; 1_000]);
    scene.available.fill(false);
    scene.available[617] = true;
    for balance in super::every_balance() {
        assert_eq!(tally(&scene, &balance, 100, 9)[617], 100, "{balance:?}");
    }
}

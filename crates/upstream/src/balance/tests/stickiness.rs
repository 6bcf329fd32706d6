//! Consistent hashing: stable, proportional, bounded.

use super::{Ask, Balancer, Random, Scene, hash, hash_key};

/// The hash is part of what users rely on between versions: these never change.
#[test]
fn key_hashes_never_change() {
    let check = |key: &str, expect: u64| {
        assert_eq!(hash_key(key.as_bytes()), expect, "{key:?}: {:#018x}", hash_key(key.as_bytes()));
    };
    check("", 0xf52a_15e9_a9b5_e89b);
    check("a", 0x02c0_bdbf_4814_20f8);
    check("foobar", 0x404d_a9e3_b740_78c2);
    check("192.0.2.1", 0x4d0e_1bc6_8452_59f5);
    check("2001:db8::1", 0x6378_2f16_c6a8_6a00);
}

/// Where keys live is part of it too.
#[test]
fn homes_never_change() {
    let homes = |weights: &[u32]| {
        let scene = Scene::new(weights);
        let mut balancer = scene.balancer(&hash(1.25), 0);
        let home = |key: &str| home(&mut balancer, &scene, hash_key(key.as_bytes()));
        ["a", "b", "c", "192.0.2.1", "192.0.2.2", "user-7", "user-8", ""].map(home)
    };
    assert_eq!(homes(&[1, 1, 1, 1, 1]), [0, 0, 3, 1, 3, 1, 3, 4]);
    assert_eq!(homes(&[1, 1, 1, 1, 6]), [0, 4, 3, 1, 3, 1, 4, 4]);
}

fn home(balancer: &mut Balancer, scene: &Scene, key: u64) -> usize {
    balancer.choose(scene, &Ask { key, ..Ask::default() }).unwrap()
}

/// The name of the endpoint that each of the first 20,000 keys lives at.
fn homes(scene: &Scene) -> Vec<String> {
    let mut balancer = scene.balancer(&hash(1.25), 0);
    (0..20_000).map(|key| scene.names[home(&mut balancer, scene, key)].clone()).collect()
}

#[test]
fn keys_spread_by_weight() {
    for (weights, slack) in
        [(vec![1; 10], 0.06), (vec![10, 20, 30, 40], 0.06), (vec![5; 100], 0.25)]
    {
        let scene = Scene::new(&weights);
        let homes = homes(&scene);
        for (name, weight) in scene.names.iter().zip(&weights) {
            let count = homes.iter().filter(|home| *home == name).count() as f64;
            let fair = homes.len() as f64 * f64::from(*weight) / scene.total() as f64;
            assert!((count / fair - 1.0).abs() < slack, "{name}: {count} for {fair}");
        }
    }
}

/// Only the keys of what was removed move, and none comes home to another place.
#[test]
fn removing_one_moves_only_its_keys() {
    for weights in [vec![1; 5], vec![3, 1, 4, 1, 5, 9], vec![100; 60]] {
        let before = Scene::new(&weights);
        let mut after = before.clone();
        let gone = after.names.remove(2);
        after.weights.remove(2);
        after.available.remove(2);
        after.in_flight.remove(2);
        for (key, (old, new)) in homes(&before).iter().zip(homes(&after)).enumerate() {
            assert!(*old == new || *old == gone, "key {key} moved from {old} to {new}");
        }
    }
}

#[test]
fn adding_one_moves_keys_only_to_it() {
    for size in [1, 4, 32, 33, 100] {
        let before = Scene::new(&vec![100; size]);
        let mut after = Scene::new(&vec![100; size + 1]);
        after.names.swap(0, size);
        let new = after.names[0].clone();
        let mut moved = 0;
        for (key, (old, now)) in homes(&before).iter().zip(homes(&after)).enumerate() {
            assert!(*old == now || now == after.names[0], "key {key} moved from {old} to {now}");
            moved += usize::from(*old != now);
        }
        let fair = 20_000.0 / (size + 1) as f64;
        assert!((moved as f64) < 1.3 * fair + 20.0, "{moved} moved to {new} of {size}");
    }
}

/// A doubled weight only draws keys to itself, even from an even set of weights.
#[test]
fn a_weight_raised_moves_keys_only_to_it() {
    let before = Scene::new(&[10; 6]);
    let after = Scene::new(&[10, 10, 10, 20, 10, 10]);
    for (key, (old, new)) in homes(&before).iter().zip(homes(&after)).enumerate() {
        assert!(*old == new || *new == after.names[3], "key {key} moved from {old} to {new}");
    }
}

/// An endpoint that is away lends its keys to all others and gets them back.
#[test]
fn an_absent_endpoint_lends_only_its_keys() {
    let mut scene = Scene::new(&[100; 50]);
    let mut balancer = scene.balancer(&hash(1.25), 0);
    let before: Vec<usize> = (0..5_000).map(|key| home(&mut balancer, &scene, key)).collect();
    scene.available[7] = false;
    let mut lent = vec![0; 50];
    for (key, old) in before.iter().enumerate() {
        let now = home(&mut balancer, &scene, key as u64);
        assert!(*old == 7 || *old == now, "key {key}");
        lent[now] += usize::from(*old == 7);
    }
    assert!(lent.iter().filter(|count| **count > 0).count() > 30, "{lent:?}");
    scene.available[7] = true;
    for (key, old) in before.iter().enumerate() {
        assert_eq!(home(&mut balancer, &scene, key as u64), *old);
    }
}

/// The same address twice in the list: both get their share.
#[test]
fn namesakes_share() {
    let mut scene = Scene::new(&[1, 1, 1]);
    scene.names[1] = scene.names[0].clone();
    let mut balancer = scene.balancer(&hash(1.25), 0);
    let mut counts = [0; 3];
    for key in 0..3_000 {
        counts[home(&mut balancer, &scene, key)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 900), "{counts:?}");
}

/// Most requests carry one of a few keys; still nobody gets more than the bound allows.
#[test]
fn the_load_bound_holds_under_skewed_keys() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut scene = Scene::random(&mut random, 20, 10);
        scene.weights[0] += 1;
        let total = scene.total() as f64;
        let bound = 1.0 + random.below(100) as f64 / 100.0;
        let mut balancer = scene.balancer(&hash(bound), seed);
        for under_way in 0..500 {
            let key = if random.below(10) < 8 { random.below(2) } else { random.next() };
            let chosen = home(&mut balancer, &scene, key);
            let share = f64::from(under_way) * f64::from(scene.weights[chosen]) / total;
            let load = f64::from(scene.in_flight[chosen]);
            assert!(
                load <= bound * share + 1.0 + 1e-9,
                "seed {seed}: {load} over {share} * {bound}"
            );
            scene.in_flight[chosen] += 1;
        }
    }
}

/// A bound below 1 or none at all is read as 1: such a bound would pass every key on.
#[test]
fn a_senseless_bound_still_chooses() {
    for bound in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        let mut scene = Scene::new(&[1, 1]);
        scene.in_flight = vec![9, 9];
        let mut balancer = scene.balancer(&hash(bound), 0);
        let first = home(&mut balancer, &scene, 1);
        assert_eq!(home(&mut balancer, &scene, 1), first, "{bound}");
    }
}

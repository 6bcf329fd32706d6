//! What is found, what is replaced, and what readers see meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn key(pepper: &Pepper, key: &str) -> Stated {
    Stated {
        proof: Proof::Key,
        digest: pepper.digest(Proof::Key, key.as_bytes()),
        label: None,
        expires: None,
        material: Material::None,
    }
}

fn entry(pepper: &Pepper, name: &str, keys: &[&str]) -> Entry {
    Entry {
        name: name.into(),
        external_id: None,
        groups: Box::default(),
        tags: Box::default(),
        is_disabled: false,
        credentials: keys.iter().map(|one| key(pepper, one)).collect(),
    }
}

fn whole(put: Vec<Entry>) -> Change {
    Change { put, whole: true, ..Change::default() }
}

fn change(
    directory: &Directory,
    source: &str,
    pepper: &Pepper,
    change: Change,
) -> Result<(), Vec<Conflict>> {
    directory.change(pepper, vec![Change { source: source.into(), ..change }])
}

fn owner(directory: &Directory, key: &str) -> Option<String> {
    directory.key(key.as_bytes()).map(|found| found.consumer.name.to_string())
}

#[test]
fn keys_are_found_as_the_last_change_says() {
    let (directory, pepper) = (Directory::default(), Pepper::new("salt"));
    let both = vec![entry(&pepper, "a", &["k1", "k2"]), entry(&pepper, "b", &["k3"])];
    change(&directory, "file", &pepper, whole(both)).unwrap();
    assert_eq!(owner(&directory, "k2").as_deref(), Some("a"));
    assert_eq!(directory.count(), Count { consumers: 2, credentials: 3 });
    assert!(directory.named(Proof::Password, b"k1").is_none(), "a key is no user name");
    // One key moves, one goes, in one step.
    let moved = vec![entry(&pepper, "a", &["k3"]), entry(&pepper, "b", &["k1"])];
    change(&directory, "file", &pepper, whole(moved)).unwrap();
    let owners = ["k1", "k2", "k3"].map(|key| owner(&directory, key));
    assert_eq!(owners, [Some("b".to_owned()), None, Some("a".to_owned())]);
    let gone = Change { gone: vec!["a".into(), "unknown".into()], ..Change::default() };
    change(&directory, "file", &pepper, gone).unwrap();
    assert_eq!(directory.count(), Count { consumers: 1, credentials: 1 });
    assert!(directory.consumer("a").is_none() && directory.consumer("b").is_some());
}

#[test]
fn sources_do_not_take_from_each_other() {
    let (directory, pepper) = (Directory::default(), Pepper::new(""));
    change(&directory, "file", &pepper, whole(vec![entry(&pepper, "a", &["k1"])])).unwrap();
    let credential = |one: &str, other: &str| Conflict::Credential {
        proof: Proof::Key,
        one: one.into(),
        other: other.into(),
    };
    for (put, conflicts) in [
        (vec![entry(&pepper, "a", &["k2"])], vec![Conflict::Consumer("a".into())]),
        (vec![entry(&pepper, "b", &["k1"])], vec![credential("a", "b")]),
        (vec![entry(&pepper, "b", &["k2", "k2"])], vec![credential("b", "b")]),
        (
            vec![entry(&pepper, "b", &["k2"]), entry(&pepper, "b", &[])],
            vec![Conflict::Consumer("b".into())],
        ),
    ] {
        assert_eq!(change(&directory, "other", &pepper, whole(put)), Err(conflicts));
        assert_eq!(directory.count(), Count { consumers: 1, credentials: 1 }, "nothing changed");
    }
    change(&directory, "other", &pepper, whole(vec![entry(&pepper, "b", &["k2"])])).unwrap();
    change(&directory, "other", &pepper, whole(Vec::new())).unwrap();
    assert_eq!(owner(&directory, "k1").as_deref(), Some("a"), "the other source still says it");
    // It is free again once its source has let it go.
    change(&directory, "file", &pepper, whole(Vec::new())).unwrap();
    change(&directory, "other", &pepper, whole(vec![entry(&pepper, "a", &["k1"])])).unwrap();
}

#[test]
fn many_conflicts_are_told_in_part() {
    let (directory, pepper) = (Directory::default(), Pepper::new(""));
    let all: Vec<Entry> = (0..100).map(|_| entry(&pepper, "same", &[])).collect();
    assert_eq!(change(&directory, "a", &pepper, whole(all)).unwrap_err().len(), CONFLICTS_MAX);
}

#[test]
fn another_pepper_begins_anew() {
    let directory = Directory::default();
    let (old, new) = (Pepper::new("old"), Pepper::new("new"));
    assert_ne!(old.mark(), new.mark());
    change(&directory, "a", &old, whole(vec![entry(&old, "a", &["k1"])])).unwrap();
    change(&directory, "b", &old, whole(vec![entry(&old, "b", &["k2"])])).unwrap();
    change(&directory, "a", &new, whole(vec![entry(&new, "b", &["k1"])])).unwrap();
    assert_eq!((owner(&directory, "k1").as_deref(), owner(&directory, "k2")), (Some("b"), None));
}

#[test]
fn what_is_no_longer_good() {
    let (directory, pepper) = (Directory::default(), Pepper::new(""));
    let mut one = entry(&pepper, "a", &["k1"]);
    one.credentials[0].expires = Some(1000);
    change(&directory, "a", &pepper, whole(vec![one.clone()])).unwrap();
    let found = directory.key(b"k1").unwrap();
    assert!(found.is_good(999) && !found.is_good(1000));
    assert_eq!(found.last_used(), None);
    found.used(900);
    found.used(800);
    one.is_disabled = true;
    change(&directory, "a", &pepper, whole(vec![one])).unwrap();
    let found = directory.key(b"k1").unwrap();
    assert_eq!((found.last_used(), found.is_good(999)), (Some(900), false));
}

#[test]
fn nothing_secret_is_shown() {
    let (directory, pepper) = (Directory::default(), Pepper::new("hush"));
    let mut one = entry(&pepper, "a", &["k1"]);
    one.credentials[0].material = Material::Password("hush".into());
    let shown = format!("{pepper:?} {one:?}");
    change(&directory, "a", &pepper, whole(vec![one])).unwrap();
    let found = directory.key(b"k1").unwrap();
    let shown = format!("{shown} {directory:?} {found:?} {}", found.id());
    assert!(!shown.contains("hush") && !shown.contains("k1"), "{shown}");
    assert!(found.id().starts_with("key-") && found.id().len() == 16, "{}", found.id());
    let digest = pepper.digest(Proof::Key, b"k1");
    assert_eq!(Digest::from_text(&digest.text()), Some(digest));
    assert_eq!(Digest::from_text("12"), None);
}

/// Ten thousand changes beside readers: a key belongs to one of two consumers at every moment, and
/// whoever looks finds it.
#[test]
fn readers_never_see_half_a_change() {
    let (directory, pepper) = (Arc::new(Directory::default()), Pepper::new(""));
    let many = (0..5000).map(|number| {
        let key = format!("other {number}");
        entry(&pepper, &format!("other {number}"), &[&key])
    });
    change(&directory, "many", &pepper, whole(many.collect())).unwrap();
    let with = |name: &str| whole(vec![entry(&pepper, name, &["moving"])]);
    change(&directory, "file", &pepper, with("one")).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (directory, done) = (Arc::clone(&directory), Arc::clone(&done));
        move || {
            let mut looks = 0u64;
            while !done.load(Ordering::Relaxed) {
                let owner = owner(&directory, "moving").expect("it is always there");
                assert!(owner == "one" || owner == "other", "{owner}");
                assert!(directory.key(b"other 4999").is_some());
                looks += 1;
            }
            looks
        }
    });
    for round in 0..10_000 {
        let name = if round % 2 == 0 { "other" } else { "one" };
        change(&directory, "file", &pepper, with(name)).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
    assert_eq!(directory.count(), Count { consumers: 5001, credentials: 5001 });
}

#[test]
fn a_consumer_is_found_by_what_it_is_called_elsewhere_if_it_is_the_only_one() {
    let (directory, pepper) = (Directory::default(), Pepper::new("salt"));
    let called =
        |name: &str, id: &str| Entry { external_id: Some(id.into()), ..entry(&pepper, name, &[]) };
    let found =
        |id: &str| directory.consumer_by_external_id(id).map(|consumer| consumer.name.to_string());
    let put =
        |put| change(&directory, "file", &pepper, Change { put, ..Change::default() }).unwrap();
    put(vec![called("a", "1"), called("b", "2"), entry(&pepper, "3", &[])]);
    assert_eq!([found("1"), found("2"), found("3")], [Some("a".into()), Some("b".into()), None]);
    put(vec![called("b", "1")]);
    assert_eq!([found("1"), found("2")], [None, None], "which one is not clear");
    put(vec![called("a", "2")]);
    assert_eq!([found("1"), found("2")], [Some("b".into()), Some("a".into())]);
    change(&directory, "file", &pepper, whole(vec![called("c", "2")])).unwrap();
    assert_eq!([found("1"), found("2")], [None, Some("c".into())]);
    change(&directory, "file", &Pepper::new("other"), Change::default()).unwrap();
    assert_eq!(found("2"), None);
}

/// The time of a search in vain says nothing of how much of a key was right: sought is a digest. Compared
/// are medians of searches that take turns, so that a busy machine slows both alike; a comparison of the
/// keys themselves, letter by letter, would tell 4,096 right ones from none many times over.
#[test]
fn how_much_of_a_key_is_right_takes_no_time() {
    const ROUNDS: usize = 400;
    let (directory, pepper) = (Directory::default(), Pepper::new("salt"));
    let right = "k".repeat(4096);
    let others: Vec<String> = (0..1_000).map(|number| format!("key-{number}")).collect();
    let mut entries: Vec<Entry> =
        others.iter().map(|one| entry(&pepper, one, &[one.as_str()])).collect();
    entries.push(entry(&pepper, "a", &[&right]));
    change(&directory, "file", &pepper, whole(entries)).unwrap();
    let most = "k".repeat(4095);
    let (nearly, far) = (format!("{most}x"), format!("x{most}"));
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (wrong, times) in [&nearly, &far].into_iter().zip(&mut times) {
            let began = std::time::Instant::now();
            assert!(directory.key(wrong.as_bytes()).is_none());
            times.push(began.elapsed());
        }
    }
    let [nearly, far] = times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2].as_secs_f64()
    });
    assert!((0.5..2.0).contains(&(nearly / far)), "{nearly} {far}");
}

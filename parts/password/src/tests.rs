//! What is good, what is remembered, and what is too much.

use super::*;

/// With little work, so that tests are short.
fn cheap(password: &str) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    argon2.hash_password(password.as_bytes()).unwrap().to_string()
}

fn claim<'a>(user: &'a str, password: &'a str, hash: Option<&'a str>) -> Claim<'a> {
    Claim { user: user.as_bytes(), password: password.as_bytes(), hash }
}

fn wait(check: Check) -> Checked {
    match check {
        Check::Now(checked) => checked,
        Check::Later(pending) => {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(pending)
        }
    }
}

#[test]
fn passwords_are_right_or_wrong() {
    let (right, other) = (cheap("right"), cheap("other"));
    for checker in [Checker::default(), Checker::start(2).unwrap()] {
        let check = |user, password, hash| wait(checker.check(claim(user, password, hash), 1));
        assert_eq!(check("a", "right", Some(&right)), Checked::Good);
        assert_eq!(check("a", "wrong", Some(&right)), Checked::Wrong);
        assert_eq!(check("a", "right", Some(&other)), Checked::Wrong, "the hash has changed");
        assert_eq!(check("a", "", Some(&right)), Checked::Wrong);
        assert_eq!(check("a", "right", Some("nonsense")), Checked::Wrong);
        assert_eq!(check("nobody", "right", None), Checked::Wrong);
        assert_eq!(check("", "", None), Checked::Wrong);
    }
}

#[test]
fn what_was_good_is_remembered_for_exactly_that() {
    let hash = cheap("right");
    let checker = Checker::start(1).unwrap();
    let is_now = |claim, now| matches!(checker.check(claim, now), Check::Now(Checked::Good));
    let good = claim("a", "right", Some(&hash));
    assert_eq!(wait(checker.check(good, 1)), Checked::Good);
    assert!(is_now(good, 2));
    let other = cheap("right");
    for not in [
        claim("b", "right", Some(&hash)),
        claim("a", "righ", Some(&hash)),
        claim("ar", "ight", Some(&hash)),
        claim("a", "right", Some(&other)),
        claim("a", "right", None),
    ] {
        assert!(!is_now(not, 3));
    }
    // It comes again every five minutes, and stays; then it does not.
    assert!((1..10).all(|round| is_now(good, round * 300)));
    assert!(is_now(claim("a", "right", Some(&hash)), 3300));
    let wrong = claim("x", "x", Some(&hash));
    assert_eq!(wait(checker.check(wrong, 3300)), Checked::Wrong);
    for round in 1..40 {
        // Others come meanwhile, in every part of the memory.
        for user in 0..64 {
            let _none = checker.remembered.get(&[user; 16], 3300 + round * 300);
        }
    }
    assert!(!is_now(good, 3300 + 40 * 300));
}

#[test]
fn only_so_many_wait() {
    // Nobody takes them.
    let (jobs, _waiting) = sync_channel(2);
    let checker = Checker { jobs: Some(jobs), ..Checker::default() };
    let check = || checker.check(claim("a", "b", None), 1);
    let waiting = [check(), check()];
    assert!(waiting.iter().all(|one| matches!(one, Check::Later(_))));
    assert!(matches!(check(), Check::Now(Checked::Busy)));
}

#[test]
fn hashes_that_cannot_be_checked_are_told() {
    assert_eq!(check_hash(NOBODY), Ok(()));
    assert_eq!(check_hash(&hash(b"x").unwrap()), Ok(()));
    for (hash, words) in [
        ("", "no PHC string"),
        ("hunter2", "no PHC string"),
        ("$2b$10$abcdefghijklmnopqrstuv", "no"),
        ("$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU", "no hash of Argon2"),
        (&NOBODY.replace("m=19456", "m=4194304"), "256 MiB"),
        (&NOBODY.replace("t=2", "t=100"), "rounds"),
        (&NOBODY.replace("argon2id", "pbkdf2"), "no hash of Argon2"),
    ] {
        let problem = check_hash(hash).unwrap_err();
        assert!(problem.contains(words), "{hash}: {problem}");
    }
    assert_ne!(hash(b"x").unwrap(), hash(b"x").unwrap(), "each has a salt of its own");
}

//! What is fetched when, and what is kept.

use std::time::{Duration, Instant};

use yumen_courier::Url;
use yumen_jose::KeySet;

use super::*;
use crate::fetch::{Fetched, max_age, place_of_keys};

const FIRST: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const NONE: &[u8] = br#"{"keys":[]}"#;

fn source(url: &str) -> Source {
    Source { url: Url::read(url).unwrap(), client: None, issuer: None }
}

fn fetched(document: &[u8], lifetime: u64) -> Result<Fetched, String> {
    let keys = KeySet::from_json(document).unwrap();
    let lifetime = Duration::from_secs(lifetime);
    Ok(Fetched { keys, metadata: None, document: document.to_vec(), lifetime })
}

fn failed() -> Result<Fetched, String> {
    Err("it is down".to_owned())
}

#[test]
fn a_source_is_followed_once_and_let_go_of() {
    let (sets, _keeper) = KeySets::new();
    let first = sets.follow(&source("http://127.0.0.1:1/a")).unwrap();
    let again = sets.follow(&source("http://127.0.0.1:1/a")).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let other = sets.follow(&source("http://127.0.0.1:1/b")).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(sets.0.live().len(), 2);
    drop((first, again));
    assert_eq!(sets.0.live().len(), 1);
    let follow = |one| sets.follow(&source(&format!("http://127.0.0.1:1/{one}")));
    let many: Vec<_> = (1..REMOTES_MAX).map(|one| follow(one).unwrap()).collect();
    assert!(follow(REMOTES_MAX).is_none(), "{}", many.len());
}

#[test]
fn a_set_is_fetched_when_it_is_due_or_wanted() {
    let (sets, _keeper) = KeySets::new();
    let remote = sets.follow(&source("http://127.0.0.1:1/a")).unwrap();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(remote.renew_at(at(0)).is_some(), "the first one is on its way");
    assert_eq!(remote.begin(at(0)), Ok(()));
    assert_eq!(remote.begin(at(0)), Err(None), "one at a time");
    assert!(remote.renew_at(at(1)).is_some());
    assert!(remote.end(fetched(FIRST, 900), at(1), 0).unwrap().contains("has 1 keys"));
    assert_eq!(remote.begin(at(900)), Err(Some(at(901))));
    // Whoever asks for a key that is not there is heard once in a while.
    assert!(remote.renew_at(at(29)).is_none());
    assert_eq!(remote.begin(at(29)), Err(Some(at(901))));
    assert!(remote.renew_at(at(30)).is_some());
    assert_eq!(remote.begin(at(30)), Ok(()));
    let generation = |remote: &Remote| remote.present().as_ref().map(|present| present.generation);
    assert_eq!(remote.end(fetched(FIRST, 900), at(30), 0), None);
    assert_eq!(generation(&remote), Some(1), "it is the same set");
    assert!(remote.renew_at(at(59)).is_none());
    assert_eq!(remote.begin(at(930)), Ok(()));
    assert!(remote.end(fetched(NONE, 900), at(930), 0).unwrap().contains("no key"));
    assert_eq!(generation(&remote), Some(2));
}

#[test]
fn the_last_good_set_is_kept_for_a_day() {
    let (sets, _keeper) = KeySets::new();
    let remote = sets.follow(&source("http://127.0.0.1:1/a?secret")).unwrap();
    let start = Instant::now();
    let day = STALE_MAX.as_secs();
    let at = |seconds| start + Duration::from_secs(seconds);
    let end = |outcome, seconds| {
        assert_eq!(remote.begin(at(seconds)), Ok(()), "{seconds}");
        remote.end(outcome, at(seconds), u64::MAX)
    };
    let none = end(failed(), 0).unwrap();
    assert!(none.contains("there is none yet") && !none.contains("secret"), "{none}");
    assert_eq!(end(failed(), 1), None, "it is told once");
    end(fetched(FIRST, 60), 10);
    assert!(end(failed(), 70).unwrap().contains("the last one is kept"));
    assert_eq!(end(failed(), 200), None);
    assert!(remote.present().is_some());
    assert_eq!(end(failed(), day + 9), None);
    assert!(remote.present().is_some());
    assert!(end(failed(), day + 80).unwrap().contains("too old"));
    assert!(remote.present().is_none());
    assert!(end(fetched(FIRST, 60), day + 200).is_some());
    assert_eq!(remote.present().as_ref().unwrap().generation, 2);
}

#[test]
fn a_server_says_how_long_its_set_is_good() {
    for (value, expect) in [
        ("max-age=300", Some(300)),
        ("public, max-age=\"300\", must-revalidate", Some(300)),
        ("Max-Age=300", Some(300)),
        ("no-store", Some(0)),
        ("no-cache, max-age=300", Some(0)),
        ("max-age=99999999999999999999999", Some(u64::MAX)),
        ("max-age=-1", None),
        ("max-age=", None),
        ("s-maxage=300", None),
        ("", None),
    ] {
        assert_eq!(max_age(value.as_bytes()), expect.map(Duration::from_secs), "{value}");
    }
}

#[test]
fn without_a_keeper_there_is_nothing_to_wait_for() {
    let sets = KeySets::default();
    let remote = sets.follow(&source("http://127.0.0.1:1/a")).unwrap();
    assert!(remote.renew().is_none() && remote.present().is_none());
}

#[test]
fn metadata_is_of_its_issuer_and_says_where_the_keys_are() {
    let check = |from: &str, document: &str| {
        let source = Source { issuer: Some("https://id.example".to_owned()), ..source(from) };
        let (found, url) = place_of_keys(&source, document.as_bytes())?;
        assert_eq!(found.get("issuer").and_then(|one| one.as_str()), Some("https://id.example"));
        Ok(format!("{}{}", url.target, url.path))
    };
    let (https, http) = ("https://id.example/.well-known/x", "http://127.0.0.1:1/x");
    let good = r#"{"issuer":"https://id.example","jwks_uri":"https://keys.example/a"}"#;
    let clear = r#"{"issuer":"https://id.example","jwks_uri":"http://127.0.0.1:1/a"}"#;
    for (from, document, expect) in [
        (https, good, Ok("https://keys.example/a")),
        (http, clear, Ok("http://127.0.0.1:1/a")),
        (https, clear, Err("in clear text")),
        (
            https,
            r#"{"issuer":"https://id.example/","jwks_uri":"https://a/"}"#,
            Err("of another issuer"),
        ),
        (
            https,
            r#"{"issuer":["https://id.example"],"jwks_uri":"https://a/"}"#,
            Err("another issuer"),
        ),
        (https, r#"{"jwks_uri":"https://a/"}"#, Err("another issuer")),
        (https, r#"{"issuer":"https://id.example"}"#, Err("jwks_uri")),
        (https, r#"{"issuer":"https://id.example","jwks_uri":"ftp://a"}"#, Err("jwks_uri")),
        (https, r#"{"issuer":"https://id.example","issuer":"https://id.example"}"#, Err("no JSON")),
        (https, "[]", Err("no JSON")),
        (https, "<html>", Err("no JSON")),
    ] {
        match (check(from, document), expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{document}"),
            (Err::<_, String>(why), Err(words)) => {
                assert!(why.contains(words), "{document}: {why}");
            }
            (found, _) => panic!("{document}: {found:?}"),
        }
    }
}

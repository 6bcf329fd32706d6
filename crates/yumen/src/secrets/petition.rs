//! What one configuration refers to: each secret is asked for once, all within one time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use yumen_model::document::{NoSecret, Source};
use yumen_vault::{Fault, Secret};

use super::copies::Opened;
use super::{SECRETS_MAX, Secrets, WITHIN};

/// How often whoever waits may do something else.
const TURN: Duration = Duration::from_millis(200);
/// How much longer the wait is than what the thread was given.
const GRACE: Duration = Duration::from_secs(1);
/// What a reference begins with.
const BEGIN: &str = "${vault:";

/// A value that the configuration refers to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) path: String,
    pub(crate) key: String,
    /// `None` if it cannot be had.
    pub(crate) value: Option<String>,
    /// Whether Vault has just said so.
    pub(crate) is_fresh: bool,
}

/// Without the value.
impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").field("path", &self.path).finish_non_exhaustive()
    }
}

type Found = HashMap<String, Result<Arc<Secret>, Fault>>;

/// What one configuration refers to. Whoever compiles it, wherever and however often, finds the same
/// answers here.
#[derive(Debug)]
pub(crate) struct Petition {
    secrets: Arc<Secrets>,
    /// Good in place of a server that is away.
    copies: Opened,
    ends: OnceLock<Instant>,
    found: Mutex<Found>,
    wanted: Mutex<BTreeMap<(String, String), Wanted>>,
}

impl Petition {
    pub(super) fn new(secrets: Arc<Secrets>) -> Self {
        Self {
            secrets,
            copies: Opened::default(),
            ends: OnceLock::new(),
            found: Mutex::default(),
            wanted: Mutex::default(),
        }
    }

    /// The same answers, and copies for those who are missing because the server is away.
    pub(crate) fn with_copies(self, copies: Opened) -> Self {
        Self { copies, wanted: Mutex::default(), ..self }
    }

    /// Asks at once for all that these sources seem to refer to; does something else in between. What
    /// they refer to in a form that is not seen here is asked for when it is read.
    pub(crate) fn gather(&self, sources: &[Source], meanwhile: impl FnMut()) {
        let paths: HashSet<&str> =
            sources.iter().flat_map(|source| mentioned(&source.text)).collect();
        let mut found = self.found();
        let mut paths: Vec<String> = paths
            .into_iter()
            .filter(|path| !found.contains_key(*path))
            .map(str::to_owned)
            .collect();
        paths.sort();
        if !paths.is_empty() {
            self.ask(&paths, &mut found, meanwhile);
        }
    }

    /// The value of a key.
    pub(crate) fn value(&self, path: &str, key: &str) -> Result<String, NoSecret> {
        let answer = {
            let mut found = self.found();
            if !found.contains_key(path) {
                self.ask(&[path.to_owned()], &mut found, || ());
            }
            found.get(path).cloned()
        };
        let missing = || Err(Fault::wrong("nobody has asked for it", "this is a bug"));
        let fresh = match answer.unwrap_or_else(missing) {
            Ok(secret) => secret.value(key).map(str::to_owned),
            Err(fault) => Err(fault),
        };
        let is_fresh = fresh.is_ok();
        let value = fresh.or_else(|fault| {
            let copy = if fault.is_away() { self.copies.value(path, key) } else { None };
            copy.ok_or(fault)
        });
        let wanted = Wanted {
            path: path.to_owned(),
            key: key.to_owned(),
            value: value.as_ref().ok().cloned(),
            is_fresh,
        };
        self.all_wanted().insert((path.to_owned(), key.to_owned()), wanted);
        value.map_err(|Fault { why, hint, .. }| NoSecret { why, hint })
    }

    /// Why secrets that were wanted cannot be had, if that may pass by itself.
    pub(crate) fn away(&self) -> Option<String> {
        let wanted = self.all_wanted();
        let found = self.found();
        let mut faults = wanted.values().filter(|one| one.value.is_none()).filter_map(|one| {
            let fault = found.get(&one.path)?.as_ref().err()?;
            fault.is_away().then(|| fault.why.clone())
        });
        faults.next()
    }

    /// All values that were wanted, in the order of their paths.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        self.all_wanted().values().cloned().collect()
    }

    /// The values, sealed, to be kept; nothing if there is no key for that.
    pub(crate) fn sealed(&self) -> Vec<(String, String)> {
        self.secrets.copies.seal(&self.wanted())
    }

    fn ask(&self, paths: &[String], found: &mut Found, mut meanwhile: impl FnMut()) {
        let are_too_many = paths.len() + found.len() > SECRETS_MAX;
        let mut fail = |fault: Fault| {
            found.extend(paths.iter().map(|path| (path.clone(), Err(fault.clone()))));
        };
        if are_too_many {
            let why = format!("there are more than {SECRETS_MAX} secrets");
            return fail(Fault::wrong(why, "keep several values in one secret, as its keys"));
        }
        let ends = *self.ends.get_or_init(|| Instant::now() + WITHIN);
        let answers = match self.secrets.read(paths.to_vec(), ends) {
            Ok(answers) => answers,
            Err(fault) => return fail(fault),
        };
        loop {
            match answers.recv_timeout(TURN) {
                Ok(answers) => {
                    found.extend(paths.iter().cloned().zip(answers));
                    return;
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() < ends + GRACE => meanwhile(),
                Err(_) => {
                    let why = format!("Vault has not answered within {WITHIN:?}");
                    return fail(Fault::away(why, "see why it is slow"));
                }
            }
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        // Entries are put there whole.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_wanted(&self) -> MutexGuard<'_, BTreeMap<(String, String), Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The paths of all that looks like a reference to a secret.
fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    text.split(BEGIN).skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once('}')?;
        let (path, key) = inside.split_once('#')?;
        (!path.is_empty() && !key.is_empty() && !inside.contains('\n')).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stands_in_for_a_server_that_is_away_and_no_other() {
        let asked = || {
            let petition = Arc::<Secrets>::default().petition();
            petition.found().extend([
                ("a/away".to_owned(), Err(Fault::away("it is away", "wait"))),
                ("a/gone".to_owned(), Err(Fault::wrong("it is gone", "write it"))),
            ]);
            petition
        };
        let copies = ["a/away#k", "a/gone#k"].map(|id| (id.to_owned(), "kept-s3cret".to_owned()));
        let petition = asked();
        assert!(petition.value("a/away", "k").is_err());
        assert_eq!(petition.away().as_deref(), Some("it is away"));
        let petition = asked().with_copies(Opened(copies.into_iter().collect()));
        assert_eq!(petition.value("a/away", "k").as_deref(), Ok("kept-s3cret"));
        assert_eq!(petition.value("a/gone", "k").unwrap_err().why, "it is gone");
        assert!(petition.value("a/away", "other").is_err());
        assert_eq!(
            petition.away().as_deref(),
            Some("it is away"),
            "of the other key there is no copy"
        );
        let wanted = petition.wanted();
        assert_eq!(wanted.iter().filter(|one| one.value.is_some()).count(), 1);
        assert!(wanted.iter().all(|one| !one.is_fresh));
        assert!(!format!("{petition:?}").contains("s3cret"));
    }

    #[test]
    fn there_are_not_too_many_secrets() {
        let text: String = (0..=SECRETS_MAX).map(|one| format!("${{vault:a/{one}#k}} ")).collect();
        let petition = Arc::<Secrets>::default().petition();
        petition.gather(&[Source { name: "a.yaml".to_owned(), text }], || ());
        let fault = petition.value("a/0", "k").unwrap_err();
        assert_eq!(fault.why, format!("there are more than {SECRETS_MAX} secrets"));
        assert_eq!(petition.away(), None);
        assert_eq!(petition.wanted().len(), 1, "what is not referred to is not followed");
    }

    #[test]
    fn references_are_found_before_they_are_read() {
        let text = "a: ${vault:secret/a#x}-${vault:secret/b c#y z}\nb: '$${vault:d/e#f}' # ${vault:g/h#i}\n\
            ${vault:} ${vault:#x} ${vault:a/b#} ${vault:a/b} ${env:A} ${vault:j/k\n#l} ${vault:m/n#o";
        assert_eq!(mentioned(text).collect::<Vec<_>>(), ["secret/a", "secret/b c", "d/e", "g/h"]);
    }
}

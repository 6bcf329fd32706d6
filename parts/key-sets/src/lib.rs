//! Key sets of issuers (JWKS) that are fetched from a server, kept, and fetched again.
//!
//! Whoever verifies tokens [follows](KeySets::follow) a source and reads what is [present](Remote::present)
//! without a lock. A [`Keeper`], on a thread of its own, fetches what is followed, for as long as
//! somebody does. A set that was fetched once is kept while the server is down, for [`STALE_MAX`].

mod fetch;
mod keeper;
mod remote;
#[cfg(test)]
mod tests;

pub use keeper::Keeper;
pub use remote::{Present, Remote, Renewal, Source};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

/// Sets that are followed at once.
pub const REMOTES_MAX: usize = 64;
/// How long a set is good if its server does not say, at least, and at most.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// See [`LIFETIME`].
pub const LIFETIME_MIN: Duration = Duration::from_secs(60);
/// See [`LIFETIME`].
pub const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);
/// From one fetch to the next that somebody asks for, who has seen the name of an unknown key.
pub const AGAIN: Duration = Duration::from_secs(30);
/// How long the last good set is believed while no newer one can be had.
pub const STALE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a fetch may take.
pub const WITHIN: Duration = Duration::from_secs(10);
/// How long an exchange may wait for one.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// All sets that are followed.
#[derive(Debug, Default)]
pub struct KeySets(Arc<Shared>);

/// What those who follow and the keeper share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    remotes: Mutex<Vec<Weak<Remote>>>,
    pub(crate) bell: Arc<Notify>,
    has_keeper: AtomicBool,
}

impl Shared {
    fn remotes(&self) -> MutexGuard<'_, Vec<Weak<Remote>>> {
        // Whoever panicked while it was held has left whole entries.
        self.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are still followed.
    pub(crate) fn live(&self) -> Vec<Arc<Remote>> {
        let mut remotes = self.remotes();
        remotes.retain(|one| one.strong_count() > 0);
        remotes.iter().filter_map(Weak::upgrade).collect()
    }
}

impl KeySets {
    /// With one who fetches them. Without ([`KeySets::default`]) no set ever comes.
    #[must_use]
    pub fn new() -> (Self, Keeper) {
        let shared = Arc::<Shared>::default();
        shared.has_keeper.store(true, Ordering::Relaxed);
        (Self(Arc::clone(&shared)), Keeper::new(shared))
    }

    /// Follows a source: its set is there until the last one lets go of it. `None` if as many are
    /// followed as may be.
    #[must_use]
    pub fn follow(&self, source: &Source) -> Option<Arc<Remote>> {
        let mut remotes = self.0.remotes();
        remotes.retain(|one| one.strong_count() > 0);
        let known = remotes.iter().filter_map(Weak::upgrade).find(|one| one.source() == source);
        if known.is_some() {
            return known;
        }
        if remotes.len() >= REMOTES_MAX {
            return None;
        }
        let has_keeper = self.0.has_keeper.load(Ordering::Relaxed);
        let remote =
            Arc::new(Remote::new(source.clone(), has_keeper.then(|| Arc::clone(&self.0.bell))));
        remotes.push(Arc::downgrade(&remote));
        drop(remotes);
        self.0.bell.notify_one();
        Some(remote)
    }
}

//! Checks passwords against their hashes (Argon2, RFC 9106), on threads of its own, and remembers those that
//! were good.
//!
//! A check takes some tens of milliseconds by design: no worker may make one, and only so many may
//! wait. What was good is remembered as a keyed digest of everything that it depended on, so that a
//! changed hash is checked anew.

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use tokio::sync::oneshot;
use yumen_kept::{Kept, Room, Ticket};

/// Checks that may wait for a thread; further ones are not made.
pub const WAITING_MAX: usize = 64;
/// The most memory that one check may take, in KiB, and how often it may go through it.
pub const MEMORY_MAX: u32 = 256 << 10;
/// See [`MEMORY_MAX`].
pub const ROUNDS_MAX: u32 = 16;

/// Claims that are remembered once they were good.
const REMEMBERED: Room = Room::of(8192);

/// What is checked for users who do not exist, so that it takes as long: a hash with the parameters
/// that [`hash`] uses, of nobody's password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$eoB1oQnxJnZbA6nCEkLrHZv8fjo0Lq5CPLrvYJ6MQiY";

/// What somebody claims.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// Who they say they are.
    pub user: &'a [u8],
    /// The password that they say.
    pub password: &'a [u8],
    /// The hash of the right one, in the PHC string format; `None` if there is no such user, who is
    /// wrong after as long a time.
    pub hash: Option<&'a str>,
}

/// Without what is secret in it.
impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The password is right.
    Good,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many checks were waiting.
    Busy,
}

/// A check: made, or under way.
#[derive(Debug)]
pub enum Check {
    /// It was remembered, or cannot be made.
    Now(Checked),
    /// A thread makes it.
    Later(Pending),
}

/// A check that is under way.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Checked>);

impl Future for Pending {
    type Output = Checked;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Checked> {
        // Whoever was to answer is gone: the process is ending.
        Pin::new(&mut self.0).poll(context).map(|checked| checked.unwrap_or(Checked::Busy))
    }
}

/// Claims that were good.
type Remembered = Kept<()>;

/// Checks passwords.
pub struct Checker {
    remembered: Arc<Remembered>,
    /// To the threads; without any, checks are made where they are asked for.
    jobs: Option<SyncSender<Job>>,
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("has_threads", &self.jobs.is_some()).finish_non_exhaustive()
    }
}

/// Without threads: for those who check nothing, and for tests.
impl Default for Checker {
    fn default() -> Self {
        Self { remembered: Arc::new(Kept::new(REMEMBERED)), jobs: None }
    }
}

/// A check for a thread.
struct Job {
    password: Vec<u8>,
    hash: Option<String>,
    ticket: Ticket,
    /// When it was asked for.
    now: u64,
    reply: oneshot::Sender<Checked>,
}

impl Checker {
    /// With so many threads, at least one; they end when this is dropped.
    ///
    /// # Errors
    /// What the system says when it cannot start one.
    pub fn start(threads: usize) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let remembered = Arc::new(Kept::new(REMEMBERED));
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads.max(1) {
            let (remembered, waiting) = (Arc::clone(&remembered), Arc::clone(&waiting));
            let thread = thread::Builder::new().name("passwords".to_owned());
            thread.spawn(move || serve(&remembered, &waiting))?;
        }
        Ok(Self { remembered, jobs: Some(jobs) })
    }

    /// Checks a claim, at this second since 1970.
    #[must_use]
    pub fn check(&self, claim: Claim<'_>, now: u64) -> Check {
        let ticket = ticket(&self.remembered, &claim);
        if claim.hash.is_some() && self.remembered.get(&ticket, now).is_some() {
            return Check::Now(Checked::Good);
        }
        let Some(jobs) = &self.jobs else {
            let checked = verify(claim.password, claim.hash);
            if checked == Checked::Good {
                self.remembered.put(ticket, (), 0, now);
            }
            return Check::Now(checked);
        };
        let (reply, checked) = oneshot::channel();
        let hash = claim.hash.map(str::to_owned);
        let job = Job { password: claim.password.to_vec(), hash, ticket, now, reply };
        match jobs.try_send(job) {
            Ok(()) => Check::Later(Pending(checked)),
            Err(_full) => Check::Now(Checked::Busy),
        }
    }
}

/// Stands for everything that a check depends on.
fn ticket(remembered: &Remembered, claim: &Claim<'_>) -> Ticket {
    let hash = claim.hash.unwrap_or_default();
    remembered.ticket_of(&[claim.user, claim.password, hash.as_bytes()])
}

fn serve(remembered: &Remembered, waiting: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while a thread waits, so that the others wait for it.
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { password, hash, ticket, now, reply }) = job else { return };
        // Nobody wants to know any more.
        if reply.is_closed() {
            continue;
        }
        let checked = verify(&password, hash.as_deref());
        if checked == Checked::Good {
            remembered.put(ticket, (), 0, now);
        }
        let _gone = reply.send(checked);
    }
}

fn verify(password: &[u8], hash: Option<&str>) -> Checked {
    let is_right = PasswordHash::new(hash.unwrap_or(NOBODY))
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
    if is_right && hash.is_some() { Checked::Good } else { Checked::Wrong }
}

/// The hash of a password, with a salt of its own: Argon2id with 19 MiB, twice, as OWASP says.
///
/// # Errors
/// In words, if the system has no random numbers.
pub fn hash(password: &[u8]) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// What is wrong with a hash, in words.
///
/// # Errors
/// If it is none of Argon2, or one whose check would take too much.
pub fn check_hash(hash: &str) -> Result<(), String> {
    let read = PasswordHash::new(hash).map_err(|error| format!("it is no PHC string: {error}"))?;
    if !read.algorithm.as_str().starts_with("argon2") || read.hash.is_none() {
        return Err("it is no hash of Argon2".to_owned());
    }
    let params = Params::try_from(&read).map_err(|error| error.to_string())?;
    if params.m_cost() > MEMORY_MAX || params.t_cost() > ROUNDS_MAX {
        return Err(format!(
            "checking it would take more than {} MiB of memory, or more than {ROUNDS_MAX} rounds",
            MEMORY_MAX >> 10
        ));
    }
    Ok(())
}

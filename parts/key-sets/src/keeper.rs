//! Fetches all sets that are followed, each when it is due.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::Shared;
use crate::fetch::fetch;
use crate::remote::Remote;

/// How long to sleep if nothing is due: somebody will ring.
const LONG: Duration = Duration::from_secs(3600);

/// Fetches what is followed. Its futures are for a current-thread runtime with time and sockets.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
}

/// A fetch that is under way. Its set is let go of when it ends, if nobody else follows it.
type Fetch = Pin<Box<dyn Future<Output = Option<String>>>>;

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Fetches and fetches again, until it is dropped. The operator is told what changes.
    pub async fn run(self, tell: impl Fn(&str)) {
        let mut under_way: Vec<Fetch> = Vec::new();
        loop {
            let now = Instant::now();
            let mut due = now + LONG;
            for remote in self.shared.live() {
                match remote.begin(now) {
                    Ok(()) => under_way.push(Box::pin(work(remote))),
                    Err(Some(later)) => due = due.min(later),
                    Err(None) => {}
                }
            }
            tokio::select! {
                () = self.shared.bell.notified() => {}
                () = tokio::time::sleep_until(due.into()) => {}
                news = ended(&mut under_way) => news.iter().for_each(|one| tell(one)),
            }
        }
    }
}

async fn work(remote: Arc<Remote>) -> Option<String> {
    let outcome = fetch(remote.source()).await;
    let now = Instant::now();
    // Those who failed together do not come back together.
    remote.end(outcome, now, RandomState::new().hash_one(0))
}

/// Waits until some fetches have ended, and says what is new of them.
async fn ended(under_way: &mut Vec<Fetch>) -> Vec<String> {
    poll_fn(|context| {
        let before = under_way.len();
        let mut news = Vec::new();
        under_way.retain_mut(|fetch| match fetch.as_mut().poll(context) {
            Poll::Ready(told) => {
                news.extend(told);
                false
            }
            Poll::Pending => true,
        });
        if under_way.len() < before { Poll::Ready(news) } else { Poll::Pending }
    })
    .await
}

//! The shipper's thread: one batch after the other, each until it is taken, refused or too old.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use yumen_courier::{Answer, Backoff, Courier, Fault, Request};

use crate::load::{Load, Manner, News, Settings};
use crate::queue::Queue;
use crate::tally::{Loss, Tally};
use crate::verdict::{Verdict, judge};

/// One shipper's work.
pub(crate) struct Round {
    courier: Courier,
    /// A request without its body.
    blank: Request,
    settings: Settings,
    queue: Arc<Queue>,
    tally: Arc<Tally>,
    backoff: Backoff,
    random: RandomState,
    asked: u64,
    /// Whether the last thing told was that it does not go well.
    is_ill: bool,
}

impl Round {
    pub(crate) fn new(
        courier: Courier,
        blank: Request,
        settings: Settings,
        queue: Arc<Queue>,
        tally: Arc<Tally>,
    ) -> Self {
        let backoff = Backoff::new(settings.bounds.pause, settings.bounds.pause_max);
        let random = RandomState::new();
        Self { courier, blank, settings, queue, tally, backoff, random, asked: 0, is_ill: false }
    }

    /// Ships until the queue is closed and empty, or its time is over.
    pub(crate) async fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(load) = queue.take().await {
            let (bytes, records) = (load.body.len(), load.records);
            if before(&queue, Box::pin(self.ship(load))).await.is_none() {
                self.tally.dropped(Loss::Closed, records);
            }
            queue.done(bytes);
        }
    }

    async fn ship(&mut self, load: Load) {
        let bounds = self.settings.bounds;
        let mut request = self.blank.clone();
        request.set_body(load.body);
        if self.settings.gzip {
            request.gzip();
        }
        loop {
            let left = bounds.age.saturating_sub(load.since.elapsed());
            if left.is_zero() {
                return self.tally.dropped(Loss::TooOld, load.records);
            }
            request.within = bounds.within.min(left);
            let answer = self.ask(&request).await;
            match judge(answer, self.settings.rejected, SystemTime::now()) {
                Verdict::Taken(rejected) => {
                    let rejected = rejected.min(load.records);
                    self.tally.sent(load.records - rejected);
                    self.tally.dropped(Loss::Refused, rejected);
                    self.recover();
                    return;
                }
                Verdict::Refused(why) => {
                    self.tally.failed();
                    self.tally.dropped(Loss::Refused, load.records);
                    if !std::mem::replace(&mut self.is_ill, true) {
                        (self.settings.tell)(News::Refused(why));
                    }
                    return;
                }
                Verdict::Again(why, asked) => {
                    let pause = self.pause_after(why, asked);
                    let now = Instant::now();
                    let end = load.since.checked_add(bounds.age).unwrap_or(now);
                    // The pause is for the server: a batch that will be too old waits all the same, and
                    // the next one comes after it.
                    tokio::time::sleep(pause.min(end.saturating_duration_since(now))).await;
                }
            }
        }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, Fault> {
        match self.settings.manner {
            Manner::Post(_) => self.courier.ask(request).await,
            Manner::Call => self.courier.call(request).await,
        }
    }

    /// A request has failed: says how long to wait.
    fn pause_after(&mut self, why: String, asked: Option<Duration>) -> Duration {
        self.tally.failed();
        if !std::mem::replace(&mut self.is_ill, true) {
            (self.settings.tell)(News::Failing(why));
        }
        self.asked = self.asked.wrapping_add(1);
        self.backoff.failed(self.random.hash_one(self.asked), asked)
    }

    fn recover(&mut self) {
        let failures = self.backoff.failures();
        self.backoff.succeeded();
        if std::mem::take(&mut self.is_ill) {
            (self.settings.tell)(News::Well(failures));
        }
    }
}

/// Does some work, unless the queue's time is over first.
async fn before<T>(queue: &Queue, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = queue.over() => None,
    }
}

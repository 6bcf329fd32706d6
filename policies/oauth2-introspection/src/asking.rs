//! Questions that are under way: one about each token, however many want to know.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use yumen_kept::Ticket;

/// Questions that are asked, or wait for their turn; who would be the next is told so.
pub(crate) const QUESTIONS_MAX: usize = 1024;
/// Requests that wait for the answer to a question of another one.
pub(crate) const WAITING_MAX: usize = 4096;
/// How often a request takes up a question that another one has let go of.
const TURNS_MAX: usize = 4;

/// Questions that are under way, and those who wait for the answers.
pub(crate) struct Asking<T> {
    under_way: Mutex<HashMap<Ticket, watch::Receiver<Option<T>>>>,
    questions: Semaphore,
    waiting: Semaphore,
}

impl<T> fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

/// What somebody is to do who wants to know.
enum Turn<T> {
    Ask(watch::Sender<Option<T>>),
    Wait(watch::Receiver<Option<T>>),
}

impl<T: Clone> Asking<T> {
    pub(crate) fn new() -> Self {
        Self {
            under_way: Mutex::default(),
            questions: Semaphore::new(QUESTIONS_MAX),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }

    /// The answer to a question, which is asked if nobody does so already; `None` if too many ask or
    /// wait. If whoever asks goes away meanwhile, one of those who wait asks instead.
    pub(crate) async fn hear(&self, about: Ticket, ask: impl Future<Output = T>) -> Option<T> {
        for _ in 0..TURNS_MAX {
            match self.turn(about) {
                Turn::Ask(tell) => {
                    let _question = self.questions.try_acquire().ok()?;
                    let heard = ask.await;
                    self.under_way().remove(&about);
                    tell.send_replace(Some(heard.clone()));
                    return Some(heard);
                }
                Turn::Wait(mut told) => {
                    let _place = self.waiting.try_acquire().ok()?;
                    if let Ok(heard) = told.wait_for(Option::is_some).await {
                        return heard.clone();
                    }
                }
            }
        }
        None
    }

    fn turn(&self, about: Ticket) -> Turn<T> {
        let mut under_way = self.under_way();
        let is_open = |told: &watch::Receiver<Option<T>>| told.has_changed().is_ok();
        if let Some(told) = under_way.get(&about).filter(|told| is_open(told)) {
            return Turn::Wait(told.clone());
        }
        // Those that were let go of are still there.
        if under_way.len() >= 2 * QUESTIONS_MAX {
            under_way.retain(|_, told| is_open(told));
        }
        let (tell, told) = watch::channel(None);
        under_way.insert(about, told);
        Turn::Ask(tell)
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Ticket, watch::Receiver<Option<T>>>> {
        // Whoever panicked while it was held has left whole entries.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::task::LocalSet;
    use tokio::time::{sleep, timeout};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(LocalSet::new().run_until(test));
    }

    fn ticket(number: usize) -> Ticket {
        u128::try_from(number).unwrap().to_le_bytes()
    }

    /// Until all who were started have their place.
    async fn until_none_is_left(places: &Semaphore) {
        let taken = async {
            while places.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), taken).await.expect("in time");
    }

    #[test]
    fn one_asks_and_all_hear() {
        run(async {
            let asking = Rc::new(Asking::new());
            let asked = Rc::new(Cell::new(0));
            let one = || {
                let (asking, asked) = (Rc::clone(&asking), Rc::clone(&asked));
                tokio::task::spawn_local(async move {
                    let ask = async {
                        asked.set(asked.get() + 1);
                        sleep(Duration::from_millis(20)).await;
                        7
                    };
                    asking.hear(ticket(1), ask).await
                })
            };
            let all: Vec<_> = (0..100).map(|_| one()).collect();
            for heard in all {
                assert_eq!(heard.await.unwrap(), Some(7));
            }
            assert_eq!(asked.get(), 1);
            assert_eq!(asking.hear(ticket(1), async { 8 }).await, Some(8), "it is asked anew");
            assert!(asking.under_way().is_empty());
        });
    }

    #[test]
    fn another_one_asks_when_the_first_goes_away() {
        run(async {
            let asking = Rc::new(Asking::new());
            let first = Rc::clone(&asking);
            let first =
                tokio::task::spawn_local(
                    async move { first.hear(ticket(1), pending::<u8>()).await },
                );
            tokio::task::yield_now().await;
            let others: Vec<_> = (0..10)
                .map(|_| {
                    let asking = Rc::clone(&asking);
                    let ask = async {
                        sleep(Duration::from_millis(1)).await;
                        9
                    };
                    tokio::task::spawn_local(async move { asking.hear(ticket(1), ask).await })
                })
                .collect();
            sleep(Duration::from_millis(5)).await;
            first.abort();
            for heard in others {
                let heard = timeout(Duration::from_secs(30), heard).await.expect("in time");
                assert_eq!(heard.unwrap(), Some(9));
            }
        });
    }

    #[test]
    fn there_are_only_so_many() {
        run(async {
            let asking = Rc::new(Asking::new());
            let start = |number: usize| {
                let asking = Rc::clone(&asking);
                tokio::task::spawn_local(async move {
                    asking.hear(ticket(number), pending::<u8>()).await
                })
            };
            let questions: Vec<_> = (0..QUESTIONS_MAX).map(start).collect();
            until_none_is_left(&asking.questions).await;
            assert_eq!(asking.hear(ticket(QUESTIONS_MAX), async { 1 }).await, None);
            let waiting: Vec<_> = (0..WAITING_MAX).map(|_| start(0)).collect();
            until_none_is_left(&asking.waiting).await;
            assert_eq!(asking.hear(ticket(0), async { 1 }).await, None);
            for one in questions.iter().chain(&waiting) {
                one.abort();
            }
            for one in questions.into_iter().chain(waiting) {
                assert!(one.await.unwrap_err().is_cancelled());
            }
            // What was let go of is forgotten.
            for number in 0..3 * QUESTIONS_MAX {
                assert_eq!(asking.hear(ticket(number), async { 1 }).await, Some(1), "{number}");
                tokio::select! {
                    biased;
                    _ = asking.hear(ticket(number), pending::<u8>()) => unreachable!(),
                    () = std::future::ready(()) => {}
                }
                assert!(asking.under_way().len() <= 2 * QUESTIONS_MAX);
            }
        });
    }
}

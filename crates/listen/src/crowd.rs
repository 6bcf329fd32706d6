//! Tasks of a kind that are under way, and who waits for the last of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Such as the streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    count: Cell<usize>,
    /// Wakes whoever waits for the last one to end.
    waker: RefCell<Option<Waker>>,
}

impl Crowd {
    /// Counts one more, until the value is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Present {
        self.count.set(self.count.get() + 1);
        Present(Rc::clone(self))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// Wakes this task when the last one has ended.
    pub(crate) fn wake_when_empty(&self, context: &Context<'_>) {
        *self.waker.borrow_mut() = Some(context.waker().clone());
    }

    /// Waits for the last one to end.
    pub(crate) async fn gone(&self) {
        std::future::poll_fn(|context| {
            self.wake_when_empty(context);
            if self.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Wakes whoever waits, so that it looks around.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Counts one out when its task ends, however it ends.
#[derive(Debug)]
pub(crate) struct Present(Rc<Crowd>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        if self.0.is_empty() {
            self.0.wake();
        }
    }
}

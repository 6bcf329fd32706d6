//! Small writes of one worker, collected and sent in one go.
//!
//! Whoever writes little leaves it here and goes on; when every task that was ready has had its
//! turn, all of it is sent. So a worker reads from everybody before it writes to anybody: a peer on
//! the same machine is woken once for many messages instead of once for each, and no task has to
//! take a second turn just to write.

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::socket::Inner;

/// Larger writes are not collected.
pub(crate) const WRITE_MAX: usize = 8 * 1024;
/// When so much is waiting it is sent at once. No more than this can be left to a connection whose
/// peer does not read: its next write waits until that is gone.
const WAITING_MAX: usize = 256 * 1024;

thread_local! {
    static OUTBOX: RefCell<Outbox> = RefCell::default();
}

#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    letters: Vec<Letter>,
    /// Wakes the one that sends; none on a thread where nobody does.
    sender: Option<Waker>,
    /// Connections that have not taken all of what was sent.
    stalled: Vec<Rc<Inner>>,
}

struct Letter {
    to: Rc<Inner>,
    bytes: Range<usize>,
}

/// Takes the bytes to be sent soon; false if they have to be written by the caller.
pub(crate) fn post(to: &Rc<Inner>, bytes: &[u8]) -> bool {
    let full = OUTBOX.with_borrow_mut(|outbox| {
        let Some(sender) = &outbox.sender else { return None };
        if outbox.letters.is_empty() {
            sender.wake_by_ref();
        }
        let start = outbox.bytes.len();
        outbox.bytes.extend_from_slice(bytes);
        let bytes = start..outbox.bytes.len();
        outbox.letters.push(Letter { to: Rc::clone(to), bytes });
        Some(outbox.bytes.len() >= WAITING_MAX)
    });
    if full == Some(true) {
        send_all();
    }
    full.is_some()
}

/// Goes on with what this connection has not taken, when it does.
pub(crate) fn keep(stalled: &Rc<Inner>) {
    OUTBOX.with_borrow_mut(|outbox| {
        outbox.stalled.push(Rc::clone(stalled));
        if let Some(sender) = &outbox.sender {
            sender.wake_by_ref();
        }
    });
}

/// Sends everything that is waiting.
pub(crate) fn send_all() {
    let (bytes, mut letters) = OUTBOX.with_borrow_mut(|outbox| {
        (std::mem::take(&mut outbox.bytes), std::mem::take(&mut outbox.letters))
    });
    // Without the borrow: the last owner of a connection may be dropped here.
    for Letter { to, bytes: range } in letters.drain(..) {
        if !to.send(bytes.get(range).unwrap_or_default()) {
            OUTBOX.with_borrow_mut(|outbox| outbox.stalled.push(to));
        }
    }
    OUTBOX.with_borrow_mut(|outbox| {
        // The room is kept, not what was in it.
        if outbox.letters.is_empty() {
            outbox.bytes = bytes;
            outbox.bytes.clear();
            outbox.letters = letters;
        }
    });
}

/// Sends what is posted on this thread, for ever.
pub(crate) async fn send_for_ever() {
    poll_fn(|context| {
        OUTBOX.with_borrow_mut(|outbox| outbox.sender = Some(context.waker().clone()));
        send_all();
        poll_stalled(context);
        Poll::<()>::Pending
    })
    .await;
}

/// Sends what is still here, before the thread ends.
pub(crate) async fn finish() {
    /// How long connections that take nothing are waited for.
    const PATIENCE: Duration = Duration::from_secs(1);
    send_all();
    let taken = poll_fn(|context| {
        poll_stalled(context);
        let is_empty = OUTBOX.with_borrow(|outbox| outbox.stalled.is_empty());
        if is_empty { Poll::Ready(()) } else { Poll::Pending }
    });
    // Whoever takes nothing for so long does not get it.
    drop(tokio::time::timeout(PATIENCE, taken).await);
}

fn poll_stalled(context: &mut Context<'_>) {
    let mut stalled = OUTBOX.with_borrow_mut(|outbox| std::mem::take(&mut outbox.stalled));
    stalled.retain(|connection| connection.poll_rest(context).is_pending());
    OUTBOX.with_borrow_mut(|outbox| outbox.stalled.append(&mut stalled));
}

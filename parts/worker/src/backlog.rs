//! What was written for a connection, until the system takes it: so that a library that writes frame
//! by frame writes many at once.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Poll, ready};

/// With so many bytes it is full.
const BYTES_MAX: usize = 64 * 1024;

/// Bytes that wait to be sent.
#[derive(Debug, Default)]
pub struct Backlog {
    unsent: RefCell<Vec<u8>>,
    taken: Cell<u64>,
}

impl Backlog {
    /// Whether it ought to be sent before more is put in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.unsent.borrow().len() >= BYTES_MAX
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unsent.borrow().is_empty()
    }

    /// How many bytes were sent so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Puts bytes behind those that wait.
    pub fn put(&self, bytes: &[u8]) {
        self.unsent.borrow_mut().extend_from_slice(bytes);
    }

    /// Sends all that waits; `write` says how many of the bytes it has taken.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn poll_send(
        &self,
        mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        let mut unsent = self.unsent.borrow_mut();
        let mut sent = 0;
        let all = loop {
            let Some(rest) = unsent.get(sent..).filter(|rest| !rest.is_empty()) else {
                break Poll::Ready(Ok(()));
            };
            match write(rest) {
                Poll::Ready(Ok(written)) => sent += written,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.taken.set(self.taken.get() + sent as u64);
        unsent.drain(..sent);
        ready!(all)?;
        // A connection that waits holds no buffer.
        *unsent = Vec::new();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_sent_once_and_in_order_however_little_is_taken() {
        let backlog = Backlog::default();
        let bytes: Vec<u8> = (0..=255).cycle().take(BYTES_MAX + 1).collect();
        let (first, second) = bytes.split_at(100);
        let mut wire = Vec::new();
        backlog.put(first);
        assert!(!backlog.is_empty() && !backlog.is_full());
        // It takes a few bytes, then none.
        let mut room = 3;
        let sent = backlog.poll_send(|rest| {
            let taken = rest.len().min(room);
            room = 0;
            wire.extend_from_slice(&rest[..taken]);
            if taken > 0 { Poll::Ready(Ok(taken)) } else { Poll::Pending }
        });
        assert!(sent.is_pending());
        assert_eq!(backlog.taken(), 3);
        backlog.put(second);
        assert!(!backlog.is_full(), "three are gone");
        backlog.put(b"end");
        assert!(backlog.is_full());
        let sent = backlog.poll_send(|rest| {
            let taken = rest.len().min(1000);
            wire.extend_from_slice(&rest[..taken]);
            Poll::Ready(Ok(taken))
        });
        assert!(matches!(sent, Poll::Ready(Ok(()))) && backlog.is_empty());
        assert!(wire == [&bytes[..], b"end"].concat());
        assert_eq!((backlog.taken(), backlog.unsent.borrow().capacity()), (wire.len() as u64, 0));
    }

    #[test]
    fn an_error_is_passed_on() {
        let backlog = Backlog::default();
        backlog.put(b"x");
        let lost = backlog.poll_send(|_| Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())));
        assert!(
            matches!(lost, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe)
        );
    }
}

//! Pipes of the system, through which long bodies pass from socket to socket without being copied
//! into this process (splice, Linux only).

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Pipes that a worker has at a time; who gets none copies. A pipe that waits for a slow reader
/// holds two files and up to [`SIZE`] bytes.
const PIPES_MAX: usize = 64;
/// What a pipe holds, where the system allows it.
const SIZE: usize = 256 * 1024;

thread_local! {
    static IDLE: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
    static MADE: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe in use.
#[derive(Debug)]
pub struct Pipe {
    ends: Option<Ends>,
    held: usize,
}

impl Pipe {
    /// An empty pipe; `None` if this worker has too many, or the system has none.
    #[must_use]
    pub fn take() -> Option<Self> {
        let idle = IDLE.with_borrow_mut(Vec::pop);
        let ends = match idle {
            Some(ends) => ends,
            None if MADE.get() >= PIPES_MAX => return None,
            None => {
                let ends = make().ok()?;
                MADE.set(MADE.get() + 1);
                ends
            }
        };
        Some(Self { ends: Some(ends), held: 0 })
    }

    /// Gives it back, to be used again if it is empty.
    pub fn put_back(mut self) {
        if self.held == 0 {
            IDLE.with_borrow_mut(|idle| idle.extend(self.ends.take()));
        }
    }

    /// Bytes in it.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Says that so many bytes were put in.
    pub fn filled(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Says that so many bytes were taken out.
    pub(crate) fn drained(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Where bytes are put in.
    #[must_use]
    pub fn entry(&self) -> Option<BorrowedFd<'_>> {
        self.ends.as_ref().map(|ends| ends.write.as_fd())
    }

    pub(crate) fn exit(&self) -> Option<BorrowedFd<'_>> {
        self.ends.as_ref().map(|ends| ends.read.as_fd())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if self.ends.is_some() {
            // It closes, with what is in it.
            MADE.set(MADE.get().saturating_sub(1));
        }
    }
}

#[cfg(target_os = "linux")]
fn make() -> io::Result<Ends> {
    use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // A smaller one does as well.
    let _size = fcntl_setpipe_size(&write, SIZE);
    Ok(Ends { read, write })
}

#[cfg(not(target_os = "linux"))]
fn make() -> io::Result<Ends> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Moves at most so many bytes from one to the other, of which one is a pipe.
#[cfg(target_os = "linux")]
pub(crate) fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
    use rustix::pipe::SpliceFlags;

    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(rustix::pipe::splice(from, None, to, None, most, flags)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn splice(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_used_again_and_bounded() {
        let all: Vec<Pipe> = std::iter::from_fn(Pipe::take).take(PIPES_MAX + 1).collect();
        assert_eq!(all.len(), PIPES_MAX);
        assert!(Pipe::take().is_none());
        let mut all = all.into_iter();
        let mut full = all.next().unwrap();
        full.filled(1);
        full.put_back();
        assert_eq!(MADE.get(), PIPES_MAX - 1, "one that is not empty is closed");
        all.for_each(Pipe::put_back);
        assert_eq!(MADE.get(), PIPES_MAX - 1);
        assert!(Pipe::take().is_some_and(|pipe| pipe.held() == 0));
    }
}

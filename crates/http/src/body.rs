//! Bodies: nothing, bytes at hand, or a stream that is pulled, so that a slow reader slows the
//! writer down.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use crate::fields::Fields;

/// The body of a message.
#[derive(Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// All of it is at hand.
    Full(Vec<u8>),
    /// It is still to come; the length in bytes, where it is known.
    Stream(Box<dyn BodyRead>, Option<u64>),
}

impl Body {
    /// Its length in bytes, where it is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Stream(_, length) => *length,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Takes it, and leaves none.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// A body that is still to come. A policy that changes a body wraps one of these in its own.
pub trait BodyRead: fmt::Debug {
    /// Appends some more bytes to `out`, at most `room`, for which there is spare capacity; `room`
    /// is never 0.
    ///
    /// # Errors
    /// When the sender is gone, too slow, or breaks the protocol; the body must not be read on.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>>;

    /// Whether what comes next can be moved past this process by [`BodyRead::poll_move`]. A policy
    /// that looks at a body, or changes it, leaves it at that.
    fn can_move(&self) -> bool {
        false
    }

    /// Moves some more bytes into a pipe of the system, unseen; says how many, and whether that was
    /// all.
    ///
    /// # Errors
    /// As [`BodyRead::poll_read`].
    fn poll_move(
        &mut self,
        _context: &mut Context<'_>,
        _pipe: BorrowedFd<'_>,
    ) -> Poll<Result<(usize, Flow), BodyError>> {
        Poll::Ready(Err(BodyError::Cut))
    }

    /// The trailers; called once, after [`Flow::End`].
    fn trailers(&mut self) -> Option<Fields> {
        None
    }
}

/// Whether there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// There may be more.
    More,
    /// The body is complete with what was appended now.
    End,
}

/// Why a body broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The sender closed or reset the connection before the end.
    Cut,
    /// The sender was silent for too long.
    Stalled,
    /// The sender took longer than the whole exchange may.
    TooLate,
    /// It is larger than allowed.
    TooLarge,
    /// Its framing is broken.
    Malformed,
}

impl fmt::Display for BodyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Cut => "the body was cut off",
            Self::Stalled => "the body stalled",
            Self::TooLate => "the body took too long",
            Self::TooLarge => "the body is too large",
            Self::Malformed => "the body's framing is broken",
        })
    }
}

impl std::error::Error for BodyError {}

/// One end of a tunnel, bytes both ways: what an upgraded connection becomes.
pub trait Tunnel: fmt::Debug {
    /// Appends some bytes to `out`; nothing appended means that the other side is done.
    ///
    /// # Errors
    /// When the connection broke.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), BodyError>>;

    /// Writes some of the bytes; says how many.
    ///
    /// # Errors
    /// When the connection broke.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, BodyError>>;

    /// Says that nothing more will be written.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Comes when the other side has broken the connection off, where that can be told without
    /// reading or writing.
    fn poll_gone(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

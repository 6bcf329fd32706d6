//! Bodies: nothing, bytes at hand, or a stream that is pulled, so that a slow reader slows the
//! writer down.

use std::fmt;
use std::future::poll_fn;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use crate::fields::Fields;

/// Room for what is read at once of a body that is collected.
const COLLECT_STEP: usize = 8192;

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

    /// Waits until all of it is at hand, without trailers. It is not read on once it is longer than
    /// so many bytes.
    ///
    /// # Errors
    /// As [`BodyRead::poll_read`], and when it is longer.
    pub async fn collect(self, max: usize) -> Result<Vec<u8>, BodyError> {
        match self.collect_or_leave(max).await? {
            Ok(bytes) => Ok(bytes),
            Err(_longer) => Err(BodyError::TooLarge),
        }
    }

    /// As [`Body::collect`], and gives it back as it was if it is longer: with what was read of it in
    /// front.
    ///
    /// # Errors
    /// As [`BodyRead::poll_read`].
    pub async fn collect_or_leave(self, max: usize) -> Result<Result<Vec<u8>, Self>, BodyError> {
        if self.length().is_some_and(|length| length > max as u64) {
            return Ok(Err(self));
        }
        let length = self.length();
        let mut stream = match self {
            Self::Empty => return Ok(Ok(Vec::new())),
            Self::Full(bytes) => return Ok(Ok(bytes)),
            Self::Stream(stream, _) => stream,
        };
        let mut bytes = Vec::new();
        loop {
            bytes.reserve(COLLECT_STEP);
            let flow =
                poll_fn(|context| stream.poll_read(context, &mut bytes, COLLECT_STEP)).await?;
            if bytes.len() > max {
                let begun =
                    Begun { read: bytes, given: 0, is_over: flow == Flow::End, rest: stream };
                return Ok(Err(Self::Stream(Box::new(begun), length)));
            }
            if flow == Flow::End {
                return Ok(Ok(bytes));
            }
        }
    }
}

/// A body of which some was read already.
#[derive(Debug)]
struct Begun {
    read: Vec<u8>,
    given: usize,
    is_over: bool,
    rest: Box<dyn BodyRead>,
}

impl BodyRead for Begun {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        let left = self.read.get(self.given..).unwrap_or_default();
        if left.is_empty() && !self.is_over {
            return self.rest.poll_read(context, out, room);
        }
        let piece = left.get(..room).unwrap_or(left);
        out.extend_from_slice(piece);
        self.given += piece.len();
        let is_end = self.is_over && self.given == self.read.len();
        Poll::Ready(Ok(if is_end { Flow::End } else { Flow::More }))
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.rest.trailers()
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    /// Gives these pieces, each after it was asked for twice.
    #[derive(Debug)]
    struct Pieces(Vec<Result<&'static [u8], BodyError>>, bool);

    impl BodyRead for Pieces {
        fn poll_read(
            &mut self,
            context: &mut Context<'_>,
            out: &mut Vec<u8>,
            room: usize,
        ) -> Poll<Result<Flow, BodyError>> {
            self.1 = !self.1;
            if self.1 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.0.is_empty() {
                return Poll::Ready(Ok(Flow::End));
            }
            let piece = self.0.remove(0)?;
            assert!(piece.len() <= room && out.capacity() - out.len() >= room);
            out.extend_from_slice(piece);
            Poll::Ready(Ok(Flow::More))
        }
    }

    fn collected(body: Body, max: usize) -> Result<Vec<u8>, BodyError> {
        let mut future = pin!(body.collect(max));
        let mut context = Context::from_waker(Waker::noop());
        (0..100)
            .find_map(|_| match future.as_mut().poll(&mut context) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => None,
            })
            .expect("it ends")
    }

    #[test]
    fn a_body_that_is_longer_is_given_back_whole() {
        let text: &[u8] = b"0123456789";
        for (pieces, max) in
            [(vec![text], 4), (vec![&text[..5], &text[5..]], 4), (vec![&text[..5], &text[5..]], 9)]
        {
            for length in [None, Some(10)] {
                let stream = Pieces(pieces.iter().map(|piece| Ok(*piece)).collect(), false);
                let body = Body::Stream(Box::new(stream), length);
                let mut future = pin!(body.collect_or_leave(max));
                let mut context = Context::from_waker(Waker::noop());
                let left = (0..100).find_map(|_| match future.as_mut().poll(&mut context) {
                    Poll::Ready(done) => Some(done),
                    Poll::Pending => None,
                });
                let left = left.expect("it ends").expect("no error").expect_err("it is longer");
                assert_eq!(left.length(), length);
                assert_eq!(collected(left, 10).as_deref(), Ok(text), "{pieces:?} {max}");
            }
        }
    }

    #[test]
    fn a_body_is_collected_up_to_its_bound() {
        let stream = |pieces: &[Result<&'static [u8], BodyError>], length| {
            Body::Stream(Box::new(Pieces(pieces.to_vec(), false)), length)
        };
        let hello: [Result<&[u8], _>; 2] = [Ok(b"hel"), Ok(b"lo")];
        let cut: [Result<&[u8], _>; 2] = [Ok(b"hel"), Err(BodyError::Cut)];
        for (body, max, expect) in [
            (Body::Empty, 0, Ok(&b""[..])),
            (Body::Full(b"hello".to_vec()), 5, Ok(b"hello")),
            (Body::Full(b"hello".to_vec()), 4, Err(BodyError::TooLarge)),
            (stream(&hello, None), 5, Ok(b"hello")),
            (stream(&hello, None), 4, Err(BodyError::TooLarge)),
            // Not a byte of it is asked for.
            (stream(&[Err(BodyError::Cut)], Some(6)), 5, Err(BodyError::TooLarge)),
            (stream(&cut, None), 5, Err(BodyError::Cut)),
            (stream(&[], None), 0, Ok(b"")),
        ] {
            let shown = format!("{body:?} {max}");
            assert_eq!(collected(body, max).as_deref().map_err(|lost| *lost), expect, "{shown}");
        }
    }
}

//! A request body that can be sent once more: what was read of it is kept while it fits a bound.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use yumen_http::{Body, BodyError, BodyRead, Fields, Flow, Framing};
use yumen_policy::Exchange;

use crate::send::Way;

/// A body that is kept while it is sent.
#[derive(Debug)]
pub(crate) struct Kept {
    state: RefCell<State>,
    length: Option<u64>,
    bytes_max: usize,
}

#[derive(Debug)]
struct State {
    body: Box<dyn BodyRead>,
    /// What was read so far, while it is kept.
    bytes: Vec<u8>,
    keeping: bool,
    /// How the body ended, if it has.
    end: Option<Result<(), BodyError>>,
    trailers: Option<Fields>,
}

/// One reader of a kept body, from its start.
#[derive(Debug)]
struct Replay {
    kept: Rc<Kept>,
    /// What this reader has read of the kept bytes.
    at: usize,
}

impl Kept {
    /// Keeps a body of which nothing was read, up to so many bytes.
    pub(crate) fn new(body: Box<dyn BodyRead>, length: Option<u64>, bytes_max: usize) -> Rc<Self> {
        let state = State { body, bytes: Vec::new(), keeping: true, end: None, trailers: None };
        Rc::new(Self { state: RefCell::new(state), length, bytes_max })
    }

    /// Whether it can be read from its start.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.state.borrow();
        state.keeping && !matches!(state.end, Some(Err(_)))
    }

    /// The body, from its start.
    pub(crate) fn body(self: &Rc<Self>) -> Body {
        Body::Stream(Box::new(Replay { kept: Rc::clone(self), at: 0 }), self.length)
    }

    /// No more is kept: there will be no other reader.
    pub(crate) fn release(&self) {
        self.state.borrow_mut().keeping = false;
    }
}

/// Keeps the body of a request that may be sent again, if it is still to come and may fit.
pub(crate) fn keep(way: &Way<'_>, exchange: &mut Exchange) -> Option<Rc<Kept>> {
    let retries = way.retries;
    let request = &mut exchange.request;
    let Body::Stream(_, length) = &request.body else { return None };
    let may_fit = length.is_none_or(|length| length <= retries.body_max as u64);
    let is_wanted = (retries.attempts > 0 && retries.allows(request.head.method()))
        // What was not looked at may be sent again whatever it is.
        || way.destination.may_speak_http2();
    if !may_fit || !is_wanted {
        return None;
    }
    match request.body.take() {
        Body::Stream(body, length) => Some(Kept::new(body, length, retries.body_max)),
        Body::Empty | Body::Full(_) => None,
    }
}

/// The body as it was, for a request of which nothing of it was sent.
pub(crate) fn restore(body: Box<dyn BodyRead>, exchange: &Exchange) -> Body {
    let length = match exchange.request.head.framing() {
        Framing::Length(length) => Some(length),
        Framing::None | Framing::Chunked | Framing::UntilClose => None,
    };
    Body::Stream(body, length)
}

impl BodyRead for Replay {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        let state = &mut *self.kept.state.borrow_mut();
        let known = state.bytes.get(self.at..).unwrap_or_default();
        if !known.is_empty() {
            let taken = known.len().min(room);
            out.extend_from_slice(known.get(..taken).unwrap_or_default());
            self.at += taken;
            let is_end = self.at == state.bytes.len() && state.end == Some(Ok(()));
            return Poll::Ready(Ok(if is_end { Flow::End } else { Flow::More }));
        }
        if let Some(end) = state.end {
            return Poll::Ready(end.map(|()| Flow::End));
        }
        let from = out.len();
        let flow = state.body.poll_read(context, out, room);
        let fresh = out.get(from..).unwrap_or_default();
        if state.bytes.len() + fresh.len() > self.kept.bytes_max {
            state.keeping = false;
        }
        if state.keeping {
            state.bytes.extend_from_slice(fresh);
            self.at = state.bytes.len();
        } else {
            state.bytes = Vec::new();
            self.at = 0;
        }
        match flow {
            Poll::Ready(Ok(Flow::End)) => {
                state.end = Some(Ok(()));
                state.trailers = state.body.trailers();
            }
            Poll::Ready(Err(error)) => state.end = Some(Err(error)),
            Poll::Ready(Ok(Flow::More)) | Poll::Pending => {}
        }
        flow
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.kept.state.borrow().trailers.clone()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use std::task::Waker;

    use super::*;
    use crate::balance::random::Random;

    /// Gives its bytes in pieces of random size, with pauses.
    #[derive(Debug)]
    struct Pieces {
        left: Vec<u8>,
        random: Random,
        end: Result<Flow, BodyError>,
    }

    impl BodyRead for Pieces {
        fn poll_read(
            &mut self,
            _context: &mut Context<'_>,
            out: &mut Vec<u8>,
            room: usize,
        ) -> Poll<Result<Flow, BodyError>> {
            if self.random.below(3) == 0 {
                return Poll::Pending;
            }
            let most = room.min(self.left.len());
            let size = self.random.below(most as u64 + 1) as usize;
            out.extend(self.left.drain(..size));
            Poll::Ready(if self.left.is_empty() { self.end } else { Ok(Flow::More) })
        }
    }

    fn read(body: &mut Body, room: usize, most: usize) -> (Vec<u8>, Option<Result<(), BodyError>>) {
        let Body::Stream(stream, _) = body else { return (Vec::new(), None) };
        let mut out = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        while out.len() < most {
            match stream.poll_read(&mut context, &mut out, room) {
                Poll::Pending | Poll::Ready(Ok(Flow::More)) => {}
                Poll::Ready(Ok(Flow::End)) => return (out, Some(Ok(()))),
                Poll::Ready(Err(error)) => return (out, Some(Err(error))),
            }
        }
        (out, None)
    }

    #[test]
    fn every_reader_sees_the_same_bytes_while_they_fit() {
        for seed in 0..2000 {
            let mut random = Random::new(seed);
            let size = random.below(300) as usize;
            let bytes: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
            let bound = random.below(400) as usize;
            let pieces = Pieces { left: bytes.clone(), random: random.clone(), end: Ok(Flow::End) };
            let kept = Kept::new(Box::new(pieces), Some(size as u64), bound);
            for _ in 0..3 {
                let room = 1 + random.below(64) as usize;
                let (part, end) = read(&mut kept.body(), room, random.below(300) as usize);
                assert_eq!(part, bytes[..part.len()], "seed {seed}");
                assert!(end.is_none() || part.len() == size);
                if !kept.is_whole() {
                    break;
                }
            }
            assert!(kept.is_whole() || size > bound, "seed {seed}");
            if kept.is_whole() {
                let mut last = kept.body();
                assert_eq!(last.length(), Some(size as u64));
                kept.release();
                let (all, end) = read(&mut last, 16, usize::MAX);
                assert_eq!((all, end), (bytes, Some(Ok(()))), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_body_that_broke_off_is_not_sent_again() {
        let pieces =
            Pieces { left: vec![b'x'; 100], random: Random::new(1), end: Err(BodyError::Cut) };
        let kept = Kept::new(Box::new(pieces), None, 1000);
        let mut body = kept.body();
        assert_eq!(read(&mut body, 64, usize::MAX).1, Some(Err(BodyError::Cut)));
        assert!(!kept.is_whole());
    }
}

//! One stream of a QUIC connection, as the HTTP/3 library and its task hold it together. What passes
//! to the library is bounded here: it is given bytes only when it is asked for something.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, InvalidStreamId, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::{ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError};

use super::guard::{self, Flaw, Frames, Guard};
use super::quic::lost;

/// Bytes that are read at once.
const READ_MAX: usize = 64 * 1024;

/// Comes when the client wants no more of what is sent, and why, or has all of it.
pub(super) type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>>>>;

/// Whether the library may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Valve {
    /// As it likes: what it reads is bounded by the frames.
    Open,
    /// Once.
    Once,
    /// Not now.
    Shut,
}

/// The end of a stream that the library holds.
#[derive(Debug)]
pub(super) struct Duct(Rc<Ends>);

/// Both directions of a stream; of one that has only one, the other is missing.
pub(super) struct Ends {
    id: StreamId,
    send: RefCell<Option<SendStream>>,
    recv: RefCell<Option<RecvStream>>,
    pub(super) valve: Cell<Valve>,
    frames: RefCell<Frames>,
    flaw: Cell<Option<Flaw>>,
    /// What the library wants to be sent: a head or two, and a piece of a body.
    unsent: RefCell<VecDeque<WriteBuf<Bytes>>>,
    /// Bytes that QUIC has taken.
    taken: Cell<u64>,
    /// That its client has broken it off was counted.
    counted: Cell<bool>,
    guard: Rc<Guard>,
}

impl fmt::Debug for Ends {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ends").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Ends {
    /// A stream for a request.
    pub(super) fn of_request(
        send: SendStream,
        recv: RecvStream,
        guard: &Rc<Guard>,
    ) -> Result<Rc<Self>, InvalidStreamId> {
        let id = u64::from(recv.id()).try_into()?;
        Ok(Self::new(id, (Some(send), Some(recv)), Frames::of_request(), guard))
    }

    /// A stream beside the requests.
    pub(super) fn incoming(
        recv: RecvStream,
        guard: &Rc<Guard>,
    ) -> Result<Rc<Self>, InvalidStreamId> {
        let id = u64::from(recv.id()).try_into()?;
        Ok(Self::new(id, (None, Some(recv)), Frames::beside(), guard))
    }

    /// A stream of our own.
    pub(super) fn outgoing(
        send: SendStream,
        guard: &Rc<Guard>,
    ) -> Result<Rc<Self>, InvalidStreamId> {
        let id = u64::from(send.id()).try_into()?;
        Ok(Self::new(id, (Some(send), None), Frames::beside(), guard))
    }

    fn new(
        id: StreamId,
        (send, recv): (Option<SendStream>, Option<RecvStream>),
        frames: Frames,
        guard: &Rc<Guard>,
    ) -> Rc<Self> {
        Rc::new(Self {
            id,
            send: RefCell::new(send),
            recv: RefCell::new(recv),
            valve: Cell::new(Valve::Open),
            frames: RefCell::new(frames),
            flaw: Cell::new(None),
            unsent: RefCell::default(),
            taken: Cell::new(0),
            counted: Cell::new(false),
            guard: Rc::clone(guard),
        })
    }

    /// The end for the library.
    pub(super) fn duct(self: &Rc<Self>) -> Duct {
        Duct(Rc::clone(self))
    }

    /// Which of the requests of its connection it is, from 0.
    pub(super) fn number(&self) -> u64 {
        let recv = self.recv.borrow();
        recv.as_ref().map_or(0, |recv| recv.id().index())
    }

    /// What is wrong with what the client sent.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.flaw.get()
    }

    /// How many empty pieces of the body have come.
    pub(super) fn empty(&self) -> u64 {
        self.frames.borrow().empty()
    }

    /// How many bytes QUIC has taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Breaks the stream off in both directions.
    pub(super) fn reset(&self, code: Code) {
        if let Some(send) = self.send.borrow_mut().as_mut() {
            // It may be over already.
            let _over = send.reset(guard::code(code));
        }
        self.stop(code);
    }

    /// Tells the client to send no more.
    pub(super) fn stop(&self, code: Code) {
        if let Some(recv) = self.recv.borrow_mut().as_mut() {
            // It may be over already.
            let _over = recv.stop(guard::code(code));
        }
    }

    /// Comes when the client wants no more of what is sent (the reason), or has all of it.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        let send = self.send.borrow();
        Some(Box::pin(send.as_ref()?.stopped()))
    }

    /// Comes when the client has broken its request off.
    pub(super) fn poll_broken_off(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut recv = self.recv.borrow_mut();
        let Some(recv) = recv.as_mut() else { return Poll::Pending };
        let mut reset = pin!(recv.received_reset());
        match reset.as_mut().poll(context) {
            // All of it has come.
            Poll::Ready(Ok(None)) | Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(_)) | Err(_)) => Poll::Ready(()),
        }
    }

    /// Counts a request that its client has broken off.
    pub(super) fn count_reset(&self) {
        if !self.counted.replace(true) {
            self.guard.reset();
        }
    }

    fn poll_chunk(&self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        let mut recv = self.recv.borrow_mut();
        let Some(recv) = recv.as_mut() else { return Poll::Ready(Err(ReadError::ClosedStream)) };
        let mut read = pin!(recv.read_chunk(READ_MAX, true));
        let chunk = ready!(read.as_mut().poll(context))?;
        Poll::Ready(Ok(chunk.map(|chunk| chunk.bytes)))
    }

    fn check(&self, checked: Result<(), Flaw>) -> Result<(), StreamErrorIncoming> {
        checked.map_err(|flaw| {
            self.flaw.set(Some(flaw));
            let code = match flaw {
                Flaw::TooLarge => Code::H3_EXCESSIVE_LOAD,
                Flaw::Cut => Code::H3_FRAME_ERROR,
            };
            StreamErrorIncoming::StreamTerminated { error_code: code.value() }
        })
    }
}

impl quic::RecvStream for Duct {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        let ends = &self.0;
        if ends.valve.get() == Valve::Shut {
            return Poll::Pending;
        }
        let chunk = match ready!(ends.poll_chunk(context)) {
            Ok(chunk) => chunk,
            Err(ReadError::ConnectionLost(error)) => return Poll::Ready(Err(lost(error))),
            Err(ReadError::Reset(code)) => {
                let error_code = code.into_inner();
                return Poll::Ready(Err(StreamErrorIncoming::StreamTerminated { error_code }));
            }
            Err(error) => return Poll::Ready(Err(StreamErrorIncoming::Unknown(Box::new(error)))),
        };
        if ends.valve.get() == Valve::Once {
            ends.valve.set(Valve::Shut);
        }
        let mut frames = ends.frames.borrow_mut();
        let checked = match &chunk {
            Some(bytes) => frames.came(bytes, &ends.guard),
            None => frames.end(),
        };
        ends.check(checked)?;
        Poll::Ready(Ok(chunk))
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.0.stop(Code::from(error_code));
    }

    fn recv_id(&self) -> StreamId {
        self.0.id
    }
}

impl quic::SendStream<Bytes> for Duct {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        let ends = &self.0;
        let mut send = ends.send.borrow_mut();
        let Some(send) = send.as_mut() else { return Poll::Ready(Err(missing())) };
        let mut unsent = ends.unsent.borrow_mut();
        while let Some(front) = unsent.front_mut() {
            while front.has_remaining() {
                let written = ready!(Pin::new(&mut *send).poll_write(context, front.chunk()));
                let written = written.map_err(|error| match error {
                    WriteError::Stopped(code) => {
                        StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }
                    }
                    WriteError::ConnectionLost(error) => lost(error),
                    error => StreamErrorIncoming::Unknown(Box::new(error)),
                })?;
                front.advance(written);
                ends.taken.set(ends.taken.get() + written as u64);
            }
            unsent.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.0.unsent.borrow_mut().push_back(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        ready!(self.poll_ready(context))?;
        let mut send = self.0.send.borrow_mut();
        let Some(send) = send.as_mut() else { return Poll::Ready(Err(missing())) };
        let finished = send.finish();
        Poll::Ready(finished.map_err(|error| StreamErrorIncoming::Unknown(Box::new(error))))
    }

    fn reset(&mut self, reset_code: u64) {
        if let Some(send) = self.0.send.borrow_mut().as_mut() {
            // It may be over already.
            let _over = send.reset(guard::code(Code::from(reset_code)));
        }
    }

    fn send_id(&self) -> StreamId {
        self.0.id
    }
}

fn missing() -> StreamErrorIncoming {
    StreamErrorIncoming::Unknown(Box::new(ReadError::ClosedStream))
}

impl quic::BidiStream<Bytes> for Duct {
    type SendStream = Self;
    type RecvStream = Self;

    fn split(self) -> (Self, Self) {
        (self.0.duct(), self)
    }
}

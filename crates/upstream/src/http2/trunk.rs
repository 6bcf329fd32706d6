//! One connection of HTTP/2 to an endpoint, which requests share, and one request's part in it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use yumen_worker::{Deadline, Stream, Worker};

use super::ping::{Silence, Wait};
use super::upload::CHUNK;
use super::wire::{Line, Wire};
use crate::destination::Destination;
use crate::endpoint::{Endpoint, Flight};

/// What a field counts beside its name and value (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32;
/// Pseudo-fields of an answer.
const PSEUDO_FIELDS: usize = 1;

/// One connection.
pub(crate) struct Trunk {
    /// For new streams; none when it takes no more.
    sender: RefCell<Option<SendRequest<Bytes>>>,
    line: Rc<Line>,
    /// Requests under way.
    streams: Cell<u32>,
    /// Requests that may be under way, as we want it.
    streams_max: u32,
    /// Requests that were sent on it.
    served: Cell<u32>,
    served_max: u32,
    /// Heads and pieces of answers that came.
    answers: Cell<u64>,
    /// Wakes whoever drives it when no request is under way any more.
    waker: RefCell<Option<Waker>>,
    worker: Worker,
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Trunk").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl Trunk {
    /// Begins to speak HTTP/2 on a new connection, and waits until the service has said its part:
    /// then it is known to speak it, and how many requests it takes at a time.
    pub(super) async fn begin(
        stream: Stream,
        destination: &Destination,
        worker: &Worker,
        deadline: &Deadline,
    ) -> io::Result<(Rc<Self>, Connection<Wire, Bytes>)> {
        let line = Rc::new(Line::new(stream));
        let builder = builder(destination);
        let mut handshake = pin!(builder.handshake::<_, Bytes>(Wire(Rc::clone(&line))));
        let (sender, mut connection) = std::future::poll_fn(|context| {
            let shaken = handshake.as_mut().poll(context).map_err(no_http2);
            within(deadline, context, shaken)
        })
        .await?;
        std::future::poll_fn(|context| {
            let ended = Pin::new(&mut connection).poll(context);
            if sender.current_max_send_streams() > 0 {
                return Poll::Ready(Ok(()));
            }
            let ended = ended.map(|ended| {
                Err(ended.err().map_or_else(|| io::ErrorKind::UnexpectedEof.into(), no_http2))
            });
            within(deadline, context, ended)
        })
        .await?;
        let trunk = Self {
            sender: RefCell::new(Some(sender)),
            line,
            streams: Cell::new(0),
            streams_max: destination.http2.streams,
            served: Cell::new(0),
            served_max: destination.requests_max,
            answers: Cell::new(0),
            waker: RefCell::default(),
            worker: worker.clone(),
        };
        Ok((Rc::new(trunk), connection))
    }

    /// Whether one more request may be sent on it. What was told to leave never may again.
    pub(super) fn has_room(&self) -> bool {
        let mut sender = self.sender.borrow_mut();
        let Some(open) = sender.as_mut() else { return false };
        let mut context = Context::from_waker(Waker::noop());
        // The service has said that it takes no more, or is gone.
        if matches!(open.poll_ready(&mut context), Poll::Ready(Err(_))) {
            *sender = None;
            return false;
        }
        self.streams.get() < self.streams_max
            && (self.streams.get() as usize) < open.current_max_send_streams()
    }

    /// How many requests it takes at a time.
    pub(super) fn room(&self) -> u32 {
        let sender = self.sender.borrow();
        let theirs = sender.as_ref().map_or(0, SendRequest::current_max_send_streams);
        self.streams_max.min(u32::try_from(theirs).unwrap_or(u32::MAX))
    }

    fn is_open(&self) -> bool {
        self.sender.borrow().is_some()
    }

    /// Takes no more requests; it is closed when those under way have ended.
    pub(super) fn leave(&self) {
        *self.sender.borrow_mut() = None;
    }

    /// A request's part in it, if there is room. `fresh`: it was opened for this request.
    pub(super) fn lane(self: &Rc<Self>, endpoint: &Rc<Endpoint>, fresh: bool) -> Option<Lane> {
        if !self.has_room() {
            return None;
        }
        let sender = self.sender.borrow().clone()?;
        self.streams.set(self.streams.get() + 1);
        self.served.set(self.served.get() + 1);
        if self.served.get() >= self.served_max {
            self.leave();
        }
        Some(Lane {
            sender: Some(sender),
            heard: self.line.heard(),
            deadline: self.worker.deadline(),
            part: Part { trunk: Rc::clone(self), _flight: Flight::to(endpoint) },
            endpoint: Rc::clone(endpoint),
            reused: !fresh,
        })
    }

    /// Moves frames until the connection ends, was idle for long enough, or the service has been
    /// silent for too long.
    pub(super) async fn drive(
        &self,
        mut connection: Connection<Wire, Bytes>,
        deadline: Deadline,
        mut silence: Silence,
    ) {
        let mut pings = connection.ping_pong();
        std::future::poll_fn(|context| {
            loop {
                if Pin::new(&mut connection).poll(context).is_ready() {
                    return Poll::Ready(());
                }
                *self.waker.borrow_mut() = Some(context.waker().clone());
                let (heard, answers) = (self.line.heard(), self.answers.get());
                if let Some(pings) = &mut pings {
                    // That it came is seen by the bytes.
                    let _pong = pings.poll_pong(context);
                }
                let (wait, patience) = silence.look(self.streams.get() > 0, heard, answers);
                if let Some(patience) = patience {
                    deadline.set(patience);
                }
                if !deadline.has_come(context) {
                    return Poll::Pending;
                }
                match wait {
                    // Nothing keeps it open any more.
                    Wait::Rest if self.is_open() => self.leave(),
                    Wait::Rest => return Poll::Pending,
                    Wait::Nothing => return Poll::Pending,
                    Wait::Sign(_) => return Poll::Ready(()),
                    Wait::Silence(_) => {
                        silence.ask(heard, answers);
                        if let Some(pings) = &mut pings {
                            // One that is still under way will do.
                            let _sent = pings.send_ping(h2::Ping::opaque());
                        }
                    }
                }
            }
        })
        .await;
        self.leave();
    }
}

/// What came, or that it is too late.
fn within<T>(
    deadline: &Deadline,
    context: &Context<'_>,
    poll: Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    match poll {
        Poll::Pending if deadline.has_come(context) => {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }
        other => other,
    }
}

/// A peer that says something else, or nothing, cannot be spoken to.
fn no_http2(error: h2::Error) -> io::Error {
    let text = format!("HTTP/2: {error}");
    match error.into_io() {
        Some(error) => error,
        None => io::Error::new(io::ErrorKind::ConnectionReset, text),
    }
}

fn builder(destination: &Destination) -> Builder {
    let terms = &destination.http2;
    let fields = FIELD_OVERHEAD * (destination.fields_max + PSEUDO_FIELDS);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        // None before the service has said how many.
        .initial_max_send_streams(0)
        .initial_window_size(terms.window)
        .initial_connection_window_size(terms.connection_window)
        .max_header_list_size(u32::try_from(destination.head_max + fields).unwrap_or(u32::MAX))
        .max_send_buffer_size(CHUNK);
    builder
}

/// One request's part in a connection.
pub(crate) struct Lane {
    /// Until the request is sent.
    pub(super) sender: Option<SendRequest<Bytes>>,
    /// Bytes that had come when it began.
    heard: u64,
    pub(super) deadline: Deadline,
    part: Part,
    pub(crate) endpoint: Rc<Endpoint>,
    /// Whether the connection was there before.
    pub(crate) reused: bool,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Lane").field("reused", &self.reused).finish_non_exhaustive()
    }
}

impl Lane {
    /// A piece of the answer came.
    pub(super) fn note_answer(&self) {
        let answers = &self.part.trunk.answers;
        answers.set(answers.get() + 1);
    }

    /// Whether the service has said nothing at all since the request began, not even to others.
    pub(super) fn is_silent(&self) -> bool {
        self.part.trunk.line.heard() == self.heard
    }

    /// The service was too slow. If it was silent all the time, the connection may be dead: nobody
    /// else is sent there.
    pub(super) fn suspect(&self) {
        if self.is_silent() {
            self.part.trunk.leave();
        }
    }
}

/// Counts a request out when it ends, however it ends.
#[derive(Debug)]
struct Part {
    trunk: Rc<Trunk>,
    _flight: Flight,
}

impl Drop for Part {
    fn drop(&mut self) {
        let Trunk { streams, waker, .. } = &*self.trunk;
        streams.set(streams.get().saturating_sub(1));
        if streams.get() == 0
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }
}

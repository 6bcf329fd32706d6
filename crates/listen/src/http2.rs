//! One HTTP/2 connection from its preface to its last frame: its streams are exchanges of their
//! own, each a task of the worker.

mod body;
mod deliver;
pub mod guard;
pub(crate) mod head;
mod piece;
mod stream;
mod tunnel;
mod wire;

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use h2::Reason;
use h2::server::{Builder, Connection};
use yumen_model::Bytes;

use crate::accept::Gate;
use crate::crowd::Crowd;
use crate::door::{Door, size};
use crate::http2::guard::{FrameLimits, Guard};
use crate::http2::piece::Piece;
use crate::http2::wire::{Line, Wire};
use crate::link::{LINGER, Link};
use crate::peer::Peer;
use crate::{ConnectionEvent, Serve};

/// What a field counts beside its name and value (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32;
/// Pseudo-fields of a request.
const PSEUDO_FIELDS: usize = 5;

/// Serves a connection whose preface has come.
pub(crate) async fn serve<S: Serve>(gate: Rc<Gate<S>>, link: Rc<Link>, peer: Peer) {
    let door = gate.door();
    let worker = gate.worker().clone();
    let early = std::mem::take(&mut *link.rest().borrow_mut());
    let limits = FrameLimits { resets: door.http2.resets, control: door.http2.control_frames };
    let guard = Guard::new(limits, worker.unix_seconds());
    let line = Rc::new(Line::new(Rc::clone(&link), worker, guard, early));
    let mut handshake = pin!(builder(&door).handshake::<_, Piece>(Wire(Rc::clone(&line))));
    link.allow(door.patience.head);
    let shaken = std::future::poll_fn(|context| match handshake.as_mut().poll(context) {
        Poll::Ready(shaken) => Poll::Ready(shaken.ok()),
        Poll::Pending if link.deadline.has_come(context) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await;
    let Some(frames) = shaken else { return };
    let crowd = Rc::<Crowd>::default();
    let mut session = Session {
        gate,
        link: Rc::clone(&link),
        peer,
        line,
        frames,
        crowd: Rc::clone(&crowd),
        stage: Stage::Open,
        // The deadline of the preface stands; whatever is waited for next replaces it.
        wait: Some(Wait::Head(0)),
        served: 0,
    };
    let left = std::future::poll_fn(|context| session.poll(context)).await;
    // Streams hear of the end, and end themselves.
    drop(session);
    crowd.gone().await;
    if left == Left::Told {
        link.linger().await;
    }
}

fn builder(door: &Door) -> Builder {
    let bound = |bytes: Bytes| u32::try_from(bytes.0).unwrap_or(u32::MAX >> 1);
    let http2 = &door.http2;
    let fields = FIELD_OVERHEAD * (door.head.fields + PSEUDO_FIELDS);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(http2.streams)
        .initial_window_size(bound(http2.window))
        .initial_connection_window_size(bound(http2.connection_window))
        .max_header_list_size(u32::try_from(door.head.head + fields).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(size(Bytes(http2.streams.into())))
        .max_local_error_reset_streams(None)
        .max_send_buffer_size(deliver::CHUNK);
    if http2.websocket {
        builder.enable_connect_protocol();
    }
    builder
}

/// How a connection was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Both sides know; what the client still sends is read for a moment.
    Told,
    /// The client is gone, or does not listen.
    Gone,
}

/// How far a connection is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It takes new streams.
    Open,
    /// The client was told to begin no more; those under way end.
    Leaving,
    /// Everything ends now.
    Cut,
}

/// What a connection waits for, with a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// For the rest of a head, after so many were served: each has its own time.
    Head(u32),
    /// For a new stream; so many were served.
    Stream(u32),
    /// For the client to read; so far it has come.
    Reader(u64),
    /// For the client to leave.
    Farewell(Stage),
}

/// One connection.
struct Session<S> {
    gate: Rc<Gate<S>>,
    link: Rc<Link>,
    peer: Peer,
    line: Rc<Line>,
    frames: Connection<Wire, Piece>,
    crowd: Rc<Crowd>,
    stage: Stage,
    wait: Option<Wait>,
    served: u32,
}

impl<S: Serve> Session<S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Left> {
        loop {
            match self.frames.poll_accept(context) {
                Poll::Ready(Some(Ok((request, answer)))) => {
                    self.welcome(request, answer);
                    continue;
                }
                Poll::Ready(Some(Err(error))) if error.is_io() => return Poll::Ready(Left::Gone),
                Poll::Ready(_) => return Poll::Ready(Left::Told),
                Poll::Pending => {}
            }
            if self.must_cut() {
                self.cut(Reason::ENHANCE_YOUR_CALM);
                continue;
            }
            if self.stage == Stage::Open && self.gate.is_leaving() {
                self.leave();
                continue;
            }
            self.arm(context);
            if !self.link.deadline.has_come(context) {
                return Poll::Pending;
            }
            match (self.wait, self.stage) {
                (Some(Wait::Reader(_)), _) | (_, Stage::Cut) => return Poll::Ready(Left::Gone),
                (Some(Wait::Stream(_)), Stage::Open) => self.leave(),
                _ => self.cut(Reason::NO_ERROR),
            }
        }
    }

    /// Begins an exchange.
    fn welcome(
        &mut self,
        request: http::Request<h2::RecvStream>,
        answer: h2::server::SendResponse<Piece>,
    ) {
        let door = self.gate.door();
        self.served += 1;
        if self.served >= door.requests_max && self.stage == Stage::Open {
            self.leave();
        }
        let gate = Rc::clone(&self.gate);
        let peer = self.peer.clone();
        let present = self.crowd.enter();
        self.gate.worker().spawn(async move {
            stream::serve(gate, door, peer, request, answer).await;
            drop(present);
        });
    }

    /// Whether the client sends what nobody needs, for the first time.
    fn must_cut(&self) -> bool {
        if self.stage == Stage::Cut || self.line.flood().is_none() {
            return false;
        }
        self.gate.serve().connection(&self.gate.door(), ConnectionEvent::Flooded);
        true
    }

    /// Takes no new streams.
    fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.frames.graceful_shutdown();
    }

    /// Ends everything.
    fn cut(&mut self, reason: Reason) {
        self.stage = Stage::Cut;
        self.frames.abrupt_shutdown(reason);
    }

    /// Sets the deadline for what is waited for, once for each wait.
    fn arm(&mut self, context: &Context<'_>) {
        self.crowd.wake_when_empty(context);
        let wait = match (self.line.stalled_at(), self.stage) {
            (_, Stage::Cut) => Some(Wait::Farewell(Stage::Cut)),
            (Some(taken), _) => Some(Wait::Reader(taken)),
            (None, _) if self.line.is_in_head() => Some(Wait::Head(self.served)),
            (None, _) if !self.crowd.is_empty() => None,
            (None, Stage::Open) => Some(Wait::Stream(self.served)),
            (None, Stage::Leaving) => Some(Wait::Farewell(Stage::Leaving)),
        };
        if self.wait == wait {
            return;
        }
        self.wait = wait;
        let patience = &self.gate.door().patience;
        self.link.allow(match wait {
            None => None,
            Some(Wait::Head(_)) => patience.head,
            Some(Wait::Stream(_)) => patience.keep_alive,
            Some(Wait::Reader(_)) => patience.write_stall,
            Some(Wait::Farewell(_)) => Some(LINGER),
        });
    }
}

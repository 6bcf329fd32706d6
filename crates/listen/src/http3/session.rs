//! One HTTP/3 connection from its handshake to its end: its streams are exchanges of their own,
//! each a task of the worker.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h3::error::Code;
use h3::server::{Connection, RequestResolver};
use yumen_worker::Deadline;

use super::guard::{self, FrameLimits, Guard};
use super::quic::{Latest, Quic};
use super::stream;
use crate::accept::Gate;
use crate::crowd::Crowd;
use crate::door::Door;
use crate::peer::Peer;
use crate::{ConnectionEvent, Serve};

/// What a field counts beside its name and value (RFC 9114 section 4.2.2).
const FIELD_OVERHEAD: usize = 32;
/// Pseudo-fields of a request.
const PSEUDO_FIELDS: usize = 5;
/// How long a connection that was told to end may still bring requests: they may be on their way.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How far a connection is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It takes new streams.
    Open,
    /// The client was told to begin no more; those under way end.
    Leaving,
}

/// What a connection waits for, with a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// For a new stream; so many were served.
    Stream(u32),
    /// For the last streams that are on their way.
    Farewell(u32),
}

/// One connection.
struct Session<S> {
    gate: Rc<Gate<S>>,
    /// The listener speaks HTTP/3 no more.
    closing: Rc<Cell<bool>>,
    peer: Peer,
    connection: quinn::Connection,
    frames: Connection<Quic, Bytes>,
    latest: Latest,
    guard: Rc<Guard>,
    crowd: Rc<Crowd>,
    deadline: Deadline,
    stage: Stage,
    wait: Option<Wait>,
    served: u32,
    /// The request that came last.
    last: Option<u64>,
    /// Requests from this one on were not promised an answer.
    promised: u64,
}

/// Serves a connection whose handshake is done.
pub(super) async fn serve<S: Serve>(
    gate: Rc<Gate<S>>,
    closing: Rc<Cell<bool>>,
    peer: Peer,
    connection: quinn::Connection,
) {
    let door = gate.door();
    let deadline = gate.worker().deadline();
    let limits = FrameLimits {
        resets: door.http3.resets,
        control: door.http3.control_frames,
        head: held(&door),
    };
    let guard = Rc::new(Guard::new(gate.worker().clone(), limits));
    let quic = Quic::new(connection.clone(), Rc::clone(&guard));
    let latest = quic.latest();
    deadline.set(door.patience.head);
    let Some(frames) = begin(&door, quic, &deadline).await else { return };
    // Whoever begins with a request at once is not hurried by it.
    deadline.set(None);
    let crowd = Rc::<Crowd>::default();
    let mut session = Session {
        gate,
        closing,
        peer,
        connection,
        frames,
        latest,
        guard,
        crowd: Rc::clone(&crowd),
        deadline,
        stage: Stage::Open,
        wait: None,
        served: 0,
        last: None,
        promised: u64::MAX,
    };
    std::future::poll_fn(|context| session.poll(context)).await;
    // Streams hear of the end, and end themselves.
    drop(session);
    crowd.gone().await;
}

/// The most that a head can be, with what fields cost beside their text.
fn held(door: &Door) -> u64 {
    (door.head.head + FIELD_OVERHEAD * (door.head.fields + PSEUDO_FIELDS)) as u64
}

/// Says hello, in time.
async fn begin(door: &Door, quic: Quic, deadline: &Deadline) -> Option<Connection<Quic, Bytes>> {
    let mut builder = h3::server::builder();
    builder.max_field_section_size(held(door)).send_grease(false);
    let mut begun = pin!(builder.build(quic));
    std::future::poll_fn(|context| match begun.as_mut().poll(context) {
        Poll::Ready(begun) => Poll::Ready(begun.ok()),
        Poll::Pending if deadline.has_come(context) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

impl<S: Serve> Session<S> {
    /// Comes at its end.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.guard.wake_at_flood(context);
        loop {
            let accepted = pin!(self.frames.accept()).as_mut().poll(context);
            if self.guard.is_flooded() {
                self.connection.close(guard::code(Code::H3_EXCESSIVE_LOAD), b"");
                self.gate.serve().connection(&self.gate.door(), ConnectionEvent::Flooded);
                return Poll::Ready(());
            }
            match accepted {
                Poll::Ready(Ok(Some(request))) => {
                    self.welcome(request);
                    continue;
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if self.stage == Stage::Open && self.is_leaving() {
                self.leave(context);
            }
            self.arm(context);
            if !self.deadline.has_come(context) {
                return Poll::Pending;
            }
            match self.wait {
                Some(Wait::Stream(_)) if self.stage == Stage::Open => self.leave(context),
                _ => return Poll::Ready(()),
            }
        }
    }

    fn is_leaving(&self) -> bool {
        self.gate.is_leaving() || self.closing.get()
    }

    /// Begins an exchange.
    fn welcome(&mut self, request: RequestResolver<Quic, Bytes>) {
        let Some(ends) = self.latest.take() else { return };
        let number = ends.number();
        if number >= self.promised {
            // The client was told that it can send it elsewhere.
            return ends.reset(Code::H3_REQUEST_REJECTED);
        }
        self.last = Some(number);
        self.served += 1;
        let door = self.gate.door();
        let gate = Rc::clone(&self.gate);
        let peer = self.peer.clone();
        let present = self.crowd.enter();
        self.gate.worker().spawn(async move {
            stream::serve(gate, door, peer, ends, request).await;
            drop(present);
        });
    }

    /// Takes no new streams, but those that may be on their way.
    fn leave(&mut self, context: &mut Context<'_>) {
        self.stage = Stage::Leaving;
        let more = self.gate.door().http3.streams;
        // As the library says it to the client.
        self.promised = self.last.map_or(0, |last| last.saturating_add(u64::from(more)));
        let told = pin!(self.frames.shutdown(usize::try_from(more).unwrap_or(usize::MAX)));
        // A client that is gone is noticed elsewhere.
        let _told = told.poll(context).is_ready();
    }

    /// Sets the deadline for what is waited for, once for each wait.
    fn arm(&mut self, context: &mut Context<'_>) {
        self.crowd.wake_when_empty(context);
        let door = self.gate.door();
        if self.stage == Stage::Open && self.served >= door.requests_max {
            self.leave(context);
        }
        let wait = match self.stage {
            _ if !self.crowd.is_empty() => None,
            Stage::Open => Some(Wait::Stream(self.served)),
            Stage::Leaving => Some(Wait::Farewell(self.served)),
        };
        if self.wait == wait {
            return;
        }
        self.wait = wait;
        self.deadline.set(match wait {
            None => None,
            Some(Wait::Stream(_)) => door.patience.keep_alive,
            Some(Wait::Farewell(_)) => Some(LAST_WAIT),
        });
    }
}

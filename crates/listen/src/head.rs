//! The wait for the next request on a connection, and the reading of its head.

use std::future::Future;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use yumen_http::{HeadIndex, Malformed, Refusal, RequestHead, can_begin_request};

use crate::Serve;
use crate::accept::Gate;
use crate::door::Door;
use crate::link::Link;

/// Empty lines in front of a request that are passed over (RFC 9112 section 2.2), in bytes.
const EMPTY_LINES_MAX: usize = 8;

/// How long a connection of a listener that closes may wait for a request. The client may have sent
/// one already, which is on its way: closing at once would lose it.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What came of the wait.
#[derive(Debug)]
pub(crate) enum Arrival {
    Request(Box<RequestHead>),
    /// The client speaks HTTP/2; what it said is put back.
    Http2,
    /// The client or the gateway is done with this connection.
    Nothing,
    Refused(Refusal),
}

/// What HTTP/2 begins with, as far as it looks like a request (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// Where the reading stands.
#[derive(Debug, Default)]
struct Reading {
    /// It is the first request of its connection.
    first: bool,
    index: HeadIndex,
    skipped: usize,
    begun: bool,
    /// It was looked for before.
    looked: bool,
}

/// Waits for the next request.
pub(crate) fn next<'a, S: Serve>(
    gate: &'a Gate<S>,
    link: &'a Link,
    door: &'a Door,
    first: bool,
) -> impl Future<Output = Arrival> + 'a {
    let mut reading = Reading { first, ..Reading::default() };
    let mut last = false;
    link.allow(if first { door.patience.head } else { door.patience.keep_alive });
    std::future::poll_fn(move |context| {
        let arrival = reading.poll(context, link, door);
        if arrival.is_pending() && !reading.begun && gate.is_closing() && !last {
            last = true;
            link.allow(Some(LAST_WAIT));
        }
        match arrival {
            Poll::Ready(arrival) => Poll::Ready(arrival),
            Poll::Pending if link.deadline.has_come(context) => Poll::Ready(if reading.begun {
                Arrival::Refused(Refusal::HeadTimeout)
            } else {
                Arrival::Nothing
            }),
            Poll::Pending => Poll::Pending,
        }
    })
}

impl Reading {
    fn poll(&mut self, context: &mut Context<'_>, link: &Link, door: &Door) -> Poll<Arrival> {
        if !link.rest().borrow().is_empty() {
            let rest = std::mem::take(&mut *link.rest().borrow_mut());
            if let Some(arrival) = self.take(&rest, link, door) {
                return Poll::Ready(arrival);
            }
        }
        // Who has just got an answer has hardly sent the next request.
        if !std::mem::replace(&mut self.looked, true) {
            ready!(link.poll_readable(context));
        }
        loop {
            let arrival = yumen_worker::with_scratch(|buffer| {
                let early = std::mem::take(&mut *link.rest().borrow_mut());
                buffer.extend_from_slice(&early);
                buffer.reserve(1024);
                let room = buffer.capacity() - buffer.len();
                match link.poll_read(context, buffer, room) {
                    Poll::Ready(Ok(read)) if read > 0 => {
                        self.take(buffer, link, door).map(Poll::Ready)
                    }
                    // A head that is cut off is nobody's request; there is nobody to tell.
                    Poll::Ready(_) => Some(Poll::Ready(Arrival::Nothing)),
                    Poll::Pending => {
                        *link.rest().borrow_mut() = early;
                        Some(Poll::Pending)
                    }
                }
            });
            if let Some(arrival) = arrival {
                return arrival;
            }
        }
    }

    /// Looks for a head at the front of `bytes` and keeps the rest. `None` if it is not complete.
    fn take(&mut self, bytes: &[u8], link: &Link, door: &Door) -> Option<Arrival> {
        let mut bytes = bytes;
        while let Some(after) =
            bytes.strip_prefix(b"\r\n").filter(|_| self.skipped < EMPTY_LINES_MAX)
        {
            bytes = after;
            self.skipped += 2;
        }
        let found = match self.index.find(bytes, &door.head) {
            Err(refusal) => return Some(Arrival::Refused(refusal)),
            Ok(None) if !bytes.is_empty() && bytes != b"\r" && !can_begin_request(bytes) => {
                return Some(Arrival::Refused(Malformed("no HTTP request").into()));
            }
            Ok(None) => {
                *link.rest().borrow_mut() = bytes.to_vec();
                if !self.begun && !bytes.is_empty() {
                    self.begun = true;
                    link.allow(door.patience.head);
                }
                return None;
            }
            Ok(Some(length)) => length,
        };
        let (head, rest) = bytes.split_at_checked(found).unwrap_or_default();
        if !rest.is_empty() {
            *link.rest().borrow_mut() = rest.to_vec();
        }
        Some(match RequestHead::read(head, std::mem::take(&mut self.index), &door.head) {
            Ok(head) => Arrival::Request(Box::new(head)),
            Err(Refusal::Version) if head == PREFACE && self.first && door.http2.enabled => {
                *link.rest().borrow_mut() = bytes.to_vec();
                Arrival::Http2
            }
            Err(refusal) => Arrival::Refused(refusal),
        })
    }
}

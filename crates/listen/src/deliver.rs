//! An answer on its way to the client: head and first body bytes in one write, the rest as fast as
//! the client reads.

use std::task::{Context, Poll};
use std::time::Duration;

use yumen_http::{Body, BodyRead, Delivery, Flow, ResponseHead, chunked};
use yumen_policy::Watch;

use crate::Broken;
use crate::link::Link;

/// One answer.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    pub(crate) link: &'a Link,
    pub(crate) watch: &'a Watch,
    /// How long the client may leave bytes unread.
    pub(crate) patience: Option<Duration>,
    /// Until it is written.
    pub(crate) head: Option<(ResponseHead, Delivery<'a>)>,
    pub(crate) body: Body,
    pub(crate) chunked: bool,
    /// Written by us, not yet taken by the system.
    pub(crate) unsent: Vec<u8>,
    pub(crate) stalled: bool,
}

/// Less room than this is not worth another read before the write, in bytes.
const ROOM_WORTH_FILLING: usize = 32 * 1024;

fn room(buffer: &Vec<u8>) -> usize {
    buffer.capacity() - buffer.len()
}

/// How far the filling of a buffer came.
enum Filled {
    /// There may be more.
    More,
    /// The service has nothing more yet.
    Waiting,
    /// That was all.
    All,
    /// The service's answer broke off.
    Broken,
}

impl Parcel<'_> {
    /// Sends all of it.
    pub(crate) async fn send(mut self) -> Result<(), Broken> {
        let mut filled = Filled::More;
        std::future::poll_fn(|context| {
            loop {
                match self.poll_unsent(context) {
                    Poll::Ready(Ok(())) => {}
                    other => return other,
                }
                match filled {
                    Filled::All => return Poll::Ready(Ok(())),
                    Filled::Broken => return Poll::Ready(Err(Broken::Upstream)),
                    Filled::More | Filled::Waiting => {}
                }
                filled = yumen_worker::with_scratch(|buffer| {
                    let mut filled = self.fill(context, buffer);
                    // What is there goes out in as few writes as possible.
                    while matches!(filled, Filled::More) && room(buffer) >= ROOM_WORTH_FILLING {
                        filled = self.fill(context, buffer);
                    }
                    self.write(context, buffer)?;
                    Ok(filled)
                })?;
                if matches!(filled, Filled::Waiting) && self.unsent.is_empty() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Writes what was left over.
    fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let mut sent = 0;
        while let Some(rest) = self.unsent.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.link.poll_write(context, rest) {
                Poll::Ready(Ok(written)) => {
                    sent += written;
                    self.stalled = false;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Client)),
                Poll::Pending => {
                    self.unsent.drain(..sent);
                    if !self.stalled {
                        self.stalled = true;
                        self.link.allow(self.patience);
                    }
                    let late = self.link.deadline.has_come(context);
                    return if late { Poll::Ready(Err(Broken::Client)) } else { Poll::Pending };
                }
            }
        }
        self.unsent = Vec::new();
        Poll::Ready(Ok(()))
    }

    /// Writes what the system takes at once and keeps the rest.
    fn write(&mut self, context: &mut Context<'_>, buffer: &[u8]) -> Result<(), Broken> {
        if buffer.is_empty() {
            return Ok(());
        }
        let written = match self.link.poll_write(context, buffer) {
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(_)) => return Err(Broken::Client),
            Poll::Pending => 0,
        };
        self.unsent.extend_from_slice(buffer.get(written..).unwrap_or_default());
        Ok(())
    }

    fn fill(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Filled {
        if let Some((head, delivery)) = self.head.take() {
            head.write(buffer, &delivery);
            self.watch.head_sent.set(buffer.len() as u64);
        }
        let before = buffer.len();
        let filled = match &mut self.body {
            Body::Empty => return Filled::All,
            Body::Full(bytes) => {
                buffer.extend_from_slice(bytes);
                Filled::All
            }
            Body::Stream(stream, _) if self.chunked => {
                let (filled, data) = fill_chunk(stream.as_mut(), context, buffer);
                self.watch.sent.set(self.watch.sent.get() + data as u64);
                return filled;
            }
            Body::Stream(stream, _) => fill_plain(stream.as_mut(), context, buffer, usize::MAX),
        };
        self.watch.sent.set(self.watch.sent.get() + (buffer.len() - before) as u64);
        filled
    }
}

fn fill_plain(
    stream: &mut dyn BodyRead,
    context: &mut Context<'_>,
    buffer: &mut Vec<u8>,
    room_max: usize,
) -> Filled {
    let room = room(buffer).min(room_max);
    if room == 0 {
        // A head that fills the buffer goes out by itself.
        return Filled::More;
    }
    match stream.poll_read(context, buffer, room) {
        Poll::Pending => Filled::Waiting,
        Poll::Ready(Ok(Flow::More)) => Filled::More,
        Poll::Ready(Ok(Flow::End)) => Filled::All,
        Poll::Ready(Err(_)) => Filled::Broken,
    }
}

/// Fills in one chunk; says how many bytes of data it holds.
fn fill_chunk(
    stream: &mut dyn BodyRead,
    context: &mut Context<'_>,
    buffer: &mut Vec<u8>,
) -> (Filled, usize) {
    let at = buffer.len();
    buffer.extend_from_slice(&[0; chunked::HEAD_ROOM]);
    let data_at = buffer.len();
    let filled = fill_plain(stream, context, buffer, chunked::SIZE_EASY_MAX);
    let data = buffer.len() - data_at;
    if data > 0 {
        chunked::write_head(buffer, at);
    } else {
        buffer.truncate(at);
    }
    if let Filled::All = filled {
        chunked::write_end(buffer, stream.trailers().as_ref());
    }
    (filled, data)
}

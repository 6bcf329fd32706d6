//! Bytes both ways behind a `101`, until both sides are done, one breaks, both are silent for too
//! long, or a drain is at its end: then both are told goodbye.

use std::task::{Context, Poll};
use std::time::Duration;

use yumen_http::Tunnel;
use yumen_policy::Watch;

use crate::frames::{Frames, To};
use crate::link::Link;

/// How long both sides may take to end their frames and to answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// The connection broke.
struct Broken;

/// The two ends of one direction.
trait Ends {
    /// Where it leads.
    const TO: To;

    /// Appends what the source has; nothing at its end.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>>;
    /// Gives the destination some of the bytes; says how many.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Broken>>;
    /// Tells the destination that there is no more.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

/// From the client to the service.
struct Inward<'a> {
    link: &'a Link,
    tunnel: &'a mut dyn Tunnel,
}

impl Ends for Inward<'_> {
    const TO: To = To::Service;

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>> {
        out.append(&mut self.link.rest().borrow_mut());
        if !out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let room = out.capacity();
        self.link.poll_read(context, out, room).map(|read| read.map(drop).map_err(|_error| Broken))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Broken>> {
        self.tunnel.poll_write(context, bytes).map_err(|_error| Broken)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.tunnel.poll_close(context)
    }
}

/// From the service to the client.
struct Outward<'a> {
    link: &'a Link,
    tunnel: &'a mut dyn Tunnel,
    watch: &'a Watch,
}

impl Ends for Outward<'_> {
    const TO: To = To::Client;

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>> {
        self.tunnel.poll_read(context, out).map_err(|_error| Broken)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Broken>> {
        let written = self.link.poll_write(context, bytes).map_err(|_error| Broken);
        if let Poll::Ready(Ok(written)) = written {
            self.watch.sent.set(self.watch.sent.get() + written as u64);
        }
        written
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.poll_close(context)
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    /// Read, not yet written.
    unsent: Vec<u8>,
    /// Its source has ended.
    ended: bool,
    /// Something was written since this was last looked at.
    moved: bool,
    /// What was written.
    written: Frames,
    /// What was read, known once goodbye was said.
    heard: Option<Frames>,
}

impl Way {
    /// Carries what can be carried now; ready when the source has ended and the destination knows,
    /// or, if that is to be cut, when both have said goodbye.
    fn poll<E: Ends>(
        &mut self,
        context: &mut Context<'_>,
        ends: &mut E,
        cut: bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            if cut {
                self.part(E::TO.goodbye());
            }
            while !self.unsent.is_empty() {
                let written = std::task::ready!(ends.poll_write(context, &self.unsent))?;
                self.written.pass(self.unsent.get(..written).unwrap_or_default());
                self.unsent.drain(..written);
                self.moved = true;
            }
            if self.heard.is_some() {
                return self.listen(context, ends);
            }
            if self.ended {
                return ends.poll_close(context).map(Ok);
            }
            // An idle direction holds no buffer.
            self.unsent = Vec::new();
            std::task::ready!(yumen_worker::with_scratch(|buffer| {
                let read = ends.poll_read(context, buffer);
                self.unsent.extend_from_slice(buffer);
                read
            }))?;
            self.ended = self.unsent.is_empty();
        }
    }

    /// Puts a goodbye behind the frame under way, unless that goes on in bytes that have not come
    /// yet, or goodbye was said already. Nothing is carried after it.
    fn part(&mut self, goodbye: &[u8]) {
        if self.heard.is_some() || self.ended {
            return;
        }
        let Some(end) = self.written.end_in(&self.unsent) else { return };
        let mut heard = self.written.clone();
        heard.pass(&self.unsent);
        self.unsent.truncate(end);
        if !self.written.is_closed() {
            self.unsent.extend_from_slice(goodbye);
        }
        self.heard = Some(heard);
    }

    /// Waits for the source to say goodbye as well, or to end.
    fn listen(
        &mut self,
        context: &mut Context<'_>,
        ends: &mut impl Ends,
    ) -> Poll<Result<(), Broken>> {
        let Some(heard) = &mut self.heard else { return Poll::Ready(Ok(())) };
        while !heard.is_closed() && !self.ended {
            self.ended = std::task::ready!(yumen_worker::with_scratch(|buffer| {
                let read = ends.poll_read(context, buffer);
                heard.pass(buffer);
                read.map(|read| read.map(|()| buffer.is_empty()))
            }))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// Carries bytes until there is nothing more to carry, or until it is to be cut; says whether that
/// was so.
pub(crate) async fn carry(
    link: &Link,
    mut tunnel: Box<dyn Tunnel>,
    watch: &Watch,
    idle: Option<Duration>,
    is_cutting: impl Fn() -> bool,
) -> bool {
    let mut cut = false;
    let (mut inward, mut outward) = (Way::default(), Way::default());
    link.allow(idle);
    std::future::poll_fn(|context| {
        if !cut && is_cutting() {
            cut = true;
            link.allow(Some(GOODBYE));
        }
        let tunnel = tunnel.as_mut();
        let inward_left = inward.poll(context, &mut Inward { link, tunnel }, cut);
        let outward_left = outward.poll(context, &mut Outward { link, tunnel, watch }, cut);
        if std::mem::take(&mut inward.moved) | std::mem::take(&mut outward.moved) && !cut {
            link.allow(idle);
        }
        match (inward_left, outward_left) {
            (Poll::Ready(Err(Broken)), _) | (_, Poll::Ready(Err(Broken))) => Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            _ if link.deadline.has_come(context) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    cut
}

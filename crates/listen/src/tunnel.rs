//! Bytes both ways behind a `101`, until both sides are done, one breaks, or both are silent for
//! too long.

use std::task::{Context, Poll};
use std::time::Duration;

use yumen_http::Tunnel;
use yumen_policy::Watch;

use crate::link::Link;

/// The connection broke.
struct Broken;

/// The two ends of one direction.
trait Ends {
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
}

impl Way {
    /// Carries what can be carried now; ready when the source has ended and the destination knows.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        ends: &mut impl Ends,
    ) -> Poll<Result<(), Broken>> {
        loop {
            while !self.unsent.is_empty() {
                let written = std::task::ready!(ends.poll_write(context, &self.unsent))?;
                self.unsent.drain(..written);
                self.moved = true;
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
}

/// Carries bytes until there is nothing more to carry.
pub(crate) async fn carry(
    link: &Link,
    mut tunnel: Box<dyn Tunnel>,
    watch: &Watch,
    idle: Option<Duration>,
) {
    let (mut inward, mut outward) = (Way::default(), Way::default());
    link.allow(idle);
    std::future::poll_fn(|context| {
        let tunnel = tunnel.as_mut();
        let inward_left = inward.poll(context, &mut Inward { link, tunnel });
        let outward_left = outward.poll(context, &mut Outward { link, tunnel, watch });
        if std::mem::take(&mut inward.moved) | std::mem::take(&mut outward.moved) {
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
}

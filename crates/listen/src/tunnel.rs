//! Bytes both ways behind a `101`, until both sides are done, one breaks, or both are silent for
//! too long.

use std::task::{Context, Poll};
use std::time::Duration;

use yumen_http::Tunnel;
use yumen_policy::Watch;

use crate::link::Link;

/// One direction.
#[derive(Debug, Default)]
struct Way {
    /// Read, not yet written.
    unsent: Vec<u8>,
    /// Its source has ended.
    ended: bool,
    /// Its destination has been told so.
    closed: bool,
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
        let mut moved = false;
        let inward_left = poll_inward(context, link, tunnel.as_mut(), &mut inward, &mut moved);
        let outward_left =
            poll_outward(context, link, tunnel.as_mut(), &mut outward, watch, &mut moved);
        if moved {
            link.allow(idle);
        }
        match (inward_left, outward_left) {
            (Poll::Ready(Err(())), _) | (_, Poll::Ready(Err(()))) => Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            _ if link.deadline.has_come(context) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

/// From the client to the service.
fn poll_inward(
    context: &mut Context<'_>,
    link: &Link,
    tunnel: &mut dyn Tunnel,
    way: &mut Way,
    moved: &mut bool,
) -> Poll<Result<(), ()>> {
    way.unsent.append(&mut link.rest().borrow_mut());
    loop {
        while !way.unsent.is_empty() {
            let Poll::Ready(written) = tunnel.poll_write(context, &way.unsent) else {
                return Poll::Pending;
            };
            way.unsent.drain(..written.map_err(drop)?);
            *moved = true;
        }
        if way.ended {
            if !way.closed && tunnel.poll_close(context).is_pending() {
                return Poll::Pending;
            }
            way.closed = true;
            return Poll::Ready(Ok(()));
        }
        let read = yumen_worker::with_scratch(|buffer| {
            let room = buffer.capacity();
            let read = link.poll_read(context, buffer, room);
            way.unsent.extend_from_slice(buffer);
            read
        });
        match read {
            Poll::Pending => {
                way.unsent = Vec::new();
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => way.ended = true,
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
        }
    }
}

/// From the service to the client.
fn poll_outward(
    context: &mut Context<'_>,
    link: &Link,
    tunnel: &mut dyn Tunnel,
    way: &mut Way,
    watch: &Watch,
    moved: &mut bool,
) -> Poll<Result<(), ()>> {
    loop {
        while !way.unsent.is_empty() {
            let Poll::Ready(written) = link.poll_write(context, &way.unsent) else {
                return Poll::Pending;
            };
            let written = written.map_err(drop)?;
            way.unsent.drain(..written);
            watch.sent.set(watch.sent.get() + written as u64);
            *moved = true;
        }
        if way.ended {
            if !way.closed && link.poll_close(context).is_pending() {
                return Poll::Pending;
            }
            way.closed = true;
            return Poll::Ready(Ok(()));
        }
        let read = yumen_worker::with_scratch(|buffer| {
            let read = tunnel.poll_read(context, buffer);
            way.unsent.extend_from_slice(buffer);
            read
        });
        match read {
            Poll::Pending => {
                way.unsent = Vec::new();
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => way.ended = way.unsent.is_empty(),
            Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
        }
    }
}

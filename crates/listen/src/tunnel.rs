//! Bytes both ways between a client and a service, until both sides are done, one breaks, both are
//! silent for too long, the time is up, or a drain is at its end: where WebSocket is spoken, both
//! are then told goodbye.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use yumen_http::Tunnel;
use yumen_policy::Watch;
use yumen_worker::Worker;

use crate::Broken;
use crate::frames::{Frames, To};
use crate::link::Link;

/// How long both sides may take to end their frames and to answer a goodbye.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// The client's end of a tunnel that has a connection of its own.
#[derive(Debug)]
pub(crate) struct LinkEnd<'a> {
    pub(crate) link: &'a Link,
    pub(crate) watch: &'a Watch,
}

impl Tunnel for LinkEnd<'_> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), yumen_http::BodyError>> {
        out.append(&mut self.link.rest().borrow_mut());
        if out.is_empty() {
            let room = out.capacity();
            let read = ready!(self.link.poll_read(context, out, room));
            read.map_err(|_error| yumen_http::BodyError::Cut)?;
        }
        self.watch.received.set(self.watch.received.get() + out.len() as u64);
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, yumen_http::BodyError>> {
        let written = ready!(self.link.poll_write(context, bytes));
        let written = written.map_err(|_error| yumen_http::BodyError::Cut)?;
        self.watch.sent.set(self.watch.sent.get() + written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.poll_close(context)
    }
}

/// One direction.
#[derive(Debug)]
struct Way {
    to: To,
    /// Read, not yet written.
    unsent: Vec<u8>,
    /// Its source has ended.
    ended: bool,
    /// Something was written since this was last looked at.
    moved: bool,
    /// What was written, where it has frames.
    written: Option<Frames>,
    /// What was read, known once goodbye was said.
    heard: Option<Frames>,
}

impl Way {
    fn new(to: To, has_frames: bool) -> Self {
        Self {
            to,
            unsent: Vec::new(),
            ended: false,
            moved: false,
            written: has_frames.then(Frames::default),
            heard: None,
        }
    }

    /// Who is to blame if it cannot be read, or not be written.
    fn ends(&self) -> (Broken, Broken) {
        match self.to {
            To::Service => (Broken::Client, Broken::Upstream),
            To::Client => (Broken::Upstream, Broken::Client),
        }
    }

    /// Carries what can be carried now; ready when the source has ended and the destination knows,
    /// or, if that is to be cut, when both have said goodbye.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        (source, destination): (&mut dyn Tunnel, &mut dyn Tunnel),
        cut: bool,
    ) -> Poll<Result<(), Broken>> {
        let (unread, unwritten) = self.ends();
        loop {
            if cut {
                self.part();
            }
            if !self.unsent.is_empty() {
                let unsent = std::mem::take(&mut self.unsent);
                self.write(context, &unsent, destination).map_err(|Gone| unwritten)?;
                if !self.unsent.is_empty() {
                    return Poll::Pending;
                }
            }
            if self.heard.is_some() {
                return self.listen(context, source).map_err(|Gone| unread);
            }
            if self.ended {
                return destination.poll_close(context).map(Ok);
            }
            ready!(yumen_worker::with_scratch(|buffer| {
                let read = ready!(source.poll_read(context, buffer));
                Poll::Ready(read.map_err(|_gone| unread).and_then(|()| {
                    self.ended = buffer.is_empty();
                    if cut {
                        // A goodbye may have to go between them.
                        self.unsent.extend_from_slice(buffer);
                        return Ok(());
                    }
                    self.write(context, buffer, destination).map_err(|Gone| unwritten)
                }))
            }))?;
        }
    }

    /// Writes as much of the bytes as is taken now, and keeps the rest: an idle direction holds no
    /// buffer.
    fn write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        destination: &mut dyn Tunnel,
    ) -> Result<(), Gone> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Poll::Ready(written) = destination.poll_write(context, rest) else { break };
            let (gone_by, left) =
                rest.split_at_checked(written.map_err(|_gone| Gone)?).unwrap_or((rest, &[]));
            if let Some(frames) = &mut self.written {
                frames.pass(gone_by);
            }
            self.moved = true;
            rest = left;
        }
        self.unsent.extend_from_slice(rest);
        Ok(())
    }

    /// Puts a goodbye behind the frame under way, unless that goes on in bytes that have not come
    /// yet, or goodbye was said already. Nothing is carried after it.
    fn part(&mut self) {
        if self.heard.is_some() || self.ended {
            return;
        }
        let Some(written) = &self.written else { return };
        let Some(end) = written.end_in(&self.unsent) else { return };
        let mut heard = written.clone();
        heard.pass(&self.unsent);
        self.unsent.truncate(end);
        if !written.is_closed() {
            self.unsent.extend_from_slice(self.to.goodbye());
        }
        self.heard = Some(heard);
    }

    /// Waits for the source to say goodbye as well, or to end.
    fn listen(
        &mut self,
        context: &mut Context<'_>,
        source: &mut dyn Tunnel,
    ) -> Poll<Result<(), Gone>> {
        let Some(heard) = &mut self.heard else { return Poll::Ready(Ok(())) };
        while !heard.is_closed() && !self.ended {
            let read = ready!(yumen_worker::with_scratch(|buffer| {
                let read = source.poll_read(context, buffer);
                heard.pass(buffer);
                read.map(|read| read.map(|()| buffer.is_empty()))
            }));
            self.ended = read.map_err(|_error| Gone)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// One end is not there any more.
struct Gone;

/// How long a tunnel may last.
pub(crate) struct Terms<'a> {
    pub(crate) worker: &'a Worker,
    /// Silence in both directions.
    pub(crate) idle: Option<Duration>,
    /// In all.
    pub(crate) lifetime: Option<Duration>,
    /// Whether all tunnels are to end.
    pub(crate) is_cutting: &'a dyn Fn() -> bool,
    /// Whether WebSocket is spoken, so that goodbye can be said.
    pub(crate) goodbye: bool,
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// Both sides were done.
    Done,
    /// One of them was gone.
    Broken(Broken),
    /// Both were silent for too long.
    Silent,
    /// Its time was up.
    Aged,
    /// A drain was at its end.
    Drained,
}

impl Parting {
    /// Why the gateway ended it, for the log.
    pub(crate) fn cause(self) -> Option<&'static str> {
        match self {
            Self::Done | Self::Broken(_) => None,
            Self::Silent => Some("the tunnel was silent for too long"),
            Self::Aged => Some("the tunnel's lifetime was over"),
            Self::Drained => Some("the drain was over"),
        }
    }

    /// Who broke it off, if anybody.
    pub(crate) fn broken(self) -> Option<Broken> {
        match self {
            Self::Broken(broken) => Some(broken),
            Self::Done | Self::Silent | Self::Aged | Self::Drained => None,
        }
    }
}

/// Carries bytes until there is nothing more to carry, or until it is to end.
pub(crate) async fn carry(
    client: &mut dyn Tunnel,
    service: &mut dyn Tunnel,
    terms: &Terms<'_>,
) -> Parting {
    let Terms { worker, idle, is_cutting, goodbye, .. } = *terms;
    let mut inward = Way::new(To::Service, goodbye);
    let mut outward = Way::new(To::Client, goodbye);
    let patience = worker.deadline();
    patience.set(idle);
    let end = terms.lifetime.map(|lifetime| {
        let end = worker.deadline();
        end.set(Some(lifetime));
        end
    });
    let mut parting = None;
    std::future::poll_fn(|context| {
        loop {
            let cut = parting.is_some();
            let inward_left = inward.poll(context, (client, service), cut);
            let outward_left = outward.poll(context, (service, client), cut);
            if std::mem::take(&mut inward.moved) | std::mem::take(&mut outward.moved) && !cut {
                patience.set(idle);
            }
            match (inward_left, outward_left) {
                (Poll::Ready(Err(broken)), _) | (_, Poll::Ready(Err(broken))) => {
                    return Poll::Ready(parting.unwrap_or(Parting::Broken(broken)));
                }
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => {
                    return Poll::Ready(parting.unwrap_or(Parting::Done));
                }
                _ if client.poll_gone(context).is_ready() => {
                    return Poll::Ready(parting.unwrap_or(Parting::Broken(Broken::Client)));
                }
                _ => {}
            }
            let late = patience.has_come(context);
            if let Some(parting) = parting {
                return if late { Poll::Ready(parting) } else { Poll::Pending };
            }
            parting = match () {
                () if is_cutting() => Some(Parting::Drained),
                () if end.as_ref().is_some_and(|end| end.has_come(context)) => Some(Parting::Aged),
                () if late => Some(Parting::Silent),
                () => return Poll::Pending,
            };
            if let (false, Some(parting)) = (goodbye, parting) {
                return Poll::Ready(parting);
            }
            patience.set(Some(GOODBYE));
        }
    })
    .await
}

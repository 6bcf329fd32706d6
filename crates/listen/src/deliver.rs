//! An answer on its way to the client: head and first body bytes in one write, the rest as fast as
//! the client reads.

use std::future::Future;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use yumen_http::{
    Body, BodyRead, Delivery, Flow, Framing, Method, RequestHead, ResponseHead, Version, chunked,
};
use yumen_policy::Watch;

use crate::Broken;
use crate::link::Link;
use crate::moving::Moving;

/// How the end of an answer's body is told. A body that this answer cannot have is taken out.
pub(crate) fn measure(request: &RequestHead, head: &ResponseHead, body: &mut Body) -> Framing {
    match request.method() {
        Method::Head => {
            let length = head.announced_length().or(body.length().filter(|length| *length > 0));
            *body = Body::Empty;
            length.map_or(Framing::None, Framing::Length)
        }
        _ if head.status().code() == 304 => {
            *body = Body::Empty;
            head.announced_length().map_or(Framing::None, Framing::Length)
        }
        _ if head.status().is_bodiless() => {
            *body = Body::Empty;
            Framing::None
        }
        _ => match (body.length(), request.version()) {
            (Some(length), _) => Framing::Length(length),
            (None, Version::Http11) => Framing::Chunked,
            (None, _) => Framing::UntilClose,
        },
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    pub(crate) link: &'a Link,
    pub(crate) watch: &'a Watch,
    /// How long the client may leave bytes unread.
    pub(crate) patience: Option<Duration>,
    /// Until it is written.
    pub(crate) head: Option<(Box<ResponseHead>, Delivery<'a>)>,
    pub(crate) body: Body,
    pub(crate) chunked: bool,
    /// Written by us, not yet taken by the system.
    pub(crate) unsent: Vec<u8>,
    pub(crate) stalled: bool,
    pub(crate) moving: Moving,
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

impl<'a> Parcel<'a> {
    /// Sends all of it.
    pub(crate) fn send(mut self) -> impl Future<Output = Result<(), Broken>> + 'a {
        let mut filled = Filled::More;
        std::future::poll_fn(move |context| {
            loop {
                ready!(self.poll_unsent(context))?;
                ready!(self.poll_push(context))?;
                match filled {
                    _ if self.moving.ended => return Poll::Ready(Ok(())),
                    Filled::All => return Poll::Ready(Ok(())),
                    Filled::Broken => return Poll::Ready(Err(Broken::Upstream)),
                    Filled::More | Filled::Waiting => {}
                }
                if self.pull(context)? {
                    continue;
                }
                if self.is_movable() {
                    return Poll::Pending;
                }
                filled = self.copy(context)?;
                let is_sent = self.unsent.is_empty() && self.moving.pipe.is_none();
                if matches!(filled, Filled::Waiting) && is_sent {
                    return Poll::Pending;
                }
            }
        })
    }

    /// Writes the head and what is there of the body, as far as it is copied.
    fn copy(&mut self, context: &mut Context<'_>) -> Result<Filled, Broken> {
        yumen_worker::with_scratch(|buffer| {
            let mut filled = self.fill(context, buffer);
            // What is there goes out in as few writes as possible.
            while matches!(filled, Filled::More)
                && room(buffer) >= ROOM_WORTH_FILLING
                && !self.is_movable()
            {
                filled = self.fill(context, buffer);
            }
            let pulled = match filled {
                Filled::More => self.pull(context),
                _ => Ok(false),
            };
            // What came before the service broke off is the client's.
            self.write(context, buffer, pulled == Ok(true))?;
            Ok(if pulled.is_err() { Filled::Broken } else { filled })
        })
    }

    fn is_movable(&self) -> bool {
        match &self.body {
            Body::Stream(stream, _) => {
                self.head.is_none()
                    && !self.chunked
                    && self.link.can_move()
                    && self.moving.suits(stream.as_ref())
            }
            Body::Empty | Body::Full(_) => false,
        }
    }

    /// Puts more of the body into a pipe, if it can be moved; whether there is something in it now.
    fn pull(&mut self, context: &mut Context<'_>) -> Result<bool, Broken> {
        if !self.is_movable() {
            return Ok(false);
        }
        match &mut self.body {
            Body::Stream(stream, _) => self.moving.pull(context, stream.as_mut()),
            Body::Empty | Body::Full(_) => Ok(false),
        }
    }

    /// Moves on what is in the pipe.
    fn poll_push(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Some(mut pipe) = self.moving.pipe.take() else { return Poll::Ready(Ok(())) };
        while pipe.held() > 0 {
            match self.link.poll_drain(context, &mut pipe) {
                Poll::Ready(Ok(moved)) => {
                    self.watch.sent.set(self.watch.sent.get() + moved as u64);
                    self.stalled = false;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Client)),
                Poll::Pending => {
                    self.moving.pipe = Some(pipe);
                    return self.poll_patience(context);
                }
            }
        }
        pipe.put_back();
        Poll::Ready(Ok(()))
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
                    return self.poll_patience(context);
                }
            }
        }
        self.unsent = Vec::new();
        Poll::Ready(Ok(()))
    }

    /// The client leaves bytes unread: comes when it has done so for too long.
    fn poll_patience(&mut self, context: &Context<'_>) -> Poll<Result<(), Broken>> {
        if !self.stalled {
            self.stalled = true;
            self.link.allow(self.patience);
        }
        let late = self.link.deadline.has_come(context);
        if late { Poll::Ready(Err(Broken::Client)) } else { Poll::Pending }
    }

    /// Writes what the system takes at once and keeps the rest. `more` follows through a pipe.
    fn write(
        &mut self,
        context: &mut Context<'_>,
        buffer: &[u8],
        more: bool,
    ) -> Result<(), Broken> {
        if buffer.is_empty() {
            return Ok(());
        }
        let tried = if more {
            self.link.poll_write_more(context, buffer)
        } else {
            self.link.poll_write(context, buffer)
        };
        let written = match tried {
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

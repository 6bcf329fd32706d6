//! A request on its way to the service: the head, then the body as it comes from the client.

use std::task::{Context, Poll};

use yumen_http::{BodyError, BodyRead, Flow, chunked};

use crate::connection::Connection;

/// The part of a request that is still to be sent.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Written by us, not yet taken by the system.
    pub(crate) unsent: Vec<u8>,
    /// The body, while it has not ended.
    pub(crate) body: Option<Box<dyn BodyRead>>,
    pub(crate) chunked: bool,
    /// Whether anything of the body was read: then it cannot be sent a second time.
    pub(crate) begun: bool,
    /// The service takes no more: nothing more is sent.
    pub(crate) over: bool,
}

/// What an upload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For the client to send more.
    Client,
    /// For the service to take more.
    Service,
    /// For nothing: all is sent.
    Nothing,
}

/// Why an upload failed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The client's body broke off.
    Client(BodyError),
    /// The service takes no more. It may have answered all the same.
    Service,
}

impl Upload {
    /// Whether some of the request is still to be sent.
    pub(crate) fn is_unfinished(&self) -> bool {
        !self.over && (self.body.is_some() || !self.unsent.is_empty())
    }

    /// Sends what can be sent now; says what is waited for.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection,
    ) -> Result<Wait, Fault> {
        if self.over {
            return Ok(Wait::Nothing);
        }
        loop {
            if !self.flush(context, connection)? {
                return Ok(Wait::Service);
            }
            let Some(body) = &mut self.body else { return Ok(Wait::Nothing) };
            let chunked = self.chunked;
            let unsent = &mut self.unsent;
            let flow = yumen_worker::with_scratch(|buffer| {
                let flow = fill(body.as_mut(), chunked, context, buffer);
                let sent = match connection.poll_write(context, buffer) {
                    _ if buffer.is_empty() => 0,
                    Poll::Ready(Ok(sent)) => sent,
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Fault::Service)),
                    Poll::Pending => 0,
                };
                unsent.extend_from_slice(buffer.get(sent..).unwrap_or_default());
                flow.map_err(Fault::Client)
            });
            match flow {
                Poll::Pending => return Ok(Wait::Client),
                Poll::Ready(flow) => {
                    self.begun = true;
                    if flow? == Flow::End {
                        self.body = None;
                    }
                }
            }
        }
    }

    /// Whether nothing is left to be written.
    fn flush(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection,
    ) -> Result<bool, Fault> {
        while !self.unsent.is_empty() {
            match connection.poll_write(context, &self.unsent) {
                Poll::Ready(Ok(sent)) => drop(self.unsent.drain(..sent)),
                Poll::Ready(Err(_)) => return Err(Fault::Service),
                Poll::Pending => return Ok(false),
            }
        }
        self.unsent = Vec::new();
        Ok(true)
    }
}

/// Puts some of the body into the buffer, framed.
fn fill(
    body: &mut dyn BodyRead,
    framed: bool,
    context: &mut Context<'_>,
    buffer: &mut Vec<u8>,
) -> Poll<Result<Flow, BodyError>> {
    if !framed {
        let room = buffer.capacity();
        return body.poll_read(context, buffer, room);
    }
    buffer.extend_from_slice(&[0; chunked::HEAD_ROOM]);
    let room = (buffer.capacity() - buffer.len()).min(chunked::SIZE_EASY_MAX);
    let flow = body.poll_read(context, buffer, room);
    if buffer.len() > chunked::HEAD_ROOM && !matches!(flow, Poll::Ready(Err(_))) {
        chunked::write_head(buffer, 0);
    } else {
        buffer.clear();
    }
    if let Poll::Ready(Ok(Flow::End)) = flow {
        chunked::write_end(buffer, body.trailers().as_ref());
    }
    flow
}

//! A request's body on its way into an HTTP/2 stream: the client is read only as far as the
//! service's windows are open.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use yumen_http::{BodyRead, Flow};

use super::head;
use crate::upload::{Fault, Wait};

/// Bytes that are read of a client's body at once, and wait with the library at most.
pub(super) const CHUNK: usize = 64 * 1024;

/// The part of a request that is still to be sent.
pub(super) struct Upload {
    stream: SendStream<Bytes>,
    /// The body, while it has not ended.
    pub(super) body: Option<Box<dyn BodyRead>>,
    /// Whether anything of the body was read.
    pub(super) begun: bool,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Upload").field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl Upload {
    pub(super) fn new(stream: SendStream<Bytes>, body: Option<Box<dyn BodyRead>>) -> Self {
        Self { stream, body, begun: false }
    }

    /// Sends what can be sent now; says what is waited for.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Result<Wait, Fault> {
        loop {
            let Some(body) = &mut self.body else { return Ok(Wait::Nothing) };
            let room = match self.stream.capacity() {
                0 => {
                    self.stream.reserve_capacity(CHUNK);
                    match self.stream.poll_capacity(context) {
                        Poll::Ready(Some(Ok(room))) => room,
                        Poll::Ready(_) => return Err(Fault::Service),
                        Poll::Pending => return Ok(Wait::Service),
                    }
                }
                room => room,
            };
            let (bytes, flow) = yumen_worker::with_scratch(|buffer| {
                let flow = body.poll_read(context, buffer, room.clamp(1, CHUNK));
                (Bytes::copy_from_slice(buffer), flow)
            });
            let flow = match flow {
                Poll::Ready(flow) => flow.map_err(Fault::Client)?,
                Poll::Pending => {
                    // Others may use what this one has no bytes for.
                    self.stream.reserve_capacity(0);
                    return Ok(Wait::Client);
                }
            };
            self.begun = true;
            let trailers = match flow {
                Flow::More => None,
                Flow::End => body.trailers(),
            };
            let end = flow == Flow::End && trailers.is_none();
            if !bytes.is_empty() || end {
                self.stream.send_data(bytes, end).map_err(|_gone| Fault::Service)?;
            }
            if let Some(trailers) = trailers {
                let sent = self.stream.send_trailers(head::trailers(&trailers));
                sent.map_err(|_gone| Fault::Service)?;
            }
            if flow == Flow::End {
                self.body = None;
            }
        }
    }
}

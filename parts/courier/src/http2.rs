//! One call at a time on a connection of HTTP/2. Nothing drives the connection but the call that is
//! under way: between calls it rests, and is looked at before the next one.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Reason, RecvStream};
use yumen_http::ResponseHead;

use crate::fault::{Fault, printable};
use crate::grpc;
use crate::http1::{Broken, FIELDS_MAX, HEAD_MAX, INTERIM_MAX, LIMITS, Trace};
use crate::line::Line;
use crate::request::Answer;

/// Bytes of an answer that may wait: of one that is read at once.
const WINDOW: u32 = 1024 * 1024;
/// What a field counts beside its name and value (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// A connection of HTTP/2.
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    connection: Connection<Line, Bytes>,
    is_over: bool,
}

impl std::fmt::Debug for Http2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl Http2 {
    /// Begins to speak HTTP/2 on a new connection.
    pub(crate) async fn begin(line: Line) -> Result<Self, Fault> {
        let list = HEAD_MAX + FIELD_OVERHEAD * (FIELDS_MAX + 1);
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX));
        let (sender, connection) =
            builder.handshake(line).await.map_err(|error| judge(&error).fault)?;
        Ok(Self { sender, connection, is_over: false })
    }

    /// Whether a call may be made on it, as far as the runtime knows.
    pub(crate) fn is_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.poll_drive(&mut context);
        !self.is_over && !matches!(self.sender.poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    /// Moves what can be moved.
    fn poll_drive(&mut self, context: &mut Context<'_>) {
        if !self.is_over {
            self.is_over = Pin::new(&mut self.connection).poll(context).is_ready();
        }
    }

    /// Waits for something that comes on the connection.
    async fn until<T>(
        &mut self,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, Broken>>,
    ) -> Result<T, Broken> {
        poll_fn(|context| {
            self.poll_drive(context);
            match poll(context) {
                Poll::Pending if self.is_over => {
                    let fault = Fault::closed("it was closed");
                    Poll::Ready(Err(Broken { fault, trace: Trace::Unknown }))
                }
                other => other,
            }
        })
        .await
    }

    /// Sends a request with its whole body, and reads the answer as it comes, of whose only message
    /// at most so many bytes.
    pub(crate) async fn call(
        &mut self,
        head: http::Request<()>,
        body: Bytes,
        most: usize,
    ) -> Result<Answer, Broken> {
        let sent = self.sender.send_request(head, false);
        let (answer, mut stream) =
            sent.map_err(|error| Broken { trace: Trace::Untouched, ..judge(&error) })?;
        // That it cannot be sent is met again by whoever reads the answer.
        let _sent = stream.send_data(body, true);
        let mut answer = pin!(answer);
        let mut interim = 0;
        let answer = self
            .until(|context| {
                while let Poll::Ready(Some(Ok(_interim))) = answer.poll_informational(context) {
                    interim += 1;
                    if interim > INTERIM_MAX {
                        let fault = Fault::malformed("too many interim answers");
                        return Poll::Ready(Err(fault.into()));
                    }
                }
                answer.as_mut().poll(context).map_err(|error| judge(&error))
            })
            .await?;
        let fields = answer.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = ResponseHead::assemble(answer.status().as_u16(), fields, &LIMITS);
        let head = head.map_err(Fault::from)?;
        let mut stream = answer.into_body();
        let body = self.body(&mut stream, most).await?;
        let trailers = self
            .until(|context| stream.poll_trailers(context).map_err(|error| touched(judge(&error))));
        let trailers = trailers.await?.unwrap_or_default();
        let trailers = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let trailers = yumen_http::read_answer_trailers(trailers, HEAD_MAX).map_err(Fault::from)?;
        Ok(Answer { status: head.status(), fields: head.fields().clone(), body, trailers })
    }

    async fn body(&mut self, stream: &mut RecvStream, most: usize) -> Result<Vec<u8>, Broken> {
        let too_large = || Broken::from(Fault::TooLarge { most });
        let mut body = Vec::new();
        loop {
            let piece = self.until(|context| {
                let piece = stream.poll_data(context).map(Option::transpose);
                piece.map_err(|error| touched(judge(&error)))
            });
            let Some(piece) = piece.await? else { return Ok(body) };
            // A stream that is gone has no window; what came of it is good.
            let _released = stream.flow_control().release_capacity(piece.len());
            body.extend_from_slice(&piece);
            let told = grpc::message_length(&body).unwrap_or(0);
            if told > most || body.len() > most.saturating_add(grpc::PREFIX) {
                return Err(too_large());
            }
        }
    }
}

/// What goes wrong once the answer has begun.
fn touched(broken: Broken) -> Broken {
    Broken { trace: Trace::Touched, ..broken }
}

/// What it means that there is no answer.
fn judge(error: &h2::Error) -> Broken {
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    if error.is_remote() && (error.is_go_away() || is_refused) {
        // Nothing of it was looked at (RFC 9113 section 8.7).
        let fault = Fault::closed(printable(&format!("HTTP/2: {error}")));
        return Broken { fault, trace: Trace::Untouched };
    }
    if let Some(error) = error.get_io() {
        let fault = Fault::of_line(error);
        let is_closed = matches!(fault, Fault::Closed { .. });
        let trace = if is_closed { Trace::Unknown } else { Trace::Touched };
        return Broken { fault, trace };
    }
    let text = printable(&format!("HTTP/2: {error}"));
    match error.is_remote() {
        true => Fault::closed(text).into(),
        false => Fault::malformed(text).into(),
    }
}

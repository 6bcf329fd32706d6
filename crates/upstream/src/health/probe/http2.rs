//! One request over HTTP/2 on a connection of its own, and its answer as far as it is wanted.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use http::{HeaderMap, Request};
use yumen_http::{HeadLimits, ResponseHead};
use yumen_worker::Stream;

use super::complaint::Complaint;
use super::line::{HEARD_MAX, endless};
use super::{ANSWER_MAX, FIELDS_MAX};
use crate::http2::wire::{Line, Wire};

/// How long it may take to close the connection in an orderly way, when all is said.
const FAREWELL: Duration = Duration::from_millis(100);

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: Box<ResponseHead>,
    /// Its begin: no more than was wanted, and a frame.
    pub(super) body: Vec<u8>,
    /// What stood behind the whole body; none if not all of it was read.
    pub(super) trailers: Option<HeaderMap>,
}

/// Sends a request and reads its answer: of the body at least `wanted` bytes, if there are so many.
pub(super) async fn ask(
    stream: Stream,
    request: Request<()>,
    body: Bytes,
    wanted: usize,
) -> Result<Answer, Complaint> {
    let line = Rc::new(Line::new(stream));
    let shaken = builder().handshake(Wire(Rc::clone(&line))).await;
    let (sender, mut connection) = shaken.map_err(|error| broken(&error))?;
    let mut has_ended = false;
    let answer = {
        let mut exchange = pin!(exchange(sender, request, body, wanted));
        poll_fn(|context| {
            if line.heard() > HEARD_MAX {
                return Poll::Ready(Err(endless()));
            }
            let ended = Pin::new(&mut connection).poll(context);
            has_ended = ended.is_ready();
            match (exchange.as_mut().poll(context), ended) {
                (Poll::Ready(answer), _) => Poll::Ready(answer),
                (Poll::Pending, Poll::Ready(Ok(()))) => {
                    Poll::Ready(Err(Complaint::broken("closed without an answer")))
                }
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(broken(&error))),
                (Poll::Pending, Poll::Pending) => Poll::Pending,
            }
        })
        .await
    };
    if !has_ended {
        farewell(connection).await;
    }
    answer
}

fn builder() -> Builder {
    let bound = u32::try_from(ANSWER_MAX).unwrap_or(u32::MAX);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(bound)
        .initial_connection_window_size(bound)
        .max_header_list_size(bound);
    builder
}

async fn exchange(
    sender: SendRequest<Bytes>,
    request: Request<()>,
    body: Bytes,
    wanted: usize,
) -> Result<Answer, Complaint> {
    let mut sender = sender.ready().await.map_err(|error| broken(&error))?;
    let sent = sender.send_request(request, body.is_empty());
    let (answer, mut upload) = sent.map_err(|error| broken(&error))?;
    if !body.is_empty() {
        upload.send_data(body, true).map_err(|error| broken(&error))?;
    }
    let (head, mut stream) = answer.await.map_err(|error| broken(&error))?.into_parts();
    let fields = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let limits =
        HeadLimits { head: ANSWER_MAX, target: ANSWER_MAX, field: ANSWER_MAX, fields: FIELDS_MAX };
    let head = ResponseHead::assemble(head.status.as_u16(), fields, &limits);
    let mut answer = Answer {
        head: head.map_err(|malformed| Complaint::broken(malformed.0))?,
        body: Vec::new(),
        trailers: None,
    };
    while answer.body.len() < wanted {
        let Some(bytes) = stream.data().await else {
            let trailers = stream.trailers().await.map_err(|error| broken(&error))?;
            answer.trailers = Some(trailers.unwrap_or_default());
            break;
        };
        let bytes = bytes.map_err(|error| broken(&error))?;
        // More than came cannot be given back.
        let _released = stream.flow_control().release_capacity(bytes.len());
        answer.body.extend_from_slice(&bytes);
    }
    Ok(answer)
}

/// Says goodbye; nobody waits for it.
async fn farewell(connection: Connection<Wire, Bytes>) {
    drop(tokio::time::timeout(FAREWELL, connection).await);
}

fn broken(error: &h2::Error) -> Complaint {
    Complaint::broken(format_args!("HTTP/2: {error}"))
}

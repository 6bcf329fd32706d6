//! One request on one connection: the head goes out, the body follows, the answer's head comes
//! back, in any order the two sides like.

use std::sync::Arc;
use std::task::{Context, Poll};

use yumen_http::{
    Body, BodyError, Decoder, Framing, HeadIndex, HeadLimits, Outgoing, Refusal, Response,
    ResponseHead, Status,
};
use yumen_model::HostHeader;
use yumen_policy::{Exchange, Failure, FailureKind};

use crate::body::ServiceBody;
use crate::connection::Connection;
use crate::destination::Destination;
use crate::outbound::Outbound;
use crate::pool::Pool;
use crate::send::Way;
use crate::tunnel::ServiceTunnel;
use crate::upload::{Fault, Upload, Wait};

/// Interim answers that are passed on for one request.
const INTERIM_MAX: u32 = 16;
/// The trailers of an answer, in bytes.
const TRAILERS_MAX: usize = 8 * 1024;

/// An attempt without an answer.
#[derive(Debug)]
pub(crate) struct Setback {
    pub(crate) failure: Failure,
    /// The request can be sent again without harm.
    pub(crate) again: bool,
}

impl Setback {
    fn last(failure: Failure) -> Self {
        Self { failure, again: false }
    }
}

/// Sends the request on this connection and waits for the head of the answer.
pub(crate) async fn attempt(
    outbound: &Outbound,
    pool: &Pool,
    mut connection: Connection,
    exchange: &mut Exchange,
    way: &Way<'_>,
) -> Result<Response, Setback> {
    let destination = pool.destination();
    let asked = exchange.trail.began.elapsed();
    exchange.trail.asked.get_or_insert(asked);
    let mut upload = std::future::poll_fn(|context| {
        Poll::Ready(start(context, &mut connection, &destination, exchange, way))
    })
    .await;
    let limits = HeadLimits {
        head: destination.head_max,
        target: destination.head_max,
        field: destination.head_max,
        fields: destination.fields_max,
    };
    let mut asking = Asking {
        exchange,
        way,
        limits,
        index: HeadIndex::default(),
        wait: None,
        interim: 0,
        silent: true,
    };
    let head =
        std::future::poll_fn(|context| asking.poll(context, &mut connection, &mut upload)).await;
    let silent = asking.silent;
    exchange.trail.answered = Some(exchange.trail.began.elapsed());
    let head = match head {
        Ok(head) => head,
        Err(failure) => {
            let again = connection.reused
                && silent
                && failure.kind() == FailureKind::UpstreamClosed
                && exchange.request.head.method().is_idempotent()
                && !upload.begun;
            if let Some(body) = upload.body.filter(|_| again) {
                exchange.request.body = restore(body, exchange);
            }
            return Err(Setback { failure, again });
        }
    };
    if head.status() == Status::SWITCHING {
        return switch(head, connection, exchange);
    }
    Ok(receive(head, connection, upload, exchange, Around { outbound, destination, way }))
}

/// What the reading of a body needs beside the connection.
struct Around<'a> {
    outbound: &'a Outbound,
    destination: Arc<Destination>,
    way: &'a Way<'a>,
}

fn restore(body: Box<dyn yumen_http::BodyRead>, exchange: &Exchange) -> Body {
    let length = match exchange.request.head.framing() {
        Framing::Length(length) => Some(length),
        Framing::None | Framing::Chunked | Framing::UntilClose => None,
    };
    Body::Stream(body, length)
}

/// Sends the head, with the body if it is at hand, as far as the system takes it at once.
fn start(
    context: &mut Context<'_>,
    connection: &mut Connection,
    destination: &Destination,
    exchange: &mut Exchange,
    way: &Way<'_>,
) -> Upload {
    let Exchange { request, path, client, trail, .. } = exchange;
    let framing = match request.body.length() {
        Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    let authority = Arc::clone(&connection.endpoint.authority);
    let host: &str = match way.host {
        HostHeader::Target => &authority,
        HostHeader::Client => {
            request.head.authority().map_or(&*authority, yumen_http::Authority::as_str)
        }
        HostHeader::Set(host) => host,
    };
    let path = path.as_deref().map_or(request.head.path_bytes(), str::as_bytes);
    let joined;
    let path = if destination.base_path.is_empty() || path == b"*" {
        path
    } else {
        joined = [destination.base_path.as_bytes(), path].concat();
        &joined
    };
    let unsent = yumen_worker::with_scratch(|buffer| {
        let outgoing =
            Outgoing { path, host, framing, forwarding: &client.forwarding, request_id: &trail.id };
        request.head.write(buffer, &outgoing);
        if let Body::Full(bytes) = &request.body {
            buffer.extend_from_slice(bytes);
        }
        // What went wrong is met again, and told, by whoever sends the rest or reads the answer.
        let sent = match connection.poll_write(context, buffer) {
            Poll::Ready(Ok(sent)) => sent,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        buffer.get(sent..).unwrap_or_default().to_vec()
    });
    let body = match &mut request.body {
        Body::Stream(..) => match request.body.take() {
            Body::Stream(stream, _) => Some(stream),
            Body::Empty | Body::Full(_) => None,
        },
        Body::Empty | Body::Full(_) => None,
    };
    Upload { unsent, body, chunked: framing == Framing::Chunked, begun: false }
}

/// The wait for the answer's head.
struct Asking<'a, 'w> {
    exchange: &'a Exchange,
    way: &'a Way<'w>,
    limits: HeadLimits,
    index: HeadIndex,
    wait: Option<Wait>,
    interim: u32,
    /// The service has not sent a single byte.
    silent: bool,
}

impl Asking<'_, '_> {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection,
        upload: &mut Upload,
    ) -> Poll<Result<Box<ResponseHead>, Failure>> {
        let wait = match upload.poll(context, connection) {
            Ok(wait) => wait,
            Err(Fault::Client(error)) => return Poll::Ready(Err(blame_client(error))),
            Err(Fault::Service) => {
                // Perhaps it has answered and closed; that answer counts.
                upload.body = None;
                upload.unsent = Vec::new();
                Wait::Nothing
            }
        };
        loop {
            let head = match self.poll_head(context, connection) {
                Poll::Ready(head) => head?,
                Poll::Pending => {
                    self.arm(wait, connection);
                    let late = connection.is_late(context);
                    let failure =
                        || Failure::new(FailureKind::UpstreamTimeout).because("no answer in time");
                    return if late { Poll::Ready(Err(failure())) } else { Poll::Pending };
                }
            };
            let status = head.status();
            if !status.is_interim() || status == Status::SWITCHING {
                return Poll::Ready(Ok(head));
            }
            self.interim += 1;
            if self.interim > INTERIM_MAX {
                return Poll::Ready(Err(bad_answer("too many interim answers")));
            }
            // The client was told to continue by us, if at all.
            if status.code() != 100 {
                self.exchange.trail.watch.interim.borrow_mut().push_back(head);
            }
        }
    }

    /// Sets the deadline for what is waited for, once for each wait.
    fn arm(&mut self, wait: Wait, connection: &Connection) {
        if self.wait == Some(wait) {
            return;
        }
        self.wait = Some(wait);
        let patience = match wait {
            Wait::Client => None,
            Wait::Service | Wait::Nothing => self.way.timeouts.first_byte,
        };
        connection.allow(self.way.timeouts.within_total(patience, self.exchange.trail.began));
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection,
    ) -> Poll<Result<Box<ResponseHead>, Failure>> {
        if !connection.rest.is_empty() {
            let rest = std::mem::take(&mut connection.rest);
            if let Some(head) = self.take(&rest, connection) {
                return Poll::Ready(head);
            }
        }
        loop {
            // What stands behind the head is copied once more.
            let head = yumen_worker::with_small_scratch(|buffer| {
                let early = std::mem::take(&mut connection.rest);
                buffer.extend_from_slice(&early);
                buffer.reserve(1024);
                match connection.poll_read(context, buffer, usize::MAX) {
                    Poll::Ready(Ok(read)) if read > 0 => {
                        self.silent = false;
                        self.wait = None;
                        self.take(buffer, connection).map(Poll::Ready)
                    }
                    Poll::Ready(ended) => {
                        let cause = match ended {
                            Ok(_) => "closed without an answer".to_owned(),
                            Err(error) => error.to_string(),
                        };
                        Some(Poll::Ready(Err(
                            Failure::new(FailureKind::UpstreamClosed).because(cause)
                        )))
                    }
                    Poll::Pending => {
                        connection.rest = early;
                        Some(Poll::Pending)
                    }
                }
            });
            if let Some(head) = head {
                return head;
            }
        }
    }

    /// Looks for a head at the front of `bytes` and keeps the rest. `None` if it is not complete.
    fn take(
        &mut self,
        bytes: &[u8],
        connection: &mut Connection,
    ) -> Option<Result<Box<ResponseHead>, Failure>> {
        let found = match self.index.find(bytes, &self.limits) {
            Err(Refusal::Malformed(malformed)) => return Some(Err(bad_answer(malformed.0))),
            Err(_too_large) => return Some(Err(bad_answer("the head is too large"))),
            Ok(None) => {
                connection.rest = bytes.to_vec();
                return None;
            }
            Ok(Some(length)) => length,
        };
        let (head, rest) = bytes.split_at_checked(found).unwrap_or_default();
        if !rest.is_empty() {
            connection.rest = rest.to_vec();
        }
        let index = std::mem::take(&mut self.index);
        Some(ResponseHead::read(head, index).map_err(|malformed| bad_answer(malformed.0)))
    }
}

fn bad_answer(cause: &'static str) -> Failure {
    Failure::new(FailureKind::UpstreamBadAnswer).because(cause)
}

fn blame_client(error: BodyError) -> Failure {
    let kind = match error {
        BodyError::Cut => FailureKind::ClientGone,
        BodyError::Stalled | BodyError::TooLate => FailureKind::BodyTimeout,
        BodyError::TooLarge => FailureKind::BodyTooLarge,
        BodyError::Malformed => FailureKind::BadRequest,
    };
    Failure::new(kind).because(error.to_string())
}

/// The connection becomes a tunnel, if that was asked for.
fn switch(
    head: Box<ResponseHead>,
    connection: Connection,
    exchange: &Exchange,
) -> Result<Response, Setback> {
    if !exchange.request.head.is_websocket() || !head.is_websocket() {
        return Err(Setback::last(bad_answer("switched to a protocol that nobody asked for")));
    }
    let mut response = Response::new(head, Body::Empty);
    response.tunnel = Some(Box::new(ServiceTunnel(connection)));
    Ok(response)
}

/// Puts the body behind the head: at hand if it is here already, else as a stream.
fn receive(
    head: Box<ResponseHead>,
    mut connection: Connection,
    upload: Upload,
    exchange: &Exchange,
    around: Around<'_>,
) -> Response {
    let Around { outbound, destination, way } = around;
    let upload = Some(upload).filter(|upload| upload.body.is_some() || !upload.unsent.is_empty());
    let framing = head.body_framing(exchange.request.head.method());
    let length = match framing {
        Framing::None => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    };
    let here = length
        .and_then(|length| usize::try_from(length).ok())
        .filter(|here| *here <= connection.rest.len());
    if let Some(here) = here {
        let surplus = connection.rest.split_off(here);
        let bytes = std::mem::take(&mut connection.rest);
        if head.is_kept_alive() && upload.is_none() && surplus.is_empty() {
            connection.put_back(&destination, outbound.worker().unix_seconds());
        }
        let body = if bytes.is_empty() { Body::Empty } else { Body::Full(bytes) };
        return Response::new(head, body);
    }
    let body = ServiceBody {
        connection,
        decoder: Some(Decoder::new(framing, TRAILERS_MAX)),
        upload,
        timeouts: way.timeouts,
        began: exchange.trail.began,
        kept: head.is_kept_alive() && framing != Framing::UntilClose,
        waiting: false,
        moving: false,
        trailers: None,
        destination,
        worker: outbound.worker().clone(),
    };
    Response::new(head, Body::Stream(Box::new(body), length))
}

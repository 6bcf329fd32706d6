//! One request and its answer over HTTP/1.1.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use yumen_http::{Decoder, Fields, Framing, HeadIndex, HeadLimits, Refusal, ResponseHead, Status};

use crate::fault::Fault;
use crate::line::Line;
use crate::request::{Answer, Request};

/// The largest head of an answer, in bytes; trailers may be as large again.
pub(crate) const HEAD_MAX: usize = 64 * 1024;
/// The most fields of an answer.
pub(crate) const FIELDS_MAX: usize = 200;
/// Heads of an answer that may come before the last one (1xx).
pub(crate) const INTERIM_MAX: usize = 16;
/// Bytes that are read at once.
const READ: usize = 16 * 1024;
/// The same, until so many have come at once: most answers are small, and to make room is the largest part of
/// what asking for one costs.
const READ_FIRST: usize = 2 * 1024;
/// What asks, if the request does not say it itself.
pub(crate) const AGENT: &str = concat!("yumen/", env!("CARGO_PKG_VERSION"));

pub(crate) const LIMITS: HeadLimits =
    HeadLimits { head: HEAD_MAX, target: HEAD_MAX, field: HEAD_MAX, fields: FIELDS_MAX };

/// A request that did not bring an answer.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    pub(crate) trace: Trace,
}

/// What the server has made of a request, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It has not looked at it.
    Untouched,
    /// Nobody knows: no byte of an answer has come.
    Unknown,
    /// It has answered, or had the time to.
    Touched,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self { fault, trace: Trace::Touched }
    }
}

impl Broken {
    /// Whether the request may be sent once more, if this happened on a kept connection.
    pub(crate) fn allows_again(&self, request: &Request) -> bool {
        match self.trace {
            Trace::Untouched => true,
            Trace::Unknown => request.may_repeat,
            Trace::Touched => false,
        }
    }
}

/// Sends a request and reads its answer; says with it whether the connection can be used again.
/// `keep`: whether we want it to be.
pub(crate) async fn ask(
    line: &mut Line,
    host: &str,
    request: &Request,
    keep: bool,
) -> Result<(Answer, bool), Broken> {
    let mut talk = Talk::new(line, write_head(host, request, keep), request);
    let (head, rest) = match talk.head().await {
        Ok(head) => head,
        Err(fault) => {
            let is_silent = !talk.heard && matches!(fault, Fault::Closed { .. });
            let trace = if is_silent { Trace::Unknown } else { Trace::Touched };
            return Err(Broken { fault, trace });
        }
    };
    let framing = head.body_framing(&request.method);
    let (body, trailers, is_clean) = talk.body(framing, request.answer_max, rest).await?;
    let can_keep = keep && is_clean && head.is_kept_alive() && talk.out.is_sent();
    let (status, fields) = (head.status(), head.fields().clone());
    Ok((Answer { status, fields, body, trailers }, can_keep))
}

fn write_head(host: &str, request: &Request, keep: bool) -> Vec<u8> {
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", request.method.as_str(), request.path);
    if request.fields.first("user-agent").is_none() {
        head.push_str(&format!("User-Agent: {AGENT}\r\n"));
    }
    let mut head = head.into_bytes();
    request.fields.write(&mut head);
    let mut put = |line: &str| head.extend_from_slice(line.as_bytes());
    if request.is_gzipped {
        put("Content-Encoding: gzip\r\n");
    }
    if !request.body.is_empty() || request.expects_body() {
        put(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    put(if keep { "\r\n" } else { "Connection: close\r\n\r\n" });
    head
}

/// What is still to be sent.
struct Out<'a> {
    head: Vec<u8>,
    body: &'a [u8],
    /// Bytes of both that were sent.
    sent: usize,
    /// The server takes no more.
    is_refused: bool,
}

impl Out<'_> {
    fn rest(&self) -> &[u8] {
        if self.is_refused {
            return &[];
        }
        match self.head.get(self.sent..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => self.body.get(self.sent.saturating_sub(self.head.len())..).unwrap_or_default(),
        }
    }

    fn is_sent(&self) -> bool {
        !self.is_refused && self.sent == self.head.len() + self.body.len()
    }
}

/// One request under way on a connection.
struct Talk<'a> {
    line: &'a mut Line,
    out: Out<'a>,
    /// Something of an answer has come.
    heard: bool,
    buffer: Vec<u8>,
}

impl<'a> Talk<'a> {
    fn new(line: &'a mut Line, mut head: Vec<u8>, request: &'a Request) -> Self {
        let mut body = &*request.body;
        // What is small goes out in one piece.
        if body.len() <= READ {
            head.extend_from_slice(body);
            body = &[];
        }
        let out = Out { head, body, sent: 0, is_refused: false };
        Self { line, out, heard: false, buffer: vec![0; READ_FIRST] }
    }

    /// Sends what can be sent. A server that takes no more may have answered already, so that this
    /// is no fault yet.
    fn push(&mut self, context: &mut Context<'_>) {
        let Self { line, out, .. } = self;
        while let rest = out.rest()
            && !rest.is_empty()
        {
            match Pin::new(&mut **line).poll_write(context, rest) {
                Poll::Ready(Ok(sent @ 1..)) => out.sent += sent,
                Poll::Ready(Ok(0) | Err(_)) => out.is_refused = true,
                Poll::Pending => return,
            }
        }
        if matches!(Pin::new(&mut **line).poll_flush(context), Poll::Ready(Err(_))) {
            out.is_refused = true;
        }
    }

    /// Sends on, until more has come; false at the end.
    async fn more(&mut self, into: &mut Vec<u8>) -> Result<bool, Fault> {
        let read = poll_fn(|context| self.poll_more(context, into)).await;
        read.map_err(|error| Fault::of_line(&error))
    }

    fn poll_more(
        &mut self,
        context: &mut Context<'_>,
        into: &mut Vec<u8>,
    ) -> Poll<io::Result<bool>> {
        self.push(context);
        let mut read = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(&mut *self.line).poll_read(context, &mut read))?;
        into.extend_from_slice(read.filled());
        let came = read.filled().len();
        self.heard |= came > 0;
        if came == self.buffer.len() {
            self.buffer.resize(READ, 0);
        }
        Poll::Ready(Ok(came > 0))
    }

    /// Reads the head of the answer, past interim ones; with it what came behind.
    async fn head(&mut self) -> Result<(Box<ResponseHead>, Vec<u8>), Fault> {
        let mut bytes = Vec::new();
        let mut index = HeadIndex::default();
        let mut interim = 0;
        loop {
            match index.find(&bytes, &LIMITS).map_err(refused)? {
                Some(length) => {
                    let rest = bytes.split_off(length);
                    let head = ResponseHead::read(&bytes, std::mem::take(&mut index))?;
                    if head.status() == Status::SWITCHING {
                        return Err(Fault::malformed("a switch of protocols nobody asked for"));
                    }
                    if !head.status().is_interim() {
                        return Ok((head, rest));
                    }
                    interim += 1;
                    if interim > INTERIM_MAX {
                        return Err(Fault::malformed("too many interim answers"));
                    }
                    bytes = rest;
                }
                None if !self.more(&mut bytes).await? => {
                    return Err(Fault::closed("there was no answer at all"));
                }
                None => {}
            }
        }
    }

    /// Reads the body; with it its trailers, and whether nothing stands behind it.
    async fn body(
        &mut self,
        framing: Framing,
        most: usize,
        mut fresh: Vec<u8>,
    ) -> Result<(Vec<u8>, Option<Fields>, bool), Fault> {
        let too_large = || Fault::TooLarge { most };
        if matches!(framing, Framing::Length(length) if length > most as u64) {
            return Err(too_large());
        }
        let mut decoder = Decoder::new(framing, HEAD_MAX);
        let mut body = Vec::new();
        loop {
            let from = body.len();
            body.append(&mut fresh);
            let surplus = decoder.decode(&mut body, from)?.surplus;
            body.truncate(body.len() - surplus);
            if body.len() > most {
                return Err(too_large());
            }
            if decoder.is_done() {
                return Ok((body, decoder.into_trailers(), surplus == 0));
            }
            if !self.more(&mut fresh).await? {
                return match decoder.ends_at_close() {
                    true => Ok((body, None, false)),
                    false => Err(Fault::closed("it was cut off")),
                };
            }
        }
    }
}

fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Malformed(malformed) => malformed.into(),
        _ => Fault::malformed("its head is too large"),
    }
}

//! Requests to the authority: one HTTP/1.1 connection inside TLS for each, within a deadline.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yumen_http::{Decoder, HeadIndex, HeadLimits, Method, ResponseHead};
use yumen_tls::{Client, Name, Session};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that is read of an answer.
const ANSWER_MAX: usize = 1024 * 1024;
/// The largest head of an answer, and its fields.
const HEAD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 200;

/// For how many seconds the authority wants to be left alone, as it said in its last answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks(Arc<AtomicU64>);

impl Asks {
    pub(crate) fn seconds(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0)
    }
}

/// The authority, to send requests to.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    pub(crate) client: Arc<Client>,
    pub(crate) asks: Asks,
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (client, asks) = (Arc::clone(&self.client), self.asks.clone());
        Box::pin(async move {
            let late = || io::Error::from(io::ErrorKind::TimedOut);
            let answered = tokio::time::timeout(PATIENCE, ask(&client, request)).await;
            let answer = answered.unwrap_or_else(|_elapsed| Err(late()));
            let answer = answer.map_err(|error| Error::Other(Box::new(error)))?;
            let is_failure = !answer.status().is_success();
            let after = answer.headers().get("retry-after").filter(|_| is_failure);
            let after = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
            asks.0.store(after.unwrap_or(0), Ordering::Relaxed);
            let (parts, body) = answer.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

async fn ask(client: &Client, request: Request<BodyWrapper<Bytes>>) -> io::Result<Response<Bytes>> {
    let (parts, mut body) = request.into_parts();
    if parts.uri.scheme_str() != Some("https") {
        return Err(wrong("the authority gave a URL that does not begin with https://"));
    }
    let host = parts.uri.host().ok_or_else(|| wrong("a URL without a host"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = Name::read(bare).ok_or_else(|| wrong("a URL without a good host"))?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = parts.uri.authority().map_or(host, |authority| authority.as_str());
    let method = Method::read(parts.method.as_str().as_bytes());
    let method = method.ok_or_else(|| wrong("no method"))?;
    let mut bytes = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(frame) = frame;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
    }
    let mut head = format!("{} {path} HTTP/1.1\r\nhost: {authority}\r\n", parts.method);
    for (name, value) in &parts.headers {
        let value = value.to_str().map_err(|_binary| wrong("a field that is no text"))?;
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", bytes.len()));
    let mut line =
        Line::connect(client, &name, (bare, parts.uri.port_u16().unwrap_or(443))).await?;
    line.write(head.as_bytes()).await?;
    line.write(&bytes).await?;
    line.answer(&method).await
}

/// A connection: TLS on a socket.
struct Line {
    socket: TcpStream,
    session: Session,
    /// Sealed bytes that were read and not taken yet.
    sealed: Vec<u8>,
}

impl Line {
    async fn connect(client: &Client, name: &Name, to: (&str, u16)) -> io::Result<Self> {
        let socket = TcpStream::connect(to).await?;
        let session = client.session(name).map_err(io::Error::other)?;
        let mut line = Self { socket, session, sealed: Vec::new() };
        while line.session.is_handshaking() {
            line.flush().await?;
            if line.session.is_handshaking() && !line.take().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        line.flush().await?;
        Ok(line)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        self.session.seal(&mut out);
        self.socket.write_all(&out).await
    }

    /// Takes what has come in; false at the end.
    async fn take(&mut self) -> io::Result<bool> {
        if self.sealed.is_empty() && self.socket.read_buf(&mut self.sealed).await? == 0 {
            return Ok(false);
        }
        match self.session.take(&self.sealed) {
            Ok(taken) => drop(self.sealed.drain(..taken)),
            Err(fault) => {
                // So that the authority learns why.
                drop(self.flush().await);
                return Err(io::Error::other(fault));
            }
        }
        Ok(true)
    }

    async fn write(&mut self, mut plain: &[u8]) -> io::Result<()> {
        while !plain.is_empty() {
            let written = self.session.write(plain);
            plain = plain.get(written..).unwrap_or_default();
            self.flush().await?;
        }
        Ok(())
    }

    /// Reads more; false at the end.
    async fn read(&mut self, plain: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            if self.session.read(plain, ANSWER_MAX) > 0 {
                return Ok(true);
            }
            if self.session.has_ended() || !self.take().await? {
                return Ok(false);
            }
        }
    }

    async fn answer(&mut self, method: &Method) -> io::Result<Response<Bytes>> {
        let (head, rest) = self.head().await?;
        let body = self.body(&head, method, rest).await?;
        let mut response = Response::builder().status(head.status().code());
        for (name, value) in head.fields().iter() {
            response = response.header(name, value);
        }
        response.body(Bytes::from(body)).map_err(io::Error::other)
    }

    /// Reads the head of the answer, past interim ones; with it what came behind.
    async fn head(&mut self) -> io::Result<(Box<ResponseHead>, Vec<u8>)> {
        let limits =
            HeadLimits { head: HEAD_MAX, target: HEAD_MAX, field: HEAD_MAX, fields: FIELDS_MAX };
        let mut bytes = Vec::new();
        let mut index = HeadIndex::default();
        loop {
            let found = index.find(&bytes, &limits);
            match found.map_err(|_refusal| wrong("the authority does not answer in HTTP/1.1"))? {
                Some(length) => {
                    let rest = bytes.split_off(length);
                    let head = ResponseHead::read(&bytes, std::mem::take(&mut index));
                    let head = head.map_err(|malformed| wrong(malformed.0))?;
                    if !head.status().is_interim() {
                        return Ok((head, rest));
                    }
                    bytes = rest;
                }
                None if !self.read(&mut bytes).await? => {
                    return Err(wrong("the authority closed the connection without an answer"));
                }
                None => {}
            }
        }
    }

    async fn body(
        &mut self,
        head: &ResponseHead,
        method: &Method,
        mut fresh: Vec<u8>,
    ) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::new(head.body_framing(method), HEAD_MAX);
        let mut body = Vec::new();
        loop {
            if !fresh.is_empty() {
                let from = body.len();
                body.append(&mut fresh);
                let step = decoder.decode(&mut body, from);
                let step = step.map_err(|malformed| wrong(malformed.0))?;
                body.truncate(body.len() - step.surplus);
                if step.end {
                    return Ok(body);
                }
                if body.len() > ANSWER_MAX {
                    return Err(wrong("the authority's answer is too long"));
                }
            } else if decoder.is_done() {
                return Ok(body);
            }
            if !self.read(&mut fresh).await? {
                let whole = decoder.ends_at_close();
                return if whole { Ok(body) } else { Err(wrong("the answer was cut off")) };
            }
        }
    }
}

//! `yumen echo`: a small server that answers with what it received, for trying things out.

use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::{Map, Value, json};
use yumen_http::{
    Body, BodyError, Flow, HeadIndex, HeadLimits, Refusal, Response, ResponseHead, Tunnel,
};
use yumen_listen::{Bound, Connections, Door, End, Gate, Serve, bind};
use yumen_model::Bytes;
use yumen_policy::{Client, Exchange};
use yumen_worker::Worker;

use crate::say;
use crate::status::{plain_listener, refused, text};

mod frames;

/// Serves until the process is stopped.
pub(crate) fn run(address: &str) -> ExitCode {
    let serving =
        bind(address, 1).and_then(|bound| start(bound).map_err(|error| error.to_string()));
    match serving {
        Ok(thread) => {
            drop(thread.join());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

/// Starts to serve on a thread of its own.
pub(crate) fn start(bound: Bound) -> std::io::Result<std::thread::JoinHandle<()>> {
    let Bound { address, sockets } = bound;
    let thread = Worker::start("echo", 0, move |worker| async move {
        let mut listener = plain_listener("echo");
        listener.limits.body = Bytes(u64::MAX);
        listener.limits.requests_per_connection = u32::MAX;
        listener.limits.connections_per_client = u32::MAX;
        let door = Arc::new(Door::new(&listener, None, address.port()));
        let connections = Arc::new(Connections::default());
        drop(Gate::open(Rc::new(Echo), worker, door, connections, sockets));
        std::future::pending::<()>().await;
    })?;
    say::say(format_args!("echo server on {address}"));
    Ok(thread)
}

#[derive(Debug)]
struct Echo;

impl Serve for Echo {
    type Mark = ();

    fn next_id(&self) -> [u8; 32] {
        [b'0'; 32]
    }

    async fn answer(&self, _door: &Door, exchange: &mut Exchange, _mark: &mut ()) {
        exchange.response = Some(match switch(exchange) {
            Some(response) => response,
            None => describe(exchange).await,
        });
    }

    fn refuse(&self, _door: &Door, _client: &Client, refusal: Refusal) -> Response {
        refused(refusal)
    }

    fn ended(&self, _door: &Door, _exchange: &Exchange, _mark: (), _end: End) {}
}

/// Says what was received.
async fn describe(exchange: &mut Exchange) -> Response {
    let received = swallow(&mut exchange.request.body).await;
    let head = &exchange.request.head;
    let mut headers = Map::new();
    for (name, value) in head.fields().received() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let value = String::from_utf8_lossy(value);
        match headers.get_mut(&name) {
            Some(Value::String(values)) => values.extend([", ", &value]),
            _ => drop(headers.insert(name, json!(value))),
        }
    }
    let answer = json!({
        "method": head.method().as_str(),
        "path": head.path(),
        "query": head.query().unwrap_or_default(),
        "headers": headers,
        "body_bytes": received.ok(),
        "client": exchange.client.peer.to_string(),
    });
    text(200, "application/json", format!("{answer}\n").into_bytes())
}

/// Reads a body to its end; its length.
async fn swallow(body: &mut Body) -> Result<u64, BodyError> {
    let stream = match body {
        Body::Stream(stream, _) => stream,
        whole => return Ok(whole.length().unwrap_or(0)),
    };
    let mut count = 0;
    std::future::poll_fn(|context| {
        loop {
            let (flow, read) = yumen_worker::with_scratch(|buffer| {
                let room = buffer.capacity();
                (stream.poll_read(context, buffer, room), buffer.len())
            });
            count += read as u64;
            match std::task::ready!(flow)? {
                Flow::More => {}
                Flow::End => return Poll::Ready(Ok(count)),
            }
        }
    })
    .await
}

/// Becomes a WebSocket server that sends back what it gets, if that was asked for.
fn switch(exchange: &Exchange) -> Option<Response> {
    let head = &exchange.request.head;
    let key = head.fields().only("sec-websocket-key").filter(|_| head.is_websocket())?;
    let accept = tungstenite::handshake::derive_accept_key(key);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let limits = HeadLimits { head: 1024, target: 1024, field: 1024, fields: 10 };
    let mut index = HeadIndex::default();
    index.find(answer.as_bytes(), &limits).ok()??;
    let head = ResponseHead::read(answer.as_bytes(), index).ok()?;
    let mut response = Response::new(head, Body::Empty);
    response.tunnel = Some(Box::new(EchoTunnel::default()));
    Some(response)
}

/// Turns the frames of a WebSocket client around.
#[derive(Debug, Default)]
struct EchoTunnel {
    received: Vec<u8>,
    answer: Vec<u8>,
    closed: bool,
    reader: Option<Waker>,
}

impl Tunnel for EchoTunnel {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), BodyError>> {
        if self.answer.is_empty() && !self.closed {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        out.append(&mut self.answer);
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, BodyError>> {
        self.received.extend_from_slice(bytes);
        self.closed |= frames::turn(&mut self.received, &mut self.answer)?;
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_close(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        self.closed = true;
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }
}

//! The load of a WebSocket echo service: on each connection one message after the other.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};

/// Bytes of a message.
const MESSAGE: usize = 100;

/// What all connections saw.
#[derive(Default)]
struct Seen {
    /// Of each echo, in microseconds.
    times: Vec<u64>,
    connects: u64,
    reads: u64,
}

/// The line `RESULT` of `load.lua`: requests, microseconds, bytes, three percentiles, errors.
pub(crate) async fn run(address: SocketAddr, connections: usize, time: Duration) -> String {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let began = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| tokio::task::spawn_local(client(address, began + time, Rc::clone(&seen))))
        .collect();
    for client in clients {
        if client.await.is_err() {
            seen.borrow_mut().reads += 1;
        }
    }
    let micros = began.elapsed().as_micros();
    let Seen { times, connects, reads } = &mut *seen.borrow_mut();
    times.sort_unstable();
    let percentile = |thousandths: usize| {
        times.get(times.len() * thousandths / 1000).copied().unwrap_or_default()
    };
    format!(
        "RESULT {} {micros} {} {} {} {} {connects} {reads} 0 0 0",
        times.len(),
        times.len() * MESSAGE,
        percentile(500),
        percentile(990),
        percentile(999),
    )
}

async fn client(address: SocketAddr, until: Instant, seen: Rc<RefCell<Seen>>) {
    let Ok(stream) = TcpStream::connect(address).await else {
        seen.borrow_mut().connects += 1;
        return;
    };
    if talk(stream, address, until, &seen).await.is_err() {
        seen.borrow_mut().reads += 1;
    }
}

async fn talk(
    stream: TcpStream,
    address: SocketAddr,
    until: Instant,
    seen: &RefCell<Seen>,
) -> Result<(), tungstenite::Error> {
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/websocket");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    let message = Message::text("x".repeat(MESSAGE));
    while Instant::now() < until {
        let sent = Instant::now();
        socket.send(message.clone()).await?;
        match socket.next().await {
            Some(Ok(echo)) if echo == message => {}
            _ => return Err(tungstenite::Error::ConnectionClosed),
        }
        let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        seen.borrow_mut().times.push(micros);
    }
    socket.close(None).await
}

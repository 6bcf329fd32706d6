//! Sockets, PROXY protocol, TLS, HTTP/1.1, HTTP/2, HTTP/3, upgrades, drain: turns bytes into exchanges and
//! answers into bytes.
//!
//! The room does not know who answers: it hands each exchange to a [`Serve`] and tells it how the
//! exchange ended. One connection of HTTP/1 is one task; its request body, its answer and its peer
//! are all polled there, so nothing is locked and nothing is sent between tasks. One of HTTP/2 or
//! HTTP/3 is one task, and one more for each stream.

mod accept;
mod bind;
mod body;
mod connect;
mod count;
mod crowd;
mod datagrams;
mod deliver;
mod door;
pub mod frames;
mod head;
mod http1;
mod http2;
#[cfg(feature = "http3")]
mod http3;
#[cfg(not(feature = "http3"))]
#[path = "no_http3.rs"]
mod http3;
mod link;
mod moving;
mod peer;
mod relay;
mod streams;
mod tokens;
mod tunnel;

pub use accept::Gate;
pub use bind::{Bound, bind, bind_datagrams, deal};
pub use count::Connections;
pub use datagrams::{Before, Datagrams, Mark, Passable};
pub use door::Door;
pub use http2::guard;
pub use tokens::Tokens;

use std::future::Future;

use yumen_http::{Refusal, Response};
use yumen_policy::{Client, Exchange};

/// Who answers.
pub trait Serve: 'static {
    /// What the one who answers wants to remember of an exchange until its end.
    type Mark: Default;

    /// An id for the next exchange.
    fn next_id(&self) -> [u8; 32];

    /// Puts an answer into the exchange. Dropped when the client goes away.
    fn answer(
        &self,
        door: &Door,
        exchange: &mut Exchange,
        mark: &mut Self::Mark,
    ) -> impl Future<Output = ()>;

    /// The answer to a request that never became an exchange.
    fn refuse(&self, door: &Door, client: &Client, refusal: Refusal) -> Response;

    /// The last byte of the answer was sent, or cannot be sent any more. Called for every
    /// exchange, also for one whose answer was dropped.
    fn ended(&self, door: &Door, exchange: &Exchange, mark: Self::Mark, end: End);

    /// A connection to a listener with TLS was closed, because there was no handshake, and why. The
    /// default does nothing.
    fn unsecured(&self, _door: &Door, _client: &Client, _cause: &str) {}

    /// Something happened to a connection. The default does nothing.
    fn connection(&self, _door: &Door, _event: ConnectionEvent) {}
}

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// One was accepted.
    Opened,
    /// One that was accepted is closed.
    Closed,
    /// One was closed at once, because its client has as many as it may.
    TurnedAway,
    /// One was cut, because its client sends frames that nobody needs.
    Flooded,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// The status that the client saw; 0 if it saw none.
    pub status: u16,
    /// Who broke it off, if anybody.
    pub broken: Option<Broken>,
    /// Whether it became a tunnel.
    pub tunnel: bool,
}

/// Who broke an exchange off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The client went away or did not read its answer in time.
    Client,
    /// The service's answer stopped before its end.
    Upstream,
}

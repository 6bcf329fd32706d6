//! The courier: a target, how it is reached, and the connections that are kept to it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::sync::{Semaphore, SemaphorePermit};
use yumen_http::{Authority, Malformed};
use yumen_tls::{Client, Name};

use crate::connect::Road;
use crate::due::Due;
use crate::fault::{Fault, Step};
use crate::grpc;
use crate::http1::{self, Broken};
use crate::http2::Http2;
use crate::kept::Kept;
use crate::line::Line;
use crate::request::{Answer, Request};
use crate::target::Target;

/// What is spoken inside of TLS.
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// Asks one target.
///
/// Connections belong to the runtime on which they were made, and are of no use to others: a
/// courier that several threads share keeps those of each, within the same bounds.
pub struct Courier {
    target: Target,
    host: String,
    tls: Option<Trust>,
    bounds: Bounds,
    turns: Semaphore,
    lines: Kept<Line, Option<Id>>,
    trunks: Kept<Http2, Option<Id>>,
}

/// Whom to believe, for each protocol.
#[derive(Debug)]
struct Trust {
    name: Name,
    http1: Client,
    http2: Client,
}

/// How a target is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server.
    pub target: Target,
    /// TLS, where the target speaks it; what it says of protocols is left aside.
    pub tls: Option<Arc<Client>>,
    /// The name that is asked for in TLS and that the certificate must be for, instead of the host.
    pub server_name: Option<Name>,
    /// What the server is called in requests, instead of the host and port.
    pub host: Option<Authority>,
    /// Limits.
    pub bounds: Bounds,
}

/// What a courier may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Requests under way, each on a connection of its own; others wait, and their time runs.
    pub at_once: usize,
    /// Connections that are kept for later requests, of each protocol.
    pub kept: usize,
    /// How long a connection is kept without a request.
    pub idle: Duration,
    /// How long the connection to one address may take, with TLS on it.
    pub connect: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        let (idle, connect) = (Duration::from_secs(30), Duration::from_secs(5));
        Self { at_once: 8, kept: 2, idle, connect }
    }
}

impl Settings {
    /// Those of a target in clear text, or with this TLS.
    #[must_use]
    pub fn new(target: Target, tls: Option<Arc<Client>>) -> Self {
        Self { target, tls, server_name: None, host: None, bounds: Bounds::default() }
    }
}

/// Without TLS settings and connections.
impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Courier {
    /// One that has asked nothing yet.
    ///
    /// # Errors
    /// When the target speaks TLS and there is none, or its host is no name for a certificate.
    pub fn new(settings: Settings) -> Result<Self, Malformed> {
        let Settings { target, tls, server_name, host, bounds } = settings;
        let tls = match (target.is_secure(), tls) {
            (false, _) => None,
            (true, None) => return Err(Malformed("a target with TLS, without TLS settings")),
            (true, Some(client)) => {
                let name = server_name.or_else(|| Name::read(target.host()?));
                let name = name.ok_or(Malformed("a host that no certificate can be for"))?;
                let (http1, http2) = (client.speaking(&[HTTP1]), client.speaking(&[HTTP2]));
                Some(Trust { name, http1, http2 })
            }
        };
        let host = host.map_or_else(|| target.authority.clone(), |host| host.as_str().to_owned());
        let turns = Semaphore::new(bounds.at_once.clamp(1, Semaphore::MAX_PERMITS));
        let (lines, trunks) =
            (Kept::new(bounds.kept, bounds.idle), Kept::new(bounds.kept, bounds.idle));
        Ok(Self { target, host, tls, bounds, turns, lines, trunks })
    }

    /// Whom it asks.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Sends a request over HTTP/1.1, and gives its answer, whatever its status.
    ///
    /// # Errors
    /// When there is no whole answer in time.
    pub async fn ask(&self, request: &Request) -> Result<Answer, Fault> {
        let due = Due::within(request.within);
        let _turn = self.turn(&due).await?;
        if let Some(line) = self.kept(&self.lines, Line::is_quiet).await {
            match self.ask_on(line, request, &due).await {
                Err(broken) if broken.allows_again(request) => {}
                Err(broken) => {
                    self.suspect(&broken.fault);
                    return Err(broken.fault);
                }
                Ok(answer) => return Ok(answer),
            }
        }
        let line = self.road(|trust| &trust.http1).connect(&due).await?;
        self.ask_on(line, request, &due).await.map_err(|broken| broken.fault)
    }

    /// Makes a unary call of gRPC, and gives its message; the request's body is the message that is
    /// sent.
    ///
    /// # Errors
    /// When there is no whole answer in time, or the status of the call is not OK.
    pub async fn call(&self, request: &Request) -> Result<Answer, Fault> {
        let due = Due::within(request.within);
        let _turn = self.turn(&due).await?;
        if let Some(trunk) = self.kept(&self.trunks, Http2::is_open).await {
            match self.call_on(trunk, request, &due).await {
                Err(broken) if broken.allows_again(request) => {}
                Err(broken) => {
                    self.suspect(&broken.fault);
                    return Err(broken.fault);
                }
                Ok(answer) => return grpc::judge(answer),
            }
        }
        let line = self.road(|trust| &trust.http2).connect(&due).await?;
        let agreed = line.negotiated().map(|negotiated| negotiated.protocol);
        if agreed.is_some_and(|protocol| protocol.as_deref() != Some(HTTP2)) {
            return Err(Fault::Tls { why: "it does not agree to speak HTTP/2".to_owned() });
        }
        let trunk = due.keep(Step::Connect, Http2::begin(line)).await?;
        let answer = self.call_on(trunk, request, &due).await;
        grpc::judge(answer.map_err(|broken| broken.fault)?)
    }

    /// A place among the requests that may be under way.
    async fn turn(&self, due: &Due) -> Result<SemaphorePermit<'_>, Fault> {
        let turn =
            async { self.turns.acquire().await.map_err(|_never| Fault::closed("it is over")) };
        due.keep(Step::Turn, turn).await
    }

    fn road<'a>(&'a self, client: impl FnOnce(&'a Trust) -> &'a Client) -> Road<'a> {
        let tls = self.tls.as_ref().map(|trust| (client(trust), &trust.name));
        Road { place: &self.target.place, tls, patience: self.bounds.connect }
    }

    /// A kept connection that is good, as far as can be told.
    async fn kept<T>(
        &self,
        kept: &Kept<T, Option<Id>>,
        is_good: impl Fn(&mut T) -> bool,
    ) -> Option<T> {
        loop {
            let mut one = kept.take(&here(), Instant::now())?;
            // The runtime looks at its sockets before it comes back here.
            tokio::task::yield_now().await;
            if is_good(&mut one) {
                return Some(one);
            }
        }
    }

    async fn ask_on(&self, mut line: Line, request: &Request, due: &Due) -> Result<Answer, Broken> {
        let asked = http1::ask(&mut line, &self.host, request, self.lines.keeps());
        let (answer, can_keep) = due.keep(Step::Answer, asked).await?;
        if can_keep {
            self.lines.put(line, here(), Instant::now());
        }
        Ok(answer)
    }

    async fn call_on(
        &self,
        mut trunk: Http2,
        request: &Request,
        due: &Due,
    ) -> Result<Answer, Broken> {
        let head = grpc::head(request, &self.host, self.tls.is_some(), due.left());
        let head = head.map_err(Fault::from)?;
        let body = grpc::framed(request).map_err(Fault::from)?;
        let answer = due.keep(Step::Answer, trunk.call(head, body, request.answer_max)).await?;
        if trunk.is_open() {
            self.trunks.put(trunk, here(), Instant::now());
        }
        Ok(answer)
    }

    /// A kept connection that does not answer may be dead, and so may be the others.
    fn suspect(&self, fault: &Fault) {
        if matches!(fault, Fault::TooSlow { .. }) {
            self.lines.clear();
            self.trunks.clear();
        }
    }
}

/// The runtime to whose sockets connections belong.
fn here() -> Option<Id> {
    Handle::try_current().ok().map(|runtime| runtime.id())
}

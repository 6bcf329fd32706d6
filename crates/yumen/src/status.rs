//! The status listener: `/metrics`, `/upstreams`, `/explain`, `/tail`, `/livez` and `/readyz`, on a thread of its own, so that a
//! scrape never takes a worker's time.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use yumen_engine::Present;
use yumen_http::{
    Body, BodyError, BodyRead, Flow, Refusal, RequestHead, Response, ResponseHead, Status,
};
use yumen_listen::{Bound, Connections, Door, End, Gate, Serve};
use yumen_model::Listener;
use yumen_observe::{Format, Memories, Registry, Taps};
use yumen_policy::{Client, Exchange, Failure};
use yumen_upstream::health::Standings;
use yumen_upstream::resolve::Names;
use yumen_worker::Worker;

use crate::aside::Aside;
use crate::certificates::Showcase;
use crate::{recall, tail, upstreams};

/// How long those who have asked may take to hear the answer, when the pages are closed.
const LAST_PAGES: Duration = Duration::from_secs(2);

/// Serves the status pages until the process ends or this is dropped.
#[derive(Debug)]
pub(crate) struct StatusPages {
    /// Where.
    pub(crate) address: SocketAddr,
    /// The same sockets once more, to be passed on.
    pub(crate) sockets: Vec<TcpListener>,
    thread: JoinHandle<()>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// What the pages show.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) registry: Arc<Registry>,
    pub(crate) present: Arc<Present>,
    pub(crate) standings: Standings,
    pub(crate) names: Names,
    pub(crate) showcase: Arc<Showcase>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) taps: Arc<Taps>,
    pub(crate) memories: Arc<Memories>,
    /// Makes the long pages: of many routes they take longer than a request may wait.
    pub(crate) aside: Aside,
}

impl StatusPages {
    /// Starts to serve.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start(bound: Bound, pages: Pages) -> io::Result<Self> {
        let Bound { address, sockets } = bound;
        let passed = sockets.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = Worker::start("status", 0, move |worker| async move {
            let pages = Rc::new(pages);
            let door = Arc::new(Door::new(&plain_listener("status"), None, address.port()));
            let connections = Arc::new(Connections::default());
            let gate = Gate::open(pages, worker, door, connections, sockets);
            drop(stopped.await);
            let Ok(gate) = gate else { return };
            gate.close();
            let ended = async {
                while !gate.has_ended() {
                    tokio::time::sleep(yumen_worker::TICK).await;
                }
            };
            drop(tokio::time::timeout(LAST_PAGES, ended).await);
        })?;
        Ok(Self { address, sockets: passed, thread, _stop: stop })
    }

    /// Closes the listener; the thread ends when everybody has heard the answer.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.thread
    }
}

/// A listener with defaults only.
pub(crate) fn plain_listener(name: &str) -> Listener {
    Listener {
        name: name.to_owned(),
        address: String::new(),
        protocol: yumen_model::ListenerProtocol::default(),
        trusted_proxies: Vec::new(),
        proxy_protocol: None,
        tls: None,
        https_redirect: None,
        forwarded: false,
        http2: yumen_model::Http2::default(),
        http3: yumen_model::Http3::default(),
        limits: yumen_model::ListenerLimits::default(),
        timeouts: yumen_model::ListenerTimeouts::default(),
        policies: Vec::new(),
        streams: Vec::new(),
    }
}

/// A short answer as plain text.
pub(crate) fn text(status: u16, content_type: &str, body: Vec<u8>) -> Response {
    let mut head = ResponseHead::new(Status::new(status).unwrap_or(Status::OK));
    head.fields_mut().add("Content-Type", content_type.as_bytes()).unwrap_or_default();
    Response::new(head, Body::Full(body))
}

const PLAIN: &str = "text/plain; charset=utf-8";

impl Pages {
    async fn page(&self, head: &RequestHead) -> Response {
        match head.path() {
            "/livez" => text(200, PLAIN, b"alive\n".to_vec()),
            "/readyz" if self.ready.load(Ordering::Relaxed) => {
                text(200, PLAIN, b"ready\n".to_vec())
            }
            "/readyz" => text(503, PLAIN, b"not ready\n".to_vec()),
            "/metrics" => self.metrics(Format::wanted(head.fields().first("accept"))).await,
            "/upstreams" => {
                let page = upstreams::page(&self.present, &self.standings, &self.names);
                text(200, "application/json", page.into_bytes())
            }
            "/tail" => tail::page(&self.taps, head.query()),
            path if path == "/explain" || path.starts_with("/explain/") => {
                recall::page(&self.present, &self.memories, head)
            }
            _ => {
                let there = "there are /metrics, /upstreams, /explain, /tail, /livez and /readyz\n";
                text(404, PLAIN, there.into())
            }
        }
    }
}

impl Pages {
    async fn metrics(&self, format: Format) -> Response {
        self.registry.acme(self.showcase.figures());
        self.registry.targets(upstreams::targets(&self.standings));
        self.registry.looked_up(upstreams::names(&self.names));
        let now = Instant::now();
        let (registry, sums) = (Arc::clone(&self.registry), self.registry.sums(now));
        let aside = move || {
            let mut page = Vec::new();
            registry.write(sums, format, now, &mut page).map(|()| page)
        };
        let here = || {
            let mut page = Vec::new();
            self.registry.render(format, Instant::now(), &mut page).map(|()| page)
        };
        match self.aside.render(aside, here).await {
            Ok(page) => {
                let mut response = text(200, format.content_type(), Vec::new());
                let length = page.len() as u64;
                response.body = Body::Stream(Box::new(Pieces::new(page)), Some(length));
                response
            }
            Err(error) => text(500, PLAIN, error.to_string().into_bytes()),
        }
    }
}

/// How much of a long page goes out at once, and the pause behind it: longer than a request that comes
/// meanwhile waits anyway, shorter than the system's turns.
const AT_ONCE: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(1);

/// A long page on its way, in pieces with a pause between them: the thread that sends one keeps its core
/// until its turn is over, whoever has come meanwhile.
#[derive(Debug)]
struct Pieces {
    page: Vec<u8>,
    sent: usize,
    /// What may go out before the next pause.
    left: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    fn new(page: Vec<u8>) -> Self {
        Self { page, sent: 0, left: AT_ONCE, pause: None }
    }
}

impl BodyRead for Pieces {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            (self.pause, self.left) = (None, AT_ONCE);
        }
        let rest = self.page.get(self.sent..).unwrap_or_default();
        let piece = rest.get(..room.min(self.left)).unwrap_or(rest);
        out.extend_from_slice(piece);
        self.sent += piece.len();
        self.left = self.left.saturating_sub(piece.len());
        let is_all = self.sent >= self.page.len();
        if self.left == 0 && !is_all {
            self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
        }
        Poll::Ready(Ok(if is_all { Flow::End } else { Flow::More }))
    }
}

impl Serve for Pages {
    type Mark = ();

    fn next_id(&self) -> [u8; 32] {
        [b'0'; 32]
    }

    async fn answer(&self, _door: &Door, exchange: &mut Exchange, _mark: &mut ()) {
        exchange.response = Some(self.page(&exchange.request.head).await);
    }

    fn refuse(&self, _door: &Door, _client: &Client, refusal: Refusal) -> Response {
        refused(refusal)
    }

    fn ended(&self, _door: &Door, _exchange: &Exchange, _mark: (), _end: End) {}
}

/// The answer of a plain server to a request that it cannot read.
pub(crate) fn refused(refusal: Refusal) -> Response {
    let kind = Failure::from(refusal).kind();
    text(
        kind.status().code(),
        "text/plain; charset=utf-8",
        format!("{}\n", kind.code()).into_bytes(),
    )
}

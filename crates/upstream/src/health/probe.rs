//! Probes: what is asked of an endpoint, and what a good answer is.

mod check;
mod complaint;
mod grpc;
mod http;
mod http2;
mod line;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::USER_AGENT;
use ::http::uri::Scheme;
use ::http::{HeaderValue, Request, Uri};
use yumen_model::{Active, Initially, Probe, Protocol};

use super::member::Member;
use super::rules::millis;
pub(crate) use check::Targets;
pub(super) use check::check_active;
pub(crate) use complaint::Complaint;
pub use complaint::Flaw;
use grpc::Call;
use http::Demand;
use line::{Addressee, Stage};

/// The most that is read of an answer to a probe: of its head, and of its body.
const ANSWER_MAX: usize = 64 * 1024;
/// Header fields of an answer to a probe.
const FIELDS_MAX: usize = 200;
/// Who asks.
const AGENT: &str = "yumen-health";

/// How endpoints are probed; times in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Checks {
    pub(super) interval: u64,
    pub(super) timeout: Duration,
    pub(super) healthy_after: u32,
    pub(super) unhealthy_after: u32,
    pub(super) initially_unhealthy: bool,
    port: Option<u16>,
    /// Whether TLS is not spoken, even with targets that have it.
    clear_text: bool,
    question: Arc<Question>,
}

/// What is asked.
#[derive(Debug)]
enum Question {
    Tcp,
    Http(Demand),
    Grpc(Call),
}

impl Checks {
    /// `protocol`: what requests speak. `None` if it is wrong; [`check_active`] says why.
    pub(super) fn compile(active: &Active, protocol: Protocol) -> Option<Self> {
        let timeout = active.timeout.get()?;
        let question = match &active.probe {
            Probe::Tcp => Question::Tcp,
            Probe::Http(http) => Question::Http(Demand::compile(http, protocol)?),
            Probe::Grpc(grpc) => Question::Grpc(Call::compile(grpc, timeout)),
        };
        Some(Self {
            interval: millis(active.interval),
            timeout,
            healthy_after: active.healthy_after,
            unhealthy_after: active.unhealthy_after,
            initially_unhealthy: active.initially == Initially::Unhealthy,
            port: active.port,
            clear_text: active.clear_text,
            question: Arc::new(question),
        })
    }

    /// Probes an endpoint; says what was wrong.
    pub(super) fn probe(
        &self,
        member: &Member,
    ) -> impl Future<Output = Result<(), Complaint>> + 'static {
        let port = self.port.unwrap_or(member.address.port());
        let to = Addressee {
            address: SocketAddr::new(member.address.ip(), port),
            authority: Arc::clone(&member.authority),
            seal: member.seal().filter(|_| !self.clear_text),
        };
        let (question, timeout) = (Arc::clone(&self.question), self.timeout);
        async move {
            let stage = Stage::default();
            match tokio::time::timeout(timeout, question.ask(&to, &stage)).await {
                Ok(ended) => ended,
                Err(_) => {
                    let why = format!("no {} within {} ms", stage.name(), timeout.as_millis());
                    Err(Complaint::new(Flaw::Timeout, why))
                }
            }
        }
    }
}

impl Question {
    async fn ask(&self, to: &Addressee, stage: &Stage) -> Result<(), Complaint> {
        match self {
            Self::Tcp => line::reach(to).await.map(drop),
            Self::Http(demand) => Box::pin(demand.ask(to, stage)).await,
            Self::Grpc(call) => Box::pin(call.ask(to, stage)).await,
        }
    }
}

/// A request's head for HTTP/2.
fn request(
    method: &str,
    authority: &str,
    path: &str,
    is_secure: bool,
) -> Result<Request<()>, Complaint> {
    let scheme = if is_secure { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
    let request = uri.and_then(|uri| {
        let agent = HeaderValue::from_static(AGENT);
        Request::builder().method(method).uri(uri).header(USER_AGENT, agent).body(())
    });
    request.map_err(|error| Complaint::broken(format_args!("no request over HTTP/2: {error}")))
}

#[cfg(test)]
mod tests;

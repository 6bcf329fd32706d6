//! `forward-auth`: asks a server whether a request may pass, and who calls.

pub mod answered;
mod check;
mod config;
mod copied;
pub mod envoy;
mod question;
mod remembered;
mod who;

pub use config::{Cache, Config, Method, OnFailure};

use std::sync::Arc;
use std::time::Duration;

use yumen_http::{Body, Fields, Malformed, Response, ResponseHead, Status, grpc};
use yumen_inquiry::{Asker, Names};
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Policy, Principal, Settings, Step, Verdict,
};

use crate::answered::{Answered, Denied};
use crate::copied::{Copied, Said, of_http};
use crate::question::{Question, has_body};
use crate::remembered::Remembered;
use crate::who::Who;

/// When somebody may try again while the server is away.
const PAUSE: Duration = Duration::from_secs(1);

/// What becomes of requests while there is no answer.
#[derive(Debug, Clone, Copy)]
enum Failing {
    Refuse(Status),
    Allow,
}

#[derive(Debug)]
struct ForwardAuth {
    asker: Asker,
    is_grpc: bool,
    question: Question,
    /// The largest body that the server is sent, if it is.
    body_max: Option<usize>,
    only_with: Option<Names>,
    challenge: Challenge,
    copied: Copied,
    who: Who,
    on_failure: Failing,
    remembered: Option<Remembered>,
    /// Names of what logs do not show.
    secrets: Vec<String>,
}

impl Policy for ForwardAuth {
    fn secrets(&self) -> &[String] {
        &self.secrets
    }

    fn clear(&self, fields: &mut Fields) {
        self.copied.clear(fields);
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let head = &exchange.request.head;
        if let Some(names) = &self.only_with
            && !head.fields().iter().any(|(name, _)| names.has(name))
        {
            return Verdict::Unknown(self.challenge.clone()).into();
        }
        if let Some(name) = self.question.doubled(head) {
            let failure = Failure::new(FailureKind::BadRequest)
                .saying("A header field came several times.")
                .because(format!("`{name}` came several times"));
            return Verdict::Fail(failure).into();
        }
        let Some(remembered) = &self.remembered else {
            return Step::later(async move {
                match self.find_out(exchange).await {
                    Ok(said) => self.decide(&said, exchange),
                    Err(verdict) => verdict,
                }
            });
        };
        let ticket = remembered.ticket(&self.question, exchange);
        if let Some(said) = remembered.kept.get(&ticket, exchange.now) {
            return self.decide(&said, exchange).into();
        }
        Step::later(async move {
            let said = match self.find_out(exchange).await {
                Ok(said) => Arc::new(said),
                Err(verdict) => return verdict,
            };
            // What one client is told, such as a new cookie, is not for the next one.
            if matches!(&*said, Said::Yes(yes) if yes.to_client.is_empty()) {
                remembered.kept.put(ticket, Arc::clone(&said), exchange.now);
            }
            self.decide(&said, exchange)
        })
    }

    /// Nobody is asked for an explanation.
    fn dry<'a>(&'a self, _exchange: &'a mut Exchange) -> Step<'a> {
        let failure = Failure::new(FailureKind::IdentityBusy);
        Verdict::Fail(failure.because("a server decides, which was not asked")).into()
    }
}

#[cold]
fn broken(wrong: Malformed) -> Failure {
    Failure::new(FailureKind::Internal).because(wrong.0)
}

impl ForwardAuth {
    /// Asks the server. The verdict is there if it did not come to an answer.
    async fn find_out(&self, exchange: &mut Exchange) -> Result<Said, Verdict> {
        let body = match self.body_max.filter(|_| has_body(exchange)) {
            Some(most) => Some(take_body(most, exchange).await.map_err(Verdict::Fail)?),
            None => None,
        };
        let body = body.as_deref();
        let answered = if self.is_grpc {
            let call = self.question.grpc(exchange, body).map_err(too_long)?;
            self.call(call).await
        } else {
            let request = self.question.http(exchange, body).map_err(too_long)?;
            self.ask(request).await
        };
        match answered {
            Ok(answered) => Ok(self.copied.of(answered)),
            Err(why) => Err(self.unanswered(&why, exchange)),
        }
    }

    async fn ask(&self, request: yumen_courier::Request) -> Result<Answered, String> {
        let answer = self.asker.ask(request).await.map_err(|why| why.to_string())?;
        of_http(answer).map_err(|wrong| wrong.0)
    }

    async fn call(&self, request: yumen_courier::Request) -> Result<Answered, String> {
        let answer = self.asker.call(request).await.map_err(|why| why.to_string())?;
        envoy::read(&answer.body).map_err(|wrong| wrong.0)
    }

    fn decide(&self, said: &Said, exchange: &mut Exchange) -> Verdict {
        let yes = match said {
            Said::Yes(yes) => yes,
            Said::No(denied) => return refuse(denied, exchange),
        };
        let principal = match self.who.principal(yes) {
            Ok(principal) => principal,
            Err(failure) => return Verdict::Fail(failure),
        };
        if let Err(wrong) = yes.tell(&self.copied, &mut exchange.request.head) {
            return Verdict::Fail(broken(wrong));
        }
        for (name, value) in &yes.to_client {
            if let Err(wrong) = exchange.trail.promise(name, value) {
                return Verdict::Fail(broken(wrong));
            }
        }
        exchange.principal = Some(Box::new(principal));
        Verdict::Next
    }

    /// The server is away, too slow, or says nothing that can be understood.
    #[cold]
    fn unanswered(&self, why: &str, exchange: &mut Exchange) -> Verdict {
        let why = format!("{}: {why}", self.asker.target());
        let status = match self.on_failure {
            Failing::Refuse(status) => status,
            Failing::Allow => {
                exchange.trail.explain(Some(&format!("let in unasked: {why}")));
                if self.copied.authorization {
                    exchange.request.head.fields_mut().remove("Authorization");
                }
                let principal = Principal::anonymous(None, Config::NAME);
                exchange.principal = Some(Box::new(principal));
                return Verdict::Next;
            }
        };
        let failure = Failure::new(FailureKind::IdentityBusy).answering(status).because(why);
        Verdict::Fail(if status.code() == 503 { failure.after(PAUSE) } else { failure })
    }
}

/// The request as it is put to the server cannot be sent.
#[cold]
fn too_long(wrong: Malformed) -> Verdict {
    Verdict::Fail(Failure::new(FailureKind::TargetTooLong).because(wrong.0))
}

/// Holds the body back until it is whole, for the server and then for the service.
async fn take_body(most: usize, exchange: &mut Exchange) -> Result<Vec<u8>, Failure> {
    let body = exchange.request.body.take().collect(most).await.map_err(Failure::from)?;
    let is_empty = body.is_empty();
    exchange.request.body = if is_empty { Body::Empty } else { Body::Full(body.clone()) };
    Ok(body)
}

/// The server's refusal, as the client is told it.
#[cold]
fn refuse(denied: &Denied, exchange: &mut Exchange) -> Verdict {
    let code = denied.status.code();
    let why = format!("the server refused it with {code}");
    if grpc::is_call(&exchange.request.head) {
        // The clients of calls look for the status of a call.
        let kind = match code {
            401 => FailureKind::Unauthenticated,
            _ => FailureKind::Forbidden,
        };
        return Verdict::Fail(Failure::new(kind).because(why));
    }
    exchange.trail.explain(Some(&why));
    let mut head = ResponseHead::new(denied.status);
    let fields = head.fields_mut();
    let put = denied.fields.iter().try_for_each(|(name, value)| fields.add(name, value));
    if let Err(wrong) = put {
        return Verdict::Fail(broken(wrong));
    }
    let body = denied.body.clone();
    let body = if body.is_empty() { Body::Empty } else { Body::Full(body) };
    Verdict::Answer(Box::new(Response::new(head, body)))
}

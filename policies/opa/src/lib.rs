//! `opa`: asks a server of Open Policy Agent whether a request may pass.

mod config;
mod decision;
mod input;

pub use config::{Cache, Config, OnFailure};

use std::sync::Arc;
use std::time::Duration;

use yumen_courier::Request;
use yumen_http::{Malformed, Status};
use yumen_inquiry::{Asker, Field, Kept};
use yumen_model::Secret;
use yumen_policy::{Exchange, Failure, FailureKind, Policy, Step, Verdict};

use crate::decision::{Copied, Decision, tell};
use crate::input::{Ambiguous, Input};

/// When somebody may try again while the server is away.
const PAUSE: Duration = Duration::from_secs(1);

/// What becomes of requests while there is no decision.
#[derive(Debug, Clone, Copy)]
enum Failing {
    Refuse(Status),
    Allow,
}

#[derive(Debug)]
struct Opa {
    asker: Asker,
    path: String,
    headers: Vec<(String, Secret)>,
    input: Input,
    copied: Copied,
    answer_max: usize,
    on_failure: Failing,
    kept: Option<Kept<Decision>>,
}

impl Policy for Opa {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        self.copied.clear(exchange.request.head.fields_mut());
        let question = match self.input.write(exchange) {
            Ok(question) => question,
            Err(ambiguous) => return Verdict::Fail(unclear(&ambiguous)).into(),
        };
        let ticket = self.kept.as_ref().map(|kept| (kept, kept.ticket(question.as_bytes())));
        let known = ticket.and_then(|(kept, ticket)| kept.get(&ticket, exchange.now));
        if let Some(decision) = known {
            return decide(&decision, exchange).into();
        }
        Step::later(async move {
            let decision = match self.ask(question).await {
                Ok(decision) => Arc::new(decision),
                Err(why) => return self.undecided(&why, exchange),
            };
            if let Some((kept, ticket)) = ticket
                && is_for_others(&decision)
            {
                kept.put(ticket, Arc::clone(&decision), exchange.now);
            }
            decide(&decision, exchange)
        })
    }

    /// Nobody is asked for an explanation.
    fn dry<'a>(&'a self, _exchange: &'a mut Exchange) -> Step<'a> {
        let failure = Failure::new(FailureKind::AuthorizationBusy);
        Verdict::Fail(failure.because("a server decides, which was not asked")).into()
    }
}

impl Opa {
    async fn ask(&self, question: String) -> Result<Decision, String> {
        let request = self.request(question).map_err(|wrong| wrong.0.to_owned())?;
        let answer = self.asker.ask(request).await.map_err(|why| why.to_string())?;
        match answer.status.code() {
            200 => self.copied.read(&answer.body),
            code => Err(format!("it answers with {code}")),
        }
    }

    fn request(&self, question: String) -> Result<Request, Malformed> {
        let mut request = Request::post(&self.path, question.into_bytes())?;
        request.answer_max = self.answer_max;
        request.add("Content-Type", b"application/json")?;
        request.add("Accept", b"application/json")?;
        for (name, value) in &self.headers {
            request.add(name, value.text().as_bytes())?;
        }
        Ok(request)
    }

    /// The server is away, too slow, or says nothing that can be understood.
    #[cold]
    fn undecided(&self, why: &str, exchange: &mut Exchange) -> Verdict {
        let why = format!("{}: {why}", self.asker.target());
        let status = match self.on_failure {
            Failing::Refuse(status) => status,
            Failing::Allow => {
                exchange.trail.explain(Some(&format!("let in undecided: {why}")));
                return Verdict::Next;
            }
        };
        let failure = Failure::new(FailureKind::AuthorizationBusy).answering(status).because(why);
        Verdict::Fail(if status.code() == 503 { failure.after(PAUSE) } else { failure })
    }
}

/// Whether a decision is good for the next request, too: what one client is told may be its own.
fn is_for_others(decision: &Decision) -> bool {
    match decision {
        Decision::Yes { to_client, .. } => to_client.is_empty(),
        Decision::No { fields, .. } => fields.is_empty(),
    }
}

fn decide(decision: &Decision, exchange: &mut Exchange) -> Verdict {
    match decision {
        Decision::Yes { to_service, to_client } => {
            let promised = promise(to_client, exchange);
            let told = tell(to_service, exchange.request.head.fields_mut());
            promised.and(told).map_err(broken).into()
        }
        Decision::No { status, reason, fields, why } => {
            if let Err(wrong) = promise(fields, exchange) {
                return Verdict::Fail(broken(wrong));
            }
            let failure = Failure::new(FailureKind::Forbidden).answering(*status).because(*why);
            Verdict::Fail(match reason {
                Some(reason) => failure.saying(reason.clone()),
                None => failure,
            })
        }
    }
}

fn promise(fields: &[Field], exchange: &mut Exchange) -> Result<(), Malformed> {
    fields.iter().try_for_each(|(name, value)| exchange.trail.promise(name, value))
}

#[cold]
fn broken(wrong: Malformed) -> Failure {
    Failure::new(FailureKind::Internal).because(wrong.0)
}

#[cold]
fn unclear(ambiguous: &Ambiguous) -> Failure {
    let failure = Failure::new(FailureKind::Forbidden);
    match ambiguous {
        Ambiguous::Field(name) => failure
            .saying("A header field came several times.")
            .because(format!("`{name}` came several times")),
        Ambiguous::Parameters => failure
            .saying("There are too many query parameters.")
            .because("there are too many query parameters"),
    }
}

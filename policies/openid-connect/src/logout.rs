//! Logging out: by the browser, and by the provider.

use std::sync::Arc;

use yumen_http::{Body, Method, Response, ResponseHead, Status};
use yumen_jose::Refused;
use yumen_openid::{Logout, LogoutTokens, Session, Wrong, digest, pairs, with_query};
use yumen_policy::{Exchange, Failure, FailureKind, Step, Verdict};
use yumen_replay::Use;

use crate::Inner;
use crate::login::redirect;
use crate::provider::{Lost, away};
use crate::sessions::Brought;

/// The largest body of a provider that says that somebody logged out.
const BODY_MAX: usize = 64 * 1024;

/// How people log out.
#[derive(Debug)]
pub(crate) struct LogoutPaths {
    /// For browsers.
    pub(crate) path: Option<String>,
    pub(crate) return_to: Option<String>,
    /// For the provider.
    pub(crate) backchannel: Option<String>,
    pub(crate) tokens: LogoutTokens,
}

impl Inner {
    /// Logs a browser out: here, and then at the provider.
    pub(crate) fn log_out(&self, exchange: &mut Exchange) -> Verdict {
        let head = &exchange.request.head;
        if !matches!(head.method(), Method::Get | Method::Post) {
            return Verdict::Fail(Failure::new(FailureKind::MethodRefused));
        }
        // Browsers of today say it; to be logged out by another site is a nuisance, and no more.
        if head.fields().all("Sec-Fetch-Site").any(|site| site == b"cross-site") {
            let failure = Failure::new(FailureKind::Forbidden)
                .saying("Pages of other sites may not do this.")
                .because("another site asks for a logout");
            return Verdict::Fail(failure);
        }
        let brought = self.sessions.find(head.fields(), &self.told, exchange.now);
        let session = match brought {
            Ok(Brought::Good(opened)) => Some(opened),
            // Whatever there is, it goes.
            Ok(Brought::Nothing | Brought::Over(_)) | Err(_) => None,
        };
        if let Some(opened) = &session
            && !self.sessions.end("id", &opened.session.id, exchange.now)
        {
            return Verdict::Fail(away("no more logouts can be remembered"));
        }
        if let Err(failure) = self.sessions.take(exchange) {
            return Verdict::Fail(failure);
        }
        let gone = self.gone(session.as_ref().map(|opened| &opened.session));
        gone.map_or_else(Verdict::Fail, |response| Verdict::Answer(Box::new(response)))
    }

    /// Where a browser goes whose session is over here.
    fn gone(&self, session: Option<&Session>) -> Result<Response, Failure> {
        let return_to = self.logout.as_ref().and_then(|logout| logout.return_to.as_deref());
        let reached = self.provider.reached().ok().flatten();
        let end = reached.as_ref().and_then(|reached| reached.metadata.end_session.as_deref());
        // Whoever is not logged in here is not sent there: nobody can tell whose session would end.
        if let (Some(end), Some(session)) = (end, session) {
            let mut said = vec![("client_id", self.provider.client_id.as_str())];
            said.extend(session.token.as_deref().map(|token| ("id_token_hint", token)));
            said.extend(return_to.map(|url| ("post_logout_redirect_uri", url)));
            return redirect(&with_query(end, &pairs(said)));
        }
        match return_to {
            Some(url) => redirect(url),
            None => said(200, b"You are logged out.\n"),
        }
    }

    /// The provider says that somebody has logged out.
    pub(crate) fn backchannel<'a>(
        self: &'a Arc<Self>,
        tokens: &'a LogoutTokens,
        exchange: &'a mut Exchange,
    ) -> Step<'a> {
        if *exchange.request.head.method() != Method::Post {
            return Verdict::Fail(Failure::new(FailureKind::MethodRefused)).into();
        }
        Step::later(async move {
            let ended = self.end_sessions(tokens, exchange).await;
            ended.map_or_else(Verdict::Fail, |response| Verdict::Answer(Box::new(response)))
        })
    }

    async fn end_sessions(
        &self,
        tokens: &LogoutTokens,
        exchange: &mut Exchange,
    ) -> Result<Response, Failure> {
        let now = exchange.now;
        let body = exchange.request.body.take().collect(BODY_MAX).await.map_err(Failure::from)?;
        let token = LogoutTokens::find(&body).map_err(bad)?;
        let read = self.provider.with_keys(&token, |keys| match tokens.read(keys, &token, now) {
            Err(Wrong::Refused(refused)) => Err(refused),
            other => Ok(other),
        });
        let logout = match read.await {
            Ok(Ok(Ok(logout))) => logout,
            Ok(Ok(Err(Wrong::Says(why)))) => return Err(bad(why)),
            Ok(Ok(Err(Wrong::Refused(refused))) | Err(refused)) => {
                return Err(refused_token(refused));
            }
            Err(Lost::Away(why) | Lost::Wrong(why) | Lost::Refused(why)) => return Err(away(why)),
        };
        let Logout { id, sid, subject } = logout;
        let full = || away("no more logouts can be remembered");
        match self.ledger.using(digest(&["logout", &self.sessions.whose, &id]), now) {
            Use::First => {}
            Use::Again => return Err(bad("the logout token came before")),
            Use::Full => return Err(full()),
        }
        let (sort, what) = match (&sid, &subject) {
            (Some(sid), _) => ("sid", sid.as_str()),
            (None, subject) => ("sub", subject.as_deref().unwrap_or_default()),
        };
        if !self.sessions.end(sort, what, now) {
            return Err(full());
        }
        said(200, b"")
    }
}

fn refused_token(refused: Refused) -> Failure {
    bad(format!("the logout token: {refused}"))
}

/// What the provider sent is not good (section 2.8 wants 400).
#[cold]
fn bad(why: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(FailureKind::BadRequest).saying("The logout token is not good.").because(why)
}

/// A few words, for nobody else.
fn said(status: u16, words: &[u8]) -> Result<Response, Failure> {
    let mut head = ResponseHead::new(Status::new(status).unwrap_or(Status::OK));
    let fields = head.fields_mut();
    let put = fields.add("Cache-Control", b"no-store");
    let put = put.and_then(|()| match words.is_empty() {
        true => Ok(()),
        false => fields.add("Content-Type", b"text/plain; charset=utf-8"),
    });
    put.map_err(|bad| Failure::new(FailureKind::Internal).because(bad.0))?;
    let body = if words.is_empty() { Body::Empty } else { Body::Full(words.to_vec()) };
    Ok(Response::new(head, body))
}

//! `openid-connect`: lets people log in with a provider of OpenID Connect, and programs in with its tokens.

mod bearer;
mod compile;
mod config;
mod login;
mod logout;
mod provider;
mod refresh;
mod sessions;

pub use config::{
    BearerConfig, ClientCredentials, Config, Endpoints, LogoutConfig, SecretIn, SessionConfig,
};

use std::sync::Arc;

use yumen_http::{Authority, Fields, Malformed};
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Policy, Settings, Step, Verdict, Who, claims::Told,
};
use yumen_replay::Ledger;

use crate::bearer::{Bearer, Programs};
use crate::login::unknown;
use crate::logout::LogoutPaths;
use crate::provider::{Provider, away};
use crate::refresh::{Refreshed, Refreshes, refresh};
use crate::sessions::{Brought, Opened, Sessions};

/// One use of the policy. What it does for a session goes on when the request that wanted it is gone.
#[derive(Debug)]
struct OpenIdConnect(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    provider: Provider,
    sessions: Sessions,
    refreshes: Refreshes,
    /// Answers of the provider and logout tokens that came.
    ledger: Arc<Ledger>,
    own: Own,
    /// What is asked for at a login.
    scope: String,
    parameters: Vec<(String, String)>,
    userinfo: bool,
    logout: Option<LogoutPaths>,
    bearer: Option<Bearer>,
    programs: Option<Programs>,
    who: Who,
    told: Told,
    /// Where the service gets the access token.
    access_in: Option<String>,
    challenge: Challenge,
    /// Names of what logs do not show, and of cookies that no service sees.
    secrets: Vec<String>,
    cookies: Vec<String>,
}

/// Where browsers come back to.
#[derive(Debug)]
struct Own {
    redirect_uri: String,
    /// Scheme, host and port of it.
    origin: String,
    authority: Authority,
    /// The port where none is said.
    port: u16,
    /// Its path.
    callback: String,
}

const AUTHORIZATION: &str = "authorization";

impl Policy for OpenIdConnect {
    fn clear(&self, fields: &mut Fields) {
        self.0.told.clear(fields);
        // Another one that identifies may look for what stands in `Authorization`.
        let own = self.0.access_in.as_ref();
        if let Some(name) = own.filter(|name| !name.eq_ignore_ascii_case(AUTHORIZATION)) {
            fields.remove(name);
        }
    }

    fn secrets(&self) -> &[String] {
        &self.0.secrets
    }

    fn cookies(&self) -> &[String] {
        &self.0.cookies
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let inner = &self.0;
        let path = exchange.request.head.path();
        if path == inner.own.callback {
            return inner.callback(exchange);
        }
        if let Some(logout) = &inner.logout {
            if logout.path.as_deref() == Some(path) {
                return inner.log_out(exchange).into();
            }
            if logout.backchannel.as_deref() == Some(path) {
                return inner.backchannel(&logout.tokens, exchange);
            }
        }
        match inner.program(exchange) {
            Ok(None) => inner.person(exchange),
            Ok(Some(asked)) => inner.let_program_in(asked, exchange),
            Err(failure) => Verdict::Fail(failure).into(),
        }
    }

    /// Knows sessions as they are; asks nobody, and gives nothing to the browser.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let inner = &self.0;
        let fields = exchange.request.head.fields();
        match inner.sessions.find(fields, &inner.told, exchange.now) {
            Ok(Brought::Good(opened)) => inner.enter_session(&opened, exchange).into(),
            Ok(Brought::Nothing | Brought::Over(_)) => {
                Verdict::Unknown(inner.challenge.clone()).into()
            }
            Err(_tossed) => Verdict::Fail(tossed()).into(),
        }
    }
}

impl Inner {
    /// Whether the service wants access tokens: else they are not kept.
    fn keeps_access(&self) -> bool {
        self.access_in.is_some()
    }

    /// Whether the provider will want to see its ID token again.
    fn keeps_token(&self) -> bool {
        self.logout.as_ref().is_some_and(|logout| logout.path.is_some())
    }

    /// Lets somebody in who has logged in, or sends them to do it.
    fn person<'a>(self: &'a Arc<Self>, exchange: &'a mut Exchange) -> Step<'a> {
        let now = exchange.now;
        let brought = self.sessions.find(exchange.request.head.fields(), &self.told, now);
        let opened = match brought {
            Ok(Brought::Good(opened)) => opened,
            Ok(Brought::Nothing) if Self::can_log_in(exchange) => return self.begin(exchange),
            Ok(Brought::Nothing) => return Verdict::Unknown(self.challenge.clone()).into(),
            Ok(Brought::Over(why)) => return self.over(why.into(), exchange),
            Err(_tossed) => return Verdict::Fail(tossed()).into(),
        };
        let Some(token) = opened.session.due(now).map(str::to_owned) else {
            return self.go_on(&opened, exchange);
        };
        Step::later(async move {
            let refreshed = refresh(self, &opened.session, &token, now).await;
            wait(self.refreshed(&opened, refreshed, exchange)).await
        })
    }

    /// Goes on with what came of a refresh.
    fn refreshed<'a>(
        self: &'a Arc<Self>,
        opened: &Opened,
        refreshed: Refreshed,
        exchange: &'a mut Exchange,
    ) -> Step<'a> {
        match refreshed {
            Refreshed::New(session) => {
                if self.sessions.has_ended(opened) {
                    return self.over("the session was ended by a logout".into(), exchange);
                }
                if let Err(failure) = self.sessions.give(&session, exchange) {
                    return Verdict::Fail(failure).into();
                }
                let opened = self.sessions.opened_of(*session, &self.told, false);
                self.enter_session(&opened, exchange).into()
            }
            Refreshed::Over(why) => self.over(why, exchange),
            Refreshed::Away(why)
                if self.keeps_access() && opened.session.is_without_token(exchange.now) =>
            {
                Verdict::Fail(away(why)).into()
            }
            // The login is still good, whether the provider is there or not.
            Refreshed::Away(_) => self.go_on(opened, exchange),
        }
    }

    /// Goes on with a session that is good.
    fn go_on<'a>(self: &'a Arc<Self>, opened: &Opened, exchange: &'a mut Exchange) -> Step<'a> {
        let now = exchange.now;
        if self.keeps_access() && opened.session.is_without_token(now) {
            return self.over("the access token has ended, and cannot be renewed".into(), exchange);
        }
        if self.sessions.is_due(opened, now) {
            let seen = yumen_openid::Session { seen: now, ..opened.session.clone() };
            if let Err(failure) = self.sessions.give(&seen, exchange) {
                return Verdict::Fail(failure).into();
            }
        }
        self.enter_session(opened, exchange).into()
    }

    /// Lets in whoever a session is about.
    fn enter_session(&self, opened: &Opened, exchange: &mut Exchange) -> Verdict {
        match self.who.principal(Arc::clone(&opened.claims), Config::NAME) {
            Ok(principal) => exchange.principal = Some(Box::new(principal)),
            Err(why) => return Verdict::Fail(unknown(why)),
        }
        let fields = exchange.request.head.fields_mut();
        let access = opened.session.access.as_deref();
        let told = access.map_or(Ok(()), |access| self.tell_access(access, fields));
        let told = told.and_then(|()| self.told.tell(&opened.told, fields));
        told.map_err(|bad| Failure::new(FailureKind::Internal).because(bad.0)).into()
    }

    /// Gives the access token to the service, if it wants it.
    fn tell_access(&self, access: &str, fields: &mut Fields) -> Result<(), Malformed> {
        match &self.access_in {
            None => Ok(()),
            Some(name) if name.eq_ignore_ascii_case(AUTHORIZATION) => {
                fields.set(name, format!("Bearer {access}").as_bytes())
            }
            Some(name) => fields.set(name, access.as_bytes()),
        }
    }

    /// Of somebody whose session is good no more: they log in again, or are told to.
    fn over<'a>(self: &'a Arc<Self>, why: String, exchange: &'a mut Exchange) -> Step<'a> {
        if Self::can_log_in(exchange) {
            return self.begin(exchange);
        }
        if let Err(failure) = self.sessions.take(exchange) {
            return Verdict::Fail(failure).into();
        }
        let failure = Failure::new(FailureKind::NoCredentials)
            .saying("The session is over.")
            .because(why)
            .challenging([self.challenge.clone()]);
        Verdict::Fail(failure).into()
    }

    /// A login that does not come to its end. Whoever tries is not told why.
    #[cold]
    fn broken(&self, why: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The login did not come to its end. Begin again.")
            .because(why)
            .challenging([self.challenge.clone()])
    }
}

async fn wait(step: Step<'_>) -> Verdict {
    match step {
        Step::Now(verdict) => verdict,
        Step::Later(verdict) => verdict.await,
    }
}

/// Of several cookies of one name, some were set by somebody else.
#[cold]
fn tossed() -> Failure {
    Failure::new(FailureKind::BadRequest)
        .saying("The request brings several cookies of the same name.")
        .because("several cookies of the session's name")
}

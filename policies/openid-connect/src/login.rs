//! A login: to the provider, and back.

use std::sync::Arc;

use yumen_http::{Authority, Body, Method, RequestHead, Response, ResponseHead, Status};
use yumen_openid::{
    Attempt, Callback, Expected, Outcome, Refusal, Session, Tokens, digest, pairs, with_query,
};
use yumen_policy::{Exchange, Failure, FailureKind, Settings, Step, Verdict};
use yumen_replay::Use;

use crate::provider::{Lost, Reached, away};
use crate::sessions::Brought;
use crate::{Config, Inner};

impl Inner {
    /// Whether whoever asks can be sent to the provider and come back: a browser that shows a page, not
    /// a script in it, nor a program.
    pub(crate) fn can_log_in(exchange: &Exchange) -> bool {
        let head = &exchange.request.head;
        if !matches!(head.method(), Method::Get | Method::Head) || head.is_websocket() {
            return false;
        }
        let fields = head.fields();
        // A page that is only fetched in case somebody wants it would begin logins that nobody sees.
        if fields.first("Sec-Purpose").is_some() || fields.first("X-Requested-With").is_some() {
            return false;
        }
        let mut modes = fields.all("Sec-Fetch-Mode");
        if modes.any(|mode| mode != b"navigate") {
            return false;
        }
        let html = |value: &[u8]| value.split(|byte| *byte == b',').any(is_html);
        fields.all("Accept").any(html)
    }

    /// Sends a browser to the provider.
    pub(crate) fn begin<'a>(self: &'a Arc<Self>, exchange: &'a mut Exchange) -> Step<'a> {
        if let Err(failure) = self.check_host(&exchange.request.head, exchange) {
            return Verdict::Fail(failure).into();
        }
        match self.provider.reached() {
            Ok(Some(reached)) => self.send(&reached, exchange).into(),
            Ok(None) => Step::later(async move {
                match self.provider.wait().await {
                    Ok(reached) => self.send(&reached, exchange),
                    Err(failure) => Verdict::Fail(failure),
                }
            }),
            Err(why) => Verdict::Fail(away(why)).into(),
        }
    }

    /// Cookies belong to a host: a login that begins at another one than it comes back to never ends.
    fn check_host(&self, head: &RequestHead, exchange: &Exchange) -> Result<(), Failure> {
        let believed = exchange.client.forwarding.host();
        let believed = believed.map(|host| Authority::read(host.as_bytes()));
        let asked = match &believed {
            Some(Ok(believed)) => Some(believed),
            Some(Err(_)) => None,
            None => head.authority(),
        };
        let port = |authority: &Authority| authority.port().unwrap_or(self.own.port);
        let own = &self.own.authority;
        if asked.is_some_and(|asked| asked.host() == own.host() && port(asked) == port(own)) {
            return Ok(());
        }
        Err(Failure::new(FailureKind::NoCredentials)
            .because("the host that is asked for is not that of `redirect_uri`")
            .challenging([self.challenge.clone()]))
    }

    fn send(&self, reached: &Reached, exchange: &mut Exchange) -> Verdict {
        let sent = self.try_send(reached, exchange);
        sent.map_or_else(Verdict::Fail, |response| Verdict::Answer(Box::new(response)))
    }

    fn try_send(&self, reached: &Reached, exchange: &mut Exchange) -> Result<Response, Failure> {
        let head = &exchange.request.head;
        let attempt = Attempt::begin(head.path(), head.query(), exchange.now);
        let internal =
            || Failure::new(FailureKind::Internal).because("there are no random numbers");
        let attempt = attempt.ok_or_else(internal)?;
        // A session that is over stays until the login has ended: another tab may have a new one by now.
        self.sessions.give_attempt(&attempt, exchange)?;
        let (state, nonce, challenge) = (attempt.state(), attempt.nonce(), attempt.challenge());
        let asked = [
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", &self.provider.client_id),
            ("redirect_uri", &self.own.redirect_uri),
            ("scope", &self.scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let more = self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        redirect(&with_query(
            &reached.metadata.authorization,
            &pairs(asked.into_iter().chain(more)),
        ))
    }

    /// A browser comes back from the provider.
    pub(crate) fn callback<'a>(self: &'a Arc<Self>, exchange: &'a mut Exchange) -> Step<'a> {
        if *exchange.request.head.method() != Method::Get {
            return Verdict::Fail(Failure::new(FailureKind::MethodRefused)).into();
        }
        let query = exchange.request.head.query_bytes().unwrap_or_default();
        let (callback, attempt) = match Callback::read(query) {
            Err(why) => return Verdict::Fail(self.broken(why)).into(),
            Ok(callback) => {
                match self.sessions.attempt(exchange.request.head.fields(), &callback.state) {
                    Err(_tossed) => {
                        return Verdict::Fail(self.broken("several cookies of one login")).into();
                    }
                    Ok(None) => return self.nothing_begun(exchange).into(),
                    Ok(Some(attempt)) => (callback, attempt),
                }
            }
        };
        if let Err(failure) = self.open_once(&attempt, exchange) {
            return Verdict::Fail(failure).into();
        }
        Step::later(async move {
            let ended = self.end(callback, &attempt, exchange).await;
            ended.map_or_else(Verdict::Fail, |response| Verdict::Answer(Box::new(response)))
        })
    }

    /// Whoever goes back in their browser, and is logged in, is not troubled with that.
    fn nothing_begun(&self, exchange: &Exchange) -> Verdict {
        let fields = exchange.request.head.fields();
        if let Ok(Brought::Good(_)) = self.sessions.find(fields, &self.told, exchange.now) {
            let home = redirect(&format!("{}/", self.own.origin));
            return home.map_or_else(Verdict::Fail, |home| Verdict::Answer(Box::new(home)));
        }
        Verdict::Fail(self.broken("no login of this browser has this `state`"))
    }

    /// An attempt is good once, and for a while.
    fn open_once(&self, attempt: &Attempt, exchange: &mut Exchange) -> Result<(), Failure> {
        let (state, now) = (attempt.state(), exchange.now);
        self.sessions.take_attempt(&state, exchange)?;
        if !attempt.is_open(now) {
            return Err(self.broken("the login began too long ago"));
        }
        match self.ledger.using(digest(&["state", &self.sessions.whose, &state]), now) {
            Use::First => Ok(()),
            Use::Again => Err(self.broken("the answer of the provider came before")),
            Use::Full => Err(away("no more logins can be remembered")),
        }
    }

    async fn end(
        &self,
        callback: Callback,
        attempt: &Attempt,
        exchange: &mut Exchange,
    ) -> Result<Response, Failure> {
        let reached = self.provider.wait().await?;
        self.check_issuer(callback.issuer.as_deref(), &reached)?;
        let code = match callback.outcome {
            Outcome::Code(code) => code,
            Outcome::Refused(refusal) => return Err(self.refused(refusal)),
        };
        let form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", self.own.redirect_uri.clone()),
            ("code_verifier", attempt.verifier()),
        ];
        let now = exchange.now;
        let tokens =
            self.provider.ask(&reached, form, now).await.map_err(|lost| self.lost(lost))?;
        let session = self.session(&reached, tokens, attempt, now).await;
        let session = session.map_err(|lost| self.lost(lost))?;
        let claims = Arc::new(session.claims.clone());
        self.who.principal(claims, Config::NAME).map_err(unknown)?;
        self.sessions.give(&session, exchange)?;
        redirect(&format!("{}{}", self.own.origin, attempt.url))
    }

    /// Whose answer it is (RFC 9207): one of another provider could bring its code to this one.
    fn check_issuer(&self, said: Option<&str>, reached: &Reached) -> Result<(), Failure> {
        match said {
            Some(issuer) if issuer != self.provider.issuer => {
                Err(self.broken("the answer is of another provider (`iss`)"))
            }
            None if reached.metadata.says_issuer => {
                Err(self.broken("the answer does not say whose it is (`iss`)"))
            }
            _ => Ok(()),
        }
    }

    /// The session that tokens of a login make.
    async fn session(
        &self,
        reached: &Reached,
        tokens: Tokens,
        attempt: &Attempt,
        now: u64,
    ) -> Result<Session, Lost> {
        let none = || Lost::Wrong("the provider gives no ID token".to_owned());
        let id = tokens.id.as_deref().ok_or_else(none)?;
        let nonce = attempt.nonce();
        let expected = Expected {
            nonce: Some(&nonce),
            access: Some(&tokens.access),
            subject: None,
            asked: attempt.began,
        };
        let token = self.provider.id_token(id, &expected, now).await?;
        let subject = token.subject().unwrap_or_default().to_owned();
        let mut claims = Session::claims_of(token.claims());
        if self.userinfo {
            let more = self.provider.userinfo(reached, &tokens.access, &subject).await?;
            // What was signed stands.
            let new = more.into_iter().filter(|(name, _)| !token.claims().contains_key(name));
            claims.extend(new.collect::<Vec<_>>());
        }
        let sid = token.claims().get("sid").and_then(|sid| sid.as_str()).map(str::to_owned);
        let drawn = || Lost::Away("there are no random numbers".to_owned());
        let mut session = Session {
            id: yumen_openid::drawn().ok_or_else(drawn)?,
            began: now,
            seen: now,
            subject,
            sid,
            access: None,
            until: None,
            renew: None,
            refresh: tokens.refresh,
            token: None,
            claims,
        };
        session.lasts(now, tokens.expires_in);
        session.access = self.keeps_access().then_some(tokens.access);
        session.token = tokens.id.filter(|_| self.keeps_token());
        Ok(session)
    }

    /// Why the provider refuses. Nothing that it sends is shown.
    fn refused(&self, refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Denied => Failure::new(FailureKind::Forbidden)
                .saying("The login was refused.")
                .because("the provider says access_denied"),
            Refusal::Busy => away("the provider cannot log anybody in just now"),
            Refusal::Asks => self.broken("the provider would have to ask for something"),
            Refusal::Other(word) => self.broken(format!("the provider says {word}")),
        }
    }

    fn lost(&self, lost: Lost) -> Failure {
        match lost {
            Lost::Away(why) => away(why),
            Lost::Wrong(why) => self.broken(why),
            Lost::Refused(word) if word == "invalid_grant" => {
                self.broken("the provider does not take the code (invalid_grant)")
            }
            Lost::Refused(word) => away(format!("the token endpoint refuses: {word}")),
        }
    }
}

/// The failure of somebody whom the provider knows, and the directory does not.
#[cold]
pub(crate) fn unknown(why: &'static str) -> Failure {
    Failure::new(FailureKind::Forbidden)
        .saying("You are logged in, but not known here.")
        .because(why)
}

/// Whether a range of media takes pages.
fn is_html(range: &[u8]) -> bool {
    let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_page = parts.next().is_some_and(|kind| {
        kind.eq_ignore_ascii_case(b"text/html")
            || kind.eq_ignore_ascii_case(b"application/xhtml+xml")
    });
    is_page && !parts.any(|part| matches!(part, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
}

/// Sends a browser elsewhere; the answer is for nobody else.
pub(crate) fn redirect(location: &str) -> Result<Response, Failure> {
    let mut head = ResponseHead::new(Status::new(302).unwrap_or(Status::OK));
    let fields = head.fields_mut();
    let put = fields.add("Location", location.as_bytes());
    let put = put.and_then(|()| fields.add("Cache-Control", b"no-store"));
    put.map_err(|bad| Failure::new(FailureKind::Internal).because(bad.0))?;
    Ok(Response::new(head, Body::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_policy::testing::exchange;

    #[test]
    fn only_pages_are_sent_to_log_in() {
        for (head, expect) in [
            ("GET / HTTP/1.1\nHost: a\nAccept: text/html", true),
            ("HEAD / HTTP/1.1\nHost: a\nAccept: text/html", true),
            (
                "GET / HTTP/1.1\nHost: a\nAccept: image/png, Text/HTML;q=0.9\nSec-Fetch-Mode: navigate",
                true,
            ),
            ("GET / HTTP/1.1\nHost: a", false),
            ("GET / HTTP/1.1\nHost: a\nAccept: */*", false),
            ("GET / HTTP/1.1\nHost: a\nAccept: application/json", false),
            ("GET / HTTP/1.1\nHost: a\nAccept: text/html;q=0, */*", false),
            ("GET / HTTP/1.1\nHost: a\nAccept: text/html\nSec-Fetch-Mode: cors", false),
            ("GET / HTTP/1.1\nHost: a\nAccept: text/html\nSec-Fetch-Mode: no-cors", false),
            (
                "GET / HTTP/1.1\nHost: a\nAccept: text/html\nSec-Fetch-Mode: navigate\nSec-Fetch-Mode: cors",
                false,
            ),
            ("GET / HTTP/1.1\nHost: a\nAccept: text/html\nSec-Purpose: prefetch", false),
            ("GET / HTTP/1.1\nHost: a\nAccept: text/html\nX-Requested-With: XMLHttpRequest", false),
            ("POST / HTTP/1.1\nHost: a\nAccept: text/html\nContent-Length: 0", false),
            ("PUT / HTTP/1.1\nHost: a\nAccept: text/html\nContent-Length: 0", false),
            ("DELETE / HTTP/1.1\nHost: a\nAccept: text/html", false),
            ("OPTIONS / HTTP/1.1\nHost: a\nAccept: text/html", false),
        ] {
            assert_eq!(Inner::can_log_in(&exchange(head)), expect, "{head}");
        }
    }
}

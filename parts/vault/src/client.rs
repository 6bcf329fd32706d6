//! Asks the server: logs in, finds out about mounts, reads, and keeps the token alive.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_courier::{Answer, Backoff, Courier, Request};
use yumen_http::{Malformed, Method};

use crate::ANSWER_MAX;
use crate::answer::{Came, Grant, Lease, Mount};
use crate::fault::{Cause, Fault};
use crate::hidden::Hidden;
use crate::join::all;
use crate::login::{Given, Login};
use crate::path::{check, encode};
use crate::secret::Secret;
use crate::session::Session;
use crate::settings::Settings;

/// How long to wait before a token that could not be renewed is tried again: first, and at most.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(60);
/// How long a renewal may take.
const RENEWAL: Duration = Duration::from_secs(5);

/// Reads secrets of one server, with one token.
pub struct Vault {
    settings: Arc<Settings>,
    session: Option<Session>,
    backoff: Backoff,
    /// What was told last of a token.
    told: Option<String>,
}

/// Without the token.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The server as it is asked within one time.
struct Round {
    settings: Arc<Settings>,
    courier: Courier,
    ends: Instant,
}

impl Round {
    /// Asks for something below `v1`.
    async fn ask(
        &self,
        token: Option<&Hidden>,
        (method, path): (Method, &str),
        body: Option<String>,
    ) -> Result<Answer, Fault> {
        if self.ends <= Instant::now() {
            let why = format!("there was no time left to ask {}", self.settings.server());
            return Err(Fault::away(why, "see why it is slow"));
        }
        let request = self.request(token, (method, path), body);
        let hint = "see what is in the variables for Vault, and in the path";
        let request = request.map_err(|wrong| Fault::wrong(wrong.0, hint))?;
        self.courier.ask(&request).await.map_err(|fault| {
            let why = format!("{} cannot be asked: {fault}", self.settings.server());
            match fault {
                yumen_courier::Fault::TooLarge { .. } => Fault::wrong(
                    why,
                    "keep less in one secret, or see whether VAULT_ADDR leads to Vault",
                ),
                yumen_courier::Fault::Malformed { .. } => {
                    Fault::wrong(why, "see whether VAULT_ADDR leads to Vault")
                }
                yumen_courier::Fault::Tls { .. } => {
                    Fault::away(why, "VAULT_CACERT names who signed its certificate")
                }
                _ => Fault::away(why, "see whether it runs, and whether VAULT_ADDR leads there"),
            }
        })
    }

    fn request(
        &self,
        token: Option<&Hidden>,
        (method, path): (Method, &str),
        body: Option<String>,
    ) -> Result<Request, Malformed> {
        let Settings { prefix, namespace, .. } = &*self.settings;
        let path = format!("{prefix}/v1/{}", encode(path));
        let mut request = Request::new(method, &path)?;
        // An agent in front of the server may want to see that it is no browser that asks.
        request.add("x-vault-request", b"true")?;
        if let Some(namespace) = namespace {
            request.add("x-vault-namespace", namespace.as_bytes())?;
        }
        if let Some(token) = token {
            request.add("x-vault-token", token.0.as_bytes())?;
        }
        if let Some(body) = body {
            request.add("content-type", b"application/json")?;
            request.set_body(body);
        }
        request.within = self.ends.saturating_duration_since(Instant::now());
        request.answer_max = ANSWER_MAX;
        Ok(request)
    }

    /// Gets a token.
    async fn log_in(&self) -> Result<Session, Fault> {
        let login = &self.settings.login;
        let named = |fault: Fault| {
            let why = format!("cannot log in to Vault {login}: {}", fault.why);
            Fault { why, ..fault }
        };
        let grant = match (login, login.ask().map_err(named)?) {
            (Login::Token(given), _) => return self.look_up(given).await.map_err(named),
            (_, Some(ask)) => {
                let answer = self.ask(None, (Method::Post, &ask.path), Some(ask.body)).await;
                let answer = answer.map_err(named)?;
                came(&answer, ask.secret.as_ref()).grant().map_err(named)?
            }
            (_, None) => return Err(named(Fault::wrong("it is not said how", "this is a bug"))),
        };
        let Grant { token, lease } = grant;
        Ok(Session::new(token, lease, Instant::now()))
    }

    /// What the server knows of a token that is given.
    async fn look_up(&self, given: &Given) -> Result<Session, Fault> {
        let token = given.text()?;
        let answer = self.ask(Some(&token), (Method::Get, "auth/token/lookup-self"), None).await?;
        let lease = came(&answer, Some(&token)).token()?;
        Ok(Session::new(token, lease, Instant::now()))
    }

    /// Reads secrets, each for itself.
    async fn read(&self, token: &Hidden, paths: &[String]) -> Vec<Result<Secret, Fault>> {
        let mut mounts: Vec<Mount> = Vec::new();
        let mut found = Vec::new();
        for path in paths {
            let known =
                mounts.iter().find(|one| !one.begins.is_empty() && path.starts_with(&one.begins));
            let mount = match known {
                Some(mount) => Ok(mount.clone()),
                None => self.mount(token, path).await,
            };
            if let (Ok(mount), None) = (&mount, known) {
                mounts.push(mount.clone());
            }
            found.push((path, mount));
        }
        all(found.into_iter().map(|(path, mount)| async move {
            let mount = mount?;
            let request = mount.request(path);
            let answer = self.ask(Some(token), (Method::Get, &request), None).await?;
            came(&answer, Some(token)).secret(path, &mount)
        }))
        .await
    }

    async fn mount(&self, token: &Hidden, path: &str) -> Result<Mount, Fault> {
        check(path)?;
        let question = format!("sys/internal/ui/mounts/{path}");
        let answer = self.ask(Some(token), (Method::Get, &question), None).await?;
        came(&answer, Some(token)).mount(path)
    }

    async fn renew(&self, token: &Hidden) -> Result<Lease, Fault> {
        let question = (Method::Post, "auth/token/renew-self");
        let answer = self.ask(Some(token), question, Some("{}".to_owned())).await?;
        came(&answer, Some(token)).grant().map(|grant| grant.lease)
    }
}

fn came<'a>(answer: &'a Answer, sent: Option<&'a Hidden>) -> Came<'a> {
    Came { status: answer.status.code(), body: &answer.body, sent }
}

/// Whether another token is given now.
fn is_another(given: &Given, session: &Session) -> bool {
    given.text().is_ok_and(|token| token != session.token)
}

impl Vault {
    /// One that has asked nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let backoff = Backoff::new(PAUSE_FIRST, PAUSE_MOST);
        Self { settings: Arc::new(settings), session: None, backoff, told: None }
    }

    /// Reads the secrets of these paths, in their order, all within this time. A token that is not
    /// good any more is replaced, if there is a way to log in.
    ///
    /// If the future is dropped, nothing but the answers is lost.
    pub async fn read(&mut self, paths: &[String], ends: Instant) -> Vec<Result<Secret, Fault>> {
        let failed = |fault: Fault| paths.iter().map(|_| Err(fault.clone())).collect();
        let round = match self.round(ends) {
            Ok(round) => round,
            Err(fault) => return failed(fault),
        };
        let is_new = match self.authenticate(&round).await {
            Ok(is_new) => is_new,
            Err(fault) => return failed(fault),
        };
        let mut secrets = self.read_in(&round, paths).await;
        let is_denied =
            |one: &Result<_, Fault>| one.as_ref().is_err_and(|one| one.cause == Cause::Denied);
        if is_new || !self.settings.login.is_repeatable() || !secrets.iter().any(is_denied) {
            return secrets;
        }
        // The token may have been taken back, or the policies of its role may be others now.
        match round.log_in().await {
            Ok(session) => {
                self.session = Some(session);
                self.read_in(&round, paths).await
            }
            // It is still good for the others.
            Err(fault) => {
                let denied = secrets.iter_mut().filter(|one| is_denied(one));
                denied.filter_map(|one| one.as_mut().err()).for_each(|one| {
                    one.why = format!("{}, and no other can be had: {}", one.why, fault.why);
                });
                secrets
            }
        }
    }

    async fn read_in(&self, round: &Round, paths: &[String]) -> Vec<Result<Secret, Fault>> {
        let Some(session) = &self.session else { return Vec::new() };
        round.read(&session.token, paths).await
    }

    fn round(&self, ends: Instant) -> Result<Round, Fault> {
        let settings = Arc::clone(&self.settings);
        Ok(Round { courier: settings.courier()?, settings, ends })
    }

    /// Gets a token if there is none that is good. Says whether it is a new one.
    async fn authenticate(&mut self, round: &Round) -> Result<bool, Fault> {
        let now = Instant::now();
        let is_good = match (&self.session, &self.settings.login) {
            (None, _) => false,
            // Whoever writes the file may have another token for us.
            (Some(session), Login::Token(given @ Given::File(_))) => !is_another(given, session),
            // Nothing better can be had: the server says that it is not good.
            (Some(_), Login::Token(Given::Text(_))) => true,
            (Some(session), _) => !session.is_over(now),
        };
        if is_good {
            return Ok(false);
        }
        self.session = Some(round.log_in().await?);
        Ok(true)
    }

    /// When something has to be done about the token ([`Vault::keep`]).
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.session.as_ref().and_then(Session::due)
    }

    /// Renews the token, or logs in anew where that is not allowed or its longest life comes to an end.
    /// `random` is any number, another one each time. Says what the operator is to be told.
    ///
    /// If the future is dropped, it is still due.
    pub async fn keep(&mut self, random: u64) -> Option<String> {
        let outcome = self.try_keep().await;
        let now = Instant::now();
        let session = self.session.as_mut()?;
        let fault = match outcome {
            Ok(()) => {
                self.backoff.succeeded();
                let was_bad = self.told.take().is_some();
                return was_bad.then(|| "the token for Vault is renewed again".to_owned());
            }
            Err(fault) => fault,
        };
        let left = session.left(now).unwrap_or_default().as_secs();
        if fault.is_away() || self.settings.login.is_repeatable() {
            session.put_off(self.backoff.failed(random, None), now);
        } else {
            session.give_up();
        }
        let news = format!("cannot renew the token for Vault: {fault}");
        if self.told.as_ref() == Some(&news) {
            return None;
        }
        self.told = Some(news.clone());
        Some(format!("{news}; it is good for {left} s more"))
    }

    async fn try_keep(&mut self) -> Result<(), Fault> {
        let round = self.round(Instant::now() + RENEWAL)?;
        let is_repeatable = self.settings.login.is_repeatable();
        let Some(session) = &mut self.session else { return Ok(()) };
        if let Login::Token(given @ Given::File(_)) = &self.settings.login
            && is_another(given, session)
        {
            self.session = Some(round.log_in().await?);
            return Ok(());
        }
        if session.lease.is_renewable && !session.is_over(Instant::now()) {
            match round.renew(&session.token).await {
                Ok(lease) => {
                    session.renewed(lease, Instant::now());
                    if !is_repeatable || !session.wanes() {
                        return Ok(());
                    }
                }
                Err(fault) if !is_repeatable => return Err(fault),
                // Servers say in several ways that it has lived long enough, with 500 too. If they are
                // away, the login says so.
                Err(_not_now) => {}
            }
        } else if !is_repeatable {
            let why = "it cannot be renewed";
            return Err(Fault::wrong(why, "give one that can be, or a way to log in"));
        }
        self.session = Some(round.log_in().await?);
        Ok(())
    }
}

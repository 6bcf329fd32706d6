//! Programs: they bring access tokens of the provider, or an id and a secret that the gateway gets one for.

use std::borrow::Cow;
use std::sync::Arc;

use yumen_http::Fields;
use yumen_jose::{Token, Verifier};
use yumen_kept::{Kept, Room, Ticket};
use yumen_openid::pairs;
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Found, Places, Settings, Step, Verdict,
};

use crate::provider::{Lost, away, may_be_newer, verify_access};
use crate::{Config, Inner};

/// Tokens that are remembered once they were good, of one use of the policy.
const REMEMBERED: Room = Room { entries: 4096, bytes: 4 << 20 };
/// Ids with secrets whose tokens are kept.
const PROGRAMS: Room = Room { entries: 1024, bytes: 1 << 20 };
/// The longest `Authorization` of a program, in bytes.
const SECRET_MAX: usize = 1024;
/// Seconds that a program is refused without the provider being asked again.
const REFUSED: u64 = 30;
/// Seconds before its end that a program's token is not used any more.
const EARLY: u64 = 10;
const AUTHORIZATION: &str = "Authorization";

/// Access tokens that programs bring.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) verifier: Verifier,
    pub(crate) places: Places,
    /// For a wrong one, and for several.
    pub(crate) challenges: [Challenge; 2],
    pub(crate) strip: bool,
    remembered: Kept<Arc<Known>>,
}

/// A token that was good.
#[derive(Debug)]
pub(crate) struct Known {
    token: Token,
    generation: u64,
    told: Vec<Option<String>>,
}

/// Ids and secrets that programs bring.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) form: String,
    kept: Kept<Arc<Program>>,
}

/// What came of an id and a secret.
#[derive(Debug)]
enum Program {
    Good { access: String, known: Arc<Known>, until: u64 },
    Refused { until: u64 },
}

impl Programs {
    /// They ask for this.
    pub(crate) fn new(scopes: &[String], parameters: &[(String, String)]) -> Self {
        let scope = scopes.join(" ");
        let mut form = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        form.extend(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Self { form: pairs(form), kept: Kept::new(PROGRAMS) }
    }
}

impl Bearer {
    pub(crate) fn new(verifier: Verifier, challenges: [Challenge; 2], strip: bool) -> Self {
        let places = Places { bearer: true, ..Places::default() };
        let remembered = Kept::new(REMEMBERED);
        Self { verifier, places, challenges, strip, remembered }
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The token is not good.")
            .because(why)
            .challenging([self.challenges[0].clone()])
    }
}

impl Inner {
    /// What is to be done about a program; nothing if none asks.
    pub(crate) fn program<'a>(
        self: &'a Arc<Self>,
        exchange: &mut Exchange,
    ) -> Result<Option<Asked<'a>>, Failure> {
        let Some(bearer) = &self.bearer else { return Ok(None) };
        let head = &exchange.request.head;
        if let Some(programs) = &self.programs
            && let Some(basic) = basic(head.fields())
        {
            let basic = basic.map_err(|why| refuse_secret(bearer, why))?;
            return Ok(Some(Asked::Basic(bearer, programs, basic)));
        }
        match bearer.places.find(head) {
            Found::Nothing => Ok(None),
            Found::Several => Err(Failure::new(FailureKind::Unauthenticated)
                .saying("The token is not good.")
                .because("the request brings several tokens")
                .challenging([bearer.challenges[1].clone()])),
            Found::One(token) => match std::str::from_utf8(&token) {
                Ok(token) => Ok(Some(Asked::Token(bearer, token.to_owned()))),
                Err(_) => Err(bearer.refuse("the token is no text")),
            },
        }
    }

    /// Lets a program in, or not.
    pub(crate) fn let_program_in<'a>(
        self: &'a Arc<Self>,
        asked: Asked<'a>,
        exchange: &'a mut Exchange,
    ) -> Step<'a> {
        let now = exchange.now;
        match asked {
            Asked::Token(bearer, token) => {
                let ticket = bearer.remembered.ticket(token.as_bytes());
                if let Some(known) = self.remembered(bearer, &ticket, now) {
                    return self.enter(known, bearer.strip, Some(&token), exchange).into();
                }
                let verified = self.provider.now(verify_access(&bearer.verifier, &token, now));
                match verified {
                    Some(verified) if !may_be_newer(&verified, &token) => {
                        let known = verified.map(|good| self.remember(bearer, good, &token, now));
                        match known {
                            Ok(known) => {
                                self.enter(known, bearer.strip, Some(&token), exchange).into()
                            }
                            Err(refused) => {
                                Verdict::Fail(bearer.refuse(refused.to_string())).into()
                            }
                        }
                    }
                    _ => Step::later(async move {
                        match self.known(bearer, &token, now).await {
                            Ok(known) => self.enter(known, bearer.strip, Some(&token), exchange),
                            Err(failure) => Verdict::Fail(failure),
                        }
                    }),
                }
            }
            Asked::Basic(bearer, programs, basic) => {
                let ticket = programs.kept.ticket(basic.as_bytes());
                match programs.kept.get(&ticket, now).as_deref() {
                    Some(Program::Good { access, known, until })
                        if now < *until && known.token.check_times(now).is_ok() =>
                    {
                        return self.enter(Arc::clone(known), true, Some(access), exchange).into();
                    }
                    Some(Program::Refused { until }) if now < *until => {
                        let why = "the provider refused the id and secret a moment ago";
                        return Verdict::Fail(refuse_secret(bearer, why)).into();
                    }
                    _ => {}
                }
                Step::later(async move {
                    match self.get_in((bearer, programs), (ticket, basic), now).await {
                        Ok((access, known)) => self.enter(known, true, Some(&access), exchange),
                        Err(failure) => Verdict::Fail(failure),
                    }
                })
            }
        }
    }

    fn remembered(&self, bearer: &Bearer, ticket: &Ticket, now: u64) -> Option<Arc<Known>> {
        let known = bearer.remembered.get(ticket, now)?;
        let is_same = self.provider.generation() == Some(known.generation);
        (is_same && known.token.check_times(now).is_ok()).then_some(known)
    }

    fn remember(&self, bearer: &Bearer, token: Token, text: &str, now: u64) -> Arc<Known> {
        let known = Arc::new(self.known_of(token));
        let ticket = bearer.remembered.ticket(text.as_bytes());
        bearer.remembered.put(ticket, Arc::clone(&known), text.len(), now);
        known
    }

    fn known_of(&self, token: Token) -> Known {
        let told = self.told.values(token.claims());
        Known { token, generation: self.provider.generation().unwrap_or(0), told }
    }

    /// A token that is good, if need be with keys that are fetched now.
    async fn known(&self, bearer: &Bearer, token: &str, now: u64) -> Result<Arc<Known>, Failure> {
        let verified =
            self.provider.with_keys(token, verify_access(&bearer.verifier, token, now)).await;
        match verified {
            Ok(Ok(good)) => Ok(self.remember(bearer, good, token, now)),
            Ok(Err(refused)) => Err(bearer.refuse(refused.to_string())),
            Err(Lost::Away(why) | Lost::Wrong(why) | Lost::Refused(why)) => Err(away(why)),
        }
    }

    /// Gets a token for an id and a secret.
    async fn get_in(
        &self,
        (bearer, programs): (&Bearer, &Programs),
        (ticket, basic): (Ticket, String),
        now: u64,
    ) -> Result<(String, Arc<Known>), Failure> {
        let reached = self.provider.wait().await?;
        let form = programs.form.clone();
        let keep =
            |program: Program| programs.kept.put(ticket, Arc::new(program), basic.len(), now);
        let tokens = match self.provider.ask_as(&reached, form, Some(&basic)).await {
            Ok(tokens) => tokens,
            Err(Lost::Refused(word))
                if matches!(word.as_str(), "invalid_client" | "unauthorized_client") =>
            {
                keep(Program::Refused { until: now.saturating_add(REFUSED) });
                return Err(refuse_secret(bearer, format!("the provider says {word}")));
            }
            Err(Lost::Refused(why)) => {
                return Err(away(format!("the token endpoint refuses: {why}")));
            }
            Err(Lost::Away(why) | Lost::Wrong(why)) => return Err(away(why)),
        };
        let verify = verify_access(&bearer.verifier, &tokens.access, now);
        let token = self.provider.with_keys(&tokens.access, verify).await;
        let token = match token {
            Ok(Ok(token)) => token,
            Ok(Err(refused)) => return Err(away(format!("the token of a program: {refused}"))),
            Err(Lost::Away(why) | Lost::Wrong(why) | Lost::Refused(why)) => return Err(away(why)),
        };
        let lasts = tokens.expires_in.unwrap_or(REFUSED);
        let until = now.saturating_add(lasts.saturating_sub(EARLY));
        let known = Arc::new(self.known_of(token));
        let access = tokens.access;
        keep(Program::Good { access: access.clone(), known: Arc::clone(&known), until });
        Ok((access, known))
    }

    /// Lets in whoever a token is about. With `strip` the service does not see what was brought.
    fn enter(
        &self,
        known: Arc<Known>,
        strip: bool,
        access: Option<&str>,
        exchange: &mut Exchange,
    ) -> Verdict {
        let principal = match self.who.principal(known.token.share_claims(), Config::NAME) {
            Ok(principal) => principal,
            Err(why) => {
                let failure = Failure::new(FailureKind::Unauthenticated).because(why);
                return Verdict::Fail(failure.challenging([self.challenge.clone()]));
            }
        };
        exchange.principal = Some(Box::new(principal));
        let fields = exchange.request.head.fields_mut();
        if strip {
            fields.remove(AUTHORIZATION);
        }
        let told = access.map_or(Ok(()), |access| self.tell_access(access, fields));
        let told = told.and_then(|()| self.told.tell(&known.told, fields));
        told.map_err(|bad| Failure::new(FailureKind::Internal).because(bad.0)).into()
    }
}

/// What a program asks to be known by.
#[derive(Debug)]
pub(crate) enum Asked<'a> {
    Token(&'a Bearer, String),
    Basic(&'a Bearer, &'a Programs, String),
}

/// What a program brings by `Basic`: it is passed on to the provider as it is.
fn basic(fields: &Fields) -> Option<Result<String, &'static str>> {
    let mut all = fields.all(AUTHORIZATION);
    let is_basic =
        |value: &[u8]| value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
    let first = all.next()?;
    let has_more = all.next().is_some();
    if !(is_basic(first) || has_more && fields.all(AUTHORIZATION).any(is_basic)) {
        return None;
    }
    if has_more {
        return Some(Err("several `Authorization`"));
    }
    let text = std::str::from_utf8(first.get(6..)?.trim_ascii()).unwrap_or_default();
    let is_good = |bytes: &Vec<u8>| bytes.contains(&b':') && text.len() <= SECRET_MAX;
    let decoded = data_encoding::BASE64.decode(text.as_bytes()).ok().filter(is_good);
    Some(match decoded {
        Some(_) => Ok(format!("Basic {text}")),
        None => Err("`Authorization: Basic` has no id and secret"),
    })
}

/// Browsers are not asked for a password: the challenge is not `Basic`.
#[cold]
fn refuse_secret(bearer: &Bearer, why: impl Into<Cow<'static, str>>) -> Failure {
    bearer.refuse(why).saying("The id and the secret are not good.")
}

//! `basic-auth`: knows consumers by a user's name and a password (RFC 7617).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::Deserialize;
use yumen_directory::{Credential, Directory, Material, Proof};
use yumen_http::Fields;
use yumen_model::report::Report;
use yumen_password::{Check, Checked, Checker, Claim};
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Phase, Policy, Principal, Scope, Settings, Step,
    Verdict, realm,
};

/// The longest name and password together, in bytes.
const PAIR_BYTES_MAX: usize = 1024;
const FIELD: &str = "authorization";
const SCHEME: &[u8] = b"Basic ";
/// When somebody may try again whose password could not be checked.
const PAUSE: Duration = Duration::from_secs(1);

/// How names and passwords are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What the client is told that they are for; browsers show it.
    pub realm: String,
    /// Whether they are taken out of the request before the service sees it.
    pub strip: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { realm: realm::USUAL.to_owned(), strip: false }
    }
}

impl Settings for Config {
    const NAME: &'static str = "basic-auth";
    const PHASE: Phase = Phase::Identify;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        let challenge = realm::challenge("Basic", &self.realm, &format!("{at}.realm"), report);
        let challenge = Challenge(format!("{}, charset=\"UTF-8\"", challenge.0).into());
        let (directory, passwords) = (Arc::clone(&scope.directory), Arc::clone(&scope.passwords));
        let policy = BasicAuth { strip: self.strip, challenge, directory, passwords };
        (report.problems().len() == before).then(|| Arc::new(policy) as Arc<dyn Policy>)
    }
}

#[derive(Debug)]
struct BasicAuth {
    strip: bool,
    challenge: Challenge,
    directory: Arc<Directory>,
    passwords: Arc<Checker>,
}

impl Policy for BasicAuth {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let pair = match read(exchange.request.head.fields()) {
            Ok(Some(pair)) => pair,
            Ok(None) => return Verdict::Unknown(self.challenge.clone()).into(),
            Err(why) => return Verdict::Fail(self.refuse(why.into())).into(),
        };
        let (user, password) = pair.parts();
        let credential = self.directory.named(Proof::Password, user);
        match self.check(credential.as_deref(), user, password, exchange.now) {
            Check::Now(checked) => self.decide(checked, credential, exchange).into(),
            Check::Later(pending) => {
                Step::later(async move { self.decide(pending.await, credential, exchange) })
            }
        }
    }
}

impl BasicAuth {
    fn check(
        &self,
        credential: Option<&Credential>,
        user: &[u8],
        password: &[u8],
        now: u64,
    ) -> Check {
        let hash = match credential.map(Credential::material) {
            Some(Material::Digest(right)) => {
                let is_right = self.directory.password_digest(user, password) == *right;
                return Check::Now(if is_right { Checked::Good } else { Checked::Wrong });
            }
            Some(Material::Password(hash)) => Some(&**hash),
            // Whoever does not exist is wrong after as long a time as others.
            Some(Material::None | Material::Secret(_)) | None => None,
        };
        self.passwords.check(Claim { user, password, hash }, now)
    }

    fn decide(
        &self,
        checked: Checked,
        credential: Option<Arc<Credential>>,
        exchange: &mut Exchange,
    ) -> Verdict {
        let now = exchange.now;
        let credential = match (checked, credential) {
            (Checked::Good, Some(credential)) if credential.is_good(now) => credential,
            (Checked::Good, Some(credential)) => {
                let (id, name) = (credential.id(), &credential.consumer.name);
                let why = format!("{id} has expired, or its consumer {name} is disabled");
                return Verdict::Fail(self.refuse(why.into()));
            }
            (Checked::Good | Checked::Wrong, None) => {
                return Verdict::Fail(self.refuse("nobody has this name".into()));
            }
            (Checked::Wrong, Some(credential)) => {
                let why = format!("the password of {} is another one", credential.id());
                return Verdict::Fail(self.refuse(why.into()));
            }
            (Checked::Busy, _) => {
                let failure = Failure::new(FailureKind::IdentityBusy).after(PAUSE);
                return Verdict::Fail(failure.because("too many passwords wait to be checked"));
            }
        };
        credential.used(now);
        exchange.principal = Some(Box::new(Principal::proved(credential, Config::NAME)));
        if self.strip {
            exchange.request.head.fields_mut().remove(FIELD);
        }
        Verdict::Next
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: Cow<'static, str>) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The name or the password is not good.")
            .because(why)
            .challenging([self.challenge.clone()])
    }
}

/// A name, a colon, and a password.
struct Pair {
    bytes: Vec<u8>,
    colon: usize,
}

impl Pair {
    fn parts(&self) -> (&[u8], &[u8]) {
        let (user, rest) = self.bytes.split_at_checked(self.colon).unwrap_or_default();
        (user, rest.get(1..).unwrap_or_default())
    }
}

/// What a request brings of this scheme: nothing, a pair, or something that is none.
fn read(fields: &Fields) -> Result<Option<Pair>, &'static str> {
    let mut values = fields.all(FIELD);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("the request brings several credentials");
    }
    let Some((scheme, encoded)) = value.split_at_checked(SCHEME.len()) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Ok(None);
    }
    if encoded.len() > PAIR_BYTES_MAX.div_ceil(3) * 4 {
        return Err("the name and the password are too long");
    }
    let encoded = encoded.trim_ascii_start();
    let bytes = BASE64.decode(encoded).map_err(|_wrong| "the credentials are no base64")?;
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or("there is no colon in them")?;
    // RFC 7617 section 2: neither part has control characters.
    if bytes.iter().any(u8::is_ascii_control) {
        return Err("there are control characters in them");
    }
    Ok(Some(Pair { bytes, colon }))
}

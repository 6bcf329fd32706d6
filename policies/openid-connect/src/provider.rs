//! The provider: where it is asked, what it answers, and whether that is good.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::{Map, Value};
use yumen_courier::{Bounds, Courier, Request, Settings, Url};
use yumen_http::Method;
use yumen_jose::{KeySet, Refused, TOKEN_BYTES, Token, Unverified, Verifier};
use yumen_key_sets::Remote;
use yumen_openid::{ClientAuth, Expected, IdTokens, Metadata, Tokens, pairs, refusal_of};
use yumen_policy::{Failure, FailureKind};
use yumen_tls::Client;

/// Requests to one endpoint at once; others wait, and their time runs.
const AT_ONCE: usize = 32;
/// How long a connection is kept: less than servers keep theirs, for codes cannot be sent twice.
const IDLE: Duration = Duration::from_secs(4);
/// How long the provider may take for one answer.
const WITHIN: Duration = Duration::from_secs(10);
/// The largest answer of the provider.
const ANSWER_MAX: usize = 256 * 1024;
/// When somebody may try again whose provider is not there.
const PAUSE: Duration = Duration::from_secs(5);

/// The provider, and what the gateway is to it.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    /// What is written by hand instead of what it says itself.
    pub(crate) fixed: Option<Metadata>,
    /// Its keys, and what it says of itself.
    pub(crate) remote: Arc<Remote>,
    /// Whose word is taken for it.
    pub(crate) client: Arc<Client>,
    /// Whether nothing of it may be asked in clear text.
    pub(crate) is_secure: bool,
    pub(crate) id_tokens: IdTokens,
    pub(crate) reached: ArcSwapOption<Reached>,
}

/// What can be asked of it, by what it says of itself.
pub(crate) struct Reached {
    /// Which set of the key sets this is of.
    generation: AtomicU64,
    pub(crate) metadata: Metadata,
    token: Endpoint,
    userinfo: Option<Endpoint>,
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reached").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

struct Endpoint {
    courier: Courier,
    path: String,
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The provider refuses, by this word.
    Refused(String),
    /// It cannot be asked, or what it says cannot be understood; for the log.
    Away(String),
    /// What it says is not good; for the log.
    Wrong(String),
}

impl Endpoint {
    fn new(url: &str, client: &Arc<Client>) -> Result<Self, String> {
        let url = Url::read(url).map_err(|bad| bad.0.to_owned())?;
        let mut settings = Settings::new(url.target, Some(Arc::clone(client)));
        settings.bounds = Bounds { at_once: AT_ONCE, idle: IDLE, ..Bounds::default() };
        let courier = Courier::new(settings).map_err(|bad| bad.0.to_owned())?;
        Ok(Self { courier, path: url.path })
    }

    fn request(&self, method: Method) -> Result<Request, Lost> {
        let request = Request::new(method, &self.path);
        let mut request = request.map_err(|bad| Lost::Away(bad.0.to_owned()))?;
        (request.within, request.answer_max) = (WITHIN, ANSWER_MAX);
        add(&mut request, "Accept", b"application/json")?;
        Ok(request)
    }
}

fn add(request: &mut Request, name: &str, value: &[u8]) -> Result<(), Lost> {
    request.add(name, value).map_err(|bad| Lost::Away(bad.0.to_owned()))
}

impl Reached {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    pub(crate) fn new(
        metadata: Metadata,
        client: &Arc<Client>,
        generation: u64,
    ) -> Result<Self, String> {
        let token = Endpoint::new(&metadata.token, client)?;
        let userinfo = metadata.userinfo.as_ref().map(|url| Endpoint::new(url, client));
        let generation = AtomicU64::new(generation);
        Ok(Self { generation, token, userinfo: userinfo.transpose()?, metadata })
    }
}

impl Provider {
    /// What can be asked of it; nothing if it was not heard of yet.
    ///
    /// # Errors
    /// Why what it says of itself is of no use, for the log.
    pub(crate) fn reached(&self) -> Result<Option<Arc<Reached>>, String> {
        let known = self.reached.load_full();
        let present = self.remote.present();
        let (metadata, generation) = match (&self.fixed, present.as_ref()) {
            (Some(fixed), _) => (Ok(fixed.clone()), 0),
            (None, None) => return Ok(None),
            (None, Some(present)) => {
                if known.as_ref().is_some_and(|known| known.generation() == present.generation) {
                    return Ok(known);
                }
                let said =
                    present.metadata.as_ref().ok_or("the provider says nothing of itself")?;
                (Metadata::read(said, self.is_secure), present.generation)
            }
        };
        if self.fixed.is_some() && known.is_some() {
            return Ok(known);
        }
        let metadata = metadata?;
        // The endpoints are mostly the same, and so are the connections to them.
        let same = known.filter(|known| known.metadata == metadata);
        if let Some(same) = same {
            same.generation.store(generation, Ordering::Relaxed);
            return Ok(Some(same));
        }
        let reached = Arc::new(Reached::new(metadata, &self.client, generation)?);
        self.reached.store(Some(Arc::clone(&reached)));
        Ok(Some(reached))
    }

    /// As [`Provider::reached`], and waits a moment if it was not heard of yet.
    ///
    /// # Errors
    /// The failure that tells so.
    pub(crate) async fn wait(&self) -> Result<Arc<Reached>, Failure> {
        let mut reached = self.reached();
        if matches!(reached, Ok(None))
            && let Some(renewal) = self.remote.renew()
        {
            renewal.wait().await;
            reached = self.reached();
        }
        let reached =
            reached.and_then(|reached| reached.ok_or_else(|| "it was not heard of".to_owned()));
        reached.map_err(|why| away(format!("the provider cannot be used: {why}")))
    }

    /// Asks for tokens.
    pub(crate) async fn ask(
        &self,
        reached: &Reached,
        mut form: Vec<(&'static str, String)>,
        now: u64,
    ) -> Result<Tokens, Lost> {
        let proof = self.auth.prove(&self.client_id, &self.issuer, &mut form, now);
        let proof = proof.map_err(|_unmade| Lost::Away("nothing can be signed".to_owned()))?;
        let form = pairs(form.iter().map(|(name, value)| (*name, value.as_str())));
        self.ask_as(reached, form, proof.as_deref()).await
    }

    /// As [`Provider::ask`], with what whoever asks brings in `Authorization`.
    pub(crate) async fn ask_as(
        &self,
        reached: &Reached,
        form: String,
        authorization: Option<&str>,
    ) -> Result<Tokens, Lost> {
        let mut request = reached.token.request(Method::Post)?;
        add(&mut request, "Content-Type", b"application/x-www-form-urlencoded")?;
        if let Some(authorization) = authorization {
            add(&mut request, "Authorization", authorization.as_bytes())?;
        }
        request.set_body(form);
        let answer = reached.token.courier.ask(&request).await;
        let answer = answer.map_err(|fault| Lost::Away(format!("the token endpoint: {fault}")))?;
        let status = answer.status.code();
        let away =
            |why: &str| Lost::Away(format!("the token endpoint answers with {status}: {why}"));
        match status {
            200 => Tokens::read(&answer.body).map_err(away),
            400 | 401 | 403 => {
                let word = refusal_of(&answer.body);
                Err(word.map_or_else(|| away("it does not say why"), Lost::Refused))
            }
            _ => Err(away("that is no answer")),
        }
    }

    /// What the provider knows of whoever the access token is about, who must be this one.
    pub(crate) async fn userinfo(
        &self,
        reached: &Reached,
        access: &str,
        subject: &str,
    ) -> Result<Map<String, Value>, Lost> {
        let endpoint = reached.userinfo.as_ref();
        let endpoint =
            endpoint.ok_or_else(|| Lost::Away("there is no userinfo endpoint".to_owned()))?;
        let mut request = endpoint.request(Method::Get)?;
        add(&mut request, "Authorization", format!("Bearer {access}").as_bytes())?;
        let answer = endpoint.courier.ask(&request).await;
        let answer =
            answer.map_err(|fault| Lost::Away(format!("the userinfo endpoint: {fault}")))?;
        if answer.status.code() != 200 {
            let status = answer.status.code();
            return Err(Lost::Away(format!("the userinfo endpoint answers with {status}")));
        }
        let said = yumen_jose::object(&answer.body);
        let said = said.ok_or_else(|| Lost::Away("userinfo is no JSON object".to_owned()))?;
        if said.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(Lost::Wrong("userinfo is about somebody else".to_owned()));
        }
        Ok(said)
    }

    /// Whether an ID token is good and the one that is expected. If its key is not known, a newer set of
    /// keys may have it.
    pub(crate) async fn id_token(
        &self,
        token: &str,
        expected: &Expected<'_>,
        now: u64,
    ) -> Result<Token, Lost> {
        let verify = |keys: &KeySet| self.id_tokens.verify(keys, token, now);
        let verified = self.with_keys(token, verify).await?;
        let verified =
            verified.map_err(|refused| Lost::Wrong(format!("the ID token: {refused}")))?;
        let judged = self.id_tokens.judge(&verified, expected);
        judged.map_err(|why| Lost::Wrong(why.to_owned()))?;
        Ok(verified)
    }

    /// Verifies something with the keys that are there; once more with newer ones, if they may help.
    pub(crate) async fn with_keys<T>(
        &self,
        token: &str,
        verify: impl Fn(&KeySet) -> Result<T, Refused>,
    ) -> Result<Result<T, Refused>, Lost> {
        let verified = self.now(&verify);
        let is_final = verified.as_ref().is_some_and(|one| !may_be_newer(one, token));
        if let Some(verified) = verified.filter(|_| is_final) {
            return Ok(verified);
        }
        if let Some(renewal) = self.remote.renew() {
            renewal.wait().await;
        }
        self.now(&verify).ok_or_else(|| Lost::Away("the keys were not fetched yet".to_owned()))
    }

    /// Verifies something with the keys that are there, if there are any.
    pub(crate) fn now<T>(
        &self,
        verify: impl Fn(&KeySet) -> Result<T, Refused>,
    ) -> Option<Result<T, Refused>> {
        self.remote.present().as_ref().map(|present| verify(&present.keys))
    }

    /// The number of the set of keys that is there.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.remote.present().as_ref().map(|present| present.generation)
    }
}

/// Whether a newer set of keys may say otherwise of a token: it names one that is not there, or none.
pub(crate) fn may_be_newer<T>(verified: &Result<T, Refused>, token: &str) -> bool {
    let has_no_name =
        || Unverified::read(token, TOKEN_BYTES).is_ok_and(|said| said.kid().is_none());
    match verified {
        Err(Refused::KeyUnknown) => true,
        Err(Refused::Signature) => has_no_name(),
        _ => false,
    }
}

/// Verifies access tokens of the provider.
pub(crate) fn verify_access(
    verifier: &Verifier,
    token: &str,
    now: u64,
) -> impl Fn(&KeySet) -> Result<Token, Refused> {
    move |keys| verifier.verify(keys, token, now)
}

/// The failure that tells that the provider is not there.
#[cold]
pub(crate) fn away(why: impl Into<String>) -> Failure {
    Failure::new(FailureKind::IdentityBusy)
        .saying("Logging in is not possible just now.")
        .because(why.into())
        .after(PAUSE)
}

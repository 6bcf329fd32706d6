//! `signed-identity`: gives services a token that the gateway has signed, which says who calls.

mod config;

pub use config::Config;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use yumen_kept::{Kept, Room};
use yumen_policy::claims::{Path, plain};
use yumen_policy::{
    Consumer, Credential, Exchange, Failure, FailureKind, Policy, Principal, Signer, Step, Verdict,
};

/// Tokens that are given again, of one use of the policy.
const SIGNED: Room = Room { entries: 16 * 1024, bytes: 32 << 20 };

/// What the token says, beside who calls.
#[derive(Debug)]
struct Said {
    issuer: String,
    audiences: Vec<String>,
    /// The claim that says whom it is about; the consumer's name if there is none.
    subject: Option<Path>,
    /// Claims that are passed on, by their new names.
    claims: Vec<(String, Path)>,
}

/// Seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    lifetime: u64,
    reuse: u64,
}

#[derive(Debug)]
struct SignedIdentity {
    signer: Arc<Signer>,
    said: Said,
    field: String,
    /// It stands behind `Bearer`.
    is_bearer: bool,
    times: Times,
    signed: Kept<Arc<Signed>>,
}

/// A token that was signed.
struct Signed {
    whose: Whose,
    /// As it stands in the field.
    value: String,
    /// The first second in which it is not given again.
    until: u64,
}

/// Without the token.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("until", &self.until).finish_non_exhaustive()
    }
}

/// Whose token it is. All of it is held, so that what has the same address is the same.
struct Whose {
    consumer: Option<Arc<Consumer>>,
    credential: Option<Arc<Credential>>,
    claims: Option<Arc<Map<String, Value>>>,
    by: &'static str,
    is_anonymous: bool,
}

impl Policy for SignedIdentity {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Verdict::from(self.tell(exchange)).into()
    }

    /// Signs nothing.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        exchange.request.head.fields_mut().remove(&self.field);
        Verdict::Next.into()
    }
}

impl SignedIdentity {
    fn new(
        signer: Arc<Signer>,
        said: Said,
        (field, is_bearer): (String, bool),
        times: Times,
    ) -> Self {
        Self { signer, said, field, is_bearer, times, signed: Kept::new(SIGNED) }
    }

    fn tell(&self, exchange: &mut Exchange) -> Result<(), Failure> {
        // First of all: whatever happens, the client's own is not seen by the service.
        exchange.request.head.fields_mut().remove(&self.field);
        let internal = |why: String| Failure::new(FailureKind::Internal).because(why);
        let Some(principal) = &exchange.principal else {
            return Err(internal("nobody has found out who calls".to_owned()));
        };
        let signed = self.signed(principal, exchange.now, exchange.trail.id());
        let signed = signed.map_err(internal)?;
        let fields = exchange.request.head.fields_mut();
        let told = fields.set(&self.field, signed.value.as_bytes());
        told.map_err(|wrong| internal(wrong.0.to_owned()))
    }

    /// The token of somebody, made anew if there is none that is to be given again.
    fn signed(&self, principal: &Principal, now: u64, id: &str) -> Result<Arc<Signed>, String> {
        if self.times.reuse == 0 {
            return self.sign(principal, now, id).map(|(signed, _)| signed);
        }
        let ticket = self.signed.ticket(&addresses(principal));
        let known = self.signed.get(&ticket, now);
        if let Some(known) = known.filter(|one| now < one.until && one.whose.is(principal)) {
            return Ok(known);
        }
        let (signed, size) = self.sign(principal, now, id)?;
        self.signed.put(ticket, Arc::clone(&signed), size, now);
        Ok(signed)
    }

    /// Signs a token, which goes by the id of the exchange that it is made for; says with it what it
    /// takes to keep it.
    fn sign(
        &self,
        principal: &Principal,
        now: u64,
        id: &str,
    ) -> Result<(Arc<Signed>, usize), String> {
        let claims = self.said.claims(principal, now, id);
        let token = self.signer.key().sign(claims, None, now, self.times.lifetime);
        let token = token.map_err(|unsigned| unsigned.to_string())?;
        let value = if self.is_bearer { format!("Bearer {token}") } else { token };
        let size =
            |claims: &Map<String, Value>| serde_json::to_vec(claims).map_or(0, |all| all.len());
        let held = principal.claims.as_deref().map_or(0, size);
        let size = value.len() + held;
        let until = now.saturating_add(self.times.reuse);
        Ok((Arc::new(Signed { whose: Whose::of(principal), value, until }), size))
    }
}

impl Said {
    fn claims(&self, principal: &Principal, now: u64, id: &str) -> Map<String, Value> {
        let own = principal.claims.as_deref();
        let find = |path: &Path| own.and_then(|own| path.find(own));
        let mut claims = Map::new();
        let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        for (name, path) in &self.claims {
            if let Some(value) = find(path) {
                say(name, value.clone());
            }
        }
        say("iss", self.issuer.as_str().into());
        match &*self.audiences {
            [one] => say("aud", one.as_str().into()),
            all => say("aud", all.into()),
        };
        let consumer = principal.consumer.as_deref();
        let subject = match &self.subject {
            Some(path) => find(path).and_then(plain),
            None => consumer.map(|one| one.name.to_string()),
        };
        if let Some(subject) = subject {
            say("sub", subject.into());
        }
        say("nbf", now.into());
        say("jti", id.into());
        say("identified_by", principal.by.into());
        if principal.is_anonymous {
            say("anonymous", true.into());
        }
        if let Some(credential) = &principal.credential {
            say("credential", credential.id().into());
        }
        if let Some(consumer) = consumer {
            say("consumer", Value::from(&*consumer.name));
            if let Some(id) = &consumer.external_id {
                say("external_id", Value::from(&**id));
            }
            let groups = consumer.groups.iter().map(|group| Value::from(&**group));
            say("groups", Value::Array(groups.collect()));
        }
        claims
    }
}

impl Whose {
    fn of(principal: &Principal) -> Self {
        let Principal { consumer, credential, claims, by, is_anonymous } = principal.clone();
        Self { consumer, credential, claims, by, is_anonymous }
    }

    fn is(&self, principal: &Principal) -> bool {
        is_same(self.consumer.as_ref(), principal.consumer.as_ref())
            && is_same(self.credential.as_ref(), principal.credential.as_ref())
            && is_same(self.claims.as_ref(), principal.claims.as_ref())
            && self.by == principal.by
            && self.is_anonymous == principal.is_anonymous
    }
}

fn is_same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// Where what is known of somebody lies: it never changes in its place, and what is kept of it holds
/// it there.
fn addresses(principal: &Principal) -> [u8; 24] {
    let address = |lies: usize| u64::try_from(lies).unwrap_or(0).to_le_bytes();
    let mut all = [0; 24];
    let parts = [
        principal.consumer.as_ref().map_or(0, |one| Arc::as_ptr(one).addr()),
        principal.credential.as_ref().map_or(0, |one| Arc::as_ptr(one).addr()),
        principal.claims.as_ref().map_or(0, |one| Arc::as_ptr(one).addr()),
    ];
    for (to, lies) in all.chunks_exact_mut(8).zip(parts) {
        to.copy_from_slice(&address(lies));
    }
    all
}

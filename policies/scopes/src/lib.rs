//! `scopes`: lets in whoever brings a token with some scopes, or with claims of some values.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use yumen_model::report::Report;
use yumen_policy::claims::{Path, words};
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict, realm,
};

/// Words in one list.
const WORDS_MAX: usize = 100;
/// Conditions of one use.
const CONDITIONS_MAX: usize = 32;

/// Which scopes and claims a token must have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Scopes of which a token must have all.
    pub all_of: Vec<String>,
    /// Scopes of which a token must have one, if any are listed.
    pub any_of: Vec<String>,
    /// The claim that has the scopes, such as `realm_access.roles`; if it is left out, `scope`, or `scp` in
    /// tokens that have no `scope`.
    pub claim: Option<String>,
    /// More that a token must claim, all of it.
    pub claims: Vec<Condition>,
    /// What the client is told that the token is for.
    pub realm: String,
}

/// What a claim must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The claim, such as `tenant`, or `realm_access.roles`.
    pub claim: String,
    /// It must have all of these: a text the words between its spaces, a list what is in it, a number,
    /// true or false itself.
    #[serde(default)]
    pub all_of: Vec<String>,
    /// It must have one of these, if any are listed.
    #[serde(default)]
    pub any_of: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            all_of: Vec::new(),
            any_of: Vec::new(),
            claim: None,
            claims: Vec::new(),
            realm: realm::USUAL.to_owned(),
        }
    }
}

impl Settings for Config {
    const NAME: &'static str = "scopes";
    const PHASE: Phase = Phase::Authorize;
    const NEEDS_PRINCIPAL: bool = true;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.errors();
        let challenge = realm::challenge("Bearer", &self.realm, &format!("{at}.realm"), report);
        if self.all_of.is_empty() && self.any_of.is_empty() && self.claims.is_empty() {
            report
                .error(at, "nothing is wanted of a token")
                .hint("such as `all_of: [\"orders:read\"]`");
        }
        if self.claims.len() > CONDITIONS_MAX {
            report
                .error(format!("{at}.claims"), format!("there are more than {CONDITIONS_MAX}"))
                .hint("leave some out, or write a rule of `rules`");
        }
        let mut paths = Vec::new();
        match &self.claim {
            Some(claim) => paths.extend(Path::compile(claim, &format!("{at}.claim"), report)),
            None => paths
                .extend(["scope", "scp"].iter().filter_map(|one| Path::compile(one, at, report))),
        }
        let scopes = Wanted::compile(paths, (self.all_of, self.any_of), at, report);
        check_scopes(&scopes, at, report);
        let mut claims = Vec::with_capacity(self.claims.len());
        for (index, Condition { claim, all_of, any_of }) in self.claims.into_iter().enumerate() {
            let at = format!("{at}.claims[{index}]");
            if all_of.is_empty() && any_of.is_empty() {
                report
                    .error(at.as_str(), "nothing is wanted of it")
                    .hint("such as `any_of: [admin]`");
            }
            let path = Path::compile(&claim, &format!("{at}.claim"), report);
            let wanted = Wanted::compile(path.into_iter().collect(), (all_of, any_of), &at, report);
            claims.push((claim, wanted));
        }
        let lacking = challenges(challenge, &scopes);
        (report.errors() == before)
            .then(|| Arc::new(Scopes { scopes, claims, lacking }) as Arc<dyn Policy>)
    }
}

/// For whom scopes lack, and whom something else.
fn challenges(challenge: Challenge, scopes: &Wanted) -> [Challenge; 2] {
    let plain = format!("{}, error=\"insufficient_scope\"", challenge.0);
    // Who has these is let in; of those of which one is enough, the first.
    let enough: Vec<&str> =
        scopes.all_of.iter().chain(scopes.any_of.first()).map(String::as_str).collect();
    let named = format!("{plain}, scope=\"{}\"", enough.join(" "));
    let lacking = if enough.is_empty() { plain.clone() } else { named };
    [Challenge(lacking.into()), Challenge(plain.into())]
}

/// Scopes stand in a challenge: they are written as RFC 6749 section 3.3 says.
fn check_scopes(scopes: &Wanted, at: &str, report: &mut Report) {
    for (key, list) in [("all_of", &scopes.all_of), ("any_of", &scopes.any_of)] {
        for (index, scope) in list.iter().enumerate() {
            let is_good =
                scope.bytes().all(|one| one.is_ascii_graphic() && !matches!(one, b'"' | b'\\'));
            if !is_good {
                report
                    .error(format!("{at}.{key}[{index}]"), format!("`{scope}` is no scope"))
                    .hint("letters, digits and signs, without spaces and quotes");
            }
        }
    }
}

/// What a claim must have.
#[derive(Debug)]
struct Wanted {
    /// Where it is: the first of these that is there.
    paths: Vec<Path>,
    all_of: Vec<String>,
    any_of: Vec<String>,
}

impl Wanted {
    fn compile(
        paths: Vec<Path>,
        (all_of, any_of): (Vec<String>, Vec<String>),
        at: &str,
        report: &mut Report,
    ) -> Self {
        for (key, list) in [("all_of", &all_of), ("any_of", &any_of)] {
            let at = format!("{at}.{key}");
            if list.len() > WORDS_MAX {
                report
                    .error(at.as_str(), format!("there are more than {WORDS_MAX}"))
                    .hint("leave some out");
            }
            for (index, _) in list.iter().enumerate().filter(|(_, word)| word.is_empty()) {
                report.error(format!("{at}[{index}]"), "it is empty").hint("such as `orders:read`");
            }
        }
        Self { paths, all_of, any_of }
    }

    fn is_met(&self, claims: Option<&Map<String, Value>>) -> bool {
        if self.all_of.is_empty() && self.any_of.is_empty() {
            return true;
        }
        let found = claims.and_then(|claims| self.paths.iter().find_map(|path| path.find(claims)));
        let own = found.map(words).unwrap_or_default();
        let has = |word: &String| own.contains(word);
        self.all_of.iter().all(has) && (self.any_of.is_empty() || self.any_of.iter().any(has))
    }
}

#[derive(Debug)]
struct Scopes {
    scopes: Wanted,
    claims: Vec<(String, Wanted)>,
    /// For whom scopes lack, and whom something else.
    lacking: [Challenge; 2],
}

impl Policy for Scopes {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Verdict::from(self.decide(exchange)).into()
    }
}

impl Scopes {
    fn decide(&self, exchange: &Exchange) -> Result<(), Failure> {
        let claims = exchange.principal.as_ref().and_then(|one| one.claims.as_deref());
        let [scopes, other] = &self.lacking;
        if !self.scopes.is_met(claims) {
            return Err(refuse(scopes, "the token has not the scopes".to_owned()));
        }
        match self.claims.iter().find(|(_, wanted)| !wanted.is_met(claims)) {
            Some((claim, _)) => {
                Err(refuse(other, format!("the token has not what is wanted of `{claim}`")))
            }
            None => Ok(()),
        }
    }
}

#[cold]
fn refuse(challenge: &Challenge, why: String) -> Failure {
    Failure::new(FailureKind::Forbidden)
        .saying("The token is not good for this.")
        .because(why)
        .challenging([challenge.clone()])
}

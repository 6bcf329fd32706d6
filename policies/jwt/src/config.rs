//! What is configured, and whether it can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_jose::{Algorithm, Algorithms, Key, KeySet, Verifier, Wanted};
use yumen_key_sets::{REMOTES_MAX, Remote, Source};
use yumen_model::report::Report;
use yumen_model::{Pem, Secret, Span};
use yumen_policy::claims::Told;
use yumen_policy::{
    ConsumerId, Phase, Places, Policy, Scope, Server, Settings, UnknownConsumer, Who, realm,
};

use crate::Jwt;
use crate::keys::{Keys, OfConsumers};

/// Keys that one use of it may have written with it.
const KEYS_MAX: usize = 64;
/// Claims whose values may be asked for, and values of one.
const CLAIMS_MAX: usize = 32;

/// Where tokens are looked for, which keys they may be signed with, and what they have to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// Whether `Authorization: Bearer TOKEN` is looked at.
    pub bearer: bool,
    /// Header fields whose value is a token.
    pub headers: Vec<String>,
    /// Cookies whose value is a token.
    pub cookies: Vec<String>,
    /// Query parameters whose value is a token. Tokens in URLs end up in the logs of others.
    pub query: Vec<String>,
    /// Keys: PEM text of a public key or a certificate, a JWK, or a secret; usually `${file:PATH}`.
    pub keys: Vec<Secret>,
    /// A document of keys (JWKS), usually `${file:PATH}`.
    pub jwks: Option<Secret>,
    /// Where to fetch a document of keys, such as `https://id.example.com/jwks.json`.
    pub jwks_url: Option<String>,
    /// Who may have signed the certificate of that server, as PEM; whom the system trusts if it is
    /// left out.
    pub jwks_ca: Option<Pem>,
    /// Whether keys may be fetched in clear text from a server that is not this machine.
    pub jwks_insecure: bool,
    /// Whether consumers may sign tokens with their own `token_keys`.
    pub consumer_keys: bool,
    /// The claim that names the key of a consumer, or `kid` for that of the header.
    pub consumer_key_by: String,
    /// How tokens may be signed, such as `RS256`; if none is listed, in all ways that their key is for.
    pub algorithms: Vec<String>,
    /// Who may have issued them (`iss`); anybody who has a key if none is listed.
    pub issuers: Vec<String>,
    /// For whom they have to be (`aud`), one of these; for anybody if none is listed.
    pub audiences: Vec<String>,
    /// Claims that must be there.
    pub required: Vec<String>,
    /// Claims that must be one of some values; of a claim that is a list, one in it must.
    pub claims: BTreeMap<String, Vec<String>>,
    /// What `typ` of the header must be, such as `at+jwt`.
    pub typ: Option<String>,
    /// By how much the clocks of issuer and gateway may differ.
    pub skew: Span,
    /// For how long a token may be good.
    pub lifetime_max: Span,
    /// Whether tokens without an end (`exp`) are good.
    pub endless: bool,
    /// The claim whose value names a consumer; none is looked for if it is `null`. Who signs with a key
    /// of their own needs none.
    pub consumer_by: Option<String>,
    /// By what it is found.
    pub consumer_id: ConsumerId,
    /// What happens if there is no such consumer.
    pub unknown_consumer: UnknownConsumer,
    /// Claims that the service is told, by the header field.
    pub claims_to_headers: BTreeMap<String, String>,
    /// Whether the token is taken out of the request before the service sees it.
    pub strip: bool,
    /// What the client is told that the token is for.
    pub realm: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bearer: true,
            headers: Vec::new(),
            cookies: Vec::new(),
            query: Vec::new(),
            keys: Vec::new(),
            jwks: None,
            jwks_url: None,
            jwks_ca: None,
            jwks_insecure: false,
            consumer_keys: false,
            consumer_key_by: "iss".to_owned(),
            algorithms: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            required: Vec::new(),
            claims: BTreeMap::new(),
            typ: None,
            skew: Span::seconds(30),
            lifetime_max: Span::OFF,
            endless: false,
            consumer_by: Some("sub".to_owned()),
            consumer_id: ConsumerId::Name,
            unknown_consumer: UnknownConsumer::Refuse,
            claims_to_headers: BTreeMap::new(),
            strip: false,
            realm: realm::USUAL.to_owned(),
        }
    }
}

impl Settings for Config {
    const NAME: &'static str = "jwt";
    const PHASE: Phase = Phase::Identify;

    fn compile(mut self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let errors_before = report.errors();
        let challenge = realm::challenge("Bearer", &self.realm, &format!("{at}.realm"), report);
        let verifier = self.verifier(at, report);
        let keys = self.keys(at, scope, report);
        self.check_claims(at, report);
        let told = std::mem::take(&mut self.claims_to_headers);
        let told = Told::compile(told, &format!("{at}.claims_to_headers"), report);
        let Self { bearer, headers, cookies, query, .. } = self;
        let places = Places { headers, bearer, query, cookies };
        places.check("tokens", at, report);
        let who = Who {
            directory: Arc::clone(&scope.directory),
            by: self.consumer_by,
            id: self.consumer_id,
            unknown: self.unknown_consumer,
        };
        if !self.consumer_keys {
            who.check(at, report);
        }
        if report.errors() > errors_before {
            return None;
        }
        let claims = self.claims.into_iter().collect();
        let jwt = Jwt::new(places, keys, verifier?, who, told);
        Some(Arc::new(jwt.wanting(claims).challenging(challenge).stripping(self.strip)))
    }
}

impl Config {
    fn verifier(&self, at: &str, report: &mut Report) -> Option<Verifier> {
        let mut algorithms = Some(Algorithms::NONE);
        for (index, name) in self.algorithms.iter().enumerate() {
            let algorithm = Algorithm::named(name);
            if algorithm.is_none() {
                report
                    .error(
                        format!("{at}.algorithms[{index}]"),
                        format!("`{name}` is no algorithm that is known"),
                    )
                    .hint("such as `RS256`, `ES256`, `EdDSA` or `HS256`");
            }
            algorithms =
                algorithms.zip(algorithm).map(|(all, one)| all.iter().chain([one]).collect());
        }
        // Safe without a list: what a key is for is said by the key, and a token cannot change it.
        let all = Algorithms::of(&Algorithm::ALL);
        let algorithms = algorithms.map_or(all, |some| if some.is_empty() { all } else { some });
        let seconds = |span: Span| span.get().map(|span| span.as_secs());
        let is_whole = |span: Span| span.get().is_none_or(|span| span.subsec_nanos() == 0);
        for (key, span) in [("skew", self.skew), ("lifetime_max", self.lifetime_max)] {
            if !is_whole(span) {
                report
                    .error(format!("{at}.{key}"), format!("`{span}` are not whole seconds"))
                    .hint("times in tokens are seconds, such as `30s`");
            }
        }
        let mut claims = self.required.clone();
        if !self.endless && !claims.iter().any(|claim| claim == "exp") {
            claims.push("exp".to_owned());
        }
        let verifier = Verifier::new(Wanted {
            algorithms,
            issuers: self.issuers.clone(),
            audiences: self.audiences.clone(),
            claims,
            typ: self.typ.clone(),
            skew: seconds(self.skew).unwrap_or(0),
            lifetime_max: seconds(self.lifetime_max),
            ..Wanted::default()
        });
        let problems = match verifier {
            Ok(verifier) => return Some(verifier),
            Err(problems) => problems,
        };
        for problem in problems {
            let key = if problem.at == "claims" { "required" } else { problem.at };
            report.error(format!("{at}.{key}"), problem.message).hint("mend it, or leave it out");
        }
        None
    }

    fn keys(&self, at: &str, scope: &Scope, report: &mut Report) -> Keys {
        if self.keys.is_empty()
            && self.jwks.is_none()
            && self.jwks_url.is_none()
            && !self.consumer_keys
        {
            report
                .error(at, "there are no keys that tokens could be signed with")
                .hint("give `keys`, `jwks`, `jwks_url`, or `consumer_keys: true`");
        }
        if self.consumer_key_by.is_empty() {
            report
                .error(format!("{at}.consumer_key_by"), "it names no claim")
                .hint("such as `iss`, or `kid`");
        }
        let of_consumers = self
            .consumer_keys
            .then(|| OfConsumers::new(Arc::clone(&scope.directory), self.consumer_key_by.clone()));
        Keys {
            own: self.own_keys(at, report),
            remote: self.remote(at, scope, report),
            of_consumers,
        }
    }

    /// The keys that are written in the configuration.
    fn own_keys(&self, at: &str, report: &mut Report) -> Option<KeySet> {
        if self.keys.is_empty() && self.jwks.is_none() {
            return None;
        }
        if self.keys.len() > KEYS_MAX {
            report
                .error(format!("{at}.keys"), format!("there are more than {KEYS_MAX}"))
                .hint("write them as one document, in `jwks`");
        }
        let mut keys = Vec::new();
        for (index, key) in self.keys.iter().enumerate() {
            match Key::from_text(key.text()) {
                Ok(key) => keys.push(key),
                Err(problem) => {
                    report
                        .error(format!("{at}.keys[{index}]"), problem.to_string())
                        .hint("PEM text of a public key or a certificate, a JWK, or a secret of 32 bytes or more");
                }
            }
        }
        if let Some(jwks) = &self.jwks {
            keys.extend(read_jwks(jwks, &format!("{at}.jwks"), report));
        }
        match KeySet::of(keys) {
            Ok(set) => Some(set),
            Err(problem) => {
                report
                    .error(at, format!("`keys` and `jwks` together cannot be used: {problem}"))
                    .hint("use two policies, one for each sort of key");
                None
            }
        }
    }

    /// The set that is with a server.
    fn remote(&self, at: &str, scope: &Scope, report: &mut Report) -> Option<Arc<Remote>> {
        let Some(url) = &self.jwks_url else {
            if self.jwks_ca.is_some() || self.jwks_insecure {
                report
                    .error(
                        at,
                        "`jwks_ca` and `jwks_insecure` are about `jwks_url`, which is not there",
                    )
                    .hint("leave them out");
            }
            return None;
        };
        let server = Server {
            url,
            ca: self.jwks_ca.as_ref(),
            is_insecure: self.jwks_insecure,
            keys: ["jwks_url", "jwks_ca", "jwks_insecure"],
            danger: "whoever is on the way could give the gateway keys of their own",
            example: "https://id.example.com/jwks.json",
        };
        let (url, client) = server.compile(at, report)?;
        let remote = scope.key_sets.follow(&Source { url, client, issuer: None });
        if remote.is_none() {
            report
                .error(
                    format!("{at}.jwks_url"),
                    format!("more than {REMOTES_MAX} key sets are followed"),
                )
                .hint("leave some out");
        }
        remote
    }

    fn check_claims(&self, at: &str, report: &mut Report) {
        let too_many = |count: usize| count > CLAIMS_MAX;
        if too_many(self.claims.len()) {
            report
                .error(format!("{at}.claims"), format!("there are more than {CLAIMS_MAX}"))
                .hint("leave some out");
        }
        for (claim, values) in &self.claims {
            if claim.is_empty() || values.is_empty() || too_many(values.len()) {
                report
                    .error(
                        format!("{at}.claims.{claim}"),
                        format!("a claim has a name, and 1 to {CLAIMS_MAX} values"),
                    )
                    .hint("such as `role: [admin]`");
            }
        }
    }
}

fn read_jwks(jwks: &Secret, at: &str, report: &mut Report) -> Vec<Key> {
    let set = match KeySet::from_json(jwks.text().as_bytes()) {
        Ok(set) => set,
        Err(problem) => {
            report.error(at, problem.to_string()).hint("a document as RFC 7517 has it");
            return Vec::new();
        }
    };
    for skipped in set.skipped() {
        let (place, why) = (skipped.at, &skipped.why);
        let message = format!("key {place} of it is not used: {why}");
        report.warning(at, message).hint("take it out, or mend it");
    }
    if set.is_empty() {
        report.error(at, "it has no key that can be used").hint("give the document of the issuer");
    }
    set.keys().to_vec()
}

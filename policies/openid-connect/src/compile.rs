//! From what is configured to the policy: names every problem at once.

mod provider;

use std::sync::Arc;

use yumen_courier::Url;
use yumen_http::{Authority, Known, is_token};
use yumen_jose::{Algorithm, Algorithms, Problem, Verifier, Wanted};
use yumen_model::report::{Report, Severity};
use yumen_model::{Secret, Span};
use yumen_openid::{ATTEMPT_LIFETIME, Jar, LogoutTokens, Ring, Rules};
use yumen_policy::{
    Challenge, Phase, Policy, Scope, Settings, UnknownConsumer, Who, claims::Told, realm,
};
use yumen_seal::KEY_MIN;

use crate::bearer::{Bearer, Programs};
use crate::config::{BearerConfig, Config, LogoutConfig};
use crate::logout::LogoutPaths;
use crate::refresh::Refreshes;
use crate::sessions::Sessions;
use crate::{AUTHORIZATION, Inner, OpenIdConnect, Own};

/// The longest time that a login may be good for: 30 days, in seconds.
const LIFETIME_MAX: u64 = 30 * 24 * 3600;
/// Keys of a session.
const KEYS_MAX: usize = 8;
/// Scopes, parameters and audiences, of each.
const LIST_MAX: usize = 32;
/// The longest name, in bytes.
const NAME_MAX: usize = 256;
/// What the policy says itself at a login.
const OWN_PARAMETERS: [&str; 13] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "client_secret",
    "grant_type",
];

impl Settings for Config {
    const NAME: &'static str = "openid-connect";
    const PHASE: Phase = Phase::Identify;

    fn compile(mut self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = errors(report);
        let mut check = Check { at, report };
        let own = check.own(&self.redirect_uri, self.insecure);
        let rules = check.rules(&self);
        let whose = format!("{}\n{}", self.issuer, self.client_id);
        let sessions = check.sessions(&self, &whose, scope);
        let provider = check.provider(&self, rules.as_ref(), scope);
        let logout = self.logout.take();
        let logout = logout.map(|logout| check.logout(logout, rules.as_ref(), own.as_ref()));
        let challenges = check.challenges(&self);
        let bearer = self.bearer.take().map(|bearer| check.bearer(&self, bearer, &challenges));
        let programs = check.programs(&self, bearer.is_some());
        let asked = check.asked(&self);
        check.access_in(self.access_in());
        check.who(&self);
        let told = std::mem::take(&mut self.claims_to_headers);
        let told = Told::compile(told, &format!("{at}.claims_to_headers"), report);
        if errors(report) > before {
            return None;
        }
        let sessions = sessions?;
        let mut secrets =
            vec!["code".to_owned(), "state".to_owned(), sessions.jar.name().to_owned()];
        secrets.extend(self.access_token_in.clone());
        let who = Who {
            directory: Arc::clone(&scope.directory),
            by: self.consumer_by,
            id: self.consumer_id,
            unknown: self.unknown_consumer,
        };
        let [challenge, ..] = challenges;
        let inner = Inner {
            provider: provider?,
            refreshes: Refreshes::default(),
            // A logout token is taken for about as long as a login.
            ledger: scope.replays.of(ATTEMPT_LIFETIME),
            own: own?,
            scope: asked,
            parameters: self.parameters.into_iter().collect(),
            userinfo: self.userinfo,
            logout: logout.flatten(),
            bearer: bearer.flatten(),
            programs,
            who,
            told,
            access_in: self.access_token_in,
            challenge,
            secrets,
            cookies: vec![sessions.jar.name().to_owned()],
            sessions,
        };
        Some(Arc::new(OpenIdConnect(Arc::new(inner))))
    }
}

impl Config {
    fn access_in(&self) -> Option<&str> {
        self.access_token_in.as_deref()
    }
}

/// What is looked at, and where what is wrong goes to.
struct Check<'a> {
    at: &'a str,
    report: &'a mut Report,
}

impl Check<'_> {
    fn wrong(&mut self, key: &str, what: impl Into<String>, hint: &str) {
        let at = if key.is_empty() { self.at.to_owned() } else { format!("{}.{key}", self.at) };
        self.report.error(at, what.into()).hint(hint.to_owned());
    }

    /// Where browsers come back to.
    fn own(&mut self, redirect_uri: &str, insecure: bool) -> Option<Own> {
        const HINT: &str = "such as `https://shop.example.com/login/done`";
        let url = match Url::read(redirect_uri) {
            Ok(url) if is_plain(&url.path) && url.path != "/" => url,
            Ok(_) => {
                let what = "its path is `/`, or has a query, a dot segment or something encoded";
                self.wrong("redirect_uri", what, HINT);
                return None;
            }
            Err(problem) => {
                self.wrong("redirect_uri", problem.0, HINT);
                return None;
            }
        };
        if !url.target.is_secure() && !insecure && !url.target.is_here() {
            let what = "whoever is on the way could read the session";
            self.wrong(
                "redirect_uri",
                what,
                "`https://`; or say `insecure: true` if nobody can be",
            );
        }
        let origin = url.target.to_string();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let Ok(authority) = Authority::read(authority.as_bytes()) else {
            self.wrong("redirect_uri", "it has no host", HINT);
            return None;
        };
        let port = if url.target.is_secure() { 443 } else { 80 };
        Some(Own {
            redirect_uri: redirect_uri.to_owned(),
            origin,
            authority,
            port,
            callback: url.path,
        })
    }

    /// What tokens have to be.
    fn rules(&mut self, config: &Config) -> Option<Rules> {
        let is_id = |text: &str| {
            (1..=NAME_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        if !is_id(&config.client_id) {
            self.wrong("client_id", "it is empty, or too long", "as the provider has it");
        }
        let mut algorithms = Algorithms::NONE;
        for (index, name) in config.algorithms.iter().enumerate() {
            match Algorithm::named(name).filter(|one| Algorithms::PUBLIC.contains(*one)) {
                Some(one) => algorithms = algorithms.iter().chain([one]).collect(),
                None => {
                    let what = format!("`{name}` is no algorithm with a public key");
                    self.wrong(&format!("algorithms[{index}]"), what, "such as `RS256` or `ES256`");
                }
            }
        }
        // Safe without a list: what a key is for is said by the key.
        let algorithms = if algorithms.is_empty() { Algorithms::PUBLIC } else { algorithms };
        let skew = self.seconds("skew", config.skew).unwrap_or(0);
        let (issuer, client) = (config.issuer.clone(), config.client_id.clone());
        Some(Rules { issuer, client, algorithms, skew })
    }

    /// A span as whole seconds.
    fn seconds(&mut self, key: &str, span: Span) -> Option<u64> {
        let span_of = span.get()?;
        if span_of.subsec_nanos() != 0 {
            self.wrong(key, format!("`{span}` are not whole seconds"), "such as `30s`");
        }
        Some(span_of.as_secs())
    }

    fn sessions(&mut self, config: &Config, whose: &str, scope: &Scope) -> Option<Sessions> {
        let session = &config.session;
        let lifetime = self.seconds("session.lifetime", session.lifetime);
        let lifetime = lifetime.filter(|seconds| (1..=LIFETIME_MAX).contains(seconds));
        if lifetime.is_none() {
            self.wrong("session.lifetime", "it is from 1 second to 30 days", "such as `8h`");
        }
        let idle = self.seconds("session.idle", session.idle).or(lifetime);
        if idle > lifetime {
            let what = "it is longer than `lifetime`";
            self.wrong("session.idle", what, "a shorter one, or `off`");
        }
        let name = &session.cookie;
        if !is_token(name.as_bytes())
            || name.contains('.')
            || name.starts_with("__")
            || name.len() > 64
        {
            let what = format!("`{name}` is no name for it");
            self.wrong("session.cookie", what, "letters, digits and dashes, at most 64");
        }
        if !(1..=KEYS_MAX).contains(&session.keys.len()) {
            let what = format!("there are 1 to {KEYS_MAX} keys");
            self.wrong("session.keys", what, "such as `openssl rand -base64 32` makes them");
        }
        for (index, key) in session.keys.iter().enumerate() {
            if key.text().len() < KEY_MIN {
                let what = format!("a key has at least {KEY_MIN} bytes");
                let hint = "such as `openssl rand -base64 32` makes them";
                self.wrong(&format!("session.keys[{index}]"), what, hint);
            }
        }
        let ring = Ring::new(session.keys.iter().map(Secret::text), whose.to_owned())?;
        let jar = Jar::new(name, config.redirect_uri.to_ascii_lowercase().starts_with("https:"));
        let ended = scope.replays.ended();
        Some(Sessions::new((ring, jar), (lifetime?, idle?), ended, whose.to_owned()))
    }

    fn logout(
        &mut self,
        logout: LogoutConfig,
        rules: Option<&Rules>,
        own: Option<&Own>,
    ) -> Option<LogoutPaths> {
        let LogoutConfig { path, return_to, backchannel_path } = logout;
        if path.is_none() && backchannel_path.is_none() {
            self.wrong("logout", "it has no path", "give `path`, `backchannel_path`, or both");
        }
        if path.is_none() && return_to.is_some() {
            self.wrong("logout.return_to", "there is no `path` to come from", "leave it out");
        }
        if let Some(url) = &return_to
            && Url::read(url).is_err()
        {
            self.wrong("logout.return_to", "it is no URL", "such as `https://shop.example.com/`");
        }
        let mut taken: Vec<&str> = own.map(|own| own.callback.as_str()).into_iter().collect();
        for (key, path) in [("logout.path", &path), ("logout.backchannel_path", &backchannel_path)]
        {
            let Some(path) = path else { continue };
            if !is_plain(path) || taken.contains(&path.as_str()) {
                let what = "it is no plain path, or stands for something else already";
                self.wrong(key, what, "such as `/logout`");
            }
            taken.push(path);
        }
        match LogoutTokens::new(rules?) {
            Ok(tokens) => {
                Some(LogoutPaths { path, return_to, backchannel: backchannel_path, tokens })
            }
            Err(problems) => {
                self.problems("", problems);
                None
            }
        }
    }

    /// For whoever brings nothing, something wrong, and several.
    fn challenges(&mut self, config: &Config) -> [Challenge; 3] {
        let scheme = if config.bearer.is_some() { "Bearer" } else { "Session" };
        let at = format!("{}.realm", self.at);
        let challenge = realm::challenge(scheme, &config.realm, &at, self.report);
        let with = |error| Challenge(format!("{}, error=\"{error}\"", challenge.0).into());
        let (wrong, several) = (with("invalid_token"), with("invalid_request"));
        [challenge, wrong, several]
    }

    fn bearer(
        &mut self,
        config: &Config,
        bearer: BearerConfig,
        challenges: &[Challenge; 3],
    ) -> Option<Bearer> {
        let BearerConfig { audiences, typ, strip } = bearer;
        if audiences.is_empty() {
            let what = "a token that is for anybody is for others as well";
            self.wrong("bearer.audiences", what, "what the provider calls this API");
        }
        if audiences.contains(&config.client_id) {
            let what = "that is for whom ID tokens are, and they open nothing";
            self.wrong("bearer.audiences", what, "what the provider calls this API");
        }
        let wanted = Wanted {
            issuers: vec![config.issuer.clone()],
            audiences,
            typ,
            skew: config.skew.get().unwrap_or_default().as_secs(),
            ..Wanted::default()
        };
        match Verifier::new(wanted) {
            Ok(verifier) => {
                let [_, wrong, several] = challenges;
                Some(Bearer::new(verifier, [wrong.clone(), several.clone()], strip))
            }
            Err(problems) => {
                self.problems("bearer.", problems);
                None
            }
        }
    }

    fn problems(&mut self, before: &str, problems: Vec<Problem>) {
        for problem in problems {
            let key = match problem.at {
                "issuers" => "issuer".to_owned(),
                // The same as above them.
                "skew" => "skew".to_owned(),
                "audiences" if before.is_empty() => "client_id".to_owned(),
                at => format!("{before}{at}"),
            };
            self.wrong(&key, problem.message, "mend it, or leave it out");
        }
    }

    fn programs(&mut self, config: &Config, has_bearer: bool) -> Option<Programs> {
        let credentials = config.client_credentials.as_ref()?;
        if !has_bearer {
            let what = "the tokens that the gateway gets are verified as `bearer` says, which is not there";
            self.wrong("client_credentials", what, "give `bearer: { audiences: [...] }`");
        }
        self.scopes("client_credentials.scopes", &credentials.scopes);
        let parameters: Vec<_> = credentials.parameters.clone().into_iter().collect();
        self.parameters("client_credentials.parameters", &parameters);
        Some(Programs::new(&credentials.scopes, &parameters))
    }

    /// What is asked for at a login.
    fn asked(&mut self, config: &Config) -> String {
        self.scopes("scopes", &config.scopes);
        let parameters: Vec<_> = config.parameters.clone().into_iter().collect();
        self.parameters("parameters", &parameters);
        let more = config.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid");
        ["openid"].into_iter().chain(more).collect::<Vec<_>>().join(" ")
    }

    fn scopes(&mut self, key: &str, scopes: &[String]) {
        let is_scope = |text: &String| {
            // RFC 6749 section 3.3.
            let is_good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
            (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(is_good)
        };
        if scopes.len() > LIST_MAX || !scopes.iter().all(is_scope) {
            let what = format!("at most {LIST_MAX} words without spaces");
            self.wrong(key, what, "such as `[profile, email]`");
        }
    }

    fn parameters(&mut self, key: &str, parameters: &[(String, String)]) {
        if parameters.len() > LIST_MAX {
            self.wrong(key, format!("there are more than {LIST_MAX}"), "leave some out");
        }
        for (name, value) in parameters {
            if name.is_empty() || name.len() > NAME_MAX || value.len() > 4 * NAME_MAX {
                self.wrong(
                    key,
                    "a name is empty, or something is too long",
                    "such as `prompt: login`",
                );
            } else if OWN_PARAMETERS.contains(&name.as_str()) {
                let what = "the policy says that itself";
                self.wrong(&format!("{key}.{name}"), what, "leave it out");
            }
        }
    }

    fn access_in(&mut self, name: Option<&str>) {
        let Some(name) = name else { return };
        let is_free = is_token(name.as_bytes())
            && Known::of(name.as_bytes()) == Known::Other
            && !name.eq_ignore_ascii_case("cookie");
        if !is_free && !name.eq_ignore_ascii_case(AUTHORIZATION) {
            let what = format!("no token can be told in `{name}`");
            self.wrong("access_token_in", what, "such as `Authorization` or `X-Access-Token`");
        }
    }

    fn who(&mut self, config: &Config) {
        let names_nobody = config.consumer_by.as_ref().is_none_or(String::is_empty);
        if names_nobody && config.unknown_consumer == UnknownConsumer::Refuse {
            let what =
                "no claim names a consumer, and who is none is refused: nobody could come in";
            self.wrong("consumer_by", what, "name a claim, or say `unknown_consumer: let_in`");
        }
    }
}

fn errors(report: &Report) -> usize {
    report.problems().iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// Whether a path means one thing only, however it is read.
fn is_plain(path: &str) -> bool {
    let is_good =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let segments = path.strip_prefix('/').map(|rest| rest.split('/'));
    path.len() <= NAME_MAX
        && segments.is_some_and(|mut all| {
            all.all(|one| one != "." && one != ".." && !one.is_empty() && one.bytes().all(is_good))
        })
}

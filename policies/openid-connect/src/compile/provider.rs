//! The provider of a config: where it is, how it is asked, and what the gateway is to it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use yumen_courier::Url;
use yumen_jose::{Algorithm, SigningKey};
use yumen_key_sets::{REMOTES_MAX, Remote, Source};
use yumen_openid::{ClientAuth, IdTokens, Metadata, Rules};
use yumen_policy::Scope;
use yumen_tls::{Client, ClientText};

use super::{Check, errors};
use crate::config::{Config, Endpoints, SecretIn};
use crate::provider::{Provider, Reached};

impl Check<'_> {
    pub(super) fn provider(
        &mut self,
        config: &Config,
        rules: Option<&Rules>,
        scope: &Scope,
    ) -> Option<Provider> {
        let auth = self.auth(config);
        let client = self.client(config);
        let is_secure = config.issuer.starts_with("https://") || !config.insecure;
        let (source, fixed) = match &config.endpoints {
            None => (self.discovered(config), None),
            Some(endpoints) => {
                let (source, fixed) = self.by_hand(config, endpoints)?;
                (Some(source), Some(fixed))
            }
        };
        if config.userinfo && fixed.as_ref().is_some_and(|fixed| fixed.userinfo.is_none()) {
            let what = "there is no `endpoints.userinfo`";
            self.wrong("userinfo", what, "say where it is, or leave it out");
        }
        let id_tokens = match IdTokens::new(rules?.clone()) {
            Ok(tokens) => Some(tokens),
            Err(problems) => {
                self.problems("", problems);
                None
            }
        };
        let client = client?;
        let (url, issuer) = source?;
        let remote =
            self.follow(Source { url, issuer, client: Some(Arc::clone(&client)) }, scope)?;
        let reached = match fixed.clone().map(|fixed| Reached::new(fixed, &client, 0)).transpose() {
            Ok(reached) => ArcSwapOption::from(reached.map(Arc::new)),
            Err(why) => {
                self.wrong("endpoints", why, "such as `https://id.example.com/token`");
                return None;
            }
        };
        let is_here = Url::read(&config.issuer).is_ok_and(|url| url.target.is_here());
        Some(Provider {
            issuer: config.issuer.clone(),
            client_id: config.client_id.clone(),
            auth: auth?,
            fixed,
            remote,
            client,
            is_secure: is_secure && !is_here,
            id_tokens: id_tokens?,
            reached,
        })
    }

    fn follow(&mut self, source: Source, scope: &Scope) -> Option<Arc<Remote>> {
        let remote = scope.key_sets.follow(&source);
        if remote.is_none() {
            let what = format!("more than {REMOTES_MAX} key sets are followed");
            self.wrong("issuer", what, "leave some out");
        }
        remote
    }

    /// Where the provider says what else there is to know.
    fn discovered(&mut self, config: &Config) -> Option<(Url, Option<String>)> {
        let issuer = &config.issuer;
        if issuer.contains(['?', '#']) {
            self.wrong("issuer", "an issuer has neither query nor fragment", "as it calls itself");
            return None;
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        Some((self.url("issuer", &url, config.insecure)?, Some(issuer.clone())))
    }

    fn by_hand(
        &mut self,
        config: &Config,
        endpoints: &Endpoints,
    ) -> Option<((Url, Option<String>), Metadata)> {
        let before = errors(self.report);
        if config.issuer.is_empty() {
            self.wrong("issuer", "it is empty", "as the provider calls itself");
        }
        let Endpoints { authorization, token, jwks, userinfo, end_session, says_issuer } =
            endpoints;
        let others = [("userinfo", userinfo), ("end_session", end_session)];
        let others = others.iter().filter_map(|(name, url)| Some((*name, url.as_ref()?)));
        for (name, url) in
            [("authorization", authorization), ("token", token)].into_iter().chain(others)
        {
            self.url(&format!("endpoints.{name}"), url, config.insecure);
        }
        let keys = self.url("endpoints.jwks", jwks, config.insecure);
        let fixed = Metadata {
            authorization: authorization.clone(),
            token: token.clone(),
            userinfo: userinfo.clone(),
            end_session: end_session.clone(),
            says_issuer: *says_issuer,
        };
        keys.filter(|_| errors(self.report) == before).map(|url| ((url, None), fixed))
    }

    fn url(&mut self, key: &str, text: &str, insecure: bool) -> Option<Url> {
        const HINT: &str = "such as `https://id.example.com`";
        match Url::read(text) {
            Ok(url) if url.target.host().is_none() => {
                self.wrong(key, "browsers cannot go there", HINT);
                None
            }
            Ok(url) => {
                if !url.target.is_secure() && !insecure && !url.target.is_here() {
                    let what = "whoever is on the way could let in whom they like";
                    self.wrong(key, what, "`https://`; or say `insecure: true` if nobody can be");
                }
                Some(url)
            }
            Err(problem) => {
                self.wrong(key, problem.0, HINT);
                None
            }
        }
    }

    /// Whose word is taken for the provider.
    fn client(&mut self, config: &Config) -> Option<Arc<Client>> {
        let ca = config.ca.as_ref().map(|ca| ca.text().to_owned());
        match Client::compile(ClientText { ca, ..ClientText::default() }) {
            Ok(client) => Some(Arc::new(client)),
            Err(problems) => {
                problems
                    .into_iter()
                    .for_each(|problem| self.wrong("ca", problem.message, problem.hint));
                None
            }
        }
    }

    /// How the gateway proves who it is.
    fn auth(&mut self, config: &Config) -> Option<ClientAuth> {
        let Config { client_secret, client_key, client_key_algorithm, client_key_id, .. } = config;
        if client_key.is_none() && (client_key_algorithm.is_some() || client_key_id.is_some()) {
            let what = "`client_key_algorithm` and `client_key_id` are about `client_key`, which is not there";
            self.wrong("", what, "leave them out");
        }
        if client_secret.is_none() && config.client_secret_in == SecretIn::Body {
            self.wrong("client_secret_in", "there is no `client_secret`", "leave it out");
        }
        match (client_secret, client_key) {
            (Some(_), Some(_)) => {
                self.wrong("client_key", "there is a `client_secret` as well", "leave one out");
                None
            }
            (Some(secret), None) if secret.text().is_empty() => {
                self.wrong("client_secret", "it is empty", "as the provider has it");
                None
            }
            (Some(secret), None) => Some(match config.client_secret_in {
                SecretIn::Header => ClientAuth::Basic(secret.text().to_owned()),
                SecretIn::Body => ClientAuth::Post(secret.text().to_owned()),
            }),
            (None, None) => Some(ClientAuth::None),
            (None, Some(key)) => {
                let name = client_key_algorithm.as_deref().unwrap_or("RS256");
                let Some(algorithm) = Algorithm::named(name) else {
                    let what = format!("`{name}` is no algorithm that is known");
                    self.wrong(
                        "client_key_algorithm",
                        what,
                        "`RS256`, `PS256`, `ES256` or `EdDSA`",
                    );
                    return None;
                };
                let signing = SigningKey::from_pem(key.text(), algorithm);
                let signing = signing.and_then(|signing| match client_key_id {
                    Some(id) => signing.with_kid(id),
                    None => Ok(signing),
                });
                match signing {
                    Ok(signing) => Some(ClientAuth::Key(Box::new(signing))),
                    Err(problem) => {
                        let hint =
                            "a private key in PKCS #8 that signs as `client_key_algorithm` says";
                        self.wrong("client_key", problem.to_string(), hint);
                        None
                    }
                }
            }
        }
    }
}

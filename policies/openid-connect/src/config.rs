//! What is configured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_model::{Pem, Secret, Span};
use yumen_policy::{ConsumerId, UnknownConsumer, realm};

/// Which provider people log in with, and how long that is good.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The provider, letter by letter as it calls itself, such as `https://id.example.com`. What else is to
    /// be known of it is at `/.well-known/openid-configuration` there.
    pub issuer: String,
    /// What the provider calls the gateway.
    pub client_id: String,
    /// The secret that the gateway shares with the provider; usually `${file:PATH}`.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A private key (PKCS #8, PEM) that the gateway signs with instead (`private_key_jwt`); usually
    /// `${file:PATH}`.
    #[serde(default)]
    pub client_key: Option<Secret>,
    /// How `client_key` signs: `RS256`, `PS256`, `ES256` or `EdDSA`.
    #[serde(default)]
    pub client_key_algorithm: Option<String>,
    /// What the provider calls `client_key`; the thumbprint of the key (RFC 7638) if it is left out.
    #[serde(default)]
    pub client_key_id: Option<String>,
    /// Whether `client_secret` is sent in `Authorization` or in the body.
    #[serde(default)]
    pub client_secret_in: SecretIn,
    /// Where the provider sends browsers back to, such as `https://shop.example.com/login/done`. The route
    /// must take its path; the service never sees it.
    pub redirect_uri: String,
    /// Where things are at a provider that does not say it itself.
    #[serde(default)]
    pub endpoints: Option<Endpoints>,
    /// Who may have signed the certificate of the provider, as PEM; whom the system trusts if it is left out.
    #[serde(default)]
    pub ca: Option<Pem>,
    /// Whether the provider may be asked in clear text although it is not this machine, and cookies may be
    /// sent in clear text.
    #[serde(default)]
    pub insecure: bool,
    /// What is asked for; `openid` always is.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What else the provider is told at a login, such as `prompt`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// How ID tokens may be signed, such as `RS256`; if none is listed, in all ways with a public key.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// By how much the clocks of provider and gateway may differ.
    #[serde(default = "skew")]
    pub skew: Span,
    /// Whether the provider is asked for more claims at a login (`userinfo`).
    #[serde(default)]
    pub userinfo: bool,
    /// What the browser keeps of a login.
    pub session: SessionConfig,
    /// How people log out.
    #[serde(default)]
    pub logout: Option<LogoutConfig>,
    /// Whether programs may bring access tokens of the provider instead.
    #[serde(default)]
    pub bearer: Option<BearerConfig>,
    /// Whether programs may bring their own id and secret, for which the gateway gets a token.
    #[serde(default)]
    pub client_credentials: Option<ClientCredentials>,
    /// The claim whose value names a consumer; none is looked for if it is `null`.
    #[serde(default = "consumer_by")]
    pub consumer_by: Option<String>,
    /// By what it is found.
    #[serde(default = "consumer_id")]
    pub consumer_id: ConsumerId,
    /// What happens if there is no such consumer.
    #[serde(default = "unknown_consumer")]
    pub unknown_consumer: UnknownConsumer,
    /// Claims that the service is told, by the header field.
    #[serde(default)]
    pub claims_to_headers: BTreeMap<String, String>,
    /// The header field in which the service gets the access token; `Authorization` gets it behind
    /// `Bearer`. It gets none if it is left out.
    #[serde(default)]
    pub access_token_in: Option<String>,
    /// What clients that cannot log in are told that they would have to.
    #[serde(default = "usual_realm")]
    pub realm: String,
}

/// Where a secret is sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretIn {
    /// In `Authorization` (`client_secret_basic`).
    #[default]
    Header,
    /// In the body (`client_secret_post`).
    Body,
}

/// Where things are at a provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Where browsers log in.
    pub authorization: String,
    /// Where tokens are had.
    pub token: String,
    /// The keys that tokens are signed with (JWKS).
    pub jwks: String,
    /// Who tells more of somebody.
    #[serde(default)]
    pub userinfo: Option<String>,
    /// Where browsers log out.
    #[serde(default)]
    pub end_session: Option<String>,
    /// Whether the provider says in its answers whose they are (RFC 9207): then they have to.
    #[serde(default)]
    pub says_issuer: bool,
}

/// What the browser keeps of a login.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// Texts of at least 32 bytes, drawn at random, that cookies are sealed with: the first one seals, all
    /// open. Usually `${file:PATH}`.
    pub keys: Vec<Secret>,
    /// The name of the cookie, to which `__Host-` is added with `https`.
    #[serde(default = "cookie")]
    pub cookie: String,
    /// For how long a login is good at most.
    #[serde(default = "lifetime")]
    pub lifetime: Span,
    /// For how long it is good without a request.
    #[serde(default = "idle")]
    pub idle: Span,
}

/// How people log out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutConfig {
    /// The path that logs out whoever asks for it.
    #[serde(default)]
    pub path: Option<String>,
    /// Where browsers come back to after the provider has logged them out; the provider has to know it.
    #[serde(default)]
    pub return_to: Option<String>,
    /// The path at which the provider says that somebody has logged out elsewhere (Back-Channel Logout).
    #[serde(default)]
    pub backchannel_path: Option<String>,
}

/// Access tokens of the provider that programs bring.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BearerConfig {
    /// For whom they have to be (`aud`), one of these.
    pub audiences: Vec<String>,
    /// What `typ` of the header must be, such as `at+jwt`.
    #[serde(default)]
    pub typ: Option<String>,
    /// Whether the token is taken out of the request before the service sees it.
    #[serde(default)]
    pub strip: bool,
}

/// Ids and secrets that programs bring by `Authorization: Basic`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientCredentials {
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What else the provider is told, such as `audience` or `resource`.
    pub parameters: BTreeMap<String, String>,
}

fn skew() -> Span {
    Span::seconds(30)
}

fn lifetime() -> Span {
    Span::seconds(8 * 3600)
}

fn idle() -> Span {
    Span::seconds(30 * 60)
}

fn cookie() -> String {
    "gateway-session".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "it is the default of a setting that may be null")]
fn consumer_by() -> Option<String> {
    Some("sub".to_owned())
}

fn consumer_id() -> ConsumerId {
    ConsumerId::Name
}

fn unknown_consumer() -> UnknownConsumer {
    UnknownConsumer::Refuse
}

fn usual_realm() -> String {
    realm::USUAL.to_owned()
}

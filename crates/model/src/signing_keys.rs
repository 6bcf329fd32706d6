//! Private keys that the gateway signs tokens with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Keys that the gateway signs tokens with, under one name: `signed-identity` signs with the first one,
/// and `key-set` publishes the public halves of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKeys {
    /// Unique among signing keys.
    pub name: String,
    /// The first one signs. Those behind it are only published: the next one before it signs, and the
    /// last one while tokens of it are about.
    pub keys: Vec<SigningKey>,
}

/// A private key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// PEM text of a private key in PKCS #8 (RSA, P-256 or Ed25519), or a private JWK; usually
    /// `${file:PATH}`.
    pub key: Secret,
    /// How it signs: `RS256`, `PS256`, `ES256` or `EdDSA`. If it is left out, what a JWK says, or
    /// `RS256` for a key of RSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Its name in tokens (`kid`); that of a JWK, or the thumbprint of the public key, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

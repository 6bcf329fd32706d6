//! Who calls: consumers, what they prove themselves with, and where more of them are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Moment, Secret};

/// Somebody who calls: a person, a program, a company. Policies that identify find them by their
/// credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// Unique among consumers, wherever they are written.
    pub name: String,
    /// What it is called elsewhere; services are told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The groups that it is in, for policies that ask for some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Words for people and programs; of the policies only `rules` can look at them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether none of its credentials is good.
    #[serde(default)]
    pub disabled: bool,
    /// Keys, for `key-auth`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyCredential>,
    /// Passwords, for `basic-auth`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<PasswordCredential>,
    /// Certificates of clients, for `mtls-auth`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateCredential>,
    /// Secrets that requests are signed with, for `hmac-auth`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretCredential>,
    /// Keys that it signs tokens with, for `jwt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_keys: Vec<TokenKeyCredential>,
}

/// A secret key that a consumer is known by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCredential {
    /// The key itself, usually `${env:NAME}` or `${file:PATH}`. Either this or `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// What `yumen new-key` printed of it, such as `blake3:1f2e3d4c:...`: the key itself is then
    /// nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// From when on it is no longer good; never if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// A name and a password that a consumer is known by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordCredential {
    /// The user's name; the consumer's own if it is left out. It has no colon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password itself, usually `${env:NAME}` or `${file:PATH}`. Either this or `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// What `yumen hash-password` printed of it: a hash of Argon2 as a PHC string, `$argon2id$...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// From when on it is no longer good; never if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// A certificate that a consumer is known by, or something that is written in it. Exactly one of
/// `fingerprint`, `subject` and `name`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateCredential {
    /// SHA-256 of the certificate, in 64 hexadecimal digits; colons may stand between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Its holder as the gateway writes it (RFC 4514), such as `CN=orders,O=shop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A name that it is for, with its sort in front: `uri:spiffe://a/b`, `dns:client.example`,
    /// `email:ann@example.org`, `ip:192.0.2.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// From when on it is no longer good; never if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// A key that a consumer signs tokens with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenKeyCredential {
    /// What a token names it by: in `iss`, unless `jwt` is told to look elsewhere. The consumer's name
    /// if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// PEM text of a public key or of a certificate, a JWK, or a secret; usually `${file:PATH}`.
    pub key: Secret,
    /// What it is for, such as `RS256`; all that its kind is for if none is listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// From when on it is no longer good; never if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// A secret that a consumer signs requests with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretCredential {
    /// What signatures call it: their `keyid`, `keyId` or `username`. It is no secret.
    pub id: String,
    /// The secret itself, usually `${env:NAME}` or `${file:PATH}`: 16 to 512 bytes. Either this or
    /// `secret_sealed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// What `yumen seal-secret` printed of it, such as `aes256gcm:...`; `directory.sealing_key` opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_sealed: Option<String>,
    /// How the secret is written.
    #[serde(default, skip_serializing_if = "SecretEncoding::is_usual")]
    pub encoding: SecretEncoding,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// From when on it is no longer good; never if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// How a secret is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretEncoding {
    /// Its bytes are those of the text.
    #[default]
    Text,
    /// The text is base64 of its bytes (RFC 4648 section 4).
    Base64,
}

impl SecretEncoding {
    fn is_usual(&self) -> bool {
        *self == Self::Text
    }
}

/// How consumers are kept, and where more of them are written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// A secret that goes into all hashes of credentials, so that whoever reads them cannot try keys;
    /// usually `${file:PATH}`. Hashes are good only with the one that they were made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pepper: Option<Secret>,
    /// A secret that sealed secrets are opened with: at least 32 characters, drawn at random; usually
    /// `${file:PATH}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<Secret>,
    /// Files with one consumer in each line, as JSON; a relative path starts in the folder of the
    /// configuration. They are taken up anew when they change, without anything else.
    pub files: Vec<String>,
}

//! TLS on listeners and to services: certificates, versions, who is believed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pem::Pem;

/// TLS on a listener: clients connect with `https://`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// A client gets the one for the name that it asks for: the exact name first, then
    /// `*.` and the rest of it, then the first of the list. Several for one name (RSA and ECDSA)
    /// stand side by side: the client's abilities choose.
    pub certificates: Vec<CertificateAndKey>,
    /// The oldest version of TLS that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// A certificate and its private key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateAndKey {
    /// The certificate, followed by those between it and the root.
    pub certificate: Pem,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1), without a password.
    pub key: Pem,
}

/// A version of TLS. Older ones than these are never spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2, with forward secrecy and authenticated encryption only.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// TLS to a service. Its certificate must be good, for the host of its URL, and signed by somebody
/// that the system trusts, unless said otherwise here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceTls {
    /// Who may have signed the service's certificate, instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// The name that is asked for and that the certificate must be for, instead of the URL's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// What is shown to services that ask who we are: a certificate and its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<CertificateAndKey>,
    /// Believe any certificate, also one of an attacker. For trying things out; warned about
    /// whenever it is loaded.
    pub insecure: bool,
    /// The oldest version of TLS that is spoken.
    pub min_version: TlsVersion,
}

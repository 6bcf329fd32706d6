//! TLS on listeners and to services: certificates, versions, who is believed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Span;
use crate::pem::Pem;

/// TLS on a listener: clients connect with `https://`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// A client gets the one for the name that it asks for: the exact name first, then
    /// `*.` and the rest of it, then the first of the list. Several for one name (RSA and ECDSA)
    /// stand side by side: the client's abilities choose.
    #[serde(default)]
    pub certificates: Vec<CertificateAndKey>,
    /// Host names whose certificates are got from the authority in `acme`, one for each. Until one
    /// is there, handshakes for its name fail, unless one of `certificates` is for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acme: Vec<String>,
    /// The oldest version of TLS that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// Whether clients show certificates of their own; not asked for unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificates>,
    /// Other settings for some names. What one leaves out is as written above. A request for one
    /// of these names on a connection that was made for another name is answered with 421, unless
    /// both have the same settings.
    #[serde(default)]
    pub hosts: Vec<HostTls>,
    /// Tell clients to come with TLS only, in the field `Strict-Transport-Security` (RFC 6797) of
    /// every answer that does not have one of its own; not told unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts: Option<Hsts>,
}

/// TLS for some names of a listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostTls {
    /// Host names without port: `api.example.com`, or `*.example.com` for every name one label
    /// below it.
    pub names: Vec<String>,
    /// The oldest version of TLS that is spoken, instead of the listener's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,
    /// Whether clients show certificates of their own, instead of the listener's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificates>,
}

/// Certificates that clients show, and who may have signed them. With `off` nothing else is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// Whether a client must show one. One that is shown is always verified, and if it is not
    /// good there is no connection.
    pub mode: ClientCertificateMode,
    /// Who may have signed them: roots, or authorities below them that are trusted by themselves.
    /// Up to 6 certificates may stand between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// What was revoked: lists (`-----BEGIN X509 CRL-----`) of every authority that may have
    /// signed, one behind the other. If given, a certificate whose authority has no list, or one
    /// that has ended, is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<Pem>,
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificateMode {
    /// Without one there is no connection.
    Required,
    /// They may.
    Optional,
    /// They are not asked.
    Off,
}

/// What a service is told of the certificate that a client showed and that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateField {
    /// `Client-Cert`: the certificate (RFC 9440).
    Certificate,
    /// `Client-Cert-Chain`: those between it and the root, as the client sent them (RFC 9440).
    Chain,
    /// `Client-Cert-Subject`: its holder, as RFC 4514 writes it.
    Subject,
    /// `Client-Cert-Issuer`: who signed it, as RFC 4514 writes it.
    Issuer,
    /// `Client-Cert-Names`: the names it is for: `"dns:a.example", "uri:spiffe://b/c"`; also
    /// `email:` and `ip:`.
    Names,
    /// `Client-Cert-Serial`: its serial number, in hexadecimal digits.
    Serial,
    /// `Client-Cert-Fingerprint`: SHA-256 of the certificate, in hexadecimal digits.
    Fingerprint,
}

/// How long and for which names clients come with TLS only (RFC 6797).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hsts {
    /// How long a client remembers; `off` tells clients to forget.
    pub max_age: Span,
    /// Also for all names below.
    pub include_subdomains: bool,
    /// Agrees to be in the lists that browsers come with; needs `include_subdomains` and a year.
    pub preload: bool,
}

impl Default for Hsts {
    fn default() -> Self {
        Self { max_age: Span::LONGEST, include_subdomains: false, preload: false }
    }
}

/// The value of `Strict-Transport-Security`.
impl fmt::Display for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-age={}", self.max_age.get().map_or(0, |max_age| max_age.as_secs()))?;
        f.write_str(if self.include_subdomains { "; includeSubDomains" } else { "" })?;
        f.write_str(if self.preload { "; preload" } else { "" })
    }
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

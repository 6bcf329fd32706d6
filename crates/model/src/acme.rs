//! Certificates that are got from an authority by ACME: which one, and on what terms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pem::{Pem, Secret};

/// The certificate authority that issues the certificates for the names in `tls.acme` of listeners,
/// by ACME (RFC 8555). They are renewed when a third of their life is left, and kept in the state
/// folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Acme {
    /// That you have read the authority's terms of service and agree; must be `true`.
    pub terms_agreed: bool,
    /// Mail addresses that the authority may write to, such as `ops@example.com`.
    pub contact: Vec<String>,
    /// The URL of the authority's directory; Let's Encrypt if it is not given.
    pub directory: String,
    /// Who may have signed the authority's own certificate, instead of the system's roots. For
    /// authorities inside a company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// An account elsewhere that the authority wants ours to be bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_account: Option<ExternalAccount>,
    /// How it is shown that a name leads here, the best first; after an order that failed, the
    /// next one is tried. `http-01` needs a listener without TLS that the authority reaches at
    /// port 80, `tls-alpn-01` one with the name in `tls.acme` that it reaches at port 443.
    pub challenges: Vec<AcmeChallenge>,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            terms_agreed: false,
            contact: Vec::new(),
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            ca: None,
            external_account: None,
            challenges: vec![AcmeChallenge::TlsAlpn01, AcmeChallenge::Http01],
        }
    }
}

/// An account with the authority that was made elsewhere (external account binding).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccount {
    /// Its key identifier, as the authority gave it.
    pub id: String,
    /// Its key in base64url, as the authority gave it.
    pub key: Secret,
}

/// How it is shown that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AcmeChallenge {
    /// An answer over HTTP in clear text.
    #[serde(rename = "http-01")]
    Http01,
    /// An answer in a TLS handshake.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

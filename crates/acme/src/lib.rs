//! Certificates from an authority by ACME (RFC 8555): when to ask for which, how, and where they
//! are kept.
//!
//! [`Steward`] is one thread's work. What it decides is pure (`decide`); the rest is thin: files
//! (`store`, `lease`), requests (`authority`) and one order at a time (`order`).

mod authority;
mod decide;
mod lease;
mod order;
mod steward;
mod store;

pub use steward::{Duty, Steward};
pub use store::recall;

use std::sync::Arc;

/// How it is shown to the authority that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Over HTTP in clear text, port 80.
    Http01,
    /// In a TLS handshake, port 443 (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

/// What is asked for, and of whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The URL of the authority's directory.
    pub directory: String,
    /// Whom the authority may write to: `mailto:` URLs.
    pub contacts: Vec<String>,
    /// An account elsewhere that ours is bound to: its id and its key.
    pub external_account: Option<(String, Vec<u8>)>,
    /// Whose word is taken for the authority's own certificate.
    pub client: Arc<yumen_tls::Client>,
    /// One after the other is tried; not empty.
    pub challenges: Vec<Challenge>,
    /// The names, each of which gets a certificate of its own.
    pub names: Vec<String>,
}

/// What listeners show, until the next.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Certificates by name.
    pub certificates: Vec<(String, yumen_tls::Certified)>,
    /// Answers by token, to be given over HTTP.
    pub tokens: Vec<(String, String)>,
    /// Certificates by name that answer a challenge in a handshake.
    pub challenges: Vec<(String, yumen_tls::Certified)>,
}

/// What has been done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Orders that brought a certificate.
    pub good: u64,
    /// Orders that did not.
    pub failed: u64,
    /// Times that no order could be placed at all.
    pub unreached: u64,
    /// The names whose certificate is due and does not come, and why.
    pub failing: Vec<(String, String)>,
}

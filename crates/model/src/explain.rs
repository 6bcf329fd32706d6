//! Which exchanges are remembered, so that it can be said afterwards why they got their answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Bytes, Span};
use crate::pem::Secret;

/// Which exchanges are remembered for `yumen explain ID`. They are kept in memory only, without
/// secrets: no body, no value of a query, no field but those that routes match on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Explain {
    /// What is remembered in any case.
    pub keep: Keep,
    /// The share of the others that is remembered too, 0 to 1. Which ones depends on the request
    /// id. Those also have the time of each policy.
    pub sample: f64,
    /// How many are remembered, all workers together; the oldest go first. Those that clients asked
    /// for by `debug_header` have as much room again, for up to 64 a worker.
    pub entries: u32,
    /// How much memory they may take, all workers together; the oldest go first.
    pub bytes: Bytes,
    /// Lets clients that know a secret ask for one request to be remembered, and be told its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debug_header: Option<DebugHeader>,
}

impl Default for Explain {
    fn default() -> Self {
        Self {
            keep: Keep::default(),
            sample: 0.0,
            entries: 512,
            bytes: Bytes(2 << 20),
            debug_header: None,
        }
    }
}

/// What is remembered in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Exchanges that the gateway refused or could not serve, and answers of status 5xx.
    #[default]
    Failures,
    /// None.
    Off,
}

/// The header field `Yumen-Debug`, signed with a secret: see `yumen debug-token`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DebugHeader {
    /// What the field is signed with: at least 16 bytes.
    pub secret: Secret,
    /// The longest that a signature may hold; what holds for longer counts as forged.
    #[serde(default = "default_lifetime_max")]
    pub lifetime_max: Span,
}

fn default_lifetime_max() -> Span {
    Span::seconds(3600)
}

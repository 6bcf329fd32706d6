//! Whether a policy refuses, or only says what it would refuse.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whether requests are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are.
    Enforce,
    /// They go on, and are counted and written to the log.
    Report,
}

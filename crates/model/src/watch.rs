//! What the operator sees: the access log and the status listener.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line for each exchange, written off the hot path.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// Where lines go.
    pub to: LogSink,
    /// What a line looks like.
    pub format: LogFormat,
}

/// Where access log lines go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogSink {
    /// Standard output.
    #[default]
    Stdout,
    /// The end of this file; opened anew on SIGUSR1 and on reload, so that it can be rotated.
    File(String),
    /// Nowhere.
    Off,
}

/// What an access log line looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// NGINX's and Apache's `combined` format.
    Combined,
}

/// What `/metrics` shows beside Yumen's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The same counts under the names of other gateways too, so that dashboards made for those go
    /// on showing something while you move. Counting costs no more; a scrape is larger.
    pub compat: Vec<Compat>,
}

/// A gateway whose names of metrics are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// Kong 3, its plugin `prometheus` with all its metrics switched on.
    Kong,
}

/// The listener for `/metrics`, `/livez` and `/readyz`. It has no password, so it stays on
/// loopback unless told otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Status {
    /// `host:port`, or `off`.
    pub address: String,
}

impl Default for Status {
    fn default() -> Self {
        Self { address: "127.0.0.1:9145".to_owned() }
    }
}

//! What the operator sees: the access log and the status listener.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bytes, LogSink};

/// One line for each exchange, written off the hot path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// Where lines go.
    pub to: LogSink,
    /// When a file is full: it is moved aside, and a new one begun. Never, unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate: Option<LogRotation>,
    /// What a line looks like.
    pub format: LogFormat,
    /// Only exchanges for which this holds are written: an expression, such as
    /// `response.status >= 400 && route != "health"`. All, unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The share of those that is written, 0 to 1. Which ones depends on the request id, so that
    /// several gateways choose the same.
    pub sample: f64,
    /// Exchanges for which this holds are written whatever `sample` says: an expression, such as
    /// `response.status >= 500 || duration > duration("1s")`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always: Option<String>,
    /// Header fields that are written with each exchange, in the JSON form.
    pub headers: LogHeaders,
    /// Names whose values are never written, beside those that look like secrets.
    pub redact: LogNames,
    /// Names that look like secrets and whose values are written all the same.
    pub show: LogNames,
}

/// How large a file of the access log becomes, and how many are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogRotation {
    /// A file that would become larger is moved aside, to its name with `.1` behind it; that one to
    /// `.2`, and so on.
    pub bytes: Bytes,
    /// How many of those that were moved aside are kept, 1 to 100.
    pub keep: u32,
}

impl Default for LogRotation {
    fn default() -> Self {
        Self { bytes: Bytes(100 * 1024 * 1024), keep: 5 }
    }
}

/// Header fields that are written, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogHeaders {
    /// Those of the request, as it stood when the policies were through with it.
    pub request: Vec<String>,
    /// Those of the answer, as the client got it.
    pub response: Vec<String>,
}

/// Names of what may be secret. Case and the signs `_ - . [ ]` do not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogNames {
    /// Of header fields.
    pub headers: Vec<String>,
    /// Of parameters in the query, in URLs and in the values of header fields.
    pub query: Vec<String>,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self {
            to: LogSink::default(),
            rotate: None,
            format: LogFormat::default(),
            when: None,
            sample: 1.0,
            always: None,
            headers: LogHeaders::default(),
            redact: LogNames::default(),
            show: LogNames::default(),
        }
    }
}

/// What an access log line looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// NGINX's and Apache's `combined` format.
    Combined,
    /// A text of your own with values in it, such as
    /// `%{client.address} "%{request.method} %{request.path}" %{response.status}`.
    Template(String),
}

/// What `/metrics` shows beside Yumen's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The same counts under the names of other gateways too, so that dashboards made for those go
    /// on showing something while you move. Counting costs no more; a scrape is larger.
    pub compat: Vec<Compat>,
    /// Native histograms of Prometheus beside the classic ones, for each service on each listener.
    /// They are shown to whoever asks for the exposition in Protocol Buffers, as a Prometheus with
    /// native histograms does. Counting them costs a little more for each exchange.
    pub native_histograms: bool,
    /// How many consumers are counted each for itself, at most: those who call first. All others are
    /// counted together, under an empty name. 0: none is counted.
    pub consumers: u16,
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

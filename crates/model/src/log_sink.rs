//! Where lines of the access log go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pem::{Pem, Secret};
use crate::{Bytes, Span};

/// Where access log lines go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogSink {
    /// Standard output.
    #[default]
    Stdout,
    /// The end of this file; opened anew on SIGUSR1 and on reload, so that it can be rotated.
    File(String),
    /// A server that takes many lines with one POST.
    Http(HttpSink),
    /// Nowhere.
    Off,
}

/// A server that takes lines by HTTP: those of the JSON form as `application/x-ndjson`, others as
/// `text/plain`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSink {
    /// Where batches are posted to, such as `https://logs.example/ingest`. Must be given.
    pub url: String,
    /// Fields of each request, such as a key; usually `${env:NAME}`.
    pub headers: BTreeMap<String, Secret>,
    /// Who may have signed the server's certificate, instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// Whether bodies are packed.
    pub gzip: bool,
    /// What is sent at a time, and what may wait.
    pub batch: LogBatch,
}

/// How lines are put together for a server, and how much of them may wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogBatch {
    /// A batch that is so large is sent at once.
    pub bytes: Bytes,
    /// A batch that is so old is sent, however small it is.
    pub age: Span,
    /// What may wait for the server, all batches together; lines beyond are lost.
    pub queue_bytes: Bytes,
}

impl Default for LogBatch {
    fn default() -> Self {
        Self {
            bytes: Bytes(256 * 1024),
            age: Span::seconds(1),
            queue_bytes: Bytes(8 * 1024 * 1024),
        }
    }
}

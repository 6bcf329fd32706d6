//! Where lines of the access log go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pem::{Pem, Secret};
use crate::tracing::OtlpProtocol;
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
    /// A collector of OpenTelemetry, as log records. Their text is what `format` says; of `json`, which
    /// says the same as their attributes, it is a short sentence instead.
    Otlp(OtlpSink),
    /// A syslog server, here or elsewhere.
    Syslog(SyslogSink),
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

/// A collector of OpenTelemetry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpSink {
    /// The collector, such as `http://127.0.0.1:4318`. Over HTTP a path that is left out is
    /// `/v1/logs`. Must be given.
    pub url: String,
    /// What the collector speaks.
    pub protocol: OtlpProtocol,
    /// Fields of each request to the collector, such as a key; usually `${env:NAME}`.
    pub headers: BTreeMap<String, Secret>,
    /// Who may have signed the collector's certificate, instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// Whether requests are packed.
    pub gzip: bool,
    /// What the gateway is called.
    pub service_name: String,
    /// What else is said of the gateway, such as `deployment.environment.name: live`.
    pub attributes: BTreeMap<String, String>,
    /// What is sent at a time, and what may wait.
    pub batch: LogBatch,
}

impl Default for OtlpSink {
    fn default() -> Self {
        Self {
            url: String::new(),
            protocol: OtlpProtocol::Http,
            headers: BTreeMap::new(),
            ca: None,
            gzip: false,
            service_name: "yumen".to_owned(),
            attributes: BTreeMap::new(),
            batch: LogBatch::default(),
        }
    }
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

/// A syslog server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogSink {
    /// `unix:///dev/log` for the one of this machine, `udp://HOST:PORT` or `tcp://HOST:PORT`. A port that
    /// is left out is 514, or 601 for TCP.
    pub url: String,
    /// How messages are written.
    pub form: SyslogForm,
    /// What sort of program the server is told that this is.
    pub facility: Facility,
    /// What the gateway is called.
    pub tag: String,
    /// A message that is longer is cut, 480B to 60KiB. Over TCP none is.
    pub message_bytes: Bytes,
}

impl Default for SyslogSink {
    fn default() -> Self {
        Self {
            url: "unix:///dev/log".to_owned(),
            form: SyslogForm::Rfc5424,
            facility: Facility::Local0,
            tag: "yumen".to_owned(),
            message_bytes: Bytes(8 * 1024),
        }
    }
}

/// How messages of syslog are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyslogForm {
    /// By RFC 5424, with the time of the exchange and the name of this machine.
    Rfc5424,
    /// As programs write to the `/dev/log` of journald, and of rsyslog as it is usually set up:
    /// `<134>yumen[4711]: ` and the line. The server knows time and machine.
    Local,
}

/// A facility of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facility {
    /// Programs of users.
    User = 1,
    /// Services of the system.
    Daemon = 3,
    /// For what the operator says, number 0.
    Local0 = 16,
    /// For what the operator says, number 1.
    Local1 = 17,
    /// For what the operator says, number 2.
    Local2 = 18,
    /// For what the operator says, number 3.
    Local3 = 19,
    /// For what the operator says, number 4.
    Local4 = 20,
    /// For what the operator says, number 5.
    Local5 = 21,
    /// For what the operator says, number 6.
    Local6 = 22,
    /// For what the operator says, number 7.
    Local7 = 23,
}

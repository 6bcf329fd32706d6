//! Alerts: who is told of the few states that only the gateway itself knows of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::Span;
use crate::pem::{Pem, Secret};

/// A hook: who is told of alerts, by a POST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertHook {
    /// Unique among hooks; logs and metrics use it. What a hook was told is remembered under it
    /// across reloads.
    pub name: String,
    /// Where alerts go. It is a secret, as such URLs often are: usually `${env:NAME}`. For
    /// `alertmanager` a path that is left out is `/api/v2/alerts`.
    pub url: Secret,
    /// Fields of each request, such as a key; usually `${env:NAME}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Who may have signed the certificate of the hook, instead of the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Pem>,
    /// What a message looks like.
    #[serde(default)]
    pub format: AlertFormat,
    /// What is told; all kinds unless it is given.
    #[serde(default = "every_kind")]
    pub on: Vec<AlertKind>,
    /// For how long a state must last until it is told, and be over until that is told. `off`: not
    /// at all.
    #[serde(default, rename = "for")]
    pub lasting: AlertTimes,
    /// After what time an alert that goes on is told again; `off`: never. 4h if it is left out. Not
    /// for `alertmanager`, which is told every minute, and repeats by its own settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Span>,
    /// Whether the end of an alert is told too.
    #[serde(default = "yes")]
    pub resolved: bool,
    /// What else is said with each alert, such as `environment: live`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

fn every_kind() -> Vec<AlertKind> {
    AlertKind::ALL.to_vec()
}

fn yes() -> bool {
    true
}

/// For how long a state must last until it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertTimes {
    /// No target of a service answers.
    pub service_down: Span,
    /// The breaker of a service is not closed.
    pub breaker_open: Span,
    /// The name of a target cannot be looked up.
    pub name_lookup_failing: Span,
    /// An authority gives no certificate for a name.
    pub acme_failing: Span,
}

impl Default for AlertTimes {
    fn default() -> Self {
        Self {
            service_down: Span::seconds(10),
            breaker_open: Span::seconds(10),
            name_lookup_failing: Span::seconds(60),
            acme_failing: Span::seconds(600),
        }
    }
}

/// What a message looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertFormat {
    /// Yumen's own JSON, version 1.
    #[default]
    Json,
    /// `{"text": ...}`, as Slack, Mattermost, Rocket.Chat and others take it.
    Slack,
    /// What Alertmanager of Prometheus takes at `/api/v2/alerts`.
    Alertmanager,
}

/// What can be told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// No target of a service answers.
    ServiceDown,
    /// The breaker of a service is open, or half open.
    BreakerOpen,
    /// A worker thread does not turn any more.
    WorkerStuck,
    /// The configuration was refused; the one before it is in force.
    ConfigRejected,
    /// The gateway was started with the last good configuration, because the present one has errors.
    LastGoodUsed,
    /// A certificate, or a list of revoked ones, has ended or ends soon.
    CertificateExpiring,
    /// An authority gives no certificate for a name.
    AcmeFailing,
    /// The name of a target cannot be looked up.
    NameLookupFailing,
    /// Lines of the access log are lost.
    LogLinesDropped,
    /// Spans of traces are lost.
    SpansDropped,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ServiceDown,
        Self::BreakerOpen,
        Self::WorkerStuck,
        Self::ConfigRejected,
        Self::LastGoodUsed,
        Self::CertificateExpiring,
        Self::AcmeFailing,
        Self::NameLookupFailing,
        Self::LogLinesDropped,
        Self::SpansDropped,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceDown => "service_down",
            Self::BreakerOpen => "breaker_open",
            Self::WorkerStuck => "worker_stuck",
            Self::ConfigRejected => "config_rejected",
            Self::LastGoodUsed => "last_good_used",
            Self::CertificateExpiring => "certificate_expiring",
            Self::AcmeFailing => "acme_failing",
            Self::NameLookupFailing => "name_lookup_failing",
            Self::LogLinesDropped => "log_lines_dropped",
            Self::SpansDropped => "spans_dropped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_as_it_is_written() {
        for (place, kind) in AlertKind::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind as usize, place, "in the order of ALL");
        }
    }
}

//! What is known of each kind of alert, whatever it is about.

use std::time::Duration;

use yumen_model::{AlertKind, AlertTimes};

/// How long a worker may not turn, which it usually does twice a second.
const STUCK: Duration = Duration::from_secs(10);
/// How long nothing must have been lost until it is over.
const QUIET: Duration = Duration::from_secs(300);

/// How bad it is.
pub(crate) fn severity(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::ServiceDown | AlertKind::BreakerOpen | AlertKind::WorkerStuck => "critical",
        _ => "warning",
    }
}

/// What a subject of this kind is; `None` if it is the gateway itself.
pub(crate) fn subject(kind: AlertKind) -> Option<&'static str> {
    match kind {
        AlertKind::ServiceDown | AlertKind::BreakerOpen => Some("service"),
        AlertKind::WorkerStuck => Some("worker"),
        AlertKind::CertificateExpiring => Some("certificate"),
        AlertKind::AcmeFailing | AlertKind::NameLookupFailing => Some("name"),
        AlertKind::ConfigRejected
        | AlertKind::LastGoodUsed
        | AlertKind::LogLinesDropped
        | AlertKind::SpansDropped => None,
    }
}

/// What Alertmanager knows it by; those that the shipped rules of Prometheus have too are called alike.
pub(crate) fn alertname(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::ServiceDown => "YumenServiceDown",
        AlertKind::BreakerOpen => "YumenBreakerOpen",
        AlertKind::WorkerStuck => "YumenWorkerStuck",
        AlertKind::ConfigRejected => "YumenConfigurationRefused",
        AlertKind::LastGoodUsed => "YumenLastGoodUsed",
        AlertKind::CertificateExpiring => "YumenCertificateEndsSoon",
        AlertKind::AcmeFailing => "YumenAcmeFailing",
        AlertKind::NameLookupFailing => "YumenNamesNotFound",
        AlertKind::LogLinesDropped => "YumenAccessLogLost",
        AlertKind::SpansDropped => "YumenSpansLost",
    }
}

/// For how long it must last until it is told, and then be over until that is told.
pub(crate) fn patience(kind: AlertKind, times: &AlertTimes) -> (Duration, Duration) {
    let both = |span: yumen_model::Span| {
        let span = span.get().unwrap_or_default();
        (span, span)
    };
    match kind {
        AlertKind::ServiceDown => both(times.service_down),
        AlertKind::BreakerOpen => both(times.breaker_open),
        AlertKind::NameLookupFailing => both(times.name_lookup_failing),
        AlertKind::AcmeFailing => both(times.acme_failing),
        AlertKind::WorkerStuck => (STUCK, STUCK),
        AlertKind::LogLinesDropped | AlertKind::SpansDropped => (Duration::ZERO, QUIET),
        AlertKind::ConfigRejected | AlertKind::LastGoodUsed | AlertKind::CertificateExpiring => {
            (Duration::ZERO, Duration::ZERO)
        }
    }
}

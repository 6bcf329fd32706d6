//! The one list of metrics: every name that is ever shown, its kind and what it means.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// What the text format calls a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Series {
    Series { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Series {
    Series { name, kind: Kind::Gauge, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Series {
    Series { name, kind: Kind::Histogram, help }
}

pub(super) const REQUESTS: Series = counter(
    "yumen_http_requests_total",
    "Exchanges that ended, by route, method, status and who answered.",
);
pub(super) const DURATION: Series = histogram(
    "yumen_http_request_duration_seconds",
    "From the first byte of a request to the last byte of its answer.",
);
pub(super) const UPSTREAM_DURATION: Series = histogram(
    "yumen_http_upstream_duration_seconds",
    "From the first attempt at a service to the head of its answer.",
);
pub(super) const OVERHEAD: Series = histogram(
    "yumen_http_overhead_seconds",
    "What the gateway itself added, without waiting for client or service.",
);
pub(super) const NATIVE_DURATION: Series = histogram(
    "yumen_native_http_request_duration_seconds",
    "From the first byte of a request to the last byte of its answer, by listener and service.",
);
pub(super) const NATIVE_UPSTREAM: Series = histogram(
    "yumen_native_http_upstream_duration_seconds",
    "From the first attempt at a service to the head of its answer, by listener and service.",
);
pub(super) const NATIVE_OVERHEAD: Series = histogram(
    "yumen_native_http_overhead_seconds",
    "What the gateway itself added, without waiting for client or service, by listener and service.",
);
pub(super) const BYTES: Series = counter(
    "yumen_http_bytes_total",
    "Bytes of heads and bodies, in from clients and out to them.",
);
pub(super) const ACTIVE_REQUESTS: Series =
    gauge("yumen_http_active_requests", "Exchanges under way.");
pub(super) const REFUSED_REQUESTS: Series = counter(
    "yumen_refused_requests_total",
    "Requests that could not be read or not in time, by the status of the answer.",
);
pub(super) const CONNECTIONS: Series = gauge("yumen_connections", "Open connections of clients.");
pub(super) const CONNECTIONS_TOTAL: Series =
    counter("yumen_connections_total", "Connections of clients that were accepted.");
pub(super) const REFUSED_CONNECTIONS: Series = counter(
    "yumen_refused_connections_total",
    "Connections of clients that were closed at once because there were too many.",
);
pub(super) const FLOODING_CONNECTIONS: Series = counter(
    "yumen_flooding_connections_total",
    "HTTP/2 and HTTP/3 connections of clients that were cut because of a flood of frames.",
);
pub(super) const FAILED_HANDSHAKES: Series = counter(
    "yumen_failed_handshakes_total",
    "Client connections that were closed because there was no TLS handshake.",
);
pub(super) const UPSTREAM_CONNECTIONS: Series =
    gauge("yumen_upstream_connections", "Open connections to targets, idle ones included.");
pub(super) const UPSTREAM_OPENED: Series =
    counter("yumen_upstream_connections_opened_total", "Connections to targets that were made.");
pub(super) const UPSTREAM_REUSED: Series = counter(
    "yumen_upstream_connections_reused_total",
    "Requests that were sent over a connection that had served one before.",
);
pub(super) const UPSTREAM_RETRIES: Series =
    counter("yumen_upstream_retries_total", "Requests that were sent once more, by the reason.");
pub(super) const UPSTREAM_HEALTHY: Series =
    gauge("yumen_upstream_endpoint_healthy", "Addresses of a target that requests go to as usual.");
pub(super) const UPSTREAM_PROBES: Series =
    counter("yumen_upstream_probes_total", "Probes of addresses of a target, by result.");
pub(super) const UPSTREAM_PROBE_FAILURES: Series = counter(
    "yumen_upstream_probe_failures_total",
    "Probes of addresses of a target that failed, by reason.",
);
pub(super) const UPSTREAM_UNHEALTHY: Series = counter(
    "yumen_upstream_unhealthy_total",
    "Times that probes made an address of a target unhealthy.",
);
pub(super) const UPSTREAM_EJECTIONS: Series =
    counter("yumen_upstream_ejections_total", "Ejections of addresses of a target, by reason.");
pub(super) const UPSTREAM_NAMES: Series =
    gauge("yumen_upstream_names", "Names of targets, by how their last lookup went.");
pub(super) const ACME_ORDERS: Series =
    counter("yumen_acme_orders_total", "Orders for certificates that have ended, by result.");
pub(super) const ACME_UNREACHED: Series = counter(
    "yumen_acme_unreached_total",
    "Times that no order could be placed, because of the authority or the state folder.",
);
pub(super) const ACME_EXPIRY: Series = gauge(
    "yumen_acme_certificate_expiry_timestamp_seconds",
    "Until when the certificate for a name is good, in seconds since 1970.",
);
pub(super) const UPSTREAM_BREAKER: Series =
    gauge("yumen_upstream_breaker_state", "The breaker: 0 closed or none, 1 half open, 2 open.");
pub(super) const UPSTREAM_REQUESTS: Series =
    gauge("yumen_upstream_requests", "Requests under way at services that limit them.");
pub(super) const UPSTREAM_PENDING: Series =
    gauge("yumen_upstream_pending_requests", "Requests that wait for their turn at a service.");
pub(super) const UPSTREAM_LIMIT: Series = gauge(
    "yumen_upstream_requests_limit",
    "Requests that may be under way at a service; 0 if that is not limited.",
);
pub(super) const UPSTREAM_DECISIONS: Series = counter(
    "yumen_upstream_decisions_total",
    "What else was decided on the way of requests to targets.",
);
pub(super) const CERTIFICATE_EXPIRY: Series = gauge(
    "yumen_certificate_expiry_timestamp_seconds",
    "When a certificate, or a list of revoked ones, of the configuration in force ends.",
);
pub(super) const CONFIG_REVISION: Series =
    gauge("yumen_config_revision", "Revision of the configuration in force.");
pub(super) const CONFIG_FAILURES: Series = counter(
    "yumen_config_apply_failures_total",
    "Configurations that were refused; the one before stayed in force.",
);
pub(super) const CONFIG_STALE: Series = gauge(
    "yumen_config_stale_seconds",
    "For how long there has been a newer configuration that was refused; 0 if there is none.",
);
pub(super) const CONSUMERS: Series = gauge("yumen_consumers", "Consumers that are known.");
pub(super) const CREDENTIALS: Series =
    gauge("yumen_credentials", "Credentials of all consumers together.");
pub(super) const CONSUMER_REQUESTS: Series = counter(
    "yumen_consumer_requests_total",
    "Exchanges of consumers that ended, by status; only if consumers are counted.",
);
pub(super) const CONSUMER_BYTES: Series = counter(
    "yumen_consumer_bytes_total",
    "Bytes of heads and bodies, in from consumers and out to them; only if consumers are counted.",
);
pub(super) const SECRETS: Series = gauge(
    "yumen_secrets",
    "Secrets of Vault that the configuration refers to, by how they were read last.",
);
pub(super) const POLICY_DECISIONS: Series = counter(
    "yumen_policy_decisions_total",
    "What policies decided, by kind; refusals by the code of the failure too.",
);
pub(super) const UPSTREAM_ATTEMPTS: Series =
    counter("yumen_upstream_attempts_total", "Attempts to get an answer, by how they ended.");
pub(super) const CONFIG_SUCCESS: Series = gauge(
    "yumen_config_last_success_timestamp_seconds",
    "When the configuration in force was applied.",
);
pub(super) const LOG_WRITTEN: Series =
    counter("yumen_access_log_written_total", "Lines of the access log that were written.");
pub(super) const LOG_DROPPED: Series = counter(
    "yumen_access_log_dropped_total",
    "Lines of the access log that were lost: the queue was full, or a write failed.",
);
pub(super) const SPANS_SENT: Series =
    counter("yumen_spans_sent_total", "Spans that the collector has taken.");
pub(super) const SPANS_DROPPED: Series =
    counter("yumen_spans_dropped_total", "Spans that were lost on their way to the collector.");
pub(super) const SPANS_FAILURES: Series = counter(
    "yumen_span_requests_failed_total",
    "Requests with spans that the collector did not take, whether they were tried again or not.",
);
pub(super) const ALERTS_FIRING: Series =
    gauge("yumen_alerts_firing", "Alerts that fire now, by hook and kind.");
pub(super) const ALERTS_SENT: Series =
    counter("yumen_alerts_sent_total", "Messages about alerts that a hook has taken.");
pub(super) const ALERTS_FAILED: Series = counter(
    "yumen_alerts_failed_total",
    "Requests to a hook that failed, tried again or not; nothing is lost by that alone.",
);
pub(super) const ALERTS_REFUSED: Series =
    counter("yumen_alerts_refused_total", "Messages about alerts that a hook did not want.");
pub(super) const BUILD: Series =
    gauge("yumen_build_info", "The version of this gateway; always 1.");
pub(super) const CPU: Series =
    counter("process_cpu_seconds_total", "Time on a processor, of user and system.");
pub(super) const OPEN_FDS: Series = gauge("process_open_fds", "Open file descriptors.");
pub(super) const MAX_FDS: Series =
    gauge("process_max_fds", "File descriptors that may be open at once.");
pub(super) const VIRTUAL_BYTES: Series =
    gauge("process_virtual_memory_bytes", "Size of the address space.");
pub(super) const RESIDENT_BYTES: Series = gauge("process_resident_memory_bytes", "Memory in use.");
pub(super) const START_TIME: Series =
    gauge("process_start_time_seconds", "When the process started.");

/// In the order in which they are shown.
pub(super) const ALL: [Series; 58] = [
    BUILD,
    CONFIG_REVISION,
    CONFIG_SUCCESS,
    CONFIG_FAILURES,
    CONFIG_STALE,
    CONSUMERS,
    CREDENTIALS,
    SECRETS,
    CERTIFICATE_EXPIRY,
    CONNECTIONS,
    CONNECTIONS_TOTAL,
    REFUSED_CONNECTIONS,
    FLOODING_CONNECTIONS,
    FAILED_HANDSHAKES,
    ACTIVE_REQUESTS,
    REFUSED_REQUESTS,
    REQUESTS,
    DURATION,
    UPSTREAM_DURATION,
    OVERHEAD,
    BYTES,
    CONSUMER_REQUESTS,
    CONSUMER_BYTES,
    POLICY_DECISIONS,
    UPSTREAM_ATTEMPTS,
    UPSTREAM_CONNECTIONS,
    UPSTREAM_OPENED,
    UPSTREAM_REUSED,
    UPSTREAM_BREAKER,
    UPSTREAM_REQUESTS,
    UPSTREAM_PENDING,
    UPSTREAM_LIMIT,
    UPSTREAM_RETRIES,
    UPSTREAM_DECISIONS,
    UPSTREAM_HEALTHY,
    UPSTREAM_PROBES,
    UPSTREAM_PROBE_FAILURES,
    UPSTREAM_UNHEALTHY,
    UPSTREAM_EJECTIONS,
    UPSTREAM_NAMES,
    ACME_ORDERS,
    ACME_UNREACHED,
    ACME_EXPIRY,
    LOG_WRITTEN,
    LOG_DROPPED,
    SPANS_SENT,
    SPANS_DROPPED,
    SPANS_FAILURES,
    ALERTS_FIRING,
    ALERTS_SENT,
    ALERTS_FAILED,
    ALERTS_REFUSED,
    CPU,
    START_TIME,
    RESIDENT_BYTES,
    VIRTUAL_BYTES,
    OPEN_FDS,
    MAX_FDS,
];

/// What only the exposition in Protocol Buffers has, in the order in which it is shown.
pub(super) const NATIVE: &[Series] = &[NATIVE_DURATION, NATIVE_UPSTREAM, NATIVE_OVERHEAD];

/// The names of all metrics, native histograms last: dashboards and rules may use these and no others.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().chain(NATIVE).map(|series| series.name)
}

//! Services that get connections as they are (`tcp://`): what else may be said of them.

use yumen_model::report::Report;
use yumen_model::{
    Balance, HashOn, HostHeader, Pool, Protocol, Service, ServiceHttp2, ServiceTimeouts, Span,
};

/// How the URL of a target begins that gets bytes as they are.
pub(crate) const SCHEME: &str = "tcp://";

/// Whether a service gets connections as they are; names what does not fit to that.
pub(crate) fn check(service: &Service, at: &str, report: &mut Report) -> bool {
    let targets = service.upstream.iter().flat_map(|upstream| &upstream.targets);
    let urls: Vec<&str> =
        service.url.iter().chain(targets.map(|target| &target.url)).map(String::as_str).collect();
    let raw = urls.iter().filter(|url| url.starts_with(SCHEME)).count();
    if raw == 0 {
        return false;
    }
    if raw < urls.len() {
        report
            .error(at, "some targets get requests, others connections as they are")
            .hint("begin all URLs with `tcp://`, or none");
    }
    let timeouts =
        ServiceTimeouts { connect: service.timeouts.connect, ..ServiceTimeouts::default() };
    let pool = Pool { connections: service.pool.connections, ..Pool::default() };
    for (key, is_given, only) in [
        ("tls", service.tls.is_some(), None),
        ("protocol", service.protocol != Protocol::default(), None),
        ("http2", service.http2 != ServiceHttp2::default(), None),
        ("host", service.host != HostHeader::default(), None),
        ("client_certificate", !service.client_certificate.is_empty(), None),
        ("retries.hedge", service.retries.hedge != Span::OFF, None),
        ("limits.adaptive", service.limits.adaptive.is_some(), None),
        ("fallback", service.fallback.is_some(), None),
        ("policies", !service.policies.is_empty(), None),
        ("routes", !service.routes.is_empty(), None),
        ("timeouts", service.timeouts != timeouts, Some("connect")),
        ("pool", service.pool != pool, Some("connections")),
    ] {
        if is_given {
            let hint = match only {
                Some(only) => format!("of this, `{only}` is all that a `tcp://` service has"),
                None => "take it out; a listener's `streams` lead to a `tcp://` service".to_owned(),
            };
            report
                .error(format!("{at}.{key}"), "nothing is known of requests in a connection")
                .hint(hint);
        }
    }
    let Some(upstream) = &service.upstream else { return true };
    if let Balance::Hash { on, .. } = &upstream.balance
        && *on != HashOn::Address
    {
        report
            .error(
                format!("{at}.upstream.balance.hash.on"),
                "a connection has neither path nor fields",
            )
            .hint("write `on: address`");
    }
    true
}

//! What a configuration says of probes, and what of it makes no sense.

use std::time::Duration;

use ::http::uri::PathAndQuery;
use regex_automata::meta::Regex;
use yumen_http::Authority;
use yumen_model::report::Report;
use yumen_model::{Active, BodyMatch, GrpcProbe, HttpProbe, Probe};

use super::grpc::SERVICE_MAX;
use super::http::statuses;

/// The shortest time between probes, and for one.
const SPAN_MIN: Duration = Duration::from_millis(100);

/// What the targets are that are probed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Targets {
    /// TLS is spoken with some of them.
    pub(crate) are_secure: bool,
    /// They get connections as they are.
    pub(crate) are_raw: bool,
}

/// Checks what a config says of probes.
pub(crate) fn check_active(active: &Active, targets: Targets, at: &str, report: &mut Report) {
    check_pace(active, at, report);
    check_place(active, targets, at, report);
    match &active.probe {
        Probe::Tcp => {}
        Probe::Http(http) => check_http(http, &format!("{at}.probe.http"), report),
        Probe::Grpc(grpc) => check_grpc(grpc, &format!("{at}.probe.grpc"), report),
    }
}

fn check_pace(active: &Active, at: &str, report: &mut Report) {
    for (key, span) in [("interval", active.interval), ("timeout", active.timeout)] {
        if span.get().is_none_or(|span| span < SPAN_MIN) {
            report
                .error(format!("{at}.{key}"), format!("`{span}` is less than 100ms"))
                .hint("write a time such as `5s`; without probes, leave `active` out");
        }
    }
    for (key, count) in
        [("healthy_after", active.healthy_after), ("unhealthy_after", active.unhealthy_after)]
    {
        if count == 0 {
            report.error(format!("{at}.{key}"), "it takes at least one probe").hint("write 1");
        }
    }
}

/// Where the probe goes, and whether what it speaks can be understood there.
fn check_place(active: &Active, targets: Targets, at: &str, report: &mut Report) {
    if active.port == Some(0) {
        report
            .error(format!("{at}.port"), "port 0 is no port to connect to")
            .hint("leave it out for the target's own");
    }
    if targets.are_raw && active.probe != Probe::Tcp && active.port.is_none() {
        report
            .error(
                format!("{at}.probe"),
                "what a `tcp://` target speaks in its connections is not known",
            )
            .hint("write `probe: tcp`, or the `port` of a place that answers the probe");
    }
    if !active.clear_text {
        return;
    }
    let at = format!("{at}.clear_text");
    if active.probe == Probe::Tcp {
        report
            .error(at, "a connection is all that `probe: tcp` wants, without TLS in any case")
            .hint("leave it out");
    } else if !targets.are_secure {
        report.error(at, "no target of this service has TLS").hint("leave it out");
    } else if active.port.is_none() {
        report
            .error(at, "the targets speak TLS at their own port")
            .hint("write the `port` of a place that is spoken to in clear text");
    }
}

fn check_http(http: &HttpProbe, at: &str, report: &mut Report) {
    let whole = |path: &str| path.parse::<PathAndQuery>().is_ok_and(|read| read.as_str() == path);
    let is_plain = http.path.bytes().all(|byte| byte.is_ascii_graphic());
    if !http.path.starts_with('/') || !is_plain || !whole(&http.path) {
        report
            .error(format!("{at}.path"), format!("`{}` is no path", http.path))
            .hint("write it as it is sent, such as `/healthz`");
    }
    if !yumen_http::is_token(http.method.as_bytes()) || http.method == "CONNECT" {
        report
            .error(format!("{at}.method"), format!("`{}` is no method", http.method))
            .hint("write `GET` or `HEAD`");
    }
    check_host(http.host.as_deref(), &format!("{at}.host"), report);
    if http.status.is_empty() {
        report.error(format!("{at}.status"), "no status is good").hint("write `[200-399]`");
    }
    for (index, text) in http.status.iter().enumerate() {
        if statuses(text).is_none() {
            report
                .error(format!("{at}.status[{index}]"), format!("`{text}` is no status"))
                .hint("write `200` or `200-399`");
        }
    }
    if http.body.is_some() && http.method == "HEAD" {
        report
            .error(format!("{at}.body"), "an answer to HEAD has no body")
            .hint("write `method: GET`, or leave `body` out");
    }
    if let Some(BodyMatch::Regex(text)) = &http.body
        && let Err(error) = Regex::new(text)
    {
        report
            .error(format!("{at}.body.regex"), format!("`{text}`: {error}"))
            .hint("write a regular expression, or use `contains`");
    }
}

fn check_grpc(grpc: &GrpcProbe, at: &str, report: &mut Report) {
    let GrpcProbe { service, authority } = grpc;
    if service.len() > SERVICE_MAX || service.chars().any(char::is_control) {
        report
            .error(
                format!("{at}.service"),
                format!("a name of at most {SERVICE_MAX} bytes, without control characters, is asked for"),
            )
            .hint("write its package and name, such as `shop.Cart`, or leave it out");
    }
    check_host(authority.as_deref(), &format!("{at}.authority"), report);
}

fn check_host(host: Option<&str>, at: &str, report: &mut Report) {
    let Some(host) = host else { return };
    if let Err(malformed) = Authority::read(host.as_bytes()) {
        report
            .error(at, format!("`{host}` is no host: {malformed}"))
            .hint("write a host name, with a port if need be");
    }
}

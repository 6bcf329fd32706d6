//! Checks what a listener says of HTTP/3.

use yumen_model::report::Report;
use yumen_model::{ClientCertificateMode, Http3, Listener, ListenerTls};

use crate::http2::{Room, check_room};

/// Names every setting that is out of its bounds, and what stands in the way of HTTP/3.
pub(crate) fn check(listener: &Listener, at: &str, report: &mut Report) {
    let Http3 { enabled, streams, window, connection_window, .. } = listener.http3;
    check_room(&Room { streams, window, connection_window }, at, report);
    if listener.http3.advertised_port == Some(0) {
        report
            .error(format!("{at}.advertised_port"), "clients cannot come to port 0")
            .hint("leave it out, or write the UDP port that clients see, such as 443");
    }
    if !enabled {
        return;
    }
    let at = format!("{at}.enabled");
    if !cfg!(feature = "http3") {
        report
            .error(at.as_str(), "this build has no HTTP/3")
            .hint("take it out, or run a build with the feature `http3`, which is on by default");
    }
    match &listener.tls {
        None => {
            report
                .error(at.as_str(), "HTTP/3 needs certificates, and this listener has none")
                .hint("add `tls` to the listener: there is no HTTP/3 in clear text");
        }
        Some(tls) if asks_clients(tls) => {
            report
                .error(at.as_str(), "HTTP/3 cannot ask clients for certificates")
                .hint("take it out, or `client_certificates`: use a listener of its own for them");
        }
        Some(_) => {}
    }
    if listener.proxy_protocol.is_some() {
        report
            .error(at, "HTTP/3 cannot be told of clients by the PROXY protocol")
            .hint("take one of the two out, or use two listeners with different addresses");
    }
}

/// Whether clients are asked for certificates, for any name.
fn asks_clients(tls: &ListenerTls) -> bool {
    let own = tls.client_certificates.iter();
    let hosts = tls.hosts.iter().filter_map(|host| host.client_certificates.as_ref());
    own.chain(hosts).any(|clients| clients.mode != ClientCertificateMode::Off)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of the problems of a listener that says this.
    fn check(text: &str, expect: &[&str]) {
        let listener = format!(r#"{{"name": "web", "address": ":443", {text}}}"#);
        let listener: Listener = serde_json::from_str(&listener).unwrap();
        let mut report = Report::default();
        super::check(&listener, "at", &mut report);
        let paths: Vec<&str> =
            report.problems().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, expect, "{text}");
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let tls = r#""tls": {"certificates": []}"#;
        let lacks: &[&str] = if cfg!(feature = "http3") { &[] } else { &["at.enabled"] };
        check(r#""http3": {}"#, &[]);
        check(&format!(r#"{tls}, "http3": {{"enabled": true}}"#), lacks);
        check(r#""http3": {"enabled": true}"#, &[lacks, &["at.enabled"]].concat());
        let asks = r#""client_certificates": {"mode": "optional", "ca": "x"}"#;
        for asks in [asks.to_owned(), format!(r#""hosts": [{{"names": ["a"], {asks}}}]"#)] {
            check(
                &format!(r#""tls": {{"certificates": [], {asks}}}, "http3": {{"enabled": true}}"#),
                &[lacks, &["at.enabled"]].concat(),
            );
        }
        check(r#""http3": {"streams": 0}"#, &["at.streams"]);
        check(r#""http3": {"window": "17MiB"}"#, &["at.window"]);
        check(r#""http3": {"connection_window": "63KiB"}"#, &["at.connection_window"]);
        check(r#""http3": {"advertised_port": 0}"#, &["at.advertised_port"]);
        check(
            &format!(r#"{tls}, "proxy_protocol": {{"from": []}}, "http3": {{"enabled": true}}"#),
            &[lacks, &["at.enabled"]].concat(),
        );
    }
}

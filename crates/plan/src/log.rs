//! Access logs: where those lines go that go to a server.

use std::collections::BTreeSet;

use yumen_model::report::Report;
use yumen_model::{AccessLog, HttpSink, LogSink, Model, OtlpSink};

use crate::server::{Collector, ServerPlan, Written};

/// Where a collector takes log records over HTTP, unless it is told otherwise.
const PATH: &str = "/v1/logs";

/// One access log.
#[derive(Debug, Clone)]
pub struct LogPlan {
    /// As it was written, and with what policies say is secret.
    pub log: AccessLog,
    /// The server that lines go to, if they go to one.
    pub server: Option<ServerPlan>,
}

/// Compiles all of them. What these names bring is secret too: policies say so.
pub(crate) fn compile(
    model: &Model,
    secrets: &BTreeSet<String>,
    report: &mut Report,
) -> Vec<LogPlan> {
    let mut plan = |(at, log): (String, &AccessLog)| {
        let server = match &log.to {
            LogSink::Http(sink) => http(sink, &format!("{at}.to.http"), report),
            LogSink::Otlp(sink) => otlp(sink, &format!("{at}.to.otlp"), report),
            LogSink::Stdout | LogSink::File(_) | LogSink::Syslog(_) | LogSink::Off => None,
        };
        let mut log = log.clone();
        log.redact.headers.extend(secrets.iter().cloned());
        log.redact.query.extend(secrets.iter().cloned());
        LogPlan { log, server }
    };
    model.access_log.iter().map(&mut plan).collect()
}

fn http(sink: &HttpSink, at: &str, report: &mut Report) -> Option<ServerPlan> {
    let HttpSink { url, headers, ca, .. } = sink;
    let ca = ca.as_ref();
    Written { at, url, headers, ca, example: "https://logs.example/ingest" }.compile(report)
}

fn otlp(sink: &OtlpSink, at: &str, report: &mut Report) -> Option<ServerPlan> {
    let OtlpSink { url, protocol, headers, ca, service_name, attributes, .. } = sink;
    let (protocol, ca, path) = (*protocol, ca.as_ref(), PATH);
    Collector { at, url, protocol, headers, ca, service_name, attributes, path }.compile(report)
}

#[cfg(test)]
mod tests {
    use yumen_model::OtlpProtocol;

    use super::*;

    fn compiled(sink: OtlpSink) -> (Vec<LogPlan>, Vec<String>) {
        let access_log = AccessLog { to: LogSink::Otlp(sink), ..AccessLog::default() }.into();
        let mut report = Report::default();
        let plans =
            compile(&Model { access_log, ..Model::default() }, &BTreeSet::new(), &mut report);
        (plans, report.problems().iter().map(|one| one.path.clone()).collect())
    }

    #[test]
    fn a_collector_has_a_path_of_its_own() {
        let url = |url: &str| OtlpSink { url: url.to_owned(), ..OtlpSink::default() };
        for (sink, expect) in [
            (url("http://127.0.0.1:4318"), "/v1/logs"),
            (url("http://127.0.0.1:4318/own"), "/own"),
            (OtlpSink { protocol: OtlpProtocol::Grpc, ..url("http://127.0.0.1:4317") }, "/"),
        ] {
            let (plans, told) = compiled(sink);
            assert_eq!(told, [""; 0]);
            assert_eq!(plans[0].server.as_ref().unwrap().url.path, expect);
        }
        let wrong = OtlpSink {
            protocol: OtlpProtocol::Grpc,
            service_name: String::new(),
            attributes: (0..65).map(|number| (number.to_string(), String::new())).collect(),
            ..url("http://127.0.0.1:4317/own")
        };
        let at = |key| format!("access_log.to.otlp.{key}");
        assert_eq!(compiled(wrong).1, [at("service_name"), at("attributes"), at("url")]);
    }
}

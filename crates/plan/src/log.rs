//! Access logs: where those lines go that go to a server.

use yumen_model::report::Report;
use yumen_model::{AccessLog, HttpSink, LogSink, Model};

use crate::server::{ServerPlan, Written};

/// One access log.
#[derive(Debug, Clone)]
pub struct LogPlan {
    /// As it was written.
    pub log: AccessLog,
    /// The server that lines go to, if they go to one.
    pub server: Option<ServerPlan>,
}

/// Compiles all of them.
pub(crate) fn compile(model: &Model, report: &mut Report) -> Vec<LogPlan> {
    let (log, at) = (&model.access_log, "access_log");
    let server = match &log.to {
        LogSink::Http(sink) => http(sink, &format!("{at}.to.http"), report),
        LogSink::Stdout | LogSink::File(_) | LogSink::Off => None,
    };
    vec![LogPlan { log: log.clone(), server }]
}

fn http(sink: &HttpSink, at: &str, report: &mut Report) -> Option<ServerPlan> {
    let HttpSink { url, headers, ca, .. } = sink;
    let ca = ca.as_ref();
    Written { at, url, headers, ca, example: "https://logs.example/ingest" }.compile(report)
}

//! The access logs of a plan as their writer wants them: with what takes lines to a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_model::{HttpSink, LogBatch, LogFormat, LogSink, OtlpProtocol, OtlpSink, Secret};
use yumen_observe::{Freight, Log};
use yumen_otlp::LOGS_CALL;
use yumen_plan::{LogPlan, Plan, ServerPlan};
use yumen_shipper::{Bounds, Manner, Settings, Shipper};

use crate::origin::origin;
use crate::shipment::Shipment;

/// Batches that wait or are under way. What they hold together is `queue_bytes`.
const LOADS_MAX: usize = 256;

/// The logs of this plan.
pub(crate) fn logs(plan: &Plan) -> Vec<Log> {
    plan.logs.iter().map(log).collect()
}

fn log(plan: &LogPlan) -> Log {
    let freight = match (&plan.log.to, &plan.server) {
        (LogSink::Http(sink), Some(server)) => Some(http(sink, &plan.log.format, server)),
        (LogSink::Otlp(sink), Some(server)) => Some(otlp(sink, server)),
        _ => None,
    };
    Log { config: plan.log.clone(), freight }
}

fn http(sink: &HttpSink, format: &LogFormat, server: &ServerPlan) -> Freight {
    let manner = Manner::Post(match format {
        LogFormat::Json => "application/x-ndjson",
        LogFormat::Combined | LogFormat::Template(_) => "text/plain; charset=utf-8",
    });
    let (name, server) = (server.url.target.to_string(), server.clone());
    let HttpSink { headers, gzip, batch, .. } = sink.clone();
    let path = server.url.path.clone();
    let way = Way { server, path, manner, headers, gzip, batch, rejected: |_| 0 };
    Freight { name, start: Arc::new(move || Shipper::start(way.settings())), origin: None }
}

fn otlp(sink: &OtlpSink, server: &ServerPlan) -> Freight {
    let (name, server) = (server.url.target.to_string(), server.clone());
    let (path, manner) = match sink.protocol {
        OtlpProtocol::Http => (server.url.path.clone(), Manner::Post("application/x-protobuf")),
        OtlpProtocol::Grpc => (LOGS_CALL.to_owned(), Manner::Call),
    };
    let origin = Some(origin(&sink.service_name, &sink.attributes));
    let OtlpSink { headers, gzip, batch, .. } = sink.clone();
    let rejected = yumen_otlp::rejected;
    let way = Way { server, path, manner, headers, gzip, batch, rejected };
    Freight { name, start: Arc::new(move || Shipper::start(way.settings())), origin }
}

/// How lines go to a server.
struct Way {
    server: ServerPlan,
    path: String,
    manner: Manner,
    headers: BTreeMap<String, Secret>,
    gzip: bool,
    batch: LogBatch,
    rejected: fn(&[u8]) -> u64,
}

impl Way {
    fn settings(&self) -> Settings {
        let bytes = usize::try_from(self.batch.queue_bytes.0).unwrap_or(usize::MAX);
        let shipment = Shipment {
            what: "lines of the access log",
            place: self.server.url.target.to_string(),
            thread: "log-shipper",
            server: &self.server,
            path: &self.path,
            manner: self.manner,
            headers: &self.headers,
            gzip: self.gzip,
            rejected: self.rejected,
            bounds: Bounds { loads: LOADS_MAX, bytes, ..Bounds::default() },
        };
        shipment.settings()
    }
}

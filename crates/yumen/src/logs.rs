//! The access logs of a plan as their writer wants them: with what takes lines to a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_model::{HttpSink, LogBatch, LogFormat, LogSink, OtlpProtocol, OtlpSink, Secret};
use yumen_observe::{Freight, Log};
use yumen_otlp::LOGS_CALL;
use yumen_plan::{LogPlan, Plan, ServerPlan};
use yumen_shipper::{Bounds, Manner, News, Settings, Shipper};

use crate::origin::origin;
use crate::say;

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
        let target = self.server.url.target.clone();
        let place = target.to_string();
        let headers = self.headers.iter();
        Settings {
            name: "log-shipper".to_owned(),
            courier: yumen_courier::Settings::new(target, self.server.client.clone()),
            path: self.path.clone(),
            manner: self.manner,
            fields: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.text().as_bytes().to_vec()))
                .collect(),
            gzip: self.gzip,
            rejected: self.rejected,
            bounds: Bounds {
                loads: LOADS_MAX,
                bytes: usize::try_from(self.batch.queue_bytes.0).unwrap_or(usize::MAX),
                ..Bounds::default()
            },
            tell: Box::new(move |news| tell(&place, news)),
        }
    }
}

fn tell(place: &str, news: News) {
    match news {
        News::Failing(why) => {
            say::say(format_args!("the access log does not reach {place}: {why}"));
        }
        News::Refused(why) => say::say(format_args!("{place} does not take the access log: {why}")),
        News::Well(_) => say::say(format_args!("the access log reaches {place} again")),
    }
}

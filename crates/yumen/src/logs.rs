//! The access logs of a plan as their writer wants them: with what takes lines to a server.

use std::sync::Arc;

use yumen_model::{HttpSink, LogFormat, LogSink};
use yumen_observe::{Freight, Log};
use yumen_plan::{LogPlan, Plan, ServerPlan};
use yumen_shipper::{Bounds, Manner, News, Settings, Shipper};

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
        _ => None,
    };
    Log { config: plan.log.clone(), freight }
}

fn http(sink: &HttpSink, format: &LogFormat, server: &ServerPlan) -> Freight {
    let manner = Manner::Post(match format {
        LogFormat::Json => "application/x-ndjson",
        LogFormat::Combined | LogFormat::Template(_) => "text/plain; charset=utf-8",
    });
    let (sink, server) = (sink.clone(), server.clone());
    Freight {
        name: server.url.target.to_string(),
        start: Arc::new(move || Shipper::start(settings(&sink, &server, manner))),
    }
}

fn settings(sink: &HttpSink, server: &ServerPlan, manner: Manner) -> Settings {
    let target = server.url.target.clone();
    let place = target.to_string();
    let headers = sink.headers.iter();
    Settings {
        name: "log-shipper".to_owned(),
        courier: yumen_courier::Settings::new(target, server.client.clone()),
        path: server.url.path.clone(),
        manner,
        fields: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.text().as_bytes().to_vec()))
            .collect(),
        gzip: sink.gzip,
        rejected: |_| 0,
        bounds: Bounds {
            loads: LOADS_MAX,
            bytes: usize::try_from(sink.batch.queue_bytes.0).unwrap_or(usize::MAX),
            ..Bounds::default()
        },
        tell: Box::new(move |news| tell(&place, news)),
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

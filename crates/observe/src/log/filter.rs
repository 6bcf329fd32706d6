//! Which exchanges are written to the access log: conditions, and a share of the rest.

use yumen_expr::{Condition, Facts, Problem, Schema, Type, Value};
use yumen_model::{AccessLog, report::Report};

use crate::record::Record;

/// Which exchanges are written.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    when: Option<Condition<Name>>,
    always: Option<Condition<Name>>,
    /// Of 2^32 exchanges; `None` if all are written.
    share: Option<u64>,
}

/// What conditions may ask for.
#[derive(Debug, Clone, Copy)]
enum Name {
    Attempts,
    ClientAddress,
    Duration,
    Failure,
    Listener,
    Policy,
    Protocol,
    Referer,
    RequestBytes,
    RequestHost,
    RequestMethod,
    RequestPath,
    RequestQuery,
    ResponseBytes,
    ResponseStatus,
    Route,
    Service,
    Source,
    Target,
    UpstreamDuration,
    UserAgent,
}

fn schema() -> Schema<Name> {
    [
        ("attempts", Type::Int, Name::Attempts),
        ("client.address", Type::Ip, Name::ClientAddress),
        ("duration", Type::Duration, Name::Duration),
        ("failure", Type::String, Name::Failure),
        ("listener", Type::String, Name::Listener),
        ("policy", Type::String, Name::Policy),
        ("request.bytes", Type::Int, Name::RequestBytes),
        ("request.host", Type::String, Name::RequestHost),
        ("request.method", Type::String, Name::RequestMethod),
        ("request.path", Type::String, Name::RequestPath),
        ("request.protocol", Type::String, Name::Protocol),
        ("request.query", Type::String, Name::RequestQuery),
        ("request.referer", Type::String, Name::Referer),
        ("request.user_agent", Type::String, Name::UserAgent),
        ("response.bytes", Type::Int, Name::ResponseBytes),
        ("response.source", Type::String, Name::Source),
        ("response.status", Type::Int, Name::ResponseStatus),
        ("route", Type::String, Name::Route),
        ("service", Type::String, Name::Service),
        ("target", Type::String, Name::Target),
        ("upstream_duration", Type::Duration, Name::UpstreamDuration),
    ]
    .into_iter()
    .fold(Schema::default(), |schema, (name, is, key)| schema.with(name, is, key))
}

/// Says what is wrong with the conditions of an access log.
pub fn check_access_log(config: &AccessLog, report: &mut Report) {
    if !(0.0..=1.0).contains(&config.sample) {
        report
            .error("access_log.sample", format!("{} is not between 0 and 1", config.sample))
            .hint("0.01 writes one of a hundred");
    }
    for (key, source) in [("when", &config.when), ("always", &config.always)] {
        let Err(problems) = compile(source.as_ref()) else { continue };
        for Problem { at, message, hint } in problems {
            let text = format!("byte {at} of the expression: {message}");
            let problem = report.error(format!("access_log.{key}"), text);
            if let Some(hint) = hint {
                problem.hint(hint);
            }
        }
    }
}

fn compile(source: Option<&String>) -> Result<Option<Condition<Name>>, Vec<Problem>> {
    source.map(|source| Condition::compile(source, &schema())).transpose()
}

impl Filter {
    /// Compiles what [`check_access_log`] has found nothing wrong with.
    pub(crate) fn new(config: &AccessLog) -> Result<Self, Vec<Problem>> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 2^32 is between 0 and 2^32"
        )]
        let share = (config.sample.clamp(0.0, 1.0) * f64::from(u32::MAX)).ceil() as u64;
        Ok(Self {
            when: compile(config.when.as_ref())?,
            always: compile(config.always.as_ref())?,
            share: (config.sample < 1.0).then_some(share),
        })
    }

    /// Whether this exchange is written. A condition that asks for what is not there, such as the time
    /// that no service took, does not hold.
    pub(crate) fn takes(&self, record: &Record<'_>) -> bool {
        let holds = |condition: &Condition<Name>| condition.holds(record).unwrap_or(false);
        if !self.when.as_ref().is_none_or(holds) {
            return false;
        }
        let Some(share) = self.share else { return true };
        self.always.as_ref().is_some_and(holds) || place(record.request_id) < share
    }
}

/// Where an exchange stands among 2^32, by its id: the same everywhere.
fn place(id: &[u8]) -> u64 {
    // FNV-1a; an id is random, and this only spreads what is.
    let hash = id
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.into()
}

/// A text; empty where there is none, so that `route != "health"` holds for what found no route.
fn text(text: &[u8]) -> Option<Value<'_>> {
    Some(Value::from(text))
}

fn number(number: u64) -> Value<'static> {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

impl Facts<Name> for Record<'_> {
    fn value(&self, name: Name) -> Option<Value<'_>> {
        match name {
            Name::Attempts => Some(number(self.attempts.count().into())),
            Name::ClientAddress => Some(self.client.ip().into()),
            Name::Duration => Some(self.times.total.into()),
            Name::Failure => text(self.failure.unwrap_or_default().as_bytes()),
            Name::Listener => text(self.listener.as_bytes()),
            Name::Policy => text(self.decider.map_or("", |decider| decider.kind).as_bytes()),
            Name::Protocol => text(self.protocol.as_bytes()),
            Name::Referer => text(self.referer.unwrap_or_default()),
            Name::RequestBytes => Some(number(self.received.whole())),
            Name::RequestHost => text(self.host),
            Name::RequestMethod => text(self.method),
            Name::RequestPath => text(self.path),
            Name::RequestQuery => text(self.query.unwrap_or_default()),
            Name::ResponseBytes => Some(number(self.sent.whole())),
            Name::ResponseStatus => Some(number(self.status.into())),
            Name::Route => text(self.route.as_bytes()),
            Name::Service => text(self.service.as_bytes()),
            Name::Source => Some(self.source.name().into()),
            Name::Target => text(self.target.as_bytes()),
            Name::UpstreamDuration => self.times.upstream.map(Value::from),
            Name::UserAgent => text(self.user_agent.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::full;

    fn config(when: &str, sample: f64, always: &str) -> AccessLog {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        AccessLog { when: some(when), sample, always: some(always), ..AccessLog::default() }
    }

    #[test]
    fn conditions_decide_what_is_written() {
        let full = full();
        let bare = Record::default();
        for (when, takes_full, takes_bare) in [
            ("", true, true),
            ("response.status == 201", true, false),
            ("response.status == 201 && route == 'orders' && listener == 'web'", true, false),
            ("request.method == 'POST' && request.path.startsWith('/orders/')", true, false),
            ("duration > duration('12ms') && upstream_duration < duration('12ms')", true, false),
            ("cidr('192.0.2.0/24').containsIP(client.address)", true, false),
            ("policy == 'ip-restriction' && attempts == 2", true, false),
            ("failure == ''", true, true),
            ("failure != ''", false, false),
            ("route != 'health'", true, true),
            ("request.user_agent.contains('curl') && response.source == 'upstream'", true, false),
            ("request.bytes == 1335 && response.bytes == 222", true, false),
            ("target == '10.0.0.5:8080' && request.protocol == 'HTTP/1.1'", true, false),
            // What is not there makes a condition that does not hold.
            ("upstream_duration < duration('1h')", true, false),
        ] {
            let config = config(when, 1.0, "");
            let mut report = Report::default();
            check_access_log(&config, &mut report);
            assert!(report.problems().is_empty(), "{when}: {report:?}");
            let filter = Filter::new(&config).unwrap();
            assert_eq!(
                (filter.takes(&full), filter.takes(&bare)),
                (takes_full, takes_bare),
                "{when}"
            );
        }
    }

    #[test]
    fn a_share_is_written_and_what_matters_always() {
        let ids: Vec<String> = (0..20_000_u32).map(|n| format!("{n:032x}")).collect();
        let written = |config: &AccessLog, status: u16| {
            let filter = Filter::new(config).unwrap();
            let takes = |id: &&String| {
                filter.takes(&Record { request_id: id.as_bytes(), status, ..Record::default() })
            };
            ids.iter().filter(takes).count()
        };
        let always = "response.status >= 500";
        assert_eq!(written(&config("", 1.0, ""), 200), 20_000);
        assert_eq!(written(&config("", 0.0, ""), 200), 0);
        let tenth = written(&config("", 0.1, always), 200);
        assert!((1_800..2_200).contains(&tenth), "{tenth}");
        assert_eq!(written(&config("", 0.1, always), 503), 20_000);
        assert_eq!(written(&config("response.status < 500", 0.1, always), 503), 0);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let mut report = Report::default();
        check_access_log(&config("respons.status > 1", 1.5, "duration > 5"), &mut report);
        let told: Vec<String> =
            report.problems().iter().map(|one| format!("{}: {}", one.path, one.message)).collect();
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[0].starts_with("access_log.sample: 1.5 is not between"), "{told:#?}");
        assert!(told[1].starts_with("access_log.when: byte 0 of the expression: there is no name"));
        assert!(told[2].starts_with("access_log.always: byte "), "{told:#?}");
    }
}

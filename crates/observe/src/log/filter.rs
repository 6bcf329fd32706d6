//! Which exchanges are written to the access log: conditions, and a share of the rest.

use yumen_expr::{Condition, Problem};
use yumen_model::{AccessLog, report::Report};

use super::{
    names::{self, Asked, Name},
    redact::Secrets,
};
use crate::record::Record;

/// Which exchanges are written.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    when: Option<Condition<Name>>,
    always: Option<Condition<Name>>,
    /// Of 2^32 exchanges; `None` if all are written.
    share: Option<u64>,
}

/// Says what is wrong with the conditions of an access log.
pub(super) fn check(config: &AccessLog, at: &str, report: &mut Report) {
    if !(0.0..=1.0).contains(&config.sample) {
        report
            .error(format!("{at}.sample"), format!("{} is not between 0 and 1", config.sample))
            .hint("0.01 writes one of a hundred");
    }
    for (key, source) in [("when", &config.when), ("always", &config.always)] {
        if let Err(problems) = compile(source.as_ref()) {
            names::complain(&format!("{at}.{key}"), problems, report);
        }
    }
}

fn compile(source: Option<&String>) -> Result<Option<Condition<Name>>, Vec<Problem>> {
    source.map(|source| Condition::compile(source, &names::schema())).transpose()
}

impl Filter {
    /// Compiles what [`check`] has found nothing wrong with.
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

    /// Whether a condition asks for fields of the answer.
    pub(super) fn wants_answers(&self) -> bool {
        let asks = |condition: &Option<Condition<Name>>| {
            condition.as_ref().is_some_and(|one| one.keys().contains(&Name::ResponseHeaders))
        };
        asks(&self.when) || asks(&self.always)
    }

    /// Whether this exchange is written. A condition that asks for what is not there, such as the time
    /// that no service took, does not hold.
    pub(crate) fn takes(&self, record: &Record<'_>) -> bool {
        self.takes_all() || self.takes_asked(&Asked::all(record), record)
    }

    /// The same for somebody who is to learn nothing of what is not shown.
    pub(crate) fn takes_shown(&self, record: &Record<'_>, secrets: &Secrets) -> bool {
        self.takes_asked(&Asked::shown(record, secrets), record)
    }

    /// Whether there is nothing to be asked, as in most logs.
    fn takes_all(&self) -> bool {
        self.when.is_none() && self.share.is_none()
    }

    // Apart from logs that ask for nothing, which would work out beforehand what only this needs.
    #[inline(never)]
    fn takes_asked(&self, asked: &Asked<'_>, record: &Record<'_>) -> bool {
        let holds = |condition: &Condition<Name>| condition.holds(asked).unwrap_or(false);
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
            check(&config, "access_log", &mut report);
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
        check(&config("respons.status > 1", 1.5, "duration > 5"), "access_log", &mut report);
        let told: Vec<String> =
            report.problems().iter().map(|one| format!("{}: {}", one.path, one.message)).collect();
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[0].starts_with("access_log.sample: 1.5 is not between"), "{told:#?}");
        assert!(told[1].starts_with("access_log.when: byte 0 of the expression: there is no name"));
        assert!(told[2].starts_with("access_log.always: byte "), "{told:#?}");
    }
}

//! Certificates that are not good, or not for long: told when a configuration is read, and every
//! day from then on.

use std::time::{Duration, Instant, SystemTime};

use yumen_model::Model;
use yumen_model::report::Report;
use yumen_observe::Expiring;
use yumen_plan::Plan;
use yumen_tls::Dates;

/// How long before its end a certificate is warned about, in seconds: 30 days.
const SOON: u64 = 30 * DAY;
const DAY: u64 = 24 * 3600;
/// How often it is.
const AGAIN: Duration = Duration::from_secs(DAY);

/// What ends some time, and whose it is.
struct Dated {
    dates: Dates,
    /// Where it is written.
    path: String,
    expiring: Expiring,
}

/// Of a plan; a service's place in the configuration is told by its name.
fn all(plan: &Plan, service_at: impl Fn(&str) -> String) -> Vec<Dated> {
    let listeners = plan.listeners.iter().enumerate().flat_map(|(index, one)| {
        let tls = one.tls.iter().flat_map(yumen_tls::Server::dates);
        tls.map(move |dates| {
            (dates, format!("listeners[{index}]"), &*one.listener.name, "listener")
        })
    });
    let services = plan.destinations.values().filter_map(|destination| {
        let dates = destination.dates()?.clone();
        Some((dates, service_at(&destination.name), &*destination.name, "service"))
    });
    let dated = |(dates, at, name, place): (Dates, String, &str, &'static str)| Dated {
        path: format!("{at}.tls.{}", dates.at),
        expiring: Expiring { place, name: name.to_owned(), what: dates.at.clone(), at: dates.ends },
        dates,
    };
    let mut all: Vec<Dated> = listeners.chain(services).map(dated).collect();
    all.sort_by(|one, other| one.expiring.cmp(&other.expiring));
    all
}

/// What is wrong with it now, and what would be right.
fn fault(dates: &Dates, now: u64) -> Option<(String, &'static str)> {
    let what = &dates.what;
    if now >= dates.ends {
        let hint = "put a new one in its place; the file is watched";
        return Some((format!("{what} has ended {}", long(now - dates.ends, "ago")), hint));
    }
    if now < dates.begins {
        let hint = "is the clock of this machine right?";
        return Some((
            format!("{what} is good only {}", long(dates.begins - now, "from now")),
            hint,
        ));
    }
    let left = dates.ends - now;
    (left < SOON).then(|| (format!("{what} ends {}", long(left, "from now")), "renew it"))
}

pub(crate) fn long(seconds: u64, when: &str) -> String {
    match (seconds / DAY, seconds / 3600) {
        (0, 0..=1) => format!("less than 2 hours {when}"),
        (0..=1, hours) => format!("{hours} hours {when}"),
        (days, _) => format!("{days} days {when}"),
    }
}

pub(crate) fn seconds(clock: SystemTime) -> u64 {
    clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Warns of what is not good, or not for long.
pub(crate) fn warn(model: &Model, plan: &Plan, clock: SystemTime, report: &mut Report) {
    let service_at = |name: &str| {
        let place = model.services.iter().position(|service| service.name == name);
        place.map_or(String::new(), |index| format!("services[{index}]"))
    };
    for Dated { dates, path, .. } in all(plan, service_at) {
        if let Some((message, hint)) = fault(&dates, seconds(clock)) {
            report.warning(path, message).hint(hint);
        }
    }
}

/// What ends some time of the configuration that is live.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    known: Vec<(String, Dates)>,
    expiring: Vec<Expiring>,
    told: Option<Instant>,
}

impl Expiry {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (known, expiring) = all(plan, |_| String::new())
            .into_iter()
            .map(|one| {
                ((format!("{} {}", one.expiring.place, one.expiring.name), one.dates), one.expiring)
            })
            .unzip();
        Self { known, expiring, told: None }
    }

    /// For the metrics.
    pub(crate) fn expiring(&self) -> Vec<Expiring> {
        self.expiring.clone()
    }

    /// What is not good now, or not for long: what it is, and a sentence.
    pub(crate) fn faults(&self, clock: SystemTime) -> Vec<(String, String)> {
        let faults = self.known.iter().filter_map(|(whose, dates)| {
            let (message, _) = fault(dates, seconds(clock))?;
            Some((format!("{whose}: {}", dates.at), format!("{whose}: {message}")))
        });
        faults.collect()
    }

    /// What is to be told now: nothing, but once a day, beginning a day after it was told with the
    /// configuration.
    pub(crate) fn news(&mut self, now: Instant, clock: SystemTime) -> Vec<String> {
        let told = *self.told.get_or_insert(now);
        if now.saturating_duration_since(told) < AGAIN {
            return Vec::new();
        }
        self.told = Some(now);
        let news = self.known.iter().filter_map(|(whose, dates)| {
            fault(dates, seconds(clock)).map(|(message, _)| format!("{whose}: {message}"))
        });
        news.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_soon_is_told_in_time() {
        let dates = |begins: u64, ends: u64| Dates {
            what: "it".to_owned(),
            begins,
            ends,
            ..Dates::default()
        };
        for (begins, ends, now, expect) in [
            (0, 100 * DAY, 50 * DAY, ""),
            (0, 100 * DAY, 70 * DAY, ""),
            (0, 100 * DAY, 70 * DAY + 1, "it ends 29 days from now"),
            (0, 100 * DAY, 100 * DAY - 3 * 3600, "it ends 3 hours from now"),
            (0, 100 * DAY, 100 * DAY - 1, "it ends less than 2 hours from now"),
            (0, 100 * DAY, 100 * DAY, "it has ended less than 2 hours ago"),
            (0, 100 * DAY, 103 * DAY, "it has ended 3 days ago"),
            (10 * DAY, 100 * DAY, 0, "it is good only 10 days from now"),
        ] {
            let told = fault(&dates(begins, ends), now).map(|(message, _)| message);
            assert_eq!(told.unwrap_or_default(), expect, "{now}");
        }
    }

    #[test]
    fn it_is_told_again_every_day() {
        let dates = Dates { what: "it".to_owned(), ends: 5 * DAY, ..Dates::default() };
        let mut expiry =
            Expiry { known: vec![("listener web".to_owned(), dates)], ..Expiry::default() };
        let (start, clock) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let mut told = Vec::new();
        for hour in 0..=49_u64 {
            let passed = Duration::from_secs(hour * 3600);
            told.extend(expiry.news(start + passed, clock + passed));
        }
        let expect =
            ["4 days", "3 days"].map(|left| format!("listener web: it ends {left} from now"));
        assert_eq!(told, expect);
    }
}

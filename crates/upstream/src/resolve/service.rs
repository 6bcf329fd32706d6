//! Services of the DNS (SRV records, RFC 2782): what a lookup found, and what is known after it. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Records kept of one service; of more, the first ones by priority and name.
pub const RECORDS_MAX: usize = 64;

/// One place where a service is, with the addresses of its host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Those of a lower number come first.
    pub priority: u16,
    /// Its host, without a final dot.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// Its part of the requests relative to others of its priority.
    pub weight: u16,
    /// The addresses of its host, sorted.
    pub addresses: Vec<IpAddr>,
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) records: Vec<Record>,
    /// How long all of it is good.
    pub(super) ttl: Duration,
    /// What went wrong with the addresses of a host.
    pub(super) error: Option<String>,
}

impl Records {
    /// Takes over what was known of hosts that could not be looked up, and brings the rest in order.
    ///
    /// # Errors
    /// There is no place with an address among them; says why. What was known stays.
    pub(super) fn merge(mut self, known: &[Record]) -> Result<Self, String> {
        for record in &mut self.records {
            if record.addresses.is_empty() {
                let before = known.iter().find(|one| one.host == record.host);
                record.addresses = before.map(|one| one.addresses.clone()).unwrap_or_default();
            }
        }
        self.records.retain(|record| !record.addresses.is_empty());
        self.records.sort_unstable();
        let mut seen = BTreeSet::new();
        self.records.retain(|record| seen.insert((Arc::clone(&record.host), record.port)));
        self.records.truncate(RECORDS_MAX);
        if self.records.is_empty() {
            return Err(self.error.unwrap_or_else(|| "no record has an address".to_owned()));
        }
        Ok(self)
    }
}

/// The priorities of these records as steps without gaps.
pub(crate) fn steps(records: &[Record]) -> Vec<u8> {
    let mut priorities: Vec<u16> = records.iter().map(|record| record.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let step = |record: &Record| priorities.partition_point(|other| *other < record.priority);
    records.iter().map(|record| u8::try_from(step(record)).unwrap_or(u8::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, host: &str, addresses: &[&str]) -> Record {
        let addresses = addresses.iter().map(|one| one.parse().unwrap()).collect();
        Record { priority, host: host.into(), port: 80, weight: 1, addresses }
    }

    fn found(records: Vec<Record>) -> Records {
        Records { records, ttl: Duration::from_secs(9), error: Some("lost".to_owned()) }
    }

    #[test]
    fn what_is_known_of_a_host_outlives_a_failed_lookup() {
        let known = [record(0, "a", &["10.0.0.1"]), record(0, "b", &["10.0.0.2"])];
        let fresh = vec![record(1, "b", &[]), record(0, "c", &["10.0.0.3"]), record(0, "d", &[])];
        let merged = found(fresh).merge(&known).unwrap();
        let expect = [record(0, "c", &["10.0.0.3"]), record(1, "b", &["10.0.0.2"])];
        assert_eq!(merged.records, expect);
        assert_eq!(found(vec![record(0, "d", &[])]).merge(&known), Err("lost".to_owned()));
        let many = (0..100).map(|one| record(one, &format!("h{one}"), &["10.0.0.1"])).collect();
        assert_eq!(found(many).merge(&known).unwrap().records.len(), RECORDS_MAX);
    }

    #[test]
    fn priorities_become_steps() {
        let records = [record(10, "a", &[]), record(50, "b", &[]), record(10, "c", &[])];
        assert_eq!(steps(&records), [0, 1, 0]);
    }
}

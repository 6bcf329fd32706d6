//! What a lookup found out, and which addresses a name has after it. Pure.

use std::net::IpAddr;
use std::time::Duration;

use super::watched::ADDRESSES_MAX;

/// What is known of a name's addresses of one family (IPv4 or IPv6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// These, for so long.
    Addresses(Vec<IpAddr>, Duration),
    /// The server knows that there are none; the text says how it put it.
    Nothing(&'static str),
    /// It could not be found out, and why.
    Failed(String),
}

/// The answers for both families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) v4: Found,
    pub(super) v6: Found,
}

/// The addresses of a name after a lookup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Sorted, each once, at most [`ADDRESSES_MAX`].
    pub(super) addresses: Vec<IpAddr>,
    /// How long they are good.
    pub(super) ttl: Duration,
    /// What went wrong with one of the families.
    pub(super) error: Option<String>,
}

impl Answer {
    /// The same failure for both families.
    pub(super) fn failed(error: String) -> Self {
        Self { v4: Found::Failed(error.clone()), v6: Found::Failed(error) }
    }

    pub(super) fn has_addresses(&self) -> bool {
        [&self.v4, &self.v6].iter().any(|found| matches!(found, Found::Addresses(..)))
    }

    fn has_failed(&self) -> bool {
        [&self.v4, &self.v6].iter().any(|found| matches!(found, Found::Failed(_)))
    }

    /// The one of two answers without addresses that says more: a failure may hide addresses, so
    /// it outweighs knowing that there are none; else the later one.
    pub(super) fn then(self, later: Self) -> Self {
        if self.has_failed() && !later.has_failed() { self } else { later }
    }

    /// The addresses after this answer, if the name had `previous` before it.
    ///
    /// # Errors
    /// There is no address in the answer; says why. What was known stays.
    pub(super) fn merge(self, previous: &[IpAddr]) -> Result<Outcome, String> {
        let has_addresses = self.has_addresses();
        let mut outcome = Outcome { addresses: Vec::new(), ttl: Duration::MAX, error: None };
        let mut nothing = "";
        for (found, is_v4) in [(self.v6, false), (self.v4, true)] {
            match found {
                Found::Addresses(addresses, ttl) => {
                    outcome.addresses.extend(addresses);
                    outcome.ttl = outcome.ttl.min(ttl);
                }
                Found::Nothing(reason) => nothing = reason,
                // One family failing must not take its good addresses away.
                Found::Failed(error) => {
                    outcome
                        .addresses
                        .extend(previous.iter().filter(|known| known.is_ipv4() == is_v4));
                    outcome.error = Some(error);
                }
            }
        }
        if !has_addresses {
            return Err(outcome.error.unwrap_or_else(|| nothing.to_owned()));
        }
        outcome.addresses.sort_unstable();
        outcome.addresses.dedup();
        outcome.addresses.truncate(ADDRESSES_MAX);
        Ok(outcome)
    }
}

impl Found {
    /// Addresses that a connection can be made to, if there are any among `addresses`. Names are
    /// blocked by answering with addresses such as `0.0.0.0`, which would lead to this machine.
    pub(super) fn usable(addresses: impl Iterator<Item = IpAddr>, ttl: Duration) -> Self {
        let is_usable = |address: &IpAddr| {
            let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
            !(address.is_unspecified() || address.is_multicast() || is_broadcast)
        };
        let usable: Vec<IpAddr> = addresses.filter(is_usable).collect();
        if usable.is_empty() {
            Self::Nothing("no usable addresses")
        } else {
            Self::Addresses(usable, ttl)
        }
    }
}

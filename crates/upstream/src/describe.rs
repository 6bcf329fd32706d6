//! What a service's settings are in words, for whoever asks why an exchange went where it went.

use std::time::Duration;

use yumen_model::{Balance, ServiceTimeouts};

use crate::destination::{Destination, Timeouts};

impl Destination {
    /// How one of its targets is chosen.
    #[must_use]
    pub fn choice(&self) -> String {
        let how = match &self.balance {
            Balance::RoundRobin => "one after the other by weight",
            Balance::RandomOfTwo => "the less busy one of two at random",
            Balance::LeastRequests => "the one with the fewest requests for its weight",
            Balance::Hash { .. } => "by a key of the request",
        };
        match self.targets.as_slice() {
            [only] => format!("the only target, {}", only.authority),
            targets => format!("{how}, of {} targets", targets.len()),
        }
    }
}

impl Timeouts {
    /// All of them by name; `None` is off. The last part says whether it is the default.
    #[must_use]
    pub fn listed(&self) -> [(&'static str, Option<Duration>, bool); 5] {
        let usual = Self::from(&ServiceTimeouts::default());
        [
            ("connect", self.connect, self.connect == usual.connect),
            ("first_byte", self.first_byte, self.first_byte == usual.first_byte),
            ("per_try", self.per_try, self.per_try == usual.per_try),
            ("idle", self.idle, self.idle == usual.idle),
            ("total", self.total, self.total == usual.total),
        ]
    }
}

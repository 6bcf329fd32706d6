//! `ip-restriction`: lets clients in, or keeps them out, by their address.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use yumen_model::report::Report;
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

/// Which addresses may ask.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Networks that may ask; if it is not empty, nobody else may.
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<IpNet>,
    /// Networks that may not ask, even if they are in `allow`.
    #[schemars(with = "Vec<String>")]
    pub deny: Vec<IpNet>,
    /// As `allow`, a text with a network or an address in each line, usually `${file:PATH}`. What stands
    /// behind a `#` is a comment.
    pub allow_list: Option<String>,
    /// As `deny`, a text with a network or an address in each line.
    pub deny_list: Option<String>,
}

/// Networks that one list may have.
const NETWORKS_MAX: usize = 1_000_000;

impl Settings for Config {
    const NAME: &'static str = "ip-restriction";
    const PHASE: Phase = Phase::Guard;

    fn compile(mut self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        let restricts = self.allow_list.is_some() || !self.allow.is_empty();
        for (key, text, into) in [
            ("allow_list", self.allow_list.take(), &mut self.allow),
            ("deny_list", self.deny_list.take(), &mut self.deny),
        ] {
            read(&text.unwrap_or_default(), into, &format!("{at}.{key}"), report);
        }
        if report.problems().len() > before {
            return None;
        }
        // A list that has become empty lets in nobody: it must not let in everybody.
        if restricts && self.allow.is_empty() {
            report
                .error(format!("{at}.allow_list"), "it has no network, so nobody would be let in")
                .hint("put one in, such as `10.0.0.0/8`");
            return None;
        }
        if self.allow.is_empty() && self.deny.is_empty() {
            report
                .error(at, "neither `allow` nor `deny` has a network, so nobody is restricted")
                .hint("such as `allow: [10.0.0.0/8]`");
            return None;
        }
        Some(Arc::new(IpRestriction {
            allow: Networks::new(&self.allow),
            deny: Networks::new(&self.deny),
        }))
    }
}

/// Reads a network or an address in each line. What is none goes to the report.
fn read(text: &str, into: &mut Vec<IpNet>, at: &str, report: &mut Report) {
    for (number, line) in text.lines().enumerate() {
        let written = line.split('#').next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let network = written.parse::<IpNet>().ok();
        match network.or_else(|| written.parse::<IpAddr>().map(IpNet::from).ok()) {
            Some(network) => into.push(network),
            None => {
                let shown: String = written.chars().take(60).collect();
                let message = format!("line {}: `{shown}` is no network", number + 1);
                report.error(at, message).hint("such as `10.0.0.0/8` or `2001:db8::1`");
            }
        }
    }
    if into.len() > NETWORKS_MAX {
        report
            .error(at, format!("there are more than {NETWORKS_MAX} networks"))
            .hint("leave some out");
    }
}

#[derive(Debug)]
struct IpRestriction {
    allow: Networks,
    deny: Networks,
}

impl Policy for IpRestriction {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let address = exchange.client.address;
        let welcome =
            (self.allow.is_empty() || self.allow.contains(address)) && !self.deny.contains(address);
        if welcome {
            return Verdict::Next.into();
        }
        let failure = Failure::new(FailureKind::Forbidden)
            .saying("Your address is not allowed here.")
            .because(format!("{address} is not let in by ip-restriction"));
        Verdict::Fail(failure).into()
    }
}

/// Networks as disjoint ranges of addresses in ascending order: looking one up costs the same for
/// ten of them and for a hundred thousand, nearly. Those of IPv4 are apart: they are a quarter as large.
#[derive(Debug)]
struct Networks {
    four: Vec<(u32, u32)>,
    six: Vec<(u128, u128)>,
}

/// The first and the last address of IPv6 that stand for one of IPv4 (RFC 4291 section 2.5.5.2).
const MAPPED: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);

impl Networks {
    fn new(networks: &[IpNet]) -> Self {
        let ranges = networks.iter();
        let ranges = ranges.map(|network| (number(network.network()), number(network.broadcast())));
        let mut ranges: Vec<(u128, u128)> = ranges.collect();
        ranges.sort_unstable();
        let mut six: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match six.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => six.push((first, last)),
            }
        }
        let low = |address: u128| u32::try_from(address - MAPPED.0).unwrap_or(u32::MAX);
        let mapped = six.iter().filter(|(first, last)| *first <= MAPPED.1 && *last >= MAPPED.0);
        let four =
            mapped.map(|(first, last)| (low(*first.max(&MAPPED.0)), low(*last.min(&MAPPED.1))));
        let four: Vec<(u32, u32)> = four.collect();
        six.retain(|(first, last)| *first < MAPPED.0 || *last > MAPPED.1);
        six.shrink_to_fit();
        Self { four, six }
    }

    fn is_empty(&self) -> bool {
        self.four.is_empty() && self.six.is_empty()
    }

    fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => is_in(&self.four, u32::from(address)),
            IpAddr::V6(address) => is_in(&self.six, u128::from(address)),
        }
    }
}

fn is_in<N: PartialOrd + Copy>(ranges: &[(N, N)], address: N) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
}

/// An address as a number; IPv4 where IPv6 maps it.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

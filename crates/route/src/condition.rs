//! What a rule wants beside host, path and method: header fields, query parameters, networks.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use regex_automata::meta::Regex;
use yumen_http::query;

use crate::{
    expression::Expression,
    method::is_token,
    question::Question,
    rule::{Condition, Fault},
};

/// The conditions of one rule; all must hold.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) headers: Vec<Named>,
    pub(crate) query: Vec<Named>,
    pub(crate) source: Networks,
}

/// A condition for the values that have a name.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: Box<str>,
    pub(crate) value: Value,
}

/// What values must be like.
#[derive(Debug)]
pub(crate) enum Value {
    Exact(Box<str>),
    Regex(Box<str>, Box<Regex>),
    Present(bool),
}

/// Networks without overlap, in order; none stands for all.
#[derive(Debug, Default)]
pub(crate) struct Networks(Vec<IpNet>);

/// The first condition that does not hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Missed<'a> {
    Header(&'a Named),
    Query(&'a Named),
    Source(&'a Networks),
}

impl Conditions {
    pub(crate) fn missed<Q: Question>(&self, question: &Q) -> Option<Missed<'_>> {
        if !self.source.hold(question.client()) {
            return Some(Missed::Source(&self.source));
        }
        let fits = |one: &&Named| one.value.fits(question.header(&one.name));
        if let Some(header) = self.headers.iter().find(|one| !fits(one)) {
            return Some(Missed::Header(header));
        }
        let query = question.query().unwrap_or_default();
        let fits = |one: &&Named| one.value.fits(query::values(query, &one.name));
        self.query.iter().find(|one| !fits(one)).map(Missed::Query)
    }

    pub(crate) fn count(&self) -> usize {
        self.headers.len() + self.query.len() + usize::from(!self.source.0.is_empty())
    }
}

impl Value {
    pub(crate) fn parse(condition: &Condition) -> Result<(Self, usize), Vec<Fault>> {
        Ok(match condition {
            Condition::Exact(text) => (Self::Exact(text.as_str().into()), 0),
            Condition::Present(wanted) => (Self::Present(*wanted), 0),
            Condition::Regex(text) => {
                let expression = Expression::parse(text)?;
                let program_bytes = expression.program_bytes;
                let regex = expression.compile().map_err(|fault| vec![fault])?;
                (Self::Regex(text.as_str().into(), Box::new(regex)), program_bytes)
            }
        })
    }

    fn fits<T: AsRef<[u8]>>(&self, mut values: impl Iterator<Item = T>) -> bool {
        match self {
            Self::Exact(wanted) => values.any(|value| value.as_ref() == wanted.as_bytes()),
            Self::Regex(_, regex) => values.any(|value| regex.is_match(value.as_ref())),
            Self::Present(wanted) => values.next().is_some() == *wanted,
        }
    }
}

impl Networks {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(IpNet::aggregate(&networks.iter().map(unmapped).collect()))
    }

    fn hold(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let after = self.0.partition_point(|network| network.network() <= client);
        let nearest = after.checked_sub(1).and_then(|place| self.0.get(place));
        self.0.is_empty() || nearest.is_some_and(|network| network.contains(&client))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &IpNet> {
        self.0.iter()
    }
}

/// A network of IPv4 addresses that are written as IPv6 addresses, as one of IPv4 addresses: that
/// is how such clients are asked about.
fn unmapped(network: &IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(mapped) = network else { return *network };
    let inner = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(MAPPED_BITS));
    match inner.map(|(address, length)| Ipv4Net::new(address, length)) {
        Some(Ok(inner)) => IpNet::V4(inner),
        _ => *network,
    }
}

/// Why a header field of that name does not exist.
pub(crate) fn header_name_fault(name: &str) -> Option<Fault> {
    let valid = !name.is_empty() && name.bytes().all(is_token);
    let hint = "use letters, digits and `-`, such as `x-version`";
    (!valid).then(|| Fault::new(format!("`{name}` is not the name of a header field"), hint))
}

/// Why no line of a header field could ever have that value.
pub(crate) fn header_value_fault(condition: &Condition) -> Option<Fault> {
    let Condition::Exact(text) = condition else { return None };
    let never = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    if text.bytes().any(never) {
        let message = "a header field never has such a control character";
        return Some(Fault::new(message, "leave it out"));
    }
    let trimmed = text.trim_matches([' ', '\t']);
    let message = "the value of a header field has no white space around it";
    (trimmed != text).then(|| Fault::new(message, format!("write `{trimmed}`")))
}

/// Why a network is ambiguous.
pub(crate) fn network_fault(network: &IpNet) -> Option<Fault> {
    let (whole, host) = (network.trunc(), network.addr());
    let message = format!("`{network}` names an address inside a network");
    let hint = format!("write `{whole}` for the network or `{host}` for the one address");
    (whole != *network).then(|| Fault::new(message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_as_written() {
        let check = |condition: Condition, values: &[&str], expect: bool| {
            let (value, _) = Value::parse(&condition).unwrap();
            assert_eq!(value.fits(values.iter()), expect, "{condition:?} {values:?}");
        };
        let exact = |text: &str| Condition::Exact(text.into());
        let regex = |text: &str| Condition::Regex(text.into());
        check(exact("a"), &["a"], true);
        check(exact("a"), &["b", "a"], true);
        check(exact("a"), &["A"], false);
        check(exact("a"), &["a, b"], false);
        check(exact("a"), &[], false);
        check(exact(""), &[""], true);
        check(exact(""), &[], false);
        check(regex("a|b"), &["b"], true);
        check(regex("a|b"), &["ab"], false);
        check(regex(".*"), &[], false);
        check(Condition::Present(true), &[""], true);
        check(Condition::Present(true), &[], false);
        check(Condition::Present(false), &[""], false);
        check(Condition::Present(false), &[], true);
    }

    #[test]
    fn networks_hold_their_addresses() {
        let check = |networks: &[&str], client: &str, expect: bool| {
            let list: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
            let held = Networks::new(&list).hold(client.parse().unwrap());
            assert_eq!(held, expect, "{networks:?} {client}");
        };
        check(&[], "1.2.3.4", true);
        check(&["10.0.0.0/8"], "10.255.0.1", true);
        check(&["10.0.0.0/8"], "11.0.0.0", false);
        check(&["10.0.0.0/8"], "9.255.255.255", false);
        check(&["10.0.0.0/8"], "::ffff:10.0.0.1", true);
        check(&["::ffff:10.0.0.0/104"], "10.0.0.1", true);
        check(&["2001:db8::/32"], "2001:db8::1", true);
        check(&["2001:db8::/32"], "10.0.0.1", false);
        check(&["10.0.0.0/8", "10.1.0.0/16"], "10.2.0.0", true);
        check(&["10.1.0.0/16", "10.0.0.0/8", "192.168.1.1/32", "::/0"], "192.168.1.1", true);
        check(&["10.1.0.0/16", "192.168.1.1/32"], "192.168.1.2", false);
        check(&["0.0.0.0/0"], "::1", false);
    }
}

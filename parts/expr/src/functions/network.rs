//! Addresses and networks, as CEL's network extension (that of Kubernetes) has them. Addresses of
//! IPv4 inside of IPv6 (`::ffff:10.0.0.1`) are addresses of IPv4, so that they are no way around a
//! network.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::Arguments;
use crate::error::Cause;
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Ip,
    IsIp,
    Cidr,
    IsCidr,
    Family,
    IsUnspecified,
    IsLoopback,
    IsGlobalUnicast,
    IsLinkLocalUnicast,
    IsLinkLocalMulticast,
    ContainsIp,
    ContainsCidr,
    Masked,
    PrefixLength,
}

pub(super) const SIGNATURES: [(&str, Network); 19] = [
    ("ip(string) -> ip", Network::Ip),
    ("ip(ip) -> ip", Network::Ip),
    ("isIP(string) -> bool", Network::IsIp),
    ("cidr(string) -> cidr", Network::Cidr),
    ("cidr(cidr) -> cidr", Network::Cidr),
    ("isCIDR(string) -> bool", Network::IsCidr),
    ("ip.family() -> int", Network::Family),
    ("ip.isUnspecified() -> bool", Network::IsUnspecified),
    ("ip.isLoopback() -> bool", Network::IsLoopback),
    ("ip.isGlobalUnicast() -> bool", Network::IsGlobalUnicast),
    ("ip.isLinkLocalUnicast() -> bool", Network::IsLinkLocalUnicast),
    ("ip.isLinkLocalMulticast() -> bool", Network::IsLinkLocalMulticast),
    ("cidr.containsIP(ip) -> bool", Network::ContainsIp),
    ("cidr.containsIP(string) -> bool", Network::ContainsIp),
    ("cidr.containsCIDR(cidr) -> bool", Network::ContainsCidr),
    ("cidr.containsCIDR(string) -> bool", Network::ContainsCidr),
    ("cidr.ip() -> ip", Network::Ip),
    ("cidr.masked() -> cidr", Network::Masked),
    ("cidr.prefixLength() -> int", Network::PrefixLength),
];

pub(super) fn call<'a>(function: Network, given: &Arguments<'_>) -> Result<Value<'a>, Cause> {
    let [of, other, _] = given;
    Ok(match (function, of) {
        (Network::Ip, Value::Cidr(network)) => Value::from(network.addr()),
        (Network::Ip, value) => Value::Ip(address(value)?),
        (Network::IsIp, Value::String(text)) => Value::Bool(read_address(text).is_some()),
        (Network::Cidr, value) => Value::Cidr(network(value)?),
        (Network::IsCidr, Value::String(text)) => Value::Bool(read_network(text).is_some()),
        (Network::ContainsIp, Value::Cidr(network)) => {
            Value::Bool(network.contains(&address(other)?))
        }
        (Network::ContainsCidr, Value::Cidr(outer)) => {
            Value::Bool(outer.contains(&network(other)?))
        }
        (Network::Masked, Value::Cidr(network)) => Value::Cidr(network.trunc()),
        (Network::PrefixLength, Value::Cidr(network)) => {
            Value::Int(i64::from(network.prefix_len()))
        }
        (property, Value::Ip(address)) => property_of(property, *address)?,
        _ => return Err(Cause::Mismatch),
    })
}

fn property_of<'a>(property: Network, address: IpAddr) -> Result<Value<'a>, Cause> {
    Ok(Value::Bool(match property {
        Network::Family => return Ok(Value::Int(if address.is_ipv4() { 4 } else { 6 })),
        Network::IsUnspecified => address.is_unspecified(),
        Network::IsLoopback => address.is_loopback(),
        Network::IsLinkLocalUnicast => is_link_local_unicast(address),
        Network::IsLinkLocalMulticast => is_link_local_multicast(address),
        Network::IsGlobalUnicast => {
            let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || is_broadcast
                || is_link_local_unicast(address))
        }
        _ => return Err(Cause::Mismatch),
    }))
}

const fn is_link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

const fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [224, 0, 0, _]),
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

fn address(value: &Value<'_>) -> Result<IpAddr, Cause> {
    match value {
        Value::Ip(address) => Ok(*address),
        Value::String(text) => read_address(text).ok_or(Cause::Unreadable),
        _ => Err(Cause::Mismatch),
    }
}

fn network(value: &Value<'_>) -> Result<IpNet, Cause> {
    match value {
        Value::Cidr(network) => Ok(*network),
        Value::String(text) => read_network(text).ok_or(Cause::Unreadable),
        _ => Err(Cause::Mismatch),
    }
}

fn read_address(text: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

fn read_network(text: &[u8]) -> Option<IpNet> {
    let network: IpNet = std::str::from_utf8(text).ok()?.parse().ok()?;
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(prefix)) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, prefix).ok().map(IpNet::V4)
        }
        _ => Some(network),
    }
}

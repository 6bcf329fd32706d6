//! Networks as people write them: with a prefix length, or one bare address.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

const WORDS: &str = "a network such as `10.0.0.0/8` or `2001:db8::/32`, or one address";

/// A network in the configuration; one bare address is the network of only itself.
pub(crate) struct Network(IpNet);

/// Reads a list of networks.
pub(crate) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let networks = Vec::<Network>::deserialize(deserializer)?;
    Ok(networks.into_iter().map(|Network(network)| network).collect())
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse().ok().or_else(one).map(Self);
        network.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &WORDS))
    }
}

impl JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A network in CIDR notation, or one address.",
            "type": "string",
            "examples": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"],
        })
    }
}

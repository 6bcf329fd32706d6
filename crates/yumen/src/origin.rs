//! What collectors are told of this process: its name, its version, and what else was configured.

use std::collections::BTreeMap;

use yumen_otlp::Origin;

/// A gateway of this name.
pub(crate) fn origin(service_name: &str, attributes: &BTreeMap<String, String>) -> Origin {
    let version = env!("CARGO_PKG_VERSION");
    Origin::new(
        |to| {
            to.add("service.name", service_name);
            if !attributes.contains_key("service.version") {
                to.add("service.version", version);
            }
            for (key, value) in attributes {
                if key != "service.name" {
                    to.add(key, value.as_str());
                }
            }
        },
        "yumen",
        version,
    )
}

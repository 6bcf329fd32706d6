//! Who is asked for the addresses of names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is asked for the addresses of the names of targets. `/etc/hosts` goes before all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resolver {
    /// DNS servers, three at most: `10.0.0.2`, `10.0.0.2:5353`, `[fd00::2]:53`. They are asked for
    /// names as they are written, without search domains. If left empty, those of the system are
    /// asked (`/etc/resolv.conf`), with its search domains. The next one is asked as well when one
    /// has not answered for half a second, or has failed.
    pub nameservers: Vec<String>,
}

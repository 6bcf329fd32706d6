//! One use of a policy: which kind, with which settings.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::Node;

/// One policy where it is used. Kinds run in the fixed order of their phases (guard, identify,
/// authorize, limit, shape, answer), inside a phase from the broadest attachment to the
/// narrowest and there in written order.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyUse {
    /// Which policy, such as `headers`.
    pub kind: String,
    /// What happens to policies of the same kind from broader places (all, listener, service).
    #[serde(default)]
    pub broader: Broader,
    /// The kind's own settings.
    #[serde(default)]
    #[schemars(with = "serde_json::Value")]
    pub config: Node,
}

/// Without its settings, for they may hold secrets.
impl fmt::Debug for PolicyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyUse").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What happens to policies of the same kind from broader places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Broader {
    /// They run as well, before this one.
    #[default]
    Keep,
    /// They do not run; this one stands in for them.
    Replace,
}

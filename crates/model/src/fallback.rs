//! What is done when a service gave no answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Answer;

/// What stands in for the answer of a service that gave none. One of `answer` and `service`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fallback {
    /// The failures that it is for, by their code, such as `upstream_timeout`; all `upstream_`
    /// codes if empty. Answers of the service itself are no failures, whatever their status.
    pub on: Vec<String>,
    /// Answer this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Ask this service instead, with its own timeouts, retries and limits. A request whose body
    /// is gone cannot be sent to it and keeps its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

//! What the server answered, whichever protocol it speaks.

use std::fmt;

use serde_json::{Map, Value};
use yumen_http::Status;

/// An answer, as it came.
#[derive(Debug, Default, PartialEq)]
pub struct Answered {
    /// Why the request does not pass; `None` if it does.
    pub refused: Option<Denied>,
    /// Fields for the service, in their order; over HTTP all of the answer.
    pub fields: Vec<Told>,
    /// Fields of the request that the service is not to see.
    pub remove: Vec<String>,
    /// Query parameters for the service, decoded.
    pub set_parameters: Vec<(String, String)>,
    /// Query parameters that the service is not to see.
    pub remove_parameters: Vec<String>,
    /// Fields for the client, if its request passes.
    pub to_client: Vec<(String, Vec<u8>)>,
    /// What else is known of the caller.
    pub metadata: Map<String, Value>,
}

/// How a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    /// The status for the client.
    pub status: Status,
    /// Fields for the client.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body for the client.
    pub body: Vec<u8>,
}

/// A field that the service is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
    /// What becomes of the lines of this name that there are.
    pub how: How,
}

/// What becomes of the lines of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// They go.
    Set,
    /// They stay.
    Append,
    /// They stay, and this one is not added.
    IfAbsent,
    /// They go; if there are none, this one is not added.
    IfPresent,
}

/// Why there is no answer that can be understood. For the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Wrong {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

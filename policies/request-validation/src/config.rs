//! What is configured: a document of OpenAPI, or schemas for the parts of a request.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use yumen_model::Bytes;
use yumen_model::report::Report;
use yumen_policy::{Mode, VIOLATIONS_MAX};

use crate::parameter::{Part, Style};

/// The largest body that may be held back.
const BODY_MAX: u64 = 64 << 20;
/// Parameters that may be written without a document.
const PARAMETERS_MAX: usize = 200;

/// What requests have to be like: by a document of OpenAPI, or by schemas.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A document of OpenAPI 3.0 or 3.1, usually `${file:PATH}`: the text of one in JSON or YAML, or the
    /// document itself.
    #[schemars(with = "Option<Value>")]
    pub openapi: Option<Value>,
    /// The only operation of the document that there is here, by its `operationId`.
    pub operation: Option<String>,
    /// What stands in front of the document's paths, instead of what its `servers` say.
    pub path_prefix: Option<String>,
    /// What becomes of a request for a path that is not described.
    pub unknown_path: Unknown,
    /// What becomes of a request with a method that is not described for its path.
    pub unknown_method: Unknown,
    /// Without a document: the path, with the names of its parameters, such as `/orders/{id}`.
    pub path: Option<String>,
    /// Without a document: parameters.
    pub parameters: Vec<ParameterConfig>,
    /// Without a document: the body.
    pub body: Option<BodyConfig>,
    /// Of which parts of a request all must be described.
    pub strict: Strict,
    /// Whether `format` of a schema is looked at.
    pub formats: bool,
    /// What becomes of parts of a document that cannot be looked at.
    pub unsupported: Unsupported,
    /// Whether numbers in bodies may have more digits than most readers keep.
    pub rounded_numbers: bool,
    /// Objects and lists within each other, in bodies.
    pub depth_max: usize,
    /// The largest body that is looked at, for it is held back until it is whole.
    pub body_max: Bytes,
    /// The status of a refusal for what the request has in it: 400 or 422.
    pub status: u16,
    /// How much of what is wrong the client is told; 0 is nothing but that it is.
    pub violations_max: usize,
    /// Whether requests are refused.
    pub mode: Mode,
}

/// A parameter, written without a document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterConfig {
    /// Its name.
    pub name: String,
    /// Where it is.
    #[serde(rename = "in")]
    pub part: Part,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// How lists and objects are written: `simple` in paths and headers and `form` elsewhere, if it is
    /// left out.
    #[serde(default)]
    pub style: Option<Style>,
    /// Whether each item of a list is a parameter of its own; only if the style is `form`, if it is left out.
    #[serde(default)]
    pub explode: Option<bool>,
    /// A JSON Schema (2020-12).
    pub schema: Value,
}

/// A body, written without a document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyConfig {
    /// A JSON Schema (2020-12): itself, or its text, usually `${file:PATH}`.
    #[serde(default)]
    #[schemars(with = "Option<Value>")]
    pub schema: Option<Value>,
    /// Media types that it may have, such as `application/json`, `application/*+json` or `text/*`.
    #[serde(default = "usual_types")]
    pub content_types: Vec<String>,
    /// Whether there must be one.
    #[serde(default)]
    pub required: bool,
}

fn usual_types() -> Vec<String> {
    vec!["application/json".to_owned()]
}

/// Of which parts of a request all must be described.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Strict {
    /// Whether query parameters that are not described are refused.
    pub query: bool,
    /// Whether cookies that are not described are refused.
    pub cookies: bool,
    /// Whether a body is refused where none is described.
    pub body: bool,
}

/// What becomes of what is not described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// It is refused.
    Refuse,
    /// It goes on, and is not looked at.
    Pass,
}

/// What becomes of parts of a document that cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsupported {
    /// The configuration is refused.
    Refuse,
    /// They are warned of, and requests pass them unseen.
    Pass,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            openapi: None,
            operation: None,
            path_prefix: None,
            unknown_path: Unknown::Refuse,
            unknown_method: Unknown::Refuse,
            path: None,
            parameters: Vec::new(),
            body: None,
            strict: Strict::default(),
            formats: true,
            unsupported: Unsupported::Refuse,
            rounded_numbers: false,
            depth_max: 64,
            body_max: Bytes::mib(1),
            status: 400,
            violations_max: 10,
            mode: Mode::Enforce,
        }
    }
}

impl Config {
    /// Tells what is wrong with it, schemas and documents aside.
    pub(crate) fn check(&self, at: &str, report: &mut Report) {
        self.check_sources(at, report);
        self.check_bounds(at, report);
    }

    fn check_sources(&self, at: &str, report: &mut Report) {
        let own = [
            ("path", self.path.is_some()),
            ("parameters", !self.parameters.is_empty()),
            ("body", self.body.is_some()),
        ];
        let of_documents =
            [("operation", self.operation.is_some()), ("path_prefix", self.path_prefix.is_some())];
        if self.openapi.is_some() {
            for (key, _) in own.iter().filter(|(_, is_there)| *is_there) {
                report
                    .error(format!("{at}.{key}"), "with `openapi` the document says this")
                    .hint("leave it out, or `openapi`");
            }
        } else {
            for (key, _) in of_documents.iter().filter(|(_, is_there)| *is_there) {
                report
                    .error(format!("{at}.{key}"), "there is no document that this is about")
                    .hint("leave it out, or give `openapi`");
            }
            if self.parameters.is_empty() && self.body.is_none() {
                report
                    .error(at, "there is nothing that requests have to be like")
                    .hint("give `openapi`, or `body` or `parameters`");
            }
        }
        let starts = |path: &Option<String>| path.as_ref().is_none_or(|path| path.starts_with('/'));
        for (key, path) in [("path", &self.path), ("path_prefix", &self.path_prefix)] {
            if !starts(path) {
                report
                    .error(format!("{at}.{key}"), "it does not begin with a slash")
                    .hint("such as `/v1`");
            }
        }
    }

    fn check_bounds(&self, at: &str, report: &mut Report) {
        if self.parameters.len() > PARAMETERS_MAX {
            report
                .error(format!("{at}.parameters"), format!("there are more than {PARAMETERS_MAX}"))
                .hint("leave some out");
        }
        if !matches!(self.status, 400 | 422) {
            report
                .error(format!("{at}.status"), format!("{} is not for this", self.status))
                .hint("400 or 422");
        }
        if self.violations_max > VIOLATIONS_MAX {
            report
                .error(format!("{at}.violations_max"), format!("it is more than {VIOLATIONS_MAX}"))
                .hint("10 is plenty");
        }
        if self.depth_max == 0 || self.depth_max > yumen_json::DEPTH_MAX {
            let most = yumen_json::DEPTH_MAX;
            report
                .error(format!("{at}.depth_max"), format!("it is not one of 1 to {most}"))
                .hint("64 is plenty");
        }
        if self.body_max.0 == 0 || self.body_max.0 > BODY_MAX {
            report
                .error(format!("{at}.body_max"), "it is not more than nothing and at most 64MiB")
                .hint("such as `1MiB`");
        }
    }
}

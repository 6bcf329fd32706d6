//! A JSON Schema (2020-12), compiled: nothing is fetched, and patterns take linear time.

use data_encoding::BASE64;
use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::Value;
use yumen_policy::Violation;

use crate::doubling::may_double;

/// The largest compiled pattern, and its cache, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
const USUAL: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema, compiled.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    /// Whether why a value does not fit can be told in a time that is bounded.
    tells: bool,
}

impl Schema {
    /// Compiles a schema that stands alone.
    pub(crate) fn compile(schema: &Value, formats: bool) -> Result<Self, String> {
        if let Some(Value::String(dialect)) = schema.get("$schema")
            && !is_usual(dialect)
        {
            return Err(format!("`{dialect}` is another dialect than JSON Schema 2020-12"));
        }
        let built = options(formats).build(schema);
        match built {
            Ok(validator) => Ok(Self { validator, tells: !may_double(schema) }),
            Err(wrong) => {
                let at = wrong.instance_path().to_string();
                Err(if at.is_empty() { wrong.to_string() } else { format!("`{at}`: {wrong}") })
            }
        }
    }

    /// Why a value does not fit, at most so many reasons. What is told of the value are names and places.
    pub(crate) fn violations(
        &self,
        value: &Value,
        (part, at, most): (&'static str, &str, usize),
    ) -> Vec<Violation> {
        // Most values fit, which is known sooner than why one does not.
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        if !self.tells {
            return vec![Violation::new(part, at, "it does not fit its schema")];
        }
        let told = self.validator.iter_errors(value).take(most.max(1));
        let told = told.map(|wrong| {
            Violation::new(
                part,
                format!("{at}{}", wrong.instance_path()),
                wrong.masked().to_string(),
            )
        });
        told.collect()
    }
}

/// Whether this is how the dialect is called that is known.
pub(crate) fn is_usual(dialect: &str) -> bool {
    // What documents of OpenAPI 3.1 have adds keywords that are no more than notes.
    let of_documents = dialect.starts_with("https://spec.openapis.org/oas/3.1/dialect/");
    dialect.trim_end_matches('#') == USUAL || of_documents
}

/// Whether a pattern can be looked at.
pub(crate) fn takes_pattern(pattern: &str) -> bool {
    options(false).build(&serde_json::json!({ "pattern": pattern })).is_ok()
}

fn options(formats: bool) -> ValidationOptions<'static> {
    let patterns = PatternOptions::regex();
    let patterns = patterns.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(patterns)
        .should_validate_formats(formats)
        .with_format("byte", |text: &str| BASE64.decode(text.as_bytes()).is_ok())
}

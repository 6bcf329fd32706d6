//! A schema of a document as a JSON Schema (2020-12) that stands alone: what it refers to comes with it,
//! and what OpenAPI 3.0 says in its own way is said in the usual one.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};
use yumen_json::push_pointer;

use crate::document::{self, Document};
use crate::findings::Findings;
use crate::schema;

/// Schemas that one schema may bring along.
const BROUGHT_MAX: usize = 4096;
/// Schemas within each other, written in one place.
const DEPTH_MAX: usize = 100;

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value has schemas by names.
const NAMED: &[&str] = &["dependentSchemas", "patternProperties", "properties"];
/// Keywords that are taken as they are.
const PLAIN: &[&str] = &[
    "const",
    "dependentRequired",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "type",
    "uniqueItems",
];
/// Keywords that say nothing of what is valid.
const TOLD: &[&str] = &[
    "$comment",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "description",
    "example",
    "examples",
    "externalDocs",
    "readOnly",
    "title",
    "writeOnly",
    "xml",
];
/// Keywords by which schemas find each other in ways that are not followed.
const NAMING: &[&str] = &[
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
];

/// What is known of the schemas of one document.
#[derive(Debug)]
pub(crate) struct Translator<'d> {
    document: &'d Document,
    formats: bool,
    /// Whether a pattern can be looked at.
    patterns: HashMap<String, bool>,
    /// Schemas that others refer to, by their pointers.
    done: HashMap<String, (Value, Vec<String>)>,
}

impl<'d> Translator<'d> {
    pub(crate) fn new(document: &'d Document, formats: bool) -> Self {
        Self { document, formats, patterns: HashMap::new(), done: HashMap::new() }
    }

    /// The schema as one that stands alone.
    pub(crate) fn whole(&mut self, schema: &Value, at: &str, findings: &mut Findings) -> Value {
        let mut wanted = Vec::new();
        let root = self.one((schema, at, 0), &mut wanted, findings);
        let mut defs = Map::new();
        let mut seen: HashSet<String> = wanted.iter().cloned().collect();
        while let Some(pointer) = wanted.pop() {
            if defs.len() >= BROUGHT_MAX {
                findings.wrong(at, format!("it refers to more than {BROUGHT_MAX} schemas"));
                return Value::Bool(true);
            }
            let (schema, more) = self.brought(&pointer, findings);
            for next in more {
                if seen.insert(next.clone()) {
                    wanted.push(next);
                }
            }
            defs.insert(pointer, schema);
        }
        match root {
            Value::Object(mut root) if !defs.is_empty() => {
                root.insert("$defs".to_owned(), Value::Object(defs));
                Value::Object(root)
            }
            root => root,
        }
    }

    /// A schema that others refer to, and what it refers to in turn.
    fn brought(&mut self, pointer: &str, findings: &mut Findings) -> (Value, Vec<String>) {
        if let Some(done) = self.done.get(pointer) {
            return done.clone();
        }
        let mut wanted = Vec::new();
        let schema = match self.document.at(pointer) {
            Some(schema) => self.one((schema, pointer, 0), &mut wanted, findings),
            None => {
                findings.wrong(pointer, "something refers to this, and it is not there");
                Value::Bool(true)
            }
        };
        self.done.insert(pointer.to_owned(), (schema.clone(), wanted.clone()));
        (schema, wanted)
    }

    fn one(
        &mut self,
        (schema, at, depth): (&Value, &str, usize),
        wanted: &mut Vec<String>,
        findings: &mut Findings,
    ) -> Value {
        let Value::Object(members) = schema else {
            if !schema.is_boolean() || self.document.is_older && depth == 0 {
                findings.wrong(at, "it is no schema");
            }
            return if schema.is_boolean() { schema.clone() } else { Value::Bool(true) };
        };
        if depth > DEPTH_MAX {
            findings.wrong(at, format!("schemas are nested deeper than {DEPTH_MAX}"));
            return Value::Bool(true);
        }
        let reference =
            members.get("$ref").map(|reference| self.reference(reference, at, wanted, findings));
        if let (Some(reference), true) = (&reference, self.document.is_older) {
            // What stands beside a reference is nothing there (3.0.3, Reference Object).
            return reference.clone();
        }
        let mut out = Map::new();
        for (key, value) in members {
            let mut inside = at.to_owned();
            push_pointer(&mut inside, key);
            let place = (value, inside.as_str(), depth);
            self.keyword((key, place), &mut out, wanted, findings);
        }
        if let Some(Value::Object(reference)) = reference {
            out.extend(reference);
        }
        self.required(members, at, &mut out);
        if self.document.is_older {
            older(members, &mut out);
        }
        if self.formats {
            bound(members, &mut out);
        }
        nullable(members, self.document.is_older, out)
    }

    fn reference(
        &self,
        reference: &Value,
        at: &str,
        wanted: &mut Vec<String>,
        findings: &mut Findings,
    ) -> Value {
        let pointer = match document::inner(reference) {
            Ok(pointer) => pointer,
            Err(why) => {
                findings.wrong(at, why);
                return Value::Bool(true);
            }
        };
        let mut inner = "#/$defs".to_owned();
        push_pointer(&mut inner, &pointer);
        wanted.push(pointer);
        json!({ "$ref": encode(&inner) })
    }

    fn keyword(
        &mut self,
        (key, (value, at, depth)): (&str, (&Value, &str, usize)),
        out: &mut Map<String, Value>,
        wanted: &mut Vec<String>,
        findings: &mut Findings,
    ) {
        let deeper = depth + 1;
        let made = match (key, value) {
            ("$ref" | "$defs" | "definitions" | "nullable", _) => return,
            ("discriminator", _) => {
                findings
                    .ignored(at, "`discriminator` is not looked at: `oneOf` and its kin decide");
                return;
            }
            ("pattern", Value::String(pattern)) if !self.is_usable(pattern) => {
                findings.unsupported(at, PATTERN);
                return;
            }
            (_, Value::Object(named)) if NAMED.contains(&key) => {
                let mut made = Map::new();
                for (name, schema) in named {
                    let mut inside = at.to_owned();
                    push_pointer(&mut inside, name);
                    if key == "patternProperties" && !self.is_usable(name) {
                        findings.unsupported(&inside, PATTERN);
                        continue;
                    }
                    made.insert(
                        name.clone(),
                        self.one((schema, &inside, deeper), wanted, findings),
                    );
                }
                Value::Object(made)
            }
            (_, Value::Array(list)) if LIST.contains(&key) => {
                let schemas = list.iter().enumerate().map(|(index, schema)| {
                    self.one((schema, &format!("{at}/{index}"), deeper), wanted, findings)
                });
                Value::Array(schemas.collect())
            }
            (_, value) if ONE.contains(&key) => self.one((value, at, deeper), wanted, findings),
            (_, value) if PLAIN.contains(&key) => value.clone(),
            _ if NAMING.contains(&key) => {
                findings.unsupported(at, format!("`{key}` is not followed in documents"));
                return;
            }
            ("$schema", Value::String(dialect)) if schema::is_usual(dialect) => return,
            ("$schema", _) => {
                findings.unsupported(at, "another dialect than JSON Schema 2020-12 is not known");
                return;
            }
            _ if TOLD.contains(&key) || key.starts_with("x-") => return,
            _ => {
                findings.ignored(at, format!("`{key}` is no keyword that is known"));
                return;
            }
        };
        out.insert(key.to_owned(), made);
    }

    /// Properties that only answers have need not be in requests.
    fn required(&self, members: &Map<String, Value>, at: &str, out: &mut Map<String, Value>) {
        let properties = members.get("properties").and_then(Value::as_object);
        let Some((properties, Value::Array(required))) = properties.zip(out.get_mut("required"))
        else {
            return;
        };
        required.retain(|name| {
            let Some(property) = name.as_str().and_then(|name| properties.get(name)) else {
                return true;
            };
            let is_read_only = |schema: &Value| schema.get("readOnly") == Some(&Value::Bool(true));
            let followed =
                self.document.follow(property, at).is_ok_and(|(schema, _)| is_read_only(schema));
            !(followed || !self.document.is_older && is_read_only(property))
        });
        if required.is_empty() {
            out.remove("required");
        }
    }

    fn is_usable(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.get(pattern) {
            return *known;
        }
        let is_usable = schema::takes_pattern(pattern);
        self.patterns.insert(pattern.to_owned(), is_usable);
        is_usable
    }
}

const PATTERN: &str = "the pattern cannot be looked at in linear time (it looks around or back), or is none, or is too large";

/// What stands in a fragment, with everything encoded that has to be.
fn encode(pointer: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"#/$-._~".contains(&byte);
    pointer.bytes().fold(String::with_capacity(pointer.len()), |mut out, byte| {
        match is_plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// What OpenAPI 3.0 says in the way of an older draft.
fn older(members: &Map<String, Value>, out: &mut Map<String, Value>) {
    for (exclusive, plain) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match members.get(exclusive) {
            Some(Value::Bool(true)) => {
                out.remove(exclusive);
                if let Some(limit) = out.remove(plain) {
                    out.insert(exclusive.to_owned(), limit);
                }
            }
            Some(Value::Bool(false)) => drop(out.remove(exclusive)),
            _ => {}
        }
    }
}

/// The bounds of integers that `format` names.
fn bound(members: &Map<String, Value>, out: &mut Map<String, Value>) {
    let (least, most) = match members.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (i64::MIN, i64::MAX),
        _ => return,
    };
    let range = json!({ "minimum": least, "maximum": most });
    match out.get_mut("allOf") {
        Some(Value::Array(all)) => all.push(range),
        _ => drop(out.insert("allOf".to_owned(), json!([range]))),
    }
}

/// A schema that `null` fits too, if it says so in the way of OpenAPI 3.0.
fn nullable(members: &Map<String, Value>, is_older: bool, mut out: Map<String, Value>) -> Value {
    if !is_older || members.get("nullable") != Some(&Value::Bool(true)) {
        return Value::Object(out);
    }
    if let Some(Value::Array(values)) = out.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match out.get("type") {
        Some(Value::String(one)) => {
            let both = json!([one, "null"]);
            out.insert("type".to_owned(), both);
            Value::Object(out)
        }
        // Strictly, it has no meaning without a type; who writes it means this.
        _ => json!({ "anyOf": [{ "type": "null" }, out] }),
    }
}

//! The JSON Schema (2020-12) of the configuration, for editors and forms.

#[cfg(test)]
mod tests;

use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

use crate::Model;

/// The schema of a [`Model`]. `kinds` are the kinds of policies, each with the schema of its
/// settings as `schemars::schema_for!` makes it; without any, the settings of a policy are left
/// open. References such as `${env:PORT}` are not in the schema: where a number is wanted, it
/// knows only numbers.
pub fn schema(kinds: &[(&str, Schema)]) -> Value {
    let mut root = schema_for!(Model).to_value();
    let Some(definitions) = root.get_mut("$defs").and_then(Value::as_object_mut) else {
        return root;
    };
    let mut uses = Vec::new();
    for (kind, settings) in kinds {
        let mut settings = settings.clone().to_value();
        adopt(kind, &mut settings, definitions);
        uses.push(policy_use(kind, &settings, definitions));
        definitions.insert((*kind).to_owned(), settings);
    }
    if !uses.is_empty()
        && let Some(any) = definitions.get_mut("PolicyUse").and_then(Value::as_object_mut)
    {
        any.retain(|key, _| key == "description");
        any.insert("oneOf".to_owned(), Value::Array(uses));
    }
    root
}

/// Makes a schema that stood alone a part of another one: what it defines moves there, named
/// after the kind so that no two kinds collide.
fn adopt(kind: &str, settings: &mut Value, definitions: &mut Map<String, Value>) {
    rename(kind, settings);
    let Some(object) = settings.as_object_mut() else { return };
    object.shift_remove("$schema");
    object.insert("title".to_owned(), json!(kind));
    if let Some(Value::Object(own)) = object.shift_remove("$defs") {
        definitions.extend(own.into_iter().map(|(name, part)| (format!("{kind}.{name}"), part)));
    }
}

/// Turns every `#/$defs/NAME` into `#/$defs/KIND.NAME`.
fn rename(kind: &str, part: &mut Value) {
    match part {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replacen("#/$defs/", &format!("#/$defs/{kind}."), 1);
                    }
                    value => rename(kind, value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(kind, item)),
        _ => {}
    }
}

fn policy_use(kind: &str, settings: &Value, definitions: &Map<String, Value>) -> Value {
    let key = |name| {
        let found = definitions.get("PolicyUse").and_then(|any| any.get("properties"));
        found.and_then(|keys| keys.get(name)).cloned().unwrap_or(json!(true))
    };
    let needs_settings = settings
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|required| !required.is_empty());
    let required = if needs_settings { json!(["kind", "config"]) } else { json!(["kind"]) };
    json!({
        "type": "object",
        "title": kind,
        "properties": {
            "kind": {"const": kind, "description": settings.get("description")},
            "broader": key("broader"),
            "config": {"$ref": format!("#/$defs/{kind}")},
        },
        "required": required,
        "additionalProperties": false,
    })
}

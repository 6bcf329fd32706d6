//! What a parameter's text may stand for, as its schema has it: a scalar, a list, or an object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Schemas that are looked into for one shape.
const LOOKED_AT_MAX: usize = 200;

/// Sorts of values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "it is a set")]
pub(crate) struct Sorts {
    pub(crate) null: bool,
    pub(crate) boolean: bool,
    pub(crate) number: bool,
    pub(crate) text: bool,
    list: bool,
    object: bool,
}

impl Sorts {
    /// Texts only.
    pub(crate) const TEXT: Self =
        Self { null: false, boolean: false, number: false, text: true, list: false, object: false };
    const ALL: Self =
        Self { null: true, boolean: true, number: true, text: true, list: true, object: true };

    fn of_word(word: &str) -> Self {
        let mut sorts = Self::default();
        match word {
            "null" => sorts.null = true,
            "boolean" => sorts.boolean = true,
            "integer" | "number" => sorts.number = true,
            "string" => sorts.text = true,
            "array" => sorts.list = true,
            "object" => sorts.object = true,
            _ => {}
        }
        sorts
    }

    fn of_value(value: &Value) -> Self {
        Self::of_word(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        })
    }

    fn merge(self, other: Self, with: fn(bool, bool) -> bool) -> Self {
        Self {
            null: with(self.null, other.null),
            boolean: with(self.boolean, other.boolean),
            number: with(self.number, other.number),
            text: with(self.text, other.text),
            list: with(self.list, other.list),
            object: with(self.object, other.object),
        }
    }

    fn or(self, other: Self) -> Self {
        self.merge(other, |one, other| one || other)
    }

    fn and(self, other: Self) -> Self {
        self.merge(other, |one, other| one && other)
    }
}

/// What a text may stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value that is no list and no object.
    Scalar(Sorts),
    /// Some of them.
    List(Sorts),
    /// Members, and those that are not described.
    Object(BTreeMap<String, Shape>, Sorts),
}

impl Shape {
    /// The shape of a value, for who has a schema that stands alone.
    pub(crate) fn of(schema: &Value) -> Self {
        let defs = schema.get("$defs").and_then(Value::as_object);
        Look { defs, left: LOOKED_AT_MAX }.shape(schema, 0)
    }

    /// The sorts of the scalars in it.
    pub(crate) fn sorts(&self) -> Sorts {
        match self {
            Self::Scalar(sorts) | Self::List(sorts) | Self::Object(_, sorts) => *sorts,
        }
    }
}

struct Look<'s> {
    defs: Option<&'s Map<String, Value>>,
    left: usize,
}

impl<'s> Look<'s> {
    fn shape(&mut self, schema: &'s Value, depth: usize) -> Shape {
        let sorts = self.sorts(schema);
        if sorts == Sorts::ALL || !(sorts.list || sorts.object) {
            return Shape::Scalar(if sorts == Sorts::ALL { Sorts::TEXT } else { sorts });
        }
        if sorts.list {
            let items = self.find(schema, "items");
            return Shape::List(items.map_or(Sorts::TEXT, |items| self.scalars(items)));
        }
        let mut members = BTreeMap::new();
        if depth == 0 {
            for (name, property) in self.properties(schema) {
                let shape = self.shape(property, depth + 1);
                members.insert(name, shape);
            }
        }
        let more = self.find(schema, "additionalProperties").filter(|more| more.is_object());
        Shape::Object(members, more.map_or(Sorts::TEXT, |more| self.scalars(more)))
    }

    fn scalars(&mut self, schema: &'s Value) -> Sorts {
        let sorts = self.sorts(schema);
        if sorts == Sorts::ALL { Sorts::TEXT } else { sorts }
    }

    /// Sorts that a value may be of.
    fn sorts(&mut self, schema: &'s Value) -> Sorts {
        let Value::Object(members) = schema else { return Sorts::ALL };
        let Some(left) = self.left.checked_sub(1) else { return Sorts::ALL };
        self.left = left;
        let mut sorts = match (members.get("type"), members.get("enum"), members.get("const")) {
            (Some(Value::String(word)), ..) => Sorts::of_word(word),
            (Some(Value::Array(words)), ..) => {
                let words = words.iter().filter_map(Value::as_str);
                words.map(Sorts::of_word).fold(Sorts::default(), Sorts::or)
            }
            (_, Some(Value::Array(values)), _) => {
                values.iter().map(Sorts::of_value).fold(Sorts::default(), Sorts::or)
            }
            (_, _, Some(value)) => Sorts::of_value(value),
            _ => Sorts::ALL,
        };
        if let Some(target) = self.target(members) {
            sorts = sorts.and(self.sorts(target));
        }
        for schema in list(members, "allOf") {
            sorts = sorts.and(self.sorts(schema));
        }
        for key in ["anyOf", "oneOf"] {
            let mut some = list(members, key).peekable();
            if some.peek().is_some() {
                let any = some.fold(Sorts::default(), |any, schema| any.or(self.sorts(schema)));
                sorts = sorts.and(any);
            }
        }
        sorts
    }

    fn target(&self, members: &'s Map<String, Value>) -> Option<&'s Value> {
        let pointer = members.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        let name = crate::document::decode(pointer).replace("~1", "/").replace("~0", "~");
        self.defs?.get(&name)
    }

    /// The first value of a keyword, there or in what is joined with it.
    fn find(&mut self, schema: &'s Value, key: &str) -> Option<&'s Value> {
        let members = schema.as_object()?;
        self.left = self.left.checked_sub(1)?;
        if let Some(value) = members.get(key) {
            return Some(value);
        }
        let joined = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|key| list(members, key));
        let mut all = self.target(members).into_iter().chain(joined);
        all.find_map(|schema| self.find(schema, key))
    }

    /// All properties, there and in what is joined with it.
    fn properties(&mut self, schema: &'s Value) -> Vec<(String, &'s Value)> {
        let Some(members) = schema.as_object() else { return Vec::new() };
        let Some(left) = self.left.checked_sub(1) else { return Vec::new() };
        self.left = left;
        let own = members.get("properties").and_then(Value::as_object).into_iter().flatten();
        let mut all: Vec<(String, &Value)> = own.map(|(name, one)| (name.clone(), one)).collect();
        let joined = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|key| list(members, key));
        for schema in self.target(members).into_iter().chain(joined) {
            all.extend(self.properties(schema));
        }
        all
    }
}

fn list<'s>(
    members: &'s Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'s Value> + use<'s> {
    members.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_are_found_through_everything_that_joins_schemas() {
        let text = Sorts::TEXT;
        let number = Sorts::of_word("number");
        let both = text.or(number);
        for (schema, expect) in [
            (json!({}), Shape::Scalar(text)),
            (json!(true), Shape::Scalar(text)),
            (json!({"type": "integer"}), Shape::Scalar(number)),
            (json!({"type": ["string", "number"]}), Shape::Scalar(both)),
            (json!({"enum": [1, "a"]}), Shape::Scalar(both)),
            (json!({"anyOf": [{"type": "integer"}, {"const": "now"}]}), Shape::Scalar(both)),
            (
                json!({"allOf": [{"type": ["string", "number"]}, {"type": "number"}]}),
                Shape::Scalar(number),
            ),
            (json!({"type": "array", "items": {"type": "integer"}}), Shape::List(number)),
            (
                json!({"$ref": "#/$defs/~1a%20b", "$defs": {"/a b": {"type": "array", "items": {"$ref": "#/$defs/n"}}, "n": {"type": "number"}}}),
                Shape::List(number),
            ),
            (
                json!({"allOf": [{"type": "object", "properties": {"n": {"type": "number"}}}, {"properties": {"l": {"type": "array"}}}]}),
                Shape::Object(
                    [("n".to_owned(), Shape::Scalar(number)), ("l".to_owned(), Shape::List(text))]
                        .into(),
                    text,
                ),
            ),
            // One that goes round ends.
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
                Shape::Scalar(text),
            ),
        ] {
            assert_eq!(Shape::of(&schema), expect, "{schema}");
        }
    }
}

//! Parameters: where they are, how their values are written, and what these stand for.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use yumen_http::{RequestHead, cookie, query};
use yumen_json::Limits;
use yumen_policy::Violation;

use crate::schema::Schema;
use crate::shape::{Shape, Sorts};

/// The longest text of a number that is read as one.
const NUMBER_BYTES_MAX: usize = 64;

/// A part of a request that has parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The path.
    Path,
    /// The query.
    Query,
    /// Header fields.
    Header,
    /// Cookies.
    Cookie,
}

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// How lists and objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Style {
    /// `a,b`, of paths and headers.
    #[serde(rename = "simple")]
    Simple,
    /// `name=a&name=b`, or `name=a,b` if it is not exploded.
    #[serde(rename = "form")]
    Form,
    /// `name=a%20b`.
    #[serde(rename = "spaceDelimited")]
    SpaceDelimited,
    /// `name=a|b`.
    #[serde(rename = "pipeDelimited")]
    PipeDelimited,
    /// `name[key]=value`, of objects.
    #[serde(rename = "deepObject")]
    DeepObject,
}

/// A parameter.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is said in a document by itself")]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) part: Part,
    pub(crate) required: bool,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    /// Its value is JSON.
    pub(crate) is_json: bool,
    /// An empty value is as good as any.
    pub(crate) allow_empty: bool,
    pub(crate) shape: Shape,
    pub(crate) schema: Schema,
}

/// What a request has for a parameter.
enum Found {
    Nothing,
    Value(Value),
    Wrong(&'static str),
}

const SEVERAL: Found = Found::Wrong("it came several times");
const NO_TEXT: Found = Found::Wrong("its value is no text in UTF-8");

impl Parameter {
    /// What is wrong with it in a request, at most so many things.
    pub(crate) fn check(
        &self,
        head: &RequestHead,
        in_path: Option<&[u8]>,
        most: usize,
    ) -> Vec<Violation> {
        let part = self.part.name();
        let found = match self.part {
            Part::Path => in_path.map_or(Found::Nothing, |raw| self.read(&[decoded(raw, false)])),
            Part::Query => self.in_query(head.query_bytes().unwrap_or_default()),
            Part::Header => self.in_header(head),
            Part::Cookie => self.in_cookie(head),
        };
        match found {
            Found::Nothing if self.required => {
                vec![Violation::new(part, &*self.name, "it is missing")]
            }
            Found::Nothing => Vec::new(),
            Found::Wrong(what) => vec![Violation::new(part, &*self.name, what)],
            Found::Value(Value::String(text)) if text.is_empty() && self.allow_empty => Vec::new(),
            Found::Value(value) => self.schema.violations(&value, (part, &self.name, most)),
        }
    }

    /// Whether a parameter of the query of this name is part of it.
    pub(crate) fn owns(&self, name: &[u8]) -> bool {
        if self.part != Part::Query {
            return false;
        }
        match (&self.shape, self.style) {
            (_, Style::DeepObject) => {
                let rest = name.strip_prefix(self.name.as_bytes());
                rest.is_some_and(|rest| rest.starts_with(b"[") && rest.ends_with(b"]"))
            }
            (Shape::Object(members, _), Style::Form) if self.explode && !self.is_json => {
                members.keys().any(|member| member.as_bytes() == name)
            }
            _ => self.name.as_bytes() == name,
        }
    }

    fn in_query(&self, query: &[u8]) -> Found {
        match (&self.shape, self.style) {
            _ if self.is_json => {}
            (Shape::Object(members, more), Style::DeepObject) => {
                let owned = pairs(query).filter_map(|(name, value)| {
                    let key = name.strip_prefix(self.name.as_bytes())?.strip_prefix(b"[")?;
                    Some((key.strip_suffix(b"]")?.to_vec(), value))
                });
                return object(owned, |key| {
                    members.get(key).cloned().unwrap_or(Shape::Scalar(*more))
                });
            }
            (Shape::Object(members, _), Style::Form) if self.explode => {
                let owned = pairs(query).filter(|(name, _)| self.owns(name));
                let owned = owned.map(|(name, value)| (name.into_owned(), value));
                return object(owned, |key| {
                    members.get(key).cloned().unwrap_or(Shape::Scalar(Sorts::default()))
                });
            }
            _ => {}
        }
        let own = pairs(query).filter(|(name, _)| **name == *self.name.as_bytes());
        // A comma that is encoded parts nothing.
        if !self.is_json
            && self.style == Style::Form
            && !self.explode
            && !matches!(self.shape, Shape::Scalar(_))
        {
            let raw: Vec<&[u8]> = own.map(|(_, value)| value).collect();
            return match raw.as_slice() {
                [] => Found::Nothing,
                [one] => {
                    let items = one.split(|byte| *byte == b',').map(|item| decoded(item, true));
                    self.of_items(&items.collect::<Vec<_>>())
                }
                _ => SEVERAL,
            };
        }
        self.read(&own.map(|(_, value)| decoded(value, true)).collect::<Vec<_>>())
    }

    fn in_header(&self, head: &RequestHead) -> Found {
        let lines = head.fields().all(&self.name).map(|line| Cow::Borrowed(line.trim_ascii()));
        let lines: Vec<Cow<'_, [u8]>> = lines.collect();
        match (&self.shape, lines.as_slice()) {
            // Lines of a list are one list (RFC 9110 section 5.3).
            (Shape::List(_), [_, _, ..]) if !self.is_json => self.read(&[lines.join(&b',').into()]),
            _ => self.read(&lines),
        }
    }

    fn in_cookie(&self, head: &RequestHead) -> Found {
        let values = cookie::values(head.fields(), &self.name).map(Cow::Borrowed);
        self.read(&values.collect::<Vec<_>>())
    }

    /// What decoded values stand for.
    fn read(&self, values: &[Cow<'_, [u8]>]) -> Found {
        let is_spread =
            matches!(self.shape, Shape::List(_)) && self.style == Style::Form && self.explode;
        let one = match values {
            [] => return Found::Nothing,
            all if is_spread && !self.is_json => return self.of_items(all),
            [one] => one,
            _ => return SEVERAL,
        };
        if self.is_json {
            let Ok(value) = yumen_json::read(one, &Limits::default()) else {
                return Found::Wrong("its value is no JSON, or can be read in two ways");
            };
            return Found::Value(value);
        }
        if matches!(self.shape, Shape::Scalar(_)) {
            return self.of_items(values);
        }
        let delimiter = match self.style {
            Style::SpaceDelimited => b' ',
            Style::PipeDelimited => b'|',
            _ => b',',
        };
        let items = one.split(|byte| *byte == delimiter).map(<[u8]>::trim_ascii).map(Cow::Borrowed);
        self.of_items(&items.collect::<Vec<_>>())
    }

    fn of_items(&self, items: &[Cow<'_, [u8]>]) -> Found {
        match &self.shape {
            Shape::Scalar(sorts) => match items {
                [one] => scalar(one, *sorts).map_or(NO_TEXT, Found::Value),
                _ => SEVERAL,
            },
            Shape::List(sorts) => {
                let values: Option<Vec<Value>> =
                    items.iter().map(|item| scalar(item, *sorts)).collect();
                values.map_or(NO_TEXT, |values| Found::Value(Value::Array(values)))
            }
            Shape::Object(members, more) => {
                let shape = |key: &str| members.get(key).cloned().unwrap_or(Shape::Scalar(*more));
                if self.explode {
                    let halves = items.iter().map(|item| {
                        let (key, value) = halves(item);
                        (key.to_vec(), value)
                    });
                    return plain_object(halves, shape);
                }
                let (twos, rest) = items.as_chunks::<2>();
                if !rest.is_empty() {
                    return Found::Wrong(
                        "its value has names and values, and one of them is missing",
                    );
                }
                plain_object(twos.iter().map(|[key, value]| (key.to_vec(), &**value)), shape)
            }
        }
    }
}

/// Pairs of a query: the decoded name, and the value as it is.
pub(crate) fn pairs(query: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, &[u8])> {
    let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = halves(pair);
        (decoded(name, true), value)
    })
}

fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = pair.splitn(2, |byte| *byte == b'=');
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

/// A text without its percent-encoding; in a query, `+` is a space.
fn decoded(raw: &[u8], is_query: bool) -> Cow<'_, [u8]> {
    if !raw.iter().any(|byte| *byte == b'%' || is_query && *byte == b'+') {
        return Cow::Borrowed(raw);
    }
    if is_query {
        return query::decoded(raw).collect();
    }
    let parts =
        raw.split(|byte| *byte == b'+').map(|part| query::decoded(part).collect::<Vec<u8>>());
    parts.collect::<Vec<_>>().join(&b'+').into()
}

/// What a text stands for, if it is one.
fn scalar(text: &[u8], sorts: Sorts) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    let is_short = text.len() <= NUMBER_BYTES_MAX;
    if sorts.number
        && is_short
        && text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    {
        // A number that readers round stays a text, and is none.
        if let Ok(number) = yumen_json::read(text.as_bytes(), &Limits::default())
            && text.ends_with(|last: char| last.is_ascii_digit())
        {
            return Some(number);
        }
    }
    Some(match text {
        "true" | "false" if sorts.boolean => Value::Bool(text == "true"),
        "" | "null" if sorts.null && !sorts.text => Value::Null,
        text => Value::String(text.to_owned()),
    })
}

/// The object that decoded members make.
fn plain_object<'a>(
    members: impl Iterator<Item = (Vec<u8>, &'a [u8])>,
    shape: impl Fn(&str) -> Shape,
) -> Found {
    gathered(members.map(|(key, value)| (key, Cow::Borrowed(value))), shape)
}

/// The object that members of a query make; nothing if there are none.
fn object<'a>(
    members: impl Iterator<Item = (Vec<u8>, &'a [u8])>,
    shape: impl Fn(&str) -> Shape,
) -> Found {
    gathered(members.map(|(key, value)| (key, decoded(value, true))), shape)
}

fn gathered<'a>(
    members: impl Iterator<Item = (Vec<u8>, Cow<'a, [u8]>)>,
    shape: impl Fn(&str) -> Shape,
) -> Found {
    let mut out = Map::new();
    for (key, value) in members {
        let Ok(key) = String::from_utf8(key) else { return NO_TEXT };
        let shape = shape(&key);
        let Some(value) = scalar(&value, shape.sorts()) else { return NO_TEXT };
        match (shape, out.get_mut(&key)) {
            (Shape::List(_), Some(Value::Array(items))) => items.push(value),
            (Shape::List(_), _) => drop(out.insert(key, Value::Array(vec![value]))),
            (_, Some(_)) => return Found::Wrong("a part of it came several times"),
            (_, None) => drop(out.insert(key, value)),
        }
    }
    if out.is_empty() { Found::Nothing } else { Found::Value(Value::Object(out)) }
}

/// The object that a form makes (`application/x-www-form-urlencoded`), if it is one.
pub(crate) fn form(body: &[u8], shape: &Shape) -> Result<Value, &'static str> {
    let text = Sorts::TEXT;
    let of = |key: &str| match shape {
        Shape::Object(members, more) => members.get(key).cloned().unwrap_or(Shape::Scalar(*more)),
        _ => Shape::Scalar(text),
    };
    match object(pairs(body).map(|(name, value)| (name.into_owned(), value)), of) {
        Found::Nothing => Ok(Value::Object(Map::new())),
        Found::Value(value) => Ok(value),
        Found::Wrong(what) => Err(what),
    }
}

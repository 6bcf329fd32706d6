//! One operation: what its parameters and its body have to be like.

use yumen_http::media::{MediaType, has_other_charset, is_packed};
use yumen_http::{Body, Fields, RequestHead};
use yumen_json::Limits;
use yumen_policy::Violation;

use crate::config::Strict;
use crate::media::{self, Sort};
use crate::parameter::{Parameter, Part, form, pairs};
use crate::schema::Schema;
use crate::shape::Shape;

/// An operation.
#[derive(Debug, Default)]
pub(crate) struct Operation {
    pub(crate) parameters: Vec<Parameter>,
    /// The names of those in the path, in their order there.
    pub(crate) in_path: Vec<String>,
    pub(crate) body: Option<BodyRule>,
}

/// What a body has to be like.
#[derive(Debug)]
pub(crate) struct BodyRule {
    pub(crate) required: bool,
    /// Those with more written out first.
    pub(crate) contents: Vec<Content>,
}

/// What a body of some types has to be like.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) range: MediaType,
    pub(crate) schema: Option<Schema>,
    pub(crate) shape: Shape,
}

/// What the body of a request has to be like, once its type is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'v> {
    pub(crate) required: bool,
    pub(crate) sort: Sort,
    pub(crate) content: &'v Content,
}

/// Why there is nothing to look at that could be good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Violation(Violation),
    MediaType(&'static str),
}

impl Operation {
    /// What is wrong with a request's head, at most so many things.
    pub(crate) fn check_head(
        &self,
        head: &RequestHead,
        in_path: &[&[u8]],
        (strict, most): (Strict, usize),
    ) -> Vec<Violation> {
        let mut wrong = Vec::new();
        for parameter in &self.parameters {
            let place = self.in_path.iter().position(|name| *name == parameter.name);
            let value = place.and_then(|place| in_path.get(place)).copied();
            wrong.extend(parameter.check(head, value, most.saturating_sub(wrong.len())));
            if wrong.len() >= most {
                return wrong;
            }
        }
        if strict.query {
            let unknown = pairs(head.query_bytes().unwrap_or_default());
            let unknown =
                unknown.filter(|(name, _)| !self.parameters.iter().any(|one| one.owns(name)));
            let unknown = unknown.map(|(name, _)| not_known("query", &name));
            wrong.extend(unknown.take(most - wrong.len()));
        }
        if strict.cookies {
            let names = cookie_names(head.fields());
            let is_known = |name: &[u8]| {
                let mut own = self.parameters.iter().filter(|one| one.part == Part::Cookie);
                own.any(|one| one.name.as_bytes() == name)
            };
            let unknown =
                names.filter(|name| !is_known(name)).map(|name| not_known("cookie", name));
            wrong.extend(unknown.take(most - wrong.len()));
        }
        wrong
    }

    /// What the body that a head announces has to be like; nothing if there is none, or it is of a type
    /// that is let through as it is.
    pub(crate) fn wanted(
        &self,
        head: &RequestHead,
        body: &Body,
        strict: Strict,
    ) -> Result<Option<Wanted<'_>>, Refused> {
        let is_empty = body.length() == Some(0);
        let Some(rule) = &self.body else {
            return match strict.body && !is_empty {
                true => Err(Refused::Violation(Violation::new("body", "", "there should be none"))),
                false => Ok(None),
            };
        };
        if is_empty {
            return match rule.required {
                true => Err(Refused::Violation(missing())),
                false => Ok(None),
            };
        }
        let fields = head.fields();
        let Some(written) =
            fields.only("content-type").and_then(|text| std::str::from_utf8(text).ok())
        else {
            return Err(Refused::MediaType(
                "The type of the body is not said, or said several times.",
            ));
        };
        let read = MediaType::read(written).filter(|own| own.width() == 0);
        let own = read.ok_or(Refused::MediaType("The type of the body is none."))?;
        let content = rule.contents.iter().find(|content| content.range.takes(&own));
        let content =
            content.ok_or(Refused::MediaType("A body of this type is not taken here."))?;
        if media::sort(&own) == Sort::Other {
            return Ok(None);
        }
        if is_packed(fields) {
            return Err(Refused::MediaType("A body with a `Content-Encoding` is not taken here."));
        }
        if has_other_charset(written) {
            return Err(Refused::MediaType(
                "A body in another encoding than UTF-8 is not taken here.",
            ));
        }
        Ok(Some(Wanted { required: rule.required, sort: media::sort(&own), content }))
    }
}

/// Says that there is no body, and there must be one.
pub(crate) fn missing() -> Violation {
    Violation::new("body", "", "it is missing")
}

fn not_known(part: &'static str, name: &[u8]) -> Violation {
    Violation::new(part, String::from_utf8_lossy(name), "it is not known here")
}

fn cookie_names(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    let pairs = fields.all("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    let pairs = pairs.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split(|byte| *byte == b'=').next().unwrap_or_default())
}

impl Content {
    /// What is wrong with a body of a type that is read, at most so many things.
    pub(crate) fn check(
        &self,
        sort: Sort,
        body: &[u8],
        (limits, most): (&Limits, usize),
    ) -> Vec<Violation> {
        let value = match sort {
            Sort::Form => form(body, &self.shape).map_err(|what| Violation::new("body", "", what)),
            Sort::Json | Sort::Other => yumen_json::read(body, limits)
                .map_err(|wrong| Violation::new("body", &*wrong.pointer, wrong.to_string())),
        };
        match (value, &self.schema) {
            (Err(wrong), _) => vec![wrong],
            (Ok(_), None) => Vec::new(),
            (Ok(value), Some(schema)) => schema.violations(&value, ("body", "", most)),
        }
    }
}

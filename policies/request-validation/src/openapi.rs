//! From a document of OpenAPI to operations, found by method and path.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use yumen_http::media::MediaType;
use yumen_json::push_pointer;

use crate::config::Config;
use crate::document::Document;
use crate::findings::Findings;
use crate::media::{self, Sort};
use crate::operation::{BodyRule, Content, Operation};
use crate::parameter::{Parameter, Part, Style};
use crate::paths::Paths;
use crate::schema::Schema;
use crate::servers;
use crate::shape::Shape;
use crate::translate::Translator;

/// Methods that a document may describe, as they are written in it and in requests.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("trace", "TRACE"),
];
/// Header parameters that a document does not describe, whatever it says (OpenAPI 3.1, 4.8.12.2.1).
const IGNORED: [&str; 3] = ["accept", "authorization", "content-type"];
/// What stands for a schema that is left out.
static ANYTHING: Value = Value::Bool(true);
/// Paths of one document, with all that its servers put in front of them.
const PATHS_MAX: usize = 20_000;

/// All operations that a document describes.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub(crate) paths: Paths,
    /// By the number of a path: its methods, each with the number of an operation, and the names of what
    /// stands in it.
    pub(crate) items: Vec<Vec<(&'static str, usize)>>,
    pub(crate) operations: Vec<Operation>,
}

/// Reads a document.
pub(crate) fn read(document: &Document, config: &Config, findings: &mut Findings) -> Described {
    let mut reader = Reader {
        document,
        config,
        translator: Translator::new(document, config.formats),
        out: Described::default(),
        is_there: false,
    };
    let none = Map::new();
    let paths = document.at("/paths").and_then(Value::as_object).unwrap_or(&none);
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        let mut pointer = "/paths".to_owned();
        push_pointer(&mut pointer, path);
        reader.path((path, item), &pointer, findings);
    }
    match &config.operation {
        Some(name) if !reader.is_there => {
            findings.wrong("/paths", format!("there is no operation `{name}`"));
        }
        None if reader.out.operations.is_empty() => {
            findings.wrong("/paths", "there is no operation");
        }
        _ => {}
    }
    reader.out
}

struct Reader<'d> {
    document: &'d Document,
    config: &'d Config,
    translator: Translator<'d>,
    out: Described,
    /// Whether the one operation that is wanted was found.
    is_there: bool,
}

impl<'d> Reader<'d> {
    fn path(&mut self, (path, item): (&str, &'d Value), at: &str, findings: &mut Findings) {
        let (item, at) = match self.document.follow(item, at) {
            Ok(found) => found,
            Err(why) => return findings.wrong(at, why),
        };
        let mut methods = Vec::new();
        let mut bases = BTreeSet::new();
        let first = self.out.operations.len();
        for (key, method) in METHODS {
            let Some(operation) = item.get(key) else { continue };
            let name = operation.get("operationId").and_then(Value::as_str);
            let is_wanted =
                self.config.operation.as_deref().is_none_or(|wanted| name == Some(wanted));
            if !is_wanted {
                continue;
            }
            self.is_there = true;
            let inside = format!("{at}/{key}");
            let servers =
                [operation.get("servers"), item.get("servers"), self.document.at("/servers")];
            let servers = servers.into_iter().flatten().next();
            match &self.config.path_prefix {
                Some(prefix) => bases.extend([prefix.trim_end_matches('/').to_owned()]),
                None => bases.extend(servers::bases(servers, &inside, findings)),
            }
            let operation = self.operation((item, &at), (operation, &inside), findings);
            methods.push((method, self.out.operations.len()));
            self.out.operations.push(operation);
        }
        if methods.is_empty() {
            return;
        }
        let mut names = Vec::new();
        for base in bases {
            if self.out.items.len() >= PATHS_MAX {
                return findings.wrong("/paths", format!("there are more than {PATHS_MAX} paths"));
            }
            let next = self.out.items.len();
            let number = match self.out.paths.add(&format!("{base}{path}"), next) {
                Ok((number, found)) => {
                    names = found;
                    number
                }
                Err(why) => return findings.wrong(&at, why),
            };
            match self.out.items.get_mut(number) {
                None => self.out.items.push(methods.clone()),
                // The names of parameters tell nothing: such paths are one, if their methods are not the same.
                Some(known) => {
                    let is_same =
                        |(method, _): &&(&str, usize)| known.iter().any(|(own, _)| own == method);
                    if let Some((method, _)) = methods.iter().find(is_same) {
                        let message = format!("nothing tells its {method} from another one");
                        return findings.wrong(&at, message);
                    }
                    known.extend_from_slice(&methods);
                }
            }
        }
        for operation in self.out.operations.iter_mut().skip(first) {
            operation.in_path.clone_from(&names);
            let own = operation.parameters.iter().filter(|one| one.part == Part::Path);
            for parameter in own.filter(|one| !names.contains(&one.name)) {
                findings.wrong(&at, format!("the path has no `{{{}}}`", parameter.name));
            }
        }
    }

    fn operation(
        &mut self,
        (item, item_at): (&'d Value, &str),
        (operation, at): (&'d Value, &str),
        findings: &mut Findings,
    ) -> Operation {
        // An operation's own parameters stand in for the path's of the same name and place.
        let mut parameters: Vec<Parameter> = Vec::new();
        for (owner, at) in [(operation, at), (item, item_at)] {
            let all = owner.get("parameters").and_then(Value::as_array).into_iter().flatten();
            for (index, parameter) in all.enumerate() {
                let at = format!("{at}/parameters/{index}");
                let Some(parameter) = self.parameter(parameter, &at, findings) else { continue };
                let is_same = |known: &Parameter| {
                    known.part == parameter.part && known.name == parameter.name
                };
                if !parameters.iter().any(is_same) {
                    parameters.push(parameter);
                }
            }
        }
        let body = operation.get("requestBody");
        let body = body.and_then(|body| self.body(body, &format!("{at}/requestBody"), findings));
        Operation { parameters, in_path: Vec::new(), body }
    }

    fn parameter(
        &mut self,
        parameter: &'d Value,
        at: &str,
        findings: &mut Findings,
    ) -> Option<Parameter> {
        let (parameter, at) = match self.document.follow(parameter, at) {
            Ok(found) => found,
            Err(why) => {
                findings.wrong(at, why);
                return None;
            }
        };
        let at = at.as_str();
        let text = |key: &str| parameter.get(key).and_then(Value::as_str);
        let holds = |key: &str| parameter.get(key).and_then(Value::as_bool) == Some(true);
        let Some(name) = text("name") else {
            findings.wrong(at, "the parameter has no name");
            return None;
        };
        let part = match text("in") {
            Some("path") => Part::Path,
            Some("query") => Part::Query,
            Some("header") if IGNORED.iter().any(|one| name.eq_ignore_ascii_case(one)) => {
                return None;
            }
            Some("header") => Part::Header,
            Some("cookie") => Part::Cookie,
            _ => {
                findings.wrong(
                    at,
                    "the parameter is nowhere: `in` is not one of path, query, header, cookie",
                );
                return None;
            }
        };
        let style = style(text("style"), part, at, findings)?;
        let explode =
            parameter.get("explode").and_then(Value::as_bool).unwrap_or(style == Style::Form);
        let content =
            parameter.get("content").and_then(Value::as_object).and_then(|all| all.iter().next());
        let (schema, inside, is_json) = match (parameter.get("schema"), content) {
            (Some(schema), _) => (schema, format!("{at}/schema"), false),
            (None, Some((media, content))) => {
                if MediaType::read(media).is_none_or(|own| !own.is_json()) {
                    findings.unsupported(
                        at,
                        format!("a parameter of the type `{media}` is not looked at"),
                    );
                    return None;
                }
                let mut inside = format!("{at}/content");
                push_pointer(&mut inside, media);
                (content.get("schema").unwrap_or(&ANYTHING), format!("{inside}/schema"), true)
            }
            (None, None) => (&ANYTHING, at.to_owned(), false),
        };
        let (schema, shape) = self.schema(schema, &inside, findings)?;
        let parameter = Parameter {
            name: name.to_owned(),
            part,
            required: part == Part::Path || holds("required"),
            style,
            explode,
            is_json,
            allow_empty: holds("allowEmptyValue"),
            shape,
            schema,
        };
        if let Some(why) = unfit(&parameter) {
            findings.unsupported(at, why);
            return None;
        }
        Some(parameter)
    }

    fn body(&mut self, body: &'d Value, at: &str, findings: &mut Findings) -> Option<BodyRule> {
        let (body, at) = match self.document.follow(body, at) {
            Ok(found) => found,
            Err(why) => {
                findings.wrong(at, why);
                return None;
            }
        };
        let mut contents = Vec::new();
        for (media, content) in body.get("content").and_then(Value::as_object).into_iter().flatten()
        {
            let mut inside = format!("{at}/content");
            push_pointer(&mut inside, media);
            let Some(range) = MediaType::read(media) else {
                findings.wrong(&inside, format!("`{media}` is no media type"));
                continue;
            };
            contents.extend(self.content((range, content), &inside, findings));
        }
        if contents.is_empty() {
            return None;
        }
        contents.sort_by_key(|content| content.range.width());
        Some(BodyRule {
            required: body.get("required").and_then(Value::as_bool) == Some(true),
            contents,
        })
    }

    fn content(
        &mut self,
        (range, content): (MediaType, &'d Value),
        at: &str,
        findings: &mut Findings,
    ) -> Option<Content> {
        let text = Shape::of(&ANYTHING);
        let schema = content.get("schema");
        let is_read = media::may_be(&range, Sort::Json) || media::may_be(&range, Sort::Form);
        let Some(schema) = schema.filter(|_| is_read) else {
            if schema.is_some_and(|schema| !is_of_bytes(schema)) {
                findings
                    .unsupported(at, "bodies of this type are not looked into, only their type is");
            }
            return Some(Content { range, schema: None, shape: text });
        };
        if media::sort(&range) == Sort::Form && content.get("encoding").is_some() {
            findings.unsupported(at, "`encoding` of a form is not known");
            return Some(Content { range, schema: None, shape: text });
        }
        let (schema, shape) = self.schema(schema, &format!("{at}/schema"), findings)?;
        Some(Content { range, schema: Some(schema), shape })
    }

    fn schema(
        &mut self,
        schema: &Value,
        at: &str,
        findings: &mut Findings,
    ) -> Option<(Schema, Shape)> {
        let whole = self.translator.whole(schema, at, findings);
        match Schema::compile(&whole, self.config.formats) {
            Ok(schema) => Some((schema, Shape::of(&whole))),
            Err(why) => {
                findings.wrong(at, format!("the schema is none: {why}"));
                None
            }
        }
    }
}

/// Whether a schema says no more than that there are bytes.
fn is_of_bytes(schema: &Value) -> bool {
    let said = schema.as_object().into_iter().flatten();
    said.filter(|(key, _)| !matches!(key.as_str(), "format" | "description" | "example" | "title"))
        .all(|(key, value)| key == "type" && value == "string")
}

fn style(said: Option<&str>, part: Part, at: &str, findings: &mut Findings) -> Option<Style> {
    let style = match (said, part) {
        (None | Some("simple"), Part::Path | Part::Header) => Style::Simple,
        (None | Some("form"), Part::Query | Part::Cookie) => Style::Form,
        (Some("spaceDelimited"), Part::Query) => Style::SpaceDelimited,
        (Some("pipeDelimited"), Part::Query) => Style::PipeDelimited,
        (Some("deepObject"), Part::Query) => Style::DeepObject,
        (said, _) => {
            let said = said.unwrap_or_default();
            findings.unsupported(at, format!("the style `{said}` is not known there"));
            return None;
        }
    };
    Some(style)
}

/// Why a parameter cannot be read in the way that it is written.
pub(crate) fn unfit(parameter: &Parameter) -> Option<&'static str> {
    let Parameter { shape, style, explode, part, is_json, .. } = parameter;
    match (shape, style) {
        _ if *is_json => None,
        (Shape::Scalar(_), Style::DeepObject) | (Shape::List(_), Style::DeepObject) => {
            Some("the style `deepObject` is of objects only")
        }
        (Shape::Object(..), Style::SpaceDelimited | Style::PipeDelimited) => {
            Some("objects are not read in this style")
        }
        (Shape::List(_) | Shape::Object(..), Style::Form) if *part == Part::Cookie && *explode => {
            Some("lists and objects in cookies are read if they are not exploded: `explode: false`")
        }
        (Shape::List(_), Style::SpaceDelimited | Style::PipeDelimited) if *explode => {
            Some("an exploded list is of the style `form`")
        }
        _ => None,
    }
}

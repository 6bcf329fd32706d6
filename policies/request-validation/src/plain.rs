//! What requests have to be like, written without a document: one operation, by schemas.

use yumen_http::is_token;
use yumen_http::media::MediaType;
use yumen_model::report::Report;

use crate::Rules;
use crate::config::{BodyConfig, Config, ParameterConfig};
use crate::document;
use crate::media::{self, Sort};
use crate::openapi::unfit;
use crate::operation::{BodyRule, Content, Operation};
use crate::parameter::{Parameter, Part, Style};
use crate::paths::Paths;
use crate::schema::Schema;
use crate::shape::Shape;

/// Reads what is written.
pub(crate) fn read(config: &Config, at: &str, report: &mut Report) -> Option<Rules> {
    let mut operation = Operation::default();
    for (index, one) in config.parameters.iter().enumerate() {
        let at = format!("{at}.parameters[{index}]");
        let Some(parameter) = parameter(one, config, &at, report) else { continue };
        let is_same =
            |known: &Parameter| known.part == parameter.part && known.name == parameter.name;
        if operation.parameters.iter().any(is_same) {
            report.error(&at, format!("`{}` is there already", one.name)).hint("leave one out");
        }
        operation.parameters.push(parameter);
    }
    let body = config.body.as_ref();
    operation.body = body.and_then(|body| self::body(body, config, &format!("{at}.body"), report));
    let mut paths = Paths::default();
    if let Some(path) = &config.path {
        match paths.add(path, 0) {
            Ok((_, names)) => operation.in_path = names,
            Err(why) => {
                report.error(format!("{at}.path"), why).hint("such as `/orders/{id}`");
            }
        }
    }
    for parameter in operation.parameters.iter().filter(|one| one.part == Part::Path) {
        if !operation.in_path.contains(&parameter.name) {
            report
                .error(format!("{at}.path"), format!("it has no `{{{}}}`", parameter.name))
                .hint("such as `/orders/{id}`");
        }
    }
    Some(match &config.path {
        Some(_) => Rules::Path(paths, operation),
        None => Rules::One(operation),
    })
}

fn parameter(
    written: &ParameterConfig,
    config: &Config,
    at: &str,
    report: &mut Report,
) -> Option<Parameter> {
    let ParameterConfig { name, part, required, style, explode, schema } = written;
    let must_be_token = matches!(part, Part::Header | Part::Cookie);
    if name.is_empty() || must_be_token && !is_token(name.as_bytes()) {
        report.error(format!("{at}.name"), format!("`{name}` is no name")).hint("such as `limit`");
    }
    let usual = match part {
        Part::Path | Part::Header => Style::Simple,
        Part::Query | Part::Cookie => Style::Form,
    };
    let style = style.unwrap_or(usual);
    let is_known = style == usual
        || *part == Part::Query
            && matches!(style, Style::SpaceDelimited | Style::PipeDelimited | Style::DeepObject);
    if !is_known {
        report
            .error(format!("{at}.style"), "this style is not known there")
            .hint("`simple` in paths and headers, `form` elsewhere");
    }
    let schema = document::written(schema, &format!("{at}.schema"), report)?;
    let compiled = compile(&schema, config, &format!("{at}.schema"), report)?;
    let parameter = Parameter {
        name: name.clone(),
        part: *part,
        required: *required || *part == Part::Path,
        style,
        explode: explode.unwrap_or(style == Style::Form),
        is_json: false,
        allow_empty: false,
        shape: Shape::of(&schema),
        schema: compiled,
    };
    if let Some(why) = unfit(&parameter) {
        report.error(at, why).hint("say another `style`, or `explode`");
    }
    Some(parameter)
}

fn body(written: &BodyConfig, config: &Config, at: &str, report: &mut Report) -> Option<BodyRule> {
    let schema = match &written.schema {
        Some(schema) => Some(document::written(schema, &format!("{at}.schema"), report)?),
        None => None,
    };
    if written.content_types.is_empty() {
        report
            .error(format!("{at}.content_types"), "there is no type that a body may have")
            .hint("such as `application/json`");
    }
    let mut contents = Vec::new();
    for (index, text) in written.content_types.iter().enumerate() {
        let at_type = format!("{at}.content_types[{index}]");
        let Some(range) = MediaType::read(text) else {
            report
                .error(at_type, format!("`{text}` is no media type"))
                .hint("such as `application/json`");
            continue;
        };
        let is_read = media::may_be(&range, Sort::Json) || media::may_be(&range, Sort::Form);
        if schema.is_some() && !is_read {
            report
                .error(at_type, format!("bodies of `{text}` are not looked into"))
                .hint("such as `application/json`, or a body without `schema`");
        }
        let compiled = match schema.as_ref().filter(|_| is_read) {
            Some(schema) => Some(compile(schema, config, &format!("{at}.schema"), report)?),
            None => None,
        };
        let shape = Shape::of(schema.as_ref().unwrap_or(&serde_json::Value::Bool(true)));
        contents.push(Content { range, schema: compiled, shape });
    }
    contents.sort_by_key(|content| content.range.width());
    Some(BodyRule { required: written.required, contents })
}

fn compile(
    schema: &serde_json::Value,
    config: &Config,
    at: &str,
    report: &mut Report,
) -> Option<Schema> {
    let compiled = Schema::compile(schema, config.formats);
    let tell = |why: String| {
        report.error(at, format!("the schema is none: {why}")).hint("a JSON Schema (2020-12)");
    };
    compiled.map_err(tell).ok()
}

//! A document: read from text or from a configuration, and followed through its references.

use std::borrow::Cow;

use serde_json::Value;
use yumen_json::Limits;
use yumen_model::document::{Document as Tree, Environment, Source};
use yumen_model::report::{Report, Severity};

/// The longest text of a document.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// Values that a document may have.
const NODES_MAX: usize = 2_000_000;
/// References that lead to one another.
const HOPS_MAX: usize = 16;

/// A document whose parts refer to each other.
#[derive(Debug)]
pub(crate) struct Document {
    root: Value,
    /// What came of it is read by the older rules.
    pub(crate) is_older: bool,
}

/// Leaves references as they are: the text is somebody else's.
struct AsWritten;

impl Environment for AsWritten {
    fn variable(&self, name: &str) -> Option<String> {
        Some(format!("${{env:{name}}}"))
    }

    fn file(&self, path: &str, _within: &str) -> Result<String, String> {
        Ok(format!("${{file:{path}}}"))
    }
}

/// The value that a configuration gives: itself, or as text in JSON or YAML. What is wrong with the text
/// goes to the report.
pub(crate) fn written(value: &Value, at: &str, report: &mut Report) -> Option<Value> {
    let Value::String(text) = value else { return Some(value.clone()) };
    if text.len() > TEXT_BYTES_MAX {
        let most = TEXT_BYTES_MAX >> 20;
        report.error(at, format!("it is longer than {most} MiB")).hint("leave descriptions out");
        return None;
    }
    let first = text.trim_start().chars().next();
    if matches!(first, Some('{' | '[')) || matches!(text.trim(), "true" | "false") {
        let limits = Limits {
            members: usize::MAX,
            items: usize::MAX,
            name: usize::MAX,
            nodes: NODES_MAX,
            depth: yumen_json::DEPTH_MAX,
            rounded: true,
            ..Limits::default()
        };
        let read = yumen_json::read(text.as_bytes(), &limits);
        return read.map_err(|wrong| tell(&wrong.to_string(), at, report)).ok();
    }
    let mut own = Report::default();
    let source = Source { name: "the document".to_owned(), text: text.clone() };
    let tree = Tree::read(&[source], &AsWritten, &mut own);
    let value = yumen_model::read::<Value>(tree.root(), "", &mut own);
    own.locate(&tree);
    for problem in own.problems().iter().filter(|one| one.severity == Severity::Error) {
        let place = problem.at.as_ref().map(|place| format!("line {}: ", place.line));
        tell(&format!("{}{}", place.unwrap_or_default(), problem.message), at, report);
    }
    value.filter(|_| !own.has_errors())
}

#[cold]
fn tell(what: &str, at: &str, report: &mut Report) {
    report.error(at, format!("the text cannot be read: {what}")).hint("JSON, or YAML");
}

impl Document {
    /// A document, if its version is known.
    pub(crate) fn new(root: Value, at: &str, report: &mut Report) -> Option<Self> {
        let version = match root.get("openapi") {
            Some(Value::String(version)) => version.clone(),
            Some(Value::Number(version)) => version.to_string(),
            _ => String::new(),
        };
        let is_older = version == "3.0" || version.starts_with("3.0.");
        if !is_older && version != "3.1" && !version.starts_with("3.1.") {
            let said = if root.get("swagger").is_some() { "Swagger 2" } else { &*version };
            report
                .error(at, format!("it is no document of OpenAPI 3.0 or 3.1: `{said}`"))
                .hint("a document says so: `openapi: 3.1.0`");
            return None;
        }
        Some(Self { root, is_older })
    }

    /// The value at a pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer)
    }

    /// A value, or the one that it refers to, with its pointer. References lead into the document only.
    pub(crate) fn follow<'d>(
        &'d self,
        value: &'d Value,
        pointer: &str,
    ) -> Result<(&'d Value, String), String> {
        let (mut value, mut pointer) = (value, pointer.to_owned());
        for _ in 0..HOPS_MAX {
            let Some(reference) = value.get("$ref") else { return Ok((value, pointer)) };
            pointer = inner(reference)?;
            value = self.at(&pointer).ok_or_else(|| format!("there is no `#{pointer}`"))?;
        }
        Err(format!("more than {HOPS_MAX} references lead to one another"))
    }
}

/// The pointer that a reference into the document has.
pub(crate) fn inner(reference: &Value) -> Result<String, String> {
    let text = reference.as_str().ok_or("a `$ref` is no text")?;
    let Some(fragment) = text.strip_prefix('#') else {
        return Err(format!("`{text}` leads out of the document: bundle it first"));
    };
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return Err(format!("`{text}` is no pointer into the document"));
    }
    Ok(match fragment.contains('%') {
        false => fragment.to_owned(),
        true => decode(fragment).into_owned(),
    })
}

/// A text without its percent-encoding; as it is, if that leaves no text.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    // A plus is a plus here.
    let plus = text.replace('+', "%2B");
    match String::from_utf8(yumen_http::query::decoded(plus.as_bytes()).collect()) {
        Ok(decoded) => Cow::Owned(decoded),
        Err(_) => Cow::Borrowed(text),
    }
}

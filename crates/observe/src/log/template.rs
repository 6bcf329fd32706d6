//! A record as a text of the operator's own, with values in it.

use yumen_expr::{Piece, Problem, Template, Value};
use yumen_model::report::Report;

use super::{
    escape,
    names::{self, Asked, Name},
    redact::Secrets,
};
use crate::record::Record;

/// Written where there is no value.
const ABSENT: &[u8] = b"-";

/// Compiles what [`check`] has found nothing wrong with. A line end behind the last line, as YAML
/// has it in blocks, is not part of it.
pub(super) fn compile(text: &str) -> Result<Template<Name>, Vec<Problem>> {
    Template::compile(text.strip_suffix('\n').unwrap_or(text), &names::schema())
}

/// Says what is wrong with a template.
pub(super) fn check(text: &str, at: &str, report: &mut Report) {
    let template = match compile(text) {
        Ok(template) => template,
        Err(problems) => return names::complain(at, problems, report),
    };
    if template.constant().is_some() {
        report
            .error(at, "this is the same for every exchange")
            .hint("values stand in `%{...}`, such as `%{request.path}`");
    }
    let mut breaks = false;
    let (record, secrets) = (Record::default(), Secrets::default());
    template.pieces(&Asked::shown(&record, &secrets), |piece| {
        breaks |= matches!(piece, Piece::Text(text) if text.contains(&b'\n'));
    });
    if breaks {
        report
            .error(at, "there is a line end in it, but an exchange is one line")
            .hint("in YAML, a text after `>-` may be written on several lines");
    }
}

/// Appends one line. Values are escaped as in the quotes of JSON and capped, so that nobody who
/// is logged can end the line, or the quotes around a value.
pub(super) fn line(
    out: &mut Vec<u8>,
    template: &Template<Name>,
    record: &Record<'_>,
    secrets: &Secrets,
) {
    template.pieces(&Asked::shown(record, secrets), |piece| match piece {
        Piece::Text(text) => out.extend_from_slice(text),
        Piece::Value(Ok(Value::String(text) | Value::Bytes(text))) if !text.is_empty() => {
            escape::field(out, &text, escape::json);
        }
        Piece::Value(Ok(Value::String(_) | Value::Bytes(_)) | Err(_)) => {
            out.extend_from_slice(ABSENT);
        }
        // Numbers, times and addresses have no signs that could be harmful.
        Piece::Value(Ok(value)) => {
            if value.write(out).is_err() {
                out.extend_from_slice(ABSENT);
            }
        }
    });
    out.push(b'\n');
}

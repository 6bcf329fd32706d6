//! Functions of texts. A text may hold any bytes: those that are not UTF-8 count as one character
//! each, and nothing is repaired.

use memchr::memmem;

use super::Arguments;
use crate::error::Cause;
use crate::meter::Meter;
use crate::value::{Text, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFunction {
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Substring,
    IndexOf,
    LastIndexOf,
    Replace,
    Split,
    Join,
}

pub(super) const SIGNATURES: [(&str, TextFunction); 14] = [
    ("string.contains(string) -> bool", TextFunction::Contains),
    ("string.startsWith(string) -> bool", TextFunction::StartsWith),
    ("string.endsWith(string) -> bool", TextFunction::EndsWith),
    ("string.lowerAscii() -> string", TextFunction::LowerAscii),
    ("string.upperAscii() -> string", TextFunction::UpperAscii),
    ("string.trim() -> string", TextFunction::Trim),
    ("string.substring(int) -> string", TextFunction::Substring),
    ("string.substring(int, int) -> string", TextFunction::Substring),
    ("string.indexOf(string) -> int", TextFunction::IndexOf),
    ("string.lastIndexOf(string) -> int", TextFunction::LastIndexOf),
    ("string.replace(string, string) -> string", TextFunction::Replace),
    ("string.split(string) -> list(string)", TextFunction::Split),
    ("list(string).join() -> string", TextFunction::Join),
    ("list(string).join(string) -> string", TextFunction::Join),
];

pub(super) fn call<'a>(
    function: TextFunction,
    given: Arguments<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Cause> {
    if let (TextFunction::Join, [list, between, _]) = (function, &given) {
        return join(list, between, meter);
    }
    let [Value::String(text), more, last] = given else { return Err(Cause::Mismatch) };
    meter.bytes(text.len())?;
    Ok(match (function, more, last) {
        (TextFunction::Contains, Value::String(part), _) => {
            Value::Bool(memmem::find(&text, &part).is_some())
        }
        (TextFunction::StartsWith, Value::String(start), _) => {
            Value::Bool(text.starts_with(&start))
        }
        (TextFunction::EndsWith, Value::String(end), _) => Value::Bool(text.ends_with(&end)),
        (TextFunction::LowerAscii, ..) => {
            Value::String(match text.iter().any(u8::is_ascii_uppercase) {
                true => Text::Made(text.to_ascii_lowercase().into()),
                false => text,
            })
        }
        (TextFunction::UpperAscii, ..) => {
            Value::String(match text.iter().any(u8::is_ascii_lowercase) {
                true => Text::Made(text.to_ascii_uppercase().into()),
                false => text,
            })
        }
        (TextFunction::Trim, ..) => Value::String(trim(&text)),
        (TextFunction::Substring, Value::Int(from), to) => substring(&text, from, &to)?,
        (TextFunction::IndexOf, Value::String(part), _) => place(&text, memmem::find(&text, &part)),
        (TextFunction::LastIndexOf, Value::String(part), _) => {
            place(&text, memmem::rfind(&text, &part))
        }
        (TextFunction::Replace, Value::String(part), Value::String(by)) => {
            replace(text, &part, &by, meter)?
        }
        (TextFunction::Split, Value::String(at), _) => split(&text, &at, meter)?,
        _ => return Err(Cause::Mismatch),
    })
}

/// How many characters there are.
pub(super) fn characters(text: &[u8]) -> usize {
    if text.is_ascii() { text.len() } else { starts(text).count() }
}

/// Where each character begins.
fn starts(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut before = 0;
    text.utf8_chunks().flat_map(move |chunk| {
        let (valid, invalid) = (chunk.valid(), chunk.invalid());
        let at = before;
        before += valid.len() + invalid.len();
        let valid_starts = valid.char_indices().map(move |(start, _)| at + start);
        valid_starts.chain((0..invalid.len()).map(move |start| at + valid.len() + start))
    })
}

/// The byte at which a character begins; the one behind the last character has a place too.
fn byte_of(text: &[u8], character: i64) -> Option<usize> {
    let character = usize::try_from(character).ok()?;
    if text.is_ascii() {
        return (character <= text.len()).then_some(character);
    }
    starts(text).chain([text.len()]).nth(character)
}

/// The place of a byte, counted in characters; -1 if there is none.
fn place<'a>(text: &[u8], byte: Option<usize>) -> Value<'a> {
    let before = byte.and_then(|byte| text.get(..byte)).map(characters);
    Value::Int(before.and_then(|before| i64::try_from(before).ok()).unwrap_or(-1))
}

fn substring<'a>(text: &Text<'a>, from: i64, to: &Value<'_>) -> Result<Value<'a>, Cause> {
    let end = match to {
        Value::Int(to) => byte_of(text, *to),
        _ => Some(text.len()),
    };
    let (Some(start), Some(end)) = (byte_of(text, from), end) else {
        return Err(Cause::OutOfRange);
    };
    if start > end { Err(Cause::OutOfRange) } else { Ok(Value::String(text.part(start..end))) }
}

/// Without the white space at both ends.
fn trim<'a>(text: &Text<'a>) -> Text<'a> {
    let (start, end) = match std::str::from_utf8(text) {
        Ok(text) => {
            let start = text.len() - text.trim_start().len();
            (start, text.trim_end().len())
        }
        Err(_) => {
            let start = text.len() - text.trim_ascii_start().len();
            (start, text.trim_ascii_end().len())
        }
    };
    text.part(start..end.max(start))
}

fn replace<'a>(
    text: Text<'a>,
    part: &[u8],
    by: &[u8],
    meter: &mut Meter,
) -> Result<Value<'a>, Cause> {
    let mut made = Vec::new();
    let mut from = 0;
    for at in places(&text, part) {
        meter.bytes(by.len())?;
        meter.step()?;
        made.extend_from_slice(text.get(from..at).unwrap_or_default());
        made.extend_from_slice(by);
        from = at + part.len();
    }
    if made.is_empty() && from == 0 {
        return Ok(Value::String(text));
    }
    made.extend_from_slice(text.get(from..).unwrap_or_default());
    Ok(Value::made_string(made))
}

/// Where a part begins. A part without bytes is before each character and at the end.
fn places<'t>(text: &'t [u8], part: &'t [u8]) -> Box<dyn Iterator<Item = usize> + 't> {
    match part {
        [] => Box::new(starts(text).chain([text.len()])),
        part => Box::new(memmem::find_iter(text, part)),
    }
}

fn split<'a>(text: &Text<'a>, at: &[u8], meter: &mut Meter) -> Result<Value<'a>, Cause> {
    let mut parts = Vec::new();
    let mut from = 0;
    for place in places(text, at) {
        // Without bytes between them, parts are the characters.
        if at.is_empty() && place == 0 {
            continue;
        }
        meter.step()?;
        parts.push(Value::String(text.part(from..place)));
        from = place + at.len();
    }
    if !at.is_empty() {
        parts.push(Value::String(text.part(from..text.len())));
    }
    Ok(Value::made_list(parts))
}

fn join<'a>(list: &Value<'_>, between: &Value<'_>, meter: &mut Meter) -> Result<Value<'a>, Cause> {
    let between: &[u8] = match between {
        Value::Null => &[],
        Value::String(between) => between,
        _ => return Err(Cause::Mismatch),
    };
    let Value::List(list) = list else { return Err(Cause::Mismatch) };
    let mut made = Vec::new();
    for (place, item) in list.iter().enumerate() {
        let Value::String(text) = item else { return Err(Cause::Mismatch) };
        meter.step()?;
        meter.bytes(text.len().saturating_add(between.len()))?;
        if place > 0 {
            made.extend_from_slice(between);
        }
        made.extend_from_slice(&text);
    }
    Ok(Value::made_string(made))
}

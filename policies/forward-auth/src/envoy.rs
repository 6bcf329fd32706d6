//! The answer of Envoy's external authorization (`envoy.service.auth.v3.CheckResponse`), read from its
//! bytes within bounds. What is not wholly understood is no answer.

use serde_json::{Map, Number, Value};
use yumen_http::{Status, is_field_value, is_token};
use yumen_protobuf::{Part, Parts};

use crate::answered::{Answered, Denied, How, Told, Wrong};

/// Fields, names and parameters of one answer.
const ITEMS_MAX: usize = 200;
/// How deep metadata may be.
const DEPTH_MAX: usize = 16;
/// Values in metadata.
const VALUES_MAX: usize = 1000;
/// The status of a refusal that says none.
const FORBIDDEN: u16 = 403;

/// Reads an answer.
///
/// # Errors
/// When it is no such message to its last byte, has more than is kept, or has a field that would break a
/// head.
pub fn read(message: &[u8]) -> Result<Answered, Wrong> {
    let (mut status, mut ok, mut denied, mut metadata) = (None, None, None, None);
    for (number, part) in whole(message)? {
        match (number, part) {
            (1, Part::Bytes(message)) => once(&mut status, message)?,
            (2, Part::Bytes(message)) => once(&mut denied, message)?,
            (3, Part::Bytes(message)) => once(&mut ok, message)?,
            (4, Part::Bytes(message)) => once(&mut metadata, message)?,
            (5, _) => return Err("it says that it failed".into()),
            (1..=4, _) => return Err("a field of the wrong sort".into()),
            _ => {}
        }
    }
    // google.rpc.Status: code = 1, left out if it is OK. Nothing at all is no yes.
    let code = match (status, ok.or(denied)) {
        (Some(status), _) => whole(status)?.number(1).unwrap_or(0),
        (None, Some(_)) => 0,
        (None, None) => return Err("it says neither yes nor no".into()),
    };
    let mut answered = match (code, ok, denied) {
        (_, Some(_), Some(_)) => return Err("it says yes and no".into()),
        (0, None, Some(_)) => return Err("it says yes and describes a refusal".into()),
        (0, ok, None) => read_ok(ok.unwrap_or_default())?,
        // What is to happen to a request that passes does not matter to one that does not.
        (_, _, denied) => {
            let refused = Some(read_denied(denied.unwrap_or_default())?);
            Answered { refused, ..Answered::default() }
        }
    };
    if let Some(message) = metadata {
        let mut room = VALUES_MAX;
        answered.metadata = read_struct(message, DEPTH_MAX, &mut room)?;
    }
    Ok(answered)
}

fn whole(message: &[u8]) -> Result<Parts<'_>, Wrong> {
    Parts::whole(message).ok_or_else(|| "its bytes are no message".into())
}

/// Two of them would have to be joined; who writes messages with a library never sends two.
fn once<'a>(place: &mut Option<&'a [u8]>, message: &'a [u8]) -> Result<(), Wrong> {
    match place.replace(message) {
        None => Ok(()),
        Some(_) => Err("a part that comes twice".into()),
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), Wrong> {
    if list.len() >= ITEMS_MAX {
        return Err("it has too many fields or parameters".into());
    }
    list.push(item);
    Ok(())
}

/// `OkHttpResponse`.
fn read_ok(message: &[u8]) -> Result<Answered, Wrong> {
    let mut answered = Answered::default();
    for (number, part) in whole(message)? {
        let bytes = match part {
            Part::Bytes(bytes) => bytes,
            _ if matches!(number, 2 | 5..=8) => return Err("a field of the wrong sort".into()),
            _ => continue,
        };
        match number {
            2 => push(&mut answered.fields, read_field(bytes)?)?,
            5 => push(&mut answered.remove, read_name(bytes)?)?,
            6 => {
                let Told { name, value, .. } = read_field(bytes)?;
                push(&mut answered.to_client, (name, value))?;
            }
            7 => {
                let parameter = whole(bytes)?;
                let text = |number| text(parameter.clone().bytes(number).unwrap_or_default());
                push(&mut answered.set_parameters, (text(1)?, text(2)?))?;
            }
            8 => push(&mut answered.remove_parameters, text(bytes)?)?,
            _ => {}
        }
    }
    Ok(answered)
}

/// `DeniedHttpResponse`.
fn read_denied(message: &[u8]) -> Result<Denied, Wrong> {
    let (mut status, mut fields, mut body) = (0, Vec::new(), Vec::new());
    for (number, part) in whole(message)? {
        match (number, part) {
            // HttpStatus: code = 1.
            (1, Part::Bytes(bytes)) => status = whole(bytes)?.number(1).unwrap_or(0),
            (2, Part::Bytes(bytes)) => {
                let Told { name, value, .. } = read_field(bytes)?;
                push(&mut fields, (name, value))?;
            }
            (3, Part::Bytes(bytes)) => body = bytes.to_vec(),
            (1..=3, _) => return Err("a field of the wrong sort".into()),
            _ => {}
        }
    }
    let status = if status == 0 { FORBIDDEN } else { u16::try_from(status).unwrap_or(0) };
    let status = Status::new(status).filter(|status| !status.is_interim());
    Ok(Denied { status: status.ok_or("a status that ends nothing")?, fields, body })
}

/// `HeaderValueOption`.
fn read_field(message: &[u8]) -> Result<Told, Wrong> {
    let option = whole(message)?;
    let header = whole(option.clone().bytes(1).ok_or("a field without name and value")?)?;
    let name = read_name(header.clone().bytes(1).unwrap_or_default())?;
    let plain = header.clone().bytes(2).filter(|value| !value.is_empty());
    let value = plain.or(header.bytes(3)).unwrap_or_default();
    if !is_field_value(value) {
        return Err(Wrong(format!("a value of `{name}` that would break the head")));
    }
    // BoolValue: value = 1. Where nothing is said, a field is set.
    let appends = match option.clone().bytes(2) {
        Some(bytes) => Some(whole(bytes)?.number(1).unwrap_or(0) != 0),
        None => None,
    };
    let how = match (appends, option.number(3).unwrap_or(0)) {
        (Some(true), _) => How::Append,
        (Some(false), _) | (None, 0 | 2) => How::Set,
        (None, 1) => How::IfAbsent,
        (None, 3) => How::IfPresent,
        (None, _) => return Err("an action on a field that is not known".into()),
    };
    Ok(Told { name, value: value.to_vec(), how })
}

fn read_name(bytes: &[u8]) -> Result<String, Wrong> {
    let name = text(bytes)?;
    if is_token(bytes) { Ok(name) } else { Err("a name of a field that is none".into()) }
}

fn text(bytes: &[u8]) -> Result<String, Wrong> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_binary) => Err("a text that is none".into()),
    }
}

/// `google.protobuf.Struct`.
fn read_struct(
    message: &[u8],
    depth: usize,
    room: &mut usize,
) -> Result<Map<String, Value>, Wrong> {
    let mut map = Map::new();
    for entry in whole(message)?.all_bytes(1) {
        let entry = whole(entry)?;
        let key = text(entry.clone().bytes(1).unwrap_or_default())?;
        let value = read_value(entry.bytes(2).unwrap_or_default(), depth, room)?;
        map.insert(key, value);
    }
    Ok(map)
}

/// `google.protobuf.Value`; one that says nothing is nothing.
fn read_value(message: &[u8], depth: usize, room: &mut usize) -> Result<Value, Wrong> {
    let depth = depth.checked_sub(1).ok_or("metadata that is too deep")?;
    *room = room.checked_sub(1).ok_or("too many values in metadata")?;
    let mut value = Value::Null;
    for (number, part) in whole(message)? {
        value = match (number, part) {
            (1, Part::Number(_)) => Value::Null,
            (2, Part::Fixed(bytes)) => read_number(bytes)?,
            (3, Part::Bytes(bytes)) => Value::String(text(bytes)?),
            (4, Part::Number(number)) => Value::Bool(number != 0),
            (5, Part::Bytes(bytes)) => Value::Object(read_struct(bytes, depth, room)?),
            (6, Part::Bytes(bytes)) => {
                let items = whole(bytes)?.all_bytes(1);
                let items = items.map(|item| read_value(item, depth, room));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            (1..=6, _) => return Err("a field of the wrong sort".into()),
            _ => value,
        };
    }
    Ok(value)
}

/// A number; a whole one is one without a fraction.
fn read_number(bytes: &[u8]) -> Result<Value, Wrong> {
    /// Up to here a double tells whole numbers apart.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    let eight = bytes.first_chunk().ok_or("a number of the wrong size")?;
    let number = f64::from_le_bytes(*eight);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        return Ok(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number).ok_or_else(|| "a number that is none".into())
}

#[cfg(test)]
mod tests;

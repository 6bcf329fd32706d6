//! Values as text: what `string(...)` gives and what templates write.

use std::io::Write;

use crate::error::Cause;
use crate::value::Value;

/// Writes a value behind what is there. Texts and bytes are written as they are.
pub(crate) fn print(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
    let written = match value {
        Value::String(text) | Value::Bytes(text) => {
            out.extend_from_slice(text);
            return Ok(());
        }
        Value::Bool(holds) => write!(out, "{holds}"),
        Value::Int(number) => write!(out, "{number}"),
        Value::Uint(number) => write!(out, "{number}"),
        Value::Double(number) => double(*number, out),
        Value::Duration(duration) => write!(out, "{duration}"),
        Value::Timestamp(time) => write!(out, "{time}"),
        Value::Ip(address) => write!(out, "{address}"),
        Value::Cidr(network) => write!(out, "{network}"),
        Value::Null | Value::List(_) | Value::Map(_) => return Err(Cause::Mismatch),
    };
    written.map_err(|_memory_takes_all| Cause::Overflow)
}

/// The shortest that reads as the same number; with an exponent where it would be long.
fn double(number: f64, out: &mut Vec<u8>) -> std::io::Result<()> {
    let size = number.abs();
    if number.is_infinite() {
        return write!(out, "{}Infinity", if number < 0.0 { "-" } else { "" });
    }
    if size >= 1e21 || (size > 0.0 && size < 1e-6) {
        return write!(out, "{number:e}");
    }
    write!(out, "{number}")
}

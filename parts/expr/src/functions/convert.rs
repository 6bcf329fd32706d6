//! Conversions between numbers, texts and bytes.

use super::Arguments;
use crate::error::Cause;
use crate::meter::Meter;
use crate::print::print;
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convert {
    String,
    Int,
    Uint,
    Double,
    Bool,
    Bytes,
}

pub(super) const SIGNATURES: [(&str, Convert); 27] = [
    ("string(string) -> string", Convert::String),
    ("string(bool) -> string", Convert::String),
    ("string(int) -> string", Convert::String),
    ("string(uint) -> string", Convert::String),
    ("string(double) -> string", Convert::String),
    ("string(bytes) -> string", Convert::String),
    ("string(duration) -> string", Convert::String),
    ("string(timestamp) -> string", Convert::String),
    ("string(ip) -> string", Convert::String),
    ("string(cidr) -> string", Convert::String),
    ("int(int) -> int", Convert::Int),
    ("int(uint) -> int", Convert::Int),
    ("int(double) -> int", Convert::Int),
    ("int(string) -> int", Convert::Int),
    ("int(timestamp) -> int", Convert::Int),
    ("uint(uint) -> uint", Convert::Uint),
    ("uint(int) -> uint", Convert::Uint),
    ("uint(double) -> uint", Convert::Uint),
    ("uint(string) -> uint", Convert::Uint),
    ("double(double) -> double", Convert::Double),
    ("double(int) -> double", Convert::Double),
    ("double(uint) -> double", Convert::Double),
    ("double(string) -> double", Convert::Double),
    ("bool(bool) -> bool", Convert::Bool),
    ("bool(string) -> bool", Convert::Bool),
    ("bytes(bytes) -> bytes", Convert::Bytes),
    ("bytes(string) -> bytes", Convert::Bytes),
];

/// 2^63 and 2^64: a double must be below to become an int or a uint.
const ABOVE_INT: f64 = 9_223_372_036_854_775_808.0;
const ABOVE_UINT: f64 = 18_446_744_073_709_551_616.0;

pub(super) fn call<'a>(
    function: Convert,
    given: Arguments<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Cause> {
    let [value, ..] = given;
    match function {
        Convert::String => string(value, meter),
        Convert::Int => int(&value).map(Value::Int),
        Convert::Uint => uint(&value).map(Value::Uint),
        Convert::Double => double(&value).map(Value::Double),
        Convert::Bool => boolean(&value).map(Value::Bool),
        Convert::Bytes => match value {
            Value::Bytes(bytes) | Value::String(bytes) => Ok(Value::Bytes(bytes)),
            _ => Err(Cause::Mismatch),
        },
    }
}

fn string<'a>(value: Value<'a>, meter: &mut Meter) -> Result<Value<'a>, Cause> {
    match value {
        Value::String(_) => Ok(value),
        Value::Bytes(bytes) => {
            meter.bytes(bytes.len())?;
            let is_text = std::str::from_utf8(&bytes).is_ok();
            if is_text { Ok(Value::String(bytes)) } else { Err(Cause::Unreadable) }
        }
        value => {
            let mut text = Vec::new();
            print(&value, &mut text)?;
            Ok(Value::made_string(text))
        }
    }
}

/// Reads a text as a number or whatever else it can be read as.
fn read<T: std::str::FromStr>(text: &[u8]) -> Result<T, Cause> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Cause::Unreadable)
}

fn int(value: &Value<'_>) -> Result<i64, Cause> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_too_large| Cause::Overflow),
        Value::Double(number) if number.abs() < ABOVE_INT => {
            #[expect(clippy::cast_possible_truncation, reason = "without its fraction it fits")]
            let whole = number.trunc() as i64;
            Ok(whole)
        }
        Value::Double(_) => Err(Cause::Overflow),
        Value::String(text) => read(text),
        Value::Timestamp(time) => Ok(time.seconds()),
        _ => Err(Cause::Mismatch),
    }
}

fn uint(value: &Value<'_>) -> Result<u64, Cause> {
    match value {
        Value::Uint(number) => Ok(*number),
        Value::Int(number) => u64::try_from(*number).map_err(|_negative| Cause::Overflow),
        Value::Double(number) if (0.0..ABOVE_UINT).contains(number) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "without its fraction it fits"
            )]
            let whole = number.trunc() as u64;
            Ok(whole)
        }
        Value::Double(_) => Err(Cause::Overflow),
        Value::String(text) => read(text),
        _ => Err(Cause::Mismatch),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
fn double(value: &Value<'_>) -> Result<f64, Cause> {
    match value {
        Value::Double(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Uint(number) => Ok(*number as f64),
        Value::String(text) => read(text),
        _ => Err(Cause::Mismatch),
    }
}

fn boolean(value: &Value<'_>) -> Result<bool, Cause> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        Value::String(text) => match &**text {
            b"1" | b"t" | b"true" | b"TRUE" | b"True" => Ok(true),
            b"0" | b"f" | b"false" | b"FALSE" | b"False" => Ok(false),
            _ => Err(Cause::Unreadable),
        },
        _ => Err(Cause::Mismatch),
    }
}

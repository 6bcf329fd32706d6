//! `+ - * / %` on numbers, texts, lists and times. What is too large is an error, never wrong.

use crate::error::Cause;
use crate::meter::Meter;
use crate::operator::Operator;
use crate::value::{List, Text, Value};

/// Computes one operator of arithmetic.
pub(crate) fn compute<'a>(
    operator: Operator,
    one: &Value<'a>,
    other: &Value<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Cause> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => int(operator, *one, *other).map(Value::Int),
        (Value::Uint(one), Value::Uint(other)) => uint(operator, *one, *other).map(Value::Uint),
        (Value::Double(one), Value::Double(other)) => {
            double(operator, *one, *other).map(Value::Double)
        }
        (Value::Duration(_) | Value::Timestamp(_), _) => moment(operator, one, other),
        _ if operator == Operator::Add => joined(one, other, meter),
        _ => Err(Cause::Mismatch),
    }
}

/// Turns the sign of a number or of a duration.
pub(crate) fn negate<'a>(value: &Value<'a>) -> Result<Value<'a>, Cause> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or(Cause::Overflow),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Duration(span) => span.negated().map(Value::Duration).ok_or(Cause::Overflow),
        _ => Err(Cause::Mismatch),
    }
}

fn int(operator: Operator, one: i64, other: i64) -> Result<i64, Cause> {
    let result = match operator {
        Operator::Add => one.checked_add(other),
        Operator::Subtract => one.checked_sub(other),
        Operator::Multiply => one.checked_mul(other),
        Operator::Divide | Operator::Remainder if other == 0 => return Err(Cause::DivisionByZero),
        Operator::Divide => one.checked_div(other),
        Operator::Remainder => one.checked_rem(other),
        _ => return Err(Cause::Mismatch),
    };
    result.ok_or(Cause::Overflow)
}

fn uint(operator: Operator, one: u64, other: u64) -> Result<u64, Cause> {
    let result = match operator {
        Operator::Add => one.checked_add(other),
        Operator::Subtract => one.checked_sub(other),
        Operator::Multiply => one.checked_mul(other),
        Operator::Divide => return one.checked_div(other).ok_or(Cause::DivisionByZero),
        Operator::Remainder => return one.checked_rem(other).ok_or(Cause::DivisionByZero),
        _ => return Err(Cause::Mismatch),
    };
    result.ok_or(Cause::Overflow)
}

fn double(operator: Operator, one: f64, other: f64) -> Result<f64, Cause> {
    Ok(match operator {
        Operator::Add => one + other,
        Operator::Subtract => one - other,
        Operator::Multiply => one * other,
        Operator::Divide => one / other,
        _ => return Err(Cause::Mismatch),
    })
}

fn moment<'a>(operator: Operator, one: &Value<'_>, other: &Value<'_>) -> Result<Value<'a>, Cause> {
    let result = match (operator, one, other) {
        (Operator::Add, Value::Duration(one), Value::Duration(other)) => {
            one.plus(*other).map(Value::Duration)
        }
        (Operator::Subtract, Value::Duration(one), Value::Duration(other)) => {
            one.minus(*other).map(Value::Duration)
        }
        (Operator::Add, Value::Timestamp(time), Value::Duration(span))
        | (Operator::Add, Value::Duration(span), Value::Timestamp(time)) => {
            time.plus(*span).map(Value::Timestamp)
        }
        (Operator::Subtract, Value::Timestamp(time), Value::Duration(span)) => {
            time.minus(*span).map(Value::Timestamp)
        }
        (Operator::Subtract, Value::Timestamp(later), Value::Timestamp(earlier)) => {
            later.since(*earlier).map(Value::Duration)
        }
        _ => return Err(Cause::Mismatch),
    };
    result.ok_or(Cause::Overflow)
}

fn joined<'a>(one: &Value<'a>, other: &Value<'a>, meter: &mut Meter) -> Result<Value<'a>, Cause> {
    match (one, other) {
        (Value::String(one), Value::String(other)) => Ok(Value::String(text(one, other, meter)?)),
        (Value::Bytes(one), Value::Bytes(other)) => Ok(Value::Bytes(text(one, other, meter)?)),
        (Value::List(one), Value::List(other)) => {
            meter.steps(one.size() + other.size())?;
            let items = one.iter().chain(other.iter()).collect();
            Ok(Value::List(List::Made(items)))
        }
        _ => Err(Cause::Mismatch),
    }
}

fn text<'a>(one: &Text<'a>, other: &Text<'a>, meter: &mut Meter) -> Result<Text<'a>, Cause> {
    if one.is_empty() {
        return Ok(other.clone());
    }
    if other.is_empty() {
        return Ok(one.clone());
    }
    meter.bytes(one.len().saturating_add(other.len()))?;
    Ok(Text::Made([&**one, &**other].concat().into()))
}

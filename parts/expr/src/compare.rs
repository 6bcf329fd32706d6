//! Which values are equal, and which one is less.

use std::cmp::Ordering;

use crate::error::Cause;
use crate::meter::Meter;
use crate::value::{List, Map, Value};

/// One more than the largest `uint`: 2^64.
const ABOVE_WHOLE: f64 = 18_446_744_073_709_551_616.0;

impl Value<'_> {
    /// Whether two keys of maps are the same.
    pub(crate) fn is_key(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::String(one), Value::String(other)) => **one == **other,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            _ => numbers(self, other) == Some(Some(Ordering::Equal)),
        }
    }
}

/// Whether two values are equal. Values of different types are not, but for numbers.
pub(crate) fn equal(one: &Value<'_>, other: &Value<'_>, meter: &mut Meter) -> Result<bool, Cause> {
    Ok(match (one, other) {
        (Value::String(one), Value::String(other)) | (Value::Bytes(one), Value::Bytes(other)) => {
            one.len() == other.len() && {
                meter.bytes(one.len())?;
                **one == **other
            }
        }
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Duration(one), Value::Duration(other)) => one == other,
        (Value::Timestamp(one), Value::Timestamp(other)) => one == other,
        (Value::Ip(one), Value::Ip(other)) => one == other,
        (Value::Cidr(one), Value::Cidr(other)) => one == other,
        (Value::List(one), Value::List(other)) => lists(one, other, meter)?,
        (Value::Map(one), Value::Map(other)) => maps(one, other, meter)?,
        _ => numbers(one, other) == Some(Some(Ordering::Equal)),
    })
}

fn lists(one: &List<'_>, other: &List<'_>, meter: &mut Meter) -> Result<bool, Cause> {
    if one.size() != other.size() {
        return Ok(false);
    }
    for (one, other) in one.iter().zip(other.iter()) {
        meter.step()?;
        if !equal(&one, &other, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps(one: &Map<'_>, other: &Map<'_>, meter: &mut Meter) -> Result<bool, Cause> {
    let size = one.size();
    if size != other.size() {
        return Ok(false);
    }
    for key in (0..size).filter_map(|at| one.key(at)) {
        meter.steps(size)?;
        let same = match (one.get(&key), other.get(&key)) {
            (Some(one), Some(other)) => equal(&one, &other, meter)?,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which of two values is less. `None` if one of them is not a number (NaN): then nothing holds.
pub(crate) fn order(
    one: &Value<'_>,
    other: &Value<'_>,
    meter: &mut Meter,
) -> Result<Option<Ordering>, Cause> {
    Ok(Some(match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.cmp(other),
        (Value::String(one), Value::String(other)) | (Value::Bytes(one), Value::Bytes(other)) => {
            meter.bytes(one.len().min(other.len()))?;
            (**one).cmp(&**other)
        }
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Duration(one), Value::Duration(other)) => one.cmp(other),
        (Value::Timestamp(one), Value::Timestamp(other)) => one.cmp(other),
        _ => return numbers(one, other).ok_or(Cause::Mismatch),
    }))
}

/// Compares numbers of any type on one line. `None` if they are no numbers, `Some(None)` if one is
/// NaN.
fn numbers(one: &Value<'_>, other: &Value<'_>) -> Option<Option<Ordering>> {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(Some(one.cmp(&other))),
        (Some(one), None) => match other {
            Value::Double(other) => Some(whole_and_double(one, *other)),
            _ => None,
        },
        (None, Some(other)) => match one {
            Value::Double(one) => Some(whole_and_double(other, *one).map(Ordering::reverse)),
            _ => None,
        },
        (None, None) => match (one, other) {
            (Value::Double(one), Value::Double(other)) => Some(one.partial_cmp(other)),
            _ => None,
        },
    }
}

fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    }
}

/// Exact, also where a double cannot hold the whole number.
fn whole_and_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= ABOVE_WHOLE {
        return Some(Ordering::Less);
    }
    if double <= -ABOVE_WHOLE {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "between -2^64 and 2^64, without fraction")]
    let truncated = double.trunc() as i128;
    let fraction = double - double.trunc();
    Some(whole.cmp(&truncated).then_with(|| {
        // `-0.5` truncates to 0, which is greater than it.
        0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)
    }))
}

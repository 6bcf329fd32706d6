//! Lengths of time and moments: reading them, and their parts as calendars and clocks have them, in
//! UTC.

use super::Arguments;
use crate::error::Cause;
use crate::time::{SignedDuration, Timestamp};
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Duration,
    Timestamp,
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

pub(super) const SIGNATURES: [(&str, Moment); 19] = [
    ("duration(string) -> duration", Moment::Duration),
    ("duration(duration) -> duration", Moment::Duration),
    ("timestamp(string) -> timestamp", Moment::Timestamp),
    ("timestamp(int) -> timestamp", Moment::Timestamp),
    ("timestamp(timestamp) -> timestamp", Moment::Timestamp),
    ("timestamp.getFullYear() -> int", Moment::FullYear),
    ("timestamp.getMonth() -> int", Moment::Month),
    ("timestamp.getDate() -> int", Moment::Date),
    ("timestamp.getDayOfMonth() -> int", Moment::DayOfMonth),
    ("timestamp.getDayOfWeek() -> int", Moment::DayOfWeek),
    ("timestamp.getDayOfYear() -> int", Moment::DayOfYear),
    ("timestamp.getHours() -> int", Moment::Hours),
    ("timestamp.getMinutes() -> int", Moment::Minutes),
    ("timestamp.getSeconds() -> int", Moment::Seconds),
    ("timestamp.getMilliseconds() -> int", Moment::Milliseconds),
    ("duration.getHours() -> int", Moment::Hours),
    ("duration.getMinutes() -> int", Moment::Minutes),
    ("duration.getSeconds() -> int", Moment::Seconds),
    ("duration.getMilliseconds() -> int", Moment::Milliseconds),
];

pub(super) fn call<'a>(function: Moment, given: &Arguments<'_>) -> Result<Value<'a>, Cause> {
    let [value, ..] = given;
    match (function, value) {
        (Moment::Duration, Value::Duration(duration)) => Ok(Value::Duration(*duration)),
        (Moment::Duration, Value::String(text)) => {
            let read = std::str::from_utf8(text).ok().and_then(SignedDuration::parse);
            read.map(Value::Duration).ok_or(Cause::Unreadable)
        }
        (Moment::Timestamp, Value::Timestamp(time)) => Ok(Value::Timestamp(*time)),
        (Moment::Timestamp, Value::String(text)) => {
            let read = std::str::from_utf8(text).ok().and_then(Timestamp::parse);
            read.map(Value::Timestamp).ok_or(Cause::Unreadable)
        }
        (Moment::Timestamp, Value::Int(seconds)) => {
            Timestamp::from_seconds(*seconds).map(Value::Timestamp).ok_or(Cause::Overflow)
        }
        (part, Value::Duration(duration)) => part_of_duration(part, *duration).map(Value::Int),
        (part, Value::Timestamp(time)) => part_of_time(part, *time).map(Value::Int),
        _ => Err(Cause::Mismatch),
    }
}

/// The whole of it in one unit; only milliseconds are those that are left over from seconds.
fn part_of_duration(part: Moment, duration: SignedDuration) -> Result<i64, Cause> {
    Ok(match part {
        Moment::Hours => duration.seconds() / 3600,
        Moment::Minutes => duration.seconds() / 60,
        Moment::Seconds => duration.seconds(),
        Moment::Milliseconds => duration.milliseconds_of_second(),
        _ => return Err(Cause::Mismatch),
    })
}

fn part_of_time(part: Moment, time: Timestamp) -> Result<i64, Cause> {
    Ok(match part {
        Moment::FullYear => time.civil().year,
        Moment::Month => time.civil().month - 1,
        Moment::Date => time.civil().day,
        Moment::DayOfMonth => time.civil().day - 1,
        Moment::DayOfWeek => time.day_of_week(),
        Moment::DayOfYear => time.day_of_year(),
        Moment::Hours => time.civil().second / 3600,
        Moment::Minutes => time.civil().second / 60 % 60,
        Moment::Seconds => time.civil().second % 60,
        Moment::Milliseconds => time.milliseconds_of_second(),
        Moment::Duration | Moment::Timestamp => return Err(Cause::Mismatch),
    })
}

//! Lengths of time and moments, as CEL has them: read, written and computed in nanoseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECOND: i64 = 1_000_000_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The first moment there is: `0001-01-01T00:00:00Z`.
const FIRST_SECOND: i64 = -62_135_596_800;

/// The last second there is: `9999-12-31T23:59:59Z`.
const LAST_SECOND: i64 = 253_402_300_799;

/// A length of time, forwards or backwards: up to 292 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedDuration {
    /// In nanoseconds.
    pub nanoseconds: i64,
}

impl From<Duration> for SignedDuration {
    /// What is longer than 292 years becomes 292 years.
    fn from(duration: Duration) -> Self {
        Self { nanoseconds: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl SignedDuration {
    /// Reads `1h30m`, `-1.5s`, `500ms`, `0`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self { nanoseconds: 0 });
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (nanoseconds, after) = parse_part(rest)?;
            total = total.checked_add(nanoseconds)?;
            rest = after;
        }
        let is_empty = text.trim_start_matches(['-', '+']).is_empty();
        let nanoseconds = i64::try_from(total.checked_mul(sign)?).ok()?;
        (!is_empty).then_some(Self { nanoseconds })
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        Some(Self { nanoseconds: self.nanoseconds.checked_add(other.nanoseconds)? })
    }

    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        Some(Self { nanoseconds: self.nanoseconds.checked_sub(other.nanoseconds)? })
    }

    pub(crate) fn negated(self) -> Option<Self> {
        Some(Self { nanoseconds: self.nanoseconds.checked_neg()? })
    }

    /// Whole seconds.
    pub(crate) const fn seconds(self) -> i64 {
        self.nanoseconds / SECOND
    }

    /// The milliseconds that are left over from whole seconds.
    pub(crate) const fn milliseconds_of_second(self) -> i64 {
        self.nanoseconds % SECOND / 1_000_000
    }
}

impl std::fmt::Display for SignedDuration {
    /// Seconds with a fraction: `60.001s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.nanoseconds < 0 { "-" } else { "" };
        let nanoseconds = self.nanoseconds.unsigned_abs();
        let second = SECOND.unsigned_abs();
        write!(f, "{sign}{}", nanoseconds / second)?;
        write_fraction(f, nanoseconds % second)?;
        f.write_str("s")
    }
}

/// One number with its unit, in nanoseconds, and what stands behind it.
fn parse_part(text: &str) -> Option<(i128, &str)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (whole, rest) = text.split_at(text.find(|c| !is_digit(c))?);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c| !is_digit(c))?),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (unit, rest) = rest.split_at(rest.find(|c| is_digit(c) || c == '.').unwrap_or(rest.len()));
    let nanoseconds: i128 = match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "\u{b5}s" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(nanoseconds)?;
    let mut share = nanoseconds;
    for digit in fraction.bytes() {
        share /= 10;
        total = total.checked_add(share.checked_mul(i128::from(digit - b'0'))?)?;
    }
    Some((total, rest))
}

/// `.001` for 1,000,000 nanoseconds: as many digits as it takes, none for 0.
fn write_fraction(f: &mut std::fmt::Formatter<'_>, mut nanoseconds: u64) -> std::fmt::Result {
    if nanoseconds == 0 {
        return Ok(());
    }
    let mut digits = 9;
    while nanoseconds.is_multiple_of(10) {
        nanoseconds /= 10;
        digits -= 1;
    }
    write!(f, ".{nanoseconds:0digits$}")
}

/// A moment, between the years 1 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl From<SystemTime> for Timestamp {
    /// What is outside of the years becomes their first or last moment.
    fn from(time: SystemTime) -> Self {
        let nanoseconds = |duration: Duration| i128::try_from(duration.as_nanos());
        let since = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => nanoseconds(since).unwrap_or(i128::MAX),
            Err(before) => nanoseconds(before.duration()).map_or(i128::MIN, |since| -since),
        };
        Self::from_nanoseconds(since).unwrap_or(if since < 0 { Self::FIRST } else { Self::LAST })
    }
}

/// A moment as calendars write it, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    /// Seconds since midnight.
    pub(crate) second: i64,
}

impl Timestamp {
    const FIRST: Self = Self { seconds: FIRST_SECOND, nanoseconds: 0 };
    const LAST: Self = Self { seconds: LAST_SECOND, nanoseconds: 999_999_999 };

    /// So many seconds after 1970.
    pub(crate) fn from_seconds(seconds: i64) -> Option<Self> {
        let known = FIRST_SECOND..=LAST_SECOND;
        known.contains(&seconds).then_some(Self { seconds, nanoseconds: 0 })
    }

    fn from_nanoseconds(nanoseconds: i128) -> Option<Self> {
        let second = i128::from(SECOND);
        let seconds = i64::try_from(nanoseconds.div_euclid(second)).ok()?;
        let nanoseconds = u32::try_from(nanoseconds.rem_euclid(second)).ok()?;
        Some(Self { nanoseconds, ..Self::from_seconds(seconds)? })
    }

    fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * i128::from(SECOND) + i128::from(self.nanoseconds)
    }

    /// Reads what RFC 3339 describes: `2026-11-21T10:00:00.5+01:00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (time, rest) = rest.split_at_checked(8)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let fits = (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let (fraction, zone) = parse_fraction(rest)?;
        let offset = parse_zone(zone)?;
        let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
        let seconds = Self::from_seconds(seconds).filter(|_| fits)?.seconds;
        Some(Self { seconds, nanoseconds: fraction })
    }

    pub(crate) fn plus(self, duration: SignedDuration) -> Option<Self> {
        Self::from_nanoseconds(self.nanoseconds() + i128::from(duration.nanoseconds))
    }

    pub(crate) fn minus(self, duration: SignedDuration) -> Option<Self> {
        Self::from_nanoseconds(self.nanoseconds() - i128::from(duration.nanoseconds))
    }

    pub(crate) fn since(self, earlier: Self) -> Option<SignedDuration> {
        let nanoseconds = i64::try_from(self.nanoseconds() - earlier.nanoseconds()).ok()?;
        Some(SignedDuration { nanoseconds })
    }

    /// Whole seconds since 1970.
    pub(crate) const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The milliseconds that are left over from whole seconds.
    pub(crate) fn milliseconds_of_second(self) -> i64 {
        i64::from(self.nanoseconds / 1_000_000)
    }

    pub(crate) fn civil(self) -> Civil {
        let (year, month, day) = date(self.seconds.div_euclid(DAY));
        Civil { year, month, day, second: self.seconds.rem_euclid(DAY) }
    }

    /// 0 for Sunday.
    pub(crate) fn day_of_week(self) -> i64 {
        // 1970 began on a Thursday.
        (self.seconds.div_euclid(DAY) + 4).rem_euclid(7)
    }

    /// 0 for the first of January.
    pub(crate) fn day_of_year(self) -> i64 {
        self.seconds.div_euclid(DAY) - days(self.civil().year, 1, 1)
    }
}

impl std::fmt::Display for Timestamp {
    /// As RFC 3339 describes, in UTC.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Civil { year, month, day, second } = self.civil();
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write_fraction(f, u64::from(self.nanoseconds))?;
        f.write_str("Z")
    }
}

/// Three numbers of so many digits each, and nothing else.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut found = [0; 3];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

/// A fraction of a second in nanoseconds, if there is one, and what stands behind it.
fn parse_fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
    let fits = (1..=9).contains(&digits.len());
    let nanoseconds = format!("{digits:0<9}").parse().ok()?;
    fits.then_some((nanoseconds, rest))
}

/// Seconds that a clock is ahead of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let [hours, minutes, _] = numbers(&format!("{rest}:00"), ':', [2, 2, 2])?;
    let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970 to a date. Years begin in March here, so that the leap day is the last of one.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let of_cycle =
        year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100;
    year.div_euclid(400) * 146_097 + of_cycle + of_year - 719_468
}

/// The date so many days after 1970: the inverse of [`days`].
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let of_cycle = days.rem_euclid(146_097);
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + days.div_euclid(146_097) * 400 + next, month, day)
}

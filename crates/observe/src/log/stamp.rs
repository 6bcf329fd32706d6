//! The time of a record as text, with the part above a second kept from record to record.

use std::time::{Duration, SystemTime};

use crate::digits::{padded, three};

const SECONDS_A_DAY: u64 = 86_400;
/// The last second of the year 9999: later times are written as this one.
const SECOND_MAX: u64 = 253_402_300_799;
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Writes times in UTC; remembers the text of the last second it wrote.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    /// The second that the texts are of.
    second: Option<u64>,
    /// `2026-11-21T09:28:10.`
    rfc3339: Vec<u8>,
    /// `21/Nov/2026:09:28:10 +0000`
    combined: Vec<u8>,
}

impl Stamp {
    /// Appends `2026-11-21T09:28:10.123Z`.
    pub(crate) fn rfc3339(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        let since = self.turn_to(time);
        out.extend_from_slice(&self.rfc3339);
        let [a, b, c] = three(since.subsec_millis().into());
        out.extend_from_slice(&[a, b, c, b'Z']);
    }

    /// Appends `21/Nov/2026:09:28:10 +0000`.
    pub(crate) fn combined(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        self.turn_to(time);
        out.extend_from_slice(&self.combined);
    }

    /// Makes the texts those of `time` and returns it as time since 1970; earlier is 1970.
    fn turn_to(&mut self, time: SystemTime) -> Duration {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs().min(SECOND_MAX);
        if self.second != Some(second) {
            self.second = Some(second);
            self.write(second);
        }
        since
    }

    /// Makes the texts, which happens once a second.
    #[cold]
    fn write(&mut self, second: u64) {
        let (year, month, day) = date(second / SECONDS_A_DAY);
        let of_day = second % SECONDS_A_DAY;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let month_name = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index));

        let iso = &mut self.rfc3339;
        iso.clear();
        for (number, width, after) in [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (hour, 2, b':'),
            (minute, 2, b':'),
            (second, 2, b'.'),
        ] {
            padded(iso, number, width);
            iso.push(after);
        }

        let clf = &mut self.combined;
        clf.clear();
        padded(clf, day, 2);
        clf.push(b'/');
        clf.extend_from_slice(month_name.copied().unwrap_or_default());
        clf.push(b'/');
        for (number, width, after) in
            [(year, 4, b':'), (hour, 2, b':'), (minute, 2, b':'), (second, 2, b' ')]
        {
            padded(clf, number, width);
            clf.push(after);
        }
        clf.extend_from_slice(b"+0000");
    }
}

/// Year, month (1-12) and day (1-31) of a day counted from 1970-01-01.
///
/// Counts in eras of 400 years (146,097 days) that begin on the first of March, so that the leap
/// day is the last of its year and every month begins after a fixed number of days.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_MARCH_OF_0_TO_1970: u64 = 719_468;
    const DAYS_AN_ERA: u64 = 146_097;
    let days = days + DAYS_FROM_MARCH_OF_0_TO_1970;
    let (era, of_era) = (days / DAYS_AN_ERA, days % DAYS_AN_ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_after_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * months_after_march + 2) / 5 + 1;
    let month =
        if months_after_march < 10 { months_after_march + 3 } else { months_after_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;

//! The `Date` field (RFC 9110 section 6.6.1).

/// Writes a moment as an HTTP date, and remembers the last second that it wrote.
#[derive(Debug)]
pub struct Date {
    second: u64,
    text: [u8; 29],
}

impl Default for Date {
    fn default() -> Self {
        let mut date = Self { second: 0, text: *b"Thu, 01 Jan 1970 00:00:00 GMT" };
        date.write(0);
        date
    }
}

impl Date {
    /// The date of this second since the start of 1970.
    pub fn at(&mut self, second: u64) -> &[u8] {
        if second != self.second {
            self.write(second);
            self.second = second;
        }
        &self.text
    }

    fn write(&mut self, second: u64) {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let days = second / 86_400;
        let (year, month, day) = civil(days);
        let name = usize::try_from(days % 7).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"Thu");
        let month = month.checked_sub(1).and_then(|month| MONTHS.get(month)).unwrap_or(&"Jan");
        let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
        let text =
            format!("{name}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
        if let Ok(text) = <[u8; 29]>::try_from(text.as_bytes()) {
            self.text = text;
        }
    }
}

/// Year, month and day of a day since 1970-01-01 (the proleptic Gregorian calendar, by eras of
/// 400 years that start in March).
#[must_use]
pub fn civil(days: u64) -> (u64, usize, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1), day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        let mut date = Date::default();
        for (second, expect) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(date.at(second)), Ok(expect));
        }
    }
}

use std::time::{Duration, SystemTime};

use super::{SECONDS_A_DAY, Stamp, date};

fn check(millis: u64, rfc3339: &str, combined: &str) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    let mut stamp = Stamp::default();
    // Twice: written, and remembered.
    for _ in 0..2 {
        let (mut iso, mut clf) = (Vec::new(), Vec::new());
        stamp.rfc3339(&mut iso, time);
        stamp.combined(&mut clf, time);
        assert_eq!(String::from_utf8_lossy(&iso), rfc3339);
        assert_eq!(String::from_utf8_lossy(&clf), combined);
    }
}

#[test]
fn known_times_are_written_as_everybody_writes_them() {
    check(0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000");
    check(951_782_399_999, "2000-02-28T23:59:59.999Z", "28/Feb/2000:23:59:59 +0000");
    check(951_782_400_001, "2000-02-29T00:00:00.001Z", "29/Feb/2000:00:00:00 +0000");
    check(951_868_800_000, "2000-03-01T00:00:00.000Z", "01/Mar/2000:00:00:00 +0000");
    check(1_709_210_096_789, "2024-02-29T12:34:56.789Z", "29/Feb/2024:12:34:56 +0000");
    check(1_795_253_290_123, "2026-11-21T09:28:10.123Z", "21/Nov/2026:09:28:10 +0000");
    check(4_107_542_399_000, "2100-02-28T23:59:59.000Z", "28/Feb/2100:23:59:59 +0000");
    check(4_107_542_400_000, "2100-03-01T00:00:00.000Z", "01/Mar/2100:00:00:00 +0000");
    check(253_402_300_799_000, "9999-12-31T23:59:59.000Z", "31/Dec/9999:23:59:59 +0000");
    check(999_999_999_999_000, "9999-12-31T23:59:59.000Z", "31/Dec/9999:23:59:59 +0000");
}

#[test]
fn a_time_before_1970_is_1970() {
    let mut out = Vec::new();
    Stamp::default().rfc3339(&mut out, SystemTime::UNIX_EPOCH - Duration::from_secs(5));
    assert_eq!(out, b"1970-01-01T00:00:00.000Z");
}

/// Walks a calendar kept by plain counting, day by day, over two centuries with 2000 and 2100.
#[test]
fn every_day_of_two_centuries_follows_the_one_before() {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..73_000 {
        assert_eq!(date(days), (year, month, day), "day {days}");
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > last {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}

#[test]
fn a_clock_that_goes_back_is_followed() {
    let mut stamp = Stamp::default();
    let mut out = Vec::new();
    for seconds in [SECONDS_A_DAY, 0] {
        out.clear();
        stamp.combined(&mut out, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }
    assert_eq!(out, b"01/Jan/1970:00:00:00 +0000");
}

//! A moment as text.

use std::time::SystemTime;

use yumen_http::civil;

/// The last second of the year 9999: later times are written as this one.
const SECOND_MAX: u64 = 253_402_300_799;

/// `2026-11-21T09:28:10Z`; what is before 1970 is 1970.
pub(crate) fn stamp(time: SystemTime) -> String {
    let second = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let second = second.min(SECOND_MAX);
    let (year, month, day) = civil(second / 86_400);
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_are_written_as_rfc_3339_has_them() {
        for (second, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_944_490, "2026-11-29T09:28:10Z"),
            (SECOND_MAX + 1, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(second)), expect);
        }
    }
}

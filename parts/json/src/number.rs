//! Whether readers keep a number as it is written.

/// So many digits are kept by whoever reads numbers as IEEE 754 doubles.
const KEPT_DIGITS: usize = 15;
/// With exponents up to this, none of them is too large or too small for a double.
const PLAIN_EXPONENT: i64 = 280;

/// Whether a number is rounded by a reader that has integers of 64 bits and doubles. The text is a
/// number as JSON writes it.
pub(crate) fn is_rounded(text: &str) -> bool {
    let Some((digits, exponent)) = normal(text) else { return false };
    if digits.len() <= KEPT_DIGITS && exponent.abs() <= PLAIN_EXPONENT {
        return false;
    }
    if text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok() {
        return false;
    }
    let Ok(double) = text.parse::<f64>() else { return true };
    // The shortest text that reads as this double.
    !double.is_finite() || normal(&format!("{double:e}")) != Some((digits, exponent))
}

/// The digits of a number without zeros around them, and the power of ten of the first one; `None` if
/// the number is zero.
fn normal(text: &str) -> Option<(String, i64)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, part].concat();
    let zeros = all.bytes().take_while(|byte| *byte == b'0').count();
    let digits = all.trim_matches('0');
    if digits.is_empty() {
        return None;
    }
    // One that has no number of 64 bits is out of bounds either way.
    let exponent = match exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>() {
        Ok(exponent) => exponent,
        Err(_) if exponent.starts_with('-') => i64::MIN / 4,
        Err(_) => i64::MAX / 4,
    };
    let place = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / 4);
    let exponent = exponent.saturating_add(place(whole.len())).saturating_sub(1);
    Some((digits.to_owned(), exponent.saturating_sub(place(zeros))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_keep_is_not_rounded() {
        let kept = [
            "0",
            "-0",
            "0.0",
            "0e9",
            "1",
            "-1",
            "0.1",
            "1.10",
            "100000000000000000000",
            "1e22",
            "1e300",
            "9007199254740993",
            "18446744073709551615",
            "-9223372036854775808",
            "0.30000000000000004",
            "1.7976931348623157e308",
            "5e-324",
            "123456789012345.0",
            "0.000001000",
            "1E+2",
            "1000e-2",
            "0.1000000000000000055511151231257827021181583404541015625e0000",
        ];
        // The last one is the exact value of the double that is nearest to a tenth, and is read as 0.1.
        let (last, kept) = kept.split_last().unwrap();
        for text in kept {
            assert!(!is_rounded(text), "{text}");
        }
        assert!(is_rounded(last));
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "1.00000000000000001",
            "0.300000000000000044",
            "1e400",
            "-1e400",
            "1e-400",
            "123456789012345678901234567890",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "1.7976931348623159e308",
        ] {
            // The first two are powers of two, which doubles have, but their shortest text is another one.
            assert!(is_rounded(text), "{text}");
        }
    }
}

//! Numbers as decimal text, without the formatting machinery of the standard library.

/// Longest decimal text of a `u64`.
const DIGITS_MAX: usize = 20;

/// Appends `number`.
pub(crate) fn decimal(out: &mut Vec<u8>, number: u64) {
    padded(out, number, 1);
}

/// Appends `number` with leading zeros up to `width` digits, at most [`DIGITS_MAX`].
pub(crate) fn padded(out: &mut Vec<u8>, number: u64, width: usize) {
    if number < 10 && width <= 1 {
        return out.push(digit(number));
    }
    let mut digits = [b'0'; DIGITS_MAX];
    let mut rest = number;
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        if rest == 0 && used >= width {
            break;
        }
        *place = digit(rest % 10);
        rest /= 10;
        used += 1;
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - used..).unwrap_or(&[]));
}

/// The last digit of a number below 256.
fn digit(number: u64) -> u8 {
    b'0'.wrapping_add(number.to_le_bytes()[0])
}

/// Appends `thousandths` of a unit as a decimal fraction with three places: 1234 is `1.234`.
pub(crate) fn thousandths(out: &mut Vec<u8>, thousandths: u64) {
    decimal(out, thousandths / 1_000);
    out.push(b'.');
    padded(out, thousandths % 1_000, 3);
}

/// Appends `millionths` of a unit as a decimal fraction with six places: 1234 is `0.001234`.
pub(crate) fn millionths(out: &mut Vec<u8>, millionths: u64) {
    decimal(out, millionths / 1_000_000);
    out.push(b'.');
    padded(out, millionths % 1_000_000, 6);
}

#[cfg(test)]
mod tests {
    use super::{decimal, millionths, padded, thousandths};

    fn check(write: impl FnOnce(&mut Vec<u8>), expect: &str) {
        let mut out = b"-".to_vec();
        write(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), format!("-{expect}"));
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, 999_999_999, u64::MAX - 1, u64::MAX] {
            check(|out| decimal(out, number), &number.to_string());
        }
    }

    #[test]
    fn widths_and_fractions_keep_their_zeros() {
        check(|out| padded(out, 7, 3), "007");
        check(|out| padded(out, 1_234, 3), "1234");
        check(|out| padded(out, 0, 2), "00");
        check(|out| thousandths(out, 0), "0.000");
        check(|out| thousandths(out, 60_007), "60.007");
        check(|out| millionths(out, 1_234), "0.001234");
        check(|out| millionths(out, u64::MAX), "18446744073709.551615");
    }
}

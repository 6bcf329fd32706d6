//! Numbers as decimal text, without the formatting machinery of the standard library.

/// Appends `number`. Many are of one digit.
#[inline]
pub(crate) fn decimal(out: &mut Vec<u8>, number: u64) {
    if number < 10 { out.push(digit(number)) } else { digits(out, number) }
}

/// Appends a number of several digits, by threes.
fn digits(out: &mut Vec<u8>, number: u64) {
    match number {
        ..100 => out.extend_from_slice(&[digit(number / 10), digit(number % 10)]),
        100..1_000 => out.extend_from_slice(&three(number)),
        1_000.. => {
            decimal(out, number / 1_000);
            out.extend_from_slice(&three(number % 1_000));
        }
    }
}

/// Appends `number` with leading zeros up to `width` digits.
pub(crate) fn padded(out: &mut Vec<u8>, number: u64, width: u32) {
    let zeros = (1..width).rev().take_while(|digits| number < 10_u64.pow(*digits));
    out.extend(zeros.map(|_| b'0'));
    decimal(out, number);
}

/// Appends `thousandths` of a unit as a decimal fraction with three places: 1234 is `1.234`.
pub(crate) fn thousandths(out: &mut Vec<u8>, thousandths: u64) {
    decimal(out, thousandths / 1_000);
    let [a, b, c] = three(thousandths % 1_000);
    out.extend_from_slice(&[b'.', a, b, c]);
}

/// Appends `millionths` of a unit as a decimal fraction with six places: 1234 is `0.001234`.
pub(crate) fn millionths(out: &mut Vec<u8>, millionths: u64) {
    thousandths(out, millionths / 1_000);
    out.extend_from_slice(&three(millionths % 1_000));
}

/// The digits of a number below 1,000.
pub(crate) fn three(number: u64) -> [u8; 3] {
    [digit(number / 100), digit(number / 10 % 10), digit(number % 10)]
}

/// The digit of a number below 10.
fn digit(number: u64) -> u8 {
    b'0'.wrapping_add(number.to_le_bytes()[0])
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

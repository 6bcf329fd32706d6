//! RSA keys from chips whose primes can be guessed (ROCA, CVE-2017-15361).

/// Modulo each of these, the primes of such a chip are powers of 65537, and so is their product.
const PRIMES: [u64; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether a modulus has the mark of these chips. Another one has it by chance once in 2^27 times.
pub(crate) fn is_marked(modulus: &[u8]) -> bool {
    let rest =
        |prime: u64| modulus.iter().fold(0, |rest, byte| (rest * 256 + u64::from(*byte)) % prime);
    PRIMES.iter().all(|prime| is_power(rest(*prime), *prime))
}

/// Whether it is a power of 65537 modulo the prime.
fn is_power(number: u64, prime: u64) -> bool {
    let mut power = 1;
    (0..prime).any(|_| {
        power = power * 65537 % prime;
        power == number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_marked_and_others_not() {
        // 65537^3, and one more.
        let cube = 65537_u64.pow(3);
        assert!(is_marked(&cube.to_be_bytes()));
        assert!(is_marked(&1_u64.to_be_bytes()));
        assert!(!is_marked(&(cube + 2).to_be_bytes()));
        assert!(!is_marked(&[]) && !is_marked(&[0xff; 256]));
    }

    #[test]
    fn the_mark_is_rare_enough() {
        let share = |prime: u64| {
            let powers = (1..prime).filter(|number| is_power(*number, prime)).count();
            f64::from(u32::try_from(powers).unwrap()) / f64::from(u32::try_from(prime).unwrap())
        };
        let by_chance: f64 = PRIMES.iter().map(|prime| share(*prime)).product();
        assert!(by_chance < 2_f64.powi(-27), "{by_chance}");
    }
}

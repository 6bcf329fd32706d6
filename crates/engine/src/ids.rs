//! Ids of exchanges: 128 bits, as 32 hexadecimal digits (the form of a trace id, W3C Trace Context
//! section 3.2.2.3).

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// One worker's ids: they differ from each other and, but for chance, from everybody else's.
#[derive(Debug)]
pub(crate) struct Ids {
    /// As text.
    prefix: [u8; 16],
    count: Cell<u64>,
}

impl Default for Ids {
    fn default() -> Self {
        let random = RandomState::new();
        Self { prefix: hex(random.hash_one(0_u8)), count: Cell::new(random.hash_one(1_u8)) }
    }
}

impl Ids {
    pub(crate) fn next(&self) -> [u8; 32] {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        // A bijection (SplitMix64's), so that neighbours do not look alike.
        let mut mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mut id = [b'0'; 32];
        let (front, back) = id.split_at_mut(16);
        front.copy_from_slice(&self.prefix);
        back.copy_from_slice(&hex(mixed));
        id
    }
}

/// Two digits for every byte.
const PAIRS: [[u8; 2]; 256] = pairs();

#[expect(clippy::indexing_slicing, reason = "const table of all bytes")]
const fn pairs() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    table
}

fn hex(number: u64) -> [u8; 16] {
    let mut text = [b'0'; 16];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(number.to_be_bytes()) {
        *pair = PAIRS.get(usize::from(byte)).copied().unwrap_or(*b"00");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_hexadecimal() {
        let ids = Ids::default();
        assert_eq!(hex(0x0123_4567_89ab_cdef), *b"0123456789abcdef");
        let many: std::collections::HashSet<[u8; 32]> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(many.len(), 10_000);
        assert!(many.iter().flatten().all(u8::is_ascii_hexdigit));
    }
}

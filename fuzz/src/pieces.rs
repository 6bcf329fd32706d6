//! Cuts of an input that depend on nothing but the input, so that a finding comes back.

/// Small pseudo-random numbers (xorshift64*) that begin with a hash of the input.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(data: &[u8]) -> Self {
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash | 1)
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(rolled).expect("31 bits") % sides
    }

    pub(crate) fn is_even(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// The input cut in pieces of 1 to `longest` bytes, in order.
pub(crate) fn pieces<'a>(data: &'a [u8], longest: usize, dice: &mut Dice) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + dice.below(longest)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

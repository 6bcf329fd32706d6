//! Which priority a request goes to: pure, from how many endpoints of each are healthy.

/// The highest priority.
pub(crate) const PRIORITY_MAX: u8 = 7;
const LEVELS: usize = PRIORITY_MAX as usize + 1;
/// The load that the healthy ones of a priority take on, in percent of their share: with five
/// sevenths of them healthy it still takes everything.
const OVERLOAD_PERCENT: u64 = 140;

/// For each priority, the percent of requests that go to it or one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    ends: [u8; LEVELS],
}

impl Levels {
    /// From the priority of each endpoint that takes requests, and whether it is healthy.
    pub(super) fn new(endpoints: impl Iterator<Item = (u8, bool)>) -> Self {
        let mut counts = [(0_u64, 0_u64); LEVELS];
        for (priority, healthy) in endpoints {
            if let Some((all, well)) = counts.get_mut(usize::from(priority)) {
                *all += 1;
                *well += u64::from(healthy);
            }
        }
        let able = counts
            .map(|(all, well)| (well * OVERLOAD_PERCENT).checked_div(all).unwrap_or(0).min(100));
        // If all together cannot take everything, they share it as they can.
        let sum = able.iter().sum::<u64>();
        let whole = sum.clamp(1, 100);
        let mut left = 100;
        let mut end = 0;
        let ends = able.map(|able| {
            let part = if sum < 100 { able * 100 / whole } else { able.min(left) };
            left -= part.min(left);
            end += part;
            u8::try_from(end).unwrap_or(100)
        });
        Self { ends }
    }

    /// The priority of the request with this number.
    pub(crate) fn find(self, draw: u64) -> u8 {
        let percent = draw % 100;
        let found = self.ends.iter().position(|end| percent < u64::from(*end));
        // What rounding left over goes to the first that takes any.
        let found = found.or_else(|| self.ends.iter().position(|end| *end > 0));
        found.and_then(|found| u8::try_from(found).ok()).unwrap_or(0)
    }

    pub(super) fn pack(self) -> u64 {
        u64::from_le_bytes(self.ends)
    }

    pub(super) fn unpack(packed: u64) -> Self {
        Self { ends: packed.to_le_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::Levels;

    /// Percent of requests that each of three priorities gets.
    fn shares(groups: [(u8, u8); 3]) -> [u64; 3] {
        let endpoints = groups.iter().zip(0_u8..).flat_map(|((all, well), priority)| {
            (0..*all).map(move |index| (priority, index < *well))
        });
        let levels = Levels::unpack(Levels::new(endpoints).pack());
        let mut shares = [0; 3];
        (0..100).for_each(|draw| shares[usize::from(levels.find(draw))] += 1);
        shares
    }

    #[test]
    fn what_the_first_cannot_take_goes_to_the_next() {
        for (groups, expect) in [
            ([(2, 2), (2, 2), (0, 0)], [100, 0, 0]),
            ([(7, 5), (2, 2), (0, 0)], [100, 0, 0]),
            ([(2, 1), (2, 2), (0, 0)], [70, 30, 0]),
            ([(4, 1), (4, 1), (4, 4)], [35, 35, 30]),
            ([(2, 0), (2, 2), (2, 2)], [0, 100, 0]),
            ([(0, 0), (2, 0), (2, 2)], [0, 0, 100]),
            ([(4, 1), (0, 0), (0, 0)], [100, 0, 0]),
            ([(4, 1), (4, 1), (0, 0)], [50, 50, 0]),
            ([(2, 0), (2, 0), (2, 0)], [100, 0, 0]),
        ] {
            assert_eq!(shares(groups), expect, "{groups:?}");
        }
    }

    /// Whatever is healthy, every request has a priority, and none goes where nobody is healthy
    /// while somebody is elsewhere.
    #[test]
    fn nobody_is_sent_to_the_dead() {
        for bits in 0..(5_u32 * 5 * 5) {
            let wells = [bits % 5, bits / 5 % 5, bits / 25].map(|well| u8::try_from(well).unwrap());
            let shares = shares(wells.map(|well| (4, well)));
            assert_eq!(shares.iter().sum::<u64>(), 100);
            if wells != [0; 3] {
                for (well, share) in wells.iter().zip(shares) {
                    assert!(*well > 0 || share == 0, "{wells:?} {shares:?}");
                }
            }
        }
    }
}

//! The hash of a request's key: the same in every process, on every machine, in every version.

use super::random::mix;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes a key for consistent hashing: FNV-1a with 64 bits, then the finalizer of SplitMix64.
///
/// FNV-1a alone leaves the high bits of short keys alike; the finalizer spreads them. Who knows
/// the hash can make keys that meet at one endpoint; the load bound of [`yumen_model::Balance`]
/// limits what that does.
#[must_use]
pub fn hash_key(key: &[u8]) -> u64 {
    let fnv =
        key.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
    mix(fnv)
}

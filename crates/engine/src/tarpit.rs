//! Whoever tries credentials waits for each refusal, longer each time. Whoever brings good ones never
//! comes here, from the same address either.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Refusals that cost an address nothing: people mistype, programs are started with an old key.
const FREE: u32 = 5;
/// How long the first refusal waits that costs something; each further one twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);
/// After so long one refusal is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 4096;
/// Refusals that wait at the same time; further ones are told at once.
const HELD_MAX: usize = 1024;

/// What one worker remembers of addresses from which credentials were tried.
#[derive(Debug, Default)]
pub(crate) struct Tarpit {
    addresses: HashMap<IpAddr, Tried>,
    /// Until when refusals wait.
    held: Vec<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    refusals: u32,
    last: Instant,
}

impl Tried {
    /// How many are not forgotten.
    fn left(self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.last).as_secs() / FORGOTTEN.as_secs();
        self.refusals.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX))
    }
}

impl Tarpit {
    /// Another refusal of this address: how long it is to wait, if it is.
    pub(crate) fn refused(&mut self, address: IpAddr, now: Instant) -> Option<Duration> {
        let address = whose(address);
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&address) {
            self.make_room(now);
        }
        let tried = self.addresses.entry(address).or_insert(Tried { refusals: 0, last: now });
        *tried = Tried { refusals: tried.left(now).saturating_add(1), last: now };
        let beyond = tried.refusals.checked_sub(FREE + 1)?;
        // Whoever went away meanwhile counts until then, too.
        self.held.retain(|until| *until > now);
        if self.held.len() >= HELD_MAX {
            return None;
        }
        let wait = FIRST.saturating_mul(1 << beyond.min(16)).min(LONGEST);
        self.held.push(now + wait);
        Some(wait)
    }

    /// Forgets those who have tried least, half of all at least.
    fn make_room(&mut self, now: Instant) {
        let mut left: Vec<u32> = self.addresses.values().map(|tried| tried.left(now)).collect();
        let middle = left.len() / 2;
        let (_, least, _) = left.select_nth_unstable(middle);
        let least = *least;
        self.addresses.retain(|_, tried| tried.left(now) > least);
    }
}

/// Of IPv6 the network of 64 bits, which is one customer's.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn each_refusal_waits_longer() {
        let (mut tarpit, start) = (Tarpit::default(), Instant::now());
        let mut waits = |count: usize, at: u64| -> Vec<Option<u128>> {
            let now = start + Duration::from_secs(at);
            let wait = |tarpit: &mut Tarpit| tarpit.refused(address(1), now);
            let waits = (0..count).map(|_| wait(&mut tarpit).map(|wait| wait.as_millis()));
            waits.collect()
        };
        assert_eq!(waits(5, 0), [None; 5]);
        assert_eq!(waits(4, 1), [Some(100), Some(200), Some(400), Some(800)]);
        assert_eq!(waits(4, 2), [Some(1600), Some(3200), Some(5000), Some(5000)]);
        // Thirteen refusals: ten of them are forgotten after a hundred seconds.
        assert_eq!(waits(3, 102), [None, None, Some(100)]);
        assert_eq!(waits(1, 100_000), [None]);
    }

    #[test]
    fn addresses_are_told_apart_as_customers_are() {
        let (mut tarpit, now) = (Tarpit::default(), Instant::now());
        let mut tried = |text: &str| tarpit.refused(text.parse().unwrap(), now).is_some();
        assert!(!(0..5).any(|_| tried("2001:db8::1")));
        assert!(tried("2001:db8::ffff:1") && tried("2001:db8:0:0:1::"));
        assert!(!tried("2001:db8:0:1::1"));
        assert!(!(0..5).any(|_| tried("192.0.2.1")));
        assert!(tried("::ffff:192.0.2.1") && !tried("192.0.2.2"));
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_worst() {
        let (mut tarpit, now) = (Tarpit::default(), Instant::now());
        for _ in 0..20 {
            tarpit.refused(address(7), now);
        }
        for number in 100..100_000 {
            tarpit.refused(address(number), now);
            assert!(tarpit.addresses.len() <= ADDRESSES_MAX);
        }
        assert_eq!(tarpit.refused(address(7), now), Some(LONGEST));
    }

    #[test]
    fn only_so_many_are_held() {
        let (mut tarpit, now) = (Tarpit::default(), Instant::now());
        let held = (0..2000).filter(|_| tarpit.refused(address(1), now).is_some()).count();
        assert_eq!(held, HELD_MAX);
        assert_eq!(tarpit.refused(address(1), now + Duration::from_millis(99)), None);
        assert_eq!(tarpit.refused(address(1), now + FIRST), Some(LONGEST), "one is over");
        assert_eq!(tarpit.refused(address(1), now + FIRST), None);
    }
}

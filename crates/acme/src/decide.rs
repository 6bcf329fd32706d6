//! When to ask for which certificate: decided by what is held and by a journal of what was tried,
//! which is kept on disk. No files here and no clock; times are seconds since 1970.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// Orders in any hour, of all names together.
const ORDERS_PER_HOUR: usize = 60;
/// How long a name rests after its first order failed, in seconds; doubled with each further one.
/// No name fails more than five times in an hour.
const REST: u64 = 120;
/// The longest rest of a name, in seconds.
const REST_MAX: u64 = 6 * HOUR;
/// The same for an authority that cannot be reached: no order was placed then.
const UNREACHED: u64 = 2;
const UNREACHED_MAX: u64 = 600;
/// The longest that an authority may ask us to wait, in seconds.
const ASKED_MAX: u64 = 7 * DAY;

/// What was tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Journal {
    /// When orders were placed in the last hour.
    orders: VecDeque<u64>,
    /// The authority, while no orders can be placed.
    authority: Option<Failing>,
    /// Names whose last order did not bring a certificate.
    names: BTreeMap<String, Failing>,
}

/// What failed in a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Failing {
    times: u32,
    not_before: u64,
    why: String,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// A name that is to have a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) name: &'a str,
    pub(crate) held: Option<Held>,
}

/// How an order failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setback<'a> {
    pub(crate) why: &'a str,
    /// For how many seconds the authority wants to be left alone.
    pub(crate) asked: Option<u64>,
    /// It says nothing of the name: the authority was not reached, or refused a nonce.
    pub(crate) is_passing: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Place an order for the name at this position.
    Order(usize),
    /// Nothing before this time.
    Wait(u64),
    /// Nothing at all.
    Nothing,
}

impl Wish<'_> {
    /// When a certificate is to be asked for: at once, or when a third of its life is left, some a
    /// little earlier, so that those that came together are not renewed together.
    fn due(&self) -> u64 {
        let Some(Held { from, until }) = self.held else { return 0 };
        let life = until.saturating_sub(from);
        let early = spread(self.name, until) % (life / 30 + 1);
        until.saturating_sub(life / 3).saturating_sub(early)
    }
}

/// FNV-1a: the same everywhere, so that all nodes agree.
fn spread(name: &str, salt: u64) -> u64 {
    let bytes = name.bytes().chain(salt.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// First, then twice as long each time, and up to a quarter longer than that.
fn rest(first: u64, most: u64, times: u32, salt: u64) -> u64 {
    let rest = first.saturating_mul(1 << times.saturating_sub(1).min(30)).min(most);
    rest + salt % (rest / 4 + 1)
}

impl Journal {
    /// What to do next.
    pub(crate) fn next(&self, wishes: &[Wish<'_>], now: u64) -> Next {
        let at = |wish: &Wish<'_>| {
            let rests = self.names.get(wish.name).map_or(0, |failing| failing.not_before);
            wish.due().max(rests)
        };
        let due = wishes.iter().enumerate().map(|(index, wish)| (at(wish), wish, index));
        let free = self.free(now);
        if free <= now {
            // Who has none first, then who loses his first.
            let ready = due.clone().filter(|(at, ..)| *at <= now);
            let urgent = ready.min_by_key(|(_, wish, _)| wish.held.map_or(0, |held| held.until));
            if let Some((_, _, index)) = urgent {
                return Next::Order(index);
            }
        }
        match due.map(|(at, ..)| at).min() {
            Some(at) => Next::Wait(at.max(free).max(now + 1)),
            None => Next::Nothing,
        }
    }

    /// The names whose certificate is due and does not come, and why.
    pub(crate) fn setbacks(&self, wishes: &[Wish<'_>], now: u64) -> Vec<(String, String)> {
        let due = wishes.iter().filter(|wish| wish.due() <= now);
        let failing = due.filter_map(|wish| {
            let failing = self.names.get(wish.name).or(self.authority.as_ref())?;
            Some((wish.name.to_owned(), failing.why.clone()))
        });
        failing.collect()
    }

    /// When orders can be placed again, whatever the name.
    fn free(&self, now: u64) -> u64 {
        let authority = self.authority.as_ref().map_or(0, |failing| failing.not_before);
        let recent = self.orders.iter().filter(|order| now < **order + HOUR);
        let excess = recent.clone().count().checked_sub(ORDERS_PER_HOUR);
        let window = excess.and_then(|excess| recent.clone().nth(excess));
        window.map_or(0, |order| order + HOUR).max(authority)
    }

    /// How many orders for this name have failed in a row.
    pub(crate) fn failed_times(&self, name: &str) -> u32 {
        self.names.get(name).map_or(0, |failing| failing.times)
    }

    /// An order is about to be placed. Whoever ends in the middle of it leaves a name that rests
    /// for a while: a process that is started again and again is no reason to place orders again
    /// and again.
    pub(crate) fn begin(&mut self, name: &str, now: u64) {
        self.authority = None;
        self.orders.retain(|order| now < *order + HOUR);
        self.orders.push_back(now);
        self.names.retain(|_, failing| now < failing.not_before.saturating_add(DAY));
        let failing = self.names.entry(name.to_owned()).or_default();
        failing.times += 1;
        failing.not_before = now + rest(REST, REST_MAX, failing.times, 0) / 4;
        "it was broken off".clone_into(&mut failing.why);
    }

    /// The order has brought a certificate.
    pub(crate) fn succeeded(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// The order has failed. Says when the next one may be placed.
    pub(crate) fn failed(&mut self, name: &str, setback: Setback<'_>, now: u64) -> u64 {
        let Setback { why, asked, is_passing } = setback;
        let (first, most) = if is_passing { (UNREACHED, UNREACHED_MAX) } else { (REST, REST_MAX) };
        let failing = self.names.entry(name.to_owned()).or_default();
        failing.times = failing.times.max(1);
        let rest = rest(first, most, failing.times, spread(name, now));
        failing.not_before = now + rest.max(asked.unwrap_or(0).min(ASKED_MAX));
        why.clone_into(&mut failing.why);
        failing.not_before
    }

    /// No order could be placed, for any name. Says when to try again.
    pub(crate) fn unreached(&mut self, why: &str, asked: Option<u64>, now: u64) -> u64 {
        let failing = self.authority.get_or_insert_default();
        failing.times = failing.times.saturating_add(1);
        let rest = rest(UNREACHED, UNREACHED_MAX, failing.times, spread(why, now));
        failing.not_before = now + rest.max(asked.unwrap_or(0).min(ASKED_MAX));
        why.clone_into(&mut failing.why);
        failing.not_before
    }
}

#[cfg(test)]
mod tests;

//! What single consumers do: rows for as many as are wanted, and one for all others together.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{
    count::Count,
    exposition::{Exposition, Value, label},
    outcome, series,
    slots::Slots,
    table::Table,
};
use crate::record::Counted;

/// What those are called who have no row of their own. Every consumer has a name.
const OTHERS: &str = "";
/// Names without a row that a worker remembers; it forgets all of them when there are more.
const STRANGERS_MAX: usize = 4096;

/// The cells of consumers. Who calls first has a row, until as many have one as are wanted.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    rows: Table<String, ConsumerCells>,
    others: Table<(), ConsumerCells>,
    /// How many have a row of their own; 0: none is counted.
    most: AtomicUsize,
    /// Grows whenever rows may be gone or there may be room for more.
    generation: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct ConsumerCells {
    outcomes: Slots,
    received: Count,
    sent: Count,
}

/// The sum of a consumer over all workers.
#[derive(Debug, Default)]
pub(super) struct ConsumerSum {
    outcomes: BTreeMap<u16, u64>,
    received: u64,
    sent: u64,
}

/// What one worker has found, so that it does not look for it again.
#[derive(Debug, Default)]
pub(super) struct Found {
    generation: u64,
    rows: HashMap<String, Arc<ConsumerCells>>,
    /// Who found no room: there is none for as long as nothing changes.
    strangers: HashSet<String>,
    others: Option<Arc<ConsumerCells>>,
}

impl Consumers {
    /// From now on so many have a row of their own.
    pub(super) fn configure(&self, most: usize) {
        let before = self.most.swap(most, Ordering::Relaxed);
        if before == most {
            return;
        }
        if most < before {
            // Who of them is to stay, nobody can say.
            self.rows.retain(|_| false);
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Forgets those who are no more: others may have their rows.
    pub(super) fn forget(&self, is_known: impl Fn(&str) -> bool) {
        if self.rows.retain(|name| is_known(name)) {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether any are counted.
    pub(super) fn are_counted(&self) -> bool {
        self.most.load(Ordering::Relaxed) > 0
    }

    /// In the order of their names, the others last.
    pub(super) fn sums(&self) -> Vec<(String, ConsumerSum)> {
        let mut sums = self.rows.sums(add);
        let others = self.others.sums(add).into_iter().map(|((), sum)| (OTHERS.to_owned(), sum));
        sums.extend(others);
        sums
    }
}

fn add(sum: &mut ConsumerSum, cells: &ConsumerCells) {
    cells.outcomes.add_to(&mut sum.outcomes);
    sum.received = sum.received.wrapping_add(cells.received.read());
    sum.sent = sum.sent.wrapping_add(cells.sent.read());
}

impl Found {
    /// Counts an exchange of this consumer, on the thread of this worker.
    pub(super) fn count(
        &mut self,
        all: &Consumers,
        worker: u64,
        name: &str,
        Counted { status, received, sent, .. }: &Counted<'_>,
    ) {
        let cells = self.cells(all, worker, name);
        cells.outcomes.count(outcome::code_key(*status));
        cells.received.add(received.whole());
        cells.sent.add(sent.whole());
    }

    fn cells(&mut self, all: &Consumers, worker: u64, name: &str) -> Arc<ConsumerCells> {
        let generation = all.generation.load(Ordering::Acquire);
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
        if let Some(cells) = self.rows.get(name) {
            return Arc::clone(cells);
        }
        if !self.strangers.contains(name) {
            let most = all.most.load(Ordering::Relaxed);
            if let Some(cells) = all.rows.cells_within(worker, name.to_owned(), most) {
                self.rows.insert(name.to_owned(), Arc::clone(&cells));
                return cells;
            }
            if self.strangers.len() >= STRANGERS_MAX {
                self.strangers.clear();
            }
            self.strangers.insert(name.to_owned());
        }
        Arc::clone(self.others.get_or_insert_with(|| all.others.cells(worker, ())))
    }
}

/// Writes what they did.
pub(super) fn render(text: &mut Exposition<'_>, sums: &[(String, ConsumerSum)]) -> io::Result<()> {
    text.begin(series::CONSUMER_REQUESTS);
    for (name, sum) in sums {
        for (key, count) in &sum.outcomes {
            let labels = [label("consumer", name), label("code", &outcome::code_label(*key))];
            let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
            text.sample((series::CONSUMER_REQUESTS, ""), &labels, Value::Whole(*count))?;
        }
    }
    text.begin(series::CONSUMER_BYTES);
    for (name, sum) in sums {
        for (direction, bytes) in [("in", sum.received), ("out", sum.sent)] {
            let labels = [label("consumer", name), label("direction", direction)];
            let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
            text.sample((series::CONSUMER_BYTES, ""), &labels, Value::Whole(bytes))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Size, Source, Times};

    struct Worker<'c>(&'c Consumers, Found, u64);

    impl Worker<'_> {
        fn call(&mut self, name: &str) {
            let size = Size { head: 1, body: 2 };
            let counted = Counted {
                method: b"GET",
                status: 200,
                source: Source::Gateway,
                times: Times::default(),
                received: size,
                sent: size,
            };
            self.1.count(self.0, self.2, name, &counted);
        }
    }

    fn check(all: &Consumers, expect: &[(&str, u64)]) {
        let sums = all.sums();
        let counts: Vec<(&str, u64)> =
            sums.iter().map(|(name, sum)| (&**name, sum.outcomes.values().sum())).collect();
        assert_eq!(counts, expect);
        assert!(sums.iter().all(|(_, sum)| sum.sent == 3 * sum.outcomes.values().sum::<u64>()));
    }

    #[test]
    fn who_calls_first_has_a_row_and_nobody_is_in_two() {
        let all = Consumers::default();
        all.configure(2);
        let mut workers = [0, 1].map(|worker| Worker(&all, Found::default(), worker));
        for round in 0..3 {
            for name in ["a", "b", "c", "d"] {
                workers[round % 2].call(name);
            }
        }
        check(&all, &[("a", 3), ("b", 3), (OTHERS, 6)]);
        // The row of one who is gone is for whoever comes next.
        all.forget(|name| name != "a");
        workers[1].call("c");
        workers[0].call("c");
        workers[0].call("d");
        check(&all, &[("b", 3), ("c", 2), (OTHERS, 7)]);
        all.configure(3);
        workers[0].call("d");
        check(&all, &[("b", 3), ("c", 2), ("d", 1), (OTHERS, 7)]);
        all.configure(1);
        workers[0].call("d");
        check(&all, &[("d", 1), (OTHERS, 7)]);
    }

    #[test]
    fn a_million_names_take_no_more_than_the_rows_there_are() {
        let all = Consumers::default();
        all.configure(3);
        let mut worker = Worker(&all, Found::default(), 0);
        for name in 0..1_000_000 {
            worker.call(&name.to_string());
        }
        check(&all, &[("0", 1), ("1", 1), ("2", 1), (OTHERS, 999_997)]);
        assert!(worker.1.strangers.len() <= STRANGERS_MAX);
    }
}

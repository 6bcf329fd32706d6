//! The cells of every worker by name, and which names are still in use.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Rows that are looked at before the lock is given back: a worker that looks for its cells waits
/// for that many at most, however long the table is.
const ROWS_A_LOCK: usize = 64;

/// Rows by key. The cells of a row are written by their worker alone and live on with whoever
/// holds them when the row is gone.
#[derive(Debug)]
pub(super) struct Table<K, C> {
    rows: Mutex<BTreeMap<K, Row<C>>>,
    /// The keys in use; `None` before anybody said so.
    kept: Mutex<Option<Arc<BTreeSet<K>>>>,
}

#[derive(Debug)]
struct Row<C> {
    /// With the number of the worker that writes them.
    cells: Vec<(u64, Arc<C>)>,
    /// Since when the key is not in use.
    retired: Option<Instant>,
}

impl<K, C> Default for Table<K, C> {
    fn default() -> Self {
        Self { rows: Mutex::default(), kept: Mutex::default() }
    }
}

impl<K: Ord + Clone, C: Default> Table<K, C> {
    /// The cells of `worker` for `key`, made if there are none.
    pub(super) fn cells(&self, worker: u64, key: K) -> Arc<C> {
        Self::find(&mut lock(&self.rows), worker, key)
    }

    /// As [`Table::cells`]; `None` if there is no row for the key and as many rows as may be.
    pub(super) fn cells_within(&self, worker: u64, key: K, most: usize) -> Option<Arc<C>> {
        let mut rows = lock(&self.rows);
        let has_room = rows.len() < most || rows.contains_key(&key);
        has_room.then(|| Self::find(&mut rows, worker, key))
    }

    fn find(rows: &mut BTreeMap<K, Row<C>>, worker: u64, key: K) -> Arc<C> {
        let row = rows.entry(key).or_insert_with(|| Row { cells: Vec::new(), retired: None });
        if let Some((_, cells)) = row.cells.iter().find(|(owner, _)| *owner == worker) {
            return Arc::clone(cells);
        }
        let cells = Arc::new(C::default());
        row.cells.push((worker, Arc::clone(&cells)));
        cells
    }

    /// Forgets rows at once, unless they are wanted; says whether there were any.
    pub(super) fn retain(&self, is_wanted: impl Fn(&K) -> bool) -> bool {
        let mut rows = lock(&self.rows);
        let before = rows.len();
        rows.retain(|key, _| is_wanted(key));
        rows.len() < before
    }

    /// From now on these keys are in use and no others.
    pub(super) fn keep(&self, keys: BTreeSet<K>) {
        *lock(&self.kept) = Some(Arc::new(keys));
    }

    /// Notes which keys are in use at `now` and forgets rows that were not for `grace`.
    pub(super) fn sweep(&self, now: Instant, grace: Duration) {
        let Some(kept) = lock(&self.kept).clone() else { return };
        let mut kept = kept.iter().peekable();
        let mut after = Bound::Unbounded;
        loop {
            let mut rows = lock(&self.rows);
            let mut expired = Vec::new();
            let last = rows.range((after.clone(), Bound::Unbounded)).take(ROWS_A_LOCK).last();
            let Some(last) = last.map(|(key, _)| key.clone()) else { return };
            for (key, row) in rows.range_mut((after, Bound::Included(last.clone()))) {
                while kept.next_if(|kept| *kept < key).is_some() {}
                if kept.peek() == Some(&key) {
                    row.retired = None;
                } else if now.saturating_duration_since(*row.retired.get_or_insert(now)) >= grace {
                    expired.push(key.clone());
                }
            }
            for key in expired {
                rows.remove(&key);
            }
            after = Bound::Excluded(last);
        }
    }

    /// The sum of the cells of every row, in the order of keys.
    pub(super) fn sums<S: Default>(&self, add: impl Fn(&mut S, &C)) -> Vec<(K, S)> {
        let mut sums: Vec<(K, S)> = Vec::new();
        loop {
            let after = match sums.last() {
                Some((key, _)) => Bound::Excluded(key),
                None => Bound::Unbounded,
            };
            let part: Vec<(K, Vec<Arc<C>>)> = lock(&self.rows)
                .range((after, Bound::Unbounded))
                .take(ROWS_A_LOCK)
                .map(|(key, row)| {
                    (key.clone(), row.cells.iter().map(|(_, cells)| Arc::clone(cells)).collect())
                })
                .collect();
            if part.is_empty() {
                return sums;
            }
            sums.extend(part.into_iter().map(|(key, cells)| {
                let mut sum = S::default();
                cells.iter().for_each(|cells| add(&mut sum, cells));
                (key, sum)
            }));
        }
    }
}

/// A thread that panicked while it held the lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::Arc,
        time::{Duration, Instant},
    };

    use super::{super::count::Count, Table};

    const GRACE: Duration = Duration::from_secs(600);

    fn shown(table: &Table<u32, Count>) -> Vec<(u32, u64)> {
        table.sums(|sum, cell| *sum += cell.read())
    }

    #[test]
    fn a_worker_finds_its_own_cells_again_and_sums_hold_all_workers() {
        let table = Table::<u32, Count>::default();
        let first = table.cells(0, 7);
        assert!(Arc::ptr_eq(&first, &table.cells(0, 7)));
        assert!(!Arc::ptr_eq(&first, &table.cells(1, 7)));
        first.add(2);
        table.cells(1, 7).add(3);
        table.cells(1, 5).add(1);
        assert_eq!(shown(&table), [(5, 1), (7, 5)]);
    }

    #[test]
    fn rows_are_forgotten_after_their_grace_time_only() {
        let table = Table::<u32, Count>::default();
        let start = Instant::now();
        for key in 0..300 {
            table.cells(0, key).add(1);
        }
        table.sweep(start + 9 * GRACE, GRACE);
        assert_eq!(shown(&table).len(), 300, "nobody said what is in use");
        table.keep((0..300).filter(|key| key % 3 == 0).collect());
        table.sweep(start, GRACE);
        table.sweep(start + GRACE - Duration::from_millis(1), GRACE);
        assert_eq!(shown(&table).len(), 300);
        table.sweep(start + GRACE, GRACE);
        assert_eq!(shown(&table), (0..100).map(|key| (3 * key, 1)).collect::<Vec<_>>());
    }

    #[test]
    fn a_name_that_comes_back_in_time_loses_nothing() {
        let table = Table::<u32, Count>::default();
        let start = Instant::now();
        let cells = table.cells(0, 1);
        cells.add(5);
        table.keep(BTreeSet::new());
        table.sweep(start, GRACE);
        table.keep(BTreeSet::from([1]));
        table.sweep(start + 2 * GRACE, GRACE);
        table.keep(BTreeSet::new());
        table.sweep(start + 2 * GRACE, GRACE);
        table.sweep(start + 3 * GRACE - Duration::from_secs(1), GRACE);
        assert!(Arc::ptr_eq(&cells, &table.cells(0, 1)));
        assert_eq!(shown(&table), [(1, 5)]);
    }
}

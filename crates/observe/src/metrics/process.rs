//! Figures of this process, from the files that Linux keeps about it.

use std::fs;

use super::{
    exposition::Value,
    series::{self, Series},
};

/// Linux counts processor time for users in hundredths of a second on every machine we run on.
const MICROS_A_TICK: u64 = 10_000;

/// What could be read, in the order in which it is shown. A file that cannot be read costs its
/// figures only.
pub(super) fn figures() -> Vec<(Series, Value)> {
    let [stat, system, status, limits] =
        ["/proc/self/stat", "/proc/stat", "/proc/self/status", "/proc/self/limits"]
            .map(|path| fs::read_to_string(path).unwrap_or_default());
    [
        (series::CPU, cpu_micros(&stat).map(Value::Micros)),
        (series::START_TIME, start_micros(&stat, &system).map(Value::Micros)),
        (series::RESIDENT_BYTES, memory_bytes(&status, "VmRSS:").map(Value::Whole)),
        (series::VIRTUAL_BYTES, memory_bytes(&status, "VmSize:").map(Value::Whole)),
        (series::OPEN_FDS, open_files().map(Value::Whole)),
        (series::MAX_FDS, max_files(&limits).map(Value::Whole)),
    ]
    .into_iter()
    .filter_map(|(series, value)| Some((series, value?)))
    .collect()
}

/// A field of `/proc/self/stat` by its number in proc(5). The second one is the name of the
/// program, which may hold anything, parentheses too, so fields are counted behind it.
fn stat_field(stat: &str, number: usize) -> Option<u64> {
    const FIRST_BEHIND_NAME: usize = 3;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(number.checked_sub(FIRST_BEHIND_NAME)?)?.parse().ok()
}

fn cpu_micros(stat: &str) -> Option<u64> {
    let (user, system) = (stat_field(stat, 14)?, stat_field(stat, 15)?);
    user.checked_add(system)?.checked_mul(MICROS_A_TICK)
}

/// The start in ticks since boot, and the boot in seconds since 1970.
fn start_micros(stat: &str, system: &str) -> Option<u64> {
    let boot: u64 = value_of(system, "btime")?.parse().ok()?;
    let start = stat_field(stat, 22)?.checked_mul(MICROS_A_TICK)?;
    boot.checked_mul(1_000_000)?.checked_add(start)
}

fn memory_bytes(status: &str, key: &str) -> Option<u64> {
    value_of(status, key)?.parse::<u64>().ok()?.checked_mul(1_024)
}

fn max_files(limits: &str) -> Option<u64> {
    value_of(limits, "Max open files")?.parse().ok()
}

/// The first word behind `key` on the line that begins with it.
fn value_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_ascii_whitespace().next()
}

fn open_files() -> Option<u64> {
    // Reading the list opens a file itself, which is not counted.
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(files.saturating_sub(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::{cpu_micros, figures, max_files, memory_bytes, start_micros};

    const STAT: &str = "42 (a) b (c)) S 1 42 42 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 \
                        12345 1000000 250 18446744073709551615";

    #[test]
    fn figures_are_read_behind_any_program_name() {
        assert_eq!(cpu_micros(STAT), Some(2_000_000));
        assert_eq!(start_micros(STAT, "cpu 1\nbtime 1700000000\n"), Some(1_700_000_123_450_000));
        assert_eq!(cpu_micros("nonsense"), None);
        assert_eq!(cpu_micros("1 (x) S 1"), None);
        let status = "VmPeak:\t 9 kB\nVmSize:\t  4 kB\nVmRSS:\t    3 kB\n";
        assert_eq!(memory_bytes(status, "VmRSS:"), Some(3_072));
        let limits = "Max processes  1 1 processes\nMax open files            1024  4096  files\n";
        assert_eq!(max_files(limits), Some(1_024));
        assert_eq!(max_files("Max open files   unlimited  unlimited  files"), None);
    }

    #[test]
    fn this_process_has_all_figures() {
        assert_eq!(figures().len(), 6);
    }
}

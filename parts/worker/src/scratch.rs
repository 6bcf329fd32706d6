//! The buffers that a worker lends to whoever reads or writes right now, so that no connection
//! holds one while it waits.

use std::cell::Cell;
use std::thread::LocalKey;

/// What the buffer holds without growing: a head and a good read of a body. It should fit into a
/// core's own cache. A buffer that had to grow is not kept.
pub const CAPACITY: usize = 128 * 1024;

/// What the small buffer holds: a usual head, and little behind it that would have to be copied
/// away.
const SMALL_CAPACITY: usize = 8 * 1024;

/// What the buffer for sealed bytes holds: four records.
const SEALED_CAPACITY: usize = 68 * 1024;

thread_local! {
    static SEALED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static SMALL: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the empty buffer for the length of a call. It must not be needed across an `await`. A
/// call inside a call gets a buffer of its own.
pub fn with<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    lend(&BUFFER, CAPACITY, work)
}

/// Lends a small buffer in the same way: for a read of which most will be kept.
pub fn with_small<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    lend(&SMALL, SMALL_CAPACITY, work)
}

/// Lends a buffer for sealed bytes, beside the one that the plain bytes are in.
pub(crate) fn with_sealed<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    lend(&SEALED, SEALED_CAPACITY, work)
}

fn lend<R>(
    place: &'static LocalKey<Cell<Vec<u8>>>,
    capacity: usize,
    work: impl FnOnce(&mut Vec<u8>) -> R,
) -> R {
    let mut buffer = place.take();
    buffer.clear();
    buffer.reserve_exact(capacity);
    let result = work(&mut buffer);
    if buffer.capacity() <= capacity {
        place.set(buffer);
    }
    result
}

//! The buffer that a worker lends to whoever reads or writes right now, so that no connection
//! holds one while it waits.

use std::cell::Cell;

/// What the buffer holds without growing: a head and a good read of a body. It should fit into a
/// core's own cache. A buffer that had to grow is not kept.
pub const CAPACITY: usize = 128 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the empty buffer for the length of a call. It must not be needed across an `await`. A
/// call inside a call gets a buffer of its own.
pub fn with<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = BUFFER.take();
    buffer.clear();
    buffer.reserve_exact(CAPACITY);
    let result = work(&mut buffer);
    if buffer.capacity() <= CAPACITY {
        BUFFER.set(buffer);
    }
    result
}

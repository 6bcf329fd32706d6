//! Bytes of a body on their way through the HTTP/2 library, which say when they are through.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use bytes::{Buf, Bytes};
use yumen_policy::Watch;

/// What became of the pieces of one body.
#[derive(Debug)]
pub(super) struct Meter {
    watch: Rc<Watch>,
    /// Bytes that are with the library.
    queued: Cell<usize>,
    /// Some of them were thrown away.
    lost: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Meter {
    pub(super) fn new(watch: &Rc<Watch>) -> Rc<Self> {
        Rc::new(Self {
            watch: Rc::clone(watch),
            queued: Cell::new(0),
            lost: Cell::new(false),
            waker: RefCell::default(),
        })
    }

    /// Bytes that are still with the library.
    pub(super) fn queued(&self) -> usize {
        self.queued.get()
    }

    /// Bytes that went on their way to the client.
    pub(super) fn sent(&self) -> u64 {
        self.watch.sent.get()
    }

    /// Whether bytes were thrown away, because nobody wants them any more.
    pub(super) fn has_lost(&self) -> bool {
        self.lost.get()
    }

    /// Wakes this task when the library has no bytes any more.
    pub(super) fn wake_at_end(&self, context: &Context<'_>) {
        *self.waker.borrow_mut() = Some(context.waker().clone());
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Some bytes of a body.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    meter: Rc<Meter>,
}

impl Piece {
    pub(super) fn new(bytes: impl Into<Bytes>, meter: &Rc<Meter>) -> Self {
        let bytes = bytes.into();
        meter.queued.set(meter.queued.get() + bytes.len());
        Self { bytes, meter: Rc::clone(meter) }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        let Meter { watch, queued, .. } = &*self.meter;
        watch.sent.set(watch.sent.get() + count as u64);
        queued.set(queued.get().saturating_sub(count));
        if queued.get() == 0 {
            self.meter.wake();
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            let queued = &self.meter.queued;
            queued.set(queued.get().saturating_sub(self.bytes.len()));
            self.meter.lost.set(true);
            self.meter.wake();
        }
    }
}

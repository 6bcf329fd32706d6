//! Counts the steps of one evaluation, so that none takes long.

use crate::error::Cause;
use crate::limits::{BYTES_PER_STEP, KEYS_PER_STEP, STEPS_MAX};

/// How many steps an evaluation may still take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    left: u32,
}

impl Meter {
    pub(crate) const fn new() -> Self {
        Self { left: STEPS_MAX }
    }

    /// One operator, function, name or item.
    pub(crate) fn step(&mut self) -> Result<(), Cause> {
        self.steps(1)
    }

    /// So many steps at once.
    pub(crate) fn steps(&mut self, steps: usize) -> Result<(), Cause> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.left.checked_sub(steps));
        self.left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Cause::TooManySteps)
    }

    /// Bytes that are read or made.
    pub(crate) fn bytes(&mut self, bytes: usize) -> Result<(), Cause> {
        self.steps(bytes / BYTES_PER_STEP)
    }

    /// Keys of a map that are compared.
    pub(crate) fn keys(&mut self, keys: usize) -> Result<(), Cause> {
        self.steps(keys / KEYS_PER_STEP)
    }
}

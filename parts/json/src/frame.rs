//! One object or list that is open while a text is read.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::scan::Quoted;

/// Of so many names each is compared with each.
const FEW: usize = 8;

/// An object or list that is open.
#[derive(Debug)]
pub(crate) enum Frame<'t> {
    /// An object, and the name of the member that is being read, once it is known.
    Object { names: Names<'t>, current: Option<Quoted<'t>> },
    /// A list, and how many items it has so far.
    List { items: usize },
}

/// Names that an object has so far.
#[derive(Debug, Default)]
pub(crate) struct Names<'t> {
    first: Vec<Cow<'t, str>>,
    /// All of them, once there are more than a few. Keyed by chance: nobody can choose names that fall
    /// together.
    all: HashSet<Cow<'t, str>>,
}

impl<'t> Names<'t> {
    pub(crate) fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    /// Adds one; whether it was not there.
    pub(crate) fn add(&mut self, name: Cow<'t, str>) -> bool {
        if self.all.is_empty() {
            if self.first.contains(&name) {
                return false;
            }
            if self.first.len() < FEW {
                self.first.push(name);
                return true;
            }
            self.all.extend(self.first.drain(..));
        }
        self.all.insert(name)
    }
}

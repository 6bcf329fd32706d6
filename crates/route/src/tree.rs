//! The tree in which entries are found: from one root to the hosts, and on by path segments.
//!
//! One table holds the edges of all nodes. What it is asked for depends on the path alone and not
//! on what was found for the segments before, so that the cache misses of all steps overlap, and
//! entries lie beside each other by node: a lookup costs nearly the same however many rules there
//! are. Each node knows the best rank at or below it; a walk skips what could not win any more.

mod growing;
mod table;

use crate::expression::Expressions;

pub(crate) use growing::{Growing, Spot, TooMany, Unfinished, index};
use table::{Table, step};

/// Stands for "none" where an index is kept.
pub(crate) const NONE: u32 = u32::MAX;

/// The node whose children are the hosts.
const ROOT: u32 = 0;

/// One host and one path of a rule, with what is needed to decide without looking further.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The position in the total order.
    pub(crate) rank: u32,
    pub(crate) rule: u32,
    pub(crate) methods: u64,
    /// Where the other conditions are, or [`NONE`].
    pub(crate) conditions: u32,
    /// Where the parameters of the path are.
    pub(crate) parameters: u32,
}

/// Is offered what fits in host and path, in lists that are sorted by rank.
pub(crate) trait Gather {
    /// Whether an entry of this rank could still matter.
    fn wants(&self, rank: u32) -> bool;
    fn offer(&mut self, entries: &[Entry]);
}

/// The compiled tree.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    table: Table,
    /// The hosts and segments of all nodes.
    text: Vec<u8>,
    entries: Vec<Entry>,
    passes: Vec<Vec<Pass>>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The lowest rank here and below.
    best: u32,
    /// The node before, and the host or literal segment that leads from there to here.
    parent: u32,
    segment: Span,
    /// Entries whose path ends here; at a host, where no path ends, those that take any path.
    exact: Span,
    /// Entries that take whatever follows.
    rest: Span,
    /// Regular expressions for what follows, or [`NONE`].
    passes: u32,
    /// The child for a segment that may be anything, or [`NONE`].
    parameter: u32,
    /// Whether there are children for literal segments.
    literals: bool,
}

/// A part of one of the tree's lists.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// Regular expressions that are tried together, with the entry of each.
#[derive(Debug)]
struct Pass {
    expressions: Expressions,
    entries: Span,
}

/// A node, and what its children are looked up with.
#[derive(Debug, Clone, Copy)]
struct At {
    node: u32,
    seed: u64,
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl At {
    /// A node that no host or literal segment leads to.
    fn apart(node: u32) -> Self {
        Self { node, seed: u64::from(node) }
    }
}

impl Tree {
    /// Offers all entries of a host whose path fits.
    pub(crate) fn walk<G: Gather>(&self, host: &[u8], path: &[u8], gather: &mut G) {
        let Some(at) = self.child(At::apart(ROOT), host) else { return };
        if let Some(inside) = path.strip_prefix(b"/") {
            Walk { tree: self, path, gather }.below(at, Some(inside));
        }
        if let Some(node) = self.node(at.node) {
            gather.offer(node.exact.of(&self.entries));
        }
    }

    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn child(&self, parent: At, segment: &[u8]) -> Option<At> {
        let seed = step(parent.seed, segment);
        let same = |node: u32| {
            self.node(node).is_some_and(|node| {
                node.parent == parent.node && node.segment.of(&self.text) == segment
            })
        };
        self.table.find(seed, same).map(|node| At { node, seed })
    }
}

struct Walk<'a, G> {
    tree: &'a Tree,
    path: &'a [u8],
    gather: &'a mut G,
}

impl<G: Gather> Walk<'_, G> {
    /// `left` is what follows the node in the path; `None` if nothing does, not even a slash. The
    /// most specific is offered first, so that the rest can be skipped; the depth is that of the
    /// rules, not that of the path.
    fn below(&mut self, at: At, left: Option<&[u8]>) {
        let tree = self.tree;
        let Some(node) = tree.node(at.node).filter(|node| self.gather.wants(node.best)) else {
            return;
        };
        if let Some(left) = left {
            let mut halves = left.splitn(2, |byte| *byte == b'/');
            let (segment, after) = (halves.next().unwrap_or_default(), halves.next());
            if node.literals
                && let Some(child) = tree.child(at, segment)
            {
                self.below(child, after);
            }
            if node.parameter != NONE && !segment.is_empty() {
                self.below(At::apart(node.parameter), after);
            }
        } else {
            self.gather.offer(node.exact.of(&tree.entries));
        }
        if node.passes != NONE {
            self.try_expressions(node.passes);
        }
        self.gather.offer(node.rest.of(&tree.entries));
    }

    fn try_expressions(&mut self, passes: u32) {
        for pass in self.tree.passes.get(passes as usize).into_iter().flatten() {
            let entries = pass.entries.of(&self.tree.entries);
            if !entries.first().is_some_and(|first| self.gather.wants(first.rank)) {
                break;
            }
            pass.expressions.matching(self.path, |place| {
                self.gather.offer(entries.get(place..=place).unwrap_or_default());
            });
        }
    }
}

//! A tree that still grows.

use super::{At, Entry, NONE, Node, Pass, ROOT, Span, Tree, table::step};
use crate::{
    expression::{Expression, Expressions},
    path::{End, PathPattern, Segment},
    rule::Fault,
};

/// How many regular expressions are tried in one pass: states of an automaton grow with it.
const EXPRESSIONS_PER_PASS: usize = 64;

/// A tree that still grows. Entries are added in the order of their ranks.
#[derive(Debug)]
pub(crate) struct Growing {
    tree: Tree,
    /// The hash of each node.
    seeds: Vec<u64>,
    listed: Vec<Listed>,
    expressions: Vec<(u32, Entry, Expression)>,
}

#[derive(Debug)]
struct Listed {
    node: u32,
    list: List,
    entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Exact,
    Rest,
}

/// Where an entry went. Entries of one spot take exactly the same hosts and paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Spot<'a> {
    Exact(u32),
    Rest(u32),
    Regex(u32, &'a str),
}

/// There are more rules than indices.
#[derive(Debug)]
pub(crate) struct TooMany;

/// Why a tree could not be finished.
#[derive(Debug)]
pub(crate) enum Unfinished {
    TooMany,
    /// With the rule whose regular expression comes first in the pass that failed.
    Expression(u32, Fault),
}

impl From<TooMany> for Unfinished {
    fn from(_: TooMany) -> Self {
        Self::TooMany
    }
}

impl Growing {
    pub(crate) fn new() -> Self {
        let mut growing = Self {
            tree: Tree::default(),
            seeds: Vec::new(),
            listed: Vec::new(),
            expressions: Vec::new(),
        };
        growing.node(At::apart(ROOT), NONE, Span::default());
        growing
    }

    pub(crate) fn add<'a>(
        &mut self,
        host: &[u8],
        path: &'a PathPattern,
        entry: Entry,
    ) -> Result<Spot<'a>, TooMany> {
        let mut at = self.literal(At::apart(ROOT), host)?;
        self.touch(at, entry.rank);
        match path {
            PathPattern::Any => {
                self.listed.push(Listed { node: at.node, list: List::Exact, entry });
                Ok(Spot::Exact(at.node))
            }
            PathPattern::Regex(text, expression) => {
                for segment in whole_segments(&expression.prefix) {
                    at = self.literal(at, segment)?;
                    self.touch(at, entry.rank);
                }
                self.expressions.push((at.node, entry, (**expression).clone()));
                Ok(Spot::Regex(at.node, text))
            }
            PathPattern::Segments(segments, end) => {
                for segment in segments {
                    at = match segment {
                        Segment::Literal(text) => self.literal(at, text.as_bytes())?,
                        Segment::Parameter(_) => self.parameter(at)?,
                    };
                    self.touch(at, entry.rank);
                }
                let (list, spot) = match end {
                    End::Nothing => (List::Exact, Spot::Exact(at.node)),
                    End::Rest(_) => (List::Rest, Spot::Rest(at.node)),
                };
                self.listed.push(Listed { node: at.node, list, entry });
                Ok(spot)
            }
        }
    }

    fn touch(&mut self, at: At, rank: u32) {
        if let Some(node) = self.tree.nodes.get_mut(at.node as usize) {
            node.best = node.best.min(rank);
        }
    }

    fn parameter(&mut self, at: At) -> Result<At, TooMany> {
        match self.tree.node(at.node) {
            Some(node) if node.parameter != NONE => return Ok(At::apart(node.parameter)),
            _ => {}
        }
        let child = index(self.tree.nodes.len())?;
        self.node(At::apart(child), NONE, Span::default());
        if let Some(node) = self.tree.nodes.get_mut(at.node as usize) {
            node.parameter = child;
        }
        Ok(At::apart(child))
    }

    fn literal(&mut self, parent: At, segment: &[u8]) -> Result<At, TooMany> {
        if let Some(child) = self.tree.child(parent, segment) {
            return Ok(child);
        }
        let node = index(self.tree.nodes.len())?;
        let child = At { node, seed: step(parent.seed, segment) };
        let start = index(self.tree.text.len())?;
        self.tree.text.extend_from_slice(segment);
        self.node(child, parent.node, Span { start, end: index(self.tree.text.len())? });
        if let Some(parent) = self.tree.nodes.get_mut(parent.node as usize) {
            parent.literals = true;
        }
        let seed_of = |node: u32| self.seeds.get(node as usize).copied().unwrap_or_default();
        self.tree.table.add(child.seed, node, seed_of);
        Ok(child)
    }

    fn node(&mut self, at: At, parent: u32, segment: Span) {
        self.seeds.push(at.seed);
        self.tree.nodes.push(Node {
            best: NONE,
            parent,
            segment,
            exact: Span::default(),
            rest: Span::default(),
            passes: NONE,
            parameter: NONE,
            literals: false,
        });
    }

    /// Lays the entries out by node.
    pub(crate) fn finish(mut self) -> Result<Tree, Unfinished> {
        self.listed.sort_by_key(|listed| (listed.node, listed.list));
        for run in self.listed.chunk_by(|one, next| (one.node, one.list) == (next.node, next.list))
        {
            let Some(Listed { node, list, .. }) = run.first() else { continue };
            let span = lay(&mut self.tree.entries, run.iter().map(|listed| listed.entry))?;
            if let Some(node) = self.tree.nodes.get_mut(*node as usize) {
                match list {
                    List::Exact => node.exact = span,
                    List::Rest => node.rest = span,
                }
            }
        }
        self.expressions.sort_by_key(|(node, ..)| *node);
        let mut expressions = self.expressions.into_iter().peekable();
        while let Some((node, ..)) = expressions.peek() {
            let node = *node;
            let here = std::iter::from_fn(|| expressions.next_if(|(at, ..)| *at == node));
            let passes = passes(&mut self.tree.entries, here.collect())?;
            if let Some(node) = self.tree.nodes.get_mut(node as usize) {
                node.passes = index(self.tree.passes.len())?;
            }
            self.tree.passes.push(passes);
        }
        let Tree { nodes, text, entries, passes, .. } = &mut self.tree;
        nodes.shrink_to_fit();
        text.shrink_to_fit();
        entries.shrink_to_fit();
        passes.shrink_to_fit();
        Ok(self.tree)
    }
}

/// The whole segments in what a regular expression must begin with: it is only tried below them.
fn whole_segments(prefix: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inside = prefix.strip_prefix(b"/").unwrap_or_default();
    let slash = inside.iter().rposition(|byte| *byte == b'/');
    let whole = slash.and_then(|slash| inside.get(..slash));
    whole.into_iter().flat_map(|whole| whole.split(|byte| *byte == b'/'))
}

fn passes(
    entries: &mut Vec<Entry>,
    mut here: Vec<(u32, Entry, Expression)>,
) -> Result<Vec<Pass>, Unfinished> {
    let mut passes = Vec::new();
    while let Some((_, Entry { rule, .. }, _)) = here.first() {
        let rule = *rule;
        let later = here.split_off(here.len().min(EXPRESSIONS_PER_PASS));
        let (some, expressions): (Vec<_>, Vec<_>) =
            here.into_iter().map(|(_, entry, expression)| (entry, expression)).unzip();
        let expressions = Expressions::compile(expressions)
            .map_err(|fault| Unfinished::Expression(rule, fault))?;
        passes.push(Pass { expressions, entries: lay(entries, some.into_iter())? });
        here = later;
    }
    Ok(passes)
}

fn lay(entries: &mut Vec<Entry>, more: impl Iterator<Item = Entry>) -> Result<Span, TooMany> {
    let start = index(entries.len())?;
    entries.extend(more);
    Ok(Span { start, end: index(entries.len())? })
}

/// An index that is not [`NONE`].
pub(crate) fn index(place: usize) -> Result<u32, TooMany> {
    u32::try_from(place).ok().filter(|place| *place != NONE).ok_or(TooMany)
}

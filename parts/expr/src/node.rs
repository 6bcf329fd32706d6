//! An expression as it is evaluated: checked, every name resolved, every constant computed.

use crate::constant::Constant;
use crate::functions::Function;
use crate::operator::Operator;
use crate::pattern::Pattern;

/// One part of an expression.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it is in the text.
    pub(crate) at: usize,
    pub(crate) work: Work,
}

/// What a part does.
#[derive(Debug)]
pub(crate) enum Work {
    Constant(Constant),
    /// The value of a name, by its place among the names that the expression uses.
    Name(usize),
    /// The variable of a loop: 0 for the innermost.
    Variable(usize),
    /// Whether a name has a value.
    HasName(usize),
    /// Whether a map has a key.
    HasKey(Box<Node>, Constant),
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    If(Box<[Node; 3]>),
    Negate(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    /// Whether a text is one of these words, which are sorted.
    OneOf(Box<Node>, Box<[Box<[u8]>]>),
    /// An item of a list or the value of a key.
    Index(Box<[Node; 2]>),
    List(Box<[Node]>),
    Map(Box<[(Node, Node)]>),
    Call(Function, Box<[Node]>),
    /// Whether a text matches.
    Matches(Box<Node>, Box<Pattern>),
    Loop(Box<Loop>),
}

/// A macro over the items of a list or the keys of a map.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) kind: LoopKind,
    pub(crate) over: Node,
    /// Which items count. Only `map` has this.
    pub(crate) filter: Option<Node>,
    pub(crate) body: Node,
}

/// What a loop makes of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

impl LoopKind {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("all", Self::All),
        ("exists", Self::Exists),
        ("exists_one", Self::ExistsOne),
        ("map", Self::Map),
        ("filter", Self::Filter),
    ];
}

impl Node {
    pub(crate) const fn new(at: usize, work: Work) -> Self {
        Self { at, work }
    }

    pub(crate) const fn constant(&self) -> Option<&Constant> {
        match &self.work {
            Work::Constant(constant) => Some(constant),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    /// Each level of an expression has some of them on the stack while it is checked.
    #[test]
    fn a_node_is_small() {
        assert!(size_of::<Node>() <= 64, "{}", size_of::<Node>());
    }
}

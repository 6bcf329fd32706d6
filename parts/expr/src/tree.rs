//! An expression as it is written: what the parser makes of tokens.

use crate::constant::Constant;
use crate::operator::Operator;

/// One expression, or a part of one.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Where it is: bytes from the start of the text. Of an operator, where the operator is.
    pub(crate) at: usize,
    /// How many levels it has.
    pub(crate) height: usize,
    pub(crate) form: Form,
}

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Literal(Constant),
    /// `name`
    Name(String),
    /// `tree.name`, or `` tree.`a key` ``
    Member(Box<Tree>, String),
    /// `tree[tree]`
    Index(Box<Tree>, Box<Tree>),
    Call(Box<Call>),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Not(Box<Tree>),
    Negate(Box<Tree>),
    Binary(Operator, Box<(Tree, Tree)>),
    /// Two or more between `&&`.
    All(Vec<Tree>),
    /// Two or more between `||`.
    Any(Vec<Tree>),
    /// `tree ? tree : tree`
    If(Box<[Tree; 3]>),
}

/// `name(tree, ...)` or `tree.name(tree, ...)`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) receiver: Option<Tree>,
    pub(crate) arguments: Vec<Tree>,
}

impl Tree {
    pub(crate) fn new(at: usize, form: Form) -> Self {
        let height = 1 + form.parts().map(|part| part.height).max().unwrap_or(0);
        Self { at, height, form }
    }

    /// Where the first of its words or marks is.
    pub(crate) fn start(&self) -> usize {
        let first = match &self.form {
            Form::Member(of, _) | Form::Index(of, _) => Some(of.as_ref()),
            Form::Call(call) => call.receiver.as_ref(),
            Form::Binary(_, operands) => Some(&operands.0),
            Form::All(parts) | Form::Any(parts) => parts.first(),
            Form::If(parts) => parts.first(),
            _ => None,
        };
        first.map_or(self.at, Self::start)
    }
}

/// What is written the same is the same, wherever it stands.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
    }
}

impl Form {
    /// What it is made of.
    fn parts(&self) -> Box<dyn Iterator<Item = &Tree> + '_> {
        match self {
            Self::Literal(_) | Self::Name(_) => Box::new(std::iter::empty()),
            Self::Member(of, _) | Self::Not(of) | Self::Negate(of) => {
                Box::new(std::iter::once(of.as_ref()))
            }
            Self::Index(of, at) => Box::new([of.as_ref(), at.as_ref()].into_iter()),
            Self::Call(call) => Box::new(call.receiver.iter().chain(&call.arguments)),
            Self::List(parts) | Self::All(parts) | Self::Any(parts) => Box::new(parts.iter()),
            Self::Map(entries) => Box::new(entries.iter().flat_map(|(key, value)| [key, value])),
            Self::Binary(_, operands) => Box::new([&operands.0, &operands.1].into_iter()),
            Self::If(parts) => Box::new(parts.iter()),
        }
    }
}

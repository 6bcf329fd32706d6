//! Trees that are made up at random, from a seed, so that a failure comes back.

use crate::constant::Constant;
use crate::operator::Operator;
use crate::tree::{Call, Form, Tree};

const NAMES: [&str; 6] = ["a", "b", "x1", "_", "request", "aLongerName"];

/// A small generator (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(rolled).unwrap() % sides
    }

    fn name(&mut self) -> String {
        NAMES[self.below(NAMES.len())].to_owned()
    }

    fn key(&mut self) -> String {
        let keys = ["x-id", "a.b", "/api/v1 x"];
        if self.below(3) > 0 { self.name() } else { keys[self.below(keys.len())].to_owned() }
    }

    fn trees(&mut self, least: usize, depth: usize) -> Vec<Tree> {
        let count = least + self.below(3);
        (0..count).map(|_| self.tree(depth)).collect()
    }

    pub(crate) fn tree(&mut self, depth: usize) -> Tree {
        let form = if depth == 0 { self.leaf() } else { self.branch(depth - 1) };
        Tree::new(0, form)
    }

    fn leaf(&mut self) -> Form {
        Form::Literal(match self.below(9) {
            0 => Constant::Null,
            1 => Constant::Bool(self.below(2) == 0),
            2 => Constant::Int(i64::MIN + i64::try_from(self.below(3)).unwrap()),
            3 => Constant::Int(i64::try_from(self.below(1_000)).unwrap() - 500),
            4 => Constant::Uint(u64::MAX - u64::try_from(self.below(3)).unwrap()),
            5 => Constant::Double([0.0, -1.5, 1e300, 1e-7, 12345.678][self.below(5)]),
            6 => Constant::String(
                ["", "a\"b'", "\\n\n", "\u{e9}\u{1f62c}\0"][self.below(4)].as_bytes().into(),
            ),
            7 => Constant::Bytes([b"".as_slice(), b"a b", b"\xff\0\\"][self.below(3)].into()),
            _ => return Form::Name(self.name()),
        })
    }

    fn branch(&mut self, depth: usize) -> Form {
        match self.below(12) {
            0 => self.leaf(),
            1 => Form::Not(Box::new(self.tree(depth))),
            2 => Form::Negate(Box::new(self.signless(depth))),
            3 | 4 => {
                let operator = Operator::ALL[self.below(Operator::ALL.len())];
                Form::Binary(operator, Box::new((self.tree(depth), self.tree(depth))))
            }
            5 => Form::All(self.trees(2, depth)),
            6 => Form::Any(self.trees(2, depth)),
            7 => Form::If(Box::new([self.tree(depth), self.tree(depth), self.tree(depth)])),
            8 => Form::List(self.trees(0, depth)),
            9 => {
                let keys = self.trees(0, depth);
                Form::Map(keys.into_iter().map(|key| (key, self.tree(depth))).collect())
            }
            10 => {
                let receiver = (self.below(2) == 0).then(|| self.tree(depth));
                let call = Call { name: self.name(), receiver, arguments: self.trees(0, depth) };
                Form::Call(Box::new(call))
            }
            _ => match self.below(2) {
                0 => Form::Member(Box::new(self.tree(depth)), self.key()),
                _ => Form::Index(Box::new(self.tree(depth)), Box::new(self.tree(depth))),
            },
        }
    }

    /// A minus before a number would become a part of the number.
    fn signless(&mut self, depth: usize) -> Tree {
        let tree = self.tree(depth);
        let mut first = &tree;
        while let Form::Member(of, _) | Form::Index(of, _) = &first.form {
            first = of;
        }
        match &first.form {
            Form::Literal(Constant::Int(_) | Constant::Double(_)) | Form::Call(_) => {
                Tree::new(0, Form::Name(self.name()))
            }
            _ => tree,
        }
    }
}

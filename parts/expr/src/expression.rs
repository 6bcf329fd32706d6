//! What callers hold: compiled expressions and conditions, and the facts they are asked about.

use crate::check::Checker;
use crate::error::{Cause, Error};
use crate::evaluate::Evaluation;
use crate::node::Node;
use crate::parser::parse;
use crate::problem::Problem;
use crate::schema::{Schema, Type};
use crate::value::Value;

/// What is known of one exchange, by the keys of a [`Schema`].
pub trait Facts<K> {
    /// The value of a name, of the type that the schema says; `None` if there is none this time.
    /// It is asked for as often as the expression mentions it, so it should cost little.
    fn value(&self, key: K) -> Option<Value<'_>>;
}

/// An expression that was compiled: it can be evaluated any number of times, by any thread.
#[derive(Debug)]
pub struct Expression<K> {
    node: Node,
    is: Type,
    keys: Box<[K]>,
    /// Where it begins in the text.
    start: usize,
}

impl<K: Copy> Expression<K> {
    /// Compiles an expression of any type.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(source: &str, schema: &Schema<K>) -> Result<Self, Vec<Problem>> {
        let tree = parse(source).map_err(|problem| vec![problem])?;
        let mut checker = Checker::new(&schema.names);
        let checked = checker.check(&tree);
        let used = checker.finish()?;
        let keys = schema.keys_of(&used);
        Ok(Self { node: checked.node, is: checked.is, keys, start: tree.start() })
    }

    /// The type of its value.
    #[must_use]
    pub const fn is(&self) -> &Type {
        &self.is
    }

    /// The keys of the names that it asks for, each once.
    #[must_use]
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Its value, which borrows from the facts and from the expression.
    ///
    /// # Errors
    /// When it has no value this time.
    pub fn value<'a>(&'a self, facts: &'a impl Facts<K>) -> Result<Value<'a>, Error> {
        let given = |place: usize| facts.value(*self.keys.get(place)?);
        Evaluation::new(&given).of(&self.node)
    }
}

/// An expression that is true or false.
#[derive(Debug)]
pub struct Condition<K>(Expression<K>);

impl<K: Copy> Condition<K> {
    /// Compiles a condition.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(source: &str, schema: &Schema<K>) -> Result<Self, Vec<Problem>> {
        let expression = Expression::compile(source, schema)?;
        if Type::Bool.takes(&expression.is) {
            return Ok(Self(expression));
        }
        let message =
            format!("a condition is true or false, but this is of type {}", expression.is);
        let problem = Problem::new(expression.start, message);
        Err(vec![problem.hint("compare it: `... == ...`, `... > 0`")])
    }

    /// The keys of the names that it asks for, each once.
    #[must_use]
    pub fn keys(&self) -> &[K] {
        self.0.keys()
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// When that cannot be said this time. Then it does not hold: `unwrap_or(false)`.
    pub fn holds(&self, facts: &impl Facts<K>) -> Result<bool, Error> {
        match self.0.value(facts)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(Error { cause: Cause::Mismatch, at: self.0.start }),
        }
    }
}

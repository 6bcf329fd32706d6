//! From a tree to nodes: finds every name and function, checks every type, computes what is constant.
//!
//! It goes on behind a problem, so that all of them are told at once: what has a problem has the
//! type `dyn`, which fits everywhere.

mod calls;
mod loops;
mod names;
mod operators;
#[cfg(test)]
mod tests;

use crate::constant::{Constant, Constants};
use crate::evaluate::fold;
use crate::limits::{PROBLEMS_MAX, REGEX_PROGRAMS_BYTES_MAX, SOURCE_BYTES_MAX};
use crate::node::{Node, Work};
use crate::problem::Problem;
use crate::schema::{Names, Type};
use crate::tree::{Form, Tree};

/// Checks the expressions of one text.
pub(crate) struct Checker<'n> {
    names: &'n Names,
    /// The places in the schema of the names that are used.
    used: Vec<usize>,
    /// The variables of the loops around what is checked, the innermost last.
    variables: Vec<(String, Type)>,
    regex_bytes: usize,
    problems: Vec<Problem>,
}

/// A node and the type of its value.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) node: Node,
    pub(crate) is: Type,
}

impl Checked {
    fn new(at: usize, work: Work, is: Type) -> Self {
        Self { node: Node::new(at, work), is }
    }

    fn is_bool(&self) -> bool {
        Type::Bool.takes(&self.is)
    }
}

impl<'n> Checker<'n> {
    pub(crate) const fn new(names: &'n Names) -> Self {
        Self {
            names,
            used: Vec::new(),
            variables: Vec::new(),
            regex_bytes: 0,
            problems: Vec::new(),
        }
    }

    /// The places in the schema of the names that are used, in the order that nodes count them by;
    /// or all problems, in the order in which they stand in the text.
    pub(crate) fn finish(mut self) -> Result<Vec<usize>, Vec<Problem>> {
        self.problems.sort_by_key(|problem| problem.at);
        if self.problems.is_empty() { Ok(self.used) } else { Err(self.problems) }
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// Stands for what has a problem.
    fn broken(&mut self, problem: Problem) -> Checked {
        let at = problem.at;
        self.report(problem);
        // Never evaluated: no name has this place.
        Checked::new(at, Work::Name(usize::MAX), Type::Dyn)
    }

    pub(crate) fn check(&mut self, tree: &Tree) -> Checked {
        let at = tree.at;
        match &tree.form {
            Form::Literal(constant) => {
                Checked::new(at, Work::Constant(constant.clone()), type_of(constant))
            }
            Form::Name(name) => self.name(tree, name),
            Form::Member(of, name) => self.member(tree, of, name),
            Form::Index(of, key) => self.index(at, of, key),
            Form::Call(call) => self.call(at, call),
            Form::List(items) => self.list(at, items),
            Form::Map(entries) => self.map(at, entries),
            Form::Not(of) => {
                let of = self.needs_bool("!", of);
                self.folded(Checked::new(at, Work::Not(Box::new(of.node)), Type::Bool))
            }
            Form::Negate(of) => self.negate(at, of),
            Form::Binary(operator, operands) => self.binary(at, *operator, operands),
            Form::All(operands) => {
                let nodes = operands.iter().map(|of| self.needs_bool("&&", of).node).collect();
                self.folded(Checked::new(at, Work::All(nodes), Type::Bool))
            }
            Form::Any(operands) => {
                let nodes = operands.iter().map(|of| self.needs_bool("||", of).node).collect();
                self.folded(Checked::new(at, Work::Any(nodes), Type::Bool))
            }
            Form::If(parts) => self.choice(at, parts),
        }
    }

    fn needs_bool(&mut self, operator: &str, tree: &Tree) -> Checked {
        let checked = self.check(tree);
        if checked.is_bool() {
            return checked;
        }
        let is = &checked.is;
        let message = format!("`{operator}` needs true or false, but this is {}", a(is));
        self.broken(with_hint(Problem::new(tree.start(), message), bool_hint(is)))
    }

    fn choice(&mut self, at: usize, parts: &[Tree; 3]) -> Checked {
        let [condition, then, otherwise] = parts;
        let condition = self.needs_bool("?", condition);
        let (then, otherwise) = (self.check(then), self.check(otherwise));
        let Some(is) = then.is.with(&otherwise.is) else {
            let message = format!(
                "the two values behind `?` differ in their type: {} and {}",
                then.is, otherwise.is
            );
            return self.broken(Problem::new(at, message));
        };
        let nodes = Box::new([condition.node, then.node, otherwise.node]);
        self.folded(Checked::new(at, Work::If(nodes), is))
    }

    fn list(&mut self, at: usize, items: &[Tree]) -> Checked {
        let mut of = None;
        let mut nodes = Vec::with_capacity(items.len());
        for item in items {
            let checked = self.check(item);
            of = Some(self.common(item.start(), "items of a list", of, &checked.is));
            nodes.push(checked.node);
        }
        let is = Type::list(of.unwrap_or(Type::Dyn));
        if nodes.iter().all(|node| node.constant().is_some()) {
            let constants = nodes.into_iter().filter_map(|node| match node.work {
                Work::Constant(constant) => Some(constant),
                _ => None,
            });
            let list = Constant::List(Constants(constants.collect()));
            return Checked::new(at, Work::Constant(list), is);
        }
        Checked::new(at, Work::List(nodes.into()), is)
    }

    fn map(&mut self, at: usize, entries: &[(Tree, Tree)]) -> Checked {
        let (mut of, mut to) = (None, None);
        let mut nodes: Vec<(Node, Node)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let (checked_key, checked) = (self.key_of_map(key), self.check(value));
            let constant = checked_key.node.constant();
            if constant.is_some() && nodes.iter().any(|(other, _)| other.constant() == constant) {
                self.report(Problem::new(key.start(), "this key is there twice"));
            }
            of = Some(self.common(key.start(), "keys of a map", of, &checked_key.is));
            to = Some(self.common(value.start(), "values of a map", to, &checked.is));
            nodes.push((checked_key.node, checked.node));
        }
        let is = Type::Map(Box::new((of.unwrap_or(Type::Dyn), to.unwrap_or(Type::Dyn))));
        self.folded(Checked::new(at, Work::Map(nodes.into()), is))
    }

    fn key_of_map(&mut self, key: &Tree) -> Checked {
        let checked = self.check(key);
        match checked.is {
            Type::String | Type::Int | Type::Uint | Type::Bool | Type::Dyn => checked,
            is => {
                let message = format!("{} cannot be the key of a map", a(&is));
                self.broken(Problem::new(key.start(), message))
            }
        }
    }

    /// The type that several things have together.
    fn common(&mut self, at: usize, what: &str, before: Option<Type>, is: &Type) -> Type {
        let Some(before) = before else { return is.clone() };
        if let Some(common) = before.with(is) {
            return common;
        }
        let message = format!("{what} have one type, but this is {} behind {}", a(is), a(&before));
        self.report(Problem::new(at, message));
        Type::Dyn
    }

    /// Computes what is made of constants only.
    fn folded(&mut self, checked: Checked) -> Checked {
        if !is_constant(&checked.node.work) {
            return checked;
        }
        match fold(&checked.node) {
            Ok(constant) if constant.bytes() > SOURCE_BYTES_MAX => {
                let message = format!("this makes more than {SOURCE_BYTES_MAX} bytes");
                self.broken(Problem::new(checked.node.at, message))
            }
            Ok(constant) => Checked::new(checked.node.at, Work::Constant(constant), checked.is),
            Err(error) => {
                let never =
                    Problem::new(error.at, format!("this never has a value: {}", error.cause));
                self.broken(never)
            }
        }
    }

    /// Counts the memory of one more regular expression.
    fn count_regex(&mut self, at: usize, program_bytes: usize) {
        let before = self.regex_bytes;
        self.regex_bytes = before.saturating_add(program_bytes);
        // Told once, of the first that is too much.
        if before <= REGEX_PROGRAMS_BYTES_MAX && self.regex_bytes > REGEX_PROGRAMS_BYTES_MAX {
            let message = format!(
                "the regular expressions compile to more than {REGEX_PROGRAMS_BYTES_MAX} bytes together"
            );
            self.report(Problem::new(at, message));
        }
    }
}

/// Whether all that a node is made of is constant.
fn is_constant(work: &Work) -> bool {
    let known = |node: &Node| node.constant().is_some();
    match work {
        Work::Not(of) | Work::Negate(of) | Work::HasKey(of, _) | Work::Matches(of, _) => known(of),
        Work::All(nodes) | Work::Any(nodes) | Work::List(nodes) | Work::Call(_, nodes) => {
            nodes.iter().all(known)
        }
        Work::Binary(_, nodes) | Work::Index(nodes) => nodes.iter().all(known),
        Work::If(nodes) => nodes.iter().all(known),
        Work::Map(entries) => entries.iter().all(|(key, value)| known(key) && known(value)),
        Work::Constant(_)
        | Work::Name(_)
        | Work::Variable(_)
        | Work::HasName(_)
        | Work::OneOf(..)
        | Work::Loop(_) => false,
    }
}

/// The type of what a literal stands for.
const fn type_of(constant: &Constant) -> Type {
    match constant {
        Constant::Bool(_) => Type::Bool,
        Constant::Int(_) => Type::Int,
        Constant::Uint(_) => Type::Uint,
        Constant::Double(_) => Type::Double,
        Constant::String(_) => Type::String,
        Constant::Bytes(_) => Type::Bytes,
        Constant::Null => Type::Null,
        // No literal is one of these.
        Constant::Duration(_)
        | Constant::Timestamp(_)
        | Constant::Ip(_)
        | Constant::Cidr(_)
        | Constant::List(_)
        | Constant::Map(_) => Type::Dyn,
    }
}

/// A type with its article.
fn a(is: &Type) -> String {
    match is {
        Type::Int | Type::Ip => format!("an {is}"),
        Type::Null | Type::Bytes => is.to_string(),
        _ => format!("a {is}"),
    }
}

fn with_hint(problem: Problem, hint: Option<String>) -> Problem {
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// What somebody meant who wrote a value where true or false is needed.
fn bool_hint(is: &Type) -> Option<String> {
    match is {
        Type::String => Some("compare it: `... == \"...\"`, `... != \"\"`".to_owned()),
        Type::Int | Type::Uint | Type::Double => Some("compare it: `... > 0`".to_owned()),
        Type::List(_) | Type::Map(_) => Some("ask `size(...) > 0`".to_owned()),
        _ => None,
    }
}

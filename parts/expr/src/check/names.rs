//! Names, members and keys.

use super::{Checked, Checker, a, with_hint};
use crate::constant::Constant;
use crate::functions::signatures;
use crate::nearest::nearest;
use crate::node::{Node, Work};
use crate::problem::Problem;
use crate::schema::Type;
use crate::tree::{Form, Tree};

/// The most names that a hint lists.
const LISTED_MAX: usize = 12;

impl Checker<'_> {
    /// A name without dots: a variable, or one that is declared.
    pub(super) fn name(&mut self, tree: &Tree, name: &str) -> Checked {
        if let Some((out, is)) = self.variable(name) {
            return Checked::new(tree.at, Work::Variable(out), is);
        }
        self.declared(tree).unwrap_or_else(|| {
            let problem = self.unknown(tree.at, name);
            self.broken(problem)
        })
    }

    /// A name with dots, or a key of a map.
    pub(super) fn member(&mut self, tree: &Tree, of: &Tree, name: &str) -> Checked {
        self.declared(tree).unwrap_or_else(|| {
            let of = self.check(of);
            self.key(tree.at, of, name)
        })
    }

    /// A name that is declared, or a problem if none begins like it. As much of it as is declared
    /// is one name; what follows are keys.
    fn declared(&mut self, tree: &Tree) -> Option<Checked> {
        let (path, first) = self.path(tree)?;
        if let Some((place, is)) = self.names.find(&path) {
            let is = is.clone();
            return Some(Checked::new(first, Work::Name(self.place(place)), is));
        }
        if self.begins_with_name(&path) {
            return None;
        }
        let problem = self.unknown(first, &path);
        Some(self.broken(problem))
    }

    /// `has(name)`, `has(map.key)`: whether it is there.
    pub(super) fn has(&mut self, at: usize, arguments: &[Tree]) -> Checked {
        let [tree] = arguments else {
            let message = format!("`has` takes one name, but here are {}", arguments.len());
            return self.broken(Problem::new(at, message));
        };
        if let Some((path, first)) = self.path(tree) {
            if let Some((place, _)) = self.names.find(&path) {
                return Checked::new(at, Work::HasName(self.place(place)), Type::Bool);
            }
            if !self.begins_with_name(&path) {
                let problem = self.unknown(first, &path);
                return self.broken(problem);
            }
        }
        if let Form::Member(of, name) = &tree.form {
            let of = self.check(of);
            let is = Type::Map(Box::new((Type::String, Type::Dyn)));
            if !is.takes(&of.is) {
                let message = format!("{} has no keys", a(&of.is));
                return self.broken(Problem::new(tree.start(), message));
            }
            let key = Constant::String(name.as_bytes().into());
            let has = Work::HasKey(Box::new(of.node), key);
            return self.folded(Checked::new(at, has, Type::Bool));
        }
        let problem = Problem::new(tree.start(), "`has` takes a name, or a key behind a dot");
        self.broken(match &tree.form {
            Form::Index(..) => {
                problem.hint("for other keys, write `\"a-key\" in map`, or ``has(map.`a-key`)``")
            }
            _ => problem,
        })
    }

    pub(super) fn index(&mut self, at: usize, of: &Tree, key: &Tree) -> Checked {
        let (of, key) = (self.check(of), self.check(key));
        let (wanted, is) = match &of.is {
            Type::List(item) if Type::Uint.takes(&key.is) => (Type::Uint, (**item).clone()),
            Type::List(item) => (Type::Int, (**item).clone()),
            Type::Map(types) => (types.0.clone(), types.1.clone()),
            Type::Dyn => (Type::Dyn, Type::Dyn),
            other => {
                let message = format!("{} has no items and no keys", a(other));
                return self.broken(Problem::new(at, message));
            }
        };
        if !wanted.takes(&key.is) {
            let message =
                format!("this {} is asked with {}, not with {}", of.is, a(&wanted), a(&key.is));
            return self.broken(Problem::new(key.node.at, message));
        }
        self.folded(Checked::new(at, Work::Index(Box::new([of.node, key.node])), is))
    }

    fn key(&mut self, at: usize, of: Checked, name: &str) -> Checked {
        let is = match &of.is {
            Type::Map(types) if types.0.takes(&Type::String) => types.1.clone(),
            Type::Dyn => Type::Dyn,
            other => {
                let fits = signatures().iter().any(|signature| {
                    signature.name == name && signature.fits(Some(other), &signature.arguments)
                });
                let hint = fits.then(|| format!("a function is called: `.{name}(...)`"));
                let message = format!("{} has nothing that is called `{name}`", a(other));
                return self.broken(with_hint(Problem::new(at, message), hint));
            }
        };
        let key = Node::new(at, Work::Constant(Constant::String(name.as_bytes().into())));
        self.folded(Checked::new(at, Work::Index(Box::new([of.node, key])), is))
    }

    /// The words of a dotted name, and where it begins; `None` if it begins with anything else, or
    /// with the variable of a loop.
    fn path(&self, tree: &Tree) -> Option<(String, usize)> {
        match &tree.form {
            Form::Name(name) if self.variable(name).is_none() => Some((name.clone(), tree.at)),
            Form::Member(of, name) => {
                let (path, first) = self.path(of)?;
                Some((format!("{path}.{name}"), first))
            }
            _ => None,
        }
    }

    /// Whether some words at the beginning are a declared name.
    fn begins_with_name(&self, path: &str) -> bool {
        path.match_indices('.')
            .any(|(dot, _)| path.get(..dot).is_some_and(|start| self.names.find(start).is_some()))
    }

    /// How many loops out a variable is, and its type.
    fn variable(&self, name: &str) -> Option<(usize, Type)> {
        let mut inward = self.variables.iter().rev().enumerate();
        let (out, (_, is)) = inward.find(|(_, (other, _))| other == name)?;
        Some((out, is.clone()))
    }

    /// The place of a name among those that are used.
    fn place(&mut self, in_schema: usize) -> usize {
        if let Some(place) = self.used.iter().position(|other| *other == in_schema) {
            return place;
        }
        self.used.push(in_schema);
        self.used.len() - 1
    }

    fn unknown(&self, at: usize, path: &str) -> Problem {
        let variables = self.variables.iter().map(|(name, _)| name.as_str());
        let problem = Problem::new(at, format!("there is no name `{path}`"));
        if let Some(meant) = nearest(path, variables.chain(self.names.all())) {
            return problem.hint(format!("did you mean `{meant}`?"));
        }
        // All that share its longest beginning, or simply all.
        let beginnings = path.match_indices('.').rev().filter_map(|(dot, _)| path.get(..=dot));
        let whole = format!("{path}.");
        let mut beginnings = std::iter::once(whole.as_str()).chain(beginnings).chain([""]);
        let listed = beginnings.find_map(|start| {
            let mut names = self.names.all().filter(|name| name.starts_with(start));
            let mut listed: Vec<String> =
                names.by_ref().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
            listed.extend(names.next().map(|_| "...".to_owned()));
            (!listed.is_empty()).then(|| listed.join(", "))
        });
        with_hint(problem, listed.map(|names| format!("there are {names}")))
    }
}

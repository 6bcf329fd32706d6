//! The macros that go through a list or the keys of a map.

use super::{Checked, Checker, a};
use crate::node::{Loop, LoopKind, Work};
use crate::problem::Problem;
use crate::schema::Type;
use crate::tree::{Form, Tree};

impl Checker<'_> {
    /// `over.kind(variable, body)`, `over.map(variable, filter, body)`.
    pub(super) fn repeated(
        &mut self,
        at: usize,
        kind: LoopKind,
        over: &Tree,
        arguments: &[Tree],
    ) -> Checked {
        let (variable, filter, body) = match arguments {
            [variable, body] => (variable, None, body),
            [variable, filter, body] if kind == LoopKind::Map => (variable, Some(filter), body),
            _ => return self.badly_called(at, kind),
        };
        let Form::Name(name) = &variable.form else { return self.badly_called(at, kind) };
        let over = self.check(over);
        let item = match &over.is {
            Type::List(of) => (**of).clone(),
            Type::Map(types) => types.0.clone(),
            Type::Dyn => Type::Dyn,
            other => {
                let message = format!("{} has no items to go through", a(other));
                return self.broken(Problem::new(at, message));
            }
        };
        self.variables.push((name.clone(), item.clone()));
        let filter = filter.map(|filter| self.needs_bool("map", filter).node);
        let (body, is) = match kind {
            LoopKind::Map => {
                let body = self.check(body);
                (body.node, Type::list(body.is))
            }
            LoopKind::Filter => (self.needs_bool("filter", body).node, Type::list(item)),
            LoopKind::All => (self.needs_bool("all", body).node, Type::Bool),
            LoopKind::Exists => (self.needs_bool("exists", body).node, Type::Bool),
            LoopKind::ExistsOne => (self.needs_bool("exists_one", body).node, Type::Bool),
        };
        self.variables.pop();
        Checked::new(at, Work::Loop(Box::new(Loop { kind, over: over.node, filter, body })), is)
    }

    fn badly_called(&mut self, at: usize, kind: LoopKind) -> Checked {
        let name = LoopKind::ALL.iter().find(|(_, other)| *other == kind).map_or("", |it| it.0);
        let (body, more) = match kind {
            LoopKind::Map => ("x + \"/\"", ", or with a condition before it"),
            _ => ("x == \"a\"", ""),
        };
        let message = format!("`{name}` takes a new name and what to do with it");
        let hint = format!("such as `list.{name}(x, {body})`{more}");
        self.broken(Problem::new(at, message).hint(hint))
    }
}

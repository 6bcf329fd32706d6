//! What a compiled expression gives for the facts of one exchange.
//!
//! It walks the nodes: no deeper than they are nested, no longer than the meter allows. An error
//! ends it, but for `&&`, `||`, `all` and `exists`: there it is forgotten if another operand
//! decides.

mod repeat;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::arithmetic;
use crate::compare;
use crate::constant::Constant;
use crate::error::{Cause, Error};
use crate::functions::{self, ARGUMENTS_MAX, Function};
use crate::meter::Meter;
use crate::node::{Node, Work};
use crate::operator::Operator;
use crate::value::{Map, Value};

/// Gives the value of a name, by its place among the names that an expression uses.
pub(crate) type Given<'e, 'a> = &'e dyn Fn(usize) -> Option<Value<'a>>;

/// One evaluation.
pub(crate) struct Evaluation<'e, 'a> {
    given: Given<'e, 'a>,
    meter: Meter,
}

/// The variables of the loops around a node, the innermost first.
type Scope<'s, 'a> = Option<&'s Frame<'s, 'a>>;

/// The variable of one loop.
struct Frame<'s, 'a> {
    value: Value<'a>,
    around: Scope<'s, 'a>,
}

/// Says where a cause is.
trait Blame<T> {
    fn at(self, node: &Node) -> Result<T, Error>;
}

impl<T> Blame<T> for Result<T, Cause> {
    fn at(self, node: &Node) -> Result<T, Error> {
        self.map_err(|cause| Error { cause, at: node.at })
    }
}

impl<'e, 'a> Evaluation<'e, 'a> {
    pub(crate) fn new(given: Given<'e, 'a>) -> Self {
        Self { given, meter: Meter::new() }
    }

    /// The value of a whole expression. Several in turn share their steps.
    pub(crate) fn of(&mut self, node: &'a Node) -> Result<Value<'a>, Error> {
        self.node(node, None)
    }

    fn node(&mut self, node: &'a Node, scope: Scope<'_, 'a>) -> Result<Value<'a>, Error> {
        self.meter.step().at(node)?;
        match &node.work {
            Work::Constant(constant) => Ok(constant.value()),
            Work::Name(place) => (self.given)(*place).ok_or(Cause::Absent).at(node),
            Work::Variable(out) => variable(*out, scope).ok_or(Cause::Absent).at(node),
            Work::HasName(place) => Ok(Value::Bool((self.given)(*place).is_some())),
            Work::HasKey(of, key) => {
                let of = self.node(of, scope)?;
                self.value_of(&of, &key.value()).at(node).map(|found| Value::Bool(found.is_some()))
            }
            Work::All(operands) => self.until(false, operands, scope),
            Work::Any(operands) => self.until(true, operands, scope),
            Work::Not(of) => self.bool(of, scope).map(|holds| Value::Bool(!holds)),
            Work::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.bool(condition, scope)? { then } else { otherwise };
                self.node(chosen, scope)
            }
            Work::Negate(of) => arithmetic::negate(&self.node(of, scope)?).at(node),
            Work::Binary(operator, operands) => {
                let [one, other] = &**operands;
                let (one, other) = (self.node(one, scope)?, self.node(other, scope)?);
                self.binary(*operator, &one, &other).at(node)
            }
            Work::OneOf(of, words) => {
                let of = self.node(of, scope)?;
                let Value::String(word) = of else { return Ok(Value::Bool(false)) };
                Ok(Value::Bool(words.binary_search_by(|other| (**other).cmp(&word)).is_ok()))
            }
            Work::Index(operands) => {
                let [of, key] = &**operands;
                let (of, key) = (self.node(of, scope)?, self.node(key, scope)?);
                self.index(&of, &key).at(node)
            }
            Work::List(items) => {
                let items = items.iter().map(|item| self.node(item, scope));
                Ok(Value::made_list(items.collect::<Result<_, _>>()?))
            }
            Work::Map(entries) => self.map(node, entries, scope),
            Work::Call(function, arguments) => self.call(node, *function, arguments, scope),
            Work::Matches(of, pattern) => {
                let Value::String(text) = self.node(of, scope)? else {
                    return Err(Cause::Mismatch).at(node);
                };
                self.meter.bytes(pattern.cost(text.len())).at(node)?;
                pattern.is_in(&text).at(node).map(Value::Bool)
            }
            Work::Loop(repeated) => self.repeat(node, repeated, scope),
        }
    }

    fn bool(&mut self, node: &'a Node, scope: Scope<'_, 'a>) -> Result<bool, Error> {
        match self.node(node, scope)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(Cause::Mismatch).at(node),
        }
    }

    /// Looks at operands until one is as is asked for, and then forgets the errors before it.
    fn until(
        &mut self,
        wanted: bool,
        operands: &'a [Node],
        scope: Scope<'_, 'a>,
    ) -> Result<Value<'a>, Error> {
        let mut failed = None;
        for operand in operands {
            match self.bool(operand, scope) {
                Ok(holds) if holds == wanted => return Ok(Value::Bool(wanted)),
                Ok(_) => {}
                Err(error) => keep(error, &mut failed)?,
            }
        }
        failed.map_or(Ok(Value::Bool(!wanted)), Err)
    }

    fn binary(
        &mut self,
        operator: Operator,
        one: &Value<'a>,
        other: &Value<'a>,
    ) -> Result<Value<'a>, Cause> {
        let meter = &mut self.meter;
        let holds = match operator {
            Operator::Equal => compare::equal(one, other, meter)?,
            Operator::Unequal => !compare::equal(one, other, meter)?,
            Operator::Less => compare::order(one, other, meter)? == Some(Ordering::Less),
            Operator::Greater => compare::order(one, other, meter)? == Some(Ordering::Greater),
            Operator::LessOrEqual => {
                compare::order(one, other, meter)?.is_some_and(Ordering::is_le)
            }
            Operator::GreaterOrEqual => {
                compare::order(one, other, meter)?.is_some_and(Ordering::is_ge)
            }
            Operator::In => self.is_in(one, other)?,
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => return arithmetic::compute(operator, one, other, meter),
        };
        Ok(Value::Bool(holds))
    }

    fn is_in(&mut self, one: &Value<'a>, all: &Value<'a>) -> Result<bool, Cause> {
        let Value::List(list) = all else { return Ok(self.value_of(all, one)?.is_some()) };
        for item in list.iter() {
            self.meter.step()?;
            if compare::equal(one, &item, &mut self.meter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn index(&mut self, of: &Value<'a>, key: &Value<'_>) -> Result<Value<'a>, Cause> {
        let Value::List(list) = of else { return self.value_of(of, key)?.ok_or(Cause::Absent) };
        let place = match key {
            Value::Int(place) => usize::try_from(*place).ok(),
            Value::Uint(place) => usize::try_from(*place).ok(),
            _ => return Err(Cause::Mismatch),
        };
        place.and_then(|place| list.item(place)).ok_or(Cause::OutOfRange)
    }

    /// The value of a key of a map.
    fn value_of(&mut self, of: &Value<'a>, key: &Value<'_>) -> Result<Option<Value<'a>>, Cause> {
        let Value::Map(map) = of else { return Err(Cause::Mismatch) };
        if !matches!(map, Map::Borrowed(_)) {
            self.meter.keys(map.size())?;
        }
        Ok(map.get(key))
    }

    fn map(
        &mut self,
        node: &'a Node,
        entries: &'a [(Node, Node)],
        scope: Scope<'_, 'a>,
    ) -> Result<Value<'a>, Error> {
        let mut made = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.node(key, scope)?;
            if !matches!(key, Value::String(_) | Value::Int(_) | Value::Uint(_) | Value::Bool(_)) {
                return Err(Cause::Mismatch).at(node);
            }
            made.push((key, self.node(value, scope)?));
        }
        Ok(Value::Map(Map::Made(made.into())))
    }

    fn call(
        &mut self,
        node: &'a Node,
        function: Function,
        arguments: &'a [Node],
        scope: Scope<'_, 'a>,
    ) -> Result<Value<'a>, Error> {
        let mut given = [const { Value::Null }; ARGUMENTS_MAX];
        for (place, argument) in given.iter_mut().zip(arguments) {
            *place = self.node(argument, scope)?;
        }
        functions::call(function, given, &mut self.meter).at(node)
    }
}

/// Remembers the first error, as long as another operand may still decide.
fn keep(error: Error, failed: &mut Option<Error>) -> Result<(), Error> {
    if error.cause == Cause::TooManySteps {
        return Err(error);
    }
    failed.get_or_insert(error);
    Ok(())
}

fn variable<'a>(out: usize, mut scope: Scope<'_, 'a>) -> Option<Value<'a>> {
    for _ in 0..out {
        scope = scope?.around;
    }
    Some(scope?.value.clone())
}

/// Computes what is made of constants only.
pub(crate) fn fold(node: &Node) -> Result<Constant, Error> {
    let nothing = |_| None;
    Evaluation::new(&nothing).of(node).map(Constant::from)
}

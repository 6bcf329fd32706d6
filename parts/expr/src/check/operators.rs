//! Which types operators take, and what they give.

use super::{Checked, Checker, a, with_hint};
use crate::constant::Constant;
use crate::node::Work;
use crate::operator::Operator;
use crate::problem::Problem;
use crate::schema::Type;
use crate::tree::{Form, Tree};

impl Checker<'_> {
    pub(super) fn negate(&mut self, at: usize, of: &Tree) -> Checked {
        let of = self.check(of);
        match of.is {
            Type::Int | Type::Double | Type::Duration | Type::Dyn => {
                self.folded(Checked::new(at, Work::Negate(Box::new(of.node)), of.is))
            }
            _ => {
                let message = format!("`-` needs a number, but this is {}", a(&of.is));
                self.broken(Problem::new(at, message))
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        at: usize,
        operator: Operator,
        operands: &(Tree, Tree),
    ) -> Checked {
        if let Some(problem) = self.dashed(operator, operands) {
            return self.broken(problem);
        }
        let (one, other) = (self.check(&operands.0), self.check(&operands.1));
        let Some(is) = result(operator, &one.is, &other.is) else {
            let message = match operator {
                Operator::In => format!("{} cannot be in {}", a(&one.is), a(&other.is)),
                _ => format!("`{operator}` does not go with {} and {}", a(&one.is), a(&other.is)),
            };
            let hint = hint(operator, &one.is, &other.is);
            return self.broken(with_hint(Problem::new(at, message), hint));
        };
        let words = other.node.constant().and_then(words).filter(|_| operator == Operator::In);
        if let (Some(words), None) = (words, one.node.constant()) {
            return Checked::new(at, Work::OneOf(Box::new(one.node), words), is);
        }
        let nodes = Box::new([one.node, other.node]);
        self.folded(Checked::new(at, Work::Binary(operator, nodes), is))
    }

    /// `headers.x-id` is a subtraction. It was meant as a key with a dash.
    fn dashed(&self, operator: Operator, operands: &(Tree, Tree)) -> Option<Problem> {
        let (Form::Member(_, start), Form::Name(end)) = (&operands.0.form, &operands.1.form) else {
            return None;
        };
        let is_close = operands.0.at + start.len() + 1 == operands.1.at;
        let is_unknown = self.names.find(end).is_none();
        (operator == Operator::Subtract && is_close && is_unknown).then(|| {
            Problem::new(operands.0.at, format!("`{start}-{end}` is not one name"))
                .hint(format!("a key with a dash is written in brackets: `[\"{start}-{end}\"]`"))
        })
    }
}

/// The type of what an operator gives; `None` if it does not take these.
fn result(operator: Operator, one: &Type, other: &Type) -> Option<Type> {
    let holds = match operator {
        Operator::Equal | Operator::Unequal => one.with(other).is_some(),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            one.with(other).is_some() && !(has_no_order(one) || has_no_order(other))
        }
        Operator::In => match other {
            Type::List(of) => of.with(one).is_some(),
            Type::Map(types) => types.0.with(one).is_some(),
            other => *other == Type::Dyn,
        },
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder => return arithmetic(operator, one, other),
    };
    holds.then_some(Type::Bool)
}

const fn has_no_order(is: &Type) -> bool {
    matches!(is, Type::Null | Type::Ip | Type::Cidr | Type::List(_) | Type::Map(_))
}

fn arithmetic(operator: Operator, one: &Type, other: &Type) -> Option<Type> {
    use Operator::{Add, Divide, Multiply, Subtract};
    Some(match (one, operator, other) {
        (Type::Dyn, ..) | (.., Type::Dyn) => Type::Dyn,
        (Type::Int, _, Type::Int) => Type::Int,
        (Type::Uint, _, Type::Uint) => Type::Uint,
        (Type::Double, Add | Subtract | Multiply | Divide, Type::Double) => Type::Double,
        (Type::String, Add, Type::String) => Type::String,
        (Type::Bytes, Add, Type::Bytes) => Type::Bytes,
        (Type::List(_), Add, Type::List(_)) => one.with(other)?,
        (Type::Duration, Add | Subtract, Type::Duration) => Type::Duration,
        (Type::Timestamp, Add | Subtract, Type::Duration) => Type::Timestamp,
        (Type::Duration, Add, Type::Timestamp) => Type::Timestamp,
        (Type::Timestamp, Subtract, Type::Timestamp) => Type::Duration,
        _ => return None,
    })
}

/// What somebody meant who put these together.
fn hint(operator: Operator, one: &Type, other: &Type) -> Option<String> {
    let is_number = |is: &Type| matches!(is, Type::Int | Type::Uint | Type::Double);
    let either = |is: &Type| one == is || other == is;
    let hint = match (operator, one, other) {
        (Operator::In, _, Type::String) => "whether a text is in a text: `text.contains(\"...\")`",
        (Operator::In, _, Type::Cidr) => {
            "whether an address is in a network: `cidr(\"...\").containsIP(...)`"
        }
        (Operator::In, ..) => "lists are written `[\"a\", \"b\"]`",
        (
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual,
            ..,
        ) if has_no_order(one) && one == other => "only `==` and `!=` compare these",
        _ if either(&Type::Null) => "no value is null: ask with `has(...)`, or `\"key\" in map`",
        _ if one != other && is_number(one) && is_number(other) => {
            "numbers of different types are converted: `int(...)`, `uint(...)`, `double(...)`; an int with a fraction is `1.0`"
        }
        (Operator::Add, ..) if either(&Type::String) => "`string(...)` makes a text of a value",
        _ if either(&Type::Duration) => "a length of time is written `duration(\"500ms\")`",
        _ if either(&Type::Timestamp) => {
            "a moment is written `timestamp(\"2026-01-31T12:00:00Z\")`"
        }
        _ if either(&Type::Ip) => "an address is written `ip(\"192.0.2.1\")`",
        _ if either(&Type::String) && (is_number(one) || is_number(other)) => {
            "write the number in quotes, or convert the text with `int(...)`"
        }
        (
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual,
            Type::Bool,
            _,
        ) => "two comparisons are written `a < b && b < c`",
        (Operator::Equal, _, Type::List(_)) => "whether a value is in a list: `value in list`",
        (Operator::Equal, Type::List(_), _) => "whether a value is in a list: `value in list`",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The sorted words of a list that has nothing but texts.
fn words(constant: &Constant) -> Option<Box<[Box<[u8]>]>> {
    let Constant::List(items) = constant else { return None };
    let words = items.0.iter().map(|item| match item {
        Constant::String(word) => Some(word.clone()),
        _ => None,
    });
    let mut words: Vec<Box<[u8]>> = words.collect::<Option<_>>()?;
    words.sort_unstable();
    Some(words.into())
}

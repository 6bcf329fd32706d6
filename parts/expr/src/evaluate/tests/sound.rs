//! Well-typed expressions made up at random: each compiles, its value has the type that it was said
//! to have, and no type is wrong when it is evaluated.

use crate::error::Cause;
use crate::functions::{Function, signatures};
use crate::testing::{Exchange, schema, written};
use crate::{Condition, Expression, Type, Value};

/// A small generator (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(rolled).unwrap() % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const SIMPLE: [Type; 10] = [
    Type::Bool,
    Type::Int,
    Type::Uint,
    Type::Double,
    Type::String,
    Type::Bytes,
    Type::Duration,
    Type::Timestamp,
    Type::Ip,
    Type::Cidr,
];

/// Makes up expressions; `variables` are those of the loops around.
struct Writer {
    dice: Dice,
    variables: Vec<(String, Type)>,
}

impl Writer {
    fn expression(&mut self, is: &Type, depth: usize) -> String {
        if depth == 0 {
            return self.leaf(is);
        }
        let depth = depth - 1;
        match self.dice.below(8) {
            0 => self.leaf(is),
            1 => format!(
                "({} ? {} : {})",
                self.expression(&Type::Bool, depth),
                self.expression(is, depth),
                self.expression(is, depth)
            ),
            2 => self.taken_out(is, depth),
            3 | 4 => self.called(is, depth).unwrap_or_else(|| self.leaf(is)),
            _ => self.operation(is, depth),
        }
    }

    /// A variable, a name or a literal.
    fn leaf(&mut self, is: &Type) -> String {
        let schema = schema();
        let variables = self.variables.iter().map(|(name, is)| (name.as_str(), is));
        let names: Vec<&str> =
            schema.names().chain(variables).filter(|it| it.1 == is).map(|it| it.0).collect();
        if !names.is_empty() && self.dice.below(3) > 0 {
            return (*self.dice.one(&names)).to_owned();
        }
        let literals: &[&str] = match is {
            Type::Bool => &["true", "false"],
            Type::Int => &["0", "1", "-7", "404", "9223372036854775807", "-9223372036854775808"],
            Type::Uint => &["0u", "3u", "18446744073709551615u"],
            Type::Double => &["0.0", "-1.5", "1e300", "0.001"],
            Type::String => &["''", "'GET'", "'\u{e9}'", "'10.0.0.1'", "'5'", "'/'", "'1h'"],
            Type::Bytes => &["b''", "b'\\xff'"],
            Type::Duration => &["duration('1h')", "duration('-292y'.replace('y', 'h'))"],
            Type::Timestamp => &["timestamp(0)", "timestamp('9999-12-31T23:59:59Z')"],
            Type::Ip => &["ip('::1')", "ip('10.1.2.3')"],
            Type::Cidr => &["cidr('10.0.0.0/8')", "cidr('::/0')"],
            Type::List(of) => return format!("[{}]", self.leaf(&of.clone())),
            Type::Map(types) => {
                let (key, value) = (self.leaf(&types.0), self.leaf(&types.1));
                return format!("{{{key}: {value}}}");
            }
            Type::Null | Type::Dyn => &["null"],
        };
        (*self.dice.one(literals)).to_owned()
    }

    /// An item of a list or the value of a key.
    fn taken_out(&mut self, is: &Type, depth: usize) -> String {
        if self.dice.below(2) == 0 {
            let list = self.expression(&Type::list(is.clone()), depth);
            format!("{list}[{}]", self.expression(&Type::Int, depth))
        } else {
            let map = self.expression(&Type::map(is.clone()), depth);
            format!("{map}[{}]", self.expression(&Type::String, depth))
        }
    }

    /// A call of one of the functions that give this type.
    fn called(&mut self, is: &Type, depth: usize) -> Option<String> {
        let fitting: Vec<_> = signatures().iter().filter(|it| it.gives == *is).collect();
        if fitting.is_empty() {
            return None;
        }
        let signature = *self.dice.one(&fitting);
        let receiver = signature.receiver.as_ref().map(|it| self.filled(it, depth) + ".");
        let mut arguments: Vec<String> =
            signature.arguments.iter().map(|it| self.filled(it, depth)).collect();
        if signature.function == Function::Matches {
            arguments.pop();
            arguments.push("r'^.*/\\d+'".to_owned());
        }
        let on = receiver.unwrap_or_default();
        Some(format!("{on}{}({})", signature.name, arguments.join(", ")))
    }

    /// An expression of a type, with something for each `dyn` in it.
    fn filled(&mut self, is: &Type, depth: usize) -> String {
        let simple = self.dice.one(&SIMPLE).clone();
        let is = match is {
            Type::List(of) if **of == Type::Dyn => Type::list(simple),
            Type::Map(_) => Type::map(simple),
            is => is.clone(),
        };
        self.expression(&is, depth)
    }

    fn operation(&mut self, is: &Type, depth: usize) -> String {
        match is {
            Type::Bool => self.truth(depth),
            Type::Int | Type::Uint => self.between(is, &["+", "-", "*", "/", "%"], is, depth),
            Type::Double => self.between(is, &["+", "-", "*", "/"], is, depth),
            Type::String | Type::Bytes => self.between(is, &["+"], is, depth),
            Type::Duration => match self.dice.below(3) {
                0 => self.between(&Type::Timestamp, &["-"], &Type::Timestamp, depth),
                1 => format!("(-{})", self.expression(is, depth)),
                _ => self.between(is, &["+", "-"], is, depth),
            },
            Type::Timestamp => self.between(is, &["+", "-"], &Type::Duration, depth),
            Type::List(of) => match self.dice.below(3) {
                0 => self.between(is, &["+"], is, depth),
                1 => {
                    let item = self.dice.one(&SIMPLE).clone();
                    self.repeated("map", &item, of, depth)
                }
                _ => self.repeated("filter", of, &Type::Bool, depth),
            },
            _ => self.leaf(is),
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        let bool = Type::Bool;
        let simple = self.dice.one(&SIMPLE).clone();
        match self.dice.below(7) {
            0 => self.between(&bool, &["&&", "||"], &bool, depth),
            1 => format!("(!{})", self.expression(&bool, depth)),
            2 => self.between(&simple, &["==", "!="], &simple, depth),
            3 => {
                let is = SIMPLE[self.dice.below(8)].clone();
                self.between(&is, &["<", "<=", ">", ">="], &is, depth)
            }
            4 => self.between(&simple.clone(), &["in"], &Type::list(simple), depth),
            5 => self.between(&Type::String, &["in"], &Type::map(simple), depth),
            _ => {
                let kind = *self.dice.one(&["all", "exists", "exists_one"]);
                self.repeated(kind, &simple, &bool, depth)
            }
        }
    }

    fn between(&mut self, one: &Type, operators: &[&str], other: &Type, depth: usize) -> String {
        let operator = *self.dice.one(operators);
        format!("({} {operator} {})", self.expression(one, depth), self.expression(other, depth))
    }

    fn repeated(&mut self, kind: &str, item: &Type, body: &Type, depth: usize) -> String {
        let over = self.expression(&Type::list(item.clone()), depth);
        let name = format!("v{}", self.variables.len());
        self.variables.push((name.clone(), item.clone()));
        let body = self.expression(body, depth);
        self.variables.pop();
        format!("{over}.{kind}({name}, {body})")
    }
}

fn is_of(value: &Value<'_>, is: &Type) -> bool {
    match (value, is) {
        (Value::Bool(_), Type::Bool)
        | (Value::Int(_), Type::Int)
        | (Value::Uint(_), Type::Uint)
        | (Value::Double(_), Type::Double)
        | (Value::String(_), Type::String)
        | (Value::Bytes(_), Type::Bytes)
        | (Value::Duration(_), Type::Duration)
        | (Value::Timestamp(_), Type::Timestamp)
        | (Value::Ip(_), Type::Ip)
        | (Value::Cidr(_), Type::Cidr) => true,
        (Value::List(list), Type::List(of)) => list.iter().all(|item| is_of(&item, of)),
        _ => false,
    }
}

#[test]
fn a_type_that_is_told_is_kept() {
    let (exchange, schema) = (Exchange::default(), schema());
    let (mut evaluated, mut failed) = (0, 0);
    for seed in 1..=10_000_u64 {
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut writer = Writer { dice, variables: Vec::new() };
        let is = match seed % 11 {
            10 => Type::list(Type::String),
            simple => SIMPLE[usize::try_from(simple).unwrap()].clone(),
        };
        let source = writer.expression(&is, 4);
        let expression = match Expression::compile(&source, &schema) {
            Ok(expression) => expression,
            Err(problems) => {
                let is_known = |message: &str| {
                    message.starts_with("this never has a value")
                        || message.contains("is not a")
                        || message.contains("nested deeper")
                };
                let unknown = problems.iter().find(|problem| !is_known(&problem.message));
                assert_eq!(unknown, None, "seed {seed}: {source}");
                continue;
            }
        };
        assert_eq!(*expression.is(), is, "seed {seed}: {source}");
        evaluated += 1;
        match expression.value(&exchange) {
            Ok(value) => assert!(is_of(&value, &is), "seed {seed}: {source}: {}", written(&value)),
            Err(error) => {
                failed += 1;
                assert_ne!(error.cause, Cause::Mismatch, "seed {seed}: {source}: {error}");
                assert!(source.is_char_boundary(error.at), "seed {seed}: {source}: {error}");
            }
        }
        if is == Type::Bool {
            says_the_same(&source, &exchange);
        }
    }
    // Most can be evaluated, and some of them fail: otherwise this shows little.
    assert!(evaluated > 5_000 && failed > 300, "{evaluated} were evaluated, {failed} failed");
}

/// What is logically the same has the same result.
fn says_the_same(source: &str, exchange: &Exchange) {
    let holds = |source: &str| {
        let condition = Condition::compile(source, &schema());
        condition.ok().map(|it| it.holds(exchange).map_err(|error| error.cause))
    };
    let expect = holds(source);
    let is_short = expect != Some(Err(Cause::TooManySteps));
    for same in [
        format!("({source})"),
        format!("!!({source})"),
        format!("({source}) && true"),
        format!("false || ({source})"),
        format!("true ? ({source}) : false"),
        format!("[({source})][0]"),
        format!("[true].all(it, {source})"),
    ] {
        if let Some(result) = holds(&same).filter(|_| is_short) {
            assert_eq!(Some(result), expect, "{same}");
        }
    }
}

//! Expressions: every text is a problem with its place, or an expression whose value has the type
//! that was told; what is logically the same has the same result; a template writes what its
//! expressions give.
//!
//! The input is the expression, and `body` are its bytes as they are.

use std::net::IpAddr;
use std::time::Duration;

use yumen_expr::{
    Cause, Condition, Entries, Error, Expression, Facts, Items, List, PROBLEMS_MAX, Problem,
    Schema, Template, Type, Value,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Name {
    Method,
    Body,
    Headers,
    Status,
    Sent,
    Share,
    Cached,
    Took,
    Client,
    Roles,
    Claims,
    Failure,
}

fn schema() -> Schema<Name> {
    Schema::default()
        .with("method", Type::String, Name::Method)
        .with("body", Type::String, Name::Body)
        .with("headers", Type::map(Type::String), Name::Headers)
        .with("status", Type::Int, Name::Status)
        .with("sent", Type::Uint, Name::Sent)
        .with("share", Type::Double, Name::Share)
        .with("cached", Type::Bool, Name::Cached)
        .with("took", Type::Duration, Name::Took)
        .with("client.address", Type::Ip, Name::Client)
        .with("client.roles", Type::list(Type::String), Name::Roles)
        .with("client.claims", Type::map(Type::Dyn), Name::Claims)
        .with("failure", Type::String, Name::Failure)
}

#[derive(Debug)]
struct Exchange<'d> {
    body: &'d [u8],
    headers: Map,
    roles: Vec<&'static str>,
    claims: Map,
}

/// Keys without case and their values.
#[derive(Debug)]
struct Map(&'static [(&'static str, Kept)]);

#[derive(Debug)]
enum Kept {
    Text(&'static [u8]),
    Number(f64),
    Null,
}

impl Entries for Map {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        let found = self.0.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(key));
        found.map(|(_, kept)| match kept {
            Kept::Text(text) => Value::from(*text),
            Kept::Number(number) => Value::Double(*number),
            Kept::Null => Value::Null,
        })
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.0.get(at).map(|(name, _)| Value::from(*name))
    }
}

impl Facts<Name> for Exchange<'_> {
    fn value(&self, name: Name) -> Option<Value<'_>> {
        Some(match name {
            Name::Method => "GET".into(),
            Name::Body => self.body.into(),
            Name::Headers => Value::from(&self.headers as &dyn Entries),
            Name::Status => Value::Int(404),
            Name::Sent => Value::Uint(7),
            Name::Share => Value::Double(0.5),
            Name::Cached => Value::Bool(true),
            Name::Took => Duration::from_millis(1_500).into(),
            Name::Client => IpAddr::from([10, 1, 2, 3]).into(),
            Name::Roles => Value::from(&self.roles as &dyn Items),
            Name::Claims => Value::from(&self.claims as &dyn Entries),
            Name::Failure => return None,
        })
    }
}

/// Checks one text, as an expression and as a template.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let exchange = Exchange {
        body: data,
        headers: Map(&[
            ("Host", Kept::Text(b"shop.example")),
            ("X-Id", Kept::Text(b"42")),
            ("X-Bad", Kept::Text(b"a\xffb")),
        ]),
        roles: vec!["reader", "writer"],
        claims: Map(&[
            ("name", Kept::Text(b"ann")),
            ("level", Kept::Number(3.0)),
            ("nothing", Kept::Null),
        ]),
    };
    check_expression(&text, &exchange);
    check_template(&text, &exchange);
}

fn check_expression(text: &str, exchange: &Exchange<'_>) {
    let expression = match Expression::compile(text, &schema()) {
        Ok(expression) => expression,
        Err(problems) => return check_problems(text, &problems),
    };
    let is = expression.is();
    match expression.value(exchange) {
        Ok(value) => assert!(is_of(&value, is), "not {is}: {value:?}"),
        Err(Error { cause, at }) => {
            assert!(text.is_char_boundary(at), "an error inside of a character");
            let is_known = !expression.keys().contains(&Name::Claims);
            assert!(cause != Cause::Mismatch || !is_known, "the types were known");
        }
    }
    if Condition::compile(text, &schema()).is_ok() {
        says_the_same(text, exchange);
    }
    reads_as_text(text, is, exchange);
}

fn check_problems(text: &str, problems: &[Problem]) {
    assert!((1..=PROBLEMS_MAX).contains(&problems.len()), "{} problems", problems.len());
    assert!(problems.is_sorted_by_key(|problem| problem.at), "not in their order");
    for problem in problems {
        assert!(!problem.message.is_empty() && problem.hint.as_deref() != Some(""));
        // What is too long is told at its bound, wherever that is.
        let is_place = text.is_char_boundary(problem.at) || problem.message.contains("longer");
        assert!(is_place, "a problem inside of a character: {problem}");
    }
}

fn is_of(value: &Value<'_>, is: &Type) -> bool {
    match (value, is) {
        (_, Type::Dyn)
        | (Value::Null, Type::Null)
        | (Value::Bool(_), Type::Bool)
        | (Value::Int(_), Type::Int)
        | (Value::Uint(_), Type::Uint)
        | (Value::Double(_), Type::Double)
        | (Value::String(_), Type::String)
        | (Value::Bytes(_), Type::Bytes)
        | (Value::Duration(_), Type::Duration)
        | (Value::Timestamp(_), Type::Timestamp)
        | (Value::Ip(_), Type::Ip)
        | (Value::Cidr(_), Type::Cidr)
        | (Value::Map(_), Type::Map(_)) => true,
        (Value::List(List::Made(items)), Type::List(of)) => {
            items.iter().all(|item| is_of(item, of))
        }
        (Value::List(List::Borrowed(items)), Type::List(of)) => {
            (0..items.size()).filter_map(|at| items.item(at)).all(|item| is_of(&item, of))
        }
        _ => false,
    }
}

/// The line ends keep a comment at the end of the text from hiding what stands behind it.
fn says_the_same(text: &str, exchange: &Exchange<'_>) {
    let holds = |source: &str| {
        let condition = Condition::compile(source, &schema()).ok()?;
        let result = condition.holds(exchange).map_err(|error| error.cause);
        (result != Err(Cause::TooManySteps)).then_some(result)
    };
    let Some(expect) = holds(text) else { return };
    for same in [
        format!("({text}\n)"),
        format!("!!({text}\n)"),
        format!("({text}\n) && true"),
        format!("false || ({text}\n)"),
        format!("cached ? ({text}\n) : false"),
        format!("[true].all(fuzz, {text}\n)"),
    ] {
        if let Some(result) = holds(&same) {
            assert_eq!(result, expect, "{same}");
        }
    }
}

/// `string(...)` gives what a template writes.
fn reads_as_text(text: &str, is: &Type, exchange: &Exchange<'_>) {
    if matches!(is, Type::Bytes | Type::Dyn) {
        return;
    }
    let Ok(template) = Template::compile(&format!("a%{{{text}\n}}b"), &schema()) else { return };
    let Ok(converted) = Expression::compile(&format!("string({text}\n)"), &schema()) else {
        return;
    };
    let mut out = Vec::new();
    match (template.write(exchange, &mut out), converted.value(exchange)) {
        (Ok(()), Ok(Value::String(converted))) => {
            assert_eq!(out, [b"a", &*converted, b"b"].concat());
        }
        (Err(one), Err(other)) => assert_eq!(one.cause, other.cause),
        // It needs a step more.
        (_, Err(Error { cause: Cause::TooManySteps, .. })) => {}
        (written, converted) => panic!("{written:?}, but {converted:?}"),
    }
}

fn check_template(text: &str, exchange: &Exchange<'_>) {
    let template = match Template::compile(text, &schema()) {
        Ok(template) => template,
        Err(problems) => return check_problems(text, &problems),
    };
    let (mut all, mut some) = (b"before".to_vec(), Vec::new());
    template.write_or(exchange, b"-", &mut some);
    match template.write(exchange, &mut all) {
        Ok(()) => assert_eq!(all, [b"before", some.as_slice()].concat()),
        Err(_) => assert_eq!(all, b"before"),
    }
    if let Some(constant) = template.constant() {
        assert_eq!(constant, some);
    }
    if !text.contains("%{") {
        assert_eq!(template.constant(), Some(text.as_bytes()));
    }
}

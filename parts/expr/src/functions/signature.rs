//! How functions can be called, read from the lines that users read: `string.contains(string) -> bool`.

use super::Function;
use crate::schema::Type;

/// One way to call a function.
#[derive(Debug)]
pub(crate) struct Signature {
    /// As it is written in the tables.
    pub(crate) text: &'static str,
    pub(crate) name: &'static str,
    /// The type of the value it is called on, if it is called on one.
    pub(crate) receiver: Option<Type>,
    pub(crate) arguments: Vec<Type>,
    pub(crate) gives: Type,
    pub(crate) function: Function,
}

impl Signature {
    /// Reads `receiver.name(argument, ...) -> type` or `name(argument, ...) -> type`.
    pub(super) fn read(text: &'static str, function: Function) -> Option<Self> {
        let (call, gives) = text.split_once(" -> ")?;
        let (start, arguments) = split_brackets(call)?;
        let (receiver, name) = match start.rsplit_once('.') {
            Some((receiver, name)) => (Some(read_type(receiver)?), name),
            None => (None, start),
        };
        let arguments = split_commas(arguments).map(read_type).collect::<Option<_>>()?;
        let gives = read_type(gives)?;
        Some(Self { text, name, receiver, arguments, gives, function })
    }

    /// Whether it can be called so.
    pub(crate) fn fits(&self, receiver: Option<&Type>, arguments: &[Type]) -> bool {
        let receiver_fits = match (&self.receiver, receiver) {
            (Some(wanted), Some(given)) => wanted.takes(given),
            (None, None) => true,
            _ => false,
        };
        receiver_fits
            && self.arguments.len() == arguments.len()
            && self.arguments.iter().zip(arguments).all(|(wanted, given)| wanted.takes(given))
    }
}

/// `a(b(c))` as `a` and `b(c)`: what stands before the last pair of brackets, and inside of it.
fn split_brackets(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_suffix(')')?;
    let mut open = 0;
    for (at, c) in inside.char_indices().rev() {
        match c {
            ')' => open += 1,
            '(' if open == 0 => return Some((inside.get(..at)?, inside.get(at + 1..)?)),
            '(' => open -= 1,
            _ => {}
        }
    }
    None
}

/// What stands between commas that are inside of no brackets.
fn split_commas(text: &str) -> impl Iterator<Item = &str> {
    let mut open = 0_usize;
    let parts = text.split(move |c| {
        open = open + usize::from(c == '(') - usize::from(c == ')');
        c == ',' && open == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn read_type(text: &str) -> Option<Type> {
    if let Some((start, inside)) = split_brackets(text) {
        let mut inside = split_commas(inside).map(read_type);
        let first = inside.next()??;
        return match start {
            "list" => Some(Type::list(first)),
            "map" => Some(Type::Map(Box::new((first, inside.next()??)))),
            _ => None,
        };
    }
    let simple = [
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
        Type::Dyn,
    ];
    simple.into_iter().find(|simple| simple.to_string() == text)
}

//! A tree as text, with brackets around everything that has operators.

use crate::constant::Constant;
use crate::tree::{Form, Tree};

pub(super) fn print(tree: &Tree) -> String {
    match &tree.form {
        Form::Literal(constant) => literal(constant),
        Form::Name(name) => name.clone(),
        Form::Member(of, name) if name.contains(['-', '.', '/', ' ']) => {
            format!("{}.`{name}`", print(of))
        }
        Form::Member(of, name) => format!("{}.{name}", print(of)),
        Form::Index(of, key) => format!("{}[{}]", print(of), print(key)),
        Form::Call(call) => {
            let on = call.receiver.as_ref().map_or(String::new(), |on| format!("{}.", print(on)));
            format!("{on}{}({})", call.name, all(&call.arguments, ", "))
        }
        Form::List(items) => format!("[{}]", all(items, ", ")),
        Form::Map(entries) => {
            let entries = entries.iter().map(|(key, to)| format!("{}: {}", print(key), print(to)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Form::Not(of) => format!("(!{})", print(of)),
        Form::Negate(of) => format!("(-{})", print(of)),
        Form::Binary(operator, operands) => {
            format!("({} {operator} {})", print(&operands.0), print(&operands.1))
        }
        Form::All(operands) => format!("({})", all(operands, " && ")),
        Form::Any(operands) => format!("({})", all(operands, " || ")),
        Form::If(parts) => {
            format!("({} ? {} : {})", print(&parts[0]), print(&parts[1]), print(&parts[2]))
        }
    }
}

fn all(trees: &[Tree], between: &str) -> String {
    trees.iter().map(print).collect::<Vec<_>>().join(between)
}

fn literal(constant: &Constant) -> String {
    match constant {
        Constant::Null => "null".to_owned(),
        Constant::Bool(holds) => holds.to_string(),
        Constant::Int(number) => number.to_string(),
        Constant::Uint(number) => format!("{number}u"),
        Constant::Double(number) => format!("{number:?}"),
        Constant::String(text) => {
            let text = std::str::from_utf8(text).unwrap();
            let escape = |c: char| match c {
                '"' | '\\' => format!("\\{c}"),
                c if c.is_control() => format!("\\U{:08x}", u32::from(c)),
                c => c.to_string(),
            };
            format!("\"{}\"", text.chars().map(escape).collect::<String>())
        }
        Constant::Bytes(bytes) => {
            let escape = |byte: &u8| match byte {
                b' ' | b'a'..=b'z' => char::from(*byte).to_string(),
                byte => format!("\\x{byte:02x}"),
            };
            format!("b\"{}\"", bytes.iter().map(escape).collect::<String>())
        }
        other => panic!("{other:?} is no literal"),
    }
}

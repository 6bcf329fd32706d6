//! Calls of functions: which one is meant, and whether it takes what it is given.

use super::{Checked, Checker, a, with_hint};
use crate::constant::Constant;
use crate::functions::{Function, Signature, signatures};
use crate::nearest::nearest;
use crate::node::{LoopKind, Node, Work};
use crate::pattern::Pattern;
use crate::problem::Problem;
use crate::schema::Type;
use crate::tree::Call;

/// What the functions of other languages are called here.
const SYNONYMS: [(&str, &str); 16] = [
    ("len", "size"),
    ("length", "size"),
    ("count", "size"),
    ("lower", "lowerAscii"),
    ("toLower", "lowerAscii"),
    ("toLowerCase", "lowerAscii"),
    ("upper", "upperAscii"),
    ("toUpper", "upperAscii"),
    ("toUpperCase", "upperAscii"),
    ("includes", "contains"),
    ("has_prefix", "startsWith"),
    ("hasPrefix", "startsWith"),
    ("has_suffix", "endsWith"),
    ("hasSuffix", "endsWith"),
    ("any", "exists"),
    ("regex", "matches"),
];

impl Checker<'_> {
    pub(super) fn call(&mut self, at: usize, call: &Call) -> Checked {
        let kind = LoopKind::ALL.iter().find(|(name, _)| *name == call.name);
        match (&call.receiver, kind) {
            (Some(over), Some((_, kind))) => self.repeated(at, *kind, over, &call.arguments),
            (None, _) if call.name == "has" => self.has(at, &call.arguments),
            _ => self.function(at, call),
        }
    }

    fn function(&mut self, at: usize, call: &Call) -> Checked {
        if !signatures().iter().any(|signature| signature.name == call.name) {
            return self.broken(unknown(at, &call.name));
        }
        let receiver = call.receiver.as_ref().map(|receiver| self.check(receiver));
        let arguments = call.arguments.iter().map(|argument| self.check(argument));
        let (nodes, types): (Vec<Node>, Vec<Type>) =
            arguments.map(|checked| (checked.node, checked.is)).unzip();
        let receiver_is = receiver.as_ref().map(|receiver| &receiver.is);
        let mut named = signatures().iter().filter(|signature| signature.name == call.name);
        let Some(signature) = named.find(|signature| signature.fits(receiver_is, &types)) else {
            return self.broken(misfit(at, call, receiver_is, &types));
        };
        let nodes: Vec<Node> = receiver.map(|it| it.node).into_iter().chain(nodes).collect();
        match signature.function {
            Function::Matches => self.matches(at, nodes),
            _ => self.called(at, signature, nodes),
        }
    }

    /// A function whose arguments may all be constant: then it is called now.
    fn called(&mut self, at: usize, signature: &Signature, nodes: Vec<Node>) -> Checked {
        let told = self.problems.len();
        let literal = nodes.iter().find_map(Node::constant).cloned();
        let work = Work::Call(signature.function, nodes.into());
        let checked = self.folded(Checked::new(at, work, signature.gives.clone()));
        // Only a text that cannot be read has more to say than the cause.
        if let (Some(Constant::String(text)), Some(problem)) =
            (literal, self.problems.get_mut(told..).and_then(<[Problem]>::first_mut))
            && let Some(example) =
                example(&signature.gives).filter(|_| signature.receiver.is_none())
        {
            let text = String::from_utf8_lossy(&text).into_owned();
            problem.message = format!("{text:?} is not {}", a(&signature.gives));
            problem.hint = Some(format!("such as `{example}`"));
        }
        checked
    }

    /// A pattern is compiled now: so it has to be known now.
    fn matches(&mut self, at: usize, nodes: Vec<Node>) -> Checked {
        let mut nodes = nodes.into_iter();
        let (Some(text), Some(pattern)) = (nodes.next(), nodes.next()) else {
            return self.broken(Problem::new(at, "`matches` takes a text and a pattern"));
        };
        let Some(Constant::String(written)) = pattern.constant() else {
            let problem = Problem::new(pattern.at, "a pattern must be written here as a text")
                .hint("it is compiled once and for all; several are written `a|b`");
            return self.broken(problem);
        };
        match Pattern::compile(&String::from_utf8_lossy(written), pattern.at) {
            Ok(compiled) => {
                self.count_regex(pattern.at, compiled.program_bytes);
                let work = Work::Matches(Box::new(text), Box::new(compiled));
                self.folded(Checked::new(at, work, Type::Bool))
            }
            Err(problem) => self.broken(problem),
        }
    }
}

fn unknown(at: usize, name: &str) -> Problem {
    let problem = Problem::new(at, format!("there is no function `{name}`"));
    let loops = LoopKind::ALL.iter().map(|(name, _)| *name);
    let known = signatures().iter().map(|signature| signature.name).chain(loops).chain(["has"]);
    let synonym = SYNONYMS.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    let meant = synonym.map(|(_, meant)| *meant).or_else(|| nearest(name, known));
    let hint = match name {
        "not" => Some("write `!`".to_owned()),
        _ => meant.map(|meant| format!("did you mean `{meant}`?")),
    };
    with_hint(problem, hint)
}

/// The function is there, but not for these types.
fn misfit(at: usize, call: &Call, receiver: Option<&Type>, arguments: &[Type]) -> Problem {
    let arguments: Vec<String> = arguments.iter().map(Type::to_string).collect();
    let on = receiver.map_or(String::new(), |receiver| format!("{receiver}."));
    let name = &call.name;
    let message = format!("`{name}` cannot be called as `{on}{name}({})`", arguments.join(", "));
    let named = signatures().iter().filter(|signature| signature.name == *name);
    let known: Vec<String> = named.map(|signature| format!("`{}`", signature.text)).collect();
    Problem::new(at, message).hint(format!("there is {}", known.join(", ")))
}

/// How a text of a type is written, if it is read from a text.
const fn example(is: &Type) -> Option<&'static str> {
    match is {
        Type::Duration => Some("1h30m"),
        Type::Timestamp => Some("2026-01-31T12:00:00Z"),
        Type::Ip => Some("192.0.2.1"),
        Type::Cidr => Some("10.0.0.0/8"),
        Type::Int | Type::Uint => Some("42"),
        Type::Double => Some("4.2"),
        Type::Bool => Some("true"),
        _ => None,
    }
}

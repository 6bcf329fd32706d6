//! What operators stand between: literals, names, calls, lists, maps, and their members.

use super::{Parser, tree};
use crate::constant::Constant;
use crate::lexer::Token;
use crate::problem::Problem;
use crate::tree::{Call, Form, Tree};

/// Words that CEL keeps free for the languages around it.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

impl Parser<'_> {
    /// A value and what is taken out of it: `.name`, `.name(...)`, `[...]`. A number is negative if
    /// a minus stands at the place that is given.
    pub(super) fn member(&mut self, negative: Option<usize>) -> Result<Tree, Problem> {
        let mut value = self.primary(negative)?;
        loop {
            let at = self.next.at;
            if self.take("[")? {
                let index = self.expression()?;
                self.expect("]", "behind the key")?;
                value = tree(at, Form::Index(Box::new(value), Box::new(index)))?;
            } else if self.take(".")? {
                value = self.selected(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    /// What stands behind a dot.
    fn selected(&mut self, of: Tree) -> Result<Tree, Problem> {
        let at = self.next.at;
        if let Token::Key(key) = self.next.token {
            self.advance()?;
            return tree(at, Form::Member(Box::new(of), key.to_owned()));
        }
        let Token::Word(name) = self.next.token else {
            let message = format!("a name is expected behind the dot, not {}", self.found());
            return Err(Problem::new(at, message));
        };
        if matches!(name, "true" | "false" | "null" | "in") {
            let hint = format!("write `[\"{name}\"]`");
            return Err(Problem::new(at, format!("`{name}` is no name")).hint(hint));
        }
        self.advance()?;
        if self.take("(")? {
            return self.call(at, name, Some(of));
        }
        tree(at, Form::Member(Box::new(of), name.to_owned()))
    }

    fn primary(&mut self, negative: Option<usize>) -> Result<Tree, Problem> {
        let at = negative.unwrap_or(self.next.at);
        if self.take("(")? {
            let inside = self.expression()?;
            self.expect(")", "to close the bracket")?;
            return Ok(inside);
        }
        if self.take("[")? {
            let items = self.items("]", false)?;
            return tree(at, Form::List(items));
        }
        if self.take("{")? {
            return self.map(at);
        }
        if let Token::Word(word) = self.next.token {
            return self.word(at, word);
        }
        let literal = match &self.next.token {
            Token::Whole(number) => whole(at, *number, negative.is_some())?,
            Token::Unsigned(number) => Constant::Uint(*number),
            Token::Double(number) if negative.is_some() => Constant::Double(-number),
            Token::Double(number) => Constant::Double(*number),
            Token::String(text) => Constant::String(text.as_bytes().into()),
            Token::Bytes(bytes) => Constant::Bytes(bytes.as_slice().into()),
            Token::Word(_) | Token::Key(_) | Token::Mark(_) | Token::End => {
                return Err(self.no_value());
            }
        };
        self.advance()?;
        tree(at, Form::Literal(literal))
    }

    fn word(&mut self, at: usize, word: &str) -> Result<Tree, Problem> {
        let constant = match word {
            "true" => Some(Constant::Bool(true)),
            "false" => Some(Constant::Bool(false)),
            "null" => Some(Constant::Null),
            "in" => return Err(self.no_value()),
            _ if RESERVED.contains(&word) => {
                return Err(Problem::new(at, format!("`{word}` is reserved by the language")));
            }
            _ => None,
        };
        self.advance()?;
        if let Some(constant) = constant {
            return tree(at, Form::Literal(constant));
        }
        if self.take("(")? {
            return self.call(at, word, None);
        }
        if word == "not" && matches!(self.next.token, Token::Word(_)) {
            return Err(Problem::new(at, "`not` is no operator").hint("write `!`"));
        }
        tree(at, Form::Name(word.to_owned()))
    }

    fn call(&mut self, at: usize, name: &str, receiver: Option<Tree>) -> Result<Tree, Problem> {
        let arguments = self.items(")", true)?;
        tree(at, Form::Call(Box::new(Call { name: name.to_owned(), receiver, arguments })))
    }

    fn map(&mut self, at: usize) -> Result<Tree, Problem> {
        let mut entries = Vec::new();
        while !self.take("}")? {
            let key = self.expression()?;
            self.expect(":", "behind the key")?;
            entries.push((key, self.expression()?));
            self.count(at, entries.len())?;
            self.comma("}", false)?;
        }
        tree(at, Form::Map(entries))
    }
}

fn whole(at: usize, number: u64, is_negative: bool) -> Result<Constant, Problem> {
    let number = match is_negative {
        true => 0_i64.checked_sub_unsigned(number),
        false => i64::try_from(number).ok(),
    };
    let problem = || {
        Problem::new(at, "this number is too large for an int")
            .hint("ints end at 9223372036854775807; a number with `u` may be twice as large")
    };
    number.map(Constant::Int).ok_or_else(problem)
}

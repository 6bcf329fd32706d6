//! JSON text (RFC 8259, nothing added) as a tree with places.

use std::str::Chars;
use std::sync::Arc;

use super::node::is_number;
use super::{DEPTH, Entry, Node, Refused, Value};
use crate::report::Place;

/// Reads a whole text.
pub(super) fn read(text: &str, file: &Arc<str>) -> Result<Node, Refused> {
    let mut json = Json { rest: text.chars(), line: 1, column: 1, file };
    json.skip_space();
    if json.peek().is_none() {
        return Ok(Node::default());
    }
    let node = json.value(0)?;
    json.skip_space();
    match json.peek() {
        None => Ok(node),
        Some(_) => Err(json.expected("the end of the file")),
    }
}

struct Json<'a> {
    rest: Chars<'a>,
    line: u32,
    column: u32,
    file: &'a Arc<str>,
}

impl Json<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        if next == Some('\n') {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else if next.is_some() {
            self.column = self.column.saturating_add(1);
        }
        next
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn place(&self) -> Place {
        Place { file: Arc::clone(self.file), line: self.line, column: self.column }
    }

    fn refused(&self, message: String) -> Refused {
        let hint = matches!(self.peek(), Some('/' | '#' | '\'' | ']' | '}'))
            .then_some("JSON has no comments, no trailing commas and only double quotes; YAML has");
        Refused { at: self.place(), message, hint }
    }

    fn expected(&self, wanted: &str) -> Refused {
        self.refused(match self.peek() {
            Some(found) if found.is_control() => {
                format!("expected {wanted}, found `{}`", found.escape_default())
            }
            Some(found) => format!("expected {wanted}, found `{found}`"),
            None => format!("expected {wanted}, but the file ends here"),
        })
    }

    fn value(&mut self, depth: usize) -> Result<Node, Refused> {
        let place = self.place();
        let value = match self.peek() {
            Some('{' | '[') if depth == DEPTH => {
                return Err(self.refused(format!("nested deeper than {DEPTH} levels")));
            }
            Some('{') => Value::Map(self.map(depth + 1)?),
            Some('[') => Value::List(self.list(depth + 1)?),
            Some('"') => return Ok(Node::text(self.string()?, false, Some(place))),
            _ => return self.word(place),
        };
        Ok(Node { value, place: Some(place) })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Refused> {
        self.next();
        self.skip_space();
        let mut items = Vec::new();
        if self.eat(']') {
            return Ok(items);
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            if self.eat(']') {
                return Ok(items);
            }
            if !self.eat(',') {
                return Err(self.expected("`,` or `]`"));
            }
            self.skip_space();
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Refused> {
        self.next();
        self.skip_space();
        let mut entries = Vec::new();
        if self.eat('}') {
            return Ok(entries);
        }
        loop {
            entries.push(self.entry(depth)?);
            self.skip_space();
            if self.eat('}') {
                return Ok(entries);
            }
            if !self.eat(',') {
                return Err(self.expected("`,` or `}`"));
            }
            self.skip_space();
        }
    }

    fn entry(&mut self, depth: usize) -> Result<Entry, Refused> {
        let place = self.place();
        if self.peek() != Some('"') {
            return Err(self.expected("a key in double quotes"));
        }
        let key = self.string()?.into();
        self.skip_space();
        if !self.eat(':') {
            return Err(self.expected("`:`"));
        }
        self.skip_space();
        let mut node = self.value(depth)?;
        if !matches!(node.value, Value::Scalar(_)) {
            node.place = Some(place.clone());
        }
        Ok(Entry { key, key_place: Some(place), node })
    }

    fn word(&mut self, place: Place) -> Result<Node, Refused> {
        let mut ahead = self.rest.clone();
        let part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let word: String = std::iter::from_fn(|| ahead.next().filter(part)).collect();
        if !is_number(&word) && !matches!(&*word, "true" | "false" | "null") {
            return Err(self.expected("a JSON value"));
        }
        word.chars().for_each(|_| {
            self.next();
        });
        match &*word {
            "null" => Ok(Node { value: Value::Nothing, place: Some(place) }),
            _ => Ok(Node::text(word, true, Some(place))),
        }
    }

    fn string(&mut self) -> Result<String, Refused> {
        self.next();
        let mut text = String::new();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => {
                    return Err(self.expected("`\"` at the end of the text"));
                }
                Some(c) if c < ' ' => {
                    return Err(self.refused("a control character must be escaped".to_owned()));
                }
                Some('"') => {
                    self.next();
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some(c) => {
                    self.next();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refused> {
        self.next();
        let escaped = match self.peek() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            _ => return Err(self.expected("an escape that JSON knows after `\\`")),
        };
        self.next();
        Ok(escaped)
    }

    /// `uXXXX`, or two of them that are a surrogate pair.
    fn unicode(&mut self) -> Result<char, Refused> {
        let high = self.four_digits()?;
        let code = match high {
            0xD800..0xDC00 if self.eat('\\') => match self.four_digits()? {
                low @ 0xDC00..0xE000 => 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00),
                _ => high,
            },
            _ => high,
        };
        char::from_u32(code)
            .ok_or_else(|| self.refused("half of a surrogate pair is not a character".to_owned()))
    }

    fn four_digits(&mut self) -> Result<u32, Refused> {
        if !self.eat('u') {
            return Err(self.expected("`u` and four hexadecimal digits"));
        }
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|c| c.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.expected("four hexadecimal digits"))?;
            self.next();
        }
        Ok(code)
    }
}

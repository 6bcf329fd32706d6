//! Structured fields (RFC 8941), as far as signatures need them: dictionaries of inner lists of
//! strings, and of bytes. Read strictly, written in their one form.

use std::fmt::Write;

use data_encoding::BASE64;
use yumen_http::Fields;

/// Members of a dictionary, items of a list, parameters of an item.
const COUNT_MAX: usize = 64;
/// The longest field, all its lines together.
const FIELD_MAX: usize = 16_384;

/// A value that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bare {
    Text(String),
    Number(i64),
    Token(String),
    Bytes(Vec<u8>),
    Flag(bool),
}

/// Names with values behind an item.
pub(crate) type Parameters = Vec<(String, Bare)>;

/// A string with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) parameters: Parameters,
}

/// A list of strings, with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InnerList {
    pub(crate) items: Vec<Item>,
    pub(crate) parameters: Parameters,
}

/// A field's value: its lines joined (RFC 8941 section 4.2). `None` if it is too long.
pub(crate) fn joined(fields: &Fields, name: &str) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = fields.all(name).collect();
    let size: usize = lines.iter().map(|line| line.len() + 2).sum();
    (size <= FIELD_MAX).then(|| lines.join(&b", "[..]))
}

/// A dictionary of inner lists. A key that comes twice is refused, though the RFC takes the last one.
pub(crate) fn lists(text: &[u8]) -> Option<Vec<(String, InnerList)>> {
    dictionary(text, |reader| {
        reader.eat(b'=')?;
        reader.inner_list()
    })
}

/// A dictionary of bytes, without parameters.
pub(crate) fn byte_members(text: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    dictionary(text, |reader| {
        reader.eat(b'=')?;
        let bytes = reader.bytes()?;
        (reader.peek() != Some(b';')).then_some(bytes)
    })
}

fn dictionary<T>(
    text: &[u8],
    member: impl Fn(&mut Reader<'_>) -> Option<T>,
) -> Option<Vec<(String, T)>> {
    let mut reader = Reader { rest: text.trim_ascii() };
    let mut members: Vec<(String, T)> = Vec::new();
    loop {
        let key = reader.key()?;
        if members.len() >= COUNT_MAX || members.iter().any(|(known, _)| *known == key) {
            return None;
        }
        members.push((key, member(&mut reader)?));
        reader.skip(b" \t");
        if reader.rest.is_empty() {
            return Some(members);
        }
        reader.eat(b',')?;
        reader.skip(b" \t");
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip(&mut self, bytes: &[u8]) {
        let count = self.rest.iter().take_while(|byte| bytes.contains(byte)).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// As many bytes as are of this kind, as text.
    fn run(&mut self, is_of_it: impl Fn(u8) -> bool) -> String {
        let count = self.rest.iter().take_while(|byte| is_of_it(**byte)).count();
        let (run, rest) = self.rest.split_at_checked(count).unwrap_or_default();
        self.rest = rest;
        run.iter().map(|byte| char::from(*byte)).collect()
    }

    fn key(&mut self) -> Option<String> {
        self.peek().filter(|byte| byte.is_ascii_lowercase() || *byte == b'*')?;
        Some(self.run(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'.' | b'*')
        }))
    }

    fn inner_list(&mut self) -> Option<InnerList> {
        self.eat(b'(')?;
        let mut items = Vec::new();
        loop {
            self.skip(b" ");
            if self.peek()? == b')' {
                self.next()?;
                return Some(InnerList { items, parameters: self.parameters()? });
            }
            let text = self.text()?;
            items.push(Item { text, parameters: self.parameters()? });
            if items.len() > COUNT_MAX || !matches!(self.peek()?, b' ' | b')') {
                return None;
            }
        }
    }

    /// A parameter that comes twice is refused, though the RFC takes the last one.
    fn parameters(&mut self) -> Option<Parameters> {
        let mut all = Parameters::new();
        while self.peek() == Some(b';') {
            self.next()?;
            self.skip(b" ");
            let key = self.key()?;
            if all.len() >= COUNT_MAX || all.iter().any(|(known, _)| *known == key) {
                return None;
            }
            let value = if self.peek() == Some(b'=') {
                self.next()?;
                self.bare()?
            } else {
                Bare::Flag(true)
            };
            all.push((key, value));
        }
        Some(all)
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.peek()? {
            b'"' => self.text().map(Bare::Text),
            b':' => self.bytes().map(Bare::Bytes),
            b'?' => {
                self.next()?;
                match self.next()? {
                    b'0' => Some(Bare::Flag(false)),
                    b'1' => Some(Bare::Flag(true)),
                    _ => None,
                }
            }
            b'-' | b'0'..=b'9' => self.number().map(Bare::Number),
            first if first.is_ascii_alphabetic() || first == b'*' => {
                Some(Bare::Token(self.run(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
                })))
            }
            _ => None,
        }
    }

    /// Whole numbers of up to 15 digits; there is no use for others here.
    fn number(&mut self) -> Option<i64> {
        let sign =
            if self.peek() == Some(b'-') { self.run(|byte| byte == b'-') } else { String::new() };
        let digits = self.run(|byte| byte.is_ascii_digit());
        let is_whole = self.peek() != Some(b'.') && digits.len() <= 15;
        format!("{sign}{digits}").parse().ok().filter(|_| is_whole)
    }

    fn text(&mut self) -> Option<String> {
        self.eat(b'"')?;
        let mut text = String::new();
        loop {
            match self.next()? {
                b'"' => return Some(text),
                b'\\' => text.push(char::from(self.next().filter(|byte| b"\"\\".contains(byte))?)),
                byte @ b' '..=b'~' => text.push(char::from(byte)),
                _ => return None,
            }
        }
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.eat(b':')?;
        let digits = self.run(|byte| byte != b':');
        self.eat(b':')?;
        BASE64.decode(digits.as_bytes()).ok()
    }
}

/// Writes a string in its one form.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for one in text.chars() {
        if matches!(one, '"' | '\\') {
            out.push('\\');
        }
        out.push(one);
    }
    out.push('"');
}

/// Writes an item in its one form.
pub(crate) fn write_item(out: &mut String, item: &Item) {
    write_text(out, &item.text);
    write_parameters(out, &item.parameters);
}

/// Writes a list in its one form.
pub(crate) fn write_list(out: &mut String, list: &InnerList) {
    out.push('(');
    for (index, item) in list.items.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_item(out, item);
    }
    out.push(')');
    write_parameters(out, &list.parameters);
}

fn write_parameters(out: &mut String, parameters: &Parameters) {
    for (name, value) in parameters {
        out.push(';');
        out.push_str(name);
        match value {
            Bare::Flag(true) => {}
            Bare::Flag(false) => out.push_str("=?0"),
            Bare::Token(token) => out.extend(["=", token]),
            // To write into memory cannot fail.
            Bare::Number(number) => write!(out, "={number}").unwrap_or_default(),
            Bare::Bytes(bytes) => out.extend(["=:", &BASE64.encode(bytes), ":"]),
            Bare::Text(text) => {
                out.push('=');
                write_text(out, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_strictly_and_written_in_one_form() {
        for (text, expect) in [
            (
                r#"a=("x" "y";k);n=1;t="q\"";b=:AA==:;w=tok"#,
                Some(r#"("x" "y";k);n=1;t="q\"";b=:AA==:;w=tok"#),
            ),
            (r#" a=(  "x"   "y"  ); n=-1;f=?0 "#, Some(r#"("x" "y");n=-1;f=?0"#)),
            ("a=()", Some("()")),
            (r#"a=("x""y")"#, None),
            (r#"a=("x" y)"#, None),
            (r#"a=("x"#, None),
            (r#"a=("x");n=1.5"#, None),
            (r#"a=("x");n=1;n=2"#, None),
            (r#"a=("x");N=1"#, None),
            (r#"a=("x");n=9999999999999999"#, None),
            (r#"a=("x");b=:A:"#, None),
            (r#"a=("x"), a=("y")"#, None),
            (r#"a=("x"),"#, None),
            ("a", None),
            ("", None),
            ("a=\"x\"", None),
            ("a=(\"x\u{e9}\")", None),
        ] {
            let read = lists(text.as_bytes());
            let written = read.map(|mut all| {
                let mut out = String::new();
                write_list(&mut out, &all.remove(0).1);
                out
            });
            assert_eq!(written.as_deref(), expect, "{text}");
        }
        let many = format!("a=({})", "\"x\" ".repeat(COUNT_MAX + 1));
        assert_eq!(lists(many.as_bytes()), None);
    }

    #[test]
    fn bytes_are_read_strictly() {
        for (text, expect) in [
            ("a=:AAE=:", Some(vec![0, 1])),
            ("a=:AAE:", None),
            ("a=:AAF=:", None),
            ("a=AAE=", None),
            ("a=:AAE=:;x", None),
            ("a=:AAE=:,a=:AAE=:", None),
        ] {
            let read = byte_members(text.as_bytes());
            assert_eq!(read.map(|mut all| all.remove(0).1), expect, "{text}");
        }
    }
}

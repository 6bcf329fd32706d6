//! From text to tokens: words, numbers, texts in quotes, and marks.

mod number;
mod quoted;
#[cfg(test)]
mod tests;

use crate::problem::Problem;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'s> {
    /// A name, a function or a keyword.
    Word(&'s str),
    /// A key that is no word, in backticks: `` `x-id` ``.
    Key(&'s str),
    /// A whole number. Its sign is a mark of its own.
    Whole(u64),
    /// A whole number that is written with `u`.
    Unsigned(u64),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// A text in quotes.
    String(String),
    /// Bytes: a text in quotes behind `b`.
    Bytes(Vec<u8>),
    /// An operator, a bracket, a comma.
    Mark(&'static str),
    /// There is nothing more.
    End,
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed<'s> {
    pub(crate) at: usize,
    pub(crate) token: Token<'s>,
}

/// Every mark; a longer one stands before those that it begins with.
const MARKS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}",
];

/// What other languages have, and what is written here.
const FOREIGN: [(&str, &str); 9] = [
    ("=", "to compare, write `==`"),
    ("&", "write `&&`"),
    ("|", "write `||`"),
    ("~", "for regular expressions, write `text.matches(\"...\")`"),
    (";", "an expression is one value"),
    ("$", "names are written without a sign before them"),
    ("\u{201c}", "write straight quotes: `\"`"),
    ("\u{201d}", "write straight quotes: `\"`"),
    ("\u{2019}", "write straight quotes: `'`"),
];

/// Reads tokens, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    /// Begins at a byte of the text. Places are counted from the start of the text.
    pub(crate) const fn new(source: &'s str, at: usize) -> Self {
        Self { source, at }
    }

    /// The next token.
    pub(crate) fn token(&mut self) -> Result<Placed<'s>, Problem> {
        self.skip_blanks();
        let at = self.at;
        let token = self.read()?;
        Ok(Placed { at, token })
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Goes on over what all characters fit, and gives it.
    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let (taken, _) = rest.split_at(rest.find(|c| !fits(c)).unwrap_or(rest.len()));
        self.at += taken.len();
        taken
    }

    /// Goes on over one of the texts if it comes next.
    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Spaces, line ends, and comments from `//` to the end of a line.
    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n' | '\x0c'));
            if !self.take("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn read(&mut self) -> Result<Token<'s>, Problem> {
        let mut next = self.rest().chars();
        let (Some(first), second) = (next.next(), next.next()) else { return Ok(Token::End) };
        let starts_fraction = first == '.' && second.is_some_and(|c| c.is_ascii_digit());
        if first.is_ascii_digit() || starts_fraction {
            return self.number();
        }
        if let Some(text) = self.quoted()? {
            return Ok(text);
        }
        if first == '`' {
            return self.key();
        }
        if is_letter(first) {
            return Ok(Token::Word(self.take_while(|c| is_letter(c) || c.is_ascii_digit())));
        }
        let mark = MARKS.into_iter().find(|mark| self.take(mark));
        mark.map(Token::Mark).ok_or_else(|| self.foreign(first))
    }

    fn key(&mut self) -> Result<Token<'s>, Problem> {
        let at = self.at;
        self.at += 1;
        let fits = |c: char| is_letter(c) || c.is_ascii_digit() || "-./ ".contains(c);
        let key = self.take_while(fits);
        if key.is_empty() || !self.take("`") {
            let problem = Problem::new(at, "this key has no end, or signs that it may not have");
            return Err(problem.hint("write it in brackets: `[\"key\"]`"));
        }
        Ok(Token::Key(key))
    }

    fn foreign(&self, first: char) -> Problem {
        let problem =
            Problem::new(self.at, format!("`{}` means nothing here", first.escape_debug()));
        match FOREIGN.iter().find(|(mark, _)| self.rest().starts_with(mark)) {
            Some((_, hint)) => problem.hint(*hint),
            None => problem,
        }
    }
}

const fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

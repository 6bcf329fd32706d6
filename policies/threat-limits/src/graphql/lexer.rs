//! Words and signs of GraphQL (specification of October 2021, section 2.1).

use crate::wrong::Wrong;

/// A word or sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Sign(u8),
    /// `...`
    Spread,
    Name(&'t str),
    Number,
    Text,
    End,
}

/// A text that is being cut into words.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    left: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str, tokens_max: usize) -> Self {
        Self { text, at: 0, left: tokens_max }
    }

    pub(super) fn next(&mut self) -> Result<Token<'t>, Wrong> {
        self.skip();
        let Some(first) = self.peek(0) else { return Ok(Token::End) };
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return Err(Wrong::bound("the query has too many words and signs")),
        }
        match first {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|'
            | b'}' => {
                self.at += 1;
                Ok(Token::Sign(first))
            }
            b'.' if self.rest().starts_with(b"...") => {
                self.at += 3;
                Ok(Token::Spread)
            }
            b'"' if self.rest().starts_with(b"\"\"\"") => self.block(),
            b'"' => self.quoted(),
            b'-' | b'0'..=b'9' => self.number(),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let from = self.at;
                self.take(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
                Ok(Token::Name(self.text.get(from..self.at).unwrap_or_default()))
            }
            _ => Err(Wrong::form("the query has a sign that is none of GraphQL's")),
        }
    }

    /// Passes over what says nothing: spaces, commas, comments, and a mark of byte order.
    fn skip(&mut self) {
        loop {
            self.take(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b','));
            if self.peek(0) == Some(b'#') {
                self.take(|byte| !matches!(byte, b'\n' | b'\r'));
            } else if self.rest().starts_with("\u{feff}".as_bytes()) {
                self.at += '\u{feff}'.len_utf8();
            } else {
                return;
            }
        }
    }

    fn number(&mut self) -> Result<Token<'t>, Wrong> {
        const BROKEN: &str = "the query has a number that is none";
        self.at += usize::from(self.peek(0) == Some(b'-'));
        let is_zero = self.peek(0) == Some(b'0');
        let whole = self.take(|byte| byte.is_ascii_digit());
        if whole == 0 || is_zero && whole > 1 {
            return Err(Wrong::form(BROKEN));
        }
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            if self.take(|byte| byte.is_ascii_digit()) == 0 {
                return Err(Wrong::form(BROKEN));
            }
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(0), Some(b'+' | b'-')));
            if self.take(|byte| byte.is_ascii_digit()) == 0 {
                return Err(Wrong::form(BROKEN));
            }
        }
        // Nothing that begins a name, and no dot, may stand right behind it.
        match self.peek(0) {
            Some(b'.' | b'_' | b'a'..=b'z' | b'A'..=b'Z') => Err(Wrong::form(BROKEN)),
            _ => Ok(Token::Number),
        }
    }

    fn quoted(&mut self) -> Result<Token<'t>, Wrong> {
        self.at += 1;
        loop {
            self.take(|byte| !matches!(byte, b'"' | b'\\' | b'\n' | b'\r'));
            match self.peek(0) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Token::Text);
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(Wrong::form("the query has a text that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Wrong> {
        let broken = || Err(Wrong::form("the query has an escape that is none"));
        match self.peek(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if self.peek(2) == Some(b'{') => {
                self.at += 3;
                let digits = self.take(|byte| byte.is_ascii_hexdigit());
                if digits == 0 || self.peek(0) != Some(b'}') {
                    return broken();
                }
                self.at += 1;
            }
            Some(b'u') => {
                self.at += 2;
                let four = self.rest().get(..4);
                if !four.is_some_and(|four| four.iter().all(u8::is_ascii_hexdigit)) {
                    return broken();
                }
                self.at += 4;
            }
            _ => return broken(),
        }
        Ok(())
    }

    fn block(&mut self) -> Result<Token<'t>, Wrong> {
        self.at += 3;
        loop {
            self.take(|byte| !matches!(byte, b'"' | b'\\'));
            let rest = self.rest();
            if rest.is_empty() {
                return Err(Wrong::form("the query has a text that does not end"));
            }
            if rest.starts_with(b"\"\"\"") {
                self.at += 3;
                return Ok(Token::Text);
            }
            self.at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
        }
    }

    fn take(&mut self, is_part: impl Fn(u8) -> bool) -> usize {
        let count = self.rest().iter().take_while(|byte| is_part(**byte)).count();
        self.at += count;
        count
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

//! Texts in quotes: `"..."`, `'...'`, three of either for several lines, `r` before them for text
//! without escapes, `b` for bytes.

use super::{Lexer, Token};
use crate::problem::Problem;

/// What was read of a text: characters are put in as UTF-8, numbers of bytes as they are.
struct Quoted {
    bytes: Vec<u8>,
    is_bytes: bool,
}

impl Quoted {
    fn put(&mut self, c: char) {
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl<'s> Lexer<'s> {
    /// A text in quotes, if one begins here.
    pub(super) fn quoted(&mut self) -> Result<Option<Token<'s>>, Problem> {
        let at = self.at;
        let Some((prefix, quote)) = opening(self.rest()) else { return Ok(None) };
        let is_raw = prefix.contains(['r', 'R']);
        let mut quoted = Quoted { bytes: Vec::new(), is_bytes: prefix.contains(['b', 'B']) };
        self.at += prefix.len() + quote.len();
        while !self.take(quote) {
            let unclosed = || {
                Problem::new(at, "this text has no end").hint(format!("close it with `{quote}`"))
            };
            let next = self.rest().chars().next().ok_or_else(unclosed)?;
            if matches!(next, '\n' | '\r') && quote.len() == 1 {
                return Err(unclosed().hint("a text of several lines stands between `\"\"\"`"));
            }
            if next == '\\' && !is_raw {
                self.escape(&mut quoted)?;
            } else {
                self.at += next.len_utf8();
                quoted.put(next);
            }
        }
        Ok(Some(match quoted {
            Quoted { bytes, is_bytes: true } => Token::Bytes(bytes),
            // Only whole characters are put into a text, so this cannot lose anything.
            Quoted { bytes, .. } => Token::String(String::from_utf8_lossy(&bytes).into_owned()),
        }))
    }

    fn escape(&mut self, quoted: &mut Quoted) -> Result<(), Problem> {
        let at = self.at;
        let mut next = self.rest().chars().skip(1);
        let Some(kind) = next.next() else {
            return Err(Problem::new(at, "this text has no end"));
        };
        self.at += 1 + kind.len_utf8();
        let simple = match kind {
            '\\' | '?' | '"' | '\'' | '`' => Some(kind),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            _ => None,
        };
        if let Some(c) = simple {
            quoted.put(c);
            return Ok(());
        }
        let number = match kind {
            'x' | 'X' => self.digits(2, 16),
            'u' if !quoted.is_bytes => self.digits(4, 16),
            'U' if !quoted.is_bytes => self.digits(8, 16),
            '0'..='3' => {
                self.at -= 1;
                self.digits(3, 8)
            }
            _ => None,
        };
        self.put_number(at, number, quoted)
    }

    fn put_number(
        &self,
        at: usize,
        number: Option<u32>,
        quoted: &mut Quoted,
    ) -> Result<(), Problem> {
        let byte = number.and_then(|number| u8::try_from(number).ok());
        match (byte, number.and_then(char::from_u32)) {
            (Some(byte), _) if quoted.is_bytes => quoted.bytes.push(byte),
            (_, Some(c)) => quoted.put(c),
            _ => {
                let written = self.source.get(at..self.at).unwrap_or_default();
                let message = format!("`{}` stands for no character", written.escape_debug());
                let hint = "write `\\\\` for a backslash, or `r` before the text";
                return Err(Problem::new(at, message).hint(hint));
            }
        }
        Ok(())
    }

    /// So many digits, as a number.
    fn digits(&mut self, count: usize, radix: u32) -> Option<u32> {
        let digits = self.rest().get(..count)?;
        let number = u32::from_str_radix(digits, radix).ok();
        let number = number.filter(|_| digits.chars().all(|c| c.is_digit(radix)))?;
        self.at += count;
        Some(number)
    }
}

/// The letters before a text, and the quote that it begins with.
fn opening(text: &str) -> Option<(&str, &'static str)> {
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let (prefix, after) = text.split_at_checked(text.bytes().take(3).position(is_quote)?)?;
    let is_prefix = ["", "r", "b", "rb", "br"].iter().any(|it| prefix.eq_ignore_ascii_case(it));
    let quote = quotes.into_iter().find(|quote| after.starts_with(quote))?;
    is_prefix.then_some((prefix, quote))
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

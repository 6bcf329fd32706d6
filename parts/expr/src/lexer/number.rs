//! Numbers: `7`, `0x1F`, `7u`, `1.5`, `.5`, `1e3`.

use super::{Lexer, Token, is_letter};
use crate::problem::Problem;

impl<'s> Lexer<'s> {
    pub(super) fn number(&mut self) -> Result<Token<'s>, Problem> {
        let at = self.at;
        let token = if self.take("0x") || self.take("0X") {
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            self.whole(at, u64::from_str_radix(digits, 16).ok())
        } else {
            self.decimal(at)
        }?;
        let unit = self.take_while(|c| is_letter(c) || c.is_ascii_digit());
        if unit.is_empty() {
            return Ok(token);
        }
        let written = self.source.get(at..self.at).unwrap_or_default();
        let problem = Problem::new(at, format!("`{written}` is not a number"));
        Err(match unit {
            "h" | "m" | "s" | "ms" | "us" | "ns" => {
                problem.hint(format!("a length of time is written `duration(\"{written}\")`"))
            }
            _ => problem.hint("a text is written in quotes"),
        })
    }

    fn decimal(&mut self, at: usize) -> Result<Token<'s>, Problem> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        let is_double = self.fraction() | self.exponent();
        if !is_double {
            return self.whole(at, digits.parse().ok());
        }
        let written = self.source.get(at..self.at).unwrap_or_default();
        let number = written.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Token::Double).ok_or_else(|| too_large(at))
    }

    /// A fraction has digits: in `1.size()` the dot is no part of the number.
    fn fraction(&mut self) -> bool {
        let mut next = self.rest().chars();
        let found = next.next() == Some('.') && next.next().is_some_and(|c| c.is_ascii_digit());
        if found {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        found
    }

    fn exponent(&mut self) -> bool {
        let before = self.at;
        if self.take("e") || self.take("E") {
            let _signed = self.take("+") || self.take("-");
            if !self.take_while(|c| c.is_ascii_digit()).is_empty() {
                return true;
            }
        }
        self.at = before;
        false
    }

    fn whole(&mut self, at: usize, number: Option<u64>) -> Result<Token<'s>, Problem> {
        let number = number.ok_or_else(|| too_large(at))?;
        let is_unsigned = self.take("u") || self.take("U");
        Ok(if is_unsigned { Token::Unsigned(number) } else { Token::Whole(number) })
    }
}

fn too_large(at: usize) -> Problem {
    Problem::new(at, "this is not a number of 64 bits")
}

//! From tokens to a tree, by the grammar of CEL.
//!
//! It goes down the stack for what is nested and for nothing else, and no deeper than
//! [`NESTING_MAX`].

mod primary;
#[cfg(test)]
mod tests;

use crate::lexer::{Lexer, Placed, Token};
use crate::limits::{ITEMS_MAX, NESTING_MAX, SOURCE_BYTES_MAX};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::tree::{Form, Tree};

/// Reads a whole text as one expression.
pub(crate) fn parse(source: &str) -> Result<Tree, Problem> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("this is longer than {SOURCE_BYTES_MAX} bytes");
        return Err(Problem::new(SOURCE_BYTES_MAX, message));
    }
    let mut parser = Parser::start(source, 0)?;
    let tree = parser.expression()?;
    match parser.next.token {
        Token::End => Ok(tree),
        _ => Err(parser.misplaced()),
    }
}

/// Reads the expression that begins at a byte of a text, up to a `}`. Gives the place behind it too.
pub(crate) fn parse_to_brace(source: &str, at: usize) -> Result<(Tree, usize), Problem> {
    let mut parser = Parser::start(source, at)?;
    let tree = parser.expression()?;
    match parser.next.token {
        Token::Mark("}") => Ok((tree, parser.next.at + 1)),
        Token::End => Err(Problem::new(parser.next.at, "no `}` ends this value")),
        _ => Err(parser.misplaced()),
    }
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    next: Placed<'s>,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn start(source: &'s str, at: usize) -> Result<Self, Problem> {
        let mut lexer = Lexer::new(source, at);
        let next = lexer.token()?;
        Ok(Self { lexer, next, depth: 0 })
    }

    /// `any ? any : expression`, or only the first of it.
    fn expression(&mut self) -> Result<Tree, Problem> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(too_deep(self.next.at));
        }
        let tree = self.conditional();
        self.depth -= 1;
        tree
    }

    fn conditional(&mut self) -> Result<Tree, Problem> {
        let condition = self.any()?;
        let at = self.next.at;
        if !self.take("?")? {
            return Ok(condition);
        }
        let then = self.any()?;
        self.expect(":", "between the two values behind `?`")?;
        let otherwise = self.expression()?;
        tree(at, Form::If(Box::new([condition, then, otherwise])))
    }

    fn any(&mut self) -> Result<Tree, Problem> {
        self.chain("||", Self::all, Form::Any)
    }

    fn all(&mut self) -> Result<Tree, Problem> {
        self.chain("&&", |parser| parser.binary(0), Form::All)
    }

    /// One operand, or several with the same mark between them.
    fn chain(
        &mut self,
        mark: &'static str,
        operand: impl Fn(&mut Self) -> Result<Tree, Problem>,
        form: impl Fn(Vec<Tree>) -> Form,
    ) -> Result<Tree, Problem> {
        let first = operand(self)?;
        let at = self.next.at;
        let mut operands = vec![first];
        while self.take(mark)? {
            operands.push(operand(self)?);
        }
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            last => {
                operands.extend(last);
                tree(at, form(operands))
            }
        }
    }

    /// Operators that bind at least so tightly; those of one tightness from left to right.
    fn binary(&mut self, least: usize) -> Result<Tree, Problem> {
        let mut left = self.unary()?;
        while let Some(operator) = self.operator().filter(|found| found.tightness() >= least) {
            let at = self.next.at;
            self.advance()?;
            let right = self.binary(operator.tightness() + 1)?;
            left = tree(at, Form::Binary(operator, Box::new((left, right))))?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        let (Token::Mark(mark) | Token::Word(mark)) = self.next.token else { return None };
        Operator::ALL.into_iter().find(|operator| operator.mark() == mark)
    }

    /// `!` and `-`, as many as there are. A minus right before a number belongs to the number, so
    /// that the least one can be written.
    fn unary(&mut self) -> Result<Tree, Problem> {
        let mut marks = Vec::new();
        while let Token::Mark(mark @ ("!" | "-")) = self.next.token {
            marks.push((self.next.at, mark));
            if marks.len() > NESTING_MAX {
                return Err(too_deep(self.next.at));
            }
            self.advance()?;
        }
        let negative = match (marks.last(), &self.next.token) {
            (Some((at, "-")), Token::Whole(_) | Token::Double(_)) => Some(*at),
            _ => None,
        };
        if negative.is_some() {
            marks.pop();
        }
        let mut operand = self.member(negative)?;
        for (at, mark) in marks.into_iter().rev() {
            let of = Box::new(operand);
            operand = tree(at, if mark == "!" { Form::Not(of) } else { Form::Negate(of) })?;
        }
        Ok(operand)
    }

    /// Up to the closing mark: expressions with commas between them.
    fn items(&mut self, close: &'static str, is_call: bool) -> Result<Vec<Tree>, Problem> {
        let mut items = Vec::new();
        while !self.take(close)? {
            let at = self.next.at;
            items.push(self.expression()?);
            self.count(at, items.len())?;
            self.comma(close, is_call)?;
        }
        Ok(items)
    }

    fn count(&self, at: usize, items: usize) -> Result<(), Problem> {
        match items {
            0..=ITEMS_MAX => Ok(()),
            _ => Err(Problem::new(at, format!("there are more than {ITEMS_MAX} here"))),
        }
    }

    /// A comma, or the closing mark, which is left where it is. Only a call may not end with a comma.
    fn comma(&mut self, close: &'static str, is_call: bool) -> Result<(), Problem> {
        let closes = |parser: &Self| parser.next.token == Token::Mark(close);
        if closes(self) {
            return Ok(());
        }
        if !self.take(",")? {
            let message = format!("`,` or `{close}` is expected here, not {}", self.found());
            return Err(Problem::new(self.next.at, message));
        }
        if is_call && closes(self) {
            return Err(self.no_value());
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<Token<'s>, Problem> {
        let next = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.next, next).token)
    }

    /// Goes on over a mark if it comes next.
    fn take(&mut self, mark: &'static str) -> Result<bool, Problem> {
        let found = self.next.token == Token::Mark(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, mark: &'static str, why: &str) -> Result<(), Problem> {
        if self.take(mark)? {
            return Ok(());
        }
        let message = format!("`{mark}` is expected here, {why}, not {}", self.found());
        Err(Problem::new(self.next.at, message))
    }

    fn found(&self) -> String {
        match &self.next.token {
            Token::Word(word) => format!("`{word}`"),
            Token::Key(_) => "a key in backticks".to_owned(),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::Whole(_) | Token::Unsigned(_) | Token::Double(_) => "a number".to_owned(),
            Token::String(_) => "a text".to_owned(),
            Token::Bytes(_) => "bytes".to_owned(),
            Token::End => "the end".to_owned(),
        }
    }

    fn no_value(&self) -> Problem {
        let message = format!("a value is expected here, not {}", self.found());
        let problem = Problem::new(self.next.at, message);
        match self.next.token {
            Token::Mark(">") => problem.hint("not equal is `!=`"),
            _ => problem,
        }
    }

    /// Something stands behind a whole expression.
    fn misplaced(&self) -> Problem {
        let message = format!("an operator is expected here, not {}", self.found());
        let problem = Problem::new(self.next.at, message);
        let Token::Word(word) = self.next.token else { return problem };
        match word.to_ascii_lowercase().as_str() {
            "and" => problem.hint("write `&&`"),
            "or" => problem.hint("write `||`"),
            "is" | "eq" => problem.hint("write `==`"),
            "contains" | "matches" | "like" => {
                problem.hint("functions are called: `text.contains(\"...\")`")
            }
            _ => problem,
        }
    }
}

fn tree(at: usize, form: Form) -> Result<Tree, Problem> {
    let tree = Tree::new(at, form);
    if tree.height > NESTING_MAX { Err(too_deep(at)) } else { Ok(tree) }
}

fn too_deep(at: usize) -> Problem {
    Problem::new(at, format!("this is nested deeper than {NESTING_MAX} levels"))
}

//! Text with values in it: `%{request.method} %{request.path}`.
//!
//! What stands between `%{` and `}` is an expression, so a `}` inside of quotes or of a map does not
//! end it. `%%{` is the text `%{`.

#[cfg(test)]
mod tests;

use crate::check::Checker;
use crate::error::{Cause, Error};
use crate::evaluate::Evaluation;
use crate::expression::Facts;
use crate::limits::{PIECES_MAX, SOURCE_BYTES_MAX};
use crate::node::Node;
use crate::parser::parse_to_brace;
use crate::print::print;
use crate::problem::Problem;
use crate::schema::{Schema, Type};
use crate::tree::Tree;
use crate::value::Value;

/// A text with values in it, compiled.
#[derive(Debug)]
pub struct Template<K> {
    pieces: Box<[Made]>,
    keys: Box<[K]>,
}

#[derive(Debug)]
enum Made {
    Text(Box<[u8]>),
    Value(Node),
}

/// A piece of a template, as it was read.
enum Written {
    Text(String),
    Value(Tree),
}

/// A piece of a template for the facts of one exchange.
#[derive(Debug)]
pub enum Piece<'a> {
    /// It stands in the template.
    Text(&'a [u8]),
    /// A value, or why there is none this time. Never a list, a map or null.
    Value(Result<Value<'a>, Error>),
}

impl<K: Copy> Template<K> {
    /// Compiles a template.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(text: &str, schema: &Schema<K>) -> Result<Self, Vec<Problem>> {
        let written = read(text).map_err(|problem| vec![problem])?;
        let mut checker = Checker::new(&schema.names);
        let mut pieces = Vec::with_capacity(written.len());
        for piece in written {
            match piece {
                Written::Text(text) => put(text.as_bytes(), &mut pieces),
                Written::Value(tree) => value(&tree, &mut checker, &mut pieces),
            }
        }
        let used = checker.finish()?;
        Ok(Self { pieces: pieces.into(), keys: schema.keys_of(&used) })
    }

    /// The keys of the names that it asks for, each once.
    #[must_use]
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// The whole text, if it is the same for all facts.
    #[must_use]
    pub fn constant(&self) -> Option<&[u8]> {
        match &*self.pieces {
            [] => Some(&[]),
            [Made::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Gives the pieces to `each`, in order. For those who have to escape values, or who treat
    /// what is absent in a way of their own.
    pub fn pieces<'a>(&'a self, facts: &'a impl Facts<K>, mut each: impl FnMut(Piece<'a>)) {
        let given = |place: usize| facts.value(*self.keys.get(place)?);
        let mut evaluation = Evaluation::new(&given);
        for piece in &self.pieces {
            each(match piece {
                Made::Text(text) => Piece::Text(text),
                Made::Value(node) => Piece::Value(match evaluation.of(node) {
                    // Only a value of a type that was not known can be one of these.
                    Ok(Value::List(_) | Value::Map(_) | Value::Null) => {
                        Err(Error { cause: Cause::Mismatch, at: node.at })
                    }
                    value => value,
                }),
            });
        }
    }

    /// Writes the text behind what is in `out`.
    ///
    /// # Errors
    /// When one of its values is not there this time: then `out` is as it was.
    pub fn write(&self, facts: &impl Facts<K>, out: &mut Vec<u8>) -> Result<(), Error> {
        let before = out.len();
        let mut failed = None;
        self.pieces(facts, |piece| match piece {
            _ if failed.is_some() => {}
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Value(value) => failed = value.and_then(|value| write(&value, out)).err(),
        });
        failed.map_or(Ok(()), |error| {
            out.truncate(before);
            Err(error)
        })
    }

    /// Writes the text behind what is in `out`, with something else for each value that is not
    /// there this time.
    pub fn write_or(&self, facts: &impl Facts<K>, otherwise: &[u8], out: &mut Vec<u8>) {
        self.pieces(facts, |piece| match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Value(value) => {
                if value.and_then(|value| write(&value, out)).is_err() {
                    out.extend_from_slice(otherwise);
                }
            }
        });
    }
}

fn write(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    print(value, out).map_err(|cause| Error { cause, at: 0 })
}

/// Cuts a template in pieces.
fn read(text: &str) -> Result<Vec<Written>, Problem> {
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("this is longer than {SOURCE_BYTES_MAX} bytes");
        return Err(Problem::new(SOURCE_BYTES_MAX, message));
    }
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("%{")) {
        let open = at + found;
        let before = text.get(at..open).unwrap_or_default();
        if let Some(before) = before.strip_suffix('%') {
            pieces.push(Written::Text(format!("{before}%{{")));
            at = open + 2;
        } else {
            pieces.push(Written::Text(before.to_owned()));
            let (tree, behind) = parse_to_brace(text, open + 2)?;
            pieces.push(Written::Value(tree));
            at = behind;
        }
        if pieces.len() > PIECES_MAX {
            return Err(Problem::new(open, format!("there are more than {PIECES_MAX} pieces")));
        }
    }
    pieces.push(Written::Text(text.get(at..).unwrap_or_default().to_owned()));
    Ok(pieces)
}

/// Puts text behind the pieces, if it is any.
fn put(text: &[u8], pieces: &mut Vec<Made>) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Made::Text(before)) => *before = [&**before, text].concat().into(),
        _ => pieces.push(Made::Text(text.into())),
    }
}

fn value(tree: &Tree, checker: &mut Checker<'_>, pieces: &mut Vec<Made>) {
    let checked = checker.check(tree);
    if !checked.is.is_printable() {
        let problem = Problem::new(tree.start(), format!("a {} is not one text", checked.is));
        checker.report(match checked.is {
            Type::List(_) => problem.hint("`list.join(\", \")` makes one of texts"),
            Type::Map(_) => problem.hint("write one of its keys: `map[\"key\"]`"),
            _ => problem,
        });
        return;
    }
    let mut text = Vec::new();
    match checked.node.constant().map(|constant| print(&constant.value(), &mut text)) {
        Some(Ok(())) => put(&text, pieces),
        _ => pieces.push(Made::Value(checked.node)),
    }
}

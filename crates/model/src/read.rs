//! From a tree to typed values, with every mistake at once.
//!
//! `serde` stops at the first mistake. So each mistake is reported and struck out of the tree,
//! and the tree is read again, until it reads through. What only follows from a struck value (its
//! key is missing now, its list is too short) is not reported.

mod access;
mod blank;
mod fault;
mod reader;
mod scalar;
mod strike;
#[cfg(test)]
mod tests;
mod words;

use serde::de::DeserializeOwned;

use crate::Model;
use crate::document::{Document, Environment, Node, Source};
use crate::report::Report;
use reader::Reader;
use strike::Marks;

/// To be given to [`serde::Deserializer::deserialize_newtype_struct`] by a type that is a bare
/// text in its short form and a map in its long one: the visitor gets any scalar as the text that
/// was written (`1.10`, `true`), and lists and maps as they are. Other formats than ours call
/// `visit_newtype_struct`; the visitor goes on with `deserialize_any` there.
pub const AS_WRITTEN: &str = "yumen::as_written";

/// Reads a value of any type. `at` is the path of the node (`services[2].policies[0].config`) and
/// stands in front of every reported path. `None` if there is any error; the report has then at
/// least one error more, and all of them unless it is full.
///
/// A custom message of a type's own `Deserialize` may have a second line: it becomes the hint.
pub fn read<T: DeserializeOwned>(node: &Node, at: &str, report: &mut Report) -> Option<T> {
    let mut marks = Marks::default();
    let mut is_clean = true;
    loop {
        let fault = match T::deserialize(Reader::new(node, &marks)) {
            Ok(value) => return is_clean.then_some(value),
            Err(fault) => fault,
        };
        is_clean = false;
        let goes_on = marks.strike(node, at, &fault, report);
        if !goes_on || report.has_more() {
            return None;
        }
    }
}

impl Model {
    /// Reads the files of one configuration. The model is there if nothing in them is an error;
    /// the document finds the places of problems that are found in the model later.
    pub fn read(
        sources: &[Source],
        environment: &dyn Environment,
    ) -> (Option<Self>, Report, Document) {
        let mut report = Report::default();
        let document = Document::read(sources, environment, &mut report);
        let model = read(document.root(), "", &mut report);
        (model.filter(|_| !report.has_errors()), report, document)
    }
}

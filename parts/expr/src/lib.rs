//! Small conditions and values in the syntax of [CEL](https://cel.dev): compiled when a
//! configuration is read, evaluated for each request within bounds that have names.
//!
//! ```
//! use yumen_expr::{Condition, Facts, Schema, Type, Value};
//!
//! // The caller says which names there are,
//! #[derive(Debug, Clone, Copy)]
//! enum Name {
//!     Method,
//!     Status,
//! }
//! let schema = Schema::default()
//!     .with("request.method", Type::String, Name::Method)
//!     .with("response.status", Type::Int, Name::Status);
//!
//! // gives their values for one exchange,
//! struct Answered(i64);
//! impl Facts<Name> for Answered {
//!     fn value(&self, name: Name) -> Option<Value<'_>> {
//!         match name {
//!             Name::Method => Some("GET".into()),
//!             Name::Status => Some(self.0.into()),
//!         }
//!     }
//! }
//!
//! // and asks.
//! let source = r#"request.method == "GET" && response.status >= 500"#;
//! let failed = Condition::compile(source, &schema)?;
//! assert_eq!(failed.holds(&Answered(503)), Ok(true));
//! assert_eq!(failed.holds(&Answered(200)), Ok(false));
//!
//! // What is wrong with an expression is told when it is compiled.
//! let problems = Condition::compile("request.metod == 1", &schema).unwrap_err();
//! assert_eq!(
//!     problems[0].to_string(),
//!     "at byte 0: there is no name `request.metod` (did you mean `request.method`?)",
//! );
//! # Ok::<(), Vec<yumen_expr::Problem>>(())
//! ```
//!
//! # Two times
//!
//! When it is **compiled** ([`Condition::compile`], [`Expression::compile`], [`Template::compile`]),
//! a text is cut in tokens (`lexer`), read as a tree (`parser`), and checked (`check`): every name
//! against the [`Schema`], every type, every function. What is constant is computed, so a network or
//! a length of time that cannot be read is a [`Problem`] with its place, and so is a pattern.
//!
//! When it is **evaluated**, nothing is parsed and, unless a text or a list is made, nothing is
//! allocated. What can still fail is an [`Error`] with a [`Cause`]: a name or a key without a value
//! this time, a division by zero, a number that is too large, a text that cannot be converted. A
//! condition that ends in an error does not hold. `&&` and `||` forget an error of one operand when
//! another one decides; `has(...)` and `in` ask whether something is there.
//!
//! # Bounds
//!
//! Nothing that is written or sent can make an evaluation long or deep: see [`STEPS_MAX`] and
//! [`NESTING_MAX`] and the others. Regular expressions take linear time.
//!
//! # Texts that are not UTF-8
//!
//! A `string` holds the bytes that came. Nothing is repaired or replaced, so what a rule sees is
//! what a service will get. Comparing and searching is by bytes; where characters are counted, each
//! byte that is no part of UTF-8 is one; in regular expressions `.` is any byte. `bytes(...)` takes
//! a text as it is, and only `string(bytes)` demands UTF-8.
//!
//! # Where it leaves CEL
//!
//! Types are checked strictly: where CEL turns to `dyn` by itself (a list of numbers and texts),
//! this is a problem. Left out are messages, `type(...)`, `dyn(...)`, names that begin with a dot,
//! and time zones but UTC. `matches` takes only patterns that are known when it is compiled. Addresses of IPv4
//! that are written as IPv6 are addresses of IPv4.

mod arithmetic;
mod check;
mod compare;
mod constant;
mod error;
mod evaluate;
mod expression;
mod functions;
mod lexer;
mod limits;
mod meter;
mod nearest;
mod node;
mod operator;
mod parser;
mod pattern;
mod print;
mod problem;
mod schema;
mod template;
#[cfg(test)]
mod testing;
mod time;
mod tree;
mod value;

pub use error::{Cause, Error};
pub use expression::{Condition, Expression, Facts};
pub use limits::{
    BYTES_PER_STEP, ITEMS_MAX, KEYS_PER_STEP, NESTING_MAX, PIECES_MAX, PROBLEMS_MAX,
    REGEX_NESTING_MAX, REGEX_PROGRAM_BYTES_MAX, REGEX_PROGRAM_BYTES_PER_STEP,
    REGEX_PROGRAMS_BYTES_MAX, SOURCE_BYTES_MAX, STEPS_MAX,
};
pub use problem::Problem;
pub use schema::{Schema, Type};
pub use template::{Piece, Template};
pub use time::{SignedDuration, Timestamp};
pub use value::{Entries, Items, List, Map, Text, Value, WrittenMap};

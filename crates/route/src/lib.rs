//! From a request head to a route: rules are compiled once into a [`Router`], which finds the one
//! that wins and can say why the others lost.
//!
//! It opens nothing, waits for nothing and normalises nothing: host and path arrive in their
//! canonical form (see [`Question`]), and what a route leads to is not known here. The order in
//! which rules win is described for users in `docs/guide/routing.md`.

#[cfg(test)]
mod asked;
mod compile;
mod condition;
mod explain;
mod expression;
mod host;
mod method;
mod order;
mod parameter;
mod path;
mod question;
mod router;
mod rule;
mod shadow;
mod template;
mod tree;

pub use explain::{Considered, Lost, Verdict};
pub use expression::{REGEX_NESTING_MAX, REGEX_PROGRAM_BYTES_MAX, REGEX_PROGRAMS_BYTES_MAX};
pub use method::METHODS_MAX;
pub use parameter::{Parameters, parameter_names};
pub use path::{PARAMETER_NAME_BYTES_MAX, PATH_BYTES_MAX, SEGMENTS_MAX};
pub use question::Question;
pub use router::{COMBINATIONS_MAX, Found, Router};
pub use rule::{Condition, Fault, Rule, RuleProblem};
pub use shadow::Shadow;
pub use template::Template;

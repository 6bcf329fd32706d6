//! Rules as they are written, and what can be wrong with one.

use std::fmt;

use ipnet::IpNet;

/// What requests must be like to go one way. Lists hold alternatives; different fields must all
/// hold; an empty field holds for every request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// Unique among the rules of one router; the last resort of the order.
    pub name: String,
    /// Higher goes first, before any specificity.
    pub priority: i32,
    /// Host names without port: `api.example.com`, or `*.example.com` for every name below it.
    pub hosts: Vec<String>,
    /// Paths: `/a/b`, `/a/*`, `/a/{id}`, `/a/{rest*}` or `~ regex`.
    pub paths: Vec<String>,
    /// Methods in capitals.
    pub methods: Vec<String>,
    /// Header fields by name; one of a field's lines must fit.
    pub headers: Vec<(String, Condition)>,
    /// Query parameters by decoded name; one of a parameter's decoded values must fit.
    pub query: Vec<(String, Condition)>,
    /// Networks the client may come from.
    pub source: Vec<IpNet>,
}

/// What a header field or a query parameter must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Exactly this, byte by byte.
    Exact(String),
    /// A regular expression that must match the whole value.
    Regex(String),
    /// `true`: there, whatever it is; `false`: not there.
    Present(bool),
}

impl Condition {
    /// The word for the condition in a key path.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Regex(_) => "regex",
            Self::Present(_) => "present",
        }
    }
}

/// One thing that is wrong with a text, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

/// One thing that is wrong with a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// Position of the rule in the list that was compiled.
    pub rule: usize,
    /// Where in the route it is written, such as `match.paths[1]` or `match.headers.x-a.regex`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}: {}; {}", self.rule, self.key, self.message, self.hint)
    }
}

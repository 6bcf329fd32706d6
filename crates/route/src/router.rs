//! The compiled rules, and the search for the one that wins.

use crate::{
    condition::Conditions,
    host::{self, ANY_HOST, HostPattern},
    method::Methods,
    parameter::{Parameter, Parameters},
    question::Question,
    shadow::Shadow,
    tree::{Entry, Gather, NONE, Tree},
};

/// How many combinations of host and path one rule may have.
pub const COMBINATIONS_MAX: usize = 65_536;

/// Rules, ready to be asked. It never changes and may be shared between threads.
#[derive(Debug)]
pub struct Router {
    pub(crate) tree: Tree,
    /// The longest key of a host with a wildcard, in bytes.
    pub(crate) wildcard_bytes_max: usize,
    pub(crate) methods: Methods,
    pub(crate) conditions: Vec<Conditions>,
    pub(crate) parameters: Vec<Box<[Parameter]>>,
    pub(crate) rules: Vec<Kept>,
    pub(crate) shadows: Vec<Shadow>,
}

/// What is kept of a rule, so that a decision can be explained.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) hosts: Box<[HostPattern]>,
    pub(crate) paths: Box<[String]>,
    /// The lowest rank among its combinations of host and path.
    pub(crate) best: u32,
}

/// The answer to a question: which rule won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Position of the rule in the list that was compiled.
    pub rule: usize,
    parameters: u32,
}

impl Router {
    /// The rule that comes first in the order of rules among those that match. It compiles,
    /// parses and, unless paths are matched by regular expressions, allocates nothing; what it
    /// costs does not depend on how many rules there are for other hosts and paths.
    pub fn find<Q: Question>(&self, question: &Q) -> Option<Found> {
        let methods = self.methods.bit(question.method());
        let mut search = Search { router: self, question, methods, best: None };
        self.walk(question.host(), question.path(), &mut search);
        search.best.map(|entry| Found { rule: entry.rule as usize, parameters: entry.parameters })
    }

    /// The parameters of the path that won, for the path that was asked about.
    pub fn parameters<'a>(&'a self, found: Found, path: &'a [u8]) -> Parameters<'a> {
        let list = self.parameters.get(found.parameters as usize);
        Parameters { list: list.map(|list| &**list).unwrap_or_default(), path }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Rules that can never win because, for each of their hosts and paths, a rule that comes
    /// before them takes exactly the same host and path without further conditions. Only certain
    /// cases are told: a prefix that covers an exact path is not compared.
    pub fn shadows(&self) -> &[Shadow] {
        &self.shadows
    }

    /// Offers what fits in host and path; the only way to entries, for [`Self::find`] and
    /// [`Self::explain`] alike.
    pub(crate) fn walk<G: Gather>(&self, host: &[u8], path: &[u8], gather: &mut G) {
        let known = |key: &&[u8]| key.len() == host.len() || key.len() <= self.wildcard_bytes_max;
        for key in host::keys(host).filter(known).chain([ANY_HOST]) {
            self.tree.walk(key, path, gather);
        }
    }

    /// The conditions of an entry or a rule, if it has any beside host, path and method.
    pub(crate) fn conditions(&self, at: u32) -> Option<&Conditions> {
        if at == NONE { None } else { self.conditions.get(at as usize) }
    }
}

/// Keeps the best entry whose conditions hold.
struct Search<'a, Q> {
    router: &'a Router,
    question: &'a Q,
    methods: u64,
    best: Option<Entry>,
}

impl<Q: Question> Gather for Search<'_, Q> {
    fn wants(&self, rank: u32) -> bool {
        self.best.is_none_or(|best| rank < best.rank)
    }

    fn offer(&mut self, entries: &[Entry]) {
        let mut better = entries.iter().take_while(|entry| self.wants(entry.rank));
        let holds = |entry: &&Entry| {
            entry.methods & self.methods != 0
                && self
                    .router
                    .conditions(entry.conditions)
                    .is_none_or(|conditions| conditions.missed(self.question).is_none())
        };
        if let Some(entry) = better.find(holds) {
            self.best = Some(*entry);
        }
    }
}

#[cfg(test)]
mod tests;

//! From written rules to a router: names all that is wrong, or puts everything in its place.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use crate::{
    condition::{self, Conditions, Named, Networks, Value},
    expression::REGEX_PROGRAMS_BYTES_MAX,
    host::{HostClass, HostPattern},
    method::{self, Methods},
    order::Place,
    parameter::Parameter,
    path::{PathClass, PathPattern},
    router::{COMBINATIONS_MAX, Kept, Router},
    rule::{Condition, Fault, Rule, RuleProblem},
    shadow::{Shadow, Shadows},
    tree::{Entry, Growing, NONE, TooMany, Unfinished, index},
};

/// A rule, understood.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    priority: i32,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) paths: Vec<(PathPattern, PathClass)>,
    texts: Vec<String>,
    methods: u64,
    conditions: Conditions,
}

impl Draft {
    fn is_unconditional(&self) -> bool {
        self.condition_count() == 0
    }

    fn condition_count(&self) -> usize {
        self.conditions.count() + usize::from(self.methods != method::ANY)
    }
}

impl Router {
    /// Compiles rules, or names all that is wrong with them, in the order of the rules.
    pub fn compile(rules: Vec<Rule>) -> Result<Self, Vec<RuleProblem>> {
        let (drafts, methods) = draft(rules)?;
        let mut build = Build {
            tree: Growing::new(),
            parameters: HashMap::new(),
            kept: Vec::new(),
            shadows: Vec::new(),
        };
        if let Err((rule, TooMany)) = build.place(&drafts) {
            return Err(vec![too_many().at(rule, "match")]);
        }
        build.finish(drafts, methods).map_err(|problem| vec![problem])
    }
}

/// Understands rules, or names all that is wrong with them.
fn draft(rules: Vec<Rule>) -> Result<(Vec<Draft>, Methods), Vec<RuleProblem>> {
    let mut reader = Reader::default();
    let mut names = HashSet::with_capacity(rules.len());
    let again: Vec<bool> = rules.iter().map(|rule| !names.insert(rule.name.as_str())).collect();
    let mut drafts = Vec::with_capacity(rules.len());
    for (place, (rule, again)) in rules.into_iter().zip(again).enumerate() {
        reader.rule = place;
        let draft = reader.rule(rule);
        if again {
            let message = format!("another rule is named `{}`", draft.name);
            reader.fault("name", Fault::new(message, "give each rule a name of its own"));
        }
        drafts.push(draft);
    }
    if reader.problems.is_empty() { Ok((drafts, reader.methods)) } else { Err(reader.problems) }
}

/// All combinations of host and path, the one that wins over all others first.
fn places(drafts: &[Draft]) -> Vec<Place<'_>> {
    let mut places = Vec::with_capacity(drafts.len());
    for (rule, draft) in drafts.iter().enumerate() {
        for (host_at, host) in draft.hosts.iter().map(HostPattern::class).enumerate() {
            places.extend(draft.paths.iter().enumerate().map(|(path_at, (_, path))| Place {
                priority: Reverse(draft.priority),
                host,
                path,
                conditions: Reverse(draft.condition_count()),
                name: &draft.name,
                rule,
                host_at,
                path_at,
            }));
        }
    }
    places.sort_unstable();
    places
}

/// Reads rules and notes what is wrong.
#[derive(Default)]
struct Reader {
    rule: usize,
    problems: Vec<RuleProblem>,
    methods: Methods,
    program_bytes: usize,
}

impl Reader {
    fn rule(&mut self, rule: Rule) -> Draft {
        let combinations = rule.hosts.len().max(1).saturating_mul(rule.paths.len().max(1));
        let mut draft = Draft {
            hosts: self.hosts(&rule.hosts),
            paths: Vec::new(),
            methods: self.methods(&rule.methods),
            conditions: self.conditions(&rule),
            name: rule.name,
            priority: rule.priority,
            texts: rule.paths,
        };
        draft.paths = self.paths(&draft.texts);
        if combinations > COMBINATIONS_MAX {
            let message = format!("there are {combinations} combinations of host and path");
            let hint = format!("split the rule, so that none has more than {COMBINATIONS_MAX}");
            self.fault("match", Fault::new(message, hint));
        }
        draft
    }

    fn hosts(&mut self, texts: &[String]) -> Vec<HostPattern> {
        let mut hosts = Vec::with_capacity(texts.len().max(1));
        for (place, text) in texts.iter().enumerate() {
            hosts.extend(self.take(|| format!("match.hosts[{place}]"), HostPattern::parse(text)));
        }
        if texts.is_empty() {
            hosts.push(HostPattern::any());
        }
        hosts
    }

    fn paths(&mut self, texts: &[String]) -> Vec<(PathPattern, PathClass)> {
        let mut paths = Vec::with_capacity(texts.len().max(1));
        for (place, text) in texts.iter().enumerate() {
            let key = || format!("match.paths[{place}]");
            let Some(path) = self.take(key, PathPattern::parse(text)) else { continue };
            if let PathPattern::Regex(_, expression) = &path {
                self.weigh(key, expression.program_bytes);
            }
            let class = path.class();
            paths.push((path, class));
        }
        if texts.is_empty() {
            paths.push((PathPattern::Any, PathClass::Any));
        }
        paths
    }

    fn methods(&mut self, texts: &[String]) -> u64 {
        let mut set = 0;
        for (place, text) in texts.iter().enumerate() {
            let learnt = self.methods.learn(text);
            set |= self.take(|| format!("match.methods[{place}]"), learnt).unwrap_or_default();
        }
        if texts.is_empty() { method::ANY } else { set }
    }

    fn conditions(&mut self, rule: &Rule) -> Conditions {
        for (place, network) in rule.source.iter().enumerate() {
            if let Some(fault) = condition::network_fault(network) {
                self.fault(&format!("match.source[{place}]"), fault);
            }
        }
        for (name, condition) in &rule.headers {
            if let Some(fault) = condition::header_name_fault(name) {
                self.fault(&format!("match.headers.{name}"), fault);
            }
            if let Some(fault) = condition::header_value_fault(condition) {
                self.fault(&format!("match.headers.{name}.{}", condition.word()), fault);
            }
        }
        Conditions {
            headers: self.named("headers", &rule.headers, str::to_ascii_lowercase),
            query: self.named("query", &rule.query, str::to_owned),
            source: Networks::new(&rule.source),
        }
    }

    fn named(
        &mut self,
        list: &str,
        conditions: &[(String, Condition)],
        fold: impl Fn(&str) -> String,
    ) -> Vec<Named> {
        let mut named: Vec<Named> = Vec::with_capacity(conditions.len());
        for (written, condition) in conditions {
            let name = fold(written);
            if named.iter().any(|before| *before.name == *name) {
                let fault = Fault::new(format!("`{name}` is named twice"), "keep one of the two");
                self.fault(&format!("match.{list}.{written}"), fault);
            }
            let key = || format!("match.{list}.{written}.{}", condition.word());
            if let Some((value, program_bytes)) = self.take(key, Value::parse(condition)) {
                self.weigh(key, program_bytes);
                named.push(Named { name: name.into(), value });
            }
        }
        named
    }

    /// Keeps the sum of all regular expressions within its bound; said once.
    fn weigh(&mut self, key: impl Fn() -> String, program_bytes: usize) {
        let before = self.program_bytes;
        self.program_bytes = before.saturating_add(program_bytes);
        if before <= REGEX_PROGRAMS_BYTES_MAX && self.program_bytes > REGEX_PROGRAMS_BYTES_MAX {
            let message = format!(
                "with this one the regexes of all rules compile to more than \
                 {REGEX_PROGRAMS_BYTES_MAX} bytes"
            );
            self.fault(&key(), Fault::new(message, "use templates such as `/a/{id}` instead"));
        }
    }

    fn take<T>(&mut self, key: impl Fn() -> String, result: Result<T, Vec<Fault>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                faults.into_iter().for_each(|fault| self.fault(&key(), fault));
                None
            }
        }
    }

    fn fault(&mut self, key: &str, fault: Fault) {
        self.problems.push(fault.at(self.rule, key));
    }
}

impl Fault {
    fn at(self, rule: usize, key: &str) -> RuleProblem {
        RuleProblem { rule, key: key.into(), message: self.message, hint: self.hint }
    }
}

fn too_many() -> Fault {
    Fault::new("there are more rules than one router can hold", "split the listeners")
}

/// Puts understood rules in their places.
struct Build {
    tree: Growing,
    /// The lists of parameters, each once.
    parameters: HashMap<Vec<Parameter>, u32>,
    /// Per rule: where its conditions will be, and its lowest rank.
    kept: Vec<(u32, u32)>,
    shadows: Vec<Shadow>,
}

impl Build {
    fn place(&mut self, drafts: &[Draft]) -> Result<(), (usize, TooMany)> {
        let mut conditions = 0;
        for (rule, draft) in drafts.iter().enumerate() {
            let at = if draft.conditions.count() == 0 {
                NONE
            } else {
                conditions += 1;
                index(conditions - 1).map_err(|error| (rule, error))?
            };
            self.kept.push((at, NONE));
        }
        let mut shadows = Shadows::new(drafts.len());
        for (rank, place) in places(drafts).iter().enumerate() {
            self.entry(rank, place, drafts, &mut shadows).map_err(|error| (place.rule, error))?;
        }
        self.shadows = shadows.finish();
        Ok(())
    }

    fn entry<'a>(
        &mut self,
        rank: usize,
        place: &Place<'_>,
        drafts: &'a [Draft],
        shadows: &mut Shadows<'a>,
    ) -> Result<(), TooMany> {
        let rank = index(rank)?;
        let Some(draft) = drafts.get(place.rule) else { return Ok(()) };
        let Some(host) = draft.hosts.get(place.host_at) else { return Ok(()) };
        let Some((path, _)) = draft.paths.get(place.path_at) else { return Ok(()) };
        let Some((conditions, best)) = self.kept.get_mut(place.rule) else { return Ok(()) };
        *best = rank.min(*best);
        let entry = Entry {
            rank,
            rule: index(place.rule)?,
            methods: draft.methods,
            conditions: *conditions,
            parameters: self.parameters(path)?,
        };
        let spot = self.tree.add(host.key(), path, entry)?;
        shadows.place(place.rule, spot, draft.is_unconditional());
        Ok(())
    }

    fn parameters(&mut self, path: &PathPattern) -> Result<u32, TooMany> {
        let next = index(self.parameters.len())?;
        Ok(*self.parameters.entry(path.parameters()).or_insert(next))
    }

    fn finish(self, drafts: Vec<Draft>, methods: Methods) -> Result<Router, RuleProblem> {
        let tree = self.tree.finish().map_err(|unfinished| match unfinished {
            Unfinished::TooMany => too_many().at(0, "match"),
            Unfinished::Expression(rule, fault) => fault.at(rule as usize, "match.paths"),
        })?;
        let wildcard = |host: &HostPattern| {
            matches!(host.class(), HostClass::Below(_)).then(|| host.key().len())
        };
        let hosts = drafts.iter().flat_map(|draft| &draft.hosts);
        let wildcard_bytes_max = hosts.filter_map(wildcard).max().unwrap_or_default();
        let mut parameters: Vec<_> = self.parameters.into_iter().collect();
        parameters.sort_unstable_by_key(|(_, place)| *place);
        let mut conditions = Vec::new();
        let kept = drafts.into_iter().zip(self.kept).map(|(draft, (at, best))| {
            if at != NONE {
                conditions.push(draft.conditions);
            }
            Kept { hosts: draft.hosts.into(), paths: draft.texts.into(), best }
        });
        let rules = kept.collect();
        Ok(Router {
            tree,
            wildcard_bytes_max,
            methods,
            conditions,
            parameters: parameters.into_iter().map(|(list, _)| list.into()).collect(),
            rules,
            shadows: self.shadows,
        })
    }
}

#[cfg(test)]
mod tests;

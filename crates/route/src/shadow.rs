//! Finds rules that can never win.

use std::collections::HashMap;

use crate::tree::Spot;

/// A rule that can never win, and one that always wins before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow {
    /// Position of the rule that can never win.
    pub rule: usize,
    /// Position of a rule without conditions that takes the same host and path before it.
    pub by: usize,
}

/// What is known of rules while they are put in their places, the one that wins over all others
/// first.
pub(crate) struct Shadows<'a> {
    /// Who takes all requests of a spot.
    taken: HashMap<Spot<'a>, usize>,
    /// By rule: nothing yet, or who takes all its requests at each of its spots so far.
    verdicts: Vec<Option<Option<usize>>>,
}

impl<'a> Shadows<'a> {
    pub(crate) fn new(rules: usize) -> Self {
        Self { taken: HashMap::with_capacity(rules), verdicts: vec![None; rules] }
    }

    /// One of the places of a rule, which comes after all that were told before it.
    pub(crate) fn place(&mut self, rule: usize, spot: Spot<'a>, is_unconditional: bool) {
        let by = self.taken.get(&spot).copied().filter(|by| *by != rule);
        if by.is_none() && is_unconditional {
            let _: &mut usize = self.taken.entry(spot).or_insert(rule);
        }
        if let Some(verdict) = self.verdicts.get_mut(rule) {
            *verdict = Some(verdict.map_or(by, |before| before.and(by).and(before)));
        }
    }

    pub(crate) fn finish(self) -> Vec<Shadow> {
        let shadow = |(rule, verdict): (usize, Option<Option<usize>>)| {
            verdict.flatten().map(|by| Shadow { rule, by })
        };
        self.verdicts.into_iter().enumerate().filter_map(shadow).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        router::Router,
        rule::{Condition, Rule},
    };

    fn rule(name: &str, paths: &[&str]) -> Rule {
        let paths = paths.iter().map(ToString::to_string).collect();
        Rule { name: name.into(), paths, ..Rule::default() }
    }

    #[test]
    fn only_what_is_certain_is_told() {
        let check = |left: Rule, right: Rule, expect: &[(usize, usize)]| {
            let router = Router::compile(vec![left.clone(), right.clone()]).unwrap();
            let told: Vec<_> =
                router.shadows().iter().map(|shadow| (shadow.rule, shadow.by)).collect();
            assert_eq!(told, expect, "{left:?} {right:?}");
        };
        check(rule("a", &["/x"]), rule("b", &["/x"]), &[(1, 0)]);
        check(rule("b", &["/x"]), rule("a", &["/x"]), &[(0, 1)]);
        check(rule("a", &[]), rule("b", &[]), &[(1, 0)]);
        check(rule("a", &["/{x}"]), rule("b", &["/{y}"]), &[(1, 0)]);
        check(rule("a", &["/x/*"]), rule("b", &["/x/{rest*}"]), &[(1, 0)]);
        check(rule("a", &["~ /x"]), rule("b", &["~ /x"]), &[(1, 0)]);
        check(rule("a", &["/x", "/y"]), rule("b", &["/y", "/x"]), &[(1, 0)]);
        check(rule("a", &["/x"]), rule("b", &["/y", "/x"]), &[]);
        check(rule("a", &["/x", "/{y}", "/{z}"]), rule("b", &["/other"]), &[]);
        check(rule("a", &["/x"]), rule("b", &["/x/"]), &[]);
        check(rule("a", &["/x/{y}"]), rule("b", &["/x/*"]), &[]);
        check(rule("a", &["~ /x"]), rule("b", &["/x"]), &[]);
        check(rule("a", &["~ /x"]), rule("b", &["~ /y"]), &[]);
        check(rule("a", &["/"]), rule("b", &["/", "/*"]), &[]);
        check(rule("a", &[]), rule("b", &["/"]), &[]);
        check(rule("a", &["/*"]), rule("b", &["/x"]), &[]);
        let hosted = Rule { hosts: vec!["a".into()], ..rule("b", &["/x"]) };
        check(rule("a", &["/x"]), hosted, &[]);
        let urgent = Rule { priority: 1, ..rule("b", &["/x"]) };
        check(rule("a", &["/x"]), urgent, &[(0, 1)]);
        let choosy = Rule { methods: vec!["GET".into()], ..rule("b", &["/x"]) };
        check(rule("a", &["/x"]), choosy.clone(), &[]);
        check(Rule { priority: 1, ..rule("a", &["/x"]) }, choosy, &[(1, 0)]);
        let choosy = |name: &str| {
            let headers = vec![("x".into(), Condition::Present(true))];
            Rule { headers, ..rule(name, &["/x"]) }
        };
        check(choosy("a"), choosy("b"), &[]);
    }
}

//! Finds rules that can never win.

use std::collections::HashMap;

use crate::{
    compile::{draft, places},
    path::PathPattern,
    rule::Rule,
};

/// A rule that can never win, and one that always wins before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow {
    /// Position of the rule that can never win.
    pub rule: usize,
    /// Position of a rule without conditions that takes the same host and path before it.
    pub by: usize,
}

/// Rules that can never win because, for each of their hosts and paths, a rule that comes before
/// them takes exactly the same host and path without further conditions. Only certain cases are
/// told: a prefix that covers an exact path is not compared. Nothing is told about rules that do
/// not compile.
pub fn shadowed(rules: &[Rule]) -> Vec<Shadow> {
    let Ok((drafts, _)) = draft(rules.to_vec()) else { return Vec::new() };
    let shapes: Vec<Vec<_>> = drafts
        .iter()
        .map(|draft| draft.paths.iter().map(|(path, _): &(PathPattern, _)| path.shape()).collect())
        .collect();
    let mut taken = HashMap::new();
    let mut verdicts: Vec<Option<Option<usize>>> = vec![None; drafts.len()];
    for place in places(&drafts) {
        let Some((draft, shapes)) = drafts.get(place.rule).zip(shapes.get(place.rule)) else {
            continue;
        };
        let key = (draft.hosts.get(place.host_at), shapes.get(place.path_at));
        let by = taken.get(&key).copied().filter(|by| *by != place.rule);
        if by.is_none() && draft.is_unconditional() {
            let _: &mut usize = taken.entry(key).or_insert(place.rule);
        }
        if let Some(verdict) = verdicts.get_mut(place.rule) {
            *verdict = Some(verdict.map_or(by, |before| before.and(by).and(before)));
        }
    }
    let shadow = |(rule, verdict): (usize, Option<Option<usize>>)| {
        verdict.flatten().map(|by| Shadow { rule, by })
    };
    verdicts.into_iter().enumerate().filter_map(shadow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Condition;

    fn rule(name: &str, paths: &[&str]) -> Rule {
        let paths = paths.iter().map(ToString::to_string).collect();
        Rule { name: name.into(), paths, ..Rule::default() }
    }

    #[test]
    fn only_what_is_certain_is_told() {
        let check = |left: Rule, right: Rule, expect: &[(usize, usize)]| {
            let told: Vec<_> = shadowed(&[left.clone(), right.clone()])
                .into_iter()
                .map(|shadow| (shadow.rule, shadow.by))
                .collect();
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
        check(rule("a", &["broken"]), rule("b", &["broken"]), &[]);
    }
}

//! The policies around one route on one listener: one flat list, in the order in which they run.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use yumen_model::report::{Report, nearest};
use yumen_model::{Broader, Match, PolicyUse};
use yumen_policy::{Decider, Kind, Phase, Policy, Scope};

use crate::ListenerPlan;
use crate::compile::Written;

/// One policy where it is used.
#[derive(Debug, Clone)]
pub struct Link {
    /// The name of its kind.
    pub kind: &'static str,
    /// When it runs.
    pub phase: Phase,
    /// Where it is written, such as `services[0].policies[1]`.
    pub at: Arc<str>,
    pub(crate) broader: Broader,
    needs_principal: bool,
    /// Methods of requests that it answers itself.
    pub(crate) answers: &'static [&'static str],
    /// The policy.
    pub policy: Arc<dyn Policy>,
}

impl Link {
    fn identifies(&self) -> bool {
        self.phase == Phase::Identify
    }

    /// Says that this policy decided.
    #[must_use]
    pub fn decider(&self) -> Decider {
        Decider { kind: self.kind, at: Arc::clone(&self.at) }
    }
}

/// The policies of a route, in the order in which they see the request; answers meet them in the
/// opposite order.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    /// All of them.
    pub links: Arc<[Link]>,
    /// The places of those that find out who calls: alternatives, of which one must.
    pub identify: Range<usize>,
}

impl Chain {
    /// Joins the policies of several places, from the broadest to the narrowest. Of those that find out
    /// who calls only the narrowest place's are asked: what is good enough elsewhere need not be here.
    pub(crate) fn join(places: [&[Link]; 4]) -> Self {
        if places.iter().all(|links| links.is_empty()) {
            return Self::default();
        }
        let mut chain: Vec<Link> = Vec::new();
        for links in places {
            let replaced = |kind: &str| {
                links.iter().any(|link| link.broader == Broader::Replace && link.kind == kind)
            };
            let identifies = links.iter().any(Link::identifies);
            let stands_in = |link: &Link| replaced(link.kind) || identifies && link.identifies();
            chain.retain(|link| !stands_in(link));
            chain.extend_from_slice(links);
        }
        // Stable: inside a phase the broadest stays first, then the written order.
        chain.sort_by_key(|link| link.phase);
        let first = chain.partition_point(|link| link.phase < Phase::Identify);
        let last = chain.partition_point(|link| link.phase <= Phase::Identify);
        Self { links: chain.into(), identify: first..last }
    }

    /// Whether what decides on who calls has something before it that finds out. `route` is for the
    /// message.
    pub(crate) fn check(&self, route: &str, report: &mut Report) {
        if !self.identify.is_empty() {
            return;
        }
        for link in self.links.iter().filter(|link| link.needs_principal) {
            let kind = link.kind;
            let message = format!(
                "`{kind}` decides on who calls, which nothing finds out for the route `{route}`"
            );
            // Several listeners may offer the route.
            if !report.problems().iter().any(|known| known.message == message) {
                report.error(&*link.at, message).hint(
                    "add a policy that does to the route, its service, the listener or all, such as `key-auth`",
                );
            }
        }
    }
}

/// Compiles the policies of one place.
pub(crate) fn compile(
    uses: &[PolicyUse],
    at: &str,
    (kinds, scope): (&[Kind], &Scope),
    report: &mut Report,
) -> Vec<Link> {
    let mut links = Vec::with_capacity(uses.len());
    for (index, policy) in uses.iter().enumerate() {
        let at = if at.is_empty() {
            format!("policies[{index}]")
        } else {
            format!("{at}.policies[{index}]")
        };
        let Some(kind) = kinds.iter().find(|kind| kind.name() == policy.kind) else {
            let names: Vec<&str> = kinds.iter().map(Kind::name).collect();
            let hint = match nearest(&policy.kind, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`? known kinds: {}", names.join(", ")),
                None => format!("known kinds: {}", names.join(", ")),
            };
            report
                .error(format!("{at}.kind"), format!("there is no policy `{}`", policy.kind))
                .hint(hint);
            continue;
        };
        let config_at = format!("{at}.config");
        if let Some(policy_ready) = kind.compile(&policy.config, &config_at, report, scope) {
            links.push(Link {
                kind: kind.name(),
                phase: kind.phase(),
                at: at.into(),
                broader: policy.broader,
                needs_principal: kind.needs_principal(),
                answers: kind.answers(),
                policy: policy_ready,
            });
        }
    }
    links
}

/// Warnings of one sort for one listener.
const WARNINGS_MAX: usize = 10;

/// Warns of routes that keep requests from a policy of theirs which would answer them itself.
pub(crate) fn warn(listener: &ListenerPlan, written: &[Written<'_>], report: &mut Report) {
    /// The pattern that every path fits.
    const ANY_PATH: &str = "/*";
    let any_path = [ANY_PATH.to_owned()];
    // Each answer that a policy gives, on each route that lets it.
    let mut reached: HashSet<(&str, &str, &[String], &[String])> = HashSet::new();
    let mut missed: Vec<(&Link, &str, &Written<'_>)> = Vec::new();
    for offer in &listener.offers {
        let Some(written) = written.get(offer.route) else { continue };
        let Match { hosts, paths, methods, headers, query, source, .. } = &written.route.matches;
        let is_narrow = !(headers.is_empty() && query.is_empty() && source.is_empty());
        for (link, method) in answers(&offer.chain) {
            if !methods.is_empty() && !methods.iter().any(|one| one == method) {
                missed.push((link, method, written));
            } else if !is_narrow {
                reached.insert((link.kind, method, hosts, paths));
            }
        }
    }
    warn_of_several(listener, report);
    let missed = missed.into_iter().filter(|(link, method, written)| {
        let Match { hosts, paths, .. } = &written.route.matches;
        !([hosts.as_slice(), &[]].into_iter()).any(|hosts| {
            let mut paths = [paths.as_slice(), &[], &any_path].into_iter();
            paths.any(|paths| reached.contains(&(link.kind, method, hosts, paths)))
        })
    });
    for (link, method, written) in missed.take(WARNINGS_MAX) {
        let kind = link.kind;
        let message = format!("`{kind}` would answer {method}, but the route does not take it");
        let hint = format!("add {method}; what `{kind}` does not answer goes on as usual");
        warn_once(format!("{}.match.methods", written.at), message, hint, report);
    }
}

/// Warns of what several listeners may offer.
fn warn_once(at: String, message: String, hint: impl Into<String>, report: &mut Report) {
    if !report.problems().iter().any(|known| known.path == at && known.message == message) {
        report.warning(at, message).hint(hint);
    }
}

/// Warns of policies that are not asked, as a broader one of their kind answers first.
fn warn_of_several(listener: &ListenerPlan, report: &mut Report) {
    let pairs = listener.offers.iter().flat_map(|offer| {
        let links =
            offer.chain.links.iter().enumerate().filter(|(_, link)| !link.answers.is_empty());
        links.filter_map(|(place, link)| {
            let before = offer.chain.links.get(..place)?;
            Some((link, before.iter().find(|one| one.kind == link.kind)?))
        })
    });
    let mut told = HashSet::new();
    for (link, first) in pairs.filter(|(link, _)| told.insert(&link.at)).take(WARNINGS_MAX) {
        let message =
            format!("`{}` of {} answers first, and has the last word", link.kind, first.at);
        let hint = "let the narrower one stand alone with `broader: replace`";
        warn_once(link.at.to_string(), message, hint, report);
    }
}

/// The methods that policies of a chain answer themselves.
fn answers(chain: &Chain) -> impl Iterator<Item = (&Link, &'static str)> {
    chain.links.iter().flat_map(|link| link.answers.iter().map(move |method| (link, *method)))
}

//! `bot-filter`: turns programs away by what they call themselves.

mod patterns;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_model::report::Report;
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

use patterns::Patterns;

/// Which programs are turned away.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who passes whatever `deny` says. Parts of `User-Agent`, or regular expressions after a `~`;
    /// capitals do not matter.
    pub allow: Vec<String>,
    /// Who is turned away.
    pub deny: Vec<String>,
    /// What happens to those who do not say who they are.
    pub missing: Missing,
}

/// What happens to requests without a `User-Agent`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They go on.
    #[default]
    Allow,
    /// They are refused.
    Refuse,
}

impl Settings for Config {
    const NAME: &'static str = "bot-filter";
    const PHASE: Phase = Phase::Guard;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let mut found = Report::default();
        if self.deny.is_empty() && !self.allow.is_empty() {
            found
                .error(format!("{at}.allow"), "nobody is turned away, so nobody has to be let in")
                .hint("`deny: ['~ .']` turns all others away");
        } else if self.deny.is_empty() && self.missing == Missing::Allow {
            found
                .error(at, "nobody is turned away")
                .hint("such as `deny: [sqlmap, nikto]`, or `missing: refuse`");
        }
        let allow = Patterns::compile(&self.allow, &format!("{at}.allow"), &mut found);
        let deny = Patterns::compile(&self.deny, &format!("{at}.deny"), &mut found);
        let is_good = !found.has_errors();
        report.append(found);
        let policy = BotFilter { allow: allow?, deny: deny?, missing: self.missing };
        is_good.then(|| Arc::new(policy) as Arc<dyn Policy>)
    }
}

#[derive(Debug)]
struct BotFilter {
    allow: Patterns,
    deny: Patterns,
    missing: Missing,
}

impl Policy for BotFilter {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let Some(cause) = self.refuses(exchange) else { return Verdict::Next.into() };
        let failure = Failure::new(FailureKind::Forbidden)
            .saying("This client is not allowed here.")
            .because(cause);
        Verdict::Fail(failure).into()
    }
}

impl BotFilter {
    /// Why a request is refused, if it is.
    fn refuses(&self, exchange: &Exchange) -> Option<&'static str> {
        let mut agents = exchange.request.head.fields().all("User-Agent");
        match (agents.next(), agents.next()) {
            (None | Some(b""), None) => {
                (self.missing == Missing::Refuse).then_some("no User-Agent")
            }
            (Some(agent), None) if !self.allow.fit(agent) && self.deny.fit(agent) => {
                Some("its User-Agent is denied")
            }
            (Some(_), None) => None,
            (_, Some(_)) => Some("several User-Agent fields"),
        }
    }
}

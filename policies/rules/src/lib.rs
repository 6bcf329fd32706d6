//! `rules`: lets requests in, or refuses them, by expressions over who asks and for what.

mod names;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_expr::Condition;
use yumen_model::report::Report;
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

use crate::names::{Asked, Name};

/// Rules of one use.
const RULES_MAX: usize = 100;
/// The longest message, in bytes.
const MESSAGE_MAX: usize = 500;

/// Which requests are let in. Expressions have the syntax of CEL.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A request for which one of these is true is refused.
    pub deny: Vec<Rule>,
    /// If there are any, one of these must be true.
    pub allow: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// An expression that is true or false, such as `"gold" in consumer.groups`. If it cannot be
    /// said which, a request is refused.
    pub when: String,
    /// What the client is told when it refuses, in a rule of `deny`.
    #[serde(default)]
    pub message: Option<String>,
}

impl Settings for Config {
    const NAME: &'static str = "rules";
    const PHASE: Phase = Phase::Authorize;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        if self.deny.is_empty() && self.allow.is_empty() {
            report
                .error(at, "there is neither a rule in `deny` nor one in `allow`")
                .hint("such as `allow: [{ when: '\"gold\" in consumer.groups' }]`");
        }
        let deny = compile_all(self.deny, &format!("{at}.deny"), report);
        for (index, _) in self.allow.iter().enumerate().filter(|(_, rule)| rule.message.is_some()) {
            report
                .error(format!("{at}.allow[{index}].message"), "what lets in says nothing")
                .hint("leave it out, or write a rule of `deny`");
        }
        let allow = compile_all(self.allow, &format!("{at}.allow"), report);
        (report.problems().len() == before)
            .then(|| Arc::new(Rules { deny, allow }) as Arc<dyn Policy>)
    }
}

fn compile_all(rules: Vec<Rule>, at: &str, report: &mut Report) -> Vec<Compiled> {
    if rules.len() > RULES_MAX {
        report
            .error(at, format!("there are more than {RULES_MAX} rules"))
            .hint("join some of them with `||`");
    }
    let schema = names::schema();
    let mut compiled = Vec::with_capacity(rules.len());
    for (index, Rule { when, message }) in rules.into_iter().enumerate() {
        let at = format!("{at}[{index}]");
        if message.as_ref().is_some_and(|text| text.len() > MESSAGE_MAX) {
            report
                .error(format!("{at}.message"), format!("it is longer than {MESSAGE_MAX} bytes"))
                .hint("one sentence is enough");
        }
        match Condition::compile(&when, &schema) {
            Ok(condition) => compiled.push(Compiled { condition, message, when }),
            Err(problems) => {
                for one in problems {
                    let message = format!("byte {} of the expression: {}", one.at, one.message);
                    let problem = report.error(format!("{at}.when"), message);
                    if let Some(hint) = one.hint {
                        problem.hint(hint);
                    }
                }
            }
        }
    }
    compiled
}

#[derive(Debug)]
struct Compiled {
    condition: Condition<Name>,
    message: Option<String>,
    when: String,
}

#[derive(Debug)]
struct Rules {
    deny: Vec<Compiled>,
    allow: Vec<Compiled>,
}

impl Policy for Rules {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Verdict::from(self.decide(exchange)).into()
    }
}

impl Rules {
    /// Some services cut parameters off the segments of a path: what they see must be allowed too.
    fn decide(&self, exchange: &Exchange) -> Result<(), Failure> {
        let head = &exchange.request.head;
        self.decide_for(&Asked::new(exchange, head.path_bytes()))?;
        let Some(plain) = head.path_without_parameters() else { return Ok(()) };
        let decided = self.decide_for(&Asked::new(exchange, &plain));
        decided.map_err(|failure| failure.because("path parameters lead around a rule"))
    }

    fn decide_for(&self, asked: &Asked<'_>) -> Result<(), Failure> {
        for rule in &self.deny {
            let holds = rule.condition.holds(asked);
            if asked.is_ambiguous() {
                return Err(ambiguous(&rule.when));
            }
            match holds {
                Ok(false) => {}
                Ok(true) => return Err(refuse(rule, format!("`{}` is true", rule.when))),
                Err(error) => return Err(refuse(rule, format!("`{}`: {error}", rule.when))),
            }
        }
        if self.allow.is_empty() {
            return Ok(());
        }
        for rule in &self.allow {
            let holds = rule.condition.holds(asked).unwrap_or(false);
            if asked.is_ambiguous() {
                return Err(ambiguous(&rule.when));
            }
            if holds {
                return Ok(());
            }
        }
        Err(Failure::new(FailureKind::Forbidden).because("none of the rules in `allow` is true"))
    }
}

#[cold]
fn refuse(rule: &Compiled, cause: String) -> Failure {
    let failure = Failure::new(FailureKind::Forbidden).because(cause);
    match &rule.message {
        Some(message) => failure.saying(message.clone()),
        None => failure,
    }
}

#[cold]
fn ambiguous(when: &str) -> Failure {
    Failure::new(FailureKind::Forbidden)
        .saying("A header field or parameter came several times.")
        .because(format!("what `{when}` looks at came several times"))
}

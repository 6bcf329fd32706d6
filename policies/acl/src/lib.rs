//! `acl`: lets in, or keeps out, consumers by name or group.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_directory::Consumer;
use yumen_model::report::Report;
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

/// Names in one list.
const NAMES_MAX: usize = 1000;

/// Which consumers may ask.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Those who may; if both lists in it are empty, everybody may who is not denied.
    pub allow: Who,
    /// Those who may not, even if they are allowed.
    pub deny: Who,
}

/// Some consumers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Who {
    /// Everybody in one of these groups.
    pub groups: Vec<String>,
    /// Consumers by name.
    pub consumers: Vec<String>,
}

impl Settings for Config {
    const NAME: &'static str = "acl";
    const PHASE: Phase = Phase::Authorize;
    const NEEDS_PRINCIPAL: bool = true;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        if self.allow.is_empty() && self.deny.is_empty() {
            report
                .error(at, "neither `allow` nor `deny` names anybody")
                .hint("such as `allow: { groups: [gold] }`");
        }
        self.allow.check(&format!("{at}.allow"), report);
        self.deny.check(&format!("{at}.deny"), report);
        (report.problems().len() == before).then(|| Arc::new(Acl(self)) as Arc<dyn Policy>)
    }
}

impl Who {
    fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.consumers.is_empty()
    }

    fn has(&self, consumer: &Consumer) -> bool {
        consumer.is_in(&self.groups) || self.consumers.iter().any(|name| **name == *consumer.name)
    }

    fn check(&self, at: &str, report: &mut Report) {
        for (key, names) in [("groups", &self.groups), ("consumers", &self.consumers)] {
            let at = format!("{at}.{key}");
            if names.len() > NAMES_MAX {
                report
                    .error(at.as_str(), format!("there are more than {NAMES_MAX} names"))
                    .hint("put consumers into a group, and name that");
            }
            for (index, _) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
                report.error(format!("{at}[{index}]"), "it is empty").hint("such as `gold`");
            }
        }
    }
}

#[derive(Debug)]
struct Acl(Config);

impl Policy for Acl {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let Config { allow, deny } = &self.0;
        let consumer = exchange.principal.as_ref().and_then(|one| one.consumer.as_deref());
        let is_welcome = match consumer {
            Some(one) => (allow.is_empty() || allow.has(one)) && !deny.has(one),
            // Nobody who is known: welcome only where nothing but some are kept out.
            None => allow.is_empty(),
        };
        match is_welcome {
            true => Verdict::Next.into(),
            false => Verdict::Fail(refuse(consumer)).into(),
        }
    }
}

#[cold]
fn refuse(consumer: Option<&Consumer>) -> Failure {
    let name = consumer.map_or("nobody who is known", |consumer| &*consumer.name);
    Failure::new(FailureKind::Forbidden)
        .saying("You may not use this.")
        .because(format!("{name} is not let in by acl"))
}

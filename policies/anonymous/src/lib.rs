//! `anonymous`: lets in whoever brings no credential, as nobody or as one consumer.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_directory::Directory;
use yumen_model::report::Report;
use yumen_policy::{
    Exchange, Failure, FailureKind, Phase, Policy, Principal, Scope, Settings, Step, Verdict,
};

/// Who requests without a credential come from. It stands behind the policies that look for one;
/// credentials that are wrong do not come this far.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The consumer that they are treated like; nobody if it is left out. While there is no such
    /// consumer, or it is disabled, nobody is let in.
    pub consumer: Option<String>,
}

impl Settings for Config {
    const NAME: &'static str = "anonymous";
    const PHASE: Phase = Phase::Identify;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        if self.consumer.as_deref() == Some("") {
            report
                .error(format!("{at}.consumer"), "it is empty")
                .hint("name a consumer, or leave it out");
            return None;
        }
        let directory = Arc::clone(&scope.directory);
        Some(Arc::new(Anonymous { consumer: self.consumer, directory }))
    }
}

#[derive(Debug)]
struct Anonymous {
    consumer: Option<String>,
    directory: Arc<Directory>,
}

impl Policy for Anonymous {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let consumer = match &self.consumer {
            None => None,
            Some(name) => match self.directory.consumer(name).filter(|one| !one.is_disabled) {
                Some(consumer) => Some(consumer),
                None => return Verdict::Fail(refuse(name)).into(),
            },
        };
        exchange.principal = Some(Box::new(Principal::anonymous(consumer, Config::NAME)));
        Verdict::Next.into()
    }
}

#[cold]
fn refuse(name: &str) -> Failure {
    Failure::new(FailureKind::NoCredentials)
        .because(format!("the anonymous consumer {name} does not exist, or is disabled"))
}

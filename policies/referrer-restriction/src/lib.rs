//! `referrer-restriction`: lets requests in by the host of the page that they come from.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::Fields;
use yumen_model::report::Report;
use yumen_origin::{ENTRIES_MAX, Hosts, Said, page_host};
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

/// Which pages requests may come from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Hosts of pages: `www.example.com`, or `*.example.com` for all names below one.
    pub allow: Vec<String>,
    /// What happens to requests that do not say which page they come from.
    pub missing: Missing,
}

/// What happens to requests that do not say which page they come from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They go on: whoever types an address comes from no page, and any page may hide.
    #[default]
    Allow,
    /// They are refused.
    Refuse,
}

impl Settings for Config {
    const NAME: &'static str = "referrer-restriction";
    const PHASE: Phase = Phase::Guard;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let mut found = Report::default();
        let mut allow = Hosts::default();
        let at = format!("{at}.allow");
        if self.allow.is_empty() {
            found
                .error(at.as_str(), "no host is listed, so no page may send anything")
                .hint("such as `allow: [www.example.com]`");
        }
        if self.allow.len() > ENTRIES_MAX {
            found
                .error(at.as_str(), format!("there are more than {ENTRIES_MAX} entries"))
                .hint("use a wildcard, or several routes");
        }
        for (index, host) in self.allow.iter().enumerate() {
            if let Err(fault) = allow.add(host) {
                found.error(format!("{at}[{index}]"), fault.message).hint(fault.hint);
            }
        }
        let is_good = !found.has_errors();
        report.append(found);
        let policy = ReferrerRestriction { allow, missing: self.missing };
        is_good.then(|| Arc::new(policy) as Arc<dyn Policy>)
    }
}

#[derive(Debug)]
struct ReferrerRestriction {
    allow: Hosts,
    missing: Missing,
}

/// What one field says of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Hidden,
    Allowed,
    Other,
}

impl Policy for ReferrerRestriction {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let fields = exchange.request.head.fields();
        let pages = [self.look(fields, "Origin"), self.look(fields, "Referer")];
        // Both are of the same page; where one says something else, it is not believed.
        let cause = if pages.contains(&Page::Other) {
            "the page that it comes from is not let in by referrer-restriction"
        } else if pages.contains(&Page::Allowed) || self.missing == Missing::Allow {
            return Verdict::Next.into();
        } else {
            "it does not say which page it comes from"
        };
        let failure = Failure::new(FailureKind::Forbidden)
            .saying("Requests from this page are not allowed here.")
            .because(cause);
        Verdict::Fail(failure).into()
    }
}

impl ReferrerRestriction {
    fn look(&self, fields: &Fields, name: &str) -> Page {
        match Said::of(fields.all(name)) {
            Said::Nothing | Said::Once(b"null") => Page::Hidden,
            Said::Once(page) if page_host(page).is_some_and(|host| self.allow.contains(&host)) => {
                Page::Allowed
            }
            Said::Once(_) | Said::Often => Page::Other,
        }
    }
}

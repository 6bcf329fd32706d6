//! `csrf`: keeps pages of other sites from acting in the name of a user, by what browsers say of where
//! a request comes from. Nothing is kept, and pages need no tokens.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Authority, Method};
use yumen_model::report::Report;
use yumen_origin::{ENTRIES_MAX, Origins, Said, split_origin};
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

/// Keeps pages of other sites from acting in the name of a user.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Origins whose pages may act here as well: `https://app.example.com`, or
    /// `https://*.example.com` for all names below one.
    pub trusted_origins: Vec<String>,
    /// What happens to requests that do not say where they come from, as those of programs.
    pub missing: Missing,
}

/// What happens to requests that do not say where they come from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They go on: every browser of today says it.
    #[default]
    Allow,
    /// They are refused.
    Refuse,
}

impl Settings for Config {
    const NAME: &'static str = "csrf";
    const PHASE: Phase = Phase::Guard;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let mut found = Report::default();
        let mut trusted = Origins::default();
        let at = format!("{at}.trusted_origins");
        if self.trusted_origins.len() > ENTRIES_MAX {
            found
                .error(at.as_str(), format!("there are more than {ENTRIES_MAX} entries"))
                .hint("use a wildcard, or several routes");
        }
        for (index, origin) in self.trusted_origins.iter().enumerate() {
            let at = format!("{at}[{index}]");
            if origin == "null" {
                found
                    .error(at, "every site can make a document of the origin `null`")
                    .hint("take it out: to trust it is to trust everybody");
            } else if let Err(fault) = trusted.add(origin) {
                found.error(at, fault.message).hint(fault.hint);
            }
        }
        let is_good = !found.has_errors();
        report.append(found);
        let policy = Csrf { trusted, missing: self.missing };
        is_good.then(|| Arc::new(policy) as Arc<dyn Policy>)
    }
}

#[derive(Debug)]
struct Csrf {
    trusted: Origins,
    missing: Missing,
}

impl Policy for Csrf {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.refuses(exchange) {
            None => Verdict::Next.into(),
            Some(cause) => {
                let failure = Failure::new(FailureKind::Forbidden)
                    .saying("Pages of other sites may not do this.")
                    .because(cause);
                Verdict::Fail(failure).into()
            }
        }
    }
}

impl Csrf {
    /// Why a request is refused, if it is.
    fn refuses(&self, exchange: &Exchange) -> Option<&'static str> {
        let head = &exchange.request.head;
        let is_websocket = head.is_websocket();
        // Who gets something changes nothing. A WebSocket, which begins with GET, can: any page may
        // open one, and no preflight keeps it from that.
        if matches!(head.method(), Method::Get | Method::Head | Method::Options) && !is_websocket {
            return None;
        }
        let origin = match Said::of(head.fields().all("Origin")) {
            Said::Often => return Some("several Origin fields"),
            Said::Once(origin) => Some(origin),
            Said::Nothing => None,
        };
        let trusted = || origin.is_some_and(|origin| self.trusted.contains(origin));
        match Said::of(head.fields().all("Sec-Fetch-Site")) {
            Said::Often => return Some("several Sec-Fetch-Site fields"),
            // Of a WebSocket all browsers say the origin, but not all of them this.
            Said::Once(_) if is_websocket && origin.is_some() => {}
            Said::Once(b"same-origin" | b"none") => return None,
            Said::Once(_) if trusted() => return None,
            Said::Once(_) => return Some("Sec-Fetch-Site says that it comes from another site"),
            Said::Nothing => {}
        }
        match origin {
            Some(origin) if is_own(origin, exchange) || trusted() => None,
            Some(_) => Some("Origin is not the host that is asked for"),
            None if self.missing == Missing::Allow => None,
            None => Some("neither Sec-Fetch-Site nor Origin"),
        }
    }
}

/// Whether an origin is the host that is asked for, and not a step down to clear text. With TLS that
/// ends at a proxy nobody knows of, a page may come by a better scheme than is known here.
fn is_own(origin: &[u8], exchange: &Exchange) -> bool {
    let Some((scheme, authority)) = split_origin(origin) else { return false };
    let default = match scheme {
        "https" => 443,
        "http" if exchange.client.forwarding.proto() != "https" => 80,
        _ => return false,
    };
    let Ok(from) = Authority::read(authority.as_bytes()) else { return false };
    // What a trusted proxy was asked for is what the browser asked for.
    let believed = exchange.client.forwarding.host().map(|host| Authority::read(host.as_bytes()));
    let asked = match &believed {
        Some(Ok(believed)) => Some(believed),
        Some(Err(_)) => None,
        None => exchange.request.head.authority(),
    };
    let port = |authority: &Authority| authority.port().unwrap_or(default);
    asked.is_some_and(|asked| asked.host() == from.host() && port(asked) == port(&from))
}

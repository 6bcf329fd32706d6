//! What would happen to a request, and why: the answer to `yumen explain`.

use std::fmt;

use yumen_http::RequestHead;
use yumen_model::HostHeader;
use yumen_policy::{Client, Phase};
use yumen_route::Verdict;

use crate::action::Action;
use crate::question::Asked;
use crate::{ListenerPlan, Plan};

/// What would happen to a request on one listener.
#[derive(Debug)]
pub struct Explanation {
    /// The listener's name.
    pub listener: String,
    /// The routes that were considered, in their order: name, place in the config, verdict.
    pub considered: Vec<(String, String, Verdict)>,
    /// Who comes in clear text is sent to `https://` first.
    pub https_only: bool,
    /// What will happen.
    pub outcome: Outcome,
}

/// What will happen.
#[derive(Debug)]
pub enum Outcome {
    /// No route matches: 404.
    NoRoute,
    /// The request can be read in two ways: 400.
    Refused(String),
    /// A route was found.
    Found {
        /// The route's name.
        route: String,
        /// Path parameters.
        parameters: Vec<(String, String)>,
        /// The policies that run: kind, phase, and where each is written.
        chain: Vec<(&'static str, Phase, String)>,
        /// What is done then, in one sentence.
        action: String,
    },
}

impl Plan {
    /// Explains a request that arrives at this listener.
    #[must_use]
    pub fn explain(
        &self,
        on: &ListenerPlan,
        head: &RequestHead,
        client: &Client,
        count_max: usize,
    ) -> Explanation {
        let asked = Asked::new(head, client.address);
        let route_of =
            |rule: usize| on.offers.get(rule).and_then(|offer| self.routes.get(offer.route));
        let considered =
            on.router.explain(&asked, count_max).into_iter().filter_map(|considered| {
                let route = route_of(considered.rule)?;
                Some((route.name.to_string(), route.at.clone(), considered.verdict))
            });
        let considered = considered.collect();
        let https_only = on.listener.https_redirect.is_some();
        let found = match on.find(&asked) {
            Ok(found) => found,
            Err(malformed) => {
                let outcome = Outcome::Refused(malformed.to_string());
                let listener = on.listener.name.clone();
                return Explanation { listener, considered, https_only, outcome };
            }
        };
        let outcome = found.and_then(|found| {
            let offer = on.offers.get(found.rule)?;
            let route = self.routes.get(offer.route)?;
            let parameters = on.router.parameters(found, head.path().as_bytes());
            let action = match &route.action {
                Action::Forward { destination, host, .. } => {
                    let path = match route.rewrite.apply(head, &parameters) {
                        Ok(path) => path.unwrap_or_else(|| head.path().to_owned()),
                        Err(malformed) => return Some(Outcome::Found {
                            route: route.name.to_string(),
                            parameters: texts(parameters.iter()),
                            chain: Vec::new(),
                            action: format!("is refused with 400: {malformed}"),
                        }),
                    };
                    let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
                    let host = match host {
                        HostHeader::Target => "the target's own host",
                        HostHeader::Client => head.host(),
                        HostHeader::Set(host) => host,
                    };
                    let base = &destination.base_path;
                    format!("goes to the service `{}` as {} {base}{path}{query} with {host} as its host", destination.name, head.method().as_str())
                }
                Action::Redirect(redirect) => {
                    let location = redirect.location(&parameters, head);
                    format!("is redirected with {} to {}", redirect.status.code(), String::from_utf8_lossy(&location))
                }
                Action::Answer(fixed) => format!("is answered with {} at once", fixed.status.code()),
            };
            let chain = offer.chain.0.iter().map(|link| (link.kind, link.phase, link.at.to_string()));
            Some(Outcome::Found {
                route: route.name.to_string(),
                parameters: texts(parameters.iter()),
                chain: chain.collect(),
                action,
            })
        });
        Explanation {
            listener: on.listener.name.clone(),
            considered,
            https_only,
            outcome: outcome.unwrap_or(Outcome::NoRoute),
        }
    }
}

fn texts<'a>(parameters: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, String)> {
    parameters
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "listener {}", self.listener)?;
        writeln!(out, "routes considered:")?;
        for (name, at, verdict) in &self.considered {
            writeln!(out, "  {name} ({at}) {verdict}")?;
        }
        if self.https_only {
            writeln!(
                out,
                "in clear text the request is redirected with 308 to https://; with TLS, to a trusted proxy in front:"
            )?;
        }
        match &self.outcome {
            Outcome::NoRoute => {
                writeln!(out, "no route matches: the request is answered with 404 no_route")
            }
            Outcome::Refused(why) => {
                writeln!(out, "the request is refused with 400 bad_request: {why}")
            }
            Outcome::Found { route, parameters, chain, action } => {
                for (name, value) in parameters {
                    writeln!(out, "parameter {name} = {value}")?;
                }
                for (kind, phase, at) in chain {
                    writeln!(out, "policy {kind} ({phase:?}, {at})")?;
                }
                writeln!(out, "the request takes the route `{route}` and {action}")
            }
        }
    }
}

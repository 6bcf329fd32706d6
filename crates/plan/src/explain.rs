//! What would happen to a request, and why: the answer to `yumen explain`.

use std::fmt;

use serde_json::{Value, json};
use yumen_http::RequestHead;
use yumen_model::{Bytes, HostHeader, ListenerLimits, Span};
use yumen_policy::{Client, Phase};
use yumen_route::Verdict;

use crate::action::{Action, Forward};
use crate::question::Asked;
use crate::route::RoutePlan;
use crate::{Link, ListenerPlan, Offer, Plan};

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
        /// The policies that run.
        chain: Vec<Passage>,
        /// What holds for it.
        settings: Vec<Setting>,
        /// What is done then, in one sentence.
        action: String,
    },
}

/// A policy on the way.
#[derive(Debug, Clone)]
pub struct Passage {
    /// The name of its kind.
    pub kind: &'static str,
    /// When it runs.
    pub phase: Phase,
    /// Where it is written.
    pub at: String,
    /// What it did; empty before the request was made.
    pub did: String,
}

/// A setting that holds for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// Its value, as it is written.
    pub value: String,
    /// Where it comes from: a place in the config, a noun with its name, or `default`.
    pub from: String,
}

/// The settings that hold for requests of a route on a listener.
fn settings(on: &ListenerPlan, route: &RoutePlan) -> Vec<Setting> {
    let setting =
        |key: &str, value: String, from: String| Setting { key: key.to_owned(), value, from };
    let usual = ListenerLimits::default().body;
    let body = match route.body_max {
        Some(own) => (Bytes(own), format!("{}.limits.body", route.at)),
        None if on.listener.limits.body == usual => (usual, "default".to_owned()),
        None => (on.listener.limits.body, format!("listener {}", on.listener.name)),
    };
    let mut all = vec![setting("limits.body", body.0.to_string(), body.1)];
    let Action::Forward(forward) = &route.action else { return all };
    let Forward { destination, timeouts, .. } = &**forward;
    let service = format!("service {}", destination.name);
    let is_own = |key: &str| route.own.contains(&key);
    for (key, time, is_usual) in timeouts.listed() {
        let millis = time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let from = match () {
            () if is_own("timeouts") => format!("{}.timeouts", route.at),
            () if is_usual => "default".to_owned(),
            () => service.clone(),
        };
        all.push(setting(&format!("timeouts.{key}"), Span::millis(millis).to_string(), from));
    }
    for key in ["retries", "fallback", "host"].into_iter().filter(|key| is_own(key)) {
        all.push(setting(key, "the route's own".to_owned(), format!("{}.{key}", route.at)));
    }
    all.push(setting("balance", destination.choice(), service));
    all
}

impl Explanation {
    /// The same for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let considered = self.considered.iter().map(|(name, at, verdict)| {
            json!({ "route": name, "at": at, "verdict": verdict.to_string() })
        });
        let considered: Vec<Value> = considered.collect();
        let outcome = match &self.outcome {
            Outcome::NoRoute => json!({ "found": false }),
            Outcome::Refused(why) => json!({ "found": false, "refused": why }),
            Outcome::Found { route, parameters, chain, settings, action } => json!({
                "found": true,
                "route": route,
                "parameters": parameters,
                "policies": chain.iter().map(|one| json!({
                    "kind": one.kind,
                    "phase": format!("{:?}", one.phase).to_lowercase(),
                    "at": one.at,
                    "did": one.did,
                })).collect::<Vec<_>>(),
                "settings": settings.iter().map(|one| json!({
                    "key": one.key,
                    "value": one.value,
                    "from": one.from,
                })).collect::<Vec<_>>(),
                "action": action,
            }),
        };
        json!({
            "listener": self.listener,
            "considered": considered,
            "https_only": self.https_only,
            "outcome": outcome,
        })
    }
}

fn passages(offer: &Offer) -> Vec<Passage> {
    let passage = |link: &Link| Passage {
        kind: link.kind,
        phase: link.phase,
        at: link.at.to_string(),
        did: String::new(),
    };
    offer.chain.links.iter().map(passage).collect()
}

impl Plan {
    /// What holds for a request that has taken the route of this name on a listener, when more is
    /// not known of it.
    #[must_use]
    pub fn taken(&self, on: &ListenerPlan, name: &str) -> Option<Outcome> {
        let routes =
            on.offers.iter().filter_map(|offer| Some((offer, self.routes.get(offer.route)?)));
        let (offer, route) = routes.into_iter().find(|(_, route)| *route.name == *name)?;
        Some(Outcome::Found {
            route: route.name.to_string(),
            parameters: Vec::new(),
            chain: passages(offer),
            settings: settings(on, route),
            action: "goes on as it did".to_owned(),
        })
    }

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
                Action::Forward(forward) => {
                    let Forward { destination, host, .. } = &**forward;
                    let path = match route.rewrite.apply(head, &parameters) {
                        Ok(path) => path.unwrap_or_else(|| head.path().to_owned()),
                        Err(malformed) => return Some(Outcome::Found {
                            route: route.name.to_string(),
                            parameters: texts(parameters.iter()),
                            chain: Vec::new(),
                            settings: settings(on, route),
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
            Some(Outcome::Found {
                route: route.name.to_string(),
                parameters: texts(parameters.iter()),
                chain: passages(offer),
                settings: settings(on, route),
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
            Outcome::Found { route, parameters, chain, settings, action } => {
                for (name, value) in parameters {
                    writeln!(out, "parameter {name} = {value}")?;
                }
                for Passage { kind, phase, at, did } in chain {
                    write!(out, "policy {kind} ({phase:?}, {at})")?;
                    match did.as_str() {
                        "" => writeln!(out)?,
                        did => writeln!(out, " {did}")?,
                    }
                }
                for Setting { key, value, from } in settings {
                    writeln!(out, "setting {key} = {value} ({from})")?;
                }
                writeln!(out, "the request takes the route `{route}` and {action}")
            }
        }
    }
}

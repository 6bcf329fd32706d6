//! What stands in for the answer of a service that gave none.

use std::sync::Arc;

use yumen_model::Model;
use yumen_model::report::{Report, nearest};
use yumen_policy::FailureKind;
use yumen_upstream::Destination;

use crate::action::{Fixed, Forward};

/// What stands in for the answer of a service that gave none.
#[derive(Debug)]
pub struct Fallback {
    on: Vec<FailureKind>,
    /// What is done.
    pub substitute: Substitute,
}

/// What stands in.
#[derive(Debug)]
pub enum Substitute {
    /// An answer at once.
    Answer(Fixed),
    /// Another service.
    Service(Arc<Destination>),
}

/// The services of a plan that is being compiled, by their position.
#[derive(Debug)]
pub(crate) struct Services<'a> {
    pub(crate) model: &'a Model,
    pub(crate) destinations: Vec<Option<Arc<Destination>>>,
    pub(crate) fallbacks: Vec<Option<Arc<Fallback>>>,
    /// How requests go there, for routes that have no other wishes.
    pub(crate) forwards: Vec<Option<Arc<Forward>>>,
}

impl<'a> Services<'a> {
    pub(crate) fn compile(
        model: &'a Model,
        destinations: Vec<Option<Arc<Destination>>>,
        report: &mut Report,
    ) -> Self {
        let (fallbacks, forwards) = (Vec::new(), Vec::new());
        let mut services = Self { model, destinations, fallbacks, forwards };
        let compile = |(index, service): (usize, &yumen_model::Service)| {
            let fallback = service.fallback.as_ref()?;
            let at = format!("services[{index}].fallback");
            Fallback::compile(fallback, index, &services, &at, report)
        };
        services.fallbacks = model.services.iter().enumerate().map(compile).collect();
        let both = services.destinations.iter().zip(&services.fallbacks);
        let forward = |(destination, fallback): (&Option<Arc<Destination>>, &Option<_>)| {
            Some(Arc::new(Forward::of(destination.as_ref()?, fallback.clone())))
        };
        services.forwards = both.map(forward).collect();
        services
    }
}

impl Fallback {
    /// Whether it is for this failure.
    #[must_use]
    pub fn is_for(&self, kind: FailureKind) -> bool {
        self.on.contains(&kind)
    }

    /// Compiles what stands in for the service at the position `of`.
    pub(crate) fn compile(
        fallback: &yumen_model::Fallback,
        of: usize,
        services: &Services<'_>,
        at: &str,
        report: &mut Report,
    ) -> Option<Arc<Self>> {
        let all = FailureKind::ALL.into_iter().filter(|kind| kind.code().starts_with("upstream_"));
        let all: Vec<FailureKind> = all.collect();
        let mut on = Vec::new();
        for (index, code) in fallback.on.iter().enumerate() {
            if let Some(kind) = all.iter().find(|kind| kind.code() == code) {
                on.push(*kind);
            } else {
                let codes: Vec<&str> = all.iter().map(|kind| kind.code()).collect();
                report
                    .error(format!("{at}.on[{index}]"), format!("there is no failure `{code}`"))
                    .hint(format!("known are {}", codes.join(", ")));
            }
        }
        let substitute = match (&fallback.answer, &fallback.service) {
            (Some(answer), None) => {
                Substitute::Answer(Fixed::compile(answer, &format!("{at}.answer"), report)?)
            }
            (None, Some(name)) => {
                let named = services.model.services.iter().map(|service| service.name.as_str());
                let Some(place) = named.clone().position(|service| service == name) else {
                    let hint = nearest(name, named).map_or_else(
                        || "add it under `services`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    report
                        .error(format!("{at}.service"), format!("there is no service `{name}`"))
                        .hint(hint);
                    return None;
                };
                if place == of {
                    report
                        .error(format!("{at}.service"), "a service cannot stand in for itself")
                        .hint("name another one; `retries` ask the same one again");
                }
                let substitute = services.destinations.get(place)?.as_ref()?;
                if substitute.is_raw {
                    report
                        .error(
                            format!("{at}.service"),
                            format!("the service `{name}` takes connections, not requests"),
                        )
                        .hint("name one whose URLs begin with `http://` or `https://`");
                }
                Substitute::Service(Arc::clone(substitute))
            }
            _ => {
                report
                    .error(at, "a fallback is one of `answer` and `service`")
                    .hint("keep one of them");
                return None;
            }
        };
        Some(Arc::new(Self { on: if on.is_empty() { all } else { on }, substitute }))
    }
}

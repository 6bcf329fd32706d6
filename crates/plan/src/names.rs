//! Names: whether they tell things apart, and lead to something.

use std::borrow::Cow;
use std::collections::HashMap;

use yumen_model::report::{Report, nearest};
use yumen_model::{ListenerProtocol, Model};

use crate::compile::Written;

/// Whether listeners, services and routes can be told apart.
pub(crate) fn check_names(model: &Model, written: &[Written<'_>], report: &mut Report) {
    let listeners = model.listeners.iter().enumerate();
    check_unique(
        "listener",
        listeners.map(|(index, one)| (one.name.as_str(), format!("listeners[{index}]").into())),
        report,
    );
    let services = model.services.iter().enumerate();
    check_unique(
        "service",
        services.map(|(index, one)| (one.name.as_str(), format!("services[{index}]").into())),
        report,
    );
    let routes = written.iter().map(|one| (one.route.name.as_str(), one.at.as_str().into()));
    let listeners = model.listeners.iter().enumerate();
    let streams = listeners.flat_map(|(listener, one)| {
        one.streams.iter().enumerate().map(move |(index, stream)| {
            let at = format!("listeners[{listener}].streams[{index}]");
            (stream.name.as_str(), at.into())
        })
    });
    check_unique("route", routes.chain(streams), report);
}

/// Whether names of one noun can be such, and each is used once.
pub(crate) fn check_unique<'a>(
    noun: &str,
    names: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
    report: &mut Report,
) {
    let mut seen: HashMap<&str, Cow<'a, str>> = HashMap::with_capacity(names.size_hint().0);
    for (name, at) in names {
        let good =
            !name.is_empty() && name.len() <= 128 && name.chars().all(|one| !one.is_control());
        if !good {
            report
                .error(
                    format!("{at}.name"),
                    format!(
                        "a {noun}'s name has 1 to 128 characters, none of them a control character"
                    ),
                )
                .hint("such as `orders`");
        } else if let Some(other) = seen.get(name) {
            report
                .error(
                    format!("{at}.name"),
                    format!("the {noun} `{name}` exists already, at {other}"),
                )
                .hint("every name is used once");
        } else {
            seen.insert(name, at);
        }
    }
}

/// Whether the listeners that routes name are there, and serve requests.
pub(crate) fn check_listener_names(model: &Model, written: &[Written<'_>], report: &mut Report) {
    for Written { route, at, .. } in written {
        for (index, name) in route.listeners.iter().enumerate() {
            let named = model.listeners.iter().find(|listener| listener.name == *name);
            if named.is_some_and(|listener| listener.protocol != ListenerProtocol::Http) {
                report
                    .error(
                        format!("{at}.listeners[{index}]"),
                        format!("the listener `{name}` passes connections on, without requests"),
                    )
                    .hint("its `streams` say where they go; routes are for `protocol: http`");
            }
            if !model.listeners.iter().any(|listener| listener.name == *name) {
                let hint =
                    nearest(name, model.listeners.iter().map(|listener| listener.name.as_str()))
                        .map_or_else(
                            || "add it under `listeners`".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        );
                report
                    .error(
                        format!("{at}.listeners[{index}]"),
                        format!("there is no listener `{name}`"),
                    )
                    .hint(hint);
            }
        }
    }
}

//! Listeners that pass connections on: their streams, compiled to the routes and the router that
//! requests have as well, so that they are balanced, counted and written down in the same way.

use std::collections::HashMap;
use std::sync::Arc;

use yumen_http::Version;
use yumen_model::report::{Report, nearest};
use yumen_model::{
    HostHeader, Http2, Http3, Listener, ListenerLimits, ListenerProtocol, ListenerTimeouts, Model,
    Stream,
};
use yumen_route::{Router, Rule};

use crate::action::{Action, Forward};
use crate::chain::Chain;
use crate::fallback::Services;
use crate::route::{Rewrite, RoutePlan};
use crate::{ListenerPlan, Offer, tls};

/// The streams of all listeners.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Stand behind the routes.
    pub(crate) routes: Vec<RoutePlan>,
    /// The listeners that have some.
    pub(crate) listeners: Vec<ListenerPlan>,
}

impl Streams {
    /// Compiles them; `first` is the number of the first one's route.
    pub(crate) fn compile(services: &Services<'_>, first: usize, report: &mut Report) -> Self {
        let mut all = Self::default();
        for (index, listener) in services.model.listeners.iter().enumerate() {
            let at = format!("listeners[{index}]");
            if listener.protocol == ListenerProtocol::Http {
                if !listener.streams.is_empty() {
                    report
                        .error(format!("{at}.streams"), "requests are served here, not connections")
                        .hint("write `protocol: tcp` or `protocol: tls`, or use routes");
                }
                continue;
            }
            check_listener(listener, &at, report);
            let mut offers = Vec::with_capacity(listener.streams.len());
            for (index, stream) in listener.streams.iter().enumerate() {
                let at = format!("{at}.streams[{index}]");
                if let Some(route) = compile_stream(stream, services, at, report) {
                    offers.push(Offer { route: first + all.routes.len(), chain: Chain::default() });
                    all.routes.push(route);
                }
            }
            let tls = listener.tls.as_ref();
            let tls = tls.and_then(|tls| tls::compile(listener, tls, &format!("{at}.tls"), report));
            if let Some(router) = compile_router(listener, &at, report) {
                let (listener, router) = (listener.clone(), Arc::new(router));
                let unrouted = Chain::default();
                all.listeners.push(ListenerPlan { listener, tls, router, offers, unrouted });
            }
        }
        if !all.listeners.is_empty() && !services.model.policies.is_empty() {
            report
                .warning("policies", "these are not for the connections of `streams`")
                .hint("bound who may reach such a listener by its address or the network");
        }
        all
    }
}

impl ListenerPlan {
    /// Whether what came like this may be offered here: not for a moment, while a listener changes,
    /// is a connection taken for a request.
    #[must_use]
    pub fn takes(&self, version: Version) -> bool {
        version.is_http() == (self.listener.protocol == ListenerProtocol::Http)
    }
}

/// Names what does not fit to a listener that passes connections on.
fn check_listener(listener: &Listener, at: &str, report: &mut Report) {
    if listener.streams.is_empty() {
        report
            .error(format!("{at}.streams"), "there is none, so every connection would be closed")
            .hint("add one, such as `streams: [{ name: db, service: db }]`");
    }
    let Listener { limits, timeouts, .. } = listener;
    let limits_only = ListenerLimits {
        connections: limits.connections,
        connections_per_client: limits.connections_per_client,
        ..ListenerLimits::default()
    };
    let timeouts_only = ListenerTimeouts {
        handshake: timeouts.handshake,
        tunnel_idle: timeouts.tunnel_idle,
        tunnel_lifetime: timeouts.tunnel_lifetime,
        ..ListenerTimeouts::default()
    };
    for (key, is_given, hint) in [
        ("trusted_proxies", !listener.trusted_proxies.is_empty(), "use `proxy_protocol`"),
        ("forwarded", listener.forwarded, "take it out"),
        ("http2", listener.http2 != Http2::default(), "take it out"),
        ("http3", listener.http3 != Http3::default(), "take it out"),
        ("https_redirect", listener.https_redirect.is_some(), "take it out"),
        ("tls.hsts", listener.tls.as_ref().is_some_and(|tls| tls.hsts.is_some()), "take it out"),
        ("policies", !listener.policies.is_empty(), "take them out"),
        (
            "limits",
            *limits != limits_only,
            "of these, `connections` and `connections_per_client` mean something here",
        ),
        (
            "timeouts",
            *timeouts != timeouts_only,
            "of these, `handshake`, `tunnel_idle` and `tunnel_lifetime` mean something here",
        ),
    ] {
        if is_given {
            report
                .error(format!("{at}.{key}"), "connections pass as they are, without requests")
                .hint(hint);
        }
    }
    if listener.protocol == ListenerProtocol::Tls && listener.tls.is_some() {
        report.error(format!("{at}.tls"), "with `protocol: tls`, TLS does not end here").hint(
            "write `protocol: tcp` to end it here and pass on what is inside, or leave it out",
        );
    }
    check_server_names(listener, at, report);
}

/// Whether each connection can be meant for one stream only.
fn check_server_names(listener: &Listener, at: &str, report: &mut Report) {
    let has_names = listener.protocol == ListenerProtocol::Tls || listener.tls.is_some();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (index, stream) in listener.streams.iter().enumerate() {
        let at = format!("{at}.streams[{index}].server_names");
        if !has_names && !stream.server_names.is_empty() {
            report
                .error(at.as_str(), "a client asks for a name only where TLS is spoken")
                .hint("write `protocol: tls`, or leave them out");
        }
        if stream.server_names.is_empty()
            && let Some(other) = seen.insert(String::new(), &stream.name)
        {
            report
                .error(
                    at.as_str(),
                    format!("the stream `{other}` takes all other connections already"),
                )
                .hint("only one stream of a listener can be without names");
        }
        for (place, name) in stream.server_names.iter().enumerate() {
            if let Some(other) = seen.insert(name.to_ascii_lowercase(), &stream.name) {
                report
                    .error(format!("{at}[{place}]"), format!("the stream `{other}` has it already"))
                    .hint("each name stands once");
            }
        }
    }
}

fn compile_stream(
    stream: &Stream,
    services: &Services<'_>,
    at: String,
    report: &mut Report,
) -> Option<RoutePlan> {
    let place = find(services.model, &stream.service, &format!("{at}.service"), report)?;
    let destination = services.destinations.get(place)?.as_ref()?;
    if !destination.is_raw {
        report
            .error(
                format!("{at}.service"),
                format!("the service `{}` takes requests, not connections", stream.service),
            )
            .hint("begin its URLs with `tcp://`");
    }
    Some(RoutePlan {
        name: stream.name.as_str().into(),
        pattern: Box::default(),
        service: stream.service.as_str().into(),
        at,
        rewrite: Rewrite::Keep,
        own: Box::default(),
        body_max: None,
        action: Action::Forward(Arc::new(Forward {
            host: HostHeader::Target,
            ..Forward::of(destination, None)
        })),
    })
}

/// The position of a service that is named.
fn find(model: &Model, name: &str, at: &str, report: &mut Report) -> Option<usize> {
    let names = model.services.iter().map(|service| service.name.as_str());
    let place = names.clone().position(|service| service == name);
    if place.is_none() {
        let hint = nearest(name, names).map_or_else(
            || "add it under `services`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        report.error(at, format!("there is no service `{name}`")).hint(hint);
    }
    place
}

/// A name that a client asks for is a host to the router.
fn compile_router(listener: &Listener, at: &str, report: &mut Report) -> Option<Router> {
    let rule = |stream: &Stream| Rule {
        name: stream.name.clone(),
        hosts: stream.server_names.clone(),
        ..Rule::default()
    };
    match Router::compile(listener.streams.iter().map(rule).collect()) {
        Ok(router) => Some(router),
        Err(problems) => {
            for problem in problems {
                let key = problem.key.replace("match.hosts", "server_names");
                let path = format!("{at}.streams[{}].{key}", problem.rule);
                report.error(path, problem.message).hint(problem.hint);
            }
            None
        }
    }
}

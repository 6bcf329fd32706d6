//! The compilation itself: listeners, services, routes, and how they refer to each other.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use yumen_http::canonical_path;
use yumen_model::report::{Report, nearest};
use yumen_model::{ListenerProtocol, Model, Route, Service, ValueMatch, socket_address};
use yumen_policy::{Kind, Policy, Scope};
use yumen_route::{Condition, Router, Rule, parameter_names};
use yumen_upstream::{Destination, Timeouts, check_host};

use crate::action::{Action, Fixed, Forward, Redirection, compile_template};
use crate::chain::{self, Chain, Link};
use crate::fallback::{Fallback, Services};
use crate::names::{check_listener_names, check_names};
use crate::route::{self, Rewrite, RoutePlan};
use crate::stream::Streams;
use crate::{ListenerPlan, Offer, Plan, by_name, limited};
use crate::{
    acme, alerts, consumers, http2, http3, log, remember, resolver, signing_keys, tracing,
};

/// A route as it was written, and where.
pub(crate) struct Written<'a> {
    pub(crate) route: &'a Route,
    pub(crate) at: String,
    /// The position of the service that it is written inside.
    inside: Option<usize>,
    /// The position of the service that it leads to.
    service: Option<usize>,
}

/// What is compiled of the places that policies are attached to.
struct Attached {
    global: Vec<Link>,
    services: Vec<Vec<Link>>,
    routes: Vec<Vec<Link>>,
}

impl Plan {
    /// Compiles a model. There is a plan if the report has no errors; it may have warnings.
    /// Nothing is opened and nobody is asked: the same model gives the same plan everywhere.
    #[must_use]
    pub fn compile(
        model: &Model,
        kinds: &[Kind],
        scope: &Scope,
        revision: u64,
    ) -> (Option<Self>, Report) {
        let mut report = Report::default();
        let signers = Arc::new(signing_keys::compile(model, &mut report));
        let kinds = (kinds, &Scope { signers, ..scope.clone() });
        let written = gather(model);
        check_names(model, &written, &mut report);
        let destinations =
            compile_services(&model.services, revision, model.zone.as_deref(), &mut report);
        let services = Services::compile(model, destinations, &mut report);
        let attached = Attached {
            global: chain::compile(&model.policies, "", kinds, &mut report),
            services: compile_attached(
                model.services.iter().enumerate().map(|(index, service)| {
                    (format!("services[{index}]").into(), &service.policies)
                }),
                kinds,
                &mut report,
            ),
            routes: compile_attached(
                written.iter().map(|written| (written.at.as_str().into(), &written.route.policies)),
                kinds,
                &mut report,
            ),
        };
        let routes: Vec<Option<RoutePlan>> =
            written.iter().map(|written| compile_route(written, &services, &mut report)).collect();
        let mut listeners = compile_listeners(model, &written, &attached, kinds, &mut report);
        let consumers = consumers::compile(model, &mut report);
        let acme = acme::compile(model, &mut report);
        let tracing = tracing::compile(model, &mut report);
        let alerts = alerts::compile(model, &mut report);
        let logs = log::compile(model, &secrets(&listeners), &mut report);
        let servers = resolver::compile(&model.resolver, &mut report);
        let remember = remember::compile(model, &mut report);
        warn(&listeners, &written, &mut report);
        let streams = Streams::compile(&services, written.len(), &mut report);
        let mut routes: Vec<RoutePlan> = routes.into_iter().flatten().collect();
        if report.has_errors() || routes.len() != written.len() {
            return (None, report);
        }
        routes.extend(streams.routes);
        listeners.extend(streams.listeners);
        let destinations: Vec<_> = services.destinations.into_iter().flatten().collect();
        let plan = Self {
            revision,
            cookies: cookies(&listeners),
            listeners,
            routes,
            limited: limited(&destinations),
            destinations: by_name(destinations),
            servers,
            consumers,
            acme,
            logs,
            tracing,
            alerts,
            metrics: model.metrics.clone(),
            remember,
            status: model.status.clone(),
            drain: model.drain,
            drain_delay: model.drain_delay,
        };
        (Some(plan), report)
    }
}

/// What policies say is secret of requests.
fn secrets(listeners: &[ListenerPlan]) -> BTreeSet<String> {
    policies(listeners).flat_map(Policy::secrets).cloned().collect()
}

/// Cookies that are the gateway's own, by what policies say.
fn cookies(listeners: &[ListenerPlan]) -> Vec<String> {
    let all: BTreeSet<String> = policies(listeners).flat_map(Policy::cookies).cloned().collect();
    all.into_iter().collect()
}

fn policies(listeners: &[ListenerPlan]) -> impl Iterator<Item = &dyn Policy> {
    let chains = listeners.iter().flat_map(|one| one.offers.iter().map(|offer| &offer.chain));
    chains.flat_map(|chain| chain.links.iter()).map(|link| link.policy.as_ref())
}

/// All routes: those inside services first, in written order, then the others.
fn gather(model: &Model) -> Vec<Written<'_>> {
    let mut named: HashMap<&str, usize> = HashMap::with_capacity(model.services.len());
    for (index, service) in model.services.iter().enumerate() {
        named.entry(&service.name).or_insert(index);
    }
    let named = |route: &Route| route.service.as_deref().and_then(|name| named.get(name)).copied();
    let inside = model.services.iter().enumerate().flat_map(|(service, one)| {
        one.routes.iter().enumerate().map(move |(index, route)| Written {
            route,
            at: format!("services[{service}].routes[{index}]"),
            inside: Some(service),
            service: named(route).or(Some(service)),
        })
    });
    let outside = model.routes.iter().enumerate().map(|(index, route)| Written {
        route,
        at: format!("routes[{index}]"),
        inside: None,
        service: named(route),
    });
    inside.chain(outside).collect()
}

fn compile_services(
    services: &[Service],
    revision: u64,
    zone: Option<&str>,
    report: &mut Report,
) -> Vec<Option<Arc<Destination>>> {
    if zone.is_some_and(str::is_empty) {
        report.error("zone", "it is empty").hint("name the zone, or leave it out");
    }
    let compile = |(index, service): (usize, &Service)| {
        let at = format!("services[{index}]");
        Destination::compile(service, revision, zone, &at, report).map(Arc::new)
    };
    services.iter().enumerate().map(compile).collect()
}

fn compile_attached<'a>(
    places: impl Iterator<Item = (Cow<'a, str>, &'a Vec<yumen_model::PolicyUse>)>,
    kinds: (&[Kind], &Scope),
    report: &mut Report,
) -> Vec<Vec<Link>> {
    places.map(|(at, uses)| chain::compile(uses, &at, kinds, report)).collect()
}

fn compile_route(
    written: &Written<'_>,
    services: &Services<'_>,
    report: &mut Report,
) -> Option<RoutePlan> {
    let model = services.model;
    let Written { route, at, service, .. } = written;
    let rewrite = compile_rewrite(route, at, report);
    check_service(written, model, report);
    let action = match (*service, &route.redirect, &route.answer) {
        (Some(service), None, None) => forward(route, services, service, at, report)?,
        (None, Some(redirect), None) => Action::Redirect(Redirection::compile(
            redirect,
            &parameter_names(&route.matches.paths),
            &format!("{at}.redirect"),
            report,
        )?),
        (None, None, Some(answer)) => {
            Action::Answer(Fixed::compile(answer, &format!("{at}.answer"), report)?)
        }
        (None, None, None) => {
            if route.service.is_none() {
                report
                    .error(at.as_str(), "the route leads nowhere")
                    .hint("give it one of `service`, `redirect` and `answer`");
            }
            return None;
        }
        _ => {
            report
                .error(at.as_str(), "the route leads to several places")
                .hint("keep one of `service`, `redirect` and `answer`; a route inside a service leads to it already");
            return None;
        }
    };
    let own = route::own(route);
    if !matches!(action, Action::Forward(_)) {
        for key in &own {
            report
                .error(format!("{at}.{key}"), "only routes to a service have this")
                .hint("take it out: nothing is sent to a service here");
        }
    }
    let service =
        service.and_then(|service| model.services.get(service)).map_or("", |service| &service.name);
    Some(RoutePlan {
        name: route.name.as_str().into(),
        pattern: route::pattern(route),
        service: service.into(),
        at: at.clone(),
        rewrite: rewrite?,
        body_max: route.limits.body.map(|body| body.0),
        own: own.into(),
        action,
    })
}

fn forward(
    route: &Route,
    services: &Services<'_>,
    service: usize,
    at: &str,
    report: &mut Report,
) -> Option<Action> {
    let destination = services.destinations.get(service)?.as_ref()?;
    if destination.is_raw && route.service.is_some() {
        report
            .error(
                format!("{at}.service"),
                format!("the service `{}` takes connections, not requests", destination.name),
            )
            .hint("use it in `streams` of a listener, or begin its URLs with `http://`");
    }
    if let Some(host) = &route.host {
        check_host(host, &format!("{at}.host"), report);
    }
    let has_wishes = route.host.is_some()
        || route.client_certificate.is_some()
        || route.timeouts.is_some()
        || route.retries.is_some()
        || route.fallback.is_some();
    if !has_wishes {
        return services.forwards.get(service)?.clone().map(Action::Forward);
    }
    let fallback = match &route.fallback {
        Some(own) => Fallback::compile(own, service, services, &format!("{at}.fallback"), report),
        None => services.fallbacks.get(service).cloned().flatten(),
    };
    let mut forward = Forward::of(destination, fallback);
    if let Some(own) = &route.timeouts {
        forward.timeouts = Timeouts::from(own);
    }
    if let Some(own) = &route.client_certificate {
        forward.told = own.as_slice().into();
    }
    if let Some(own) = &route.host {
        forward.host = own.clone();
    }
    if let Some(own) = &route.retries {
        forward.retries = destination.compile_retries(own, &format!("{at}.retries"), report);
    }
    Some(Action::Forward(Arc::new(forward)))
}

/// Whether the service that a route names is there, and is the one that it is written inside.
fn check_service(written: &Written<'_>, model: &Model, report: &mut Report) {
    let Written { route, at, inside, service } = written;
    let Some(name) = &route.service else { return };
    let found = service.and_then(|service| model.services.get(service));
    if found.is_none_or(|found| found.name != *name) {
        let names = model.services.iter().map(|service| service.name.as_str());
        let hint = nearest(name, names).map_or_else(
            || "add it under `services`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        report.error(format!("{at}.service"), format!("there is no service `{name}`")).hint(hint);
    } else if inside.is_some() && inside != service {
        report
            .error(
                format!("{at}.service"),
                format!("the route is inside another service than `{name}`"),
            )
            .hint("leave `service` out, or move the route");
    }
}

fn compile_rewrite(route: &Route, at: &str, report: &mut Report) -> Option<Rewrite> {
    match (&route.strip_prefix, &route.rewrite) {
        (None, None) => Some(Rewrite::Keep),
        (Some(prefix), None) => {
            let at = format!("{at}.strip_prefix");
            let trimmed = prefix.trim_end_matches('/');
            match canonical_path(prefix.as_bytes()) {
                Ok(None) if !trimmed.is_empty() => Some(Rewrite::Strip(trimmed.to_owned())),
                Ok(Some(canonical)) => {
                    report
                        .error(at, format!("`{prefix}` is not canonical"))
                        .hint(format!("write `{canonical}`"));
                    None
                }
                Ok(None) => {
                    report.error(at, "there is nothing to strip").hint("leave it out");
                    None
                }
                Err(malformed) => {
                    report
                        .error(at, format!("`{prefix}`: {malformed}"))
                        .hint("whole segments, such as `/api`");
                    None
                }
            }
        }
        (None, Some(template)) => {
            let at = format!("{at}.rewrite");
            if !template.starts_with('/') {
                report
                    .error(at, format!("`{template}` does not start with a slash"))
                    .hint(format!("write `/{template}`"));
                return None;
            }
            let names = parameter_names(&route.matches.paths);
            compile_template(template, &names, &at, report).map(Rewrite::Make)
        }
        (Some(_), Some(_)) => {
            report
                .error(format!("{at}.rewrite"), "both `strip_prefix` and `rewrite` are given")
                .hint("keep one of them");
            None
        }
    }
}

fn compile_listeners(
    model: &Model,
    written: &[Written<'_>],
    attached: &Attached,
    kinds: (&[Kind], &Scope),
    report: &mut Report,
) -> Vec<ListenerPlan> {
    check_listener_names(model, written, report);
    check_addresses(model, report);
    // Most listeners offer the same routes: their router is made once.
    let mut routers: Vec<(Vec<usize>, Arc<Router>)> = Vec::new();
    let mut listeners = Vec::with_capacity(model.listeners.len());
    let listening = model.listeners.iter().enumerate();
    for (index, listener) in listening.filter(|(_, one)| one.protocol == ListenerProtocol::Http) {
        let own = chain::compile(&listener.policies, &format!("listeners[{index}]"), kinds, report);
        let offered =
            |route: &Route| route.listeners.is_empty() || route.listeners.contains(&listener.name);
        let numbers: Vec<usize> = (0..)
            .zip(written)
            .filter(|(_, written)| offered(written.route))
            .map(|(number, _)| number)
            .collect();
        let known = routers
            .iter()
            .find(|(others, _)| *others == numbers)
            .map(|(_, router)| Arc::clone(router));
        let at = format!("listeners[{index}].tls");
        let tls = listener.tls.as_ref().map(|tls| crate::tls::compile(listener, tls, &at, report));
        let Some(router) = known.or_else(|| compile_router(&numbers, written, report)) else {
            continue;
        };
        routers.push((numbers.clone(), Arc::clone(&router)));
        let offer = |&route: &usize| {
            let chain = join(route, &own, written, attached);
            if let Some(written) = written.get(route) {
                chain.check(&written.route.name, report);
            }
            Offer { route, chain }
        };
        let offers = numbers.iter().map(offer).collect();
        listeners.push(ListenerPlan {
            listener: listener.clone(),
            tls: tls.flatten(),
            router,
            offers,
            unrouted: Chain::join([&attached.global, &own, &[], &[]]),
        });
    }
    if model.listeners.is_empty() {
        report
            .error("listeners", "there is no listener, so no request can arrive")
            .hint("add one, such as `- { name: web, address: 127.0.0.1:8080 }`");
        // The routes are checked all the same.
        let numbers: Vec<usize> = (0..written.len()).collect();
        let _router = compile_router(&numbers, written, report);
    }
    listeners
}

fn join(route: usize, listener: &[Link], written: &[Written<'_>], attached: &Attached) -> Chain {
    let service = written.get(route).and_then(|written| written.service);
    let service =
        service.and_then(|service| attached.services.get(service)).map_or(&[][..], Vec::as_slice);
    let own = attached.routes.get(route).map_or(&[][..], Vec::as_slice);
    Chain::join([&attached.global, listener, service, own])
}

/// Whether each address can be one, and is listened on once.
fn check_addresses(model: &Model, report: &mut Report) {
    let mut seen: Vec<(SocketAddr, &str)> = Vec::new();
    for (index, listener) in model.listeners.iter().enumerate() {
        let at = format!("listeners[{index}]");
        match socket_address(&listener.address) {
            Err(problem) => drop(report.error(format!("{at}.address"), problem)),
            Ok(address) => {
                let taken = seen.iter().find(|(other, _)| *other == address && address.port() != 0);
                if let Some((_, name)) = taken {
                    report
                        .error(
                            format!("{at}.address"),
                            format!("the listener `{name}` has this address already"),
                        )
                        .hint("choose another port");
                }
                seen.push((address, &listener.name));
            }
        }
        crate::tls::check(listener, &at, report);
        http2::check(&listener.http2, &format!("{at}.http2"), report);
        http3::check(listener, &format!("{at}.http3"), report);
        if listener.proxy_protocol.as_ref().is_some_and(|proxy| proxy.from.is_empty()) {
            report
                .error(
                    format!("{at}.proxy_protocol.from"),
                    "nobody may connect: there is no network",
                )
                .hint("list the load balancers, such as `from: [10.0.0.0/8]`");
        }
    }
    if model.status.address != "off"
        && let Err(problem) = socket_address(&model.status.address)
    {
        report.error("status.address", problem).hint("or `off`");
    }
}

fn compile_router(
    numbers: &[usize],
    written: &[Written<'_>],
    report: &mut Report,
) -> Option<Arc<Router>> {
    let rules = numbers
        .iter()
        .filter_map(|&number| written.get(number))
        .map(|written| rule(written.route))
        .collect();
    match Router::compile(rules) {
        Ok(router) => Some(Arc::new(router)),
        Err(problems) => {
            for problem in problems {
                let at = numbers
                    .get(problem.rule)
                    .and_then(|&number| written.get(number))
                    .map_or("", |one| &one.at);
                let path = format!("{at}.{}", problem.key);
                // A route that several listeners offer is wrong once.
                if !report
                    .problems()
                    .iter()
                    .any(|known| known.path == path && known.message == problem.message)
                {
                    report.error(path, problem.message).hint(problem.hint);
                }
            }
            None
        }
    }
}

fn rule(route: &Route) -> Rule {
    let matches = &route.matches;
    let conditions = |map: &std::collections::BTreeMap<String, ValueMatch>| {
        map.iter().map(|(name, value)| (name.clone(), condition(value))).collect()
    };
    Rule {
        name: route.name.clone(),
        priority: route.priority,
        hosts: matches.hosts.clone(),
        paths: matches.paths.clone(),
        methods: matches.methods.clone(),
        headers: conditions(&matches.headers),
        query: conditions(&matches.query),
        source: matches.source.clone(),
    }
}

fn condition(value: &ValueMatch) -> Condition {
    match value {
        ValueMatch::Exact(text) => Condition::Exact(text.clone()),
        ValueMatch::Regex(text) => Condition::Regex(text.clone()),
        ValueMatch::Present(present) => Condition::Present(*present),
    }
}

/// What can be used, but hardly means what was intended.
fn warn(listeners: &[ListenerPlan], written: &[Written<'_>], report: &mut Report) {
    if written.is_empty() && !listeners.is_empty() && !report.has_errors() {
        report
            .warning("routes", "there is no route, so every request is answered with 404")
            .hint("add one");
    }
    for (index, listener) in listeners.iter().enumerate() {
        let own = listener.listener.tls.iter().flat_map(|tls| &tls.hosts).enumerate();
        let own = own
            .map(|(host, one)| (format!("listeners[{index}].tls.hosts[{host}].names"), &one.names));
        let routes = listener.offers.iter().filter_map(|offer| written.get(offer.route));
        let routes =
            routes.map(|one| (format!("{}.match.hosts", one.at), &one.route.matches.hosts));
        crate::tls::warn(listener, own.chain(routes), report);
        chain::warn(listener, written, report);
    }
    let Some((first, others)) = listeners.split_first() else { return };
    // A route that can never win on one listener may win on another that offers fewer.
    if others.iter().any(|other| !Arc::ptr_eq(&other.router, &first.router)) {
        return;
    }
    let route = |rule: usize| first.offers.get(rule).and_then(|offer| written.get(offer.route));
    for shadow in first.router.shadows() {
        let (Some(hidden), Some(winner)) = (route(shadow.rule), route(shadow.by)) else {
            continue;
        };
        report
            .warning(
                hidden.at.as_str(),
                format!(
                    "the route `{}` can never win: `{}` takes all its requests",
                    hidden.route.name, winner.route.name
                ),
            )
            .hint("make its match narrower, give it a higher `priority`, or take it out");
    }
}

//! What a plan says of a service, ready for use: its targets, its limits, its patience.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_http::Authority;
use yumen_model::report::Report;
use yumen_model::{
    Balance, HashOn, Health, HostHeader, Protocol, Service, ServiceTimeouts, Span, Target,
};

use yumen_policy::Told;
use yumen_tls::Dates;

use crate::health::{self, PRIORITY_MAX, Rules};
use crate::http2;

use crate::breaker::Terms;
use crate::bulkhead::Room;
use crate::raw;
use crate::resolve::{Names, Watched};
use crate::retry::Retries;
use crate::seal::{Proof, Seal};

/// How the URL of a target begins with which TLS is spoken.
pub(crate) const SECURE: &str = "https://";
/// Schemes with which others name HTTP/2.
const PRIOR_KNOWLEDGE: [&str; 4] = ["h2c://", "h2://", "grpc://", "grpcs://"];

/// And where the DNS knows hosts and ports.
const SERVICE: &str = "srv://";

/// A service, compiled. It never changes; a reload makes another one of the same name.
#[derive(Debug)]
pub struct Destination {
    /// The service's name.
    pub name: Arc<str>,
    /// The revision of the plan that it belongs to.
    pub(crate) revision: u64,
    /// Whether it gets connections as they are, not requests.
    pub is_raw: bool,
    /// Put in front of every path; empty or without a slash at its end.
    pub base_path: String,
    /// The `Host` field for the service.
    pub host: HostHeader,
    /// What it is told of the client's certificate.
    pub told: Told,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// When a request to it is sent once more.
    pub retries: Arc<Retries>,
    /// When it is not asked for a while.
    pub(crate) breaker: Option<Terms>,
    /// How many requests it gets at once, if that is limited.
    pub(crate) room: Option<Room>,
    pub(crate) balance: Balance,
    pub(crate) targets: Vec<Spot>,
    /// How the health of its endpoints is judged.
    pub(crate) rules: Arc<Rules>,
    pub(crate) idle_max: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) connections_max: u32,
    pub(crate) requests_max: u32,
    pub(crate) head_max: usize,
    pub(crate) fields_max: usize,
    /// Which version of HTTP is spoken.
    pub(crate) protocol: Protocol,
    /// How connections of HTTP/2 are shared.
    pub(crate) http2: http2::Terms,
}

/// One target.
#[derive(Debug, PartialEq)]
pub(crate) struct Spot {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) weight: u32,
    /// Those of a higher number come later.
    pub(crate) priority: u8,
    /// As the `Host` field names it.
    pub(crate) authority: Arc<str>,
    /// What it must prove, if TLS is spoken with it.
    pub(crate) seal: Option<Seal>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Host {
    Address(IpAddr),
    Name(String),
    /// A service of the DNS, which knows hosts and ports.
    Service(String),
}

/// How long a service may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeouts {
    pub(crate) connect: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) per_try: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) total: Option<Duration>,
}

impl From<&ServiceTimeouts> for Timeouts {
    fn from(timeouts: &ServiceTimeouts) -> Self {
        Self {
            connect: timeouts.connect.get(),
            first_byte: timeouts.first_byte.get(),
            per_try: timeouts.per_try.get(),
            idle: timeouts.idle.get(),
            total: timeouts.total.get(),
        }
    }
}

impl Timeouts {
    /// The same, when the client has a bound of its own for the whole.
    #[must_use]
    pub fn bounded(mut self, most: Option<Duration>) -> Self {
        if let Some(most) = most {
            self.total = Some(self.total.map_or(most, |total| total.min(most)));
        }
        self
    }

    /// What is left of a patience when the whole exchange has its own, and began at `began`.
    pub(crate) fn within_total(
        &self,
        patience: Option<Duration>,
        began: Instant,
    ) -> Option<Duration> {
        let Some(total) = self.total else { return patience };
        let left = total.saturating_sub(began.elapsed());
        Some(patience.map_or(left, |patience| patience.min(left)))
    }
}

impl Destination {
    /// Whether it has a breaker or limits, so that there is something to show of how it stands.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.breaker.is_some() || self.room.is_some()
    }

    /// When the certificate that it is shown begins and ends to be good, if it is shown one.
    #[must_use]
    pub fn dates(&self) -> Option<&Dates> {
        self.targets.iter().find_map(|spot| spot.seal.as_ref()?.client.dates())
    }

    /// Compiles a service for the plan of this revision, as a gateway in this zone sees it; problems
    /// go into the report with paths below `at`.
    pub fn compile(
        service: &Service,
        revision: u64,
        zone: Option<&str>,
        at: &str,
        report: &mut Report,
    ) -> Option<Self> {
        let proof = Proof::compile(service, at, report);
        let is_raw = raw::check(service, at, report);
        let (balance, targets, base_path) = match (&service.url, &service.upstream) {
            (Some(url), None) => {
                let (spot, path) = read_url(url, 1, &proof, (&format!("{at}.url"), report))?;
                (Balance::RoundRobin, vec![spot], path)
            }
            (None, Some(upstream)) => {
                let at = format!("{at}.upstream");
                check_balance(&upstream.balance, &at, report);
                (
                    upstream.balance.clone(),
                    compile_targets(&upstream.targets, (&proof, zone), &at, report)?,
                    String::new(),
                )
            }
            (Some(_), Some(_)) => {
                report.error(at, "both `url` and `upstream` are given").hint("keep one of them");
                return None;
            }
            (None, None) => {
                report
                    .error(at, "neither `url` nor `upstream` is given")
                    .hint("say where the service is, such as `url: http://127.0.0.1:9000`");
                return None;
            }
        };
        let may_share = may_share(service.protocol, &targets);
        let rules = match &service.upstream {
            Some(upstream) => {
                let are_secure = upstream.targets.iter().any(|one| one.url.starts_with(SECURE));
                let probed = health::Targets { are_secure, are_raw: is_raw };
                health::check(&upstream.health, probed, &format!("{at}.upstream.health"), report);
                Rules::compile(&upstream.health, upstream.slow_start, service.protocol)
            }
            None => Rules::compile(&Health::default(), Span::OFF, service.protocol),
        };
        check_host(&service.host, &format!("{at}.host"), report);
        let pool = &service.pool;
        Some(Self {
            name: service.name.as_str().into(),
            revision,
            is_raw,
            base_path,
            host: service.host.clone(),
            told: service.client_certificate.as_slice().into(),
            timeouts: Timeouts::from(&service.timeouts),
            breaker: service
                .breaker
                .as_ref()
                .map(|breaker| Terms::compile(breaker, &format!("{at}.breaker"), report)),
            room: Room::compile(&service.limits, &format!("{at}.limits"), report),
            retries: retries(&service.retries, may_share, &format!("{at}.retries"), report),
            balance,
            targets,
            rules: Arc::new(rules),
            idle_max: pool.idle as usize,
            idle_timeout: pool.idle_timeout.get(),
            connections_max: pool.connections,
            requests_max: pool.requests_per_connection,
            head_max: usize::try_from(pool.head.0).unwrap_or(usize::MAX),
            fields_max: pool.fields as usize,
            protocol: service.protocol,
            http2: http2::Terms::compile(&service.http2, &format!("{at}.http2"), report),
        })
    }

    /// Has the names among its targets' hosts looked up for as long as what comes back is held.
    pub fn watch(&self, names: &Names) -> Vec<Arc<Watched>> {
        let watch = |target: &Spot| match &target.host {
            Host::Address(_) => None,
            Host::Name(name) => Some(names.watch(name)),
            Host::Service(name) => Some(names.watch_service(name)),
        };
        self.targets.iter().filter_map(watch).collect()
    }

    /// Whether HTTP/2 may be spoken with it.
    pub(crate) fn may_speak_http2(&self) -> bool {
        may_share(self.protocol, &self.targets)
    }

    /// Compiles what a route says of retries of its requests to this service; problems go into the
    /// report with paths below `at`.
    pub fn compile_retries(
        &self,
        own: &yumen_model::Retries,
        at: &str,
        report: &mut Report,
    ) -> Arc<Retries> {
        retries(own, self.may_speak_http2(), at, report)
    }

    /// Whether its endpoints are watched when there are so many.
    pub(crate) fn is_watched(&self, endpoints: usize) -> bool {
        endpoints > 1 || self.rules.are_active()
    }

    /// The key that a request is spread by, for a consistent hash.
    pub(crate) fn hash_on(&self) -> Option<&HashOn> {
        match &self.balance {
            Balance::Hash { on, .. } => Some(on),
            Balance::RoundRobin | Balance::RandomOfTwo | Balance::LeastRequests => None,
        }
    }
}

/// Whether requests to these targets may share connections: over HTTP/2 they do.
fn may_share(protocol: Protocol, targets: &[Spot]) -> bool {
    match protocol {
        Protocol::Http1 => false,
        Protocol::Http2 => true,
        Protocol::Auto => targets.iter().any(|target| target.seal.is_some()),
    }
}

fn retries(
    retries: &yumen_model::Retries,
    may_share: bool,
    at: &str,
    report: &mut Report,
) -> Arc<Retries> {
    if may_share && retries.hedge.get().is_some() {
        report
            .error(format!("{at}.hedge"), "requests over HTTP/2 are not hedged")
            .hint("write `protocol: http1` in the service, or leave `hedge` out");
    }
    if !may_share && !retries.grpc.is_empty() {
        report
            .error(format!("{at}.grpc"), "calls of gRPC need HTTP/2, which is not spoken here")
            .hint("write `protocol: http2` in the service, or leave `grpc` out");
    }
    Arc::new(Retries::compile(retries, at, report))
}

/// Checks a `Host` field that a config sets.
pub fn check_host(host: &HostHeader, at: &str, report: &mut Report) {
    if let HostHeader::Set(text) = host
        && let Err(malformed) = Authority::read(text.as_bytes())
    {
        report
            .error(format!("{at}.set"), format!("`{text}` is no host: {malformed}"))
            .hint("write a host name, with a port if need be: `internal.example.com:8080`");
    }
}

fn check_balance(balance: &Balance, at: &str, report: &mut Report) {
    if let Balance::Hash { on, load_bound } = balance {
        if !load_bound.is_finite() || *load_bound < 1.0 {
            report
                .error(format!("{at}.balance.hash.load_bound"), format!("{load_bound} is below 1"))
                .hint("1.25 lets a target have a quarter more requests than the average");
        }
        if let HashOn::Header(name) | HashOn::Cookie(name) = on
            && !yumen_http::is_token(name.as_bytes())
        {
            report.error(
                format!("{at}.balance.hash.on"),
                format!("`{name}` is no name of a field or cookie"),
            );
        }
    }
}

fn compile_targets(
    targets: &[Target],
    (proof, zone): (&Proof, Option<&str>),
    at: &str,
    report: &mut Report,
) -> Option<Vec<Spot>> {
    let mut spots: Vec<Spot> = Vec::with_capacity(targets.len());
    let before = report.problems().len();
    for (index, target) in targets.iter().enumerate() {
        let at = format!("{at}.targets[{index}].url");
        let Some((mut spot, path)) = read_url(&target.url, target.weight, proof, (&at, report))
        else {
            continue;
        };
        spot.priority = target.priority;
        if target.priority > PRIORITY_MAX {
            report
                .error(at.replace(".url", ".priority"), format!("{} is too high", target.priority))
                .hint(format!("write 0 to {PRIORITY_MAX}; targets of 0 come first"));
        }
        if !path.is_empty() {
            report.error(at, "a target has no path").hint(
                "set the path with `rewrite` in a route, or use `url` for a service in one place",
            );
        } else if spots.iter().any(|other| other.authority == spot.authority) {
            report.error(at, "the same target twice").hint("give it a higher `weight` instead");
        } else {
            spots.push(spot);
        }
    }
    if rank(targets, zone, &mut spots) > usize::from(PRIORITY_MAX) + 1 {
        report
            .error(format!("{at}.targets"), "priorities and zones make more than 8 steps")
            .hint("use fewer priorities: each one with targets in this zone and elsewhere is two");
    }
    if targets.iter().all(|target| target.weight == 0) {
        report
            .error(format!("{at}.targets"), "no target with a weight above 0")
            .hint("add a target, such as `- url: http://127.0.0.1:9000`");
    }
    (report.problems().len() == before).then_some(spots)
}

/// Turns priorities and zones into steps without gaps: of each priority, the targets in the zone of
/// the gateway come before the others. Says how many steps there are.
fn rank(targets: &[Target], zone: Option<&str>, spots: &mut [Spot]) -> usize {
    // Of a wrong target there is no spot, and it is said already.
    if zone.is_none() || targets.len() != spots.len() {
        return 0;
    }
    let step = |target: &Target| (target.priority, target.zone.as_deref() != zone);
    let steps: BTreeSet<(u8, bool)> = targets.iter().map(step).collect();
    for (target, spot) in targets.iter().zip(spots) {
        let place = steps.iter().position(|one| *one == step(target));
        spot.priority = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(PRIORITY_MAX);
    }
    steps.len()
}

/// Reads `http://host[:port][/path]`, or the same with `https`.
fn read_url(
    url: &str,
    weight: u32,
    proof: &Proof,
    (at, report): (&str, &mut Report),
) -> Option<(Spot, String)> {
    let sealed = |host: &Host| match host {
        _ if !url.starts_with(SECURE) => Ok(None),
        Host::Address(address) => proof.seal(&address.to_string()),
        Host::Name(name) => proof.seal(name),
        Host::Service(_) => Ok(None),
    };
    let parsed = parse_url(url).and_then(|(host, port, authority, path)| {
        let seal = sealed(&host)
            .map_err(|message| (message, "give the name in the service's `tls.server_name`"))?;
        Ok((Spot { host, port, weight, priority: 0, authority, seal }, path))
    });
    match parsed {
        Ok(read) => Some(read),
        Err((message, hint)) => {
            report.error(at, format!("`{url}`: {message}")).hint(hint);
            None
        }
    }
}

/// Reads what stands behind `srv://`.
fn parse_service(name: &str) -> Result<Parsed, (String, &'static str)> {
    const FORM: &str = "write it as `srv://_http._tcp.example.com`, without port and path";
    let is_label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    let labels = name.strip_suffix('.').unwrap_or(name);
    if !labels.split('.').all(is_label) || !labels.starts_with('_') {
        return Err((format!("`{name}` is no name of a service in the DNS"), FORM));
    }
    Ok((Host::Service(name.to_ascii_lowercase()), 0, name.into(), String::new()))
}

type Parsed = (Host, u16, Arc<str>, String);

fn parse_url(url: &str) -> Result<Parsed, (String, &'static str)> {
    const FORM: &str = "write it as `http://host:port` or `https://host:port/path`";
    let fail = |message: &str| (message.to_owned(), FORM);
    if let Some(name) = url.strip_prefix(SERVICE) {
        return parse_service(name);
    }
    let (rest, usual_port) = if let Some(rest) = url.strip_prefix("http://") {
        (rest, Some(80))
    } else if let Some(rest) = url.strip_prefix(SECURE) {
        (rest, Some(443))
    } else if let Some(rest) = url.strip_prefix(raw::SCHEME) {
        (rest, None)
    } else if PRIOR_KNOWLEDGE.iter().any(|scheme| url.starts_with(scheme)) {
        return Err((
            "HTTP/2 is not named by the scheme".to_owned(),
            "write `http://` or `https://`, and `protocol: http2` in the service",
        ));
    } else {
        return Err(fail("the scheme is none of `http://`, `https://` and `tcp://`"));
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at_checked(slash).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    let read =
        Authority::read(authority.as_bytes()).map_err(|malformed| (malformed.to_string(), FORM))?;
    let port = read.port().or(usual_port);
    let port = port.ok_or(("a port is missing".to_owned(), "write it as `tcp://host:port`"))?;
    if port == 0 {
        return Err(fail("port 0 is no port to connect to"));
    }
    let bare = read.host().trim_start_matches('[').trim_end_matches(']');
    let host = bare.parse().map_or_else(|_name| Host::Name(read.host().to_owned()), Host::Address);
    if url.starts_with(raw::SCHEME) && !path.is_empty() {
        return Err(("a connection has no path".to_owned(), "write it as `tcp://host:port`"));
    }
    if path.contains(['?', '#']) {
        return Err(fail("a service's URL has no query and no fragment"));
    }
    let canonical = match path {
        "" => String::new(),
        path => yumen_http::canonical_path(path.as_bytes())
            .map_err(|malformed| (malformed.to_string(), FORM))?
            .unwrap_or_else(|| path.to_owned()),
    };
    Ok((host, port, read.as_str().into(), canonical.trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_comes_first_within_its_priority() {
        let target = |index: usize, (priority, zone): (u8, &str)| Target {
            url: format!("http://10.0.0.{index}"),
            weight: 1,
            priority,
            zone: Some(zone.to_owned()).filter(|zone| !zone.is_empty()),
        };
        let priorities = |targets: &[(u8, &str)], zone: Option<&str>| {
            let targets: Vec<Target> =
                targets.iter().enumerate().map(|(index, one)| target(index, *one)).collect();
            let mut spots: Vec<Spot> = targets
                .iter()
                .map(|target| {
                    let (host, port, authority, _) = parse_url(&target.url).unwrap();
                    let Target { weight, priority, .. } = *target;
                    Spot { host, port, weight, priority, authority, seal: None }
                })
                .collect();
            let steps = rank(&targets, zone, &mut spots);
            (spots.iter().map(|spot| spot.priority).collect::<Vec<_>>(), steps)
        };
        for (targets, zone, expect) in [
            (&[(0, "a"), (0, "b"), (0, "")][..], Some("a"), vec![0, 1, 1]),
            (&[(0, "a"), (0, "b"), (0, "")], Some("b"), vec![1, 0, 1]),
            (&[(0, "a"), (0, "b"), (0, "")], None, vec![0, 0, 0]),
            (&[(0, "a"), (0, "b")], Some("c"), vec![0, 0]),
            (&[(0, "a"), (3, "a"), (0, "b"), (3, "b")], Some("b"), vec![1, 3, 0, 2]),
            (&[(2, "a"), (7, "b")], None, vec![2, 7]),
        ] {
            assert_eq!(priorities(targets, zone).0, expect, "{targets:?} {zone:?}");
        }
        let many: Vec<(u8, &str)> = (0..5).flat_map(|one| [(one, "a"), (one, "b")]).collect();
        assert_eq!(priorities(&many, Some("a")).1, 10);
    }

    #[test]
    fn probes_fit_to_what_the_targets_are() {
        use yumen_model::document::{Document, NoEnvironment, Source};
        for (url, active, problem) in [
            ("http://127.0.0.1:1", "probe: {http: {path: /}}", None),
            ("https://127.0.0.1:1", "probe: {http: {path: /}}", None),
            ("https://127.0.0.1:1", "probe: {grpc: {}}", None),
            ("https://127.0.0.1:1", "probe: {grpc: {}}, port: 81, clear_text: true", None),
            (
                "http://127.0.0.1:1",
                "probe: {grpc: {}}, port: 81, clear_text: true",
                Some("clear_text"),
            ),
            ("tcp://127.0.0.1:1", "probe: {http: {path: /}}", Some("probe")),
            ("tcp://127.0.0.1:1", "probe: {http: {path: /}}, port: 81", None),
        ] {
            let text = format!(
                "{{name: s, upstream: {{health: {{active: {{{active}}}}}, targets: [{{url: '{url}'}}]}}}}"
            );
            let mut report = Report::default();
            let source = Source { name: "s.yaml".to_owned(), text };
            let document = Document::read(&[source], &NoEnvironment, &mut report);
            let service: Service = yumen_model::read(document.root(), "", &mut report).unwrap();
            Destination::compile(&service, 1, None, "at", &mut report);
            let paths = report.problems().iter().map(|one| one.path.as_str());
            let found: Vec<&str> = paths.filter(|path| path.contains("health")).collect();
            let expect = problem.map(|key| format!("at.upstream.health.active.{key}"));
            assert_eq!(found, Vec::from_iter(expect.as_deref()), "{url} {active}");
        }
    }

    #[test]
    fn urls_are_read() {
        for (url, port, authority, path) in [
            ("http://a", 80, "a", ""),
            ("http://a:81/", 81, "a:81", ""),
            ("http://[::1]:81/x/../y/", 81, "[::1]:81", "/y"),
            ("https://a/", 443, "a", ""),
            ("https://a:80", 80, "a:80", ""),
            ("http://127.0.0.1/v1", 80, "127.0.0.1", "/v1"),
            ("srv://_http._tcp.a.example", 0, "_http._tcp.a.example", ""),
            ("tcp://db:5432", 5432, "db:5432", ""),
        ] {
            let (_, found_port, found_authority, found_path) = parse_url(url).unwrap();
            assert_eq!(
                (found_port, &*found_authority, found_path.as_str()),
                (port, authority, path)
            );
        }
        for url in [
            "a:80",
            "http://",
            "https://",
            "http://a:0",
            "http://u@a",
            "http://a?x",
            "http://a/%2f",
            "ftp://a",
            "srv://a.example",
            "srv://_http._tcp.a:80",
            "srv://_http._tcp.a/x",
            "srv://_http..a",
            "srv://",
            "tcp://a",
            "tcp://a:1/",
        ] {
            assert!(parse_url(url).is_err(), "{url}");
        }
    }
}

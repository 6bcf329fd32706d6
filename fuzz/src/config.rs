//! Configurations: from text to a plan, or to problems that somebody can act on. What is accepted
//! can be printed with its defaults and read again; its routes send canonical paths only.

use std::net::SocketAddr;

use yumen_http::{Forwarding, HeadIndex, HeadLimits, RequestHead, canonical_path};
use yumen_model::Model;
use yumen_model::document::{Document, Source};
use yumen_model::report::{PROBLEMS, Report};
use yumen_plan::{Action, Asked, Plan, RoutePlan};
use yumen_policy::{Client, Kind, Scope};

/// Parts one file from the next.
const FILE_MARK: &str = "#-- file\n";
const LIMITS: HeadLimits = HeadLimits { head: 1 << 16, target: 4096, field: 4096, fields: 64 };

/// Checks one text as YAML and as JSON; as several files where it has marks.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for end in ["yaml", "json"] {
        let files = text.split(FILE_MARK).enumerate();
        let source = |(number, text): (usize, &str)| Source {
            name: format!("{number}.{end}"),
            text: text.into(),
        };
        check_sources(&files.map(source).collect::<Vec<_>>());
    }
}

/// The policies of the binary.
fn kinds() -> Vec<Kind> {
    vec![
        Kind::of::<yumen_policy_bot_filter::Config>(),
        Kind::of::<yumen_policy_cors::Config>(),
        Kind::of::<yumen_policy_csrf::Config>(),
        Kind::of::<yumen_policy_forward_auth::Config>(),
        Kind::of::<yumen_policy_headers::Config>(),
        Kind::of::<yumen_policy_ip_restriction::Config>(),
        Kind::of::<yumen_policy_key_set::Config>(),
        Kind::of::<yumen_policy_opa::Config>(),
        Kind::of::<yumen_policy_openid_connect::Config>(),
        Kind::of::<yumen_policy_referrer_restriction::Config>(),
        Kind::of::<yumen_policy_scopes::Config>(),
        Kind::of::<yumen_policy_security_headers::Config>(),
        Kind::of::<yumen_policy_signed_identity::Config>(),
        Kind::of::<yumen_policy_request_validation::Config>(),
        Kind::of::<yumen_policy_threat_limits::Config>(),
    ]
}

fn environment(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("localhost".into()),
        "PORT" => Some("9001".into()),
        "UNSET" => None,
        _ => Some("1".into()),
    }
}

fn check_sources(sources: &[Source]) {
    let (model, mut report, document) = Model::read(sources, &environment);
    assert_eq!(model.is_some(), !report.has_errors());
    check_report(&report, &document, sources);
    let Some(model) = model else { return };
    check_effective(&model);
    let (plan, problems) = Plan::compile(&model, &kinds(), &Scope::default(), 1);
    assert_eq!(plan.is_some(), !problems.has_errors(), "{problems}");
    for problem in problems.problems() {
        assert!(!problem.path.is_empty(), "a problem without a path: {problem}");
    }
    report.append(problems);
    report.locate(&document);
    check_report(&report, &document, sources);
    if let Some(plan) = plan {
        check_plan(&plan);
    }
}

fn check_report(report: &Report, document: &Document, sources: &[Source]) {
    assert!(report.problems().len() <= PROBLEMS);
    for problem in report.problems() {
        assert!(!problem.message.is_empty());
        assert!(
            !problem.path.is_empty() || problem.at.is_some(),
            "neither path nor place: {problem}"
        );
        assert!(!problem.to_string().is_empty());
        let Some(place) = &problem.at else { continue };
        assert!(place.line > 0 && place.column > 0, "{place}");
        let file =
            sources.iter().find(|source| source.name == *place.file).expect("a file of ours");
        // YAML ends a line at a lone CR too; the end of a file is behind its last line.
        let lines = file.text.replace("\r\n", "\n").split(['\n', '\r']).count();
        assert!(place.line as usize <= lines + 1, "{place} of {lines} lines: {problem}");
    }
    assert_eq!(report.render(document).is_empty(), report.is_empty());
    assert_eq!(report.to_string().is_empty(), report.is_empty());
    serde_json::to_string(report).expect("a report is JSON");
}

/// `yumen check --effective` prints what can be read again and means the same.
fn check_effective(model: &Model) {
    // Through JSON, where a choice is a map and not a tag.
    let tree = serde_json::to_value(model).expect("a model is a tree");
    let printed = yaml_serde::to_string(&tree).expect("a model can be printed");
    if printed.contains("${") {
        // In a policy's config a reference stays one, so that no secret is printed.
        return;
    }
    let source = Source { name: "effective.yaml".into(), text: printed.clone() };
    let (again, report, _) = Model::read(&[source], &environment);
    let again = again.unwrap_or_else(|| panic!("{report}of\n{printed}"));
    let again = serde_json::to_value(again).expect("a model is a tree");
    assert_eq!(again, tree, "printed and read again:\n{printed}");
}

const REQUESTS: [&str; 6] = [
    "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    "POST /a/b/c?q=1 HTTP/1.1\r\nHost: a\r\nX-Version: 1\r\n\r\n",
    "GET /users/7/ HTTP/1.1\r\nHost: users.example.com:8080\r\n\r\n",
    "GET /old/%20%C3%A4 HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /v1/a;b=c//d HTTP/1.0\r\n\r\n",
];

fn check_plan(plan: &Plan) {
    let peer: SocketAddr = SocketAddr::from(([192, 0, 2, 7], 5));
    let forwarding = Forwarding::direct("192.0.2.7".into(), "http", false);
    let client = Client { peer, address: peer.ip(), forwarding, misdirected: false, secured: None };
    for request in REQUESTS {
        let mut index = HeadIndex::default();
        assert_eq!(index.find(request.as_bytes(), &LIMITS), Ok(Some(request.len())));
        let head = RequestHead::read(request.as_bytes(), index, &LIMITS).expect("a good request");
        for listener in &plan.listeners {
            let explanation = plan.explain(listener, &head, &client, 20);
            assert!(!explanation.to_string().is_empty());
        }
        for route in &plan.routes {
            check_route(plan, route, &head);
        }
    }
}

fn check_route(plan: &Plan, route: &RoutePlan, head: &RequestHead) {
    for listener in &plan.listeners {
        let asked = Asked::new(head, [192, 0, 2, 7].into());
        let Ok(Some(found)) = listener.find(&asked) else { continue };
        let offer = listener.offers.get(found.rule).expect("an offer for every rule");
        if plan.routes.get(offer.route).is_none_or(|one| one.name != route.name) {
            continue;
        }
        let parameters = listener.router.parameters(found, head.path_bytes());
        match &route.action {
            Action::Forward(forward) => {
                let Ok(path) = route.rewrite.apply(head, &parameters) else { continue };
                let path = path.unwrap_or_else(|| head.path().to_owned());
                if path == "*" {
                    continue;
                }
                for sent in [format!("{}{path}", forward.destination.base_path), path] {
                    let canonical = canonical_path(sent.as_bytes()).expect("a path to send");
                    assert_eq!(canonical.as_deref().unwrap_or(&sent), sent, "not canonical");
                }
            }
            Action::Redirect(redirect) => {
                let location = redirect.location(&parameters, head);
                assert!(location.iter().all(u8::is_ascii_graphic), "{}", location.escape_ascii());
            }
            Action::Answer(fixed) => {
                for (name, value) in &fixed.fields {
                    assert!(yumen_http::is_token(name.as_bytes()));
                    assert!(yumen_http::is_field_value(value.as_bytes()));
                }
            }
        }
    }
}

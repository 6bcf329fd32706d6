//! What `threat-limits` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use yumen_http::Body;
use yumen_policy::testing::{compile, now};
use yumen_policy::{FailureKind, Policy, Verdict};
use yumen_policy_threat_limits::Config;

use yumen_policy::testing::{ask, exchange_of, post, told, verdict};

/// What is told of a body; empty if it is let in, the code if nothing more is told.
fn of(policy: &Arc<dyn Policy>, media: &str, body: &str) -> String {
    match post(policy, media, body.as_bytes()) {
        Ok(()) => String::new(),
        Err(failure) if failure.violations().is_empty() => failure.kind().code().to_owned(),
        Err(failure) => format!("{}: {}", failure.kind().code(), told(&failure).join("; ")),
    }
}

#[test]
fn json_is_kept_within_its_bounds() {
    let policy = compile::<Config>(
        "json: { depth: 3, members: 2, items: 3, text: 4B, name: 3B, digits: 5, nodes: 9 }",
    )
    .unwrap();
    for (body, expect) in [
        ("{\"a\":[{\"b\":1}]}", ""),
        ("{\"a\":[{\"b\":[]}]}", "too_complex: body /a/0/b: it is nested too deep (byte 11)"),
        (
            "{\"a\":1,\"b\":2,\"c\":3}",
            "too_complex: body /c: an object has too many members (byte 16)",
        ),
        ("[1,2,3,4]", "too_complex: body /3: a list has too many items (byte 7)"),
        ("\"hello\"", "too_complex: body : a text is too long (byte 7)"),
        ("{\"name\":1}", "too_complex: body : a name is too long (byte 7)"),
        ("123456", "too_complex: body : a number has too many digits (byte 6)"),
        ("[[1,2,3],[1,2,3],1]", "too_complex: body /2: there are too many values (byte 17)"),
        (
            "{\"a\":1,\"\\u0061\":2}",
            "invalid_request: body /a: a name stands twice in an object (byte 15)",
        ),
        ("{\"a\":", "invalid_request: body /a: it ends too early (byte 5)"),
        ("", ""),
    ] {
        assert_eq!(of(&policy, "application/json", body), expect, "{body}");
        assert_eq!(of(&policy, "application/vnd.a+json; charset=utf-8", body), expect, "{body}");
    }
    // Numbers are not asked for what they mean.
    let usual = compile::<Config>("{}").unwrap();
    assert_eq!(of(&usual, "application/json", "1e999"), "");
}

/// Bounds that are soon reached.
fn narrow() -> Arc<dyn Policy> {
    compile::<Config>(
        "xml: { depth: 3, attributes: 2, children: 3, name: 5B, text: 8B, nodes: 10 }",
    )
    .unwrap()
}

fn check_xml(rows: &[(&str, &str)]) {
    let policy = narrow();
    for (body, expect) in rows {
        for media in ["application/xml", "application/soap+xml"] {
            assert_eq!(of(&policy, media, body), *expect, "{body}");
        }
    }
}

#[test]
fn xml_is_kept_within_its_bounds() {
    check_xml(&[
        ("<a/>", ""),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- x --><a b='1'>x&amp;&#65;&#x41;<![CDATA[<]]><?p x?></a>\n",
            "",
        ),
        ("<a><b><c/></b></a>", ""),
        ("<a><b><c><d/></c></b></a>", "too_complex: body : elements are nested too deep"),
        ("<a b='1' c='2' d='3'/>", "too_complex: body : an element has too many attributes"),
        ("<a><b/><b/><b/><b/></a>", "too_complex: body : an element has too many elements in it"),
        ("<abcdef/>", "too_complex: body : a name is too long"),
        ("<a abcdef=''/>", "too_complex: body : a name is too long"),
        ("<a>123456789</a>", "too_complex: body : a text is too long"),
        ("<a>1234&lt;56789</a>", "too_complex: body : a text is too long"),
        ("<a b='123456789'/>", "too_complex: body : a text is too long"),
        ("<a><!--123456789--></a>", "too_complex: body : a text is too long"),
        (
            "<a><b x='' y=''><c/><c/></b><b x='' y=''/><b x=''/></a>",
            "too_complex: body : there are too many elements and attributes",
        ),
    ]);
}

#[test]
fn xml_that_is_read_in_several_ways_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"x\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
    check_xml(&[
        (bomb, "invalid_request: body : a document type is not taken here"),
        (
            "<a>&b;</a>",
            "invalid_request: body : an entity is none of those that every reader knows",
        ),
        (
            "<a b='&b;'/>",
            "invalid_request: body : an entity is none of those that every reader knows",
        ),
        (
            "<a>&#0;</a>",
            "invalid_request: body : an entity is none of those that every reader knows",
        ),
        (
            "<a>&#xD800;</a>",
            "invalid_request: body : an entity is none of those that every reader knows",
        ),
        ("<a b='1' b='2'/>", "invalid_request: body : attributes are broken, or one stands twice"),
        ("<a b='<'/>", "invalid_request: body : the value of an attribute has a bracket in it"),
        ("<a/><b/>", "invalid_request: body : there are several outermost elements"),
        ("<a/>x", "invalid_request: body : a text stands outside of all elements"),
        ("<1/>", "invalid_request: body : a name is none of XML's"),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
            "invalid_request: body : it is no XML 1.0 in UTF-8",
        ),
        ("<?xml version=\"1.1\"?><a/>", "invalid_request: body : it is no XML 1.0 in UTF-8"),
        ("<a/><?xml version=\"1.0\"?>", "invalid_request: body : it is no XML 1.0 in UTF-8"),
    ]);
    let policy = narrow();
    for body in [
        "<a>",
        "<a></b>",
        "</a>",
        "<a",
        "x",
        "<a b></a>",
        "<a b=c/>",
        "<a><!-- -- --></a>",
        "<a>&lt</a>",
        "<a>\u{1}</a>",
    ] {
        assert!(of(&policy, "text/xml", body).starts_with("invalid_request: "), "{body}");
    }
    let plain = compile::<Config>("xml: { plain: true }").unwrap();
    for body in ["<a><!-- x --></a>", "<a><?p x?></a>"] {
        assert!(of(&plain, "text/xml", body).contains("comments"), "{body}");
    }
}

const GRAPHQL: &str = "graphql: { depth: 3, fields: 10, batch: 2 }";

#[test]
fn queries_of_graphql_are_kept_within_their_bounds() {
    let policy = compile::<Config>(GRAPHQL).unwrap();
    for (media, body, expect) in [
        ("application/json", r#"{"query":"{a{b{c}}}","variables":{"x":[1]}}"#, ""),
        (
            "application/json",
            r#"{"query":"{a{b{c{d}}}}"}"#,
            "too_complex: body /query: fields are nested too deep",
        ),
        (
            "application/json",
            r#"[{"query":"{a}"},{"query":"{b"}]"#,
            "invalid_request: body /1/query: the query is none of GraphQL's",
        ),
        (
            "application/json",
            r#"[{"query":"{a}"},{"query":"{a}"},{"query":"{a}"}]"#,
            "too_complex: body : there are too many queries in one request",
        ),
        (
            "application/json",
            r#"{"query":"{__schema{types{name}}}"}"#,
            "invalid_request: body /query: it may not be asked here what there is (`__schema`, `__type`)",
        ),
        ("application/json", r#"{"query":7}"#, "invalid_request: body /query: it is no text"),
        ("application/json", r#"{"id":"7"}"#, "invalid_request: body /query: it is missing"),
        ("application/json", r#""{a}""#, "invalid_request: body /query: it is missing"),
        (
            "application/json",
            r#"{"query":"{a}","query":"{b}"}"#,
            "invalid_request: body /query: a name stands twice in an object (byte 22)",
        ),
        ("application/graphql", "{a{b{c}}}", ""),
        ("application/graphql", "{a{b{c{d}}}}", "too_complex: body : fields are nested too deep"),
        (
            "application/graphql",
            "{...F} fragment F on T {...F}",
            "invalid_request: body : a fragment uses itself",
        ),
    ] {
        assert_eq!(of(&policy, media, body), expect, "{body}");
    }
    let persisted = compile::<Config>("graphql: { persisted: true }").unwrap();
    assert_eq!(of(&persisted, "application/json", r#"{"id":"7"}"#), "");
    for (query, expect) in [
        ("query=%7Ba%7Bb%7Bc%7D%7D%7D", vec![]),
        ("query=%7Ba%7Bb%7Bc%7Bd%7D%7D%7D%7D", vec!["query query: fields are nested too deep"]),
        ("query={a}&%71uery={b}", vec!["query query: it came several times"]),
        (
            "query={a}&variables=%7B%22a%22:1,%22a%22:1%7D",
            vec!["query variables: a name stands twice in an object (byte 10)"],
        ),
        ("extensions=%7B%7D", vec!["query query: it is missing"]),
        ("", vec![]),
    ] {
        let head = format!(
            "GET /graphql?{} HTTP/1.1\nHost: a",
            query.replace('{', "%7B").replace('}', "%7D")
        );
        let found = ask(&policy, &head, Body::Empty)
            .map_err(|failure| told(&failure))
            .err()
            .unwrap_or_default();
        assert_eq!(found, expect, "{query}");
    }
}

#[test]
fn bodies_of_other_types_pass_or_not() {
    let usual = compile::<Config>("{}").unwrap();
    let strict = compile::<Config>("other: refuse").unwrap();
    for (media, passes, passes_strict) in [
        ("image/png", true, false),
        ("application/graphql", true, false),
        ("nonsense", true, false),
        ("application/json; charset=utf-16", false, false),
    ] {
        assert_eq!(post(&usual, media, b"{}").is_ok(), passes, "{media}");
        assert_eq!(post(&strict, media, b"{}").is_ok(), passes_strict, "{media}");
    }
    let packed = "POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Encoding: gzip\nContent-Length: 2";
    let twice = "POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Type: image/png\nContent-Length: 2";
    for head in [packed, twice] {
        let failure = ask(&usual, head, Body::Full(b"{}".to_vec())).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::MediaTypeRefused);
    }
    assert!(ask(&strict, "GET / HTTP/1.1\nHost: a", Body::Empty).is_ok());
}

#[test]
fn what_is_let_in_goes_on_as_it_came() {
    let policy = compile::<Config>("body_max: 20B").unwrap();
    let head = "POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: 20";
    let body = b" { \"a\" : 1e0 }      ";
    let mut exchange = exchange_of(head, Body::Full(body.to_vec()));
    assert!(matches!(verdict(&policy, &mut exchange), Verdict::Next));
    assert!(matches!(&exchange.request.body, Body::Full(same) if same == body));
    let failure = ask(&policy, head, Body::Full(vec![b' '; 21])).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::BodyTooLarge);
    let lax = compile::<Config>("{ body_max: 20B, mode: report }").unwrap();
    for body in [vec![b'x'; 20], vec![b'x'; 21]] {
        let mut exchange = exchange_of(head, Body::Full(body.clone()));
        assert!(matches!(verdict(&lax, &mut exchange), Verdict::Report(_)));
        assert!(matches!(&exchange.request.body, Body::Full(same) if *same == body));
    }
    // Nobody waits for a body to say what would become of a head.
    let mut exchange = exchange_of(head, Body::Full(b"x".to_vec()));
    assert!(matches!(now(policy.dry(&mut exchange)), Verdict::Next));
}

#[test]
fn bounds_that_bound_nothing_are_problems() {
    for (yaml, path) in [
        ("json: { depth: 121 }", "config.json.depth"),
        ("json: { depth: 0 }", "config.json.depth"),
        ("xml: { depth: 201 }", "config.xml.depth"),
        ("graphql: { depth: 0 }", "config.graphql.depth"),
        ("graphql: { batch: 0 }", "config.graphql.batch"),
        ("graphql: { fragments: 5000 }", "config.graphql.fragments"),
        ("body_max: 1GiB", "config.body_max"),
        ("unknown: 1", "config"),
    ] {
        let report = compile::<Config>(yaml).map(|_| ()).unwrap_err();
        assert!(report.problems().iter().any(|one| one.path == path), "{yaml}: {report:?}");
    }
}

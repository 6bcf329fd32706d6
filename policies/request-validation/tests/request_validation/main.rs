//! What `request-validation` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod suite;

use std::sync::Arc;

use yumen_http::Body;
use yumen_model::report::Severity;
use yumen_policy::testing::{compile, now};
use yumen_policy::{FailureKind, Policy, Verdict};
use yumen_policy_request_validation::Config;

use yumen_policy::testing::{ask, exchange_of, post, told, verdict};

const ORDERS: &str = "
openapi:
  openapi: 3.1.0
  info: { title: Orders, version: '1' }
  servers: [{ url: https://api.example.com/v1 }]
  paths:
    /orders:
      parameters:
        - { name: X-Tenant, in: header, required: true, schema: { type: string, maxLength: 5 } }
      get:
        operationId: list
        parameters:
          - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
          - { name: state, in: query, schema: { type: array, items: { enum: [open, paid] }, maxItems: 2 } }
          - { name: ids, in: query, explode: false, schema: { type: array, items: { type: integer } } }
          - { name: made, in: query, style: deepObject, schema: { type: object, properties: { after: { type: integer } }, additionalProperties: false } }
          - { name: near, in: query, schema: { type: object, properties: { lat: { type: number }, lon: { type: number } }, required: [lat] } }
          - { name: words, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: string }, maxItems: 2 } }
          - { name: filter, in: query, content: { application/json: { schema: { type: object, required: [a] } } } }
          - { name: session, in: cookie, schema: { type: string, pattern: '^[a-f]+$' } }
      post:
        operationId: make
        requestBody:
          required: true
          content:
            application/json: { schema: { $ref: '#/components/schemas/Order' } }
            application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Order' } }
            text/plain: {}
    /orders/{id}:
      parameters: [{ $ref: '#/components/parameters/Id' }]
      get: { operationId: show }
      put:
        operationId: change
        requestBody: { content: { application/json: { schema: { type: object } } } }
    /orders/mine: { get: { operationId: mine } }
  components:
    parameters:
      Id: { name: id, in: path, required: true, schema: { type: integer } }
    schemas:
      Order:
        type: object
        required: [item, id]
        additionalProperties: false
        properties:
          id: { type: string, readOnly: true }
          item: { type: string, maxLength: 10 }
          count: { type: integer, format: int32 }
          tags: { type: array, items: { type: string } }
          part: { $ref: '#/components/schemas/Order' }
";

fn orders(more: &str) -> Arc<dyn Policy> {
    compile::<Config>(&format!("{ORDERS}{more}")).unwrap()
}

/// What is told of a request without a body; empty if it is let in, and the code if that is all.
fn get(policy: &Arc<dyn Policy>, line: &str, fields: &str) -> String {
    let head = format!("{line} HTTP/1.1\nHost: a{fields}");
    match ask(policy, &head, Body::Empty) {
        Ok(()) => String::new(),
        Err(failure) if failure.violations().is_empty() => failure.kind().code().to_owned(),
        Err(failure) => told(&failure).join("; "),
    }
}

#[test]
fn parameters_are_read_as_they_are_written() {
    let policy = orders("");
    for (query, expect) in [
        ("", ""),
        ("?limit=7", ""),
        ("?limit=0", "query limit: value is less than the minimum of 1"),
        ("?limit=seven", "query limit: value is not of type \"integer\""),
        ("?limit=07", "query limit: value is not of type \"integer\""),
        ("?limit=", "query limit: value is not of type \"integer\""),
        ("?limit=7&limit=8", "query limit: it came several times"),
        ("?%6cimit=1000", "query limit: value is greater than the maximum of 100"),
        ("?limit=1.0", ""),
        ("?state=open&state=paid", ""),
        ("?state=open&state=lost", "query state/1: value is not one of \"open\" or \"paid\""),
        ("?state=open&state=open&state=open", "query state: value has more than 2 items"),
        ("?ids=1,2,3", ""),
        ("?ids=1,b", "query ids/1: value is not of type \"integer\""),
        ("?ids=1%2C2", "query ids/0: value is not of type \"integer\""),
        ("?ids=1&ids=2", "query ids: it came several times"),
        ("?made[after]=5", ""),
        ("?made%5Bafter%5D=x", "query made/after: value is not of type \"integer\""),
        (
            "?made[before]=5",
            "query made: Additional properties are not allowed ('before' was unexpected)",
        ),
        ("?lat=1.5&lon=2", ""),
        ("?lon=2", "query near: \"lat\" is a required property"),
        ("?words=a|b", ""),
        ("?words=a%7Cb%7Cc", "query words: value has more than 2 items"),
        ("?filter=%7B%22a%22:1%7D", ""),
        ("?filter=%7B%7D", "query filter: \"a\" is a required property"),
        (
            "?filter=%7B%22a%22:1,%22a%22:2%7D",
            "query filter: its value is no JSON, or can be read in two ways",
        ),
        ("?limit=%ff", "query limit: its value is no text in UTF-8"),
        ("?unknown=1", ""),
    ] {
        let line = format!("GET /v1/orders{query}");
        assert_eq!(get(&policy, &line, "\nX-Tenant: abc"), expect, "{query}");
    }
    for (fields, expect) in [
        ("", "header X-Tenant: it is missing"),
        ("\nx-tenant: abcdef", "header X-Tenant: value is longer than 5 characters"),
        ("\nX-Tenant: a\nX-Tenant: b", "header X-Tenant: it came several times"),
        ("\nX-Tenant: a\nCookie: a=b; session=abc", ""),
        ("\nX-Tenant: a\nCookie: session=xyz", "cookie session: value does not match \"^[a-f]+$\""),
        ("\nX-Tenant: a\nCookie: session=a; session=b", "cookie session: it came several times"),
    ] {
        assert_eq!(get(&policy, "GET /v1/orders", fields), expect, "{fields}");
    }
}

#[test]
fn operations_are_found_by_path_and_method() {
    let policy = orders("");
    for (line, expect) in [
        ("GET /v1/orders/7", ""),
        ("HEAD /v1/orders/7", ""),
        ("GET /v1/orders/seven", "path id: value is not of type \"integer\""),
        ("GET /v1/orders/%37", ""),
        ("GET /v1/orders/mine", ""),
        ("GET /v1/orders/", "no_operation"),
        ("GET /orders/7", "no_operation"),
        ("GET /v1/others", "no_operation"),
        ("DELETE /v1/orders/7", "method_refused"),
        ("POST /v1/orders/mine", "method_refused"),
        ("BREW /v1/orders/mine", "method_refused"),
    ] {
        assert_eq!(get(&policy, line, ""), expect, "{line}");
    }
    let failure = ask(&policy, "DELETE /v1/orders/7 HTTP/1.1\nHost: a", Body::Empty).unwrap_err();
    assert_eq!(failure.allowed(), ["GET", "PUT"]);
    let lax = orders("unknown_path: pass\nunknown_method: pass");
    for line in ["GET /v1/others", "DELETE /v1/orders/7"] {
        assert_eq!(get(&lax, line, ""), "", "{line}");
    }
    let other = orders("path_prefix: /shop/");
    assert_eq!(get(&other, "GET /shop/orders/7", ""), "");
    assert_eq!(get(&other, "GET /v1/orders/7", ""), "no_operation");
    let one = orders("operation: show");
    assert_eq!(get(&one, "GET /v1/orders/7", ""), "");
    assert_eq!(get(&one, "PUT /v1/orders/7", ""), "method_refused");
    assert_eq!(get(&one, "GET /v1/orders/mine", ""), "path id: value is not of type \"integer\"");
    assert_eq!(get(&one, "GET /v1/orders", ""), "no_operation");
}

/// Paths that differ in the names of their parameters only are one, with the methods of both.
#[test]
fn paths_that_nothing_tells_apart_are_joined() {
    let policy = compile::<Config>(
        "
openapi:
  openapi: 3.1.0
  paths:
    /a/{id}: { get: { parameters: [{ name: id, in: path, schema: { type: integer } }] } }
    /a/{name}: { delete: { parameters: [{ name: name, in: path, schema: { enum: [x] } }] } }
",
    )
    .unwrap();
    assert_eq!(get(&policy, "GET /a/7", ""), "");
    assert_eq!(get(&policy, "DELETE /a/x", ""), "");
    assert_eq!(get(&policy, "DELETE /a/7", ""), "path name: value is not one of \"x\"");
    let failure = ask(&policy, "PUT /a/7 HTTP/1.1\nHost: a", Body::Empty).unwrap_err();
    assert_eq!(failure.allowed(), ["GET", "DELETE"]);
}

#[test]
fn what_is_not_described_is_refused_if_that_is_wanted() {
    let policy = orders("strict: { query: true, cookies: true, body: true }");
    for (line, fields, expect) in [
        ("GET /v1/orders?limit=1&lat=1&made[after]=2&filter=%7B%22a%22:1%7D", "", ""),
        (
            "GET /v1/orders?Limit=1&b",
            "",
            "query Limit: it is not known here; query b: it is not known here",
        ),
        ("GET /v1/orders?near=1", "", "query near: it is not known here"),
        ("GET /v1/orders", "\nCookie: session=a", ""),
        ("GET /v1/orders", "\nCookie: session=a; other=b", "cookie other: it is not known here"),
    ] {
        assert_eq!(get(&policy, line, &format!("\nX-Tenant: a{fields}")), expect, "{line}{fields}");
    }
    let head = "GET /v1/orders/7 HTTP/1.1\nHost: a\nContent-Length: 1";
    let failure = ask(&policy, head, Body::Full(b"x".to_vec())).unwrap_err();
    assert_eq!(told(&failure), ["body : there should be none"]);
    assert!(ask(&orders(""), head, Body::Full(b"x".to_vec())).is_ok());
}

fn make(policy: &Arc<dyn Policy>, media: &str, body: &[u8]) -> String {
    let head = format!(
        "POST /v1/orders HTTP/1.1\nHost: a\nX-Tenant: a{media}\nContent-Length: {}",
        body.len()
    );
    match ask(policy, &head, Body::Full(body.to_vec())) {
        Ok(()) => String::new(),
        Err(failure) if failure.violations().is_empty() => failure.kind().code().to_owned(),
        Err(failure) => {
            assert_eq!(failure.kind(), FailureKind::Invalid);
            told(&failure).join("; ")
        }
    }
}

#[test]
fn bodies_are_read_by_their_type() {
    let policy = orders("");
    let json = "\nContent-Type: application/json";
    let form = "\nContent-Type: application/x-www-form-urlencoded";
    for (media, body, expect) in [
        (json, "{\"item\":\"a\"}", ""),
        (json, "{\"item\":\"a\",\"part\":{\"item\":\"b\",\"count\":3}}", ""),
        ("\nContent-Type: Application/JSON; charset=UTF-8", "{\"item\":\"a\"}", ""),
        (json, "{}", "body : \"item\" is a required property"),
        (json, "{\"item\":7}", "body /item: value is not of type \"string\""),
        (
            json,
            "{\"item\":\"a\",\"part\":{\"item\":\"a secret text\"}}",
            "body /part/item: value is longer than 10 characters",
        ),
        (
            json,
            "{\"item\":\"a\",\"count\":2147483648}",
            "body /count: value is greater than the maximum of 2147483647",
        ),
        (
            json,
            "{\"item\":\"a\",\"item\":\"b\"}",
            "body /item: a name stands twice in an object (byte 18)",
        ),
        (
            json,
            "{\"item\":\"a\",\"count\":1.00000000000000000001}",
            "body /count: a number has more digits than most readers keep (byte 42)",
        ),
        (json, "{\"item\":", "body /item: it ends too early (byte 8)"),
        (json, "", "body : it is missing"),
        (form, "item=a+b&count=3&tags=x&tags=y", ""),
        (form, "item=a&count=three", "body /count: value is not of type \"integer\""),
        (form, "item=a&item=b", "body : a part of it came several times"),
        ("\nContent-Type: text/plain", "whatever", ""),
        ("\nContent-Type: application/xml", "<a/>", "media_type_refused"),
        ("\nContent-Type: application/*", "{}", "media_type_refused"),
        ("\nContent-Type: json", "{}", "media_type_refused"),
        ("", "{}", "media_type_refused"),
        ("\nContent-Type: application/json\nContent-Type: text/plain", "{}", "media_type_refused"),
        ("\nContent-Type: application/json; charset=utf-16", "{}", "media_type_refused"),
        ("\nContent-Type: application/json\nContent-Encoding: gzip", "{}", "media_type_refused"),
    ] {
        assert_eq!(make(&policy, media, body.as_bytes()), expect, "{media} {body}");
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert!(make(&policy, json, deep.as_bytes()).contains("nested too deep"));
}

/// The service gets the very bytes that were looked at.
#[test]
fn what_is_let_in_goes_on_as_it_came() {
    let policy = orders("");
    let body = b" {\"item\" : \"\\u0061\" ,\"count\":1e0}\n";
    let head = "POST /v1/orders HTTP/1.1\nHost: a\nX-Tenant: a\nContent-Type: application/json\nContent-Length: 35";
    let mut exchange = exchange_of(head, Body::Full(body.to_vec()));
    assert!(matches!(verdict(&policy, &mut exchange), Verdict::Next));
    assert!(matches!(&exchange.request.body, Body::Full(same) if same == body));
    // Nobody waits for a body to say what would become of a head.
    let mut exchange = exchange_of(head, Body::Full(b"{}".to_vec()));
    assert!(matches!(now(policy.dry(&mut exchange)), Verdict::Next));
    let mut exchange = exchange_of("GET /v1/orders HTTP/1.1\nHost: a", Body::Empty);
    assert!(matches!(now(policy.dry(&mut exchange)), Verdict::Fail(_)));
}

#[test]
fn who_only_reports_lets_everything_go_on() {
    let policy = orders("mode: report\nbody_max: 20B");
    let head = "POST /v1/orders HTTP/1.1\nHost: a\nX-Tenant: a\nContent-Type: application/json\nContent-Length: 30";
    for (body, kind) in [
        (b"{\"item\":7}".to_vec(), FailureKind::Invalid),
        (vec![b'x'; 30], FailureKind::BodyTooLarge),
    ] {
        let mut exchange = exchange_of(head, Body::Full(body.clone()));
        let Verdict::Report(failure) = verdict(&policy, &mut exchange) else { panic!("{body:?}") };
        assert_eq!(failure.kind(), kind);
        assert!(matches!(&exchange.request.body, Body::Full(same) if *same == body));
    }
    let mut exchange = exchange_of("GET /nowhere HTTP/1.1\nHost: a", Body::Empty);
    assert!(matches!(verdict(&policy, &mut exchange), Verdict::Report(_)));
}

#[test]
fn what_is_told_is_bounded_and_holds_no_value() {
    let items: Vec<String> = (0..100).map(|number| format!("\"secret{number}\"")).collect();
    let body = format!("{{\"list\":[{}]}}", items.join(","));
    let schema = "{ properties: { list: { items: { type: integer } } } }";
    for (more, told) in [("", 10), ("violations_max: 0", 0), ("violations_max: 32", 32)] {
        let policy =
            compile::<Config>(&format!("body: {{ schema: {schema} }}\nstatus: 422\n{more}"))
                .unwrap();
        let failure = post(&policy, "application/json", body.as_bytes()).unwrap_err();
        assert_eq!(
            (failure.kind(), failure.violations().len()),
            (FailureKind::Unprocessable, told)
        );
        assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
    }
    let long = "n".repeat(5000);
    let policy = compile::<Config>("body: { schema: { additionalProperties: false } }").unwrap();
    let failure =
        post(&policy, "application/json", format!("{{\"{long}\":1}}").as_bytes()).unwrap_err();
    assert!(failure.violations().iter().all(|one| one.message.len() < 300), "{failure:?}");
}

#[test]
fn schemas_do_without_a_document() {
    let policy = compile::<Config>(
        "
path: /orders/{id}/{part}
parameters:
  - { name: id, in: path, schema: { type: integer } }
  - { name: tags, in: header, schema: { type: array, items: { type: string }, minItems: 2 } }
  - { name: sort, in: query, required: true, schema: '{\"enum\":[\"up\",\"down\"]}' }
body:
  schema: '{\"type\":\"object\",\"required\":[\"a\"]}'
  content_types: [application/*+json]
strict: { query: true }
",
    )
    .unwrap();
    for (line, fields, expect) in [
        ("GET /orders/7/x?sort=up", "", ""),
        ("GET /orders/7/x?sort=up", "\nTags: a, b", ""),
        ("GET /orders/7/x?sort=up", "\nTags: a\ntags: b", ""),
        ("GET /orders/7/x?sort=up", "\nTags: a", "header tags: value has less than 2 items"),
        (
            "GET /orders/x/x?sort=left",
            "",
            "path id: value is not of type \"integer\"; query sort: value is not one of \"up\" or \"down\"",
        ),
        ("GET /orders/7?sort=up", "", "no_operation"),
        ("GET /orders/7/x", "", "query sort: it is missing"),
    ] {
        assert_eq!(get(&policy, line, fields), expect, "{line}{fields}");
    }
    let head = "PUT /orders/7/x?sort=up HTTP/1.1\nHost: a\nContent-Type: application/ld+json\nContent-Length: 2";
    let failure = ask(&policy, head, Body::Full(b"{}".to_vec())).unwrap_err();
    assert_eq!(told(&failure), ["body : \"a\" is a required property"]);
}

/// What OpenAPI 3.0 says in its own way.
#[test]
fn older_documents_mean_what_they_say() {
    let document = |schema: &str| {
        format!(
            "openapi: {{ openapi: 3.0.3, paths: {{ /orders: {{ post: {{ requestBody: {{ content: {{ application/json: {{ schema: {schema} }} }} }} }} }} }}, components: {{ schemas: {{ T: {{ type: string, minLength: 2 }} }} }} }}"
        )
    };
    for (schema, good, bad) in [
        ("{ type: string, nullable: true }", vec!["null", "\"a\""], vec!["1"]),
        ("{ type: string, nullable: true, enum: [a] }", vec!["null", "\"a\""], vec!["\"b\""]),
        (
            "{ nullable: true, allOf: [{ $ref: '#/components/schemas/T' }] }",
            vec!["null", "\"ab\""],
            vec!["\"a\"", "1"],
        ),
        ("{ type: string }", vec!["\"a\""], vec!["null"]),
        ("{ type: number, minimum: 1, exclusiveMinimum: true }", vec!["1.5"], vec!["1"]),
        ("{ type: number, minimum: 1, exclusiveMinimum: false }", vec!["1"], vec!["0"]),
        ("{ type: integer, format: int32 }", vec!["2147483647"], vec!["2147483648", "1.5"]),
        ("{ type: string, format: byte }", vec!["\"aGk=\""], vec!["\"???\""]),
        ("{ $ref: '#/components/schemas/T', minLength: 5 }", vec!["\"ab\""], vec!["\"a\""]),
        (
            "{ oneOf: [{ type: string }, { type: integer }] }",
            vec!["1", "\"a\""],
            vec!["null", "1.5"],
        ),
        (
            "{ type: object, required: [a, b], properties: { a: { type: string, readOnly: true }, b: { type: string } } }",
            vec!["{\"b\":\"x\"}"],
            vec!["{\"a\":\"x\"}"],
        ),
    ] {
        let policy = compile::<Config>(&document(schema)).unwrap();
        for body in good {
            assert!(post(&policy, "application/json", body.as_bytes()).is_ok(), "{schema} {body}");
        }
        for body in bad {
            assert!(post(&policy, "application/json", body.as_bytes()).is_err(), "{schema} {body}");
        }
    }
}

fn problems(yaml: &str) -> Vec<String> {
    let report = compile::<Config>(yaml).map(|_| ()).unwrap_err();
    let all = report.problems().iter().filter(|one| one.severity == Severity::Error);
    all.map(|one| format!("{}: {}", one.path, one.message)).collect()
}

fn document(version: &str, operation: &str) -> String {
    format!("openapi: {{ openapi: {version}, paths: {{ '/a/{{id}}': {{ post: {operation} }} }} }}")
}

fn parameter(text: &str) -> String {
    document("3.1.0", &format!("{{ parameters: [{text}] }}"))
}

fn schema(text: &str) -> String {
    let content = format!("{{ application/json: {{ schema: {text} }} }}");
    document("3.1.0", &format!("{{ requestBody: {{ content: {content} }} }}"))
}

fn check_problems(rows: &[(String, &str)]) {
    for (yaml, part) in rows {
        let found = problems(yaml);
        assert!(found.iter().any(|one| one.contains(part)), "{yaml}: {found:?}");
    }
}

#[test]
fn parameters_that_cannot_be_looked_at_are_said() {
    check_problems(&[
        (parameter("{ name: id, in: path, style: matrix, schema: {} }"), "style `matrix`"),
        (parameter("{ name: id, in: path, style: label, schema: {} }"), "style `label`"),
        (
            parameter("{ name: a, in: query, style: deepObject, schema: { type: string } }"),
            "of objects only",
        ),
        (parameter("{ name: a, in: cookie, schema: { type: array } }"), "explode: false"),
        (parameter("{ name: a, in: query, content: { text/xml: {} } }"), "type `text/xml`"),
        (parameter("{ name: a, in: nowhere, schema: {} }"), "`in` is not one of"),
        (parameter("{ in: query }"), "no name"),
        (parameter("{ name: other, in: path, schema: {} }"), "has no `{other}`"),
        (
            parameter("{ $ref: '#/components/parameters/X' }"),
            "there is no `#/components/parameters/X`",
        ),
        (parameter("{ $ref: 'other.yaml#/X' }"), "leads out of the document"),
    ]);
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    check_problems(&[
        (schema("{ $ref: 'http://x/y' }"), "leads out of the document"),
        (schema("{ $ref: '#/nope' }"), "it is not there"),
        (
            schema("{ pattern: '(?=a)b' }"),
            "#/paths/~1a~1{id}/post/requestBody/content/application~1json/schema/pattern: the pattern",
        ),
        (schema("{ pattern: '(a{1000}){1000}' }"), "the pattern"),
        (schema("{ patternProperties: { '(a)\\1': {} } }"), "the pattern"),
        (schema("{ $id: x }"), "`$id` is not followed"),
        (schema("{ $dynamicRef: '#x' }"), "`$dynamicRef` is not followed"),
        (schema("{ $schema: 'http://json-schema.org/draft-07/schema#' }"), "another dialect"),
        (schema("{ type: strin }"), "the schema is none"),
        (schema("7"), "it is no schema"),
        (
            document(
                "3.1.0",
                "{ requestBody: { content: { multipart/form-data: { schema: { type: object, properties: { a: {} } } } } } }",
            ),
            "not looked into",
        ),
        (
            document("3.1.0", "{ requestBody: { content: { json: {} } } }"),
            "`json` is no media type",
        ),
        (document("2.0.0", "{}"), "no document of OpenAPI 3.0 or 3.1"),
        ("openapi: { swagger: '2.0', paths: {} }".to_owned(), "Swagger 2"),
        ("openapi: { openapi: 3.1.0, paths: {} }".to_owned(), "there is no operation"),
        (
            "openapi: { openapi: 3.1.0, paths: { /a: { get: {} }, '/{x': { get: {} } } }"
                .to_owned(),
            "does not end",
        ),
        (
            "openapi: { openapi: 3.1.0, paths: { '/{a}': { get: {} }, '/{b}': { get: {} } } }"
                .to_owned(),
            "nothing tells its GET",
        ),
        ("openapi: 'openapi: [3'".to_owned(), "cannot be read"),
        (
            "openapi: '{\"openapi\":\"3.1.0\",\"openapi\":\"3.0.0\"}'".to_owned(),
            "a name stands twice",
        ),
    ]);
    // Who may pass unseen is warned of, and the rest is looked at.
    let lax = format!("{}\nunsupported: pass", schema("{ pattern: '(?=a)b', maxLength: 2 }"));
    let policy = compile::<Config>(&lax).unwrap();
    let head = "POST /a/1 HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: 5";
    assert!(ask(&policy, head, Body::Full(b"\"x\"".to_vec())).is_ok());
    assert!(ask(&policy, head, Body::Full(b"\"xyz\"".to_vec())).is_err());
}

#[test]
fn configs_that_make_no_sense_are_problems() {
    for (yaml, path) in [
        ("{}", "config"),
        ("{ openapi: { openapi: 3.1.0, paths: { /a: { get: {} } } }, body: {} }", "config.body"),
        (
            "{ openapi: { openapi: 3.1.0, paths: { /a: { get: {} } } }, operation: x }",
            "config.openapi",
        ),
        ("{ body: {}, operation: x }", "config.operation"),
        ("{ body: {}, path_prefix: x }", "config.path_prefix"),
        ("{ body: {}, path: '/{a' }", "config.path"),
        ("{ body: {}, parameters: [{ name: id, in: path, schema: {} }] }", "config.path"),
        (
            "{ parameters: [{ name: a, in: query, schema: {} }, { name: a, in: query, schema: {} }] }",
            "config.parameters[1]",
        ),
        ("{ parameters: [{ name: 'a b', in: header, schema: {} }] }", "config.parameters[0].name"),
        (
            "{ parameters: [{ name: a, in: header, style: form, schema: {} }] }",
            "config.parameters[0].style",
        ),
        (
            "{ parameters: [{ name: a, in: query, schema: { type: x } }] }",
            "config.parameters[0].schema",
        ),
        ("{ body: { content_types: [] } }", "config.body.content_types"),
        ("{ body: { content_types: [json] } }", "config.body.content_types[0]"),
        ("{ body: { content_types: [text/xml], schema: {} } }", "config.body.content_types[0]"),
        ("{ body: { schema: { $ref: 'https://example.com/x' } } }", "config.body.schema"),
        (
            "{ body: { schema: { $schema: 'http://json-schema.org/draft-07/schema#' } } }",
            "config.body.schema",
        ),
        ("{ body: {}, status: 500 }", "config.status"),
        ("{ body: {}, violations_max: 1000 }", "config.violations_max"),
        ("{ body: {}, depth_max: 1000 }", "config.depth_max"),
        ("{ body: {}, body_max: 1GiB }", "config.body_max"),
        ("{ body: {}, unknown: 1 }", "config"),
    ] {
        let found = problems(yaml);
        assert!(found.iter().any(|one| one.starts_with(&format!("{path}: "))), "{yaml}: {found:?}");
    }
}

/// A body that is nested as deep as can be, whatever the schema does with it, breaks no thread of 2 MiB.
#[test]
fn nothing_is_so_deep_that_it_breaks_the_validator() {
    let schema = "{ $ref: '#/$defs/n', $defs: { n: { anyOf: [{ type: integer, maximum: 5 }, { allOf: [{ if: { type: object }, then: { properties: { n: { $ref: '#/$defs/n' } } }, else: { type: array, items: { $ref: '#/$defs/n' } } }] }] } } }";
    let policy =
        compile::<Config>(&format!("{{ depth_max: 120, body: {{ schema: {schema} }} }}")).unwrap();
    for (open, close) in [("{\"n\":", "}"), ("[", "]")] {
        let body = |leaf: &str| format!("{}{leaf}{}", open.repeat(120), close.repeat(120));
        assert!(post(&policy, "application/json", body("1").as_bytes()).is_ok());
        assert!(post(&policy, "application/json", body("7").as_bytes()).is_err());
    }
}

/// Two ways at each of sixty steps are no more than a hundred and twenty looks, good or not.
#[test]
fn alternatives_that_refer_to_themselves_do_not_double_the_work() {
    for word in ["anyOf", "oneOf"] {
        let schema = format!(
            "{{ $ref: '#/$defs/n', $defs: {{ n: {{ {word}: [{{ $ref: '#/$defs/a' }}, {{ $ref: '#/$defs/b' }}] }}, \
             a: {{ type: object, properties: {{ n: {{ $ref: '#/$defs/n' }}, kind: {{ const: a }} }}, required: [kind] }}, \
             b: {{ type: object, properties: {{ n: {{ $ref: '#/$defs/n' }}, kind: {{ const: b }} }}, required: [kind] }} }} }}"
        );
        let policy = compile::<Config>(&format!("body: {{ schema: {schema} }}")).unwrap();
        let body = |kind: &str| {
            let leaf = format!("{{\"kind\":\"{kind}\"}}");
            (0..60).fold(leaf, |inside, _| format!("{{\"n\":{inside},\"kind\":\"b\"}}"))
        };
        assert!(post(&policy, "application/json", body("b").as_bytes()).is_ok(), "{word}");
        assert!(post(&policy, "application/json", body("c").as_bytes()).is_err(), "{word}");
    }
}

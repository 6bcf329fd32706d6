//! What `hmac-auth` promises, and what does not get past it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

#[path = "hmac_auth/attacks.rs"]
mod attacks;

use std::sync::Arc;

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use yumen_directory::{Change, Entry, Material, Pepper, Proof, Stated};
use yumen_policy::testing::{compile, compile_in, exchange};
use yumen_policy::{Exchange, FailureKind, Policy, Scope, Step, Verdict};
use yumen_policy_hmac_auth::Config;

/// RFC 9421 appendix B.1.5
const SHARED: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const SECRET: &[u8] = b"a secret of ann's, not too short";
const OTHER: &[u8] = b"a secret of bob's, not too short";
/// When the tests are: as in the RFC.
const NOW: u64 = 1_618_884_473;

/// `ann` with `ann-1` (good) and `ann-0` (expired), `bob`, `eve` who is disabled, and the RFC's key.
fn scope() -> Scope {
    let (scope, pepper) = (Scope::default(), Pepper::new("a pepper for tests"));
    let stated = |id: &str, secret: &[u8], expires| Stated {
        proof: Proof::Secret,
        digest: pepper.digest(Proof::Secret, id.as_bytes()),
        label: None,
        expires,
        material: Material::Secret(BASE64.encode(secret).into()),
    };
    let entry = |name: &str, is_disabled, credentials| Entry {
        name: name.into(),
        external_id: None,
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials,
    };
    let shared = BASE64.decode(SHARED.as_bytes()).unwrap();
    let put = vec![
        entry(
            "ann",
            false,
            vec![stated("ann-1", SECRET, None), stated("ann-0", SECRET, Some(NOW))],
        ),
        entry("bob", false, vec![stated("bob-1", OTHER, None)]),
        entry("eve", true, vec![stated("eve-1", SECRET, None)]),
        entry("rfc", false, vec![stated("test-shared-secret", &shared, None)]),
    ];
    scope.directory.change(&pepper, vec![Change { put, ..Change::default() }]).unwrap();
    scope
}

fn mac(secret: &[u8], text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// The two fields of a message signature over these components, which are written as they are.
fn signed(components: &[(&str, &str)], parameters: &str, secret: &[u8]) -> String {
    let names: Vec<&str> = components.iter().map(|(name, _)| *name).collect();
    let list = format!("({}){parameters}", names.join(" "));
    let lines: String =
        components.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let signature = mac(secret, &format!("{lines}\"@signature-params\": {list}"));
    format!("Signature-Input: s={list}\nSignature: s=:{signature}:")
}

/// The consumer's name, `?` if there is no signature, else why it is refused.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> String {
    let verdict = match policy.on_request(exchange) {
        Step::Now(verdict) => verdict,
        Step::Later(mut later) => {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match later.as_mut().poll(&mut context) {
                std::task::Poll::Ready(verdict) => verdict,
                std::task::Poll::Pending => panic!("the body is at hand"),
            }
        }
    };
    match verdict {
        Verdict::Next => {
            exchange.principal.as_ref().unwrap().consumer.as_ref().unwrap().name.to_string()
        }
        Verdict::Unknown(challenge) => {
            assert!(challenge.0.ends_with(" realm=\"yumen\""), "{challenge:?}");
            "?".to_owned()
        }
        Verdict::Fail(failure) if failure.kind() == FailureKind::Unauthenticated => {
            assert_eq!(failure.sentence(), "The signature is not good.");
            assert_eq!(failure.challenges().len(), 1);
            failure.cause().unwrap().to_owned()
        }
        Verdict::Fail(failure) => failure.kind().code().to_owned(),
        other @ (Verdict::Answer(_) | Verdict::Report(_)) => panic!("{other:?}"),
    }
}

/// The verdict on a request with this head and body at a time.
fn told(policy: &Arc<dyn Policy>, head: &str, body: &str, at: u64) -> String {
    let mut exchange = exchange(head);
    exchange.now = at;
    if !body.is_empty() {
        exchange.request.body = yumen_http::Body::Full(body.as_bytes().to_vec());
    }
    verdict(policy, &mut exchange)
}

fn policy(yaml: &str) -> Arc<dyn Policy> {
    compile_in::<Config>(yaml, &scope()).unwrap()
}

/// RFC 9421 appendix B.2.5
#[test]
fn the_example_of_the_rfc_is_good() {
    let policy = policy("{ covered: ['@authority'], body: unsigned, replays: allow }");
    let request = "POST /foo?param=Value&Pet=dog HTTP/1.1\nHost: example.com\n\
        Date: Tue, 20 Apr 2021 02:07:55 GMT\nContent-Type: application/json\n\
        Content-Digest: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n\
        Content-Length: 18\n\
        Signature-Input: sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"\n\
        Signature: sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:";
    assert_eq!(told(&policy, request, "", NOW), "rfc");
    let changed = request.replace("application/json", "text/html");
    assert!(
        told(&policy, &changed, "", NOW).starts_with("the signature was not made with secret-")
    );
}

const GET: &str = "GET /orders?a=1 HTTP/1.1\nHost: Shop.example:80\n";
const USUAL: [(&str, &str); 4] = [
    ("\"@method\"", "GET"),
    ("\"@authority\"", "shop.example"),
    ("\"@path\"", "/orders"),
    ("\"@query\"", "?a=1"),
];

#[test]
fn who_signs_is_known() {
    let policy = policy("{}");
    for (parameters, secret, expect) in [
        (";created=1618884473;keyid=\"ann-1\"", SECRET, "ann"),
        (";keyid=\"bob-1\";created=1618884473;alg=\"hmac-sha256\";nonce=\"n\"", OTHER, "bob"),
        (";created=1618884473;keyid=\"ann-1\";expires=1618884474;tag=\"x\"", SECRET, "ann"),
        (";created=1618884473;keyid=\"eve-1\"", SECRET, "secret-"),
        (";created=1618884473;keyid=\"ann-0\"", SECRET, "secret-"),
    ] {
        let head = GET.to_owned() + &signed(&USUAL, parameters, secret);
        let told = told(&policy, &head, "", NOW);
        assert!(told.starts_with(expect), "{head}: {told}");
    }
    assert_eq!(told(&policy, GET, "", NOW), "?");
    let by_target = [("\"@method\"", "GET"), ("\"@target-uri\"", "http://shop.example/orders?a=1")];
    let head = GET.to_owned() + &signed(&by_target, ";created=1618884473;keyid=\"ann-1\"", SECRET);
    assert_eq!(told(&policy, &head, "", NOW), "ann");
}

#[test]
fn one_of_several_signatures_is_chosen() {
    let mine = signed(&USUAL, ";created=1618884473;keyid=\"ann-1\";tag=\"gate\"", SECRET);
    let other = "Signature-Input: o=(\"@method\");created=1;keyid=\"o\"\nSignature: o=:AAAA:";
    for (yaml, fields, expect) in [
        ("{}", format!("{other}\n{mine}"), "ann"),
        ("tag: gate", format!("{other}\n{mine}"), "ann"),
        ("tag: gate", mine.replace("s=", "t="), "ann"),
        // Signatures that are for somebody else are nobody's business here.
        ("tag: gate", other.to_owned(), "?"),
        ("{}", other.to_owned(), "the signature is"),
        (
            "tag: gate",
            format!("{mine}\n{}", mine.replace("s=", "t=")),
            "several signatures have the tag",
        ),
        ("{}", format!("{mine}\n{mine}"), "Signature-Input is missing, or is no dictionary"),
        ("{}", mine.replace("Signature: s=", "Signature: t="), "there is an input without"),
        ("{}", format!("{mine}\nSignature: t=:AAAA:"), "there is a signature without"),
        ("{}", mine.lines().next().unwrap().to_owned(), "Signature is missing"),
        ("{}", mine.lines().nth(1).unwrap().to_owned(), "Signature-Input is missing"),
        (
            "{}",
            (0..5)
                .map(|label| mine.replace("s=", &format!("s{label}=")))
                .collect::<Vec<_>>()
                .join("\n"),
            "the request brings too many signatures",
        ),
    ] {
        let told = told(&policy(yaml), &format!("{GET}{fields}"), "", NOW);
        assert!(told.starts_with(expect), "{yaml} {fields}: {told}");
    }
}

/// `Authorization` in an older form over this text.
fn older(form: &str, headers: &str, text: &str) -> String {
    let (scheme, id) = if form == "cavage" { ("Signature", "keyId") } else { ("hmac", "username") };
    let signature = mac(SECRET, text);
    format!(
        "Authorization: {scheme} {id}=\"ann-1\", algorithm=\"hmac-sha256\",headers=\"{headers}\",signature=\"{signature}\""
    )
}

const DATED: &str =
    "GET /orders?a=1 HTTP/1.1\nHost: shop.example\nDate: Tue, 20 Apr 2021 02:07:53 GMT\n";

fn cavage() -> String {
    older(
        "cavage",
        "(request-target) host date",
        "(request-target): get /orders?a=1\nhost: shop.example\ndate: Tue, 20 Apr 2021 02:07:53 GMT",
    )
}

#[test]
fn the_older_forms_are_known_where_they_are_asked_for() {
    let cavage = cavage();
    let kong = older(
        "hmac",
        "date request-line host",
        "date: Tue, 20 Apr 2021 02:07:53 GMT\nGET /orders?a=1 HTTP/1.1\nhost: shop.example",
    );
    let partly = older("hmac", "date", "date: Tue, 20 Apr 2021 02:07:53 GMT");
    for (yaml, field, expect) in [
        ("forms: [cavage]", cavage.clone(), "ann"),
        ("forms: [hmac, cavage, message]", cavage.clone(), "ann"),
        ("forms: [hmac]", kong.clone(), "ann"),
        ("forms: [hmac]", cavage.clone(), "?"),
        ("forms: [cavage]", kong.clone(), "?"),
        ("{}", kong.clone(), "?"),
        ("forms: [hmac]", "Authorization: Basic YTpi".to_owned(), "?"),
        ("{ forms: [hmac], covered: [date] }", partly.clone(), "ann"),
        ("forms: [hmac]", partly, "the signature does not cover `@method`"),
        ("forms: [hmac]", kong.replace("sha256", "sha512"), "the algorithm is not allowed"),
        (
            "{ forms: [hmac], algorithms: [hmac-sha256, hmac-sha512] }",
            kong.replace("sha256", "sha512"),
            "the signature was not made",
        ),
        ("forms: [hmac]", kong.replace("hmac-sha256", "none"), "the algorithm is not known"),
        ("forms: [hmac]", kong.replace("algorithm=\"hmac-sha256\",", ""), "there is no algorithm"),
        (
            "forms: [hmac]",
            format!("{kong}, username=\"bob-1\""),
            "the signature's parameters cannot",
        ),
        ("forms: [hmac]", format!("{kong}, x=\"1\""), "the signature's parameter `x`"),
        ("forms: [hmac]", format!("{kong}\n{kong}"), "the request brings several credentials"),
        (
            "forms: [hmac]",
            kong.replace("date request-line", "date date request-line"),
            "the signature covers `date` twice",
        ),
        (
            "forms: [hmac]",
            kong.replace("headers=\"date", "headers=\"x-no"),
            "the signature covers `x-no`",
        ),
        (
            "forms: [hmac]",
            kong.replace("date request-line", "request-line"),
            "neither Date nor X-Date",
        ),
        ("forms: [hmac]", kong.replace("ann-1", "bob-1"), "the signature was not made"),
        ("forms: [hmac]", kong.replace("hmac username", "hmac  username"), "ann"),
    ] {
        let told = told(&policy(yaml), &format!("{DATED}{field}"), "", NOW);
        assert!(told.starts_with(expect), "{yaml} {field}: {told}");
    }
}

#[test]
fn an_older_form_is_good_for_its_request_and_its_time() {
    let cavage = cavage();
    for (head, expect) in [
        (DATED.replace("02:07:53", "02:12:54"), "the signature is -301 seconds old"),
        (DATED.replace("02:07:53", "02:02:52"), "the signature is 301 seconds old"),
        (
            format!("{DATED}Date: Tue, 20 Apr 2021 02:07:53 GMT\n"),
            "the date cannot be read, or comes twice",
        ),
        (DATED.replace("Tue, 20", "20"), "the date cannot be read"),
        (DATED.replace("/orders", "/Orders"), "the signature was not made"),
        (DATED.replace("GET", "POST"), "the signature was not made"),
        // `PURGE` and `purge` would be signed alike.
        (DATED.replace("GET", "purge"), "the signature covers `(request-target)`"),
    ] {
        let told = told(&policy("forms: [cavage]"), &format!("{head}{cavage}"), "", NOW);
        assert!(told.starts_with(expect), "{head}: {told}");
    }
    let both = format!(
        "{DATED}{cavage}\n{}",
        signed(&USUAL, ";created=1618884473;keyid=\"ann-1\"", SECRET)
    );
    let told = told(&policy("forms: [cavage, message]"), &both, "", NOW);
    assert_eq!(told, "the request brings signatures in several forms");
}

#[test]
fn what_is_wrong_in_the_settings_is_told() {
    for (yaml, path) in [
        ("forms: []", "config.forms"),
        ("forms: [rsa]", "config.forms[0]"),
        ("covered: ['@status']", "config.covered[0]"),
        ("covered: [Date]", "config.covered[0]"),
        ("covered: ['a b']", "config.covered[0]"),
        ("clock_skew: off", "config.clock_skew"),
        ("clock_skew: 16m", "config.clock_skew"),
        ("clock_skew: 1500ms", "config.clock_skew"),
        ("body_max: 17MiB", "config.body_max"),
        ("body_max: 0", "config.body_max"),
        ("algorithms: []", "config.algorithms"),
        ("algorithms: [none]", "config.algorithms[0]"),
        ("{ tag: a, forms: [hmac] }", "config.tag"),
        ("replays: maybe", "config.replays"),
        ("nonce: true", "nonce"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err().to_string();
        assert!(report.contains(path), "{yaml}: {report}");
    }
}

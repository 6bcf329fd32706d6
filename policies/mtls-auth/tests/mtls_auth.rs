//! What `mtls-auth` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::rc::Rc;

use yumen_directory::{Change, Entry, Material, Pepper, Proof, Stated, certificate};
use yumen_policy::testing::{compile, compile_in, exchange, now};
use yumen_policy::{FailureKind, Identity, Scope, Secured, Shown, Verdict};
use yumen_policy_mtls_auth::Config;

/// `ann` by fingerprint (expires at second 1,000) and by a URI, `bob` by a DNS name and a subject, `eve`
/// is disabled.
fn scope() -> Scope {
    let (scope, pepper) = (Scope::default(), Pepper::new("a pepper for tests"));
    let stated = |found_by: String, expires| Stated {
        proof: Proof::Certificate,
        digest: pepper.digest(Proof::Certificate, found_by.as_bytes()),
        label: None,
        expires,
        material: Material::None,
    };
    let entry = |name: &str, is_disabled, credentials| Entry {
        name: name.into(),
        external_id: None,
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials,
    };
    let name = |text| stated(certificate::name(text).unwrap(), None);
    let fingerprint = certificate::fingerprint(&"AB:".repeat(32)).unwrap();
    let put = vec![
        entry("ann", false, vec![stated(fingerprint, Some(1000)), name("uri:spiffe://a/b")]),
        entry(
            "bob",
            false,
            vec![name("dns:Client.test"), stated(certificate::subject("CN=b\u{f6}b,O=shop"), None)],
        ),
        entry("eve", true, vec![name("email:eve@example.org")]),
    ];
    scope.directory.change(&pepper, vec![Change { put, ..Change::default() }]).unwrap();
    scope
}

struct Case(&'static str, &'static [&'static str], &'static str);

fn shown(Case(fingerprint, names, subject): &Case) -> Shown {
    Shown {
        fingerprint: fingerprint.repeat(32),
        names: names.iter().map(ToString::to_string).collect(),
        subject: subject.to_string(),
        ..Shown::default()
    }
}

/// The consumer's name and credential, `?` if there is no such credential, else why it is refused.
fn verdict(yaml: &str, shown: Option<Shown>, at: u64) -> String {
    let policy = compile_in::<Config>(yaml, &scope()).unwrap();
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x\nClient-Cert: :AAAA:");
    exchange.now = at;
    let identity = shown.map(Identity::new);
    let secured = Some(Rc::new(Secured { identity, ..Secured::default() }));
    Rc::make_mut(&mut exchange.client).secured = secured;
    match now(policy.on_request(&mut exchange)) {
        Verdict::Next => {
            let principal = exchange.principal.unwrap();
            assert_eq!(principal.credential.unwrap().last_used(), Some(at));
            principal.consumer.unwrap().name.to_string()
        }
        Verdict::Unknown(challenge) => {
            assert_eq!(&*challenge.0, "Certificate realm=\"yumen\"");
            "?".to_owned()
        }
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Unauthenticated);
            assert_eq!(failure.sentence(), "The certificate is not good here.");
            assert_eq!(failure.challenges().len(), 1);
            failure.cause().unwrap().to_owned()
        }
        other @ (Verdict::Answer(_) | Verdict::Report(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_becomes_a_consumer() {
    let nobody = "the certificate belongs to nobody";
    for (case, expect) in [
        (Case("ab", &[], ""), "ann"),
        (Case("cd", &["uri:spiffe://a/b"], ""), "ann"),
        (Case("cd", &["dns:other.test", "dns:CLIENT.TEST"], "CN=x"), "bob"),
        (Case("cd", &[], "CN=b\u{f6}b,O=shop"), "bob"),
        (Case("cd", &["dns:client.test"], "CN=b\u{f6}b,O=shop"), "bob"),
        (Case("ab", &["dns:client.test"], ""), "the certificate belongs to ann and to bob"),
        (
            Case("cd", &["uri:spiffe://a/b"], r"CN=b\C3\B6b,O=shop"),
            "the certificate belongs to ann",
        ),
        (Case("cd", &["uri:spiffe://A/b"], ""), nobody),
        (Case("cd", &["dns:client.test.evil"], "CN=client.test"), nobody),
        // What stands in one place is not found in another.
        (Case("cd", &["dns:spiffe://a/b", "uri:client.test"], "uri spiffe://a/b"), nobody),
        (Case("cd", &[], "CN=b\u{f6}b, O=shop"), nobody),
        (Case("", &[], ""), nobody),
        (Case("cd", &["email:eve@EXAMPLE.org"], ""), "certificate-"),
    ] {
        let told = verdict("{}", Some(shown(&case)), 1);
        let Case(fingerprint, names, subject) = case;
        assert!(told.starts_with(expect), "{fingerprint} {names:?} {subject}: {told}");
    }
    let many = Shown { names: vec!["dns:client.test".to_owned(); 65], ..Shown::default() };
    assert_eq!(verdict("{}", Some(many), 1), "the certificate has too many names");
}

#[test]
fn what_has_expired_is_not_good_but_another_way_may_be() {
    let by_fingerprint = shown(&Case("ab", &[], ""));
    assert_eq!(verdict("{}", Some(by_fingerprint.clone()), 999), "ann");
    for yaml in ["unknown: refuse", "unknown: pass"] {
        let told = verdict(yaml, Some(by_fingerprint.clone()), 1000);
        assert!(told.ends_with("has expired, or its consumer ann is disabled"), "{told}");
    }
    let both = Shown { names: vec!["uri:spiffe://a/b".to_owned()], ..by_fingerprint.clone() };
    assert_eq!(verdict("{}", Some(both), 1000), "ann");
    // It still says whose the certificate is.
    let two = Shown { names: vec!["dns:client.test".to_owned()], ..by_fingerprint };
    assert_eq!(verdict("{}", Some(two), 1000), "the certificate belongs to ann and to bob");
}

#[test]
fn no_certificate_and_a_strange_one() {
    assert_eq!(verdict("{}", None, 1), "?", "a field of the request is no certificate");
    let strange = shown(&Case("cd", &[], "CN=x"));
    assert_eq!(verdict("unknown: pass", Some(strange.clone()), 1), "?");
    let told = verdict("unknown: refuse", Some(strange), 1);
    assert_eq!(told, "the certificate belongs to nobody");
    for (yaml, words) in
        [("unknown: ignore", "unknown"), ("realm: \"a\\nb\"", "realm"), ("x: 1", "x")]
    {
        let report = compile::<Config>(yaml).unwrap_err().to_string();
        assert!(report.contains(words), "{yaml}: {report}");
    }
}

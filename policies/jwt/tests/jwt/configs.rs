//! What is wrong with a config is told with its path, and without what is secret.

use yumen_policy::testing::compile_in;
use yumen_policy_jwt::Config;

use crate::{SECRET, scope};

/// Each config is refused with a problem at the path, that has the words.
fn check(wrong: &[(String, &str, &str)]) {
    for (config, path, words) in wrong {
        let report = compile_in::<Config>(config, &scope()).map(|_| ()).unwrap_err();
        let found = report.problems().iter().any(|problem| {
            let hint = problem.hint.as_deref().unwrap_or_default();
            problem.path.starts_with(path)
                && (problem.message.contains(words) || hint.contains(words))
        });
        assert!(found, "{config}: {report}");
        assert!(!report.to_string().contains("s3cret"), "{report}");
    }
}

fn with(more: &str) -> String {
    format!("{{ keys: ['{SECRET}'], {more} }}")
}

#[test]
fn keys_that_cannot_be_are_told_with_their_place() {
    check(&[
        ("{}".to_owned(), "config", "no keys"),
        ("{ keys: [s3cret] }".to_owned(), "config.keys[0]", "6 bytes"),
        ("{ keys: ['-----BEGIN s3cret'] }".to_owned(), "config.keys[0]", "PEM text"),
        ("{ jwks: '{}' }".to_owned(), "config.jwks", "list `keys`"),
        ("{ jwks: '{\"keys\":[]}' }".to_owned(), "config.jwks", "no key that can be used"),
        ("{ jwks_url: 'ftp://a' }".to_owned(), "config.jwks_url", "http"),
        ("{ jwks_url: 'http://id.example/x' }".to_owned(), "config.jwks_url", "on the way"),
        (
            "{ jwks_url: 'http://127.0.0.1.evil.example/x' }".to_owned(),
            "config.jwks_url",
            "on the way",
        ),
        (
            "{ jwks_url: 'http://127.0.0.1/x', jwks_ca: x }".to_owned(),
            "config.jwks_ca",
            "clear text",
        ),
        ("{ jwks_url: 'https://a/x', jwks_ca: x }".to_owned(), "config.jwks_ca", "certificate"),
        (with("jwks_ca: x"), "config", "which is not there"),
    ]);
    for good in [
        "{ jwks_url: 'http://localhost:1/x' }",
        "{ jwks_url: 'http://[::1]:1/x' }",
        "{ jwks_url: 'http://id.example/x', jwks_insecure: true }",
        "{ consumer_keys: true, consumer_by: null }",
    ] {
        compile_in::<Config>(good, &scope()).unwrap_or_else(|report| panic!("{good}: {report}"));
    }
}

#[test]
fn what_cannot_be_wanted_is_told_with_its_place() {
    check(&[
        (with("algorithms: [none]"), "config.algorithms[0]", "`none` is no algorithm"),
        (with("algorithms: [hs256]"), "config.algorithms[0]", "`hs256` is no algorithm"),
        (with("issuers: ['']"), "config.issuers", "empty"),
        (with("audiences: ['']"), "config.audiences", "empty"),
        (with("required: ['']"), "config.required", "empty"),
        (with("claims: { role: [] }"), "config.claims.role", "1 to 32 values"),
        (with("typ: ''"), "config.typ", "empty"),
        (with("skew: 6m"), "config.skew", "300 seconds"),
        (with("skew: 1500ms"), "config.skew", "whole seconds"),
        (with("bearer: false"), "config", "nowhere"),
        (with("headers: [Cookie2, Host]"), "config.headers[1]", "no tokens can come in `Host`"),
        (with("consumer_by: null"), "config.consumer_by", "all would be refused"),
        (with("consumer_key_by: ''"), "config.consumer_key_by", "no claim"),
        (
            with("claims_to_headers: { Host: a }"),
            "config.claims_to_headers.Host",
            "belongs to HTTP",
        ),
        (
            with("claims_to_headers: { X-Consumer-Groups: a }"),
            "config.claims_to_headers.X-Consumer-Groups",
            "gateway",
        ),
        (
            with("claims_to_headers: { authorization: a }"),
            "config.claims_to_headers.authorization",
            "belongs",
        ),
        (with("claims_to_headers: { X_A: a }"), "config.claims_to_headers.X_A", "belongs"),
        (with("claims_to_headers: { 'X A': a }"), "config.claims_to_headers.X A", "no name"),
        (with("claims_to_headers: { X-A: a, x-a: b }"), "config.claims_to_headers", "twice"),
        (with("claims_to_headers: { X-A: '' }"), "config.claims_to_headers.X-A", "names no claim"),
        (with("unknown_consumer: guess"), "config.unknown_consumer", "guess"),
        (with("extra: 1"), "config", "unknown key `extra`"),
    ]);
}

//! Keys that the gateway signs tokens with, made ready from the configuration.

use std::collections::HashSet;

use yumen_jose::{Algorithm, SigningKey};
use yumen_model::report::Report;
use yumen_model::{Model, SigningKey as Written, SigningKeys};
use yumen_policy::{Signer, Signers};

use crate::names::check_unique;

/// Keys under one name.
const KEYS_MAX: usize = 16;
/// How they may sign.
const WAYS: &str = "`RS256`, `PS256`, `ES256` or `EdDSA`";

pub(crate) fn compile(model: &Model, report: &mut Report) -> Signers {
    let all = || model.signing_keys.iter().enumerate();
    let names = all().map(|(index, one)| (&*one.name, format!("signing_keys[{index}]").into()));
    check_unique("set of signing keys", names, report);
    let mut signers = Signers::default();
    for (index, one) in all() {
        signers.add(&one.name, signer(one, &format!("signing_keys[{index}]"), report));
    }
    signers
}

fn signer(written: &SigningKeys, at: &str, report: &mut Report) -> Option<Signer> {
    let errors_before = report.errors();
    if !(1..=KEYS_MAX).contains(&written.keys.len()) {
        report
            .error(format!("{at}.keys"), format!("there are 1 to {KEYS_MAX} keys"))
            .hint("such as `keys: [{ key: \"${file:signing.pem}\" }]`");
    }
    let mut keys = Vec::with_capacity(written.keys.len());
    let mut ids = HashSet::new();
    for (index, one) in written.keys.iter().enumerate() {
        let at = format!("{at}.keys[{index}]");
        let Some(key) = key(one, &at, report) else { continue };
        if !ids.insert(key.kid().map(str::to_owned)) {
            report
                .error(at, "another key here has the same name in tokens (`kid`)")
                .hint("give it an `id` of its own, or leave it out if it is the same key");
        }
        keys.push(key);
    }
    Signer::new(keys).filter(|_| report.errors() == errors_before)
}

fn key(written: &Written, at: &str, report: &mut Report) -> Option<SigningKey> {
    let algorithm = match &written.algorithm {
        None => None,
        Some(name) => {
            let algorithm = Algorithm::named(name);
            if algorithm.is_none() {
                report
                    .error(
                        format!("{at}.algorithm"),
                        format!("`{name}` is no algorithm that is known"),
                    )
                    .hint(WAYS);
                return None;
            }
            algorithm
        }
    };
    let key = SigningKey::from_text(written.key.text(), algorithm).map_err(|problem| {
        report.error(format!("{at}.key"), problem.to_string()).hint(format!(
            "a private key of RSA, P-256 or Ed25519 for {WAYS}: PEM text in PKCS #8 (`openssl genpkey`), or a JWK"
        ));
    });
    match (key.ok()?, &written.id) {
        (key, None) => Some(key),
        (key, Some(id)) => {
            let named = key.with_kid(id).map_err(|_wrong| {
                report
                    .error(format!("{at}.id"), "it cannot be the name of a key")
                    .hint("such as `2026-11`");
            });
            named.ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use yumen_model::Secret;

    use super::*;

    /// The key of RFC 8037, which everybody has.
    const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn written(key: &str, algorithm: Option<&str>, id: Option<&str>) -> Written {
        let text = |text: &str| text.to_owned();
        Written { key: Secret::from(key), algorithm: algorithm.map(text), id: id.map(text) }
    }

    fn read(keys: Vec<Written>) -> (Signers, Vec<String>) {
        let signing_keys = vec![SigningKeys { name: "gateway".to_owned(), keys }];
        let model = Model { signing_keys, ..Model::default() };
        let mut report = Report::default();
        let signers = compile(&model, &mut report);
        let problems = report.problems().iter();
        (signers, problems.map(|one| format!("{}: {}", one.path, one.message)).collect())
    }

    #[test]
    fn the_first_key_signs_and_all_are_published() {
        let (signers, problems) =
            read(vec![written(JWK, None, Some("new")), written(JWK, Some("EdDSA"), None)]);
        assert_eq!(problems, [""; 0]);
        let signer = signers.named("gateway", "c", &mut Report::default()).unwrap();
        assert_eq!(signer.key().kid(), Some("new"));
        let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(signer.keys().nth(1).unwrap().kid(), Some(thumbprint));
        let document = yumen_policy::signers::document(&[signer]);
        assert!(document.contains("\"new\"") && document.contains(thumbprint), "{document}");
        assert!(!document.contains("nWGxne_9"), "{document}");
        let mut report = Report::default();
        assert!(signers.named("gatewy", "c", &mut report).is_none());
        assert_eq!(report.problems()[0].hint.as_deref(), Some("did you mean `gateway`?"));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place_and_without_the_key() {
        for (keys, expect) in [
            (vec![], "signing_keys[0].keys: there are 1 to 16 keys"),
            (
                vec![written("s3cret", None, None)],
                "signing_keys[0].keys[0].key: there is no PEM text",
            ),
            (vec![written(JWK, Some("HS256"), None)], "signing_keys[0].keys[0].key: no algorithm"),
            (vec![written(JWK, Some("RS256"), None)], "signing_keys[0].keys[0].key: no algorithm"),
            (vec![written(JWK, Some("s"), None)], "signing_keys[0].keys[0].algorithm: `s` is no"),
            (vec![written(JWK, None, Some(""))], "signing_keys[0].keys[0].id: it cannot"),
            (
                vec![written(JWK, None, None), written(JWK, None, None)],
                "signing_keys[0].keys[1]: another key here has the same name",
            ),
        ] {
            let (signers, problems) = read(keys);
            assert!(
                problems.len() == 1 && problems[0].starts_with(expect),
                "{expect}: {problems:?}"
            );
            assert!(!problems[0].contains("s3cret"));
            // It is not told again where it is used.
            let mut report = Report::default();
            assert!(signers.named("gateway", "c", &mut report).is_none() && report.is_empty());
        }
    }
}

//! Keys of consumers that tokens are signed with.

use yumen_directory::{Material, Pepper, Proof, Stated};
use yumen_jose::{Algorithm, Algorithms, Key, stated};
use yumen_model::report::Report;
use yumen_model::{Moment, TokenKeyCredential};

use super::check_text;

/// Makes the keys of a consumer ready. All their problems are told.
pub(super) fn compile(
    name: &str,
    keys: &[TokenKeyCredential],
    pepper: &Pepper,
    at: &str,
    report: &mut Report,
) -> Vec<Stated> {
    let keys = keys.iter().enumerate();
    let stated = keys.filter_map(|(index, key)| {
        compile_one(name, key, pepper, &format!("{at}[{index}]"), report)
    });
    stated.collect()
}

fn compile_one(
    name: &str,
    credential: &TokenKeyCredential,
    pepper: &Pepper,
    at: &str,
    report: &mut Report,
) -> Option<Stated> {
    let TokenKeyCredential { name: own, key, algorithms, label, expires } = credential;
    if let Some(label) = label {
        check_text(label, &format!("{at}.label"), report);
    }
    let name = own.as_deref().unwrap_or(name);
    check_text(name, &format!("{at}.name"), report);
    let algorithms = read_algorithms(algorithms, &format!("{at}.algorithms"), report)?;
    let material = stated(algorithms, key.text());
    if let Err(problem) = Key::from_stated(&material) {
        report.error(format!("{at}.key"), problem.to_string()).hint(
            "PEM text of a public key or a certificate, a JWK, or a secret of 32 bytes or more",
        );
        return None;
    }
    Some(Stated {
        proof: Proof::TokenKey,
        digest: pepper.digest(Proof::TokenKey, name.as_bytes()),
        label: label.as_deref().map(Box::from),
        expires: expires.map(Moment::seconds),
        material: Material::Secret(material.into()),
    })
}

fn read_algorithms(names: &[String], at: &str, report: &mut Report) -> Option<Algorithms> {
    let mut all = Some(Algorithms::NONE);
    for (index, name) in names.iter().enumerate() {
        let algorithm = Algorithm::named(name);
        if algorithm.is_none() {
            report
                .error(format!("{at}[{index}]"), format!("`{name}` is no algorithm that is known"))
                .hint("such as `RS256`, `ES256`, `EdDSA` or `HS256`");
        }
        all = all.zip(algorithm).map(|(all, one)| all.iter().chain([one]).collect());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumers::compile_consumer;

    fn check(key: &serde_json::Value) -> Result<Stated, String> {
        let mut report = Report::default();
        let consumer = serde_json::json!({ "name": "shop", "token_keys": [key] });
        let consumer = serde_json::from_value(consumer).unwrap();
        let entry = compile_consumer(&consumer, (&Pepper::new(""), None), "c", &mut report);
        let mut entry = entry.ok_or_else(|| report.to_string())?;
        Ok(entry.credentials.remove(0))
    }

    #[test]
    fn a_key_is_found_by_its_name() {
        let digest = |name: &str| Pepper::new("").digest(Proof::TokenKey, name.as_bytes());
        let secret = "a secret of at least 32 bytes for HS256";
        let own = check(&serde_json::json!({ "key": secret })).unwrap();
        assert_eq!(
            (own.digest, own.material),
            (digest("shop"), Material::Secret(format!("\n{secret}").into()))
        );
        let named = serde_json::json!({
            "name": "https://id.example", "key": secret, "algorithms": ["HS256"], "expires": "2027-01-31",
        });
        let named = check(&named).unwrap();
        assert_eq!(named.digest, digest("https://id.example"));
        assert_eq!(named.material, Material::Secret(format!("HS256\n{secret}").into()));
        assert_eq!(named.expires, Some(1_801_353_600));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_it() {
        for (key, path, words) in [
            (serde_json::json!({ "key": "thin s3cret" }), "c.token_keys[0].key", "11 bytes"),
            (
                serde_json::json!({ "key": "-----BEGIN s3cret" }),
                "c.token_keys[0].key",
                "32 bytes or more",
            ),
            (
                serde_json::json!({ "key": "s3cret".repeat(8), "algorithms": ["RS256"] }),
                "c.token_keys[0].key",
                "no algorithm is left",
            ),
            (
                serde_json::json!({ "key": "s3cret".repeat(8), "algorithms": ["none"] }),
                "c.token_keys[0].algorithms[0]",
                "`none` is no algorithm",
            ),
            (
                serde_json::json!({ "key": "s3cret".repeat(8), "name": "" }),
                "c.token_keys[0].name",
                "1 to 256",
            ),
        ] {
            let problem = check(&key).unwrap_err();
            assert!(problem.contains(path) && problem.contains(words), "{key}: {problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}

//! Secrets that consumers sign requests with, checked.

use std::borrow::Cow;

use data_encoding::BASE64;
use yumen_directory::{Material, Pepper, Proof, Stated};
use yumen_model::report::Report;
use yumen_model::{Moment, SecretCredential, SecretEncoding};
use yumen_seal::SealingKey;

use super::check_text;

/// The longest secret, in bytes; and the shortest, as shorter ones are found by trying.
const SECRET_MAX: usize = 512;
const SECRET_MIN: usize = 16;

pub(super) fn compile(
    credential: &SecretCredential,
    (pepper, sealing): (&Pepper, Option<&SealingKey>),
    at: &str,
    report: &mut Report,
) -> Option<Stated> {
    let SecretCredential { id, encoding, label, expires, .. } = credential;
    if let Some(label) = label {
        check_text(label, &format!("{at}.label"), report);
    }
    check_text(id, &format!("{at}.id"), report);
    // Signatures name it in a quoted string.
    if !id.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        report
            .error(format!("{at}.id"), "it is more than ASCII without quotes and backslashes")
            .hint("signatures name it in a quoted string");
    }
    let (key, text) = text(credential, sealing, at, report)?;
    let bytes = match encoding {
        SecretEncoding::Text => Some(text.as_bytes().to_vec()),
        SecretEncoding::Base64 => BASE64.decode(text.as_bytes()).ok(),
    };
    let Some(bytes) = bytes else {
        report
            .error(format!("{at}.{key}"), "it is no base64")
            .hint("with its padding, without line breaks; or `encoding: text`");
        return None;
    };
    if !(SECRET_MIN..=SECRET_MAX).contains(&bytes.len()) {
        report
            .error(
                format!("{at}.{key}"),
                format!("a secret has {SECRET_MIN} to {SECRET_MAX} bytes"),
            )
            .hint("such as what `openssl rand -hex 32` prints");
        return None;
    }
    Some(Stated {
        proof: Proof::Secret,
        digest: pepper.digest(Proof::Secret, id.as_bytes()),
        label: label.as_deref().map(Box::from),
        expires: expires.map(Moment::seconds),
        // It may be any bytes, and what is kept is text.
        material: Material::Secret(BASE64.encode(&bytes).into()),
    })
}

/// The secret as it is written, and under which key that is; opened if it was sealed.
fn text<'a>(
    credential: &'a SecretCredential,
    sealing: Option<&SealingKey>,
    at: &str,
    report: &mut Report,
) -> Option<(&'static str, Cow<'a, str>)> {
    let SecretCredential { id, secret, secret_sealed, .. } = credential;
    match (secret, secret_sealed, sealing) {
        (Some(secret), None, _) => Some(("secret", secret.text().into())),
        (None, Some(sealed), Some(key)) => {
            let open = key.open(id, sealed.trim());
            if open.is_none() {
                report
                    .error(
                        format!("{at}.secret_sealed"),
                        "it was not sealed for this `id` with `directory.sealing_key`",
                    )
                    .hint("`yumen seal-secret` seals it");
            }
            open.map(|text| ("secret_sealed", text.into()))
        }
        (None, Some(_), None) => {
            report
                .error(
                    format!("{at}.secret_sealed"),
                    "there is no `directory.sealing_key` to open it",
                )
                .hint("such as `sealing_key: ${file:sealing.key}`");
            None
        }
        _ => {
            report
                .error(at, "there must be either `secret` or `secret_sealed`")
                .hint("`yumen seal-secret` seals one");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_enough_bytes_and_is_not_told() {
        for (credential, expect) in [
            (serde_json::json!({ "id": "a", "secret": "0123456789abcdef" }), None),
            (
                serde_json::json!({ "id": "a", "secret": "MDEyMzQ1Njc4OWFiY2RlZg==", "encoding": "base64" }),
                None,
            ),
            (
                serde_json::json!({ "id": "a", "secret": "0123456789abcde" }),
                Some("c.secret: a secret has 16"),
            ),
            (serde_json::json!({ "id": "a", "secret": "" }), Some("c.secret: a secret has 16")),
            (
                serde_json::json!({ "id": "a", "secret": "x".repeat(513) }),
                Some("c.secret: a secret"),
            ),
            (
                serde_json::json!({ "id": "a", "secret": "0123456789abcdef0", "encoding": "base64" }),
                Some("c.secret: it is no base64"),
            ),
            (serde_json::json!({ "id": "", "secret": "0123456789abcdef" }), Some("c.id: it has 1")),
            (
                serde_json::json!({ "id": "a\"b", "secret": "0123456789abcdef" }),
                Some("c.id: it is more than ASCII"),
            ),
        ] {
            let mut report = Report::default();
            let shown = credential.to_string();
            let credential: SecretCredential = serde_json::from_value(credential).unwrap();
            let stated = compile(&credential, (&Pepper::new(""), None), "c", &mut report);
            match expect {
                None => {
                    let material = Material::Secret("MDEyMzQ1Njc4OWFiY2RlZg==".into());
                    assert_eq!(stated.unwrap().material, material, "{shown}");
                }
                Some(words) => {
                    let told = report.problems().first().unwrap();
                    let told = format!("{}: {}", told.path, told.message);
                    assert!(told.starts_with(words), "{shown}: {told}");
                    assert!(!told.contains("01234"), "{told}");
                }
            }
            assert!(!format!("{credential:?}").contains("0123"), "{credential:?}");
        }
    }

    #[test]
    fn a_sealed_secret_is_opened_for_its_id() {
        let key = SealingKey::new("0123456789abcdef0123456789abcdef").unwrap();
        let sealed = key.seal("a", "fedcba9876543210").unwrap();
        let short = key.seal("a", "short").unwrap();
        for (id, secret, sealed, key, expect) in [
            ("a", None, Some(&sealed), Some(&key), None),
            ("b", None, Some(&sealed), Some(&key), Some("c.secret_sealed: it was not sealed")),
            ("a", None, Some(&short), Some(&key), Some("c.secret_sealed: a secret has 16")),
            ("a", None, Some(&sealed), None, Some("c.secret_sealed: there is no")),
            (
                "a",
                Some("fedcba9876543210"),
                Some(&sealed),
                Some(&key),
                Some("c: there must be either"),
            ),
            ("a", None, None, Some(&key), Some("c: there must be either")),
        ] {
            let mut report = Report::default();
            let credential =
                serde_json::json!({ "id": id, "secret": secret, "secret_sealed": sealed });
            let credential: SecretCredential = serde_json::from_value(credential).unwrap();
            let stated = compile(&credential, (&Pepper::new(""), key), "c", &mut report);
            let told = report.problems().first();
            let told = told.map(|told| format!("{}: {}", told.path, told.message));
            match expect {
                None => {
                    let material = Material::Secret(BASE64.encode(b"fedcba9876543210").into());
                    assert_eq!((stated.unwrap().material, told), (material, None));
                }
                Some(words) => assert!(told.as_ref().unwrap().starts_with(words), "{told:?}"),
            }
        }
    }
}

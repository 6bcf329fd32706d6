//! Secrets that consumers sign requests with, checked.

use data_encoding::BASE64;
use yumen_directory::{Material, Pepper, Proof, Stated};
use yumen_model::report::Report;
use yumen_model::{Moment, SecretCredential, SecretEncoding};

use super::check_text;

/// The longest secret, in bytes; and the shortest, as shorter ones are found by trying.
const SECRET_MAX: usize = 512;
const SECRET_MIN: usize = 16;

pub(super) fn compile(
    credential: &SecretCredential,
    pepper: &Pepper,
    at: &str,
    report: &mut Report,
) -> Option<Stated> {
    let SecretCredential { id, secret, encoding, label, expires } = credential;
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
    let text = secret.text().as_bytes();
    let bytes = match encoding {
        SecretEncoding::Text => Some(text.to_vec()),
        SecretEncoding::Base64 => BASE64.decode(text).ok(),
    };
    let Some(bytes) = bytes else {
        report
            .error(format!("{at}.secret"), "it is no base64")
            .hint("with its padding, without line breaks; or `encoding: text`");
        return None;
    };
    if !(SECRET_MIN..=SECRET_MAX).contains(&bytes.len()) {
        report
            .error(
                format!("{at}.secret"),
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
            (serde_json::json!({ "id": "a", "secret": "0123456789abcde" }), Some("c.secret: a secret has 16")),
            (serde_json::json!({ "id": "a", "secret": "" }), Some("c.secret: a secret has 16")),
            (serde_json::json!({ "id": "a", "secret": "x".repeat(513) }), Some("c.secret: a secret")),
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
            let stated = compile(&credential, &Pepper::new(""), "c", &mut report);
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
}

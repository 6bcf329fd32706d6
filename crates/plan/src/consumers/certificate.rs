//! Certificates that consumers are known by, checked.

use yumen_directory::{Material, Pepper, Proof, Stated, certificate};
use yumen_model::report::Report;
use yumen_model::{CertificateCredential, Moment};

use super::check_text;

/// The longest name or subject, in bytes.
const NAME_MAX: usize = 1024;

pub(super) fn compile(
    credential: &CertificateCredential,
    pepper: &Pepper,
    at: &str,
    report: &mut Report,
) -> Option<Stated> {
    let CertificateCredential { fingerprint, subject, name, label, expires } = credential;
    if let Some(label) = label {
        check_text(label, &format!("{at}.label"), report);
    }
    let (key, found_by, hint) = match (fingerprint, subject, name) {
        (Some(text), None, None) => (
            "fingerprint",
            certificate::fingerprint(text),
            "`openssl x509 -noout -fingerprint -sha256 -in FILE` prints it",
        ),
        (None, Some(text), None) => {
            let is_good = !text.trim().is_empty() && text.len() <= NAME_MAX;
            let found_by = certificate::subject(text);
            ("subject", is_good.then_some(found_by), "such as `CN=orders,O=shop`")
        }
        (None, None, Some(text)) => {
            let found_by = certificate::name(text).filter(|_| text.len() <= NAME_MAX);
            ("name", found_by, "such as `dns:client.example` or `uri:spiffe://a/b`")
        }
        _ => {
            report
                .error(at, "there must be exactly one of `fingerprint`, `subject` and `name`")
                .hint("for another one, a further entry in the list");
            return None;
        }
    };
    let Some(found_by) = found_by else {
        report.error(format!("{at}.{key}"), format!("no certificate has such a {key}")).hint(hint);
        return None;
    };
    Some(Stated {
        proof: Proof::Certificate,
        digest: pepper.digest(Proof::Certificate, found_by.as_bytes()),
        label: label.as_deref().map(Box::from),
        expires: expires.map(Moment::seconds),
        material: Material::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_thing_is_known_of_a_certificate() {
        let hex = "ab".repeat(32);
        for (credential, expect) in [
            (serde_json::json!({ "fingerprint": hex }), None),
            (
                serde_json::json!({ "subject": "CN=a", "label": "CI", "expires": "2027-01-31" }),
                None,
            ),
            (serde_json::json!({ "name": "dns:a.test" }), None),
            (serde_json::json!({}), Some("c: there must be exactly one")),
            (serde_json::json!({ "name": "dns:a", "subject": "CN=a" }), Some("c: there must be")),
            (serde_json::json!({ "fingerprint": "12" }), Some("c.fingerprint: no certificate")),
            (serde_json::json!({ "subject": " " }), Some("c.subject: no certificate")),
            (serde_json::json!({ "subject": "x".repeat(1025) }), Some("c.subject: no certificate")),
            (serde_json::json!({ "name": "a.test" }), Some("c.name: no certificate")),
            (serde_json::json!({ "name": "dns:a", "label": "\n" }), Some("c.label: ")),
        ] {
            let mut report = Report::default();
            let shown = credential.to_string();
            let credential: CertificateCredential = serde_json::from_value(credential).unwrap();
            let stated = compile(&credential, &Pepper::new(""), "c", &mut report);
            match expect {
                None => assert!(stated.is_some() && report.problems().is_empty(), "{shown}"),
                Some(words) => {
                    let told = report.problems().first().unwrap();
                    let told = format!("{}: {}", told.path, told.message);
                    assert!(told.starts_with(words), "{shown}: {told}");
                }
            }
        }
    }
}

//! What a client is told that its credentials are for (RFC 9110 section 11.5).

use yumen_http::is_field_value;
use yumen_model::report::Report;

use crate::Challenge;

/// The realm of policies that are not told another one.
pub const USUAL: &str = "yumen";
/// The longest realm, in bytes.
const REALM_MAX: usize = 256;

/// The challenge of a scheme with a realm; what is wrong with that goes to the report.
pub fn challenge(scheme: &str, realm: &str, at: &str, report: &mut Report) -> Challenge {
    if realm.len() > REALM_MAX || !is_field_value(realm.as_bytes()) {
        report
            .error(
                at,
                format!("a realm has at most {REALM_MAX} bytes, none of them a control character"),
            )
            .hint("such as `orders`");
    }
    let mut text = format!("{scheme} realm=\"");
    for one in realm.chars() {
        if matches!(one, '"' | '\\') {
            text.push('\\');
        }
        text.push(one);
    }
    text.push('"');
    Challenge(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_are_quoted() {
        let mut report = Report::default();
        let mut check = |realm: &str| challenge("Key", realm, "c", &mut report).0;
        assert_eq!(&*check("a \"b\" \\c"), r#"Key realm="a \"b\" \\c""#);
        assert_eq!(&*check(""), r#"Key realm="""#);
        assert!(report.problems().is_empty());
        challenge("Key", "a\r\nX: 1", "c", &mut report);
        assert_eq!(report.problems().len(), 1);
    }
}

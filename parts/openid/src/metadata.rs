//! What a provider says of itself (OpenID Connect Discovery section 3).

use serde_json::{Map, Value};

/// The longest URL of an endpoint.
const URL_MAX: usize = 2048;

/// The endpoints of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Where browsers are sent to log in.
    pub authorization: String,
    /// Where codes become tokens.
    pub token: String,
    /// Who tells more of somebody.
    pub userinfo: Option<String>,
    /// Where browsers are sent to log out.
    pub end_session: Option<String>,
    /// Whether answers say whose they are (RFC 9207): then they have to.
    pub says_issuer: bool,
}

impl Metadata {
    /// Reads what a provider says, whose issuer was looked at before. With `is_secure` all endpoints have
    /// to be: who is asked by TLS for the one must not be asked in clear text for the other.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub fn read(said: &Map<String, Value>, is_secure: bool) -> Result<Self, String> {
        let url = |name: &str| match said.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(url)) if is_url(url, is_secure) => Ok(Some(url.clone())),
            Some(_) => Err(format!("`{name}` of the provider is no URL that can be asked")),
        };
        let needed = |name: &str| url(name)?.ok_or_else(|| format!("the provider has no `{name}`"));
        let says_issuer = said.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            authorization: needed("authorization_endpoint")?,
            token: needed("token_endpoint")?,
            userinfo: url("userinfo_endpoint")?,
            end_session: url("end_session_endpoint")?,
            says_issuer: says_issuer == Some(&Value::Bool(true)),
        })
    }
}

/// Whether it can stand in a `Location` and be asked.
fn is_url(url: &str, is_secure: bool) -> bool {
    let rest = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if !is_secure => rest,
        _ => return false,
    };
    let has_host = !rest.is_empty() && !rest.starts_with(['/', '?', ':']);
    has_host
        && url.len() <= URL_MAX
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_are_urls_and_as_secure_as_the_issuer() {
        let read = |said: Value, is_secure| Metadata::read(said.as_object().unwrap(), is_secure);
        let (a, t) = ("https://i/a", "https://i/t");
        let good = json!({
            "authorization_endpoint": a, "token_endpoint": t, "userinfo_endpoint": null,
            "end_session_endpoint": "https://i/e?x=y",
            "authorization_response_iss_parameter_supported": true,
        });
        let expect = Metadata {
            authorization: a.to_owned(),
            token: t.to_owned(),
            userinfo: None,
            end_session: Some("https://i/e?x=y".to_owned()),
            says_issuer: true,
        };
        assert_eq!(read(good, true), Ok(expect));
        let plain = json!({"authorization_endpoint": "http://i/a", "token_endpoint": t});
        assert!(!read(plain.clone(), false).unwrap().says_issuer);
        for (said, words) in [
            (plain, "`authorization_endpoint` of the provider is no URL"),
            (json!({"token_endpoint": t}), "no `authorization_endpoint`"),
            (json!({"authorization_endpoint": a}), "no `token_endpoint`"),
            (json!({"authorization_endpoint": [a], "token_endpoint": t}), "is no URL"),
            (json!({"authorization_endpoint": "javascript:x", "token_endpoint": t}), "is no URL"),
            (json!({"authorization_endpoint": "https:///a", "token_endpoint": t}), "is no URL"),
            (
                json!({"authorization_endpoint": "https://i/a\r\nX: y", "token_endpoint": t}),
                "is no URL",
            ),
            (json!({"authorization_endpoint": "https://i/a#x", "token_endpoint": t}), "is no URL"),
            (
                json!({"authorization_endpoint": a, "token_endpoint": t, "userinfo_endpoint": 1}),
                "`userinfo_endpoint`",
            ),
        ] {
            let why = read(said.clone(), true).unwrap_err();
            assert!(why.contains(words), "{said}: {why}");
        }
    }
}

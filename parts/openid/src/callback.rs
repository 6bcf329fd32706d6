//! What a browser brings back from the provider (OpenID Connect Core section 3.1.2.5, RFC 9207).

use yumen_http::query;

/// The longest code, and the longest name of an error.
const CODE_MAX: usize = 4096;
const ERROR_MAX: usize = 64;

/// What a browser brings back.
#[derive(Debug, PartialEq, Eq)]
pub struct Callback {
    /// Which attempt it belongs to.
    pub state: String,
    /// Whose answer it is, if the provider says so.
    pub issuer: Option<String>,
    /// A code, or why there is none.
    pub outcome: Outcome,
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A code that is good for tokens, once.
    Code(String),
    /// The provider refuses.
    Refused(Refusal),
}

/// Why a provider refuses.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Whoever was asked said no.
    Denied,
    /// The provider would have to ask for something, and was told not to.
    Asks,
    /// The provider cannot just now.
    Busy,
    /// Something else; the word is fit for a log.
    Other(String),
}

impl Callback {
    /// Reads the query of the redirect.
    ///
    /// # Errors
    /// Why it is none, for the log.
    pub fn read(query: &[u8]) -> Result<Self, &'static str> {
        let state = only(query, "state")?.ok_or("there is no `state`")?;
        let issuer = only(query, "iss")?;
        let outcome = match (only(query, "code")?, only(query, "error")?) {
            (Some(code), None) if is_code(&code) => Outcome::Code(code),
            (Some(_), None) => return Err("the code cannot be"),
            (None, Some(error)) => Outcome::Refused(Refusal::of(&error)),
            (None, None) => return Err("there is neither `code` nor `error`"),
            (Some(_), Some(_)) => return Err("there are both `code` and `error`"),
        };
        Ok(Self { state, issuer, outcome })
    }
}

impl Refusal {
    /// By the name of an error.
    #[must_use]
    pub fn of(error: &str) -> Self {
        match error {
            "access_denied" => Self::Denied,
            "login_required"
            | "interaction_required"
            | "consent_required"
            | "account_selection_required" => Self::Asks,
            "temporarily_unavailable" | "server_error" => Self::Busy,
            other => {
                let is_word = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-');
                let word: String =
                    other.chars().filter(|one| is_word(*one)).take(ERROR_MAX).collect();
                Self::Other(word)
            }
        }
    }
}

fn is_code(code: &str) -> bool {
    // RFC 6749 appendix A.11.
    (1..=CODE_MAX).contains(&code.len()) && code.bytes().all(|one| matches!(one, b' '..=b'~'))
}

/// The value of a parameter that stands once at most.
fn only(query: &[u8], name: &str) -> Result<Option<String>, &'static str> {
    let mut values = query::values(query, name);
    let value = values.next();
    if values.next().is_some() {
        return Err("a parameter stands twice");
    }
    let text = value.map(|value| String::from_utf8(value.into_owned()));
    text.transpose().map_err(|_binary| "a parameter is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_one_way_or_not_at_all() {
        let code = |code: &str| Ok(Outcome::Code(code.to_owned()));
        let refused = |why| Ok(Outcome::Refused(why));
        for (query, expect) in [
            ("state=s&code=c", code("c")),
            ("code=a%2Bb&state=s&iss=https%3A%2F%2Fi&x=y", code("a+b")),
            (
                "state=s&error=access_denied&error_description=%3Cscript%3E",
                refused(Refusal::Denied),
            ),
            ("state=s&error=login_required", refused(Refusal::Asks)),
            ("state=s&error=temporarily_unavailable", refused(Refusal::Busy)),
            ("state=s&error=%3Cb%3Eodd_one%0D%0A", refused(Refusal::Other("bodd_one".to_owned()))),
            ("state=s", Err("there is neither `code` nor `error`")),
            ("code=c", Err("there is no `state`")),
            ("", Err("there is no `state`")),
            ("state=s&code=c&error=access_denied", Err("there are both `code` and `error`")),
            ("state=s&code=", Err("the code cannot be")),
            ("state=s&code=a%0Ab", Err("the code cannot be")),
            ("state=s&code=c&code=c", Err("a parameter stands twice")),
            ("state=s&state=s&code=c", Err("a parameter stands twice")),
            ("state=s&code=c&iss=a&iss=a", Err("a parameter stands twice")),
            ("state=s&code=c&%69ss=a&iss=b", Err("a parameter stands twice")),
            ("state=%FF&code=c", Err("a parameter is no text")),
        ] {
            let read = Callback::read(query.as_bytes());
            assert_eq!(read.map(|read| read.outcome), expect, "{query}");
        }
        let read = Callback::read(b"code=c&state=s&iss=https%3A%2F%2Fi").unwrap();
        assert_eq!((read.state.as_str(), read.issuer.as_deref()), ("s", Some("https://i")));
        let long = format!("state=s&code={}", "c".repeat(CODE_MAX + 1));
        assert!(Callback::read(long.as_bytes()).is_err());
        assert_eq!(Refusal::of(&"x".repeat(900)), Refusal::Other("x".repeat(ERROR_MAX)));
    }
}

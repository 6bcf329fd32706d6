//! Lists of field names: exact ones, and beginnings of names (`X-Auth-*`).

use yumen_http::{Fields, Known, is_token};

/// A name and a value.
pub type Field = (Box<str>, Box<[u8]>);

/// Names of one list.
const NAMES_MAX: usize = 64;
/// The shortest beginning of a name: a shorter one would be about fields that nobody thought of.
const START_MIN: usize = 3;

/// Field names that are meant, upper and lower case aside.
#[derive(Debug, Default, Clone)]
pub struct Names {
    exact: Vec<String>,
    starts: Vec<String>,
}

/// What is wrong with a name of a field that a service or a server is told something in, if anything
/// is: those of HTTP and of the gateway, and credentials of the client, are not to be written over.
///
/// # Errors
/// A sentence about it.
pub fn check_name(name: &str) -> Result<(), String> {
    if !is_token(name.as_bytes()) {
        return Err(format!("`{name}` is no name of a header field"));
    }
    let is_taken = ["authorization", "cookie"].iter().any(|one| name.eq_ignore_ascii_case(one));
    match Known::of(name.as_bytes()) {
        Known::Other if !is_taken => Ok(()),
        Known::Underscore => {
            Err(format!("`{name}` has an underscore: many servers read it as a dash"))
        }
        _ => Err(format!("`{name}` belongs to HTTP, the gateway or the client")),
    }
}

impl Names {
    /// Reads a list. A name that ends with `*` stands for all that begin so; each other one must pass
    /// the check.
    ///
    /// # Errors
    /// The place in the list of each that is wrong, with a sentence about it; the list as a whole has the
    /// place behind its end.
    pub fn compile(
        names: &[String],
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Self, Vec<(usize, String)>> {
        let mut wrong = Vec::new();
        let mut all = Self::default();
        for (place, name) in names.iter().enumerate() {
            let checked = match name.strip_suffix('*') {
                Some(start) if start.len() < START_MIN || !is_token(start.as_bytes()) => Err(
                    format!("`{name}` is no beginning of {START_MIN} or more letters and a `*`"),
                ),
                Some(start) => {
                    all.starts.push(start.to_ascii_lowercase());
                    Ok(())
                }
                None => {
                    all.exact.push(name.clone());
                    check(name)
                }
            };
            wrong.extend(checked.err().map(|why| (place, why)));
        }
        if names.len() > NAMES_MAX {
            wrong.push((names.len(), format!("there are more than {NAMES_MAX} names")));
        }
        if wrong.is_empty() { Ok(all) } else { Err(wrong) }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.starts.is_empty()
    }

    /// The names that are written out.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().map(String::as_str)
    }

    /// Whether a name is meant.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        let begins = |start: &String| {
            name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes()))
        };
        self.exact.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name))
            || self.starts.iter().any(begins)
    }

    /// Whether a name is meant that may be told to a service: of a beginning, only what is neither
    /// HTTP's nor the gateway's.
    #[must_use]
    pub fn has_free(&self, name: &str) -> bool {
        self.has(name.as_bytes()) && check_name(name).is_ok()
    }

    /// Takes all fields out that are meant and free.
    pub fn clear(&self, fields: &mut Fields) {
        self.exact.iter().for_each(|name| fields.remove(name));
        if self.starts.is_empty() {
            return;
        }
        let names = fields.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok());
        let gone: Vec<String> =
            names.filter(|name| self.has_free(name)).map(str::to_owned).collect();
        gone.iter().for_each(|name| fields.remove(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Result<Names, Vec<(usize, String)>> {
        let list: Vec<String> = list.iter().map(|&name| name.to_owned()).collect();
        Names::compile(&list, check_name)
    }

    #[test]
    fn names_and_beginnings_are_taken_out() {
        let names = names(&["X-User", "Remote-*"]).unwrap();
        let mut fields = Fields::new();
        for name in ["x-user", "X-USER-ID", "remote-groups", "Remote-", "X-Remote-A", "remot"] {
            fields.add(name, b"1").unwrap();
        }
        names.clear(&mut fields);
        let left: Vec<_> = fields.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        assert_eq!(left, ["X-USER-ID", "X-Remote-A", "remot"]);
    }

    #[test]
    fn a_beginning_does_not_reach_what_is_not_free() {
        let names = names(&["X-Forwarded-*", "Auth*", "Conn*"]).unwrap();
        for name in ["X-Forwarded-For", "Authorization", "Connection", "x_forwarded_a"] {
            assert!(!names.has_free(name), "{name}");
        }
        assert!(names.has_free("X-Forwarded-User") && names.has_free("Auth-Level"));
    }

    #[test]
    fn names_that_cannot_be_told_are_refused() {
        for name in [
            "",
            "a b",
            "X-User:",
            "Host",
            "content-length",
            "Connection",
            "Transfer-Encoding",
            "X-Forwarded-For",
            "X-Request-Id",
            "X-Consumer-Username",
            "X-Real-IP",
            "x_user",
            "Authorization",
            "cookie",
            "traceparent",
            "*",
            "X-*",
            "a b*",
        ] {
            assert_eq!(names(&[name]).map(|_| ()).unwrap_err().len(), 1, "{name}");
        }
        let many = vec!["X-A"; NAMES_MAX + 1];
        assert_eq!(names(&many).map(|_| ()).unwrap_err()[0].0, NAMES_MAX + 1);
    }
}

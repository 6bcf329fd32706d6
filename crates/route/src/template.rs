//! Texts with path parameters in braces, for rewritten paths and redirects.

use crate::{parameter::Parameters, rule::Fault};

/// A text such as `/v2/users/{id}`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Parameter(Box<str>),
}

impl Template {
    /// Understands a text, or names all that is wrong with it. `names` are the parameters it may
    /// use, see [`parameter_names`](crate::parameter_names). Braces stand for nothing else: in a
    /// URL they are written `%7B` and `%7D`.
    pub fn compile(text: &str, names: &[String]) -> Result<Self, Vec<Fault>> {
        let (mut pieces, mut faults) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            push_text(&mut pieces, before, &mut faults);
            if !names.iter().any(|known| known == name) {
                faults.push(unknown(name, names));
            }
            pieces.push(Piece::Parameter(name.into()));
            rest = after;
        }
        push_text(&mut pieces, rest, &mut faults);
        if faults.is_empty() { Ok(Self(pieces)) } else { Err(faults) }
    }

    /// Appends the text with the parameters' values as they stand in the canonical path, that is
    /// still percent-encoded. What comes out of a template for a path may need to be brought into
    /// canonical form again: an empty rest can leave `//` behind.
    pub fn render(&self, parameters: &Parameters<'_>, out: &mut Vec<u8>) {
        for piece in &self.0 {
            out.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Parameter(name) => parameters.value(name).unwrap_or_default(),
            });
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, faults: &mut Vec<Fault>) {
    if text.contains(['{', '}']) {
        let message = format!("`{text}` has a brace without its counterpart");
        faults.push(Fault::new(message, "write a parameter as `{id}`, a brace as `%7B` or `%7D`"));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
}

fn unknown(name: &str, names: &[String]) -> Fault {
    let hint = if names.is_empty() {
        "the paths of the rule have no parameter in common; name one, as in `/a/{id}`".into()
    } else {
        format!("all paths of the rule have: {}", names.join(", "))
    };
    let name = name.strip_suffix('*').unwrap_or(name);
    Fault::new(format!("the parameter `{name}` is not known here"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathPattern;

    #[test]
    fn values_are_put_where_their_names_stand() {
        let check = |pattern: &str, path: &str, template: &str, expect: &str| {
            let names = crate::parameter_names(&[pattern.into()]);
            let list = PathPattern::parse(pattern).unwrap().parameters();
            let parameters = Parameters { list: &list, path: path.as_bytes() };
            let mut out = b">".to_vec();
            Template::compile(template, &names).unwrap().render(&parameters, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!(">{expect}"), "{template}");
        };
        check("/users/{id}", "/users/7", "/v2/users/{id}", "/v2/users/7");
        check("/{a}/{b}", "/1/2", "/{b}/{a}/{b}.json", "/2/1/2.json");
        check(
            "/{rest*}",
            "/a/b%20c/",
            "https://new.example/{rest}",
            "https://new.example/a/b%20c/",
        );
        check("/x/{rest*}", "/x", "/y/{rest}", "/y/");
        check("/{a}", "/1", "/fixed", "/fixed");
        check("/{a}", "/1", "", "");
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        let check = |template: &str, expect: &[&str]| {
            let names = ["id".to_owned(), "rest".to_owned()];
            let faults = Template::compile(template, &names).unwrap_err();
            assert_eq!(faults.len(), expect.len(), "{template}: {faults:?}");
            for (fault, expect) in faults.iter().zip(expect) {
                assert!(fault.message.contains(expect), "{template}: {fault}");
            }
        };
        check("/{x}", &["`x` is not known"]);
        check("/{x}/{y}", &["`x` is not known", "`y` is not known"]);
        check("/{rest*}", &["`rest` is not known"]);
        check("/{}", &["`` is not known"]);
        check("/{id", &["brace"]);
        check("/id}", &["brace"]);
        check("/{id}}", &["brace"]);
        check("/{{id}}", &["`{id` is not known", "brace"]);
        assert!(Template::compile("/{x}", &[]).unwrap_err().remove(0).hint.contains("name one"));
    }
}

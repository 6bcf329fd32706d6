//! One route, compiled.

use std::sync::Arc;

use yumen_http::{Malformed, RequestHead, canonical_path};
use yumen_model::Route;
use yumen_route::{Parameters, Template};

use crate::action::Action;

/// One route.
#[derive(Debug)]
pub struct RoutePlan {
    /// Its name.
    pub name: Arc<str>,
    /// The name of its service; empty if it has none.
    pub service: Arc<str>,
    /// Its pattern for paths, by which its requests are told apart in traces; empty if it has none, or
    /// several.
    pub pattern: Box<str>,
    /// Where it is written, such as `services[0].routes[1]`.
    pub at: String,
    /// How the path changes.
    pub rewrite: Rewrite,
    /// The largest request body in bytes, if the route has its own limit.
    pub body_max: Option<u64>,
    /// The settings that it does not take from its service, by key.
    pub own: Box<[&'static str]>,
    /// What it does.
    pub action: Action,
}

/// The only pattern of a route, or else nothing.
pub(crate) fn pattern(route: &Route) -> Box<str> {
    match route.matches.paths.as_slice() {
        [only] => only.as_str().into(),
        _ => "".into(),
    }
}

/// The settings that a route has of its own instead of its service's.
pub(crate) fn own(route: &Route) -> Vec<&'static str> {
    let keys = [
        ("strip_prefix", route.strip_prefix.is_some()),
        ("rewrite", route.rewrite.is_some()),
        ("host", route.host.is_some()),
        ("client_certificate", route.client_certificate.is_some()),
        ("timeouts", route.timeouts.is_some()),
        ("retries", route.retries.is_some()),
        ("fallback", route.fallback.is_some()),
    ];
    keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
}

/// How the path of a request changes on its way to the service.
#[derive(Debug)]
pub enum Rewrite {
    /// Not at all.
    Keep,
    /// These segments go from its front: a path without a slash at its end.
    Strip(String),
    /// It is made anew from the parameters.
    Make(Template),
}

impl Rewrite {
    /// The path for the service; `None` if it stays as it is.
    ///
    /// # Errors
    /// If the parameters make a path of it that cannot be canonical.
    pub fn apply(
        &self,
        head: &RequestHead,
        parameters: &Parameters<'_>,
    ) -> Result<Option<String>, Malformed> {
        match self {
            Self::Keep => Ok(None),
            Self::Strip(prefix) => Ok(strip(head.path(), prefix)),
            Self::Make(template) => {
                let mut made = Vec::new();
                template.render(parameters, &mut made);
                let canonical = canonical_path(&made)?;
                let made = || {
                    String::from_utf8(made)
                        .map_err(|_not_ascii| Malformed("a path that is not ASCII"))
                };
                canonical.map_or_else(made, Ok).map(Some)
            }
        }
    }
}

/// Takes whole segments off the front; a path that does not start with them stays.
fn strip(path: &str, prefix: &str) -> Option<String> {
    match path.strip_prefix(prefix)? {
        "" => Some("/".to_owned()),
        rest if rest.starts_with('/') => Some(rest.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_segments_are_stripped() {
        for (path, prefix, expect) in [
            ("/api/users", "/api", Some("/users")),
            ("/api", "/api", Some("/")),
            ("/api/", "/api", Some("/")),
            ("/api../admin", "/api", None),
            ("/apis", "/api", None),
            ("/other", "/api", None),
            ("/a/b/c", "/a/b", Some("/c")),
        ] {
            assert_eq!(strip(path, prefix).as_deref(), expect, "{path} without {prefix}");
        }
    }
}

//! Older forms, both in `Authorization`: `Signature keyId="..."` (draft-cavage-http-signatures) and
//! `hmac username="..."`.

use std::time::UNIX_EPOCH;

use data_encoding::BASE64;
use yumen_http::{Fields, Version};
use yumen_policy::Exchange;

use crate::claim::{Algorithm, Claim, Covered, Why};
use crate::component::{field, request_target};

/// Names in `headers`.
const HEADERS_MAX: usize = 64;
/// The longest value of `Authorization`.
const VALUE_MAX: usize = 8192;

/// One of the older forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Older {
    Cavage,
    Hmac,
}

impl Older {
    fn scheme(self) -> &'static [u8] {
        match self {
            Self::Cavage => b"Signature ",
            Self::Hmac => b"hmac ",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Cavage => "keyId",
            Self::Hmac => "username",
        }
    }

    /// The parameters of this form that a request brings, if it brings any.
    pub(crate) fn find(self, fields: &Fields) -> Result<Option<&[u8]>, Why> {
        let mut values = fields.all("authorization");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err("the request brings several credentials".into());
        }
        let scheme = self.scheme();
        let Some((front, rest)) = value.split_at_checked(scheme.len()) else { return Ok(None) };
        if !front.eq_ignore_ascii_case(scheme) {
            return Ok(None);
        }
        if value.len() > VALUE_MAX {
            return Err("the signature is too long".into());
        }
        Ok(Some(rest.trim_ascii()))
    }

    /// What such parameters claim of this request.
    pub(crate) fn claim(self, parameters: &[u8], exchange: &Exchange) -> Result<Claim, Why> {
        let parameters = read(parameters).ok_or("the signature's parameters cannot be read")?;
        let known = [self.id(), "algorithm", "headers", "signature"];
        if let Some((name, _)) = parameters.iter().find(|(name, _)| !known.contains(name)) {
            return Err(format!("the signature's parameter `{name}` is not known").into());
        }
        let get = |name: &str| {
            let found = parameters.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value).ok_or_else(|| Why::from(format!("there is no {name}")))
        };
        let algorithm = Algorithm::read(get("algorithm")?).ok_or("the algorithm is not known")?;
        let signature = BASE64.decode(get("signature")?.as_bytes());
        let signature = signature.map_err(|_wrong| "the signature is no base64")?;
        let mut covered = Covered::default();
        let mut made = Vec::new();
        let base = self.base(get("headers")?, exchange, &mut covered, &mut made)?;
        let id = get(self.id())?.to_owned();
        if made.is_empty() {
            return Err("neither Date nor X-Date is covered: nobody knows when it was made".into());
        }
        Ok(Claim { id, algorithm, base, signature, covered, made, expires: None })
    }

    /// The text that was signed: a line for each name.
    fn base(
        self,
        names: &str,
        exchange: &Exchange,
        covered: &mut Covered,
        made: &mut Vec<i64>,
    ) -> Result<Vec<u8>, Why> {
        let names: Vec<String> = names.split(' ').map(str::to_ascii_lowercase).collect();
        if names.len() > HEADERS_MAX {
            return Err("the signature covers too much".into());
        }
        let mut lines = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if names.iter().take(index).any(|other| other == name) {
                return Err(format!("the signature covers `{name}` twice").into());
            }
            lines.push(self.line(name, exchange, covered).ok_or_else(|| {
                format!("the signature covers `{name}`, which the request does not have")
            })?);
            if matches!(name.as_str(), "date" | "x-date") {
                made.push(date(exchange, name).ok_or("the date cannot be read, or comes twice")?);
            }
        }
        Ok(lines.join(&b'\n'))
    }

    fn line(self, name: &str, exchange: &Exchange, covered: &mut Covered) -> Option<Vec<u8>> {
        let head = &exchange.request.head;
        let method = head.method().as_str();
        let target = request_target(exchange);
        let is_line =
            matches!((self, name), (_, "(request-target)") | (Self::Hmac, "request-line"));
        if is_line {
            covered.add("@method");
            covered.add("@request-target");
        }
        match (self, name) {
            // `purge` is another method than `PURGE`, and would be signed alike.
            (_, "(request-target)") if method.bytes().any(|byte| byte.is_ascii_lowercase()) => None,
            (_, "(request-target)") => {
                let method = method.to_ascii_lowercase();
                Some([b"(request-target): ", method.as_bytes(), b" ", &target].concat())
            }
            (Self::Hmac, "request-line") => {
                let version: &[u8] = match head.version() {
                    Version::Http10 => b" HTTP/1.0",
                    Version::Http11 => b" HTTP/1.1",
                    Version::Http2 => b" HTTP/2",
                    Version::Http3 => b" HTTP/3",
                    Version::Tcp | Version::Tls => return None,
                };
                Some([method.as_bytes(), b" ", &target, version].concat())
            }
            _ => {
                covered.add(name);
                Some([name.as_bytes(), b": ", &field(exchange, name)?].concat())
            }
        }
    }
}

/// A date in a field that comes once.
fn date(exchange: &Exchange, name: &str) -> Option<i64> {
    let text = std::str::from_utf8(exchange.request.head.fields().only(name)?).ok()?;
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// Names with quoted values, and commas between them. There are no escapes in them: neither ids nor base64
/// need any.
fn read(text: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut rest = std::str::from_utf8(text).ok()?;
    let mut all: Vec<(&str, &str)> = Vec::new();
    loop {
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = behind.split_once('"')?;
        let is_good = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !value.contains('\\')
            && !all.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is_good {
            return None;
        }
        all.push((name, value));
        let behind = behind.trim_start_matches([' ', '\t']);
        if behind.is_empty() {
            return Some(all);
        }
        rest = behind.strip_prefix(',')?.trim_start_matches([' ', '\t']);
    }
}

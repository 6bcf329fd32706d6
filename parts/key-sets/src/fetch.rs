//! Fetches one set, and reads what came.

use std::time::Duration;

use serde_json::{Map, Value};
use yumen_courier::{Answer, Courier, Request, Settings, Url};
use yumen_http::Method;
use yumen_jose::{KeySet, SET_BYTES_MAX, object};

use crate::remote::Source;
use crate::{LIFETIME, LIFETIME_MAX, LIFETIME_MIN, WITHIN};

/// What came.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    /// What the issuer says of itself, where that was asked for.
    pub(crate) metadata: Option<Map<String, Value>>,
    pub(crate) document: Vec<u8>,
    /// How long it is good.
    pub(crate) lifetime: Duration,
}

/// Fetches a set; with an issuer, first its metadata.
///
/// # Errors
/// In words for the operator.
pub(crate) async fn fetch(source: &Source) -> Result<Fetched, String> {
    if source.issuer.is_none() {
        return read(ask(source, &source.url).await?);
    }
    let answer = good(ask(source, &source.url).await?)?;
    let longest = lifetime(&answer);
    let (metadata, url) = place_of_keys(source, &answer.body)?;
    let keys = read(ask(source, &url).await?).map_err(|why| format!("its keys: {why}"))?;
    Ok(Fetched {
        document: [answer.body, keys.document].concat(),
        metadata: Some(metadata),
        lifetime: keys.lifetime.min(longest),
        ..keys
    })
}

async fn ask(source: &Source, url: &Url) -> Result<Answer, String> {
    let settings = Settings::new(url.target.clone(), source.client.clone());
    let courier = Courier::new(settings).map_err(|wrong| wrong.0.to_owned())?;
    let mut request = Request::new(Method::Get, &url.path).map_err(|bad| bad.0.to_owned())?;
    let accept = b"application/jwk-set+json, application/json";
    request.add("accept", accept).map_err(|bad| bad.0.to_owned())?;
    (request.within, request.answer_max) = (WITHIN, SET_BYTES_MAX);
    courier.ask(&request).await.map_err(|fault| fault.to_string())
}

/// Reads the metadata of an issuer (OpenID Connect Discovery section 3, RFC 8414 section 2), which must be
/// its own, and where it says that its keys are.
///
/// # Errors
/// In words for the operator.
pub(crate) fn place_of_keys(
    source: &Source,
    document: &[u8],
) -> Result<(Map<String, Value>, Url), String> {
    let metadata = object(document).ok_or("it is no JSON object whose members stand once")?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    if text("issuer") != source.issuer.as_deref() {
        return Err("it is of another issuer".to_owned());
    }
    let url = text("jwks_uri").ok_or("it has no `jwks_uri`")?;
    let url = Url::read(url).map_err(|bad| format!("its `jwks_uri` is {}", bad.0))?;
    if source.url.target.is_secure() && !url.target.is_secure() {
        return Err("its `jwks_uri` is in clear text".to_owned());
    }
    Ok((metadata, url))
}

/// Reads an answer. A redirect is no set: whoever answers does not choose whom the gateway asks.
///
/// # Errors
/// In words for the operator.
pub(crate) fn read(answer: Answer) -> Result<Fetched, String> {
    let answer = good(answer)?;
    let lifetime = lifetime(&answer);
    let keys = KeySet::from_json(&answer.body).map_err(|unusable| unusable.to_string())?;
    if keys.has_secrets() {
        return Err("it has secrets, which anybody may have read there".to_owned());
    }
    Ok(Fetched { keys, metadata: None, document: answer.body, lifetime })
}

fn good(answer: Answer) -> Result<Answer, String> {
    let status = answer.status.code();
    if status == 200 {
        return Ok(answer);
    }
    let followed = if (300..400).contains(&status) { "; redirects are not followed" } else { "" };
    Err(format!("the server answers with {status}{followed}"))
}

fn lifetime(answer: &Answer) -> Duration {
    let said = answer.fields.all("cache-control").find_map(max_age);
    said.unwrap_or(LIFETIME).clamp(LIFETIME_MIN, LIFETIME_MAX)
}

/// What `Cache-Control` says (RFC 9111 section 5.2.2): how long it may be kept.
pub(crate) fn max_age(value: &[u8]) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
    let mut directives = value.split(',').map(str::trim);
    directives.find_map(|directive| match directive.split_once('=') {
        None if matches!(directive, "no-store" | "no-cache") => Some(Duration::ZERO),
        Some(("max-age", seconds)) => {
            let seconds = seconds.trim_matches('"');
            let is_number = !seconds.is_empty() && seconds.bytes().all(|one| one.is_ascii_digit());
            // More than there is room for is a very long time.
            is_number.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    })
}

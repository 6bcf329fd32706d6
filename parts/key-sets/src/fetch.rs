//! Fetches one set, and reads what came.

use std::time::Duration;

use yumen_courier::{Answer, Courier, Request, Settings};
use yumen_http::Method;
use yumen_jose::{KeySet, SET_BYTES_MAX};

use crate::remote::Source;
use crate::{LIFETIME, LIFETIME_MAX, LIFETIME_MIN, WITHIN};

/// What came.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    pub(crate) document: Vec<u8>,
    /// How long it is good.
    pub(crate) lifetime: Duration,
}

/// Fetches a set.
///
/// # Errors
/// In words for the operator.
pub(crate) async fn fetch(source: &Source) -> Result<Fetched, String> {
    let settings = Settings::new(source.url.target.clone(), source.client.clone());
    let courier = Courier::new(settings).map_err(|wrong| wrong.0.to_owned())?;
    let mut request =
        Request::new(Method::Get, &source.url.path).map_err(|bad| bad.0.to_owned())?;
    let accept = b"application/jwk-set+json, application/json";
    request.add("accept", accept).map_err(|bad| bad.0.to_owned())?;
    (request.within, request.answer_max) = (WITHIN, SET_BYTES_MAX);
    let answer = courier.ask(&request).await.map_err(|fault| fault.to_string())?;
    read(answer)
}

/// Reads an answer. A redirect is no set: whoever answers does not choose whom the gateway asks.
///
/// # Errors
/// In words for the operator.
pub(crate) fn read(answer: Answer) -> Result<Fetched, String> {
    let status = answer.status.code();
    if status != 200 {
        let followed =
            if (300..400).contains(&status) { "; redirects are not followed" } else { "" };
        return Err(format!("the server answers with {status}{followed}"));
    }
    let lifetime = answer.fields.all("cache-control").find_map(max_age).unwrap_or(LIFETIME);
    let keys = KeySet::from_json(&answer.body).map_err(|unusable| unusable.to_string())?;
    if keys.has_secrets() {
        return Err("it has secrets, which anybody may have read there".to_owned());
    }
    let lifetime = lifetime.clamp(LIFETIME_MIN, LIFETIME_MAX);
    Ok(Fetched { keys, document: answer.body, lifetime })
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

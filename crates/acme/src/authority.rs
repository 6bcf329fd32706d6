//! Requests to the authority, by couriers: one for each server that its directory leads to.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::Body as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use yumen_courier::{Answer, Bounds, Courier, Fault, Request, Settings, Url};
use yumen_http::Method;
use yumen_tls::Client;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that is read of an answer.
const ANSWER_MAX: usize = 1024 * 1024;
/// Servers of one authority to which connections are kept.
const SERVERS_MAX: usize = 4;

/// For how many seconds the authority wants to be left alone, as it said in its last answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks(Arc<AtomicU64>);

impl Asks {
    pub(crate) fn seconds(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0)
    }
}

/// The authority, to send requests to.
#[derive(Debug)]
pub(crate) struct Authority {
    client: Arc<Client>,
    asks: Asks,
    /// The one asked last stands at the end.
    couriers: Mutex<Vec<Arc<Courier>>>,
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let asks = self.asks.clone();
        let ready = Url::read(&request.uri().to_string())
            .map_err(Fault::from)
            .and_then(|url| Ok((self.courier(&url)?, url)));
        Box::pin(async move {
            let answered = match ready {
                Ok((courier, url)) => ask(&courier, &url, request).await,
                Err(fault) => Err(fault),
            };
            let answer = answered.map_err(|fault| Error::Other(Box::new(fault)))?;
            let is_failure = answer.status.code() >= 300;
            let after = answer.retry_after(SystemTime::now()).filter(|_| is_failure);
            asks.0.store(after.map_or(0, |after| after.as_secs()), Ordering::Relaxed);
            let answer = response(answer).map_err(|error| Error::Other(Box::new(error)))?;
            let (parts, body) = answer.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}

impl Authority {
    pub(crate) fn new(client: &Arc<Client>, asks: &Asks) -> Self {
        Self { client: Arc::clone(client), asks: asks.clone(), couriers: Mutex::default() }
    }

    /// The courier for a server; what an authority says goes over TLS.
    fn courier(&self, url: &Url) -> Result<Arc<Courier>, Fault> {
        let malformed = |why: &str| Fault::Malformed { why: why.to_owned() };
        if !url.target.is_secure() {
            return Err(malformed("the authority gave a URL that does not begin with https://"));
        }
        let mut couriers = self.couriers.lock().unwrap_or_else(PoisonError::into_inner);
        let courier = match couriers.iter().position(|one| *one.target() == url.target) {
            Some(place) => couriers.remove(place),
            None => {
                let tls = Some(Arc::clone(&self.client));
                let settings = Settings {
                    bounds: Bounds { at_once: 1, kept: 1, ..Bounds::default() },
                    ..Settings::new(url.target.clone(), tls)
                };
                Arc::new(Courier::new(settings)?)
            }
        };
        if couriers.len() >= SERVERS_MAX {
            couriers.remove(0);
        }
        couriers.push(Arc::clone(&courier));
        Ok(courier)
    }
}

async fn ask(
    courier: &Courier,
    url: &Url,
    asked: http::Request<BodyWrapper<Bytes>>,
) -> Result<Answer, Fault> {
    let malformed = |why: &str| Fault::Malformed { why: why.to_owned() };
    let (parts, mut body) = asked.into_parts();
    let method = Method::read(parts.method.as_str().as_bytes());
    let mut request = Request::new(method.ok_or_else(|| malformed("no method"))?, &url.path)?;
    for (name, value) in &parts.headers {
        request.add(name.as_str(), value.as_bytes())?;
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(frame) = frame;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
    }
    request.set_body(bytes);
    request.within = PATIENCE;
    request.answer_max = ANSWER_MAX;
    // What changes anything carries a nonce, which the authority takes once (RFC 8555 section 6.5).
    request.may_repeat = true;
    courier.ask(&request).await
}

fn response(answer: Answer) -> http::Result<Response<Bytes>> {
    let mut response = Response::builder().status(answer.status.code());
    for (name, value) in answer.fields.iter() {
        response = response.header(name, value);
    }
    response.body(Bytes::from(answer.body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_tls::ClientText;

    fn authority() -> Authority {
        let text = ClientText { insecure: true, ..ClientText::default() };
        Authority::new(&Arc::new(Client::compile(text).unwrap()), &Asks::default())
    }

    #[test]
    fn an_authority_is_asked_over_tls_only() {
        let url = Url::read("http://authority.test/directory").unwrap();
        let fault = authority().courier(&url).unwrap_err();
        assert!(fault.to_string().contains("https://"), "{fault}");
    }

    #[test]
    fn few_couriers_are_kept_and_asked_again() {
        let authority = authority();
        let courier = |number: usize| {
            let url = Url::read(&format!("https://authority{number}.test/x")).unwrap();
            authority.courier(&url).unwrap()
        };
        let first = courier(0);
        for number in 1..SERVERS_MAX {
            courier(number);
            assert!(Arc::ptr_eq(&first, &courier(0)), "it was asked a moment ago");
        }
        (1..=SERVERS_MAX).for_each(|number| drop(courier(number)));
        assert_eq!(authority.couriers.lock().unwrap().len(), SERVERS_MAX);
        assert!(!Arc::ptr_eq(&first, &courier(0)), "others were asked since");
    }
}

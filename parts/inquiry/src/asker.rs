//! Who asks a server, and how many wait for it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use yumen_courier::{Answer, Courier, Fault, Request};

/// For each inquiry that may be under way, so many more may wait for their turn.
const WAITING_EACH: usize = 4;

/// Asks one server, for all workers.
#[derive(Debug)]
pub struct Asker {
    courier: Courier,
    within: Duration,
    /// Inquiries under way and those that wait.
    present: AtomicUsize,
    present_max: usize,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// Too many wait for the server.
    Crowded,
    /// The courier brought none.
    Fault(Fault),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crowded => f.write_str("too many requests wait for its answers"),
            Self::Fault(fault) => write!(f, "{fault}"),
        }
    }
}

/// A place among those that wait.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Asker {
    pub(crate) fn new(courier: Courier, within: Duration, at_once: usize) -> Self {
        let present_max = at_once.saturating_mul(1 + WAITING_EACH);
        Self { courier, within, present: AtomicUsize::new(0), present_max }
    }

    /// Asks over HTTP/1.1, and gives the answer, whatever its status. The question may be asked twice,
    /// if a kept connection is closed under it: to ask changes nothing.
    ///
    /// # Errors
    /// When there is no whole answer in time.
    pub async fn ask(&self, mut request: Request) -> Result<Answer, Unanswered> {
        let _place = self.enter()?;
        (request.within, request.may_repeat) = (self.within, true);
        self.courier.ask(&request).await.map_err(Unanswered::Fault)
    }

    /// Asks by a call of gRPC, and gives its message.
    ///
    /// # Errors
    /// As [`Asker::ask`], and when the call ends with another status than OK.
    pub async fn call(&self, mut request: Request) -> Result<Answer, Unanswered> {
        let _place = self.enter()?;
        (request.within, request.may_repeat) = (self.within, true);
        self.courier.call(&request).await.map_err(Unanswered::Fault)
    }

    /// Whom it asks.
    #[must_use]
    pub fn target(&self) -> String {
        self.courier.target().to_string()
    }

    fn enter(&self) -> Result<Place<'_>, Unanswered> {
        let before = self.present.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.present);
        if before < self.present_max { Ok(place) } else { Err(Unanswered::Crowded) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_courier::{Settings, Url};

    #[test]
    fn only_so_many_wait() {
        let url = Url::read("http://127.0.0.1:1/").unwrap();
        let courier = Courier::new(Settings::new(url.target, None)).unwrap();
        let asker = Asker::new(courier, Duration::from_secs(1), 2);
        let places: Vec<_> = (0..10).map(|_| asker.enter().unwrap()).collect();
        assert!(matches!(asker.enter(), Err(Unanswered::Crowded)));
        assert_eq!(places.len(), 2 * (1 + WAITING_EACH));
        drop(places);
        assert!(asker.enter().is_ok());
        assert_eq!(asker.present.load(Ordering::Relaxed), 0);
    }
}

//! How something is brought to a server, whatever it is: what all shippers of the gateway have in common.

use std::collections::BTreeMap;

use yumen_model::Secret;
use yumen_plan::ServerPlan;
use yumen_shipper::{Bounds, Manner, News, Settings};

use crate::say;

/// What is brought where, and how.
pub(crate) struct Shipment<'a> {
    /// What it is, for the operator: several of them, such as `spans`.
    pub(crate) what: &'static str,
    /// Where it goes, for the operator; nothing secret.
    pub(crate) place: String,
    /// The name of the thread.
    pub(crate) thread: &'static str,
    /// The server.
    pub(crate) server: &'a ServerPlan,
    /// The path there, or that of a call.
    pub(crate) path: &'a str,
    /// As what it is sent.
    pub(crate) manner: Manner,
    /// Fields of each request.
    pub(crate) headers: &'a BTreeMap<String, Secret>,
    /// Whether it is packed.
    pub(crate) gzip: bool,
    /// How many of a batch were not taken, by the answer.
    pub(crate) rejected: fn(&[u8]) -> u64,
    /// How much may wait.
    pub(crate) bounds: Bounds,
}

impl Shipment<'_> {
    /// As a shipper wants it. It tells the operator when nothing arrives, and when it does again.
    pub(crate) fn settings(&self) -> Settings {
        let field = |(name, value): (&String, &Secret)| {
            (name.to_ascii_lowercase(), value.text().as_bytes().to_vec())
        };
        let (what, place) = (self.what, self.place.clone());
        Settings {
            name: self.thread.to_owned(),
            courier: yumen_courier::Settings::new(
                self.server.url.target.clone(),
                self.server.client.clone(),
            ),
            path: self.path.to_owned(),
            manner: self.manner,
            fields: self.headers.iter().map(field).collect(),
            gzip: self.gzip,
            rejected: self.rejected,
            bounds: self.bounds,
            tell: Box::new(move |news| match news {
                News::Failing(why) => say::say(format_args!("{what} do not reach {place}: {why}")),
                News::Refused(why) => say::say(format_args!("{place} does not take {what}: {why}")),
                News::Well(_) => say::say(format_args!("{what} reach {place} again")),
            }),
        }
    }
}

//! `cors`: lets pages of other origins read answers, to the letter of the Fetch standard
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

mod asked;
mod config;

use yumen_http::{Body, Fields, Malformed, Response, ResponseHead, Status};
use yumen_origin::Origins;
use yumen_policy::{Exchange, Failure, FailureKind, Policy, Settings, Step, Verdict};

use asked::Asked;
pub use config::Config;

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const ALLOW_CREDENTIALS: &str = "Access-Control-Allow-Credentials";
const ALLOW_METHODS: &str = "Access-Control-Allow-Methods";
const ALLOW_HEADERS: &str = "Access-Control-Allow-Headers";
const ALLOW_PRIVATE_NETWORK: &str = "Access-Control-Allow-Private-Network";
const EXPOSE_HEADERS: &str = "Access-Control-Expose-Headers";
const MAX_AGE: &str = "Access-Control-Max-Age";
const VARY: &str = "Vary";
const ORIGIN: &str = "Origin";

/// What only this policy says: a service that says it too would say it twice, and browsers take neither.
const OWN: [&str; 7] = [
    ALLOW_ORIGIN,
    ALLOW_CREDENTIALS,
    ALLOW_METHODS,
    ALLOW_HEADERS,
    ALLOW_PRIVATE_NETWORK,
    EXPOSE_HEADERS,
    MAX_AGE,
];

/// Who may read.
#[derive(Debug)]
enum Readers {
    /// Everybody, which is said in the same words to all.
    All,
    /// These.
    Listed(Origins),
}

/// What is said to be allowed.
#[derive(Debug)]
enum Allowed {
    /// Nothing beside what needs no word.
    Nothing,
    /// This, whatever is asked for.
    Said(Box<str>),
    /// Whatever is asked for: where credentials are sent, `*` would be taken for a name.
    Reflected {
        /// `Authorization` as well, which no `*` ever covers.
        authorization: bool,
    },
}

#[derive(Debug)]
struct Cors {
    readers: Readers,
    methods: Allowed,
    headers: Allowed,
    expose: Option<Box<str>>,
    credentials: bool,
    max_age: Box<str>,
    private_network: bool,
    /// What the answer to a preflight depends on.
    preflight_vary: Box<str>,
}

impl Policy for Cors {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match Asked::of(&exchange.request.head) {
            Ok(Asked::Preflight(origin)) => self.preflight(origin, exchange).into(),
            Ok(Asked::Other) => Verdict::Next.into(),
            Err(cause) => {
                Verdict::Fail(Failure::new(FailureKind::BadRequest).because(cause)).into()
            }
        }
    }

    fn on_response<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let told = self.tell(exchange);
        told.map_err(|malformed| Failure::new(FailureKind::Internal).because(malformed.0)).into()
    }

    fn on_failure(&self, exchange: &mut Exchange) {
        // A failure stays what it is; without these fields a browser hides it from its page.
        self.tell(exchange).unwrap_or_default();
    }
}

impl Cors {
    fn preflight(&self, origin: &[u8], exchange: &Exchange) -> Verdict {
        const NO_CONTENT: u16 = 204;
        let mut head = ResponseHead::new(Status::new(NO_CONTENT).unwrap_or(Status::OK));
        match self.allow(origin, exchange.request.head.fields(), head.fields_mut()) {
            Ok(()) => Verdict::Answer(Box::new(Response::new(head, Body::Empty))),
            Err(malformed) => {
                Verdict::Fail(Failure::new(FailureKind::Internal).because(malformed.0))
            }
        }
    }

    /// Answers a preflight. Without the word for its origin a browser refuses, whatever else is said;
    /// with it, it compares method and fields with the lists, and says which of them is missing.
    fn allow(&self, origin: &[u8], asked: &Fields, told: &mut Fields) -> Result<(), Malformed> {
        if self.tell_origin(Some(origin), told)? {
            if let Some(methods) = self.methods.say(asked::method(asked)) {
                told.add(ALLOW_METHODS, methods.as_bytes())?;
            }
            if let Some(headers) = self.headers.say(asked::headers(asked)) {
                told.add(ALLOW_HEADERS, headers.as_bytes())?;
            }
            if self.private_network && asked::is_private_network(asked) {
                told.add(ALLOW_PRIVATE_NETWORK, b"true")?;
            }
            told.add(MAX_AGE, self.max_age.as_bytes())?;
        }
        told.add(VARY, self.preflight_vary.as_bytes())
    }

    /// Says who may read an answer that is there.
    fn tell(&self, exchange: &mut Exchange) -> Result<(), Malformed> {
        let Exchange { request, response: Some(response), trail, .. } = exchange else {
            return Ok(());
        };
        if trail.decider().is_some_and(|decider| decider.kind == Config::NAME)
            && trail.failure.is_none()
        {
            // It is the answer to a preflight, in which everything is said.
            return Ok(());
        }
        let fields = response.head.fields_mut();
        OWN.iter().for_each(|name| fields.remove(name));
        let origin = asked::origin(request.head.fields());
        if self.tell_origin(origin, fields)?
            && let Some(expose) = &self.expose
        {
            fields.add(EXPOSE_HEADERS, expose.as_bytes())?;
        }
        match self.readers {
            Readers::All => Ok(()),
            Readers::Listed(_) => vary(fields),
        }
    }

    /// Says that this origin may read, if it may.
    fn tell_origin(&self, origin: Option<&[u8]>, told: &mut Fields) -> Result<bool, Malformed> {
        let allowed = match (&self.readers, origin) {
            (Readers::All, _) => b"*",
            (Readers::Listed(origins), Some(origin)) if origins.contains(origin) => origin,
            (Readers::Listed(_), _) => return Ok(false),
        };
        told.add(ALLOW_ORIGIN, allowed)?;
        if self.credentials {
            told.add(ALLOW_CREDENTIALS, b"true")?;
        }
        Ok(true)
    }
}

impl Allowed {
    /// What is said to someone who asks for these names.
    fn say(&self, asked: Option<&str>) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Said(list) => Some(list.to_string()),
            Self::Reflected { authorization } => asked::names(asked?, *authorization),
        }
    }
}

/// Says that the answer depends on the origin, beside what it depends on already.
fn vary(fields: &mut Fields) -> Result<(), Malformed> {
    let mut all = Vec::new();
    for member in fields.all(VARY).flat_map(|value| value.split(|&byte| byte == b',')) {
        let member = member.trim_ascii();
        if member == b"*" || member.eq_ignore_ascii_case(ORIGIN.as_bytes()) {
            return Ok(());
        }
        if !member.is_empty() {
            all.extend_from_slice(member);
            all.extend_from_slice(b", ");
        }
    }
    all.extend_from_slice(ORIGIN.as_bytes());
    fields.set(VARY, &all)
}

//! What is configured: bounds for each form of body.

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_json::Limits;
use yumen_model::Bytes;
use yumen_model::report::Report;
use yumen_policy::Mode;

/// The largest body that may be held back.
const BODY_MAX: u64 = 64 << 20;
/// The deepest that elements of XML, and fields of GraphQL, may ever be.
const DEPTH_MAX: usize = 200;

/// What bodies may have at most. What is of a form that nothing is said of passes, or is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest body that is looked at, for it is held back until it is whole.
    pub body_max: Bytes,
    /// Bounds of JSON.
    pub json: JsonLimits,
    /// Bounds of XML. Document types and entities are refused in any case.
    pub xml: XmlLimits,
    /// Bounds of queries of GraphQL. If it is given, JSON that comes here is such a query; so is a query
    /// parameter `query`.
    pub graphql: Option<GraphqlLimits>,
    /// What becomes of bodies that are neither.
    pub other: Other,
    /// Whether requests are refused.
    pub mode: Mode,
}

/// Bounds of JSON.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonLimits {
    /// Objects and lists within each other, 1 to 120.
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Items of one list.
    pub items: usize,
    /// The length of one text.
    pub text: Bytes,
    /// The length of one name.
    pub name: Bytes,
    /// Digits of one number.
    pub digits: usize,
    /// Values of all kinds together.
    pub nodes: usize,
}

/// Bounds of XML.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct XmlLimits {
    /// Elements within each other, 1 to 200.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Elements in one element.
    pub children: usize,
    /// The length of one name of an element or attribute.
    pub name: Bytes,
    /// The length of one text, or of the value of one attribute.
    pub text: Bytes,
    /// Elements and attributes together.
    pub nodes: usize,
    /// Whether comments and processing instructions are refused.
    pub plain: bool,
}

/// Bounds of queries of GraphQL. What a fragment has counts where it is used, each time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GraphqlLimits {
    /// Fields within each other, 1 to 200.
    pub depth: usize,
    /// Fields together.
    pub fields: u64,
    /// Fields that are asked for under another name.
    pub aliases: u64,
    /// Fields that an operation asks for itself.
    pub root_fields: u64,
    /// Directives together.
    pub directives: u64,
    /// Fragments of one query.
    pub fragments: usize,
    /// Words and signs of one query.
    pub tokens: usize,
    /// Queries in one request.
    pub batch: usize,
    /// Whether it may be asked what there is (`__schema`, `__type`).
    pub introspection: bool,
    /// Whether a request may come without a query: the service knows it by another name.
    pub persisted: bool,
}

/// What becomes of bodies that nothing is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Other {
    /// They go on.
    Pass,
    /// They are refused.
    Refuse,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            body_max: Bytes::mib(1),
            json: JsonLimits::default(),
            xml: XmlLimits::default(),
            graphql: None,
            other: Other::Pass,
            mode: Mode::Enforce,
        }
    }
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self {
            depth: 32,
            members: 1000,
            items: 10_000,
            text: Bytes::kib(256),
            name: Bytes(256),
            digits: 40,
            nodes: 100_000,
        }
    }
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self {
            depth: 32,
            attributes: 50,
            children: 10_000,
            name: Bytes(256),
            text: Bytes::kib(256),
            nodes: 100_000,
            plain: false,
        }
    }
}

impl Default for GraphqlLimits {
    fn default() -> Self {
        Self {
            depth: 12,
            fields: 500,
            aliases: 30,
            root_fields: 20,
            directives: 30,
            fragments: 50,
            tokens: 10_000,
            batch: 1,
            introspection: false,
            persisted: false,
        }
    }
}

/// A length as a number of bytes in memory.
pub(crate) fn size(bytes: Bytes) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

impl JsonLimits {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            depth: self.depth,
            members: self.members,
            items: self.items,
            text: size(self.text),
            name: size(self.name),
            digits: self.digits,
            nodes: self.nodes,
            // What a number means is not asked here.
            rounded: true,
        }
    }
}

impl Config {
    pub(crate) fn check(&self, at: &str, report: &mut Report) {
        let Self { json, xml, graphql, .. } = self;
        let mut bounded = |key: &str, value: u64, most: u64| {
            if value == 0 || value > most {
                report
                    .error(format!("{at}.{key}"), format!("it is not one of 1 to {most}"))
                    .hint("leave it out for a usual bound");
            }
        };
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let deepest = wide(DEPTH_MAX);
        bounded("body_max", self.body_max.0, BODY_MAX);
        bounded("json.depth", wide(json.depth), wide(yumen_json::DEPTH_MAX));
        bounded("xml.depth", wide(xml.depth), deepest);
        if let Some(graphql) = graphql {
            bounded("graphql.depth", wide(graphql.depth), deepest);
            bounded("graphql.fragments", wide(graphql.fragments) + 1, 1001);
            bounded("graphql.batch", wide(graphql.batch), 1000);
            bounded("graphql.tokens", wide(graphql.tokens), 1_000_000);
        }
    }
}

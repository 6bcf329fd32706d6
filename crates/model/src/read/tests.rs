use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::document::{Document, Node, Source};
use crate::read;
use crate::report::Report;

/// The value at `a`, read as a type.
fn try_read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<String>> {
    let source = Source { name: "a.yaml".to_owned(), text: format!("a: {text}\n") };
    let mut report = Report::default();
    let secret = |name: &str| (name == "S").then(|| "hunter2".to_owned());
    let document = Document::read(&[source], &secret, &mut report);
    let whole: Option<BTreeMap<String, T>> = read(document.root(), "", &mut report);
    assert_eq!(whole.is_none(), report.has_errors(), "{report}");
    match whole.and_then(|mut whole| whole.remove("a")) {
        Some(value) => Ok(value),
        None => Err(report
            .problems()
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect()),
    }
}

fn reads<T: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str, expect: T) {
    assert_eq!(try_read::<T>(text), Ok(expect), "{text}");
}

fn refuses<T: DeserializeOwned + std::fmt::Debug>(text: &str, expect: &[&str]) {
    let problems = try_read::<T>(text).expect_err(text);
    assert_eq!(problems, expect, "{text}");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped(u16);

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i8, i8),
    Box { width: u8, height: Option<u8> },
}

/// Without `deny_unknown_fields`, with another name, a default and a default function.
#[derive(Debug, PartialEq, Deserialize)]
struct Loose {
    #[serde(alias = "other")]
    name: String,
    #[serde(default)]
    count: u32,
    shape: Option<Shape>,
}

#[test]
fn scalars_become_what_is_asked_for() {
    reads("no", "no".to_owned());
    reads("1.10", "1.10".to_owned());
    reads("true", "true".to_owned());
    reads("''", String::new());
    reads("true", true);
    reads("'false'", false);
    reads("80", 80u16);
    reads("'80'", 80u16);
    reads("-128", i8::MIN);
    reads("18446744073709551615", u64::MAX);
    reads("-9223372036854775808", i64::MIN);
    reads("1", 1.0f64);
    reads("-1.5e3", -1500.0f64);
    reads("x", 'x');
    reads("80", Wrapped(80));
    reads("~", None::<u8>);
    reads("", None::<u8>);
    reads("5", Some(5u8));
    reads("~", ());
    reads("80", std::num::NonZeroU32::new(80).unwrap());
    refuses::<bool>("True", &["a: expected `true` or `false`, found `True`"]);
    refuses::<bool>("1", &["a: expected `true` or `false`, found `1`"]);
    refuses::<u8>("256", &["a: expected a whole number from 0 to 255, found `256`"]);
    refuses::<i64>(
        "9223372036854775808",
        &[
            "a: expected a whole number from -9223372036854775808 to 9223372036854775807, found `9223372036854775808`",
        ],
    );
    refuses::<u64>(
        "99999999999999999999",
        &[
            "a: expected a whole number from 0 to 18446744073709551615, found `99999999999999999999`",
        ],
    );
    refuses::<std::num::NonZeroU8>("0", &["a: expected a whole number from 1 to 255, found `0`"]);
    for wrong in ["inf", "NaN", ".5", "1.", "1e999", "0x1"] {
        refuses::<f64>(wrong, &[&format!("a: expected a number, found `{wrong}`")]);
    }
    refuses::<char>("xy", &["a: expected one character, found `xy`"]);
    refuses::<String>("[x]", &["a: expected text, found a list"]);
    refuses::<String>("{x: y}", &["a: expected text, found a map"]);
    refuses::<String>("", &["a: expected text, found nothing"]);
    refuses::<Vec<u8>>("x", &["a: expected a list, found `x`"]);
    refuses::<BTreeMap<String, u8>>("[]", &["a: expected a map, found a list"]);
}

#[test]
fn containers_become_what_is_asked_for() {
    reads("[1, 2]", vec![1u8, 2]);
    reads("", Vec::<u8>::new());
    reads("[1, x]", (1u8, "x".to_owned()));
    reads("[1, 2]", [1u8, 2]);
    reads("{1: true, 2: false}", BTreeMap::from([(1u16, true), (2, false)]));
    reads("", BTreeMap::<String, u8>::new());
    reads("{name: x}", Loose { name: "x".to_owned(), count: 0, shape: None });
    reads("{other: x, count: 2}", Loose { name: "x".to_owned(), count: 2, shape: None });
    refuses::<(u8, u8)>("[1]", &["a: expected a list of 2, found one of 1"]);
    refuses::<(u8, u8)>("[1, 2, 3]", &["a: expected a list of 2, found one of 3"]);
    refuses::<(u8, u8)>("[1, x]", &["a[1]: expected a whole number from 0 to 255, found `x`"]);
    refuses::<[u8; 3]>("[1]", &["a: expected a list of 3, found one of 1"]);
    refuses::<BTreeMap<u8, u8>>(
        "{x: 1, 1: y}",
        &[
            "a: the key `x`: expected a whole number from 0 to 255, found `x`",
            "a.1: expected a whole number from 0 to 255, found `y`",
        ],
    );
}

#[test]
fn enums_are_a_text_or_a_map_with_one_key() {
    reads("Point", Shape::Point);
    reads("{Point: }", Shape::Point);
    reads("{Circle: 1.5}", Shape::Circle(1.5));
    reads("{Line: [1, -1]}", Shape::Line(1, -1));
    reads("{Box: {width: 1}}", Shape::Box { width: 1, height: None });
    refuses::<Shape>("Circle", &["a: `Circle` needs a value"]);
    refuses::<Shape>("Line", &["a: `Line` needs a list of 2"]);
    refuses::<Shape>("Box", &["a: `Box` needs settings: `width`, `height`"]);
    refuses::<Shape>("{Point: 1}", &["a.Point: `Point` has no settings"]);
    refuses::<Shape>(
        "{Line: [x]}",
        &["a.Line[0]: expected a whole number from -128 to 127, found `x`"],
    );
    refuses::<Shape>(
        "{Box: {width: x, heigth: 1, height: y}}",
        &[
            "a.Box.width: expected a whole number from 0 to 255, found `x`",
            "a.Box: unknown key `heigth`",
            "a.Box.height: expected a whole number from 0 to 255, found `y`",
        ],
    );
    refuses::<Shape>("{Pont: }", &["a: unknown key `Pont`"]);
    refuses::<Shape>(
        "{}",
        &[
            "a: expected a map with one key: `Point`, `Circle`, `Line` or `Box`, found one with 0 keys",
        ],
    );
    refuses::<Shape>("", &["a: expected `Point`, `Circle`, `Line` or `Box`, found nothing"]);
}

#[test]
fn every_mistake_is_reported_and_nothing_that_follows_from_it() {
    refuses::<Vec<Loose>>(
        "[{}, {name: [x], count: y}, {nam: x, count: z}, {colour: red}, 5]",
        &[
            "a[0]: `name` is missing",
            "a[1].name: expected text, found a list",
            "a[1].count: expected a whole number from 0 to 4294967295, found `y`",
            "a[2]: unknown key `nam`",
            "a[2].count: expected a whole number from 0 to 4294967295, found `z`",
            "a[3]: unknown key `colour`",
            "a[3]: `name` is missing",
            "a[4]: expected a map with keys such as `name`, `other`, `count`, found `5`",
        ],
    );
    refuses::<Loose>("{name: x, other: y}", &["a: `name` is set twice, once under another name"]);
    refuses::<Vec<Shape>>(
        "[{Box: {}}, {Box: {width: []}}, Circle]",
        &[
            "a[0].Box: `width` is missing",
            "a[1].Box.width: expected a whole number from 0 to 255, found a list",
            "a[2]: `Circle` needs a value",
        ],
    );
}

/// Two numbers in the right order, checked after both are read.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawRange", deny_unknown_fields)]
struct Range;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    low: u8,
    #[serde(default)]
    high: u8,
}

impl TryFrom<RawRange> for Range {
    type Error = String;

    fn try_from(raw: RawRange) -> Result<Self, String> {
        if raw.low <= raw.high {
            return Ok(Self);
        }
        Err("`low` is above `high`\nswap them".to_owned())
    }
}

#[test]
fn the_words_of_a_type_are_kept() {
    refuses::<Vec<Range>>(
        "[{low: 2, high: 1}, {low: 2, high: x}, {high: 1}]",
        &[
            "a[0]: `low` is above `high`",
            "a[1].high: expected a whole number from 0 to 255, found `x`",
            "a[2]: `low` is missing",
        ],
    );
    let node: Node = serde_json::from_value(json!({"low": 2, "high": 1})).unwrap();
    let mut report = Report::default();
    assert!(read::<Range>(&node, "services[2].policies[0].config", &mut report).is_none());
    let problem = report.problems().first().unwrap();
    assert_eq!(problem.path, "services[2].policies[0].config");
    assert_eq!(problem.hint.as_deref(), Some("swap them"));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u64),
    Text(String),
    Many(Vec<Self>),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Tagged {
    One { count: u8 },
    Two,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[test]
fn types_that_decide_for_themselves_work() {
    reads(
        "[1, x, '1', 01, []]",
        Either::Many(vec![
            Either::Number(1),
            Either::Text("x".to_owned()),
            Either::Text("1".to_owned()),
            Either::Text("01".to_owned()),
            Either::Many(Vec::new()),
        ]),
    );
    reads("{type: one, count: 1}", Tagged::One { count: 1 });
    reads("{type: two}", Tagged::Two);
    refuses::<Tagged>("{type: one, count: 1, more: 2}", &["a: unknown key `more`"]);
    refuses::<Tagged>("{type: three}", &["a.type: unknown value `three`"]);
    let rest =
        BTreeMap::from([("x".to_owned(), json!([1, null])), ("y".to_owned(), json!("0755"))]);
    reads("{name: n, x: [1, ~], y: 0755}", Flat { name: "n".to_owned(), rest });
    reads("[1, {b: [~, 1.5, no]}]", json!([1, {"b": [null, 1.5, "no"]}]));
}

/// Says the text in its own words, as `FromStr` errors do.
#[derive(Debug)]
struct Loud;

impl<'de> Deserialize<'de> for Loud {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("`{text}` is not loud")))
    }
}

#[test]
fn the_value_of_a_reference_is_not_shown() {
    refuses::<Loud>("hello", &["a: `hello` is not loud"]);
    refuses::<Loud>("${env:S}", &["a: `${env:S}` is not loud"]);
    refuses::<u8>(
        "x-${env:S}",
        &["a: expected a whole number from 0 to 255, found what `x-${env:S}` stands for"],
    );
    refuses::<Shape>("${env:S}", &["a: unknown value `${env:S}`"]);
    reads("${env:S}", "hunter2".to_owned());
}

#[test]
fn a_node_is_handed_over_as_it_is() {
    #[derive(Debug, Deserialize)]
    struct Holder {
        config: Node,
        maybe: Option<Node>,
    }
    let holder: Holder = try_read("{config: {b: '${env:S}', c: 1.10}, maybe: [x]}").unwrap();
    let written = serde_json::to_value(&holder.config).unwrap();
    assert_eq!(written, json!({"b": "${env:S}", "c": "1.10"}));
    assert_eq!(holder.config.place().map(|place| (place.line, place.column)), Some((1, 5)));
    assert!(holder.maybe.is_some_and(|node| !node.is_nothing()));
    let read_later: Option<BTreeMap<String, String>> =
        read(&holder.config, "a.config", &mut Report::default());
    assert_eq!(read_later.unwrap()["b"], "hunter2");
    let holder: Holder = try_read("{config: }").unwrap();
    assert!(holder.config.is_nothing() && holder.maybe.is_none());
}

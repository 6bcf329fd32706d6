//! The functions of the language: each with its signature, as users read it, and what it does.

mod convert;
mod moment;
mod network;
mod signature;
#[cfg(test)]
mod tests;
mod text;

use std::sync::LazyLock;

use crate::error::Cause;
use crate::meter::Meter;
use crate::value::Value;
use convert::Convert;
use moment::Moment;
use network::Network;
pub(crate) use signature::Signature;
use text::TextFunction;

/// The most arguments that a function takes, with the value it is called on.
pub(crate) const ARGUMENTS_MAX: usize = 3;

/// What a function is called with. What is not given is null.
pub(crate) type Arguments<'a> = [Value<'a>; ARGUMENTS_MAX];

/// A function, whichever types it is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    /// Compiled to a node of its own, since its pattern is known.
    Matches,
    Text(TextFunction),
    Convert(Convert),
    Moment(Moment),
    Network(Network),
}

const GENERAL: [(&str, Function); 10] = [
    ("size(string) -> int", Function::Size),
    ("size(bytes) -> int", Function::Size),
    ("size(list(dyn)) -> int", Function::Size),
    ("size(map(dyn, dyn)) -> int", Function::Size),
    ("string.size() -> int", Function::Size),
    ("bytes.size() -> int", Function::Size),
    ("list(dyn).size() -> int", Function::Size),
    ("map(dyn, dyn).size() -> int", Function::Size),
    ("string.matches(string) -> bool", Function::Matches),
    ("matches(string, string) -> bool", Function::Matches),
];

static SIGNATURES: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    let general = GENERAL.into_iter();
    let text = text::SIGNATURES.into_iter().map(|(text, it)| (text, Function::Text(it)));
    let convert = convert::SIGNATURES.into_iter().map(|(text, it)| (text, Function::Convert(it)));
    let moment = moment::SIGNATURES.into_iter().map(|(text, it)| (text, Function::Moment(it)));
    let network = network::SIGNATURES.into_iter().map(|(text, it)| (text, Function::Network(it)));
    let all = general.chain(text).chain(convert).chain(moment).chain(network);
    all.filter_map(|(text, function)| Signature::read(text, function)).collect()
});

/// Every way to call every function.
pub(crate) fn signatures() -> &'static [Signature] {
    &SIGNATURES
}

/// Computes a function.
pub(crate) fn call<'a>(
    function: Function,
    given: Arguments<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Cause> {
    match function {
        Function::Size => size(&given, meter),
        Function::Text(function) => text::call(function, given, meter),
        Function::Convert(function) => convert::call(function, given, meter),
        Function::Moment(function) => moment::call(function, &given),
        Function::Network(function) => network::call(function, &given),
        Function::Matches => Err(Cause::Mismatch),
    }
}

fn size<'a>(given: &Arguments<'_>, meter: &mut Meter) -> Result<Value<'a>, Cause> {
    let [of, ..] = given;
    let size = match of {
        Value::String(text) => {
            meter.bytes(text.len())?;
            text::characters(text)
        }
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.size(),
        Value::Map(map) => map.size(),
        _ => return Err(Cause::Mismatch),
    };
    i64::try_from(size).map(Value::Int).map_err(|_too_large| Cause::Overflow)
}

//! How bodies of a media type are read.

use yumen_http::media::MediaType;

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Json,
    Form,
    Other,
}

/// How a body of this type is read.
pub(crate) fn sort(own: &MediaType) -> Sort {
    match (own.kind(), own.name()) {
        _ if own.is_json() => Sort::Json,
        ("application", "x-www-form-urlencoded") => Sort::Form,
        _ => Sort::Other,
    }
}

/// Whether some types of a range are read in this way.
pub(crate) fn may_be(range: &MediaType, wanted: Sort) -> bool {
    let example = match wanted {
        Sort::Json => "application/json",
        Sort::Form => "application/x-www-form-urlencoded",
        Sort::Other => "application/octet-stream",
    };
    sort(range) == wanted || MediaType::read(example).is_some_and(|example| range.takes(&example))
}

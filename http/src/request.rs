//! What a request brings: segments of the path, the query, a body of JSON. Nothing of it is
//! trusted.
//!
//! tower-http bounds what is taken in at all. The smaller bound and the time for a whole body are
//! held here: its own would cut the sender off before that could read why, and would start anew
//! with every byte that drips in.

use std::{future::Future, ops::RangeInclusive, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use lode_api::{
    account::PageQuery,
    text::{AddressText, Text, TextForm, misread, quoted},
};
use lode_consensus::{Address, Hash, Height, params::MAX_TRANSACTION_BYTES};
use serde::{Deserialize, de};
use tokio_stream::StreamExt;

use crate::error::Failure;

/// Largest body that is read: the largest transaction, whose bytes take two hexadecimal digits each
/// and numbers a little more, and 4 KiB for the rest. A signed transfer takes some 500 bytes as
/// JSON, an attempt some 750.
pub(crate) const MAX_BODY_BYTES: usize = 3 * MAX_TRANSACTION_BYTES + (4 << 10);
/// How much of a body that is too large is taken in and dropped, so that its sender comes to read
/// why it was refused.
pub(crate) const MAX_DRAINED_BYTES: usize = 16 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The one parameter in a route's path.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(_) => Err(Failure::BadRequest("the path: expected UTF-8".to_owned())),
        }
    }
}

/// The query, as a struct that refuses unknown fields. Every route takes one, so that a misspelt
/// parameter is told, and not passed over; only what is behind a broadcast is other software's.
pub(crate) struct Params<T>(pub(crate) T);

/// The query of a route that has no parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

impl<T: de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => Err(Failure::BadRequest(format!(
                "the query: {}",
                misread_query(&error.body_text())
            ))),
        }
    }
}

/// What axum says of a query, in this API's words: without its own beginning, and without the name
/// of an unknown parameter in front of the sentence that names it.
fn misread_query(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let sentence = text.find("unknown field").and_then(|at| text.get(at..)).unwrap_or(text);
    sentence
        .replace("unknown field", "unknown parameter")
        .replace("there are no fields", "this route has none")
}

/// A body of JSON, declared as such.
pub(crate) struct Payload<T>(pub(crate) T);

impl<T: de::DeserializeOwned, S: Send + Sync> FromRequest<S> for Payload<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        JsonBody::from_request(request, state).await?.parse().map(Self)
    }
}

/// The bytes of a body that is declared as JSON.
pub(crate) struct JsonBody(Vec<u8>);

impl JsonBody {
    /// What the body says. An error names the path of the field that is wrong. Only an object names
    /// its fields: serde would take an array's elements in the order of the struct.
    pub(crate) fn parse<T: de::DeserializeOwned>(&self) -> Result<T, Failure> {
        let got = match self.0.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => None,
            Some(b'[') => Some("an array"),
            Some(b'"') => Some("a string"),
            Some(b'-' | b'0'..=b'9') => Some("a number"),
            Some(b't' | b'f' | b'n') => Some("a bare word"),
            Some(_) => Some("no JSON"),
            None => Some("nothing"),
        };
        if let Some(got) = got {
            return Err(Failure::BadRequest(format!(
                "the body: expected a JSON object, got {got}"
            )));
        }
        let mut json = serde_json::Deserializer::from_slice(&self.0);
        let payload = serde_path_to_error::deserialize(&mut json).map_err(|error| misread(&error));
        let payload = payload
            .and_then(|payload| json.end().map(|()| payload).map_err(|error| error.to_string()));
        payload.map_err(|error| Failure::BadRequest(format!("the body: {error}")))
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        check_media_type(request.headers())?;
        within(BODY_TIMEOUT, collect(request.into_body())).await?.map(Self)
    }
}

async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Failure> {
    let late =
        |_| Failure::BadRequest(format!("the body did not arrive within {} s", limit.as_secs()));
    tokio::time::timeout(limit, future).await.map_err(late)
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let declared = headers.get(header::CONTENT_TYPE);
    let declared =
        declared.map_or("nothing".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::MediaType { got: quoted(essence) })
}

async fn collect(body: Body) -> Result<Vec<u8>, Failure> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut got) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            // Beyond what is drained, the router's layer ends the body.
            Err(_) if got > MAX_BODY_BYTES => break,
            Err(_) => return Err(Failure::BadRequest("the body broke off".to_owned())),
        };
        got = got.saturating_add(chunk.len());
        if got <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if got > MAX_BODY_BYTES { Err(Failure::TooLarge { limit: MAX_BODY_BYTES }) } else { Ok(bytes) }
}

/// The bounds of a page: how many items it should hold, and the height below which it begins.
pub(crate) fn page(query: &PageQuery) -> Result<(usize, Height), Failure> {
    let limit = query.limit.map_or(PageQuery::DEFAULT_LIMIT, |Text(limit)| limit);
    let limit = in_range("limit", limit, 1..=PageQuery::MAX_LIMIT)?;
    let before = query.before.map_or(Height::MAX, |Text(before)| before);
    Ok((usize::try_from(limit).unwrap_or(usize::MAX), before))
}

/// A number, if it is not out of its range.
pub(crate) fn in_range(name: &str, value: u64, range: RangeInclusive<u64>) -> Result<u64, Failure> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (low, high) = range.into_inner();
    Err(Failure::BadRequest(format!(
        "{name}: expected a whole number from {low} to {high}, got {value}"
    )))
}

/// A height or an epoch in the path.
pub(crate) fn height(name: &str, text: &str) -> Result<u32, Failure> {
    parsed(name, u32::parse(text))
}

/// A hash in the path.
pub(crate) fn hash(name: &str, text: &str) -> Result<Hash, Failure> {
    parsed(name, Hash::parse(text))
}

/// An address in the path.
pub(crate) fn address(name: &str, text: &str) -> Result<Address, Failure> {
    checked(name, parsed(name, AddressText::parse(text))?)
}

/// An address that is one: a point of the curve.
pub(crate) fn checked(name: &str, AddressText(address): AddressText) -> Result<Address, Failure> {
    parsed(name, address.check().map(|()| address))
}

fn parsed<T, E: std::fmt::Display>(name: &str, read: Result<T, E>) -> Result<T, Failure> {
    read.map_err(|error| Failure::BadRequest(format!("{name}: {error}")))
}

//! What a request brings: segments of the path, the query, a body of JSON. Nothing of it is trusted.

use std::{future::Future, ops::RangeInclusive, str::FromStr, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use lode_consensus::{Address, Hash, Height, params::MAX_TRANSACTION_BYTES};
use serde::{Deserialize, Deserializer, de};
use tokio_stream::StreamExt;

use crate::error::{ApiError, quoted};

/// Largest body that is read: the largest transaction, whose bytes take two hexadecimal digits each and numbers a little more,
/// and 4 KiB for the rest. A signed transfer takes some 500 bytes as JSON, an attempt some 750.
pub(crate) const MAX_BODY_BYTES: usize = 3 * MAX_TRANSACTION_BYTES + (4 << 10);
/// How much of a body that is too large is taken in and dropped, so that its sender comes to read why it was refused.
const MAX_DRAINED_BYTES: usize = 16 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Items of a list, unless the request asks for another number.
const DEFAULT_LIMIT: usize = 50;
/// Most items that a request can ask for.
const MAX_LIMIT: u64 = 200;

/// The one parameter in a route's path.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(error) => Err(ApiError::BadRequest(error.body_text())),
        }
    }
}

/// The query, as a struct that refuses unknown fields.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => Err(ApiError::BadRequest(error.body_text())),
        }
    }
}

/// A body of JSON, declared as such.
pub(crate) struct Payload<T>(pub(crate) T);

impl<T: de::DeserializeOwned, S: Send + Sync> FromRequest<S> for Payload<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        JsonBody::from_request(request, state).await?.parse().map(Self)
    }
}

/// The bytes of a body that is declared as JSON.
///
/// The declaration is asked for because a web page can make a browser post anything else to a node on its user's
/// machine without asking that node first.
pub(crate) struct JsonBody(Vec<u8>);

impl JsonBody {
    pub(crate) fn parse<T: de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.0).map_err(|error| ApiError::BadRequest(format!("the body: {error}")))
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_media_type(request.headers())?;
        if expects_leave(request.headers()) {
            return Err(ApiError::TooLarge { limit: MAX_BODY_BYTES });
        }
        let body = within(BODY_TIMEOUT, collect(request.into_body())).await?;
        body.map(Self)
    }
}

async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, ApiError> {
    let late = |_| ApiError::BadRequest(format!("the body did not arrive within {} s", limit.as_secs()));
    tokio::time::timeout(limit, future).await.map_err(late)
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let declared = headers.get(header::CONTENT_TYPE);
    let declared = declared.map_or("nothing".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::MediaType { got: quoted(essence) })
}

/// Whether the client announces too large a body and waits for leave to send it: then it need not be drained.
fn expects_leave(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    headers.contains_key(header::EXPECT) && length.is_some_and(|length| length > MAX_BODY_BYTES)
}

async fn collect(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut got) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::BadRequest("the body broke off".to_owned()))?;
        got = got.saturating_add(chunk.len());
        if got <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        } else if got > MAX_DRAINED_BYTES {
            break;
        }
    }
    if got > MAX_BODY_BYTES { Err(ApiError::TooLarge { limit: MAX_BODY_BYTES }) } else { Ok(bytes) }
}

/// The query of a list that goes back in height.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    limit: Option<String>,
    before: Option<String>,
}

impl PageQuery {
    /// How many items the page should hold.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = &self.limit else {
            return Ok(DEFAULT_LIMIT);
        };
        Ok(usize::try_from(number("limit", text, 1..=MAX_LIMIT)?).unwrap_or(DEFAULT_LIMIT))
    }

    /// The height below which the page begins.
    pub(crate) fn before(&self) -> Result<Height, ApiError> {
        self.before.as_deref().map_or(Ok(Height::MAX), |text| height("before", text))
    }
}

/// A whole number in decimal digits.
pub(crate) fn number(name: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, ApiError> {
    let value = digits(text).filter(|value| range.contains(value));
    value.ok_or_else(|| {
        let (low, high) = range.into_inner();
        ApiError::BadRequest(format!("{name}: expected a whole number from {low} to {high}, got {}", quoted(text)))
    })
}

/// A height, an epoch or another number of 32 bits.
pub(crate) fn height(name: &str, text: &str) -> Result<u32, ApiError> {
    number(name, text, 0..=u32::MAX.into()).map(|value| u32::try_from(value).unwrap_or(u32::MAX))
}

/// An address in the path or the query.
pub(crate) fn address(name: &str, text: &str) -> Result<Address, ApiError> {
    parsed(name, text)
}

/// A hash in the path or the query.
pub(crate) fn hash(name: &str, text: &str) -> Result<Hash, ApiError> {
    parsed(name, text)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error| ApiError::BadRequest(format!("{name}: {error}")))
}

/// Bytes in hexadecimal digits, of one exact length.
pub(crate) fn bytes<const N: usize>(name: &str, text: &str) -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map(|()| bytes).map_err(|_| {
        let digits = N.saturating_mul(2);
        let got = text.chars().count();
        ApiError::BadRequest(format!(
            "{name}: expected {digits} hexadecimal digits, got {} of {got} characters",
            quoted(text)
        ))
    })
}

/// `str::parse` also takes a sign, which no number of this API has.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// An integer of 64 bits that JSON carries as a number or as a decimal string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integer(pub(crate) u64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Integer;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a whole number from 0 to {}, as a number or a decimal string", u64::MAX)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Integer, E> {
                Ok(Integer(value))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Integer, E> {
                let refused = || E::invalid_value(de::Unexpected::Str(text), &self);
                digits(text).map(Integer).ok_or_else(refused)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

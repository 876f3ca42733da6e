//! Every failure of the API, with its HTTP status and its one line.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use lode_ledger::LedgerError;
use serde::Serialize;

use lode_core::{Fault, SubmitError};

/// Longest line of an error, in characters.
const MAX_LINE_CHARS: usize = 400;

/// Why a request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request cannot be understood. 400.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such thing. 404.
    #[error("{0}")]
    NotFound(String),
    /// The route exists, for another method. 405.
    #[error("{method} is not for this route: see GET /")]
    Method {
        /// The method of the request.
        method: String,
    },
    /// It does not fit the present state, or is there already. 409.
    #[error("{0}")]
    Conflict(String),
    /// The body is too large. 413.
    #[error("the body: at most {limit} bytes expected, got more")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body is not declared as JSON. 415.
    #[error("Content-Type: expected application/json, got {got}")]
    MediaType {
        /// What the request says.
        got: String,
    },
    /// It breaks a rule. 422.
    #[error("{0}")]
    Refused(String),
    /// The node has no room or time for it now. 503.
    #[error("{0}")]
    Busy(String),
    /// The node failed. 500.
    #[error("the node failed: {0}")]
    Internal(String),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        if let Self::Internal(reason) = &self {
            tracing::error!(%reason, "a request failed");
        }
        (self.status(), Json(Body { error: one_line(&self.to_string()) })).into_response()
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotRetained { .. } => Self::NotFound(error.to_string()),
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        let line = error.to_string();
        match error.fault() {
            Fault::Sender => Self::Refused(line),
            Fault::State => Self::Conflict(line),
            Fault::Busy => Self::Busy(line),
            Fault::Ours => Self::Internal(line),
        }
    }
}

/// What a request said, fit for an error: quoted, and never more than a line's worth.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// One printable line, whatever came in.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MAX_LINE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_short_line() {
        assert_eq!(one_line("two\r\n lines\u{1b}[2J\t here "), "two lines[2J here");
        assert_eq!(one_line(&"é".repeat(10_000)).chars().count(), MAX_LINE_CHARS);
        assert_eq!(quoted("a\"b\n"), r#""a\"b\n""#);
    }
}

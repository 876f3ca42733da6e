//! Every failure of the API, with its HTTP status and its one line.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use lode_api::ApiError;
use lode_core::{Fault, SubmitError, query::QueryError};

/// Why a request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
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
    TooLarge { limit: usize },
    /// The body is not declared as JSON. 415.
    #[error("Content-Type: expected application/json, got {got}")]
    MediaType {
        /// What the request says.
        got: String,
    },
    /// The request is for another machine's name. 421.
    #[error(
        "Host: this API answers under this machine's own names (localhost, 127.0.0.1, [::1]) and \
         those of --api-host, got {got}"
    )]
    ForeignHost {
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

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ForeignHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Self::Internal(reason) = &self {
            tracing::error!(%reason, "a request failed");
        }
        (self.status(), Json(ApiError::new(&self.to_string()))).into_response()
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        if error.is_absence() {
            Self::NotFound(error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<SubmitError> for Failure {
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

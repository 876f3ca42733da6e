//! The body of a failure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::one_line;

/// Why a request has no other answer. The status (4xx or 5xx) says of which kind it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// One printable line.
    pub error: String,
}

impl ApiError {
    /// A reason, whatever it holds, as one printable line.
    pub fn new(reason: &str) -> Self {
        Self { error: one_line(reason) }
    }
}

//! Why a node gave no usable answer.

use std::sync::Arc;

use super::NodeUrl;

/// Why a node gave no usable answer. Each prints as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There is nothing at the address, or it broke off.
    #[error("cannot reach the node at {node}: {reason}")]
    Unreachable {
        node: Arc<NodeUrl>,
        /// What the connection says.
        reason: String,
    },
    /// It took longer than the client's limits.
    #[error("the node at {node} did not answer in time ({phase})")]
    Timeout {
        node: Arc<NodeUrl>,
        /// What took so long.
        phase: String,
    },
    /// The node says no: its own words.
    #[error("the node answers {status}: {reason}")]
    Refused {
        /// The HTTP status, 4xx or 5xx.
        status: u16,
        /// The `error` of the answer's body.
        reason: String,
    },
    /// A status without a reason, as a proxy before the node may give.
    #[error("{path} at {node} is not a Lode node's answer: HTTP status {status}, no reason given")]
    Status {
        node: Arc<NodeUrl>,
        /// The path that was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not what the API promises.
    #[error("{path} at {node} is not a Lode node's answer: {reason}")]
    Unexpected {
        node: Arc<NodeUrl>,
        /// The path that was asked for.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl ClientError {
    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { status, .. } | Self::Status { status, .. } => {
                *status >= 500 || *status == 429
            }
            Self::Unexpected { .. } => false,
        }
    }

    /// The status with which the node, or something before it, said no.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_later_is_told_apart() {
        let node = || Arc::new("http://127.0.0.1:3030".parse::<NodeUrl>().unwrap());
        let refused = |status| ClientError::Refused { status, reason: String::new() };
        let bare = |status| ClientError::Status { node: node(), path: String::new(), status };
        let unreachable = ClientError::Unreachable { node: node(), reason: String::new() };
        let timeout = ClientError::Timeout { node: node(), phase: String::new() };
        for passing in [refused(500), refused(503), refused(429), bare(502), unreachable, timeout] {
            assert!(passing.is_passing(), "{passing:?}");
        }
        let unexpected =
            ClientError::Unexpected { node: node(), path: String::new(), reason: String::new() };
        for lasting in
            [refused(400), refused(404), refused(409), refused(422), bare(302), unexpected]
        {
            assert!(!lasting.is_passing(), "{lasting:?}");
        }
    }
}

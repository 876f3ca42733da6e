//! Which rule a proof breaks.

use crate::Target;
use std::fmt;

/// A part of the encoded proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Commitment and opening together.
    Proof,
    /// The commitment `C`.
    Commitment,
    /// The opening `W`.
    Opening,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proof => "proof",
            Self::Commitment => "commitment",
            Self::Opening => "opening",
        })
    }
}

/// One of the ticket's two disjoint halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Bytes 0 to 15, held to the block target.
    Block,
    /// Bytes 16 to 31, held to the share target.
    Share,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::Share => "share",
        })
    }
}

/// The rule that a proof breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The encoding has the wrong length.
    #[error("{part}: expected {expected} bytes, got {got}")]
    Length {
        /// What was being read.
        part: Part,
        /// Bytes expected.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// The ticket does not meet the claimed target.
    #[error("{half} value: expected at most {target}, got {value}")]
    TargetMissed {
        /// The half that was held to the target.
        half: Half,
        target: Target,
        /// The ticket's value.
        value: u128,
    },
    /// A coordinate is not below the base field's order.
    #[error("{which}: a coordinate is not below the field's order")]
    CoordinateRange {
        /// The point.
        which: Part,
    },
    /// The point is not on the curve.
    #[error("{which}: not on the curve")]
    NotOnCurve {
        /// The point.
        which: Part,
    },
    /// The point is on the curve, but not in the prime-order subgroup.
    #[error("{which}: not in the prime-order subgroup")]
    NotInSubgroup {
        /// The point.
        which: Part,
    },
    /// The opening point lies in the domain: the attempt is void.
    #[error("the opening point lies in the domain")]
    PointInDomain,
    /// The pairing equation does not hold: the commitment is not the one that the seed demands, or
    /// the opening is wrong.
    #[error("the pairing equation does not hold")]
    PairingFailed,
    /// Our own fault, not the proof's: the batch got fewer weights than items. Nothing was
    /// verified.
    #[error("batch weights: expected {expected}, got {got}")]
    MissingWeights {
        /// Items in the batch.
        expected: usize,
        /// Weights given.
        got: usize,
    },
    /// Our own fault, not the proof's: a weight of zero would let any proof pass. Nothing was
    /// verified.
    #[error("batch weight {index} is zero")]
    ZeroWeight {
        /// Position of the weight.
        index: usize,
    },
}

impl VerifyError {
    /// Whether it says nothing of the proof, because the fault is ours: the weights were unusable.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::MissingWeights { .. } | Self::ZeroWeight { .. })
    }

    /// A stable short name of the rule, for command lines and counters.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Length { .. } => "length",
            Self::TargetMissed { .. } => "target",
            Self::CoordinateRange { .. } => "coordinate range",
            Self::NotOnCurve { .. } => "curve",
            Self::NotInSubgroup { .. } => "subgroup",
            Self::PointInDomain => "domain",
            Self::PairingFailed => "pairing",
            Self::MissingWeights { .. } | Self::ZeroWeight { .. } => "weights",
        }
    }
}

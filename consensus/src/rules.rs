//! Validation of headers, bodies and shares against the chain that a block extends (specification
//! section 3).
//!
//! What must not be broken: checks are ordered by cost, so that a peer pays before the node does;
//! and a body that does not match its header's roots says nothing about the header
//! ([`BlockError::marks_invalid`]).

use lode_puzzle::{Claim, Item, Statement, Target, VerifyError};

use crate::{
    Address, ChainSpec, Hash, Header, Height, Share, address::AddressError, difficulty, epoch,
    signature::SignatureError,
};

pub use crate::{
    obligation::ProofChecker,
    proving::{ContextualBlock, VerifiedBlock},
};

/// How many blocks the median timestamp is taken over.
pub(crate) const MEDIAN_BLOCKS: Height = 11;
/// Blocks 1 and 2 have the genesis target: no solve time is known before them that means anything.
const FIRST_RETARGET: Height = 3;

/// Headers and hashes of one chain, by height.
pub trait Ancestry {
    /// Why a lookup can fail: the database's error.
    type Error;

    /// The hash of the chain's block at a height that is not above its tip.
    fn block_hash(&self, height: Height) -> Result<Hash, Self::Error>;

    /// The header of the chain's block at a height that is not above its tip.
    fn header(&self, height: Height) -> Result<Header, Self::Error>;
}

/// All that the rules need to know of a chain to judge the next block or share on top of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainContext {
    /// The hash of the network's genesis block.
    pub genesis_hash: Hash,
    /// The height of the block to come.
    pub height: Height,
    /// The hash of the block that it extends.
    pub parent_hash: Hash,
    /// The median timestamp that the block's must exceed, in ms.
    pub median_time_ms: u64,
    /// The target that the block must carry.
    pub target: Target,
    /// The challenge of the block's epoch.
    pub epoch_challenge: Hash,
    /// F0: the target of the first block of the block's epoch; of the block itself if it opens the
    /// epoch.
    pub first_target: Target,
    /// The target of shares in the block.
    pub share_target: Target,
    /// The blocks that the block and its shares may name as anchor.
    pub anchors: Vec<(Height, Hash)>,
}

impl ChainContext {
    /// Gathers the context for the block on top of `tip`, the height of the last block of `chain`.
    pub fn gather<A: Ancestry>(
        params: &ChainSpec,
        genesis_hash: Hash,
        tip: Height,
        chain: &A,
    ) -> Result<Self, A::Error> {
        let height = tip.saturating_add(1);
        let parent = chain.header(tip)?;

        let mut timestamps = Vec::new();
        for ancestor in height.saturating_sub(MEDIAN_BLOCKS.min(height))..height {
            timestamps.push(chain.header(ancestor)?.timestamp_ms);
        }

        let target = if height < FIRST_RETARGET {
            params.genesis_target
        } else {
            let grandparent = chain.header(tip.saturating_sub(1))?;
            let solve_time_ms = i128::from(parent.timestamp_ms)
                .saturating_sub(i128::from(grandparent.timestamp_ms));
            difficulty::next_target(
                parent.target,
                solve_time_ms,
                params.block_interval_ms,
                params.asert_tau_ms,
            )
        };

        let epoch_start = params.epoch_start(params.epoch_of(height));
        let epoch_challenge = epoch::challenge(&match epoch_start.checked_sub(1) {
            Some(last) => chain.block_hash(last)?,
            None => genesis_hash,
        });
        let first_target =
            if epoch_start == height { target } else { chain.header(epoch_start)?.target };

        let mut anchors = Vec::new();
        for anchor in params.anchor_heights(height) {
            anchors.push((anchor, chain.block_hash(anchor)?));
        }

        Ok(Self {
            genesis_hash,
            height,
            parent_hash: chain.block_hash(tip)?,
            median_time_ms: median(timestamps),
            target,
            epoch_challenge,
            first_target,
            share_target: epoch::share_target(first_target, params.shares_per_block),
            anchors,
        })
    }

    /// The height of an anchor that blocks and shares of this height may name, or `None`.
    pub fn anchor_height(&self, anchor_hash: &Hash) -> Option<Height> {
        self.anchors.iter().find(|(_, hash)| hash == anchor_hash).map(|(height, _)| *height)
    }

    /// Checks what can be checked of a share without its proof and its prover's address, which
    /// takes a square root, and says what its proof must show.
    pub fn share_item(&self, share: &Share) -> Result<Item, ShareError> {
        if self.anchor_height(&share.anchor_hash).is_none() {
            return Err(ShareError::Anchor { height: self.height, got: share.anchor_hash });
        }
        Ok(Item {
            statement: share.statement(&self.genesis_hash, &self.epoch_challenge),
            nonce: share.nonce,
            proof: share.proof,
            claim: Claim::Share(self.share_target),
        })
    }
}

/// The median of timestamps: sorted ascending, index `floor(count / 2)`.
fn median(mut timestamps: Vec<u64>) -> u64 {
    timestamps.sort_unstable();
    timestamps.get(timestamps.len() >> 1).copied().unwrap_or(0)
}

/// How long a block must wait before this node may look at it, in ms: it lies beyond the future
/// limit. Such a block is deferred and never marked invalid.
pub fn deferral_ms(params: &ChainSpec, header: &Header, now_ms: u64) -> Option<u64> {
    let latest = now_ms.saturating_add(params.future_limit_ms);
    header.timestamp_ms.checked_sub(latest).filter(|wait_ms| *wait_ms > 0)
}

/// The rule that a share breaks, apart from its proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// The anchor is no block of this chain, too old, or of another epoch.
    #[error("anchor {got} is no ancestor that a share at height {height} may name")]
    Anchor {
        /// The height of the including block.
        height: Height,
        got: Hash,
    },
    /// The prover is no address.
    #[error("prover: {0}")]
    Prover(#[from] AddressError),
}

/// The rule that a block breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The block's height is not its parent's plus one.
    #[error("height: expected {expected}, got {got}")]
    Height {
        /// The parent's height plus one.
        expected: Height,
        /// The height in the header.
        got: Height,
    },
    /// The block does not extend the block that it was held against.
    #[error("parent: expected {expected}, got {got}")]
    Parent {
        /// The hash of the tip.
        expected: Hash,
        /// The hash in the header.
        got: Hash,
    },
    /// The target is not the one that the rules compute.
    #[error("target: expected {expected}, got {got}")]
    Target {
        /// The computed target.
        expected: u128,
        /// The target in the header.
        got: u128,
    },
    /// The timestamp does not exceed the median of the blocks before.
    #[error("timestamp: expected more than the median {median_ms} ms, got {got_ms} ms")]
    Timestamp {
        median_ms: u64,
        /// The timestamp in the header.
        got_ms: u64,
    },
    /// The anchor is no block of this chain, too old, or of another epoch.
    #[error("anchor {got} is no ancestor that a block at height {height} may name")]
    Anchor { height: Height, got: Hash },
    /// The producer is no address.
    #[error("producer: {0}")]
    Producer(AddressError),
    /// The block's own proof does not hold.
    #[error("proof: {0}")]
    Proof(VerifyError),
    /// The body does not belong to this header. The header may still be good.
    #[error("the body does not match the header's {0} root")]
    Roots(&'static str),
    /// The body is too large, or has too many items.
    #[error("{what}: at most {limit} allowed, got {got}")]
    Limit {
        /// What is counted.
        what: &'static str,
        limit: usize,
        got: usize,
    },
    /// A share breaks a rule.
    #[error("share {index}: {error}")]
    Share {
        /// Its place in the body.
        index: usize,
        error: ShareError,
    },
    /// A share's proof does not hold.
    #[error("share {index}: proof: {error}")]
    ShareProof {
        /// Its place in the body.
        index: usize,
        error: VerifyError,
    },
    /// The same attempt stands twice in the body.
    #[error("share {index}: the same attempt stands earlier in this block")]
    DuplicateShare {
        /// The later place in the body.
        index: usize,
    },
    /// A transaction's signature does not hold.
    #[error("transaction {index}: {error}")]
    Signature {
        /// Its place in the body.
        index: usize,
        error: SignatureError,
    },
    /// A transaction's recipient is no address.
    #[error("transaction {index}: recipient: {error}")]
    Recipient {
        /// Its place in the body.
        index: usize,
        error: AddressError,
    },
    /// The verifier gave fewer verdicts than there are proofs: our fault.
    #[error("the verifier judged {got} of {expected} proofs")]
    Unjudged {
        /// Proofs handed over.
        expected: usize,
        /// Verdicts returned.
        got: usize,
    },
}

impl BlockError {
    /// Whether the block's hash can be marked invalid for good. It cannot if the body does not
    /// match the header, since a peer may have swapped it; if the parent was not found, since it
    /// may still come; or after an error of this node itself.
    pub fn marks_invalid(&self) -> bool {
        match self {
            Self::Roots(_) | Self::Parent { .. } | Self::Unjudged { .. } => false,
            Self::Proof(error) | Self::ShareProof { error, .. } => !error.is_ours(),
            _ => true,
        }
    }
}

/// Checks a header against the chain that it extends: everything but its producer, which takes a
/// square root, and its proof.
pub(crate) fn check_header(header: &Header, context: &ChainContext) -> Result<(), BlockError> {
    if header.parent_hash != context.parent_hash {
        return Err(BlockError::Parent { expected: context.parent_hash, got: header.parent_hash });
    }
    if header.height != context.height {
        return Err(BlockError::Height { expected: context.height, got: header.height });
    }
    if header.target != context.target {
        return Err(BlockError::Target {
            expected: context.target.get(),
            got: header.target.get(),
        });
    }
    if header.timestamp_ms <= context.median_time_ms {
        return Err(BlockError::Timestamp {
            median_ms: context.median_time_ms,
            got_ms: header.timestamp_ms,
        });
    }
    if context.anchor_height(&header.anchor_hash).is_none() {
        return Err(BlockError::Anchor { height: context.height, got: header.anchor_hash });
    }
    Ok(())
}

/// The statement of a header's proof on a chain.
pub fn statement_of(header: &Header, context: &ChainContext) -> Statement {
    let Address(prover) = header.producer;
    Statement::new(
        &context.genesis_hash.0,
        &context.epoch_challenge.0,
        &header.anchor_hash.0,
        &header.content_hash().0,
        &prover,
    )
}

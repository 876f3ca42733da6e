//! Headers before bodies: the types that a header goes through on its own, and the chain that
//! headers make in memory.
//!
//! [`SealedHeader`] (decoded) → [`ContextualHeader`] (fits its parent, and its ticket meets the
//! target) → [`VerifiedHeader`] (its proof holds) → with a body
//! [`ContextualBlock`](crate::rules::ContextualBlock), which does not check that proof again.
//!
//! What must not be broken: only a [`VerifiedHeader`] counts as work, and one is only made by a
//! [`ProofChecker`], or for a header whose hash is that of a proven one.

use std::collections::BTreeMap;

use lode_puzzle::{Claim, Half, Item, Seed, Ticket, VerifyError};

use crate::{
    ChainSpec, Hash, Header, Height, SealedHeader,
    obligation::{Obligation, ProofChecker},
    placed::{Place, Placed, judge_all},
    rules::{self, Ancestry, BlockError, ChainContext, MEDIAN_BLOCKS},
};

/// A header that fits the chain it extends and whose ticket meets the target. Its producer and its
/// proof are not checked yet.
#[derive(Debug, Clone)]
pub struct ContextualHeader {
    sealed: SealedHeader,
    hash: Hash,
    obligations: [Placed; 2],
}

impl ContextualHeader {
    /// Checks what costs no more than a few hashes.
    pub fn new(sealed: SealedHeader, context: &ChainContext) -> Result<Self, BlockError> {
        rules::check_header(&sealed.header, context)?;
        let target = sealed.header.target;
        let item = Item {
            statement: rules::statement_of(&sealed.header, context),
            nonce: sealed.nonce,
            proof: sealed.proof,
            claim: Claim::Block(target),
        };
        let value = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof).block_value();
        if !target.is_met_by(value) {
            return Err(BlockError::Proof(VerifyError::TargetMissed {
                half: Half::Block,
                target,
                value,
            }));
        }
        let obligations = [Obligation::Address(sealed.header.producer), Obligation::Puzzle(item)];
        let obligations = obligations.map(|obligation| Placed { place: Place::Header, obligation });
        Ok(Self { hash: sealed.hash(), sealed, obligations })
    }

    pub fn sealed(&self) -> &SealedHeader {
        &self.sealed
    }

    /// The block's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// For a header that was proven before: its hash is that of a [`VerifiedHeader`], or of an
    /// ancestor of one.
    pub fn assume_verified(self) -> VerifiedHeader {
        VerifiedHeader { sealed: self.sealed, hash: self.hash }
    }

    /// Checks producer and proof, which needs one weight.
    pub fn prove(
        self,
        checker: &(impl ProofChecker + ?Sized),
        weights: &[u128],
    ) -> Result<VerifiedHeader, BlockError> {
        let unjudged = BlockError::Unjudged { expected: self.obligations.len(), got: 0 };
        Self::prove_all(vec![self], checker, weights).pop().unwrap_or(Err(unjudged))
    }

    /// Checks producers and proofs of several headers, the proofs in one batch. One result for
    /// each, in order; `weights` holds one random number for each.
    pub fn prove_all(
        headers: Vec<Self>,
        checker: &(impl ProofChecker + ?Sized),
        weights: &[u128],
    ) -> Vec<Result<VerifiedHeader, BlockError>> {
        let parties: Vec<&[Placed]> =
            headers.iter().map(|header| &header.obligations[..]).collect();
        let results = judge_all(&parties, checker, weights);
        headers
            .into_iter()
            .zip(results)
            .map(|(header, result)| result.map(|()| header.assume_verified()))
            .collect()
    }
}

/// A header that fits its parent and whose proof holds: work that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHeader {
    sealed: SealedHeader,
    hash: Hash,
}

impl VerifiedHeader {
    /// The header with its proof.
    pub fn sealed(&self) -> &SealedHeader {
        &self.sealed
    }

    pub fn header(&self) -> &Header {
        &self.sealed.header
    }

    /// The block's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

/// Headers of one chain above a fork, in memory. Headers that no later header refers to any more
/// can be dropped, so that a chain of any length is checked in little memory.
#[derive(Debug, Clone)]
pub struct HeaderChain {
    fork: Height,
    headers: BTreeMap<Height, (Hash, Header)>,
    tip: Height,
}

/// Why a header is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderChainError<E> {
    /// The chain below the fork failed.
    #[error("{0}")]
    Base(E),
    /// The chain does not reach so high, or the header was forgotten.
    #[error("no header at height {height} in memory")]
    Absent {
        /// The height that was asked for.
        height: Height,
    },
}

impl HeaderChain {
    /// No headers yet above the block at height `fork`.
    pub fn above(fork: Height) -> Self {
        Self { fork, headers: BTreeMap::new(), tip: fork }
    }

    /// The height of the last block of the chain below.
    pub fn fork(&self) -> Height {
        self.fork
    }

    /// The height of the last header.
    pub fn tip(&self) -> Height {
        self.tip
    }

    /// How many headers are in memory.
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether no header is in memory.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Adds the next header.
    pub fn push(&mut self, hash: Hash, header: Header) {
        self.tip = self.tip.saturating_add(1);
        self.headers.insert(self.tip, (hash, header));
    }

    /// Forgets the headers that no header above the tip can need: what is left are the median's
    /// blocks, the window of anchors, and the two blocks at the beginning of the tip's epoch and of
    /// the next block's.
    pub fn forget(&mut self, params: &ChainSpec) {
        let window = self.tip.saturating_sub(MEDIAN_BLOCKS.max(params.share_window));
        let start = params.epoch_start(params.epoch_of(self.tip));
        let pinned = [start.saturating_sub(1), start];
        self.headers.retain(|height, _| *height >= window || pinned.contains(height));
    }

    /// The whole chain, on top of the one that holds its fork.
    pub fn on<'a, A: Ancestry>(&'a self, base: &'a A) -> Extension<'a, A> {
        Extension { base, chain: self }
    }
}

/// A [`HeaderChain`] together with the chain that it leaves at its fork.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a, A> {
    base: &'a A,
    chain: &'a HeaderChain,
}

impl<A: Ancestry> Extension<'_, A> {
    fn get(&self, height: Height) -> Result<&(Hash, Header), HeaderChainError<A::Error>> {
        self.chain.headers.get(&height).ok_or(HeaderChainError::Absent { height })
    }
}

impl<A: Ancestry> Ancestry for Extension<'_, A> {
    type Error = HeaderChainError<A::Error>;

    fn block_hash(&self, height: Height) -> Result<Hash, Self::Error> {
        if height <= self.chain.fork {
            return self.base.block_hash(height).map_err(HeaderChainError::Base);
        }
        self.get(height).map(|(hash, _)| *hash)
    }

    fn header(&self, height: Height) -> Result<Header, Self::Error> {
        if height <= self.chain.fork {
            return self.base.header(height).map_err(HeaderChainError::Base);
        }
        self.get(height).map(|(_, header)| header.clone())
    }
}

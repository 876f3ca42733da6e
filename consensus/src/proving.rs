//! The types that a block goes through: [`ContextualBlock`] (fits its parent) → [`VerifiedBlock`]
//! (its proofs and signatures hold).
//!
//! What must not be broken: checks are ordered by cost, and a [`VerifiedBlock`] is only made of a
//! block whose obligations were all judged by a checker that the caller trusts.

use std::collections::BTreeSet;

use lode_puzzle::{Claim, Item};

use crate::{
    Block, Body, ChainSpec, Encode, Hash, ShareId,
    headers::VerifiedHeader,
    obligation::{Obligation, ProofChecker},
    params::{MAX_BODY_BYTES, MAX_TRANSACTIONS},
    placed::{self, Place, Placed},
    rules::{BlockError, ChainContext, check_header, statement_of},
};

/// A block that fits the chain it extends. What [`Self::obligations`] says is not checked yet:
/// proofs, signatures, and addresses, each of which takes a square root.
#[derive(Debug, Clone)]
pub struct ContextualBlock {
    block: Block,
    hash: Hash,
    share_ids: Vec<ShareId>,
    transaction_ids: Vec<Hash>,
    context: ChainContext,
    obligations: Vec<Placed>,
}

impl ContextualBlock {
    /// Checks everything about a block that needs neither its proofs nor the state.
    pub fn new(
        block: Block,
        context: ChainContext,
        params: &ChainSpec,
    ) -> Result<Self, BlockError> {
        check_header(&block.header, &context)?;
        let own = Item {
            statement: statement_of(&block.header, &context),
            nonce: block.nonce,
            proof: block.proof,
            claim: Claim::Block(block.header.target),
        };
        let obligations = [Obligation::Address(block.header.producer), Obligation::Puzzle(own)];
        let obligations = obligations.map(|obligation| Placed { place: Place::Header, obligation });
        Self::with_body(block, context, params, obligations.to_vec())
    }

    /// The block of a proven header: the same checks, but for those that the header went through.
    pub fn of_proven(
        header: VerifiedHeader,
        body: Body,
        context: ChainContext,
        params: &ChainSpec,
    ) -> Result<Self, BlockError> {
        // The parent's hash stands for the whole chain below, so that this is the one that the
        // header fits.
        if header.header().parent_hash != context.parent_hash {
            return Err(BlockError::Parent {
                expected: context.parent_hash,
                got: header.header().parent_hash,
            });
        }
        Self::with_body(header.sealed().clone().with_body(body), context, params, Vec::new())
    }

    fn with_body(
        block: Block,
        context: ChainContext,
        params: &ChainSpec,
        mut obligations: Vec<Placed>,
    ) -> Result<Self, BlockError> {
        // Before the limits: only a body that the header commits to can speak against the header.
        if block.header.transactions_root != block.body.transactions_root() {
            return Err(BlockError::Roots("transactions"));
        }
        if block.header.shares_root != block.body.shares_root() {
            return Err(BlockError::Roots("shares"));
        }
        check_limits(&block, params)?;
        let mut share_ids = Vec::with_capacity(block.body.shares.len());
        let mut seen = BTreeSet::new();
        for (index, share) in block.body.shares.iter().enumerate() {
            let item =
                context.share_item(share).map_err(|error| BlockError::Share { index, error })?;
            let id = ShareId { statement: item.statement, nonce: item.nonce };
            if !seen.insert(id) {
                return Err(BlockError::DuplicateShare { index });
            }
            share_ids.push(id);
            let share = [Obligation::Address(share.prover), Obligation::Puzzle(item)];
            obligations
                .extend(share.map(|obligation| Placed { place: Place::Share(index), obligation }));
        }
        let mut transaction_ids = Vec::with_capacity(block.body.transactions.len());
        for (index, signed) in block.body.transactions.iter().enumerate() {
            let id = signed.id(&context.genesis_hash);
            transaction_ids.push(id);
            let place = Place::Transaction(index);
            obligations
                .extend(signed.obligations(id).map(|obligation| Placed { place, obligation }));
        }
        Ok(Self { hash: block.hash(), block, share_ids, transaction_ids, context, obligations })
    }

    /// What is still to be shown: of the header first, unless it was proven alone, then of the
    /// shares and of the transactions, in the order of the body.
    pub fn obligations(&self) -> &[Placed] {
        &self.obligations
    }

    /// How many random weights [`Self::prove`] needs: one for each puzzle claim among the
    /// obligations.
    pub fn weights_needed(&self) -> usize {
        placed::weights_needed(&self.obligations)
    }

    pub fn block(&self) -> &Block {
        &self.block
    }

    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes off the list what the caller has seen met before, against this chain's challenge and
    /// share target. What the header has to show stays.
    #[must_use]
    pub fn skip_verified(mut self, is_met: impl Fn(&Placed) -> bool) -> Self {
        self.obligations.retain(|placed| placed.place == Place::Header || !is_met(placed));
        self
    }

    /// For a block that a store kept only after [`Self::prove`] had passed for it, on this same
    /// chain; and for one that an operator assumes to be valid, whose header was proven alone. The
    /// state that it leads to is checked all the same.
    pub fn assume_verified(self) -> VerifiedBlock {
        VerifiedBlock { inner: Self { obligations: Vec::new(), ..self } }
    }

    /// Has the obligations judged. `weights` holds one random number for each of
    /// [`Self::weights_needed`].
    pub fn prove(
        self,
        checker: &(impl ProofChecker + ?Sized),
        weights: &[u128],
    ) -> Result<VerifiedBlock, BlockError> {
        let unjudged = BlockError::Unjudged { expected: self.obligations.len(), got: 0 };
        Self::prove_all(vec![self], checker, weights).pop().unwrap_or(Err(unjudged))
    }

    /// Has the obligations of several blocks judged, the proofs of all of them in one batch. One
    /// result for each, in order; `weights` holds the random numbers that all of them need.
    pub fn prove_all(
        blocks: Vec<Self>,
        checker: &(impl ProofChecker + ?Sized),
        weights: &[u128],
    ) -> Vec<Result<VerifiedBlock, BlockError>> {
        let parties: Vec<&[Placed]> = blocks.iter().map(Self::obligations).collect();
        let results = placed::judge_all(&parties, checker, weights);
        blocks
            .into_iter()
            .zip(results)
            .map(|(block, result)| result.map(|()| block.assume_verified()))
            .collect()
    }
}

/// A block that fits its parent and whose proofs and signatures hold. Made by
/// [`ContextualBlock::prove`], and by [`ContextualBlock::assume_verified`] for blocks that went
/// through it earlier.
#[derive(Debug, Clone)]
pub struct VerifiedBlock {
    inner: ContextualBlock,
}

impl VerifiedBlock {
    pub fn block(&self) -> &Block {
        &self.inner.block
    }

    pub fn hash(&self) -> Hash {
        self.inner.hash
    }

    /// The identities of the block's shares, in their order.
    pub fn share_ids(&self) -> &[ShareId] {
        &self.inner.share_ids
    }

    /// The ids of the block's transactions, in their order.
    pub fn transaction_ids(&self) -> &[Hash] {
        &self.inner.transaction_ids
    }

    /// The chain that the block was judged against.
    pub fn context(&self) -> &ChainContext {
        &self.inner.context
    }
}

fn check_limits(block: &Block, params: &ChainSpec) -> Result<(), BlockError> {
    let limits = [
        ("transactions", MAX_TRANSACTIONS, block.body.transactions.len()),
        ("shares", params.max_shares(), block.body.shares.len()),
        ("body bytes", MAX_BODY_BYTES, block.body.encoded_len()),
    ];
    for (what, limit, got) in limits {
        if got > limit {
            return Err(BlockError::Limit { what, limit, got });
        }
    }
    Ok(())
}

//! The types that a block goes through: [`FittingBlock`] (fits its parent) → [`ProvenBlock`] (its proofs and signatures
//! hold), and the judge of proofs.
//!
//! What must not be broken: checks are ordered by cost, and a [`ProvenBlock`] is only made of a block whose every proof
//! and signature was checked by somebody whom the caller trusts.

use std::collections::BTreeSet;

use lode_puzzle::{Claim, Item, Ticket, Verifier, VerifyError};

use crate::{
    Address, Block, Body, Encode, Hash, NetworkParams, Share, ShareId, SignedTransaction,
    address::AddressError,
    headers::ProvenHeader,
    params::{MAX_BODY_BYTES, MAX_TRANSACTIONS},
    rules::{BlockError, ChainContext, check_header},
};

/// Judges what takes long. The chain's judge is [`Verifier`]; a node puts its memory in front of it, and a simulation may
/// bring an oracle that knows who was honest.
pub trait ProofChecker {
    /// One verdict for each item, in order. `weights` are random 128-bit numbers, one for each item, drawn after the
    /// batch was fixed.
    fn check(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>>;

    /// [`Address::check`], which takes a square root; a judge may remember which addresses passed.
    fn check_address(&self, address: &Address) -> Result<(), AddressError> {
        address.check()
    }
}

impl ProofChecker for Verifier {
    fn check(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        self.verify_batch(items, weights)
    }
}

/// A block that fits the chain it extends; what [`Self::claims`] and the transactions' signatures say is not checked
/// yet, nor the addresses of provers and recipients, each of which takes a square root.
#[derive(Debug, Clone)]
pub struct FittingBlock {
    block: Block,
    hash: Hash,
    share_ids: Vec<ShareId>,
    context: ChainContext,
    /// What is still to be proven, and where it stands: `None` for the block itself, else the share's place.
    items: Vec<Item>,
    places: Vec<Option<usize>>,
    /// Places of the transactions whose signatures and recipients are still to be checked.
    unsigned: Vec<usize>,
}

impl FittingBlock {
    /// Checks everything about a block that needs neither its proofs nor the state.
    pub fn new(block: Block, context: ChainContext, params: &NetworkParams) -> Result<Self, BlockError> {
        let statement = check_header(&block.header, &context)?;
        let own = Item { statement, nonce: block.nonce, proof: block.proof, claim: Claim::Block(block.header.target) };
        Self::with_body(block, context, params, Some(own))
    }

    /// The block of a proven header: the same checks, but for those that the header went through.
    pub fn of_proven(
        header: ProvenHeader,
        body: Body,
        context: ChainContext,
        params: &NetworkParams,
    ) -> Result<Self, BlockError> {
        // The parent's hash stands for the whole chain below, so that this is the one that the header fits.
        if header.header().parent_hash != context.parent_hash {
            return Err(BlockError::Parent { expected: context.parent_hash, got: header.header().parent_hash });
        }
        Self::with_body(header.sealed().clone().with_body(body), context, params, None)
    }

    fn with_body(
        block: Block,
        context: ChainContext,
        params: &NetworkParams,
        own: Option<Item>,
    ) -> Result<Self, BlockError> {
        // Before the limits: only a body that the header commits to can speak against the header.
        if block.header.transactions_root != block.body.transactions_root() {
            return Err(BlockError::Roots("transactions"));
        }
        if block.header.shares_root != block.body.shares_root() {
            return Err(BlockError::Roots("shares"));
        }
        check_limits(&block, params)?;
        let mut places = vec![None; own.iter().len()];
        let mut items = Vec::from_iter(own);
        let mut share_ids = Vec::with_capacity(block.body.shares.len());
        let mut seen = BTreeSet::new();
        for (index, share) in block.body.shares.iter().enumerate() {
            let item = context.share_item(share).map_err(|error| BlockError::Share { index, error })?;
            let id = ShareId { statement: item.statement, nonce: item.nonce };
            if !seen.insert(id) {
                return Err(BlockError::DuplicateShare { index });
            }
            share_ids.push(id);
            items.push(item);
            places.push(Some(index));
        }
        let unsigned = (0..block.body.transactions.len()).collect();
        Ok(Self { hash: block.hash(), block, share_ids, context, items, places, unsigned })
    }

    /// What proofs must show: the block's own first, unless its header was proven alone, then its shares' in order.
    pub fn claims(&self) -> &[Item] {
        &self.items
    }

    /// The decoded block.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// The block's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes off the list what the caller has checked before, with these very bytes and against this chain's
    /// challenge and share target: shares whose proofs hold, and transactions whose signatures do; their addresses too.
    #[must_use]
    pub fn except(
        mut self,
        proven: impl Fn(&ShareId, &Share) -> bool,
        signed: impl Fn(&SignedTransaction) -> bool,
    ) -> Self {
        let is_proven = |place: &Option<usize>| {
            let Some(index) = place else {
                return false;
            };
            let (share, id) = (self.block.body.shares.get(*index), self.share_ids.get(*index));
            share.zip(id).is_some_and(|(share, id)| proven(id, share))
        };
        let left = std::mem::take(&mut self.items).into_iter().zip(&self.places).filter(|(_, place)| !is_proven(place));
        let (items, places) = left.unzip();
        let is_signed = |index: &usize| self.block.body.transactions.get(*index).is_some_and(&signed);
        self.unsigned.retain(|index| !is_signed(index));
        Self { items, places, ..self }
    }

    /// For a block that a store kept only after [`Self::prove`] had passed for it, on this same chain; and for one that
    /// an operator assumes to be valid, whose header was proven alone. The state that it leads to is checked all the same.
    pub fn proven_before(self) -> ProvenBlock {
        ProvenBlock { inner: self }
    }

    /// Checks what [`Self::claims`] says, the signatures of the transactions, and the addresses of both. `weights` holds one
    /// random number for each claim.
    pub fn prove(self, checker: &(impl ProofChecker + ?Sized), weights: &[u128]) -> Result<ProvenBlock, BlockError> {
        let verdicts = checker.check(&self.items, weights);
        self.judge(checker, verdicts)
    }

    /// Checks several blocks with one batch of proofs. One result for each, in order; `weights` holds one random number
    /// for each claim of each block.
    pub fn prove_all(
        blocks: Vec<Self>,
        checker: &(impl ProofChecker + ?Sized),
        weights: &[u128],
    ) -> Vec<Result<ProvenBlock, BlockError>> {
        let items: Vec<Item> = blocks.iter().flat_map(|block| &block.items).copied().collect();
        let mut verdicts = checker.check(&items, weights).into_iter();
        let judge = |block: Self| {
            let own = verdicts.by_ref().take(block.items.len()).collect();
            block.judge(checker, own)
        };
        blocks.into_iter().map(judge).collect()
    }

    fn check_addresses(&self, checker: &(impl ProofChecker + ?Sized)) -> Result<(), BlockError> {
        for index in self.places.iter().flatten() {
            if let Some(share) = self.block.body.shares.get(*index) {
                let checked = checker.check_address(&share.prover);
                checked.map_err(|error| BlockError::Share { index: *index, error: error.into() })?;
            }
        }
        for index in &self.unsigned {
            if let Some(signed) = self.block.body.transactions.get(*index) {
                let checked = signed.transaction.check_recipient();
                checked.map_err(|error| BlockError::Recipient { index: *index, error })?;
            }
        }
        Ok(())
    }

    fn judge(
        self,
        checker: &(impl ProofChecker + ?Sized),
        verdicts: Vec<Result<Ticket, VerifyError>>,
    ) -> Result<ProvenBlock, BlockError> {
        self.check_addresses(checker)?;
        if verdicts.len() != self.items.len() {
            return Err(BlockError::Unjudged { expected: self.items.len(), got: verdicts.len() });
        }
        for (place, verdict) in self.places.iter().zip(verdicts) {
            if let Err(error) = verdict {
                return Err(match *place {
                    None => BlockError::Proof(error),
                    Some(index) => BlockError::ShareProof { index, error },
                });
            }
        }
        for index in &self.unsigned {
            if let Some(signed) = self.block.body.transactions.get(*index) {
                let verified = signed.verify(&self.context.genesis_hash);
                verified.map_err(|error| BlockError::Signature { index: *index, error })?;
            }
        }
        Ok(ProvenBlock { inner: self })
    }
}

/// A block that fits its parent and whose proofs and signatures hold. Made by [`FittingBlock::prove`], and by
/// [`FittingBlock::proven_before`] for blocks that went through it earlier.
#[derive(Debug, Clone)]
pub struct ProvenBlock {
    inner: FittingBlock,
}

impl ProvenBlock {
    /// The block.
    pub fn block(&self) -> &Block {
        &self.inner.block
    }

    /// The block's hash.
    pub fn hash(&self) -> Hash {
        self.inner.hash
    }

    /// The identities of the block's shares, in their order.
    pub fn share_ids(&self) -> &[ShareId] {
        &self.inner.share_ids
    }

    /// The chain that the block was judged against.
    pub fn context(&self) -> &ChainContext {
        &self.inner.context
    }
}

fn check_limits(block: &Block, params: &NetworkParams) -> Result<(), BlockError> {
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

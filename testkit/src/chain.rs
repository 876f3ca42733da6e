//! Chains in memory: a network with easy targets, three accounts, and blocks whose tickets meet
//! their targets. Everything is deterministic.

use std::{collections::BTreeMap, convert::Infallible, sync::LazyLock};

use lode_consensus::{
    Address, Block, Body, ChainSpec, Hash, Header, Height, Share, SignedTransaction, Transaction,
    rules::{Ancestry, BlockError, ChainContext, ContextualBlock, VerifiedBlock, statement_of},
    transition::{self, AppliedBlock, ApplyError},
};
use lode_puzzle::{Proof, Seed, Statement, Target, Ticket};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    keys::{Actor, actors},
    networks::{self, INTERVAL_MS, START_MS},
    oracle::{Oracle, Told},
    state::State,
};

/// What each account has at genesis.
pub const ALLOCATION: u64 = 1_000_000;

/// Five accounts. The first three have balances at genesis.
static ACTORS: LazyLock<Vec<Actor>> = LazyLock::new(|| actors(1, 5));

/// The address of an account.
pub fn account(index: usize) -> Address {
    ACTORS[index].address
}

/// Epochs of 5 blocks, up to 4 shares in a block, anchors up to 3 back, maturity of 4. One attempt
/// in two makes a block, and every one a share.
pub fn params() -> ChainSpec {
    let allocations = (0..3).map(|index| (account(index), ALLOCATION)).collect();
    ChainSpec {
        asert_tau_ms: 20 * INTERVAL_MS,
        epoch_length: 5,
        share_window: 3,
        maturity: 4,
        genesis_timestamp_ms: START_MS,
        genesis_target: Target::new(1 << 127).unwrap(),
        srs_checksum: [7; 64],
        ..networks::small("memory", allocations)
    }
}

/// A proof that holds for the [`Oracle`] only, with the first nonce from `nonce` on whose ticket
/// the caller accepts.
pub fn attempt(
    statement: &Statement,
    nonce: u64,
    accept: impl Fn(&Ticket) -> bool,
) -> (u64, Proof) {
    (nonce..)
        .map(|nonce| (nonce, Proof { commitment: [nonce as u8; 96], opening: [1; 96] }))
        .find(|(nonce, proof)| accept(&Ticket::new(&Seed::new(statement, *nonce), proof)))
        .unwrap()
}

/// One chain of valid blocks from genesis on, with the state after each.
#[derive(Debug, Clone)]
pub struct Chain {
    pub params: ChainSpec,
    pub blocks: Vec<Block>,
    pub hashes: Vec<Hash>,
    pub states: Vec<State>,
}

impl Ancestry for Chain {
    type Error = Infallible;

    fn block_hash(&self, height: Height) -> Result<Hash, Infallible> {
        Ok(self.hashes[height as usize])
    }

    fn header(&self, height: Height) -> Result<Header, Infallible> {
        Ok(self.blocks[height as usize].header.clone())
    }
}

impl Chain {
    pub fn new(params: ChainSpec) -> Self {
        params.check().unwrap();
        let (changes, supply) = transition::genesis(&params);
        let mut state = State { supply, ..State::default() };
        state.write(&changes);
        let genesis = Block::genesis(&params, state.root());
        state.hashes.push(genesis.hash());
        Self { params, hashes: vec![genesis.hash()], blocks: vec![genesis], states: vec![state] }
    }

    /// A chain with this many empty blocks on top of genesis, each on time, all made by the first
    /// account.
    pub fn of_length(params: ChainSpec, blocks: u32) -> Self {
        let mut chain = Self::new(params);
        for _ in 0..blocks {
            chain.extend(Body::default());
        }
        chain
    }

    pub fn genesis_hash(&self) -> Hash {
        self.hashes[0]
    }

    pub fn tip(&self) -> Height {
        self.blocks.len() as Height - 1
    }

    pub fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    pub fn context(&self) -> ChainContext {
        let Ok(context) = ChainContext::gather(&self.params, self.genesis_hash(), self.tip(), self);
        context
    }

    /// A block on top of the tip that keeps every rule if its body does. An invalid body leaves its
    /// state root zero.
    pub fn block(&self, body: Body) -> Block {
        let context = self.context();
        let parent = &self.blocks.last().unwrap().header;
        let anchor = self.params.mining_anchor_height(self.tip());
        let header = Header {
            height: context.height,
            parent_hash: context.parent_hash,
            anchor_hash: self.hashes[anchor as usize],
            timestamp_ms: parent.timestamp_ms + INTERVAL_MS,
            transactions_root: Hash::ZERO,
            shares_root: Hash::ZERO,
            state_root: Hash::ZERO,
            producer: account(0),
            target: context.target,
        };
        self.seal(Block { header, nonce: 0, proof: Proof::ZERO, body })
    }

    /// The block with its roots and its proof made anew, after its other parts were changed.
    pub fn seal(&self, mut block: Block) -> Block {
        block.header.transactions_root = block.body.transactions_root();
        block.header.shares_root = block.body.shares_root();
        if let Ok(contextual) = ContextualBlock::new(block.clone(), self.context(), &self.params)
            && let Ok(applied) =
                transition::apply(&self.params, &contextual.assume_verified(), self.state(), &Told)
        {
            let mut state = self.state().clone();
            state.write(&applied.changes);
            block.header.state_root = state.root();
        }
        self.prove(block)
    }

    /// The block with a proof that the [`Oracle`] accepts.
    pub fn prove(&self, mut block: Block) -> Block {
        let statement = statement_of(&block.header, &self.context());
        let target = block.header.target;
        (block.nonce, block.proof) =
            attempt(&statement, 0, |ticket| target.is_met_by(ticket.block_value()));
        block
    }

    /// A share of this prover for the next block, with an anchor at the given height.
    pub fn share(&self, prover: Address, anchor: Height, label: u8) -> Share {
        let context = self.context();
        let mut share = Share {
            anchor_hash: self.hashes[anchor as usize],
            content_hash: Hash([label; 32]),
            prover,
            nonce: 0,
            proof: Proof::ZERO,
        };
        let statement = share.statement(&context.genesis_hash, &context.epoch_challenge);
        (share.nonce, share.proof) =
            attempt(&statement, 0, |ticket| context.share_target.is_met_by(ticket.share_value()));
        share
    }

    /// A signed transfer of the account with this index, valid for ever.
    pub fn transfer(
        &self,
        from: usize,
        to: Address,
        amount: u64,
        fee: u64,
        nonce: u64,
    ) -> SignedTransaction {
        ACTORS[from].transfer(&self.genesis_hash(), to, amount, fee, nonce, Height::MAX)
    }

    pub fn sign(&self, key: usize, transaction: Transaction) -> SignedTransaction {
        let mut rng = StdRng::seed_from_u64(transaction.nonce);
        transaction.sign(&ACTORS[key].key, &self.genesis_hash(), &mut rng).unwrap()
    }

    /// Holds a block against the rules that need no state.
    pub fn check(&self, block: &Block) -> Result<VerifiedBlock, BlockError> {
        let contextual = ContextualBlock::new(block.clone(), self.context(), &self.params)?;
        let weights = vec![1; contextual.weights_needed()];
        contextual.prove(&Oracle::default(), &weights)
    }

    /// Applies a block that passed [`Self::check`] to the tip's state, as a store does, and
    /// compares the state root.
    pub fn apply(
        &self,
        block: &VerifiedBlock,
    ) -> Result<(AppliedBlock, State), ApplyError<Infallible>> {
        let applied = transition::apply(&self.params, block, self.state(), &Told)?;
        let mut state = self.state().after(&applied, block.share_ids().iter().copied());
        state.hashes.push(block.hash());
        let (expected, got) = (state.root(), block.block().header.state_root);
        if expected != got {
            return Err(ApplyError::StateRoot { expected, got });
        }
        Ok((applied, state))
    }

    /// What applying a block with this body says.
    pub fn apply_error(&self, body: Body) -> ApplyError<Infallible> {
        self.apply(&self.check(&self.block(body)).unwrap()).unwrap_err()
    }

    /// Puts a block on top that must be valid.
    pub fn push(&mut self, block: Block) -> AppliedBlock {
        let proven = self.check(&block).unwrap();
        self.push_proven(&proven)
    }

    /// Puts a block on top that must be valid but for its signatures.
    pub fn push_unsigned(&mut self, block: Block) -> AppliedBlock {
        let contextual = ContextualBlock::new(block, self.context(), &self.params).unwrap();
        self.push_proven(&contextual.assume_verified())
    }

    fn push_proven(&mut self, proven: &VerifiedBlock) -> AppliedBlock {
        let (applied, state) = self.apply(proven).unwrap();
        self.hashes.push(proven.hash());
        self.blocks.push(proven.block().clone());
        self.states.push(state);
        applied
    }

    /// Puts a block with this body on top.
    pub fn extend(&mut self, body: Body) -> AppliedBlock {
        self.push(self.block(body))
    }
}

/// Weights by their definition, from one end of an epoch to the next: halved, and 2^16 for each
/// share.
pub fn weights_after(
    before: &BTreeMap<Address, u64>,
    shares: &BTreeMap<Address, u64>,
) -> BTreeMap<Address, u64> {
    let mut weights: BTreeMap<Address, u64> =
        before.iter().map(|(prover, weight)| (*prover, weight / 2)).collect();
    for (prover, count) in shares {
        *weights.entry(*prover).or_default() += count << 16;
    }
    weights.retain(|_, weight| *weight > 0);
    weights
}

/// A transaction with a signature that nobody made.
pub fn unsigned(transaction: Transaction) -> SignedTransaction {
    SignedTransaction { transaction, signature: [0; 128] }
}

pub fn with_transactions(transactions: Vec<SignedTransaction>) -> Body {
    Body { transactions, ..Body::default() }
}

pub fn with_shares(shares: Vec<Share>) -> Body {
    Body { shares, ..Body::default() }
}

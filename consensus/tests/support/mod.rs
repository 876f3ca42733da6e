//! Chains in memory: a network with easy targets, three accounts, blocks whose tickets meet their
//! targets, and a judge of proofs that looks at tickets only. Everything is deterministic.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod memory_tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::LazyLock,
};

use lode_consensus::{
    Account, Action, Address, Block, Body, ChainSpec, Decode, Epoch, Hash, Header, Height,
    Obligation, Share, ShareId, SignedTransaction, StateKey, Transaction,
    market::{
        ProvingPool,
        proofs::{ProofSystems, SoldProof},
    },
    obligation::{self, ProofChecker, Verdict},
    params::MarketSpec,
    rules::{Ancestry, BlockError, ChainContext, ContextualBlock, VerifiedBlock, statement_of},
    state::{Amount, Credit, Pending, Supply},
    transaction::Transfer,
    transition::{self, AppliedBlock, ApplyError, StateView},
    tree::{self, Changes},
};
use lode_puzzle::{
    Claim, Half, Item, LogSize, Proof, Seed, Statement, Target, Ticket, VerifyError,
};
use rand::{SeedableRng, rngs::StdRng};
use snarkvm::console::{
    account::{Address as AleoAddress, PrivateKey},
    network::MainnetV0,
};

/// Timestamp of genesis.
pub(crate) const START_MS: u64 = 1_793_318_400_000;
/// Block interval: a chain that keeps it never changes its target.
pub(crate) const INTERVAL_MS: u64 = 1_000;
/// What each account has at genesis.
pub(crate) const ALLOCATION: u64 = 1_000_000;

/// Five keys. The first three have balances at genesis.
pub(crate) static KEYS: LazyLock<Vec<PrivateKey<MainnetV0>>> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(1);
    (0..5).map(|_| PrivateKey::new(&mut rng).unwrap()).collect()
});

/// The addresses of [`KEYS`].
static ADDRESSES: LazyLock<Vec<Address>> = LazyLock::new(|| {
    KEYS.iter()
        .map(|key| Address::try_from(&AleoAddress::try_from(key).unwrap()).unwrap())
        .collect()
});

/// The address of a key.
pub(crate) fn account(index: usize) -> Address {
    ADDRESSES[index]
}

/// Epochs of 5 blocks, up to 4 shares in a block, anchors up to 3 back, maturity of 4. One attempt
/// in two makes a block, and every one a share.
pub(crate) fn params() -> ChainSpec {
    let mut allocations: Vec<_> = (0..3).map(|index| (account(index), ALLOCATION)).collect();
    allocations.sort_unstable();
    ChainSpec {
        name: "memory".to_owned(),
        log_n: LogSize::MIN,
        block_interval_ms: INTERVAL_MS,
        asert_tau_ms: 20 * INTERVAL_MS,
        future_limit_ms: INTERVAL_MS,
        epoch_length: 5,
        shares_per_block: 2,
        share_window: 3,
        anchor_depth: 1,
        maturity: 4,
        market: MarketSpec::MAINNET,
        genesis_timestamp_ms: START_MS,
        genesis_target: Target::new(1 << 127).unwrap(),
        allocations,
        srs_checksum: [7; 64],
    }
}

/// The state after one block.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) leaves: BTreeMap<StateKey, Vec<u8>>,
    pub(crate) supply: Supply,
    pub(crate) shares: BTreeSet<ShareId>,
    /// Of the blocks up to this one, by height.
    pub(crate) hashes: Vec<Hash>,
}

/// Proof systems for tests: a key's first byte is its number of values, and 0 is refused; a proof
/// holds that begins with its binding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told;

impl ProofSystems for Told {
    fn values(&self, _: u8, key: &[u8]) -> Option<u16> {
        key.first().copied().filter(|values| *values > 0).map(u16::from)
    }

    fn cost(&self, _: u8, instances: usize, values: usize) -> u64 {
        12_000 + 600 * instances as u64 + 40 * (values * instances) as u64
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        proof.proof.starts_with(&proof.binding.0)
    }
}

impl State {
    pub(crate) fn write(&mut self, changes: &Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.leaves.insert(*key, value.clone()),
                None => self.leaves.remove(key),
            };
        }
    }

    /// The leaves as changes to an empty tree.
    pub(crate) fn all_leaves(&self) -> Changes {
        self.leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect()
    }

    pub(crate) fn root(&self) -> Hash {
        tree::genesis_root(&self.all_leaves()).unwrap()
    }

    pub(crate) fn account(&self, address: Address) -> Option<Account> {
        self.leaves.get(&StateKey::Account(address)).map(|leaf| Account::decode(leaf).unwrap())
    }

    pub(crate) fn balance(&self, address: Address) -> u64 {
        self.account(address).unwrap_or_default().balance
    }

    /// All credits that wait for their maturity.
    pub(crate) fn pending(&self) -> Vec<Credit> {
        let leaves = self.leaves.iter().filter(|(key, _)| matches!(key, StateKey::Pending(_)));
        leaves.flat_map(|(_, leaf)| Pending::decode(leaf).unwrap().0).collect()
    }

    pub(crate) fn proving_pool(&self, epoch: Epoch) -> u64 {
        self.leaves
            .get(&StateKey::ProvingPool(epoch))
            .map_or(0, |leaf| ProvingPool::decode(leaf).unwrap().left)
    }

    pub(crate) fn share_fund(&self) -> u64 {
        Amount::decode(&self.leaves[&StateKey::ShareFund]).unwrap().0
    }
}

impl StateView for State {
    type Error = Infallible;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(key).cloned())
    }

    fn supply(&self) -> Result<Supply, Infallible> {
        Ok(self.supply)
    }

    fn block_hash(&self, height: Height) -> Result<Hash, Infallible> {
        Ok(self.hashes[height as usize])
    }

    fn has_share(&self, id: &ShareId) -> Result<bool, Infallible> {
        Ok(self.shares.contains(id))
    }
}

/// Judges by the ticket alone, except for the places that it was told to refuse.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) refuse: BTreeMap<usize, VerifyError>,
    /// How many verdicts it forgets to give.
    pub(crate) forget: usize,
}

impl ProofChecker for Oracle {
    fn check(&self, obligations: &[Obligation], _weights: &[u128]) -> Vec<Verdict> {
        obligation::judge(obligations, |items| self.proofs(items))
    }
}

impl Oracle {
    fn proofs(&self, items: &[Item]) -> Vec<Result<Ticket, VerifyError>> {
        let judge = |(index, item): (usize, &Item)| {
            let ticket = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
            let (half, target, value) = match item.claim {
                Claim::Block(target) => (Half::Block, target, ticket.block_value()),
                Claim::Share(target) => (Half::Share, target, ticket.share_value()),
                Claim::None => panic!("a block claims something"),
            };
            match self.refuse.get(&index) {
                Some(error) => Err(*error),
                None if target.is_met_by(value) => Ok(ticket),
                None => Err(VerifyError::TargetMissed { half, target, value }),
            }
        };
        items.iter().take(items.len() - self.forget).enumerate().map(judge).collect()
    }
}

/// A proof that holds for the [`Oracle`] only, with the first nonce from `nonce` on whose ticket
/// the caller accepts.
pub(crate) fn attempt(
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
pub(crate) struct Chain {
    pub(crate) params: ChainSpec,
    pub(crate) blocks: Vec<Block>,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) states: Vec<State>,
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
    pub(crate) fn new(params: ChainSpec) -> Self {
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
    pub(crate) fn of_length(params: ChainSpec, blocks: u32) -> Self {
        let mut chain = Self::new(params);
        for _ in 0..blocks {
            chain.extend(Body::default());
        }
        chain
    }

    pub(crate) fn genesis_hash(&self) -> Hash {
        self.hashes[0]
    }

    pub(crate) fn tip(&self) -> Height {
        self.blocks.len() as Height - 1
    }

    pub(crate) fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    pub(crate) fn context(&self) -> ChainContext {
        let Ok(context) = ChainContext::gather(&self.params, self.genesis_hash(), self.tip(), self);
        context
    }

    /// A block on top of the tip that keeps every rule if its body does. An invalid body leaves its
    /// state root zero.
    pub(crate) fn block(&self, body: Body) -> Block {
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
    pub(crate) fn seal(&self, mut block: Block) -> Block {
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
    pub(crate) fn prove(&self, mut block: Block) -> Block {
        let statement = statement_of(&block.header, &self.context());
        let target = block.header.target;
        (block.nonce, block.proof) =
            attempt(&statement, 0, |ticket| target.is_met_by(ticket.block_value()));
        block
    }

    /// A share of this prover for the next block, with an anchor at the given height.
    pub(crate) fn share(&self, prover: Address, anchor: Height, label: u8) -> Share {
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

    /// A signed transfer of the account with this key index, valid for ever.
    pub(crate) fn transfer(
        &self,
        from: usize,
        to: Address,
        amount: u64,
        fee: u64,
        nonce: u64,
    ) -> SignedTransaction {
        self.sign(
            from,
            Transaction {
                from: account(from),
                fee,
                nonce,
                expiry: Height::MAX,
                action: Action::Transfer(Transfer { to, amount }),
            },
        )
    }

    pub(crate) fn sign(&self, key: usize, transaction: Transaction) -> SignedTransaction {
        let mut rng = StdRng::seed_from_u64(transaction.nonce);
        transaction.sign(&KEYS[key], &self.genesis_hash(), &mut rng).unwrap()
    }

    /// Holds a block against the rules that need no state.
    pub(crate) fn check(&self, block: &Block) -> Result<VerifiedBlock, BlockError> {
        let contextual = ContextualBlock::new(block.clone(), self.context(), &self.params)?;
        contextual.prove(&Oracle::default(), &[])
    }

    /// Applies a block that passed [`Self::check`] to the tip's state, as a store does, and
    /// compares the state root.
    pub(crate) fn apply(
        &self,
        block: &VerifiedBlock,
    ) -> Result<(AppliedBlock, State), ApplyError<Infallible>> {
        let applied = transition::apply(&self.params, block, self.state(), &Told)?;
        let mut state = self.state().clone();
        state.write(&applied.changes);
        state.supply = applied.supply;
        state.shares.extend(block.share_ids());
        state.hashes.push(block.hash());
        let (expected, got) = (state.root(), block.block().header.state_root);
        if expected != got {
            return Err(ApplyError::StateRoot { expected, got });
        }
        Ok((applied, state))
    }

    /// What applying a block with this body says.
    pub(crate) fn apply_error(&self, body: Body) -> ApplyError<Infallible> {
        self.apply(&self.check(&self.block(body)).unwrap()).unwrap_err()
    }

    /// Puts a block on top that must be valid.
    pub(crate) fn push(&mut self, block: Block) -> AppliedBlock {
        let proven = self.check(&block).unwrap();
        self.push_proven(&proven)
    }

    /// Puts a block on top that must be valid but for its signatures.
    pub(crate) fn push_unsigned(&mut self, block: Block) -> AppliedBlock {
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
    pub(crate) fn extend(&mut self, body: Body) -> AppliedBlock {
        self.push(self.block(body))
    }
}

/// Weights by their definition, from one end of an epoch to the next: halved, and 2^16 for each
/// share.
pub(crate) fn weights_after(
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
pub(crate) fn unsigned(transaction: Transaction) -> SignedTransaction {
    SignedTransaction { transaction, signature: [0; 128] }
}

pub(crate) fn with_transactions(transactions: Vec<SignedTransaction>) -> Body {
    Body { transactions, ..Body::default() }
}

pub(crate) fn with_shares(shares: Vec<Share>) -> Body {
    Body { shares, ..Body::default() }
}

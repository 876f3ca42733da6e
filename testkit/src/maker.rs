//! A small network, and a maker of blocks on top of any block it made before, which follows the
//! rules without a ledger.
//!
//! The maker keeps the whole state of every block it made in maps of its own and takes state roots
//! from `tree::genesis_root` over all leaves: it shares the rules with the ledger, but neither
//! storage nor undo nor the tree's history.

use std::{collections::HashMap, convert::Infallible, rc::Rc};

use lode_consensus::{
    Action, Address, Block, Body, ChainWork, Decode, Hash, Header, Height, Share,
    SignedTransaction, StateKey, Transaction,
    reward::{self, Emission},
    rules::{Ancestry, ChainContext, ContextualBlock, VerifiedBlock},
    state::Amount,
    transaction::Transfer,
    transition::Executor,
};
use lode_genesis::Network;
use lode_puzzle::Proof;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use crate::{
    keys::{self, Actor},
    networks,
    oracle::{Told, Trusting},
    state::State,
};

/// Accounts of the small network.
pub const ACTORS: usize = 5;

fn actors() -> Vec<Actor> {
    keys::actors(20_261_030, ACTORS)
}

/// Epochs of 6 blocks, a window of 4, maturity after 3; all but the last actor have 1,000 credits.
pub fn network(name: &str) -> Network {
    let allocations =
        actors().iter().take(ACTORS - 1).map(|actor| (actor.address, 1_000_000_000)).collect();
    networks::of(networks::small(name, allocations))
}

/// What a block is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Transfers between random accounts.
    pub transfers: usize,
    /// Shares of random provers; fewer where the rules or the fund allow no more.
    pub shares: usize,
    /// The time since the parent: the shorter, the more work have the blocks that follow.
    pub solve_ms: u64,
    /// Which rule of the state transition it breaks.
    pub fault: Option<Fault>,
}

impl Plan {
    pub const EMPTY: Self = Self { transfers: 0, shares: 0, solve_ms: 1_000, fault: None };
    pub const FULL: Self = Self { transfers: 2, shares: 3, ..Self::EMPTY };

    pub fn broken(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::FULL }
    }
}

/// A rule that only the state shows to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The header names another state root.
    StateRoot,
    /// A share that an earlier block counted.
    ShareCounted,
    /// More shares than the fund can pay.
    FundOverdrawn,
    /// A transfer with a nonce that was used before.
    NonceUsed,
    /// A transfer of more than there is.
    Overspent,
    /// A transfer whose expiry has passed.
    Expired,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::StateRoot,
        Self::ShareCounted,
        Self::FundOverdrawn,
        Self::NonceUsed,
        Self::Overspent,
        Self::Expired,
    ];

    /// How the ledger's refusal begins.
    pub fn text(self) -> &'static str {
        match self {
            Self::StateRoot => "state root: expected",
            Self::ShareCounted => "share 0: an earlier block counted it",
            Self::FundOverdrawn => "share fund:",
            Self::NonceUsed => "transaction 0: nonce:",
            Self::Overspent => "transaction 0: balance:",
            Self::Expired => "transaction 0: expired:",
        }
    }
}

struct Made {
    block: Block,
    work: ChainWork,
    state: Rc<State>,
    /// Whether the block and all below it apply.
    valid: bool,
}

/// Every block made so far, with the state that it left.
pub struct Maker {
    network: Network,
    actors: Vec<Actor>,
    made: HashMap<Hash, Made>,
    rng: StdRng,
}

impl Maker {
    pub fn new(network: Network, seed: u64) -> Self {
        let mut state = State { supply: network.supply, ..State::default() };
        state.write(&network.changes);
        state.hashes.push(network.genesis_hash);
        let state = Rc::new(state);
        let made =
            Made { block: network.genesis.clone(), work: ChainWork::ZERO, state, valid: true };
        Self {
            made: HashMap::from([(network.genesis_hash, made)]),
            actors: actors(),
            network,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn genesis(&self) -> Hash {
        self.network.genesis_hash
    }

    pub fn address(&self, actor: usize) -> Address {
        self.actors[actor].address
    }

    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    pub fn block(&self, hash: &Hash) -> &Block {
        &self.made[hash].block
    }

    pub fn state(&self, hash: &Hash) -> &State {
        &self.made[hash].state
    }

    pub fn work(&self, hash: &Hash) -> ChainWork {
        self.made[hash].work
    }

    pub fn is_valid(&self, hash: &Hash) -> bool {
        self.made[hash].valid
    }

    /// A block with the rules that need no state behind it.
    pub fn verified(&self, hash: &Hash) -> VerifiedBlock {
        let block = self.block(hash).clone();
        let context = self.context(&block.header.parent_hash);
        let contextual = ContextualBlock::new(block, context, &self.network.params).unwrap();
        let weights = vec![1; contextual.weights_needed()];
        contextual.prove(&Trusting, &weights).unwrap()
    }

    /// The chain up to a block, oldest first, without genesis.
    pub fn chain(&self, tip: &Hash) -> Vec<Hash> {
        let mut chain = Vec::new();
        let mut hash = *tip;
        while self.block(&hash).header.height > 0 {
            chain.push(hash);
            hash = self.block(&hash).header.parent_hash;
        }
        chain.reverse();
        chain
    }

    /// The rules' view of the chain up to a block.
    pub fn context(&self, tip: &Hash) -> ChainContext {
        let line = Line { maker: self, tip: *tip };
        let height = self.block(tip).header.height;
        ChainContext::gather(&self.network.params, self.genesis(), height, &line).unwrap()
    }

    /// Makes one block after the other on top of `parent`, all with the same plan.
    pub fn extend(&mut self, parent: &Hash, count: usize, plan: Plan) -> Vec<Hash> {
        let mut tip = *parent;
        (0..count)
            .map(|_| {
                tip = self.make(&tip, plan);
                tip
            })
            .collect()
    }

    /// Makes a block on top of `parent`.
    pub fn make(&mut self, parent: &Hash, plan: Plan) -> Hash {
        self.make_with(parent, plan, &[])
    }

    /// The same with what some actors ask for, each with a fee of 10,000; none of it may be
    /// refused.
    pub fn make_with(&mut self, parent: &Hash, plan: Plan, actions: &[(usize, Action)]) -> Hash {
        let context = self.context(parent);
        let before = Rc::clone(&self.made[parent].state);
        let producer = self.actors[self.rng.random_range(0..self.actors.len())].address;
        let shares = self.shares(&context, &before, parent, plan);
        let provers: Vec<Address> = shares.iter().map(|share| share.prover).collect();

        let params = self.network.params.clone();
        let id = |transaction: &Transaction| transaction.id(&context.genesis_hash);
        let mut executor = Executor::new(&params, &context, &*before, &Told).unwrap();
        let mut transactions: Vec<SignedTransaction> = Vec::new();
        if let Some(signed) = self.broken_transfer(&context, &before, plan.fault) {
            assert!(
                executor
                    .transaction(&signed.transaction, id(&signed.transaction))
                    .unwrap()
                    .is_err()
            );
            transactions.push(signed);
        }
        for _ in 0..plan.transfers {
            let (from, transfer) = self.transfer(&context, &before, &transactions);
            if executor.transaction(&transfer, id(&transfer)).unwrap().is_ok() {
                transactions.push(self.sign(from, transfer));
            }
        }
        for (from, action) in actions {
            let asked = self.asked(&before, &transactions, *from, action.clone());
            executor.transaction(&asked, id(&asked)).unwrap().unwrap();
            transactions.push(self.sign(*from, asked));
        }
        let applied = executor.finish(producer, &provers);

        let parent_made = &self.made[parent];
        let valid = parent_made.valid && plan.fault.is_none() && applied.is_ok();
        let (mut after, state_root) = match applied {
            Ok(applied) => {
                let id = |share: &Share| share.id(&context.genesis_hash, &context.epoch_challenge);
                let after = before.after(&applied, shares.iter().map(id));
                let root = after.root();
                (after, root)
            }
            // A block that overdraws the fund: there is no state after it.
            Err(_) => ((*before).clone(), Hash([7; 32])),
        };
        let body = Body { transactions, shares };
        let anchor_height = params.mining_anchor_height(context.height - 1);
        let anchor = context.anchors.iter().find(|(height, _)| *height == anchor_height);
        let header = Header {
            height: context.height,
            parent_hash: *parent,
            anchor_hash: anchor.unwrap().1,
            timestamp_ms: (parent_made.block.header.timestamp_ms + plan.solve_ms)
                .max(context.median_time_ms + 1),
            transactions_root: body.transactions_root(),
            shares_root: body.shares_root(),
            state_root: if plan.fault == Some(Fault::StateRoot) {
                Hash([9; 32])
            } else {
                state_root
            },
            producer,
            target: context.target,
        };
        let work = parent_made.work.after(context.target);
        let block = Block { header, nonce: self.rng.next_u64(), proof: self.proof(), body };
        let hash = block.hash();
        after.hashes.push(hash);
        self.made.insert(hash, Made { block, work, state: Rc::new(after), valid });
        hash
    }

    fn shares(
        &mut self,
        context: &ChainContext,
        state: &State,
        parent: &Hash,
        plan: Plan,
    ) -> Vec<Share> {
        let params = &self.network.params;
        let Amount(fund) = Amount::decode(&state.leaves[&StateKey::ShareFund]).unwrap();
        // At the first block of an epoch the pool of the one before the last ends.
        let epoch = params.epoch_of(context.height);
        let ending = epoch.checked_sub(2).filter(|_| params.epoch_start(epoch) == context.height);
        let left = ending.map_or(0, |epoch| state.proving_pool(epoch));
        let fund = fund + Emission::of(context.height).share_fund + (left - left / 2);
        let pay = reward::share_pay(
            context.height,
            context.target,
            context.first_target,
            params.shares_per_block,
        );
        let affordable = usize::try_from(fund / pay).unwrap();
        let most = params.max_shares();
        let mut shares = Vec::new();
        let count = match plan.fault {
            Some(Fault::FundOverdrawn) => {
                assert!(affordable < most, "the fund is too full: {fund} for shares of {pay}");
                most
            }
            Some(Fault::ShareCounted) => {
                shares.push(self.counted_share(context, state, parent));
                plan.shares.min(affordable - 1)
            }
            _ => plan.shares.min(affordable).min(most),
        };
        for _ in 0..count {
            let anchor = self.rng.random_range(0..context.anchors.len());
            let prover = self.rng.random_range(0..self.actors.len());
            shares.push(Share {
                anchor_hash: context.anchors[anchor].1,
                content_hash: Hash(self.rng.random()),
                prover: self.actors[prover].address,
                nonce: self.rng.next_u64(),
                proof: self.proof(),
            });
        }
        shares
    }

    /// A share of an ancestor that the next block could still include.
    fn counted_share(&self, context: &ChainContext, state: &State, parent: &Hash) -> Share {
        let chain = self.chain(parent);
        let counted =
            chain.iter().rev().flat_map(|hash| &self.block(hash).body.shares).find(|share| {
                context.anchor_height(&share.anchor_hash).is_some()
                    && state
                        .shares
                        .contains(&share.id(&context.genesis_hash, &context.epoch_challenge))
            });
        counted.expect("an ancestor in the window has a share of this epoch").clone()
    }

    /// A transfer that the state allows, from an account that has made none in this block yet.
    fn transfer(
        &mut self,
        context: &ChainContext,
        state: &State,
        made: &[SignedTransaction],
    ) -> (usize, Transaction) {
        let from = self.rng.random_range(0..self.actors.len());
        let to = self.rng.random_range(0..self.actors.len());
        let (from_address, to) = (self.actors[from].address, self.actors[to].address);
        let earlier = made.iter().filter(|signed| signed.transaction.from == from_address).count();
        let transfer = Transaction {
            from: from_address,
            fee: self.rng.random_range(0..1_000),
            nonce: state.account(from_address).unwrap_or_default().nonce + earlier as u64,
            expiry: context.height + self.rng.random_range(0..10),
            action: Action::Transfer(Transfer { to, amount: self.rng.random_range(1..1_000_000) }),
        };
        (from, transfer)
    }

    fn asked(
        &self,
        state: &State,
        made: &[SignedTransaction],
        from: usize,
        action: Action,
    ) -> Transaction {
        let address = self.actors[from].address;
        let earlier = made.iter().filter(|signed| signed.transaction.from == address).count();
        let nonce = state.account(address).unwrap_or_default().nonce + earlier as u64;
        Transaction { from: address, fee: 10_000, nonce, expiry: Height::MAX, action }
    }

    /// A signed transfer that breaks the rule of a fault, if the fault is one of transfers.
    fn broken_transfer(
        &mut self,
        context: &ChainContext,
        state: &State,
        fault: Option<Fault>,
    ) -> Option<SignedTransaction> {
        let from = 0;
        let address = self.actors[from].address;
        let account = state.account(address).unwrap_or_default();
        let transfer = Transaction {
            from: address,
            fee: 0,
            nonce: account.nonce,
            expiry: Height::MAX,
            action: Action::Transfer(Transfer { to: self.actors[1].address, amount: 1 }),
        };
        let transfer = match fault? {
            Fault::NonceUsed => Transaction { nonce: account.nonce + 7, ..transfer },
            Fault::Overspent => Transaction {
                action: Action::Transfer(Transfer { to: self.actors[1].address, amount: 1 << 62 }),
                ..transfer
            },
            Fault::Expired => Transaction { expiry: context.height - 1, ..transfer },
            Fault::StateRoot | Fault::ShareCounted | Fault::FundOverdrawn => return None,
        };
        Some(self.sign(from, transfer))
    }

    pub fn sign(&mut self, actor: usize, transaction: Transaction) -> SignedTransaction {
        let genesis = self.network.genesis_hash;
        transaction.sign(&self.actors[actor].key, &genesis, &mut self.rng).unwrap()
    }

    /// Random bytes that the oracle takes for an honest proof.
    pub fn proof(&mut self) -> Proof {
        let mut proof = Proof::ZERO;
        self.rng.fill_bytes(&mut proof.commitment);
        self.rng.fill_bytes(&mut proof.opening);
        proof.commitment[0] = 1;
        proof
    }
}

/// The chain that ends in one block.
struct Line<'a> {
    maker: &'a Maker,
    tip: Hash,
}

impl Ancestry for Line<'_> {
    type Error = Infallible;

    fn block_hash(&self, height: Height) -> Result<Hash, Infallible> {
        let mut hash = self.tip;
        while self.maker.block(&hash).header.height > height {
            hash = self.maker.block(&hash).header.parent_hash;
        }
        Ok(hash)
    }

    fn header(&self, height: Height) -> Result<Header, Infallible> {
        Ok(self.maker.block(&self.block_hash(height)?).header.clone())
    }
}

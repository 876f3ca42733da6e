//! Blocks of a small network, made as a miner makes them: with the rules, and with proofs over the
//! real setup.

use std::sync::{Arc, OnceLock};

use lode_consensus::{
    Address, Block, Body, ChainSpec, Hash, Header, Height, Share, SignedTransaction,
    market::proofs::Systems,
    rules::{ContextualBlock, statement_of},
    transition::Executor,
};
use lode_genesis::{Network, srs};
use lode_ledger::{Ledger, LedgerOptions, MIN_HISTORY, StoreOutcome};
use lode_puzzle::{Engine, LogSize, Proof, ReferenceEngine, Statement, Target, Verifier};
use tempfile::TempDir;

use crate::{
    keys::{self, Actor},
    networks,
};

/// Alice and Bob, who have credits at genesis, and Carol, who has none.
pub fn actors() -> [Actor; 3] {
    keys::actors(20_261_122, 3).try_into().unwrap()
}

/// Epochs of 4 blocks, maturity after 3, and a target that every ticket meets.
pub fn network() -> Network {
    let [alice, bob, _] = actors();
    let allocations = vec![(alice.address, 1_000_000_000), (bob.address, 2_000_000_000)];
    networks::of(ChainSpec {
        epoch_length: 4,
        genesis_target: Target::MAX,
        srs_checksum: srs::checksum(),
        ..networks::small("tiny", allocations)
    })
}

/// The prover and the verifier of the small network.
fn puzzle() -> &'static (ReferenceEngine, Verifier) {
    static PUZZLE: OnceLock<(ReferenceEngine, Verifier)> = OnceLock::new();
    PUZZLE.get_or_init(|| {
        let srs = Arc::new(srs::load(LogSize::MIN).unwrap());
        (ReferenceEngine::new(srs.clone()), Verifier::new(&srs))
    })
}

fn prove(statement: &Statement, nonce: u64) -> Proof {
    puzzle().0.attempt(statement, nonce).unwrap().proof
}

/// A ledger, and what it takes to add blocks to it.
pub struct Chain {
    pub ledger: Arc<Ledger>,
    /// Kept so that the folder lives as long as the ledger.
    _folder: TempDir,
}

impl Chain {
    /// Genesis only.
    #[expect(clippy::new_without_default, reason = "a test says which chain it wants")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = LedgerOptions { history: MIN_HISTORY, ..LedgerOptions::default() };
        let ledger = Arc::new(Ledger::open(folder.path(), network(), options).unwrap());
        Self { ledger, _folder: folder }
    }

    /// The chain that most tests ask about: 10 blocks, in the third epoch. Blocks 2 to 9 each hold
    /// a share of Alice's, the even ones a share of Bob's too; blocks 3, 4 and 5 hold one, two and
    /// three transfers from Alice to Carol.
    pub fn standard() -> Self {
        let [alice, bob, carol] = actors();
        let chain = Self::new();
        let mut nonce = 0;
        for height in 1..=10 {
            let mut shares = Vec::new();
            if (2..=9).contains(&height) {
                shares.push(chain.share(&alice, 1));
            }
            if (2..=9).contains(&height) && height % 2 == 0 {
                shares.push(chain.share(&bob, 2));
            }
            let count = if (3..=5).contains(&height) { height - 2 } else { 0 };
            let transfers = (0..count).map(|_| {
                let transfer = chain.transfer(&alice, &carol, 1_000_000, nonce);
                nonce += 1;
                transfer
            });
            let transfers = transfers.collect();
            chain.grow(&bob, 0, transfers, shares);
        }
        chain
    }

    pub fn params(&self) -> &ChainSpec {
        self.ledger.params()
    }

    pub fn genesis_hash(&self) -> Hash {
        self.ledger.network().genesis_hash
    }

    pub fn tip(&self) -> (Height, Hash) {
        self.ledger.read().tip().unwrap()
    }

    /// The chain's block at a height.
    pub fn block(&self, height: Height) -> (Hash, Block) {
        self.ledger.read().block_at(height).unwrap().unwrap()
    }

    /// A signed transfer with a fee of 500, valid for the next 100 blocks.
    pub fn transfer(&self, from: &Actor, to: &Actor, amount: u64, nonce: u64) -> SignedTransaction {
        let expiry = self.tip().0 + 100;
        from.transfer(&self.genesis_hash(), to.address, amount, 500, nonce, expiry)
    }

    /// A share that the next block may include. Each `content` makes another one.
    pub fn share(&self, prover: &Actor, content: u8) -> Share {
        let reader = self.ledger.read();
        let context = reader.context(&reader.tip().unwrap().1).unwrap();
        let proof = Proof::ZERO;
        let (_, anchor_hash) = *context.anchors.last().unwrap();
        let (content_hash, nonce) = (Hash([content; 32]), u64::MAX - u64::from(content));
        let mut share = Share { anchor_hash, content_hash, prover: prover.address, nonce, proof };
        share.proof =
            prove(&share.statement(&context.genesis_hash, &context.epoch_challenge), nonce);
        share
    }

    /// A block on the tip. `delay_ms` tells siblings apart.
    pub fn build(
        &self,
        producer: &Actor,
        delay_ms: u64,
        transactions: Vec<SignedTransaction>,
        shares: Vec<Share>,
    ) -> Block {
        let reader = self.ledger.read();
        let (tip, tip_hash) = reader.tip().unwrap();
        let context = reader.context(&tip_hash).unwrap();
        let (_, parent) = reader.block_at(tip).unwrap().unwrap();
        let state = reader.state().unwrap();
        let mut executor = Executor::new(self.params(), &context, &state, &Systems).unwrap();
        for signed in &transactions {
            let id = signed.id(&context.genesis_hash);
            executor.transaction(&signed.transaction, id).unwrap().unwrap();
        }
        let provers: Vec<Address> = shares.iter().map(|share| share.prover).collect();
        let applied = executor.finish(producer.address, &provers).unwrap();
        let body = Body { transactions, shares };
        let anchor = self.params().mining_anchor_height(tip);
        let header = Header {
            height: context.height,
            parent_hash: tip_hash,
            anchor_hash: reader.block_hash_at(anchor).unwrap().unwrap(),
            timestamp_ms: parent.header.timestamp_ms + 1_000 + delay_ms,
            transactions_root: body.transactions_root(),
            shares_root: body.shares_root(),
            state_root: reader.state_root_after(&applied.changes).unwrap(),
            producer: producer.address,
            target: context.target,
        };
        let nonce = u64::from(context.height) << 60 | 7;
        let proof = prove(&statement_of(&header, &context), nonce);
        Block { header, nonce, proof, body }
    }

    /// Checks and stores a block.
    pub fn store(&self, block: Block) -> StoreOutcome {
        let context = self.ledger.read().context(&block.header.parent_hash).unwrap();
        let contextual = ContextualBlock::new(block, context, self.params()).unwrap();
        let weights: Vec<u128> = (1..).take(contextual.weights_needed()).collect();
        let outcome = self.ledger.store(contextual.prove(&puzzle().1, &weights).unwrap()).unwrap();
        assert!(outcome.refused.is_none(), "{outcome:?}");
        outcome
    }

    /// Builds a block on the tip and stores it.
    pub fn grow(
        &self,
        producer: &Actor,
        delay_ms: u64,
        transactions: Vec<SignedTransaction>,
        shares: Vec<Share>,
    ) -> Hash {
        let block = self.build(producer, delay_ms, transactions, shares);
        let hash = block.hash();
        self.store(block);
        hash
    }
}

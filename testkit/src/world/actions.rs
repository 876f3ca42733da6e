//! What actors do, with values that a test changes where it cares, and what becomes of it.

use lode_consensus::{
    Action, Address, Hash, Height, Transaction,
    hash::blake2b_512,
    market::{
        Policy, Selection, Value,
        event::{Outcome, Void},
    },
    transaction::{
        Appoint, Ask, Bond, Cancel, Decline, Deliver, Raise, RegisterClass, Request, Transfer,
        Unbond,
    },
    transition::TransactionError,
};

/// The height that a world begins at, the first of an epoch.
pub const START: Height = 1_000;
/// The fee of every transaction that a test gives no other.
pub const FEE: u64 = 100;
/// A nonce that stands for the sender's next one.
pub const NEXT: u64 = u64::MAX;

/// The address of a name: its letters, so that addresses sort as names do.
pub fn actor(name: &str) -> Address {
    let mut bytes = [0; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Address(bytes)
}

pub fn genesis_hash() -> Hash {
    Hash::of("world genesis", &[])
}

/// The number that an operator draws in a group of 16 jobs of a class, or for a contest's job: of
/// equal weights the greatest goes first.
pub fn lot(block_hash: &Hash, place: &Hash, group: u16, name: &str) -> u64 {
    let parts: [&[u8]; 4] = [&block_hash.0, &place.0, &group.to_le_bytes(), &actor(name).0];
    let digest = blake2b_512("lode/match/v1", &parts);
    u64::from_le_bytes(*digest.first_chunk().unwrap())
}

/// An action as a transaction with the sender's next nonce.
pub fn sent(from: &str, action: Action) -> Transaction {
    Transaction { from: actor(from), fee: FEE, nonce: NEXT, expiry: Height::MAX, action }
}

/// What becomes of a transaction.
pub type Judged = Result<Outcome, TransactionError>;

pub const APPLIED: Judged = Ok(Outcome::Applied);

pub fn void(reason: Void) -> Judged {
    Ok(Outcome::Void(reason))
}

/// A class that asks nothing of operators but a tenth of the price as a bond.
pub fn policy() -> Policy {
    Policy {
        selection: Selection::Rights,
        winners: 1,
        window: 1,
        randomised: false,
        band_bps: 0,
        bond_bps: 1_000,
        min_bond: 0,
        min_reputation: 0,
        tier_unit: 0,
        min_weight: 0,
        share_cap_bps: 10_000,
        max_operators: 64,
        claim_blocks: 2,
        open_at: 0,
        permitted: Vec::new(),
    }
}

/// A class of one public value without a royalty.
pub fn register(policy: Policy) -> RegisterClass {
    RegisterClass {
        system: RegisterClass::SYSTEM,
        policy,
        royalty_bps: 0,
        key: vec![1],
        source: Vec::new(),
    }
}

/// Proofs for 1,000 microcredits within 4 blocks.
pub fn ask(class: Hash) -> Ask {
    Ask { class, price: 1_000, blocks: 4, capacity: 8, max_bond: 1_000_000, until: START + 50_000 }
}

/// A job worth 10,000 microcredits for 8 blocks, and nothing at the 12th.
pub fn request(class: Hash) -> Request {
    Request {
        class,
        price: 10_000,
        late_price: 0,
        soft_blocks: 8,
        hard_blocks: 12,
        damage: 0,
        min_reputation: 0,
        immediate: false,
        operator: None,
        values: vec![Value([0; 32])],
        witness: Vec::new(),
    }
}

/// An ask that a test changes.
pub fn asked(class: Hash, change: impl FnOnce(&mut Ask)) -> Action {
    let mut ask = ask(class);
    change(&mut ask);
    Action::Ask(ask)
}

/// A Request that a test changes.
pub fn requested(class: Hash, change: impl FnOnce(&mut Request)) -> Action {
    let mut request = request(class);
    change(&mut request);
    Action::Request(request)
}

pub fn transfer(to: &str, amount: u64) -> Action {
    Action::Transfer(Transfer { to: actor(to), amount })
}

pub fn bond(amount: u64) -> Action {
    Action::Bond(Bond { amount })
}

pub fn unbond(amount: u64) -> Action {
    Action::Unbond(Unbond { amount })
}

pub fn raise(job: Hash, price: u64, late_price: u64) -> Action {
    Action::Raise(Raise { job, price, late_price })
}

pub fn cancel(job: Hash) -> Action {
    Action::Cancel(Cancel { job })
}

pub fn decline(job: Hash) -> Action {
    Action::Decline(Decline { job })
}

pub fn appoint(operator: &str) -> Action {
    Action::Appoint(Appoint { operator: actor(operator) })
}

/// A delivery whose proof holds for a sender, and for no other.
pub fn deliver(from: &str, jobs: &[Hash]) -> Action {
    let mut delivery = unproven(jobs);
    delivery.proof.extend_from_slice(&delivery.binding(&genesis_hash(), &actor(from)).0);
    Action::Deliver(delivery)
}

/// One whose proof does not hold.
pub fn deliver_false(jobs: &[Hash]) -> Action {
    Action::Deliver(Deliver { proof: vec![7; 32], ..unproven(jobs) })
}

fn unproven(jobs: &[Hash]) -> Deliver {
    let mut jobs = jobs.to_vec();
    jobs.sort_unstable();
    Deliver { jobs, proof: Vec::new() }
}

//! Transactions and the state transition: every rule broken by a block that breaks nothing else,
//! and what blocks do to balances, funds and pools, in numbers worked out by hand.

use std::convert::Infallible;

use lode_consensus::{
    Account, Action, Address, Body, ChainSpec, Decode, Encode, Hash, Height, Share, ShareId,
    SignedTransaction, StateKey, Transaction,
    market::ProvingPool,
    params::MarketSpec,
    rules::BlockError,
    state::{Amount, Credit, Pending, Supply},
    transaction::{SignatureError, StaticError, Transfer},
    transition::{self, ApplyError, Executor, StateView, TransactionError},
};
use lode_testkit::{
    chain::{ALLOCATION, Chain, account, params, with_shares, with_transactions},
    oracle::Told,
    state::State,
};
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::FromBytes,
};

/// 32 bytes that are no address.
const NO_ADDRESS: Address = Address([0xff; 32]);

// --- Signatures ----------------------------------------------------------------------------------

fn signature_error(chain: &Chain, transaction: SignedTransaction) -> SignatureError {
    let good = chain.transfer(2, account(1), 1, 0, 0);
    match chain.check(&chain.block(with_transactions(vec![good, transaction]))).unwrap_err() {
        BlockError::Signature { index: 1, error } => error,
        error => panic!("{error}"),
    }
}

/// snarkVM signs fields, not bytes: zeros appended up to the next field (31 bytes for a message
/// of 32) leave the signature valid. So what is signed is always a hash of 32 bytes, whose length
/// is no question, and never the transaction itself.
#[test]
fn what_is_signed_is_a_hash_since_lengths_are_not() {
    let chain = Chain::of_length(params(), 1);
    let signed = chain.transfer(1, account(2), 5, 1, 0);
    let signature = Signature::<MainnetV0>::read_le(&signed.signature[..]).unwrap();
    let address = account(1).to_aleo().unwrap();
    let id = signed.id(&chain.genesis_hash());
    let holds = |message: &[u8]| signature.verify_bytes(&address, message);
    assert!(holds(&id.0), "the id, all 32 bytes of it");
    for zeros in [1, 31] {
        assert!(
            holds(&[&id.0[..], &vec![0; zeros]].concat()),
            "{zeros} zeros more: snarkVM does not tell"
        );
    }
    assert!(!holds(&[&id.0[..], &[0; 32]].concat()) && !holds(&id.0[..31]));
    // What is signed covers the encoding, and is not the encoding.
    assert!(!holds(&signed.transaction.encode()));
}

#[test]
fn signatures_of_others() {
    let chain = Chain::of_length(params(), 1);
    let good = chain.transfer(1, account(2), 5, 1, 0);
    chain.check(&chain.block(with_transactions(vec![good.clone()]))).unwrap();
    let mismatch = SignatureError::Mismatch { from: account(1) };

    // Another network's genesis hash.
    let elsewhere = Chain::new(ChainSpec { name: "elsewhere".to_owned(), ..params() });
    assert_eq!(signature_error(&chain, elsewhere.transfer(1, account(2), 5, 1, 0)), mismatch);
    // Another key.
    let transfer = good.transaction.clone();
    let action = |to, amount| Action::Transfer(Transfer { to, amount });
    assert_eq!(signature_error(&chain, chain.sign(2, transfer.clone())), mismatch);
    // Other content, field by field.
    for changed in [
        Transaction { action: action(account(3), 5), ..transfer.clone() },
        Transaction { action: action(account(2), 6), ..transfer.clone() },
        Transaction { fee: 0, ..transfer.clone() },
        Transaction { nonce: 1, ..transfer.clone() },
        Transaction { expiry: 9, ..transfer.clone() },
    ] {
        let forged = SignedTransaction { transaction: changed, ..good.clone() };
        assert_eq!(signature_error(&chain, forged), mismatch);
    }
    // Another sender.
    let stolen = Transaction { from: account(2), ..transfer };
    let error = signature_error(&chain, SignedTransaction { transaction: stolen, ..good });
    assert_eq!(error, SignatureError::Mismatch { from: account(2) });
}

#[test]
fn signatures_whose_bytes_were_changed() {
    let chain = Chain::of_length(params(), 1);
    let good = chain.transfer(1, account(2), 5, 1, 0);
    for bit in (0..128 * 8).step_by(37) {
        let mut changed = good.clone();
        changed.signature[bit / 8] ^= 1 << (bit % 8);
        let error = signature_error(&chain, changed);
        assert!(
            matches!(error, SignatureError::Mismatch { .. } | SignatureError::NotCanonical),
            "{error}"
        );
    }
    // The same scalars plus the order of their field: equal modulo the order, and not the bytes
    // that snarkVM writes.
    for scalar in [0, 32] {
        let mut malleated = good.clone();
        let bytes = &mut malleated.signature[scalar..scalar + 32];
        bytes.copy_from_slice(&plus_scalar_order(bytes));
        assert_eq!(signature_error(&chain, malleated), SignatureError::NotCanonical);
    }
    let zero = SignedTransaction { signature: [0; 128], ..good };
    assert!(matches!(signature_error(&chain, zero), SignatureError::Mismatch { .. }));
}

/// A number of 32 bytes, little-endian, plus the order of the group that Aleo's keys live in.
fn plus_scalar_order(bytes: &[u8]) -> [u8; 32] {
    // Big-endian.
    const ORDER: &str = "04aad957a68b2955982d1347970dec005293a3afc43c8afeb95aee9ac33fd9ff";
    let order = hex::decode(ORDER).unwrap();
    let (mut sum, mut carry) = ([0; 32], 0);
    for (place, digit) in sum.iter_mut().enumerate() {
        let wide = u16::from(bytes[place]) + u16::from(order[31 - place]) + carry;
        (*digit, carry) = (wide as u8, wide >> 8);
    }
    assert_eq!(carry, 0);
    sum
}

#[test]
fn parties_of_a_transfer_are_addresses() {
    let chain = Chain::of_length(params(), 1);
    let transfer = Transaction {
        from: account(1),
        fee: 0,
        nonce: 0,
        expiry: 9,
        action: Action::Transfer(Transfer { to: NO_ADDRESS, amount: 1 }),
    };
    let to_nobody = chain.sign(1, transfer.clone());
    let error = chain.check(&chain.block(with_transactions(vec![to_nobody]))).unwrap_err();
    assert!(matches!(error, BlockError::Recipient { index: 0, .. }), "{error}");

    let action = Action::Transfer(Transfer { to: account(1), amount: 1 });
    let from_nobody = chain.sign(1, Transaction { from: NO_ADDRESS, action, ..transfer });
    assert!(matches!(signature_error(&chain, from_nobody), SignatureError::Address(_)));
}

// --- Transfers -----------------------------------------------------------------------------------

/// The rule that the last of these transactions breaks; those before it apply.
fn transaction_error(chain: &Chain, transactions: Vec<SignedTransaction>) -> TransactionError {
    let last = transactions.len() - 1;
    let error = chain.apply_error(with_transactions(transactions));
    assert!(error.marks_invalid(), "{error}");
    match error {
        ApplyError::Transaction { index, error } if index == last => error,
        error => panic!("{error}"),
    }
}

#[test]
fn a_transfer_moves_what_it_says() {
    let mut chain = Chain::of_length(params(), 1);
    let applied = chain.extend(with_transactions(vec![chain.transfer(1, account(2), 300, 20, 0)]));
    assert_eq!(applied.fees, 20);
    let state = chain.state();
    assert_eq!(state.account(account(1)), Some(Account { balance: ALLOCATION - 320, nonce: 1 }));
    assert_eq!(state.account(account(2)), Some(Account { balance: ALLOCATION + 300, nonce: 0 }));
    // The fee waits with the producer's reward.
    assert_eq!(state.balance(account(0)), ALLOCATION);
}

#[test]
fn a_transfer_makes_an_account_that_can_spend_at_once() {
    let mut chain = Chain::of_length(params(), 1);
    assert_eq!(chain.state().account(account(3)), None);
    chain.extend(with_transactions(vec![
        chain.transfer(1, account(3), 500, 0, 0),
        chain.transfer(3, account(4), 499, 1, 0),
    ]));
    // An account with nothing left stays, and so does its count of transactions.
    assert_eq!(chain.state().account(account(3)), Some(Account { balance: 0, nonce: 1 }));
    assert_eq!(chain.state().account(account(4)), Some(Account { balance: 499, nonce: 0 }));
}

#[test]
fn a_transfer_to_oneself_costs_the_fee() {
    let mut chain = Chain::of_length(params(), 1);
    chain.extend(with_transactions(vec![chain.transfer(1, account(1), ALLOCATION - 7, 7, 0)]));
    assert_eq!(
        chain.state().account(account(1)),
        Some(Account { balance: ALLOCATION - 7, nonce: 1 })
    );
    // It needs the whole amount all the same.
    let error =
        transaction_error(&chain, vec![chain.transfer(1, account(1), ALLOCATION - 7, 1, 1)]);
    assert_eq!(
        error,
        TransactionError::Balance { needed: ALLOCATION - 6, balance: ALLOCATION - 7 }
    );
}

#[test]
fn a_balance_can_be_spent_to_the_last_microcredit() {
    let mut chain = Chain::of_length(params(), 1);
    let (needed, balance) = (ALLOCATION + 1, ALLOCATION);
    for (amount, fee) in [(ALLOCATION, 1), (1, ALLOCATION), (ALLOCATION + 1, 0)] {
        let error = transaction_error(&chain, vec![chain.transfer(1, account(2), amount, fee, 0)]);
        assert_eq!(error, TransactionError::Balance { needed, balance });
    }
    let error = transaction_error(&chain, vec![chain.transfer(3, account(1), 1, 0, 0)]);
    assert_eq!(error, TransactionError::NoAccount(account(3)));
    chain.extend(with_transactions(vec![chain.transfer(1, account(2), ALLOCATION - 1, 1, 0)]));
    assert_eq!(chain.state().balance(account(1)), 0);
}

#[test]
fn amounts_are_at_least_one_and_do_not_overflow() {
    let chain = Chain::of_length(params(), 1);
    let error = transaction_error(&chain, vec![chain.transfer(1, account(2), 0, 5, 0)]);
    assert_eq!(error, TransactionError::Static(StaticError::ZeroAmount));
    for (amount, fee) in [(u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        let error = transaction_error(&chain, vec![chain.transfer(1, account(2), amount, fee, 0)]);
        assert_eq!(error, TransactionError::Static(StaticError::Overflow("amount + fee")));
    }
    let error = transaction_error(&chain, vec![chain.transfer(1, account(2), u64::MAX, 0, 0)]);
    assert_eq!(error, TransactionError::Balance { needed: u64::MAX, balance: ALLOCATION });
}

#[test]
fn what_needs_no_state_is_said_without_one() {
    let [a, b] = [1, 2].map(account);
    let transfer = |to, amount, fee| Transaction {
        from: a,
        fee,
        nonce: 0,
        expiry: 0,
        action: Action::Transfer(Transfer { to, amount }),
    };
    assert_eq!(transfer(b, 5, 2).check_static(), Ok(()));
    assert_eq!(transfer(b, 5, 2).cost(&MarketSpec::MAINNET), Ok(7));
    assert_eq!(transfer(b, u64::MAX - 2, 2).cost(&MarketSpec::MAINNET), Ok(u64::MAX));
    assert_eq!(transfer(b, 0, 2).check_static(), Err(StaticError::ZeroAmount));
    let overflow = Err(StaticError::Overflow("amount + fee"));
    assert_eq!(transfer(b, u64::MAX - 1, 2).check_static(), overflow);
    assert_eq!(
        transfer(b, u64::MAX - 1, 2).cost(&MarketSpec::MAINNET),
        Err(StaticError::Overflow("amount + fee"))
    );
    // Each account once, the sender first.
    assert_eq!(transfer(b, 5, 2).parties(), [a, b]);
    assert_eq!(transfer(a, 5, 2).parties(), [a]);
}

#[test]
fn nonces_are_used_once_and_in_order() {
    let mut chain = Chain::of_length(params(), 1);
    let [first, second, third] = [0, 1, 2].map(|nonce| chain.transfer(1, account(2), 1, 0, nonce));
    for (transactions, expected, got) in [
        (vec![second.clone()], 0, 1),
        (vec![first.clone(), third.clone()], 1, 2),
        (vec![first.clone(), first.clone()], 1, 0),
        (vec![chain.transfer(1, account(2), 1, 0, u64::MAX)], 0, u64::MAX),
    ] {
        assert_eq!(
            transaction_error(&chain, transactions),
            TransactionError::Nonce { expected, got }
        );
    }
    chain.extend(with_transactions(vec![first.clone(), second]));
    // Replayed in a later block.
    assert_eq!(
        transaction_error(&chain, vec![first]),
        TransactionError::Nonce { expected: 2, got: 0 }
    );
    chain.extend(with_transactions(vec![third]));
}

#[test]
fn a_transaction_is_valid_up_to_its_expiry() {
    let mut chain = Chain::of_length(params(), 4);
    let expiring = |expiry: Height| {
        chain.sign(
            1,
            Transaction {
                from: account(1),
                fee: 0,
                nonce: 0,
                expiry,
                action: Action::Transfer(Transfer { to: account(2), amount: 1 }),
            },
        )
    };
    for expiry in [0, 4] {
        let error = transaction_error(&chain, vec![expiring(expiry)]);
        assert_eq!(error, TransactionError::Expired { expiry, height: 5 });
    }
    let at_the_edge = with_transactions(vec![expiring(5)]);
    chain.extend(at_the_edge);
}

/// What an executor on this state says to a transfer, in a block at height 2.
fn refused(leaves: &[(Address, Account)], transfers: &[Transaction]) -> TransactionError {
    let chain = Chain::of_length(params(), 1);
    let mut state = chain.state().clone();
    for (address, account) in leaves {
        state.leaves.insert(StateKey::Account(*address), account.encode());
    }
    let context = chain.context();
    let mut executor = Executor::new(&chain.params, &context, &state, &Told).unwrap();
    let (last, before) = transfers.split_last().unwrap();
    for transfer in before {
        executor.transaction(transfer, Hash::ZERO).unwrap().unwrap();
    }
    executor.transaction(last, Hash::ZERO).unwrap().unwrap_err()
}

#[test]
fn sums_that_no_supply_allows_are_refused_all_the_same() {
    let rich = |nonce| Account { balance: u64::MAX, nonce };
    let transfer = |from, to, amount, fee, nonce| Transaction {
        from,
        fee,
        nonce,
        expiry: Height::MAX,
        action: Action::Transfer(Transfer { to, amount }),
    };
    let [a, b, c] = [0, 1, 2].map(account);
    let error = refused(&[(a, rich(0)), (b, rich(0))], &[transfer(a, b, 1, 0, 0)]);
    assert_eq!(error, TransactionError::Overflow("the recipient's balance"));
    let error = refused(&[(a, rich(u64::MAX))], &[transfer(a, b, 1, 0, u64::MAX)]);
    assert_eq!(error, TransactionError::Overflow("the sender's nonce"));
    let fees = [transfer(a, c, 1, u64::MAX - 1, 0), transfer(b, c, 1, 2, 0)];
    assert_eq!(
        refused(&[(a, rich(0)), (b, rich(0))], &fees),
        TransactionError::Overflow("the block's fees")
    );
}

// --- Rewards -------------------------------------------------------------------------------------

fn pending(state: &State, height: Height) -> Option<Vec<(Address, u64)>> {
    let leaf = state.leaves.get(&StateKey::Pending(height))?;
    Some(
        Pending::decode(leaf)
            .unwrap()
            .0
            .iter()
            .map(|Credit { address, amount }| (*address, *amount))
            .collect(),
    )
}

#[test]
fn the_subsidy_is_split_in_three() {
    let mut chain = Chain::new(params());
    let fund = 5 * 30_000_000;
    assert_eq!(chain.state().share_fund(), fund);
    for height in 1..=6 {
        chain.extend(Body::default());
        let state = chain.state();
        assert_eq!(pending(state, height), Some(vec![(account(0), 18_000_000)]));
        assert_eq!(state.share_fund(), fund + u64::from(height) * 30_000_000);
        // Genesis emits nothing: the pool of epoch 0 holds four blocks' parts, those of heights 1
        // to 4.
        assert_eq!(state.proving_pool(0), 12_000_000 * u64::from(height.min(4)));
        assert_eq!(state.proving_pool(1), 12_000_000 * u64::from(height.saturating_sub(4)));
        assert_eq!(state.supply.emitted, 60_000_000 * u64::from(height));
    }
}

#[test]
fn shares_are_paid_from_the_fund() {
    let mut chain = Chain::of_length(params(), 1);
    // The producer is account 0. Pay is 60,000,000 / (2·2) = 15,000,000; 468,750 of it is for
    // including.
    let shares =
        [(1, 0), (0, 1), (1, 2)].map(|(prover, label)| chain.share(account(prover), 1, label));
    let fund = chain.state().share_fund();
    let applied = chain.extend(with_shares(shares.to_vec()));
    assert_eq!((applied.share_pay, applied.fees), (15_000_000, 0));
    let mut expected =
        vec![(account(0), 18_000_000 + 3 * 468_750 + 14_531_250), (account(1), 2 * 14_531_250)];
    expected.sort_unstable();
    assert_eq!(pending(chain.state(), 2), Some(expected));
    assert_eq!(chain.state().share_fund(), fund + 30_000_000 - 45_000_000);
}

#[test]
fn what_was_mined_can_be_spent_after_its_maturity() {
    // Block 1 pays account 3, which had nothing, and maturity is 4: block 5 is the first that can
    // spend it.
    let mut chain = Chain::new(params());
    let mut block = chain.block(with_transactions(vec![chain.transfer(1, account(2), 1, 9, 0)]));
    block.header.producer = account(3);
    chain.push(chain.seal(block));
    let spend = |chain: &Chain| chain.transfer(3, account(4), 18_000_009, 0, 0);
    for height in 2..=4 {
        let error = transaction_error(&chain, vec![spend(&chain)]);
        assert_eq!(error, TransactionError::NoAccount(account(3)), "height {height}");
        chain.extend(Body::default());
    }
    assert_eq!(pending(chain.state(), 1), Some(vec![(account(3), 18_000_009)]));
    assert_eq!(chain.state().account(account(3)), None);
    chain.extend(with_transactions(vec![spend(&chain)]));
    assert_eq!(chain.tip(), 5);
    assert_eq!(pending(chain.state(), 1), None);
    assert_eq!(chain.state().account(account(3)), Some(Account { balance: 0, nonce: 1 }));
    assert_eq!(chain.state().balance(account(4)), 18_000_009);
}

#[test]
fn the_share_fund_cannot_be_overdrawn() {
    let mut chain = Chain::new(params());
    let shares = |chain: &Chain, count: u8| {
        with_shares((0..count).map(|label| chain.share(account(1), chain.tip(), label)).collect())
    };
    // Each block brings 30,000,000 and costs 60,000,000: five of them use up what genesis seeded.
    for _ in 0..5 {
        chain.extend(shares(&chain, 4));
    }
    assert_eq!(chain.state().share_fund(), 0);
    let error = chain.apply_error(shares(&chain, 3));
    assert_eq!(error, ApplyError::ShareFund { needed: 45_000_000, fund: 30_000_000 });
    assert!(error.marks_invalid());
    // Exactly what the block itself brings is there.
    chain.extend(shares(&chain, 2));
    assert_eq!(chain.state().share_fund(), 0);
}

#[test]
fn a_share_counts_once_in_a_chain() {
    let mut chain = Chain::of_length(params(), 1);
    let [share, other] = [0, 1].map(|label| chain.share(account(1), 1, label));
    chain.extend(with_shares(vec![share.clone()]));
    // The proof's bytes are not part of its identity.
    let mut forged = share.clone();
    forged.proof.opening = [2; 96];
    for repeated in [share, forged] {
        let error = chain.apply_error(with_shares(vec![other.clone(), repeated]));
        assert_eq!(error, ApplyError::ShareCounted { index: 1 });
        assert!(error.marks_invalid());
    }
    // The same work under another nonce is another attempt.
    let again = Share { nonce: other.nonce + 1, ..other.clone() };
    chain.extend(with_shares(vec![other, again]));
}

#[test]
fn late_blocks_that_emit_nothing_leave_nothing() {
    let chain = Chain::of_length(params(), 1);
    let mut context = chain.context();
    context.height = 26 * lode_consensus::reward::HALVING_INTERVAL;
    let finish = |provers: &[Address]| {
        Executor::new(&chain.params, &context, chain.state(), &Told)
            .unwrap()
            .finish(account(0), provers)
            .unwrap()
    };
    let applied = finish(&[]);
    assert!(applied.changes.is_empty(), "{:?}", applied.changes);
    // A share that nothing is paid for still counts.
    let applied = finish(&[account(1)]);
    assert!(
        applied.changes.keys().copied().eq([StateKey::Weight(account(1)), StateKey::WeightSum])
    );
    assert_eq!((applied.share_pay, applied.supply), (0, chain.state().supply));
}

// --- What a store must compare, and its own faults -----------------------------------------------

#[test]
fn a_wrong_state_root() {
    let chain = Chain::of_length(params(), 2);
    let mut block = chain.block(Body::default());
    let expected = block.header.state_root;
    let got = chain.blocks[2].header.state_root;
    block.header.state_root = got;
    let proven = chain.check(&chain.prove(block)).unwrap();
    let error = chain.apply(&proven).unwrap_err();
    assert_eq!(error, ApplyError::StateRoot { expected, got });
    assert!(error.marks_invalid());
}

/// A store that fails when it is asked for a leaf, for the supply, or for a share.
struct Broken<'a>(&'a State, &'static str);

impl Broken<'_> {
    fn fail<T>(&self, what: &'static str, value: Result<T, Infallible>) -> Result<T, &'static str> {
        let Ok(value) = value;
        if self.1 == what { Err(what) } else { Ok(value) }
    }
}

impl StateView for Broken<'_> {
    type Error = &'static str;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Self::Error> {
        self.fail("leaf", self.0.leaf(key))
    }

    fn block_hash(&self, height: Height) -> Result<Hash, Self::Error> {
        self.fail("block hash", self.0.block_hash(height))
    }

    fn supply(&self) -> Result<Supply, Self::Error> {
        self.fail("supply", self.0.supply())
    }

    fn has_share(&self, id: &ShareId) -> Result<bool, Self::Error> {
        self.fail("share", self.0.has_share(id))
    }
}

#[test]
fn faults_of_the_store_are_not_the_blocks() {
    let chain = Chain::of_length(params(), 2);
    let block =
        chain.check(&chain.block(with_shares(vec![chain.share(account(1), 2, 0)]))).unwrap();
    for what in ["leaf", "supply", "share"] {
        let view = Broken(chain.state(), what);
        let error = transition::apply(&chain.params, &block, &view, &Told).unwrap_err();
        assert_eq!(error, ApplyError::Store(what));
        assert!(!error.marks_invalid());
    }
}

#[test]
fn a_state_that_cannot_be_is_not_the_blocks_fault() {
    let chain = Chain::of_length(params(), 2);
    let block = chain.check(&chain.block(Body::default())).unwrap();
    let broken = |key, leaf: Vec<u8>| {
        let mut chain = chain.clone();
        chain.states[2].leaves.insert(key, leaf);
        let error = chain.apply(&block).unwrap_err();
        assert!(!error.marks_invalid(), "{error}");
        error
    };
    let error = broken(StateKey::ShareFund, vec![1, 2, 3]);
    assert!(matches!(error, ApplyError::Leaf { key: StateKey::ShareFund, .. }), "{error}");
    let error = broken(StateKey::ShareFund, Amount(u64::MAX).encode());
    assert_eq!(error, ApplyError::Overflow("the share fund"));
    let error = broken(
        StateKey::ProvingPool(0),
        ProvingPool { granted: u64::MAX, left: u64::MAX }.encode(),
    );
    assert_eq!(error, ApplyError::Overflow("a proving pool"));

    let mut minted = chain.clone();
    minted.states[2].supply.balances += 1;
    let error = minted.apply(&block).unwrap_err();
    assert!(matches!(error, ApplyError::Supply(_)), "{error}");
    assert!(!error.marks_invalid());
}

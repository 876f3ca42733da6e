//! Every rule of headers, bodies and shares, broken by a block that breaks nothing else.

use std::collections::BTreeSet;

use lode_consensus::{
    Action, Address, Block, Body, ChainSpec, Hash, Header, Obligation, Share, SignedTransaction,
    Transaction, difficulty, epoch,
    obligation::Placed,
    params::{MAX_BODY_BYTES, MAX_TRANSACTIONS},
    rules::{
        Ancestry, BlockError, ChainContext, ContextualBlock, ShareError, deferral_ms, statement_of,
    },
    transaction::Transfer,
    transition::ApplyError,
};
use lode_puzzle::{Claim, Half, Proof, Target, VerifyError};
use lode_testkit::{
    chain::{Chain, account, params, unsigned, with_shares, with_transactions},
    networks::{INTERVAL_MS, START_MS},
    oracle::Oracle,
};
use proptest::prelude::*;

/// 32 bytes that are no address.
const NO_ADDRESS: Address = Address([0xff; 32]);

/// A valid next block with a changed header, proven again.
fn with_header(chain: &Chain, change: impl FnOnce(&mut Header)) -> Block {
    let mut block = chain.block(Body::default());
    change(&mut block.header);
    chain.prove(block)
}

/// The rule that a changed header breaks. It is found before the proof is checked, so none is made.
fn header_error(chain: &Chain, change: impl FnOnce(&mut Header)) -> BlockError {
    let mut block = chain.block(Body::default());
    change(&mut block.header);
    chain.check(&block).unwrap_err()
}

// --- Headers -------------------------------------------------------------------------------------

#[test]
fn an_untouched_block_is_valid() {
    let chain = Chain::of_length(params(), 7);
    chain.check(&chain.block(Body::default())).unwrap();
}

#[test]
fn height_and_parent() {
    let chain = Chain::of_length(params(), 3);
    for got in [0, 3, 5] {
        let error = header_error(&chain, |header| header.height = got);
        assert_eq!(error, BlockError::Height { expected: 4, got });
        assert!(error.marks_invalid());
    }
    let (expected, got) = (chain.hashes[3], chain.hashes[2]);
    let error = header_error(&chain, |header| header.parent_hash = got);
    assert_eq!(error, BlockError::Parent { expected, got });
    assert!(!error.marks_invalid(), "the block may be good on its own parent");
}

#[test]
fn target_off_by_one() {
    let chain = Chain::of_length(params(), 3);
    let expected = chain.context().target.get();
    for got in [expected - 1, expected + 1, 1, u128::MAX] {
        let error = header_error(&chain, |header| header.target = Target::new(got).unwrap());
        assert_eq!(error, BlockError::Target { expected, got });
    }
}

#[test]
fn targets_follow_the_solve_times() {
    let mut chain = Chain::new(params());
    let genesis_target = chain.params.genesis_target;
    // Blocks 1 and 2 have the genesis target, however long block 1 took.
    for (height, solve_time_ms) in (1..).zip([90_000_u64, 500, 4_000, 700, 30_000, 1_000, 1]) {
        let context = chain.context();
        let expected = match height {
            1 | 2 => genesis_target,
            _ => {
                let [before, parent] =
                    [height - 2, height - 1].map(|h| chain.blocks[h].header.clone());
                let solved_ms = i128::from(parent.timestamp_ms) - i128::from(before.timestamp_ms);
                difficulty::next_target(
                    parent.target,
                    solved_ms,
                    INTERVAL_MS,
                    chain.params.asert_tau_ms,
                )
            }
        };
        assert_eq!(context.target, expected, "height {height}");
        let mut block = chain.block(Body::default());
        block.header.timestamp_ms = chain.blocks[height - 1].header.timestamp_ms + solve_time_ms;
        chain.push(chain.seal(block));
    }
    assert_ne!(chain.context().target, genesis_target);
}

#[test]
fn a_block_that_is_older_than_its_parent_makes_it_harder() {
    let mut chain = Chain::of_length(params(), 6);
    let easy = chain.context().target;
    let mut block = chain.block(Body::default());
    block.header.timestamp_ms -= 2 * INTERVAL_MS;
    chain.push(chain.seal(block));
    assert!(chain.context().target < easy);
    assert_eq!(
        chain.context().target,
        difficulty::next_target(easy, -1_000, INTERVAL_MS, 20 * INTERVAL_MS)
    );
}

#[test]
fn timestamps_exceed_the_median() {
    let mut chain = Chain::new(params());
    // Offsets of blocks 1… from genesis in ms, and the median that the block after each must
    // exceed: sorted ascending, index floor(count / 2) of the last 11 blocks, genesis included.
    // Windows of 10 or 12 blocks, or the lower of two middles, would give other medians.
    let offsets = [5, 38, 6, 7, 66, 9, 10, 39, 14, 11, 43, 12, 14, 43, 17, 44];
    let medians = [5, 5, 6, 6, 7, 7, 9, 9, 10, 10, 11, 12, 12, 14, 14, 14];
    for (offset_ms, median_ms) in offsets.into_iter().zip(medians) {
        let mut block = chain.block(Body::default());
        block.header.timestamp_ms = START_MS + offset_ms;
        chain.push(chain.seal(block));

        let height = chain.tip() + 1;
        let median_ms = START_MS + median_ms;
        assert_eq!(chain.context().median_time_ms, median_ms, "height {height}");
        for got_ms in [median_ms, median_ms - 1, 0] {
            let error = header_error(&chain, |header| header.timestamp_ms = got_ms);
            assert_eq!(error, BlockError::Timestamp { median_ms, got_ms }, "height {height}");
        }
        chain.check(&with_header(&chain, |header| header.timestamp_ms = median_ms + 1)).unwrap();
    }
}

#[test]
fn blocks_from_the_future_are_deferred_and_not_judged() {
    let chain = Chain::of_length(params(), 1);
    let block = with_header(&chain, |header| header.timestamp_ms = START_MS + 100_000);
    let wait_ms = |now_ms| deferral_ms(&chain.params, &block.header, now_ms);
    assert_eq!(wait_ms(START_MS), Some(99_000));
    assert_eq!(wait_ms(START_MS + 98_999), Some(1));
    assert_eq!(wait_ms(START_MS + 99_000), None);
    assert_eq!(wait_ms(u64::MAX), None);
    chain.check(&block).unwrap();
}

#[test]
fn producer_and_prover_are_addresses() {
    let chain = Chain::of_length(params(), 3);
    let error = header_error(&chain, |header| header.producer = NO_ADDRESS);
    assert!(matches!(error, BlockError::Producer(_)), "{error}");

    let share = chain.share(NO_ADDRESS, 3, 0);
    let error = chain.check(&chain.block(with_shares(vec![share]))).unwrap_err();
    assert!(
        matches!(error, BlockError::Share { index: 0, error: ShareError::Prover(_) }),
        "{error}"
    );
}

// --- Anchors and epochs --------------------------------------------------------------------------

#[test]
fn anchors_of_blocks_and_shares() {
    let mut chain = Chain::new(params());
    let (length, window) = (chain.params.epoch_length, chain.params.share_window);
    for height in 1..=3 * length + 1 {
        for anchor in 0..height {
            let allowed = anchor + window >= height && (anchor + 1) / length == height / length;
            let anchor_hash = chain.hashes[anchor as usize];
            let block = with_header(&chain, |header| header.anchor_hash = anchor_hash);
            let share = chain.block(with_shares(vec![chain.share(account(1), anchor, 0)]));
            if allowed {
                chain.check(&block).unwrap();
                chain.check(&share).unwrap();
            } else {
                let error = ShareError::Anchor { height, got: anchor_hash };
                assert_eq!(chain.check(&share).unwrap_err(), BlockError::Share { index: 0, error });
                assert_eq!(
                    chain.check(&block).unwrap_err(),
                    BlockError::Anchor { height, got: anchor_hash }
                );
            }
        }
        chain.extend(Body::default());
    }
}

#[test]
fn the_windows_of_the_first_epochs() {
    let params = params();
    // L = 5, window 3: at an epoch's first block only the block before it will do.
    let expected =
        [0..0, 0..1, 0..2, 0..3, 1..4, 4..5, 4..6, 4..7, 5..8, 6..9, 9..10, 9..11, 9..12, 10..13];
    for (height, heights) in (0..).zip(expected) {
        assert_eq!(params.anchor_heights(height), heights, "height {height}");
    }
}

#[test]
fn blocks_of_another_fork_are_no_anchors() {
    let chain = Chain::of_length(params(), 3);
    let mut fork = Chain::of_length(params(), 2);
    let mut block = fork.block(Body::default());
    block.header.producer = account(1);
    fork.push(fork.seal(block));
    assert_ne!(fork.hashes[3], chain.hashes[3]);

    let sibling = chain.block(Body::default()).hash();
    for got in [fork.hashes[3], sibling, Hash::ZERO] {
        let error = header_error(&chain, |header| header.anchor_hash = got);
        assert_eq!(error, BlockError::Anchor { height: 4, got });
        let share = Share { anchor_hash: got, ..chain.share(account(1), 3, 0) };
        let error = chain.check(&chain.block(with_shares(vec![share]))).unwrap_err();
        assert_eq!(
            error,
            BlockError::Share { index: 0, error: ShareError::Anchor { height: 4, got } }
        );
    }
}

#[test]
fn an_epoch_takes_its_challenge_and_its_share_target_from_its_start() {
    let mut chain = Chain::new(params());
    for height in 1..=11_u32 {
        let (context, first) = (chain.context(), height / 5 * 5);
        let last_of_previous = if first == 0 { 0 } else { first - 1 };
        let expected = epoch::challenge(&chain.hashes[last_of_previous as usize]);
        assert_eq!(context.epoch_challenge, expected, "height {height}");
        // The first block of an epoch sets F0 itself; genesis does for epoch 0.
        let first_target = if first == height {
            context.target
        } else {
            chain.blocks[first as usize].header.target
        };
        assert_eq!(context.first_target, first_target, "height {height}");
        assert_eq!(context.share_target, epoch::share_target(first_target, 2), "height {height}");

        let mut block = chain.block(Body::default());
        // Ever harder, so that no two blocks from 2 on have one target.
        block.header.timestamp_ms -= 700;
        chain.push(chain.seal(block));
    }
    let distinct: BTreeSet<_> = chain.blocks[2..].iter().map(|b| b.header.target).collect();
    assert_eq!(distinct.len(), 10);
}

#[test]
fn a_share_is_held_to_the_share_target() {
    let mut hard = params();
    hard.genesis_target = Target::new(1 << 120).unwrap();
    let chain = Chain::of_length(hard, 2);
    let share = chain.share(account(1), 2, 0);
    let block = chain.block(with_shares(vec![share.clone()]));
    let contextual = ContextualBlock::new(block.clone(), chain.context(), &chain.params).unwrap();
    let claim = |placed: &Placed| match placed.obligation {
        Obligation::Puzzle(item) => Some(item.claim),
        _ => None,
    };
    let claims: Vec<Claim> = contextual.obligations().iter().filter_map(claim).collect();
    let target = |value: u128| Target::new(value).unwrap();
    assert_eq!(claims, [Claim::Block(target(1 << 120)), Claim::Share(target(1 << 121))]);
    assert_eq!(contextual.weights_needed(), 2);
    chain.check(&block).unwrap();

    let missed = Share { nonce: share.nonce + 1, ..share };
    let error = chain.check(&chain.block(with_shares(vec![missed]))).unwrap_err();
    let BlockError::ShareProof { index: 0, error: VerifyError::TargetMissed { half, .. } } = error
    else {
        panic!("{error}");
    };
    assert_eq!(half, Half::Share);
}

// --- Proofs --------------------------------------------------------------------------------------

#[test]
fn proofs_that_do_not_hold() {
    let chain = Chain::of_length(params(), 2);
    let shares = vec![chain.share(account(1), 2, 0), chain.share(account(1), 2, 1)];
    let block = chain.block(with_shares(shares));
    let prove = |oracle: &Oracle| {
        ContextualBlock::new(block.clone(), chain.context(), &chain.params)
            .unwrap()
            .prove(oracle, &[1; 3])
            .map(|_| ())
    };
    let refuse = |place| Oracle {
        refuse: [(place, VerifyError::PairingFailed)].into(),
        ..Oracle::default()
    };
    prove(&Oracle::default()).unwrap();

    let error = prove(&refuse(0)).unwrap_err();
    assert_eq!(error, BlockError::Proof(VerifyError::PairingFailed));
    assert!(error.marks_invalid());
    for index in [0, 1] {
        let error = prove(&refuse(index + 1)).unwrap_err();
        assert_eq!(error, BlockError::ShareProof { index, error: VerifyError::PairingFailed });
        assert!(error.marks_invalid());
    }
    let error = prove(&Oracle { forget: 1, ..Oracle::default() }).unwrap_err();
    assert_eq!(error, BlockError::Unjudged { expected: 3, got: 2 });
    assert!(!error.marks_invalid());
}

#[test]
fn weights_that_do_not_fit_are_our_fault() {
    let chain = Chain::of_length(params(), 2);
    let block = chain.block(with_shares(vec![chain.share(account(1), 2, 0)]));
    for fault in
        [VerifyError::MissingWeights { expected: 2, got: 0 }, VerifyError::ZeroWeight { index: 1 }]
    {
        for place in [0, 1] {
            let contextual =
                ContextualBlock::new(block.clone(), chain.context(), &chain.params).unwrap();
            let oracle = Oracle { refuse: [(place, fault)].into(), ..Oracle::default() };
            let error = contextual.prove(&oracle, &[1; 3]).unwrap_err();
            assert!(!error.marks_invalid(), "{error}");
        }
    }
}

#[test]
fn a_ticket_above_the_target() {
    let mut hard = params();
    hard.genesis_target = Target::new(1 << 120).unwrap();
    let chain = Chain::of_length(hard, 1);
    let mut block = chain.block(Body::default());
    block.nonce += 1;
    let error = chain.check(&block).unwrap_err();
    assert!(
        matches!(error, BlockError::Proof(VerifyError::TargetMissed { half: Half::Block, .. })),
        "{error}"
    );
}

// --- Bodies --------------------------------------------------------------------------------------

#[test]
fn roots_that_do_not_match() {
    let chain = Chain::of_length(params(), 3);
    let good = chain.block(Body::default());
    let transactions = with_transactions(vec![chain.transfer(1, account(2), 1, 0, 0)]);
    let shares = with_shares(vec![chain.share(account(1), 3, 0)]);
    for (body, root) in [(transactions, "transactions"), (shares, "shares")] {
        let error = chain.check(&Block { body, ..good.clone() }).unwrap_err();
        assert_eq!(error, BlockError::Roots(root));
        assert!(!error.marks_invalid(), "the header may be good");
    }
}

/// A network whose limits on shares and bytes can both be reached.
fn roomy() -> ChainSpec {
    ChainSpec { shares_per_block: 1_024, ..params() }
}

fn transfers(count: usize) -> Vec<SignedTransaction> {
    let transfer = Transaction {
        from: account(1),
        fee: 0,
        nonce: 0,
        expiry: 9,
        action: Action::Transfer(Transfer { to: account(2), amount: 1 }),
    };
    vec![unsigned(transfer); count]
}

/// Shares with unchecked tickets.
fn unproven_shares(chain: &Chain, count: usize) -> Vec<Share> {
    let share = chain.share(account(1), chain.tip(), 0);
    (0..count as u64).map(|nonce| Share { nonce, ..share.clone() }).collect()
}

#[test]
fn too_many_items() {
    let limit_error = |chain: &Chain, body| match chain.check(&chain.block(body)).unwrap_err() {
        BlockError::Limit { what, limit, got } => (what, limit, got),
        error => panic!("{error}"),
    };
    let fits = |chain: &Chain, body| {
        ContextualBlock::new(chain.block(body), chain.context(), &chain.params).is_ok()
    };

    let chain = Chain::of_length(params(), 2);
    assert!(fits(&chain, with_transactions(transfers(MAX_TRANSACTIONS))));
    let too_many = with_transactions(transfers(MAX_TRANSACTIONS + 1));
    assert_eq!(limit_error(&chain, too_many), ("transactions", 2_048, 2_049));

    assert!(fits(&chain, with_shares(unproven_shares(&chain, 4))));
    assert_eq!(limit_error(&chain, with_shares(unproven_shares(&chain, 5))), ("shares", 4, 5));

    // 2,048 transactions of 221 bytes leave room for 2,013 shares of 296 bytes beside the two
    // counts.
    let chain = Chain::of_length(roomy(), 2);
    let body = |shares| Body {
        transactions: transfers(MAX_TRANSACTIONS),
        shares: unproven_shares(&chain, shares),
    };
    assert!(fits(&chain, body(2_013)));
    assert_eq!(limit_error(&chain, body(2_014)), ("body bytes", MAX_BODY_BYTES, 1_048_760));
    assert_eq!(
        limit_error(&chain, with_shares(unproven_shares(&chain, 2_049))),
        ("shares", 2_048, 2_049)
    );
}

#[test]
fn a_body_that_was_swapped_for_a_larger_one_does_not_condemn_the_header() {
    let chain = Chain::of_length(params(), 2);
    let good = chain.block(Body::default());
    for body in [
        with_shares(unproven_shares(&chain, 5)),
        with_transactions(transfers(MAX_TRANSACTIONS + 1)),
    ] {
        let error = chain.check(&Block { body, ..good.clone() }).unwrap_err();
        assert!(!error.marks_invalid(), "{error}");
    }
    // Where the header itself commits to too much, it is bad for good.
    let error = chain.check(&chain.block(with_shares(unproven_shares(&chain, 5)))).unwrap_err();
    assert!(error.marks_invalid(), "{error}");
}

#[test]
fn one_attempt_counts_once_in_a_block() {
    let chain = Chain::of_length(params(), 2);
    let [share, other] = [0, 1].map(|label| chain.share(account(1), 2, label));
    // The proof's bytes are not part of a share's identity.
    let same_attempt = Share { proof: Proof { opening: [2; 96], ..share.proof }, ..share.clone() };
    for duplicate in [share.clone(), same_attempt] {
        let body = with_shares(vec![share.clone(), other.clone(), duplicate]);
        assert_eq!(
            chain.check(&chain.block(body)).unwrap_err(),
            BlockError::DuplicateShare { index: 2 }
        );
    }
    // Any order will do.
    chain.check(&chain.block(with_shares(vec![share.clone(), other.clone()]))).unwrap();
    chain.check(&chain.block(with_shares(vec![other, share]))).unwrap();
}

#[test]
fn a_blocks_own_attempt_is_a_share_for_later_blocks() {
    let wide = ChainSpec { epoch_length: 20, share_window: 8, ..params() };
    let mut chain = Chain::of_length(wide, 2);
    let own = chain.blocks[2].as_share();
    let context = chain.context();
    assert!(context.share_item(&own).is_ok());
    let body = with_shares(vec![own.clone()]);
    chain.extend(body.clone());
    assert!(
        chain.state().shares.contains(&own.id(&context.genesis_hash, &context.epoch_challenge))
    );
    // It counts once in the chain, too.
    let error = chain.apply_error(body);
    assert!(matches!(error, ApplyError::ShareCounted { index: 0 }), "{error}");
    assert!(error.marks_invalid());
}

// --- Boundaries for any parameters ---------------------------------------------------------------

proptest! {
    #[test]
    fn miners_take_an_anchor_that_the_rules_allow(
        epoch_length in 2_u32..500,
        share_window in 1_u32..100,
        depth in 0_u32..100,
        tip in 0_u32..5_000,
    ) {
        let params = ChainSpec {
            epoch_length,
            share_window,
            anchor_depth: depth % share_window,
            ..params()
        };
        prop_assert!(params.check().is_ok());
        let anchor = params.mining_anchor_height(tip);
        prop_assert!(params.anchor_heights(tip + 1).contains(&anchor));
        // As deep as asked, unless the epoch begins above.
        let first_of_epoch = params.epoch_start(params.epoch_of(tip + 1));
        let wanted = tip.saturating_sub(params.anchor_depth);
        prop_assert_eq!(anchor, wanted.max(first_of_epoch.saturating_sub(1)));
    }

    #[test]
    fn anchors_are_what_the_specification_says(
        epoch_length in 2_u32..50,
        share_window in 1_u32..60,
        height in 1_u32..400,
    ) {
        let params = ChainSpec { epoch_length, share_window, ..params() };
        for anchor in 0..height + 2 {
            let allowed = anchor >= height.saturating_sub(share_window)
                && anchor < height
                && (anchor + 1) / epoch_length == height / epoch_length;
            prop_assert_eq!(params.anchor_heights(height).contains(&anchor), allowed);
        }
    }

    #[test]
    fn every_height_lies_in_its_epoch(epoch_length in 2_u32..=1 << 20, height: u32) {
        let params = ChainSpec { epoch_length, ..params() };
        let epoch = params.epoch_of(height);
        prop_assert!(params.epoch_start(epoch) <= height && height <= params.epoch_end(epoch));
        prop_assert_eq!(params.epoch_of(params.epoch_start(epoch)), epoch);
    }
}

#[test]
fn a_context_reads_no_block_above_the_tip() {
    struct Bounded<'a>(&'a Chain);
    impl Ancestry for Bounded<'_> {
        type Error = u32;
        fn block_hash(&self, height: u32) -> Result<Hash, u32> {
            self.0.hashes.get(height as usize).copied().ok_or(height)
        }
        fn header(&self, height: u32) -> Result<Header, u32> {
            self.0.blocks.get(height as usize).map(|block| block.header.clone()).ok_or(height)
        }
    }
    let mut chain = Chain::new(params());
    for _ in 0..12 {
        let context = ChainContext::gather(
            &chain.params,
            chain.genesis_hash(),
            chain.tip(),
            &Bounded(&chain),
        );
        assert_eq!(context, Ok(chain.context()));
        chain.extend(Body::default());
    }
}

#[test]
fn a_headers_statement_is_that_of_its_attempt() {
    let chain = Chain::of_length(params(), 2);
    let block = chain.block(Body::default());
    let statement = statement_of(&block.header, &chain.context());
    let own = block.as_share().statement(&chain.genesis_hash(), &chain.context().epoch_challenge);
    assert_eq!(statement, own);
}

//! Headers before bodies: what a header shows on its own, what is left to check when its body
//! comes, and contexts over headers in memory.

use std::{cell::RefCell, collections::BTreeMap};

use lode_consensus::{
    Action, Address, Block, Body, Hash, Header, Height, Obligation, SealedHeader, Transaction,
    headers::{ContextualHeader, HeaderChain, HeaderChainError, VerifiedHeader},
    obligation::{Kind, Place, Placed, ProofChecker, Verdict},
    rules::{Ancestry, BlockError, ChainContext, ContextualBlock, ShareError},
    transaction::Transfer,
};
use lode_puzzle::{Claim, Half, Item, Target, VerifyError};
use lode_testkit::{
    chain::{Chain, account, attempt, params, with_shares, with_transactions},
    networks::INTERVAL_MS,
    oracle::Oracle,
};

/// No point of the curve has this coordinate.
const NO_ADDRESS: Address = Address([0xff; 32]);

/// Counts what it is asked.
#[derive(Default)]
struct Counter {
    oracle: Oracle,
    asked: RefCell<Vec<Item>>,
    /// The kinds of obligations of each call, and its weights.
    kinds: RefCell<Vec<Vec<Kind>>>,
    weights: RefCell<Vec<Vec<u128>>>,
}

/// The share or transaction that an obligation stands in.
fn is_share(placed: &Placed) -> bool {
    matches!(placed.place, Place::Share(_))
}

fn is_transaction(placed: &Placed) -> bool {
    matches!(placed.place, Place::Transaction(_))
}

impl ProofChecker for Counter {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        let item = |obligation: &Obligation| match obligation {
            Obligation::Puzzle(item) => Some(*item),
            _ => None,
        };
        self.asked.borrow_mut().extend(obligations.iter().filter_map(item));
        self.kinds.borrow_mut().push(obligations.iter().map(Obligation::kind).collect());
        self.weights.borrow_mut().push(weights.to_vec());
        self.oracle.check(obligations, weights)
    }
}

fn chain() -> Chain {
    Chain::of_length(params(), 7)
}

fn proven(chain: &Chain, block: &Block) -> VerifiedHeader {
    ContextualHeader::new(block.into(), &chain.context())
        .unwrap()
        .prove(&Oracle::default(), &[1; 3])
        .unwrap()
}

/// The next block with a changed header, and with a proof that the oracle accepts for it.
fn changed(chain: &Chain, change: impl FnOnce(&mut Header)) -> SealedHeader {
    let mut block = chain.block(Body::default());
    change(&mut block.header);
    SealedHeader::from(&chain.prove(block))
}

fn refusal(chain: &Chain, sealed: SealedHeader) -> BlockError {
    match ContextualHeader::new(sealed, &chain.context()) {
        Ok(contextual) => contextual.prove(&Oracle::default(), &[1; 3]).unwrap_err(),
        Err(error) => error,
    }
}

#[test]
fn a_header_alone_is_held_to_every_rule_of_headers() {
    let chain = chain();
    let good = changed(&chain, |_| {});
    let contextual = ContextualHeader::new(good.clone(), &chain.context()).unwrap();
    assert_eq!((contextual.sealed(), contextual.hash()), (&good, good.hash()));
    let proven = contextual.prove(&Oracle::default(), &[1; 3]).unwrap();
    assert_eq!(
        (proven.sealed(), proven.header(), proven.hash()),
        (&good, &good.header, good.hash())
    );

    let median_ms = chain.context().median_time_ms;
    let refuse = |change: fn(&mut Header)| refusal(&chain, changed(&chain, change));
    assert!(matches!(
        refuse(|header| header.parent_hash = Hash([1; 32])),
        BlockError::Parent { .. }
    ));
    assert!(matches!(
        refuse(|header| header.height += 1),
        BlockError::Height { expected: 8, got: 9 }
    ));
    assert!(matches!(refuse(|header| header.target = Target::MAX), BlockError::Target { .. }));
    assert!(matches!(
        refuse(|header| header.anchor_hash = Hash([2; 32])),
        BlockError::Anchor { .. }
    ));
    assert!(matches!(
        refuse(|header| header.producer = Address([0xFF; 32])),
        BlockError::Producer(_)
    ));
    let late = changed(&chain, |header| header.timestamp_ms = median_ms);
    assert_eq!(refusal(&chain, late), BlockError::Timestamp { median_ms, got_ms: median_ms });
}

#[test]
fn a_ticket_that_misses_costs_no_proof() {
    let chain = chain();
    let mut block = chain.block(Body::default());
    let target = block.header.target;
    let statement = lode_consensus::rules::statement_of(&block.header, &chain.context());
    (block.nonce, block.proof) =
        attempt(&statement, 0, |ticket| !target.is_met_by(ticket.block_value()));
    let error = ContextualHeader::new((&block).into(), &chain.context()).unwrap_err();
    assert!(matches!(
        error,
        BlockError::Proof(VerifyError::TargetMissed { half: Half::Block, target: held, value })
            if held == target && value > target.get()
    ));
}

#[test]
fn a_batch_of_headers_blames_the_right_ones() {
    let chain = chain();
    let contextual = |timestamp_ms: u64, producer| {
        let sealed = changed(&chain, |header| {
            header.timestamp_ms += timestamp_ms;
            header.producer = producer;
        });
        ContextualHeader::new(sealed, &chain.context()).unwrap()
    };
    let nobody = Address([0xFF; 32]);
    let batch = || {
        vec![
            contextual(0, account(0)),
            contextual(1, nobody),
            contextual(2, account(1)),
            contextual(3, account(2)),
        ]
    };
    // The one without an address never reaches the checker: the third header is its second item.
    let oracle =
        Oracle { refuse: BTreeMap::from([(1, VerifyError::PairingFailed)]), ..Oracle::default() };
    let counter = Counter { oracle, ..Counter::default() };
    let results = ContextualHeader::prove_all(batch(), &counter, &[1; 4]);
    assert_eq!(counter.asked.borrow().len(), 3);
    assert_eq!(results.len(), 4);
    assert_eq!(results[0].as_ref().unwrap().header().producer, account(0));
    assert!(matches!(results[1], Err(BlockError::Producer(_))));
    assert_eq!(results[2], Err(BlockError::Proof(VerifyError::PairingFailed)));
    assert_eq!(results[3].as_ref().unwrap().header().producer, account(2));

    // A checker that is silent about the last one proves nothing of it.
    let results =
        ContextualHeader::prove_all(batch(), &Oracle { forget: 1, ..Oracle::default() }, &[1; 4]);
    assert!(results[2].is_ok());
    assert_eq!(results[3], Err(BlockError::Unjudged { expected: 1, got: 0 }));
    assert!(!results[3].as_ref().unwrap_err().marks_invalid());
}

#[test]
fn a_body_comes_to_a_proven_header_and_only_shares_and_signatures_are_left() {
    let chain = chain();
    let body = Body {
        shares: with_shares(vec![chain.share(account(1), 7, 1), chain.share(account(2), 6, 2)])
            .shares,
        transactions: with_transactions(vec![chain.transfer(0, account(1), 5, 1, 0)]).transactions,
    };
    let block = chain.block(body.clone());
    let header = proven(&chain, &block);

    let contextual =
        ContextualBlock::of_proven(header.clone(), body.clone(), chain.context(), &chain.params)
            .unwrap();
    assert_eq!((contextual.hash(), contextual.block()), (block.hash(), &block));
    let counter = Counter::default();
    let done = contextual.prove(&counter, &[1; 2]).unwrap();
    assert_eq!(
        counter.asked.borrow().len(),
        2,
        "the block's own proof was checked with its header"
    );
    assert!(counter.asked.borrow().iter().all(|item| matches!(item.claim, Claim::Share(_))));
    assert_eq!(done.share_ids().len(), 2);
    chain.apply(&done).unwrap();

    let of_proven = |body: Body, context: ChainContext| {
        ContextualBlock::of_proven(header.clone(), body, context, &chain.params)
            .map(|contextual| contextual.weights_needed())
    };
    assert_eq!(of_proven(body.clone(), chain.context()), Ok(2));
    let parent = ChainContext { parent_hash: Hash([3; 32]), ..chain.context() };
    assert!(matches!(of_proven(body.clone(), parent), Err(BlockError::Parent { .. })));
    let shares = Body { shares: vec![], ..body.clone() };
    assert_eq!(of_proven(shares, chain.context()), Err(BlockError::Roots("shares")));
    let transactions = Body { transactions: vec![], ..body };
    assert_eq!(of_proven(transactions, chain.context()), Err(BlockError::Roots("transactions")));
}

#[test]
fn a_bad_share_or_signature_is_found_and_named() {
    let chain = chain();
    let mut forged = chain.transfer(0, account(1), 5, 1, 0);
    forged.signature[0] ^= 1;
    let body = Body {
        shares: vec![chain.share(account(1), 7, 1), chain.share(account(2), 6, 2)],
        transactions: vec![chain.transfer(1, account(1), 5, 1, 0), forged.clone()],
    };
    let block = chain.block(body.clone());
    let contextual = ContextualBlock::of_proven(
        proven(&chain, &block),
        body.clone(),
        chain.context(),
        &chain.params,
    )
    .unwrap();
    let oracle = |place| Oracle {
        refuse: BTreeMap::from([(place, VerifyError::PairingFailed)]),
        ..Oracle::default()
    };
    let prove = |contextual: &ContextualBlock, oracle: Oracle| {
        contextual.clone().prove(&oracle, &[1; 2]).map(|_| ())
    };
    assert_eq!(
        prove(&contextual, oracle(1)),
        Err(BlockError::ShareProof { index: 1, error: VerifyError::PairingFailed })
    );
    assert!(matches!(
        prove(&contextual, Oracle::default()),
        Err(BlockError::Signature { index: 1, .. })
    ));

    // What the caller has checked before is not checked again, and nothing else is left out.
    let rest = contextual.clone().skip_verified(|placed| placed.place == Place::Share(0));
    assert_eq!(rest.weights_needed(), 1);
    assert_eq!(
        prove(&rest, oracle(0)),
        Err(BlockError::ShareProof { index: 1, error: VerifyError::PairingFailed })
    );
    assert!(matches!(prove(&rest, Oracle::default()), Err(BlockError::Signature { index: 1, .. })));
    let id = forged.id(&chain.genesis_hash());
    let is_forged = |placed: &Placed| placed.obligation == Obligation::Signature(forged.claim(id));
    assert_eq!(prove(&rest.skip_verified(is_forged), Oracle::default()), Ok(()));
}

#[test]
fn addresses_are_read_with_the_proofs_and_signatures_that_they_belong_to() {
    let chain = chain();
    let transfer = Transaction {
        from: account(1),
        fee: 0,
        nonce: 0,
        expiry: 9,
        action: Action::Transfer(Transfer { to: NO_ADDRESS, amount: 1 }),
    };
    let shares = vec![chain.share(account(1), 7, 0), chain.share(NO_ADDRESS, 7, 1)];
    let block = chain.block(Body { transactions: vec![chain.sign(1, transfer)], shares });
    let contextual = ContextualBlock::new(block, chain.context(), &chain.params).unwrap();
    let judge = |share_is_known: bool, transaction_is_known: bool| {
        let is_known = |placed: &Placed| match placed.obligation {
            Obligation::Address(address) if address == NO_ADDRESS => {
                (is_share(placed) && share_is_known)
                    || (is_transaction(placed) && transaction_is_known)
            }
            _ => false,
        };
        contextual.clone().skip_verified(is_known).prove(&Oracle::default(), &[1; 3]).map(|_| ())
    };
    assert!(matches!(
        judge(false, true),
        Err(BlockError::Share { index: 1, error: ShareError::Prover(_) })
    ));
    assert!(matches!(judge(true, false), Err(BlockError::Recipient { index: 0, .. })));
    assert_eq!(judge(true, true), Ok(()));
}

#[test]
fn the_own_proof_is_never_left_out_by_accident() {
    let chain = chain();
    let block = chain.block(with_shares(vec![chain.share(account(1), 7, 1)]));
    let contextual = ContextualBlock::new(block, chain.context(), &chain.params).unwrap();
    let rest = contextual.skip_verified(|_| true);
    assert_eq!(rest.weights_needed(), 1);
    assert!(rest.obligations().iter().all(|placed| placed.place == Place::Header));
}

#[test]
fn obligations_are_judged_cheapest_first_and_a_failure_ends_it() {
    let chain = chain();
    let pay = |to| {
        let action = Action::Transfer(Transfer { to, amount: 1 });
        let mut signed =
            chain.sign(1, Transaction { from: account(1), fee: 0, nonce: 0, expiry: 9, action });
        signed.signature[0] ^= 1;
        signed
    };
    let block = |prover, to| {
        let shares = vec![chain.share(account(1), 7, 0), chain.share(prover, 7, 1)];
        let block = chain.block(Body { transactions: vec![pay(to)], shares });
        ContextualBlock::new(block, chain.context(), &chain.params).unwrap()
    };
    let counter = |refuse: &[usize]| {
        let refuse = refuse.iter().map(|place| (*place, VerifyError::PairingFailed)).collect();
        Counter { oracle: Oracle { refuse, ..Oracle::default() }, ..Counter::default() }
    };
    let good = block(account(2), account(3));
    assert_eq!((good.obligations().len(), good.weights_needed()), (8, 3));
    let addresses = vec![Kind::Address; 4];

    // Everything is wrong: the addresses say so first, those of shares before those of recipients.
    let all = counter(&[0, 1, 2]);
    let error = block(NO_ADDRESS, NO_ADDRESS).prove(&all, &[1; 3]).unwrap_err();
    assert!(matches!(error, BlockError::Share { index: 1, error: ShareError::Prover(_) }));
    assert_eq!(*all.kinds.borrow(), std::slice::from_ref(&addresses));
    let error = block(account(2), NO_ADDRESS).prove(&counter(&[0]), &[1; 3]).unwrap_err();
    assert!(matches!(error, BlockError::Recipient { index: 0, .. }));
    // Then the proofs, the block's own first, and no signature after a bad one.
    let proofs = counter(&[0, 2]);
    let error = good.clone().prove(&proofs, &[1; 3]).unwrap_err();
    assert_eq!(error, BlockError::Proof(VerifyError::PairingFailed));
    assert_eq!(*proofs.kinds.borrow(), [addresses.clone(), vec![Kind::Puzzle; 3]]);
    // The signatures come last.
    let rest = counter(&[]);
    assert!(matches!(good.prove(&rest, &[5, 6, 7]), Err(BlockError::Signature { index: 0, .. })));
    assert_eq!(*rest.kinds.borrow(), [addresses, vec![Kind::Puzzle; 3], vec![Kind::Signature]]);
    assert_eq!(
        *rest.weights.borrow(),
        [vec![], vec![5, 6, 7], vec![]],
        "weights go to the proofs alone"
    );
}

#[test]
fn a_verdict_of_another_kind_judges_nothing() {
    struct Confused;
    impl ProofChecker for Confused {
        fn check(&self, obligations: &[Obligation], _: &[u128]) -> Vec<Verdict> {
            obligations
                .iter()
                .map(|_| Err(lode_consensus::transaction::SignatureError::NotCanonical.into()))
                .collect()
        }
    }
    let chain = chain();
    let contextual =
        ContextualBlock::new(chain.block(Body::default()), chain.context(), &chain.params).unwrap();
    assert_eq!(
        contextual.prove(&Confused, &[1]).unwrap_err(),
        BlockError::Unjudged { expected: 1, got: 0 }
    );
}

#[test]
fn a_batch_of_blocks_blames_the_right_one() {
    let mut chain = chain();
    let mut contextual = Vec::new();
    for shares in [2, 0, 1] {
        let body = with_shares(
            (0..shares).map(|label| chain.share(account(1), chain.tip(), label)).collect(),
        );
        let block = chain.block(body.clone());
        contextual.push(
            ContextualBlock::of_proven(
                proven(&chain, &block),
                body,
                chain.context(),
                &chain.params,
            )
            .unwrap(),
        );
        chain.push(block);
    }
    let outcome = |refused: usize| -> Vec<Result<(), BlockError>> {
        let refuse = BTreeMap::from([(refused, VerifyError::PairingFailed)]);
        let results =
            ContextualBlock::prove_all(contextual.clone(), &Oracle { refuse, forget: 0 }, &[1; 3]);
        results.into_iter().map(|result| result.map(|_| ())).collect()
    };
    let failed = |index| Err(BlockError::ShareProof { index, error: VerifyError::PairingFailed });
    assert_eq!(outcome(0), [failed(0), Ok(()), Ok(())]);
    assert_eq!(outcome(1), [failed(1), Ok(()), Ok(())]);
    assert_eq!(outcome(2), [Ok(()), Ok(()), failed(0)]);
    assert_eq!(outcome(9), [Ok(()), Ok(()), Ok(())]);
    let silent = ContextualBlock::prove_all(
        contextual.clone(),
        &Oracle { forget: 1, ..Oracle::default() },
        &[1; 3],
    );
    assert!(
        silent[0].is_ok() && matches!(silent[2], Err(BlockError::Unjudged { expected: 1, got: 0 }))
    );
}

#[test]
fn contexts_over_headers_in_memory_equal_those_over_the_chain() {
    // Three epochs, with targets that move, so that each epoch's first target and challenge matter.
    let mut chain = Chain::new(params());
    for height in 1..=18 {
        let mut block = chain.block(Body::default());
        block.header.timestamp_ms += height % 3 * INTERVAL_MS;
        chain.push(chain.seal(block));
    }
    let context = |tip: Height, ancestry: &dyn Fn(Height) -> ChainContext| {
        let Ok(expected) = ChainContext::gather(&chain.params, chain.genesis_hash(), tip, &chain);
        assert_eq!(ancestry(tip), expected, "on top of {tip}");
    };
    for fork in 0..=18 {
        let mut whole = HeaderChain::above(fork);
        let mut sparse = HeaderChain::above(fork);
        for height in fork + 1..=18 {
            for headers in [&mut whole, &mut sparse] {
                headers.push(
                    chain.hashes[height as usize],
                    chain.blocks[height as usize].header.clone(),
                );
            }
            sparse.forget(&chain.params);
            assert!(sparse.len() <= 11 + 1 + 2);
            assert_eq!((whole.tip(), sparse.tip(), whole.fork()), (height, height, fork));
            for headers in [&whole, &sparse] {
                context(height, &|tip| {
                    ChainContext::gather(
                        &chain.params,
                        chain.genesis_hash(),
                        tip,
                        &headers.on(&chain),
                    )
                    .unwrap()
                });
            }
        }
        assert_eq!(whole.len(), 18 - fork as usize);
    }
}

#[test]
fn a_side_branch_in_memory_hides_the_chain_below_it() {
    let chain = chain();
    let mut side = HeaderChain::above(4);
    assert!(side.is_empty());
    side.push(Hash([5; 32]), chain.blocks[5].header.clone());
    let extension = side.on(&chain);
    assert_eq!(extension.block_hash(4).unwrap(), chain.hashes[4]);
    assert_eq!(extension.block_hash(5).unwrap(), Hash([5; 32]));
    assert_eq!(extension.header(5).unwrap(), chain.blocks[5].header);
    // The chain below has blocks at these heights, but they are not this branch's.
    assert_eq!(extension.block_hash(6), Err(HeaderChainError::Absent { height: 6 }));
    assert_eq!(extension.header(6), Err(HeaderChainError::Absent { height: 6 }));
}

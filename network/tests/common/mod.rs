//! Messages to test with: any bytes that the codec takes, since nothing here looks behind them.
#![allow(dead_code)]

use lode_consensus::{
    Body, ChainWork, Decode, Hash, Header, SealedHeader, Share, SignedTransaction,
};
use lode_network::{Gossip, MempoolPage, Request, RequestKind, Response, Status, Topic};
use lode_puzzle::Proof;
use proptest::{collection::vec, option, prelude::*};

/// A value out of `N` bytes of entropy.
pub(crate) fn sealed_header(seed: u64) -> SealedHeader {
    let fill = |salt: u64| Hash::of("test", &[&seed.to_le_bytes(), &salt.to_le_bytes()]);
    let share = share(seed);
    SealedHeader {
        header: Header {
            height: seed as u32,
            parent_hash: fill(1),
            anchor_hash: fill(2),
            timestamp_ms: seed,
            transactions_root: fill(3),
            shares_root: fill(4),
            state_root: fill(5),
            producer: share.prover,
            target: lode_puzzle::Target::MAX,
        },
        nonce: seed,
        proof: share.proof,
    }
}

/// A share whose fields all depend on the seed.
pub(crate) fn share(seed: u64) -> Share {
    Share::decode(&noise(seed, Share::BYTES)).expect("any bytes are a share")
}

/// A transaction whose fields all depend on the seed.
pub(crate) fn transaction(seed: u64) -> SignedTransaction {
    let mut bytes = noise(seed, TRANSFER_BYTES);
    bytes[0] = 1;
    SignedTransaction::decode(&bytes).expect("any bytes with the tag are a transaction")
}

/// Bytes of a signed transfer.
pub(crate) const TRANSFER_BYTES: usize = 221;

/// Bytes that look random and depend on the seed alone.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    (0_u64..)
        .flat_map(|index| Hash::of("noise", &[&seed.to_le_bytes(), &index.to_le_bytes()]).0)
        .take(len)
        .collect()
}

pub(crate) fn status(seed: u64) -> Status {
    let hash = |salt: u64| Hash::of("test", &[&seed.to_le_bytes(), &salt.to_le_bytes()]);
    Status {
        version: seed as u16,
        genesis_hash: hash(1),
        tip_height: seed as u32,
        tip_hash: hash(2),
        work: ChainWork::decode(&hash(3).0).expect("any 32 bytes are work"),
        now_ms: !seed,
    }
}

pub(crate) fn body(seed: u64, transactions: usize, shares: usize) -> Body {
    Body {
        transactions: (0..transactions as u64)
            .map(|index| transaction(seed ^ (index << 32)))
            .collect(),
        shares: (0..shares as u64).map(|index| share(seed ^ (index << 32))).collect(),
    }
}

pub(crate) fn any_gossip() -> impl Strategy<Value = Gossip> {
    prop_oneof![
        any::<u64>().prop_map(|seed| Gossip::Block(sealed_header(seed))),
        any::<u64>().prop_map(|seed| Gossip::Share(share(seed))),
        any::<u64>().prop_map(|seed| Gossip::Transaction(transaction(seed))),
    ]
}

fn any_hashes(most: usize) -> impl Strategy<Value = Vec<Hash>> {
    vec(any::<[u8; 32]>().prop_map(Hash), 1..=most)
}

pub(crate) fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        any::<u64>().prop_map(|seed| Request::Status(status(seed))),
        (any_hashes(64), 1_u16..=512)
            .prop_map(|(locator, limit)| Request::Headers { locator, limit }),
        any_hashes(16).prop_map(|hashes| Request::Bodies { hashes }),
        any::<u32>().prop_map(|skip| Request::Mempool { skip }),
    ]
}

pub(crate) fn any_response() -> impl Strategy<Value = (RequestKind, Response)> {
    let any_body = (any::<u64>(), 0_usize..4, 0_usize..4).prop_map(|(seed, t, s)| body(seed, t, s));
    prop_oneof![
        any::<u64>().prop_map(|seed| (RequestKind::Status, Response::Status(status(seed)))),
        vec(any::<u64>(), 0..8).prop_map(|seeds| {
            (
                RequestKind::Headers,
                Response::Headers(seeds.into_iter().map(sealed_header).collect()),
            )
        }),
        vec(option::of(any_body), 0..=16)
            .prop_map(|bodies| (RequestKind::Bodies, Response::Bodies(bodies))),
        (vec(any::<u64>(), 0..4), vec(any::<u64>(), 0..4), any::<bool>()).prop_map(
            |(shares, transactions, more)| {
                let page = MempoolPage {
                    shares: shares.into_iter().map(share).collect(),
                    transactions: transactions.into_iter().map(transaction).collect(),
                    more,
                };
                (RequestKind::Mempool, Response::Mempool(page))
            }
        ),
        proptest::sample::select(&RequestKind::ALL[..]).prop_map(|kind| (kind, Response::Busy)),
    ]
}

pub(crate) fn any_topic() -> impl Strategy<Value = Topic> {
    proptest::sample::select(&Topic::ALL[..])
}

pub(crate) fn any_kind() -> impl Strategy<Value = RequestKind> {
    proptest::sample::select(&RequestKind::ALL[..])
}

pub(crate) const PROOF_BYTES: usize = Proof::BYTES;

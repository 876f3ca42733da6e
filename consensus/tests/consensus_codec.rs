//! Properties of the canonical encoding: it is a bijection onto what the decoder accepts, and
//! hostile input is refused before anything is allocated for it.

use lode_consensus::{
    Account, Action, Address, Block, Body, ChainWork, Decode, DecodeError, Encode, Hash, Header,
    Share, SignedTransaction, Transaction,
    params::{MAX_BODY_BYTES, MAX_SHARES_PER_BLOCK, MAX_TRANSACTION_BYTES, MAX_TRANSACTIONS},
    state::{Amount, Credit, Pending, Supply},
    transaction::Transfer,
};
use lode_puzzle::{Proof, Target};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};

prop_compose! {
    fn hash()(bytes: [u8; 32]) -> Hash { Hash(bytes) }
}

prop_compose! {
    fn address()(bytes: [u8; 32]) -> Address { Address(bytes) }
}

prop_compose! {
    fn proof()(commitment: [u8; 32], opening: [u8; 32]) -> Proof {
        let mut proof = Proof::ZERO;
        proof.commitment[32..64].copy_from_slice(&commitment);
        proof.opening[64..].copy_from_slice(&opening);
        proof
    }
}

prop_compose! {
    fn header()(
        (height, timestamp_ms, target) in (any::<u32>(), any::<u64>(), 1_u128..),
        hashes in [hash(), hash(), hash(), hash(), hash()],
        producer in address(),
    ) -> Header {
        let [parent_hash, anchor_hash, transactions_root, shares_root, state_root] = hashes;
        let target = Target::new(target).unwrap();
        Header {
            height,
            parent_hash,
            anchor_hash,
            timestamp_ms,
            transactions_root,
            shares_root,
            state_root,
            producer,
            target,
        }
    }
}

prop_compose! {
    fn share()(
        anchor_hash in hash(),
        content_hash in hash(),
        prover in address(),
        nonce: u64,
        proof in proof(),
    ) -> Share {
        Share { anchor_hash, content_hash, prover, nonce, proof }
    }
}

prop_compose! {
    fn transaction()(
        from in address(),
        to in address(),
        amount: u64,
        fee: u64,
        nonce: u64,
        expiry: u32,
        signature: [u8; 32],
    ) -> SignedTransaction {
        let transaction = Transaction {
            from,
            fee,
            nonce,
            expiry,
            action: Action::Transfer(Transfer { to, amount }),
        };
        let signature = signature.repeat(4).try_into().unwrap();
        SignedTransaction { transaction, signature }
    }
}

prop_compose! {
    fn body()(transactions in vec(transaction(), 0..4), shares in vec(share(), 0..4)) -> Body {
        Body { transactions, shares }
    }
}

prop_compose! {
    fn block()(header in header(), nonce: u64, proof in proof(), body in body()) -> Block {
        Block { header, nonce, proof, body }
    }
}

prop_compose! {
    fn pending()(credits in vec((address(), any::<u64>()), 0..4)) -> Pending {
        Pending(credits.into_iter().map(|(address, amount)| Credit { address, amount }).collect())
    }
}

prop_compose! {
    fn supply()(
        [genesis, emitted, burned, balances]: [u64; 4],
        [pending, share_fund, proving_pools, bonds, escrows]: [u64; 5],
    ) -> Supply {
        Supply {
            genesis, emitted, burned, balances, pending, share_fund, proving_pools, bonds, escrows,
        }
    }
}

/// What holds for every encoding, tried on one value and on one way to damage its bytes.
fn canonical<T>(value: &T, place: prop::sample::Index, flip: u8) -> Result<(), TestCaseError>
where
    T: Encode + Decode + PartialEq + std::fmt::Debug,
{
    let bytes = value.encode();
    let decoded = T::decode(&bytes);
    prop_assert_eq!(decoded.as_ref(), Ok(value));
    prop_assert_eq!(value.encoded_len(), bytes.len());
    // Bytes may not follow, nor be missing.
    let trailing = [bytes.as_slice(), &[0]].concat();
    prop_assert_eq!(T::decode(&trailing), Err(DecodeError::Trailing(1)));
    let cut = place.index(bytes.len());
    let truncated = T::decode(&bytes[..cut]);
    prop_assert!(matches!(truncated, Err(DecodeError::Truncated { .. })), "{truncated:?}");
    // Whatever else is accepted is the only encoding of what was read.
    let mut changed = bytes;
    changed[cut] ^= flip;
    only_encoding::<T>(&changed)
}

fn only_encoding<T: Encode + Decode>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(value) = T::decode(bytes) {
        prop_assert_eq!(value.encode(), bytes);
    }
    Ok(())
}

proptest! {
    #[test]
    fn blocks_and_their_parts(block in block(), place: prop::sample::Index, flip in 1_u8..) {
        canonical(&block, place, flip)?;
        canonical(&block.header, place, flip)?;
        canonical(&block.body, place, flip)?;
        for share in &block.body.shares {
            canonical(share, place, flip)?;
        }
        for signed in &block.body.transactions {
            canonical(signed, place, flip)?;
            canonical(&signed.transaction, place, flip)?;
        }
    }

    #[test]
    fn leaves_and_records(
        (balance, nonce, amount) in any::<(u64, u64, u64)>(),
        (pending, supply) in (pending(), supply()),
        target in 1_u128..,
        (place, flip) in (any::<prop::sample::Index>(), 1_u8..),
    ) {
        canonical(&Account { balance, nonce }, place, flip)?;
        canonical(&Amount(amount), place, flip)?;
        canonical(&pending, place, flip)?;
        canonical(&supply, place, flip)?;
        canonical(&ChainWork::ZERO.after(Target::new(target).unwrap()), place, flip)?;
    }

    #[test]
    fn any_bytes_with_a_known_tag(bytes in vec(any::<u8>(), 0..300)) {
        let encoded = [&[1], bytes.as_slice()].concat();
        only_encoding::<Transaction>(&encoded)?;
        only_encoding::<SignedTransaction>(&encoded)?;
        let body = [&[1, 0, 0, 0], encoded.as_slice(), &[0; 4]].concat();
        only_encoding::<Body>(&body)?;
        prop_assert_eq!(Transaction::decode(&encoded).is_ok(), encoded.len() == 93);
        prop_assert_eq!(SignedTransaction::decode(&encoded).is_ok(), encoded.len() == 221);
        prop_assert_eq!(Body::decode(&body).is_ok(), encoded.len() == 221);
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..700)) {
        only_encoding::<Header>(&bytes)?;
        only_encoding::<Share>(&bytes)?;
        only_encoding::<Transaction>(&bytes)?;
        only_encoding::<SignedTransaction>(&bytes)?;
        only_encoding::<Body>(&bytes)?;
        only_encoding::<Block>(&bytes)?;
        only_encoding::<Account>(&bytes)?;
        only_encoding::<Pending>(&bytes)?;
        only_encoding::<Supply>(&bytes)?;
    }

    #[test]
    fn all_but_the_version_and_the_target_of_a_header_is_free(
        header in header(),
        other: [u8; 204],
    ) {
        let mut bytes = header.encode();
        bytes[2..206].copy_from_slice(&other);
        prop_assert_eq!(Header::decode(&bytes).map(|header| header.encode()), Ok(bytes.clone()));
        bytes[0] = 2;
        prop_assert_eq!(
            Header::decode(&bytes),
            Err(DecodeError::Invalid { what: "header version", got: 2 })
        );
        bytes[0] = 1;
        bytes[206..].fill(0);
        prop_assert_eq!(
            Header::decode(&bytes),
            Err(DecodeError::Invalid { what: "target", got: 0 })
        );
    }

    #[test]
    fn unknown_transactions_are_refused(tag in prop_oneof![Just(0_u8), 12_u8..], bytes: [u8; 92]) {
        let encoded = [&[tag], bytes.as_slice()].concat();
        let refused = DecodeError::UnknownTag { what: "transaction", tag };
        prop_assert_eq!(
            refused.to_string(),
            format!("transaction: no kind with tag {tag} is known")
        );
        prop_assert_eq!(Transaction::decode(&encoded), Err(refused.clone()));
        prop_assert_eq!(Transaction::decode(&encoded[..1]), Err(refused.clone()));
        // As part of a body, too, and whatever follows.
        let signed = [encoded.as_slice(), &[0; 128 + 4]].concat();
        prop_assert_eq!(Body::decode(&[&[1, 0, 0, 0], signed.as_slice()].concat()), Err(refused));
    }
}

/// A body's bytes that claim these counts, with this many zero bytes for the items.
fn claimed(transactions: u32, shares: Option<u32>, zeros: usize) -> Vec<u8> {
    let mut bytes = transactions.to_le_bytes().to_vec();
    if let Some(shares) = shares {
        bytes.extend(shares.to_le_bytes());
    }
    bytes.resize(bytes.len() + zeros, 0);
    bytes
}

#[test]
fn counts_above_the_limit_are_refused_whatever_follows() {
    let limit = MAX_TRANSACTIONS;
    for got in [limit + 1, 1 << 31, u32::MAX as usize] {
        let error = Body::decode(&claimed(got as u32, None, 1_000)).unwrap_err();
        assert_eq!(error, DecodeError::TooMany { what: "transactions", limit, got });
    }
    let limit = 2 * MAX_SHARES_PER_BLOCK as usize;
    for got in [limit + 1, 1 << 31, u32::MAX as usize] {
        let error = Body::decode(&claimed(0, Some(got as u32), 1_000)).unwrap_err();
        assert_eq!(error, DecodeError::TooMany { what: "shares", limit, got });
    }
    // The producer, the provers, and what transactions can add.
    let limit = limit + 1 + 2 * MAX_TRANSACTIONS;
    for got in [limit + 1, u32::MAX as usize] {
        let error = Pending::decode(&claimed(got as u32, None, 1_000)).unwrap_err();
        assert_eq!(error, DecodeError::TooMany { what: "credits", limit, got });
    }
}

#[test]
fn counts_without_their_bytes_are_refused_before_the_first_item() {
    // The error names all bytes that the count claims: the list was refused as a whole.
    let expected = MAX_TRANSACTIONS * SignedTransaction::MIN_BYTES;
    let error = Body::decode(&claimed(MAX_TRANSACTIONS as u32, None, expected - 1)).unwrap_err();
    assert_eq!(error, DecodeError::Truncated { expected, got: expected - 1 });
    let expected = 2_048 * Share::BYTES;
    let error = Body::decode(&claimed(0, Some(2_048), 10)).unwrap_err();
    assert_eq!(error, DecodeError::Truncated { expected, got: 10 });
}

#[test]
fn a_body_over_a_mebibyte_is_refused() {
    let share = vec![0; Share::BYTES];
    let bytes = SignedTransaction::bytes_with_body(Transfer::BYTES);
    let transaction = [&[1_u8], vec![0; bytes - 1].as_slice()].concat();
    let body = |shares: usize| {
        let counts = [MAX_TRANSACTIONS as u32, shares as u32].map(u32::to_le_bytes);
        [
            counts[0].to_vec(),
            transaction.repeat(MAX_TRANSACTIONS),
            counts[1].to_vec(),
            share.repeat(shares),
        ]
        .concat()
    };
    assert_eq!(Body::decode(&body(2_013)).unwrap().encode(), body(2_013));
    let error = Body::decode(&body(2_014)).unwrap_err();
    assert_eq!(
        error,
        DecodeError::TooMany { what: "body bytes", limit: MAX_BODY_BYTES, got: body(2_014).len() }
    );
}

#[test]
fn sizes_are_those_of_the_documentation() {
    assert_eq!([Header::BYTES, Share::BYTES, Transfer::BYTES], [222, 296, 40]);
    assert_eq!(SignedTransaction::MIN_BYTES, 53 + 3 + 128);
    assert_eq!(MAX_TRANSACTION_BYTES, 61_440);
    assert_eq!((Credit::BYTES, Block::MAX_BYTES), (40, 222 + 8 + 192 + (1 << 20)));
}

//! What readers are told is what the blocks say.

use std::collections::BTreeMap;

use lode_consensus::{
    Address, ChainSpec, Decode, Epoch, Hash, Height, StateKey, epoch,
    market::ProvingPool,
    selection::{self, Weight, Weights},
    state::Pending,
    transition::Executor,
    tree::StateProofError,
};
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerError, TransactionPlace};
use lode_testkit::{
    maker::{ACTORS, Maker, Plan, network},
    store::{folder, open, store_all},
};
use tempfile::TempDir;

/// Seven epochs, with a reorg in the fifth, and not at an epoch's end.
fn ledger() -> (Maker, TempDir, Ledger, Vec<Hash>) {
    let mut maker = Maker::new(network("smallnet"), 61);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let stem = maker.extend(&maker.genesis(), 25, Plan::FULL);
    let old = maker.extend(&stem[24], 3, Plan::FULL);
    let new = maker.extend(&stem[24], 15, Plan::FULL);
    for blocks in [&stem, &old, &new] {
        store_all(&ledger, &maker, blocks);
    }
    let chain: Vec<Hash> = [maker.genesis()].into_iter().chain(stem).chain(new).collect();
    assert_eq!(ledger.read().tip().unwrap(), (40, chain[40]));
    (maker, folder, ledger, chain)
}

fn addresses(maker: &Maker) -> Vec<Address> {
    (0..ACTORS).map(|actor| maker.address(actor)).collect()
}

#[test]
fn proofs_of_accounts_hold_at_every_height() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    let nobody = Address([0; 32]);
    let (mut absent, mut present) = (0, 0);
    for (height, hash) in (0..).zip(&chain) {
        let root = maker.block(hash).header.state_root;
        for address in addresses(&maker).into_iter().chain([nobody]) {
            let proof = reader.account_proof(&address, height).unwrap();
            let key = StateKey::Account(address);
            let leaf = maker.state(hash).leaves.get(&key);
            assert_eq!(
                proof.leaf,
                leaf.map(|_| maker.state(hash).account(address).unwrap_or_default())
            );
            assert_eq!(proof.value.as_ref(), leaf);
            assert_eq!((proof.height, proof.state_root, proof.key), (height, root, key.hash()));
            proof.proof.verify(&root, &key, proof.value.as_deref()).unwrap();
            // It proves nothing else.
            let others =
                [proof.value.as_ref().map_or(Some(vec![0; 16]), |_| None), Some(vec![1; 16])];
            for other in others {
                let error = proof.proof.verify(&root, &key, other.as_deref()).unwrap_err();
                assert!(
                    matches!(error, StateProofError::Leaf | StateProofError::Exists),
                    "{error}"
                );
            }
            let elsewhere =
                proof.proof.verify(&Hash([1; 32]), &key, proof.value.as_deref()).unwrap_err();
            assert!(matches!(elsewhere, StateProofError::Root { .. }));
            *(if leaf.is_some() { &mut present } else { &mut absent }) += 1;
        }
    }
    assert!(present > 160 && absent >= 41, "{present} present, {absent} absent");
    let error = reader.account_proof(&nobody, 41).unwrap_err();
    assert!(matches!(error, LedgerError::NotRetained { height: 41, floor: 0, tip: 40 }), "{error}");
}

#[test]
fn proofs_of_weights_hold_at_every_height() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    let nobody = Address([0; 32]);
    let mut present = 0;
    for (height, hash) in (0..).zip(&chain) {
        let (root, leaves) = (maker.block(hash).header.state_root, &maker.state(hash).leaves);
        let sum = (StateKey::WeightSum, reader.weight_sum_proof(height).unwrap());
        let weights = addresses(&maker).into_iter().chain([nobody]);
        let weights = weights.map(|address| {
            (StateKey::Weight(address), reader.weight_proof(&address, height).unwrap())
        });
        for (key, proof) in weights.chain([sum]) {
            assert_eq!(proof.value.as_ref(), leaves.get(&key));
            assert_eq!(proof.leaf, leaves.get(&key).map(|bytes| Weight::decode(bytes).unwrap()));
            assert_eq!((proof.height, proof.state_root, proof.key), (height, root, key.hash()));
            proof.proof.verify(&root, &key, proof.value.as_deref()).unwrap();
            present += usize::from(proof.leaf.is_some());
        }
    }
    assert!(present > 150, "{present}");
    let error = reader.weight_proof(&nobody, 41).unwrap_err();
    assert!(matches!(error, LedgerError::NotRetained { height: 41, .. }), "{error}");
}

/// What a light client computes from a proof of the last block of an epoch, or of any later one of
/// the next.
#[test]
fn proven_weights_are_those_that_rosters_use() {
    let (maker, _folder, ledger, _) = ledger();
    let reader = ledger.read();
    for epoch in 0..=5_u32 {
        let weights = reader.weights(epoch).unwrap();
        for address in addresses(&maker) {
            for height in epoch * 6 + 5..(epoch * 6 + 12).min(40) {
                let leaf = reader.weight_proof(&address, height).unwrap().leaf;
                let weight = leaf.map_or(0, |leaf| leaf.at_end_of(epoch).unwrap());
                assert_eq!(
                    weight,
                    weights.get(&address).copied().unwrap_or(0),
                    "epoch {epoch}, height {height}"
                );
            }
        }
    }
}

#[test]
fn old_weights_fade_away() {
    let params = ChainSpec { epoch_length: 2, ..network("fading").params };
    let mut maker = Maker::new(Network::from_params(params).unwrap(), 63);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let mut chain = maker.extend(&maker.genesis(), 3, Plan::FULL);
    for (count, plan) in [(40, Plan::EMPTY), (1, Plan::FULL), (40, Plan::EMPTY)] {
        chain.extend(maker.extend(chain.last().unwrap(), count, plan));
    }
    store_all(&ledger, &maker, &chain);
    let reader = ledger.read();
    let mut weights = Weights::new();
    for epoch in 0..=42 {
        weights.values_mut().for_each(|weight| *weight /= 2);
        for share in chain
            .iter()
            .map(|hash| maker.block(hash))
            .filter(|b| b.header.height / 2 == epoch)
            .flat_map(|b| &b.body.shares)
        {
            *weights.entry(share.prover).or_default() += 65_536;
        }
        weights.retain(|_, weight| *weight > 0);
        assert_eq!(reader.weights(epoch).unwrap(), weights, "epoch {epoch}");
        if [21, 22, 42].contains(&epoch) {
            assert_eq!(weights.is_empty(), epoch != 22, "epoch {epoch}");
        }
    }
}

#[test]
fn balances_funds_and_pools_are_those_of_the_state() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    let state = maker.state(&chain[40]);
    for address in addresses(&maker) {
        assert_eq!(
            reader.account(&address).unwrap().unwrap_or_default(),
            state.account(address).unwrap_or_default()
        );
    }
    assert_eq!(reader.account(&Address([0; 32])).unwrap(), None);
    for (height, hash) in (0..).zip(&chain) {
        let of_block = reader.block_state(height).unwrap().unwrap();
        assert_eq!(of_block.supply, maker.state(hash).supply);
        let fees = maker
            .block(hash)
            .body
            .transactions
            .iter()
            .map(|signed| signed.transaction.fee)
            .sum::<u64>();
        assert_eq!(of_block.fees, fees);
        let mined = pending(&maker, &chain[40], height);
        let listed = reader.pending(height).unwrap();
        assert_eq!(
            listed.iter().map(|credit| (credit.address, credit.amount)).collect::<BTreeMap<_, _>>(),
            mined
        );
    }
    assert_eq!(reader.block_state(41).unwrap(), None);
    for epoch in 0..8 {
        let leaf = state.leaves.get(&StateKey::ProvingPool(epoch));
        let pool = leaf.map_or(0, |bytes| ProvingPool::decode(bytes).unwrap().left);
        assert_eq!(reader.proving_pool(epoch).unwrap(), pool);
        // A pool ends with the epoch after its own.
        assert_eq!(pool > 0, [5, 6].contains(&epoch));
    }
}

fn pending(maker: &Maker, tip: &Hash, height: Height) -> BTreeMap<Address, u64> {
    let leaf = maker.state(tip).leaves.get(&StateKey::Pending(height));
    let Pending(credits) = leaf.map(|bytes| Pending::decode(bytes).unwrap()).unwrap_or_default();
    credits.into_iter().map(|credit| (credit.address, credit.amount)).collect()
}

#[test]
fn immature_amounts_are_those_of_the_last_blocks() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    let mut sum = 0;
    for address in addresses(&maker) {
        let amounts = reader.immature(&address).unwrap();
        let expected: Vec<(Height, u64)> = (38..=40)
            .filter_map(|height| {
                Some((height + 3, *pending(&maker, &chain[40], height).get(&address)?))
            })
            .collect();
        assert_eq!(amounts, expected);
        sum += amounts.iter().map(|(_, amount)| amount).sum::<u64>();
    }
    assert_eq!(sum, reader.supply().unwrap().pending);
    assert!(sum > 0);
}

/// Shares by prover in the blocks of an epoch.
fn shares(maker: &Maker, chain: &[Hash], epoch: Epoch) -> BTreeMap<Address, u64> {
    let mut counts = BTreeMap::new();
    let blocks =
        chain.iter().map(|hash| maker.block(hash)).filter(|block| block.header.height / 6 == epoch);
    for share in blocks.flat_map(|block| &block.body.shares) {
        *counts.entry(share.prover).or_default() += 1;
    }
    counts
}

#[test]
fn weights_and_rosters_follow_from_the_blocks() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    let mut weights: Vec<Weights> = Vec::new();
    for epoch in 0..=6 {
        let counts = shares(&maker, &chain, epoch);
        assert_eq!(reader.epoch_shares(epoch).unwrap(), counts);
        // W(e) = floor(W(e−1) / 2) + 2^16 · shares, for every prover with weight or shares.
        let mut next: Weights = weights.last().cloned().unwrap_or_default();
        next.values_mut().for_each(|weight| *weight /= 2);
        for (prover, count) in counts {
            *next.entry(prover).or_default() += 65_536 * count;
        }
        next.retain(|_, weight| *weight > 0);
        // The last epoch is still open: its weights are those so far.
        assert_eq!(reader.weights(epoch).unwrap(), next, "epoch {epoch}");
        weights.push(next);

        let start = usize::try_from(epoch * 6).unwrap();
        let last = start.checked_sub(1).map_or(maker.genesis(), |last| chain[last]);
        assert_eq!(reader.epoch_challenge(epoch).unwrap(), Some(epoch::challenge(&last)));
        assert_eq!(
            reader.epoch_first_target(epoch).unwrap(),
            Some(maker.block(&chain[start]).header.target)
        );
    }
    assert!(weights[5].len() > 2);
    assert_eq!(
        (reader.epoch_challenge(7).unwrap(), reader.epoch_first_target(7).unwrap()),
        (None, None)
    );
    for height in 0..=41_u32 {
        let expected = match (height / 6).checked_sub(1) {
            Some(previous) => {
                selection::roster(&weights[previous as usize], &chain[height as usize - 1], height)
            }
            None => Vec::new(),
        };
        assert_eq!(reader.roster(height).unwrap(), Some(expected), "height {height}");
    }
    assert_eq!(reader.roster(42).unwrap(), None);
    assert_eq!(reader.roster(Height::MAX).unwrap(), None);
}

#[test]
fn the_next_epoch_can_be_asked_for_once_its_challenge_is_known() {
    let mut maker = Maker::new(network("smallnet"), 62);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 11, Plan::FULL);
    store_all(&ledger, &maker, &chain);
    let reader = ledger.read();
    assert_eq!(reader.epoch_challenge(2).unwrap(), Some(epoch::challenge(&chain[10])));
    assert_eq!(reader.epoch_first_target(2).unwrap(), None);
    let weights = reader.weights(1).unwrap();
    assert_eq!(reader.roster(12).unwrap(), Some(selection::roster(&weights, &chain[10], 12)));
}

#[test]
fn indexes_find_everything_and_page_by_height() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    let blocks: Vec<_> = chain.iter().map(|hash| maker.block(hash)).collect();
    let genesis = maker.genesis();
    // Newest first: heights fall, and places within a block fall too.
    let mut sent = Vec::new();
    let mut counted = Vec::new();
    for block in &blocks {
        let height = block.header.height;
        sent.extend(
            (0_u32..).zip(&block.body.transactions).map(|(index, signed)| (height, index, signed)),
        );
        counted
            .extend((0_u32..).zip(&block.body.shares).map(|(index, share)| (height, index, share)));
    }
    sent.reverse();
    counted.reverse();
    assert!(sent.len() > 60 && counted.len() > 60);
    for (height, index, signed) in &sent {
        let place = TransactionPlace { height: *height, index: *index };
        assert_eq!(reader.transaction_place(&signed.id(&genesis)).unwrap(), Some(place));
    }
    assert_eq!(reader.transaction_place(&Hash([1; 32])).unwrap(), None);
    for (height, index, share) in &counted {
        assert_eq!(reader.share_at(*height, *index).unwrap().as_ref(), Some(*share));
        let challenge = reader.epoch_challenge(height / 6).unwrap().unwrap();
        assert!(reader.has_share(&share.id(&genesis, &challenge)).unwrap());
        assert!(!reader.has_share(&share.id(&genesis, &Hash([1; 32]))).unwrap());
    }
    assert_eq!(reader.share_at(40, 100).unwrap(), None);
    assert_eq!(reader.share_at(41, 0).unwrap(), None);

    for address in addresses(&maker).into_iter().chain([Address([0xFF; 32])]) {
        for before in (0..=42).chain([Height::MAX]) {
            let got: Vec<_> = reader
                .account_transactions(&address, before)
                .unwrap()
                .map(|place| place.unwrap())
                .collect();
            let expected: Vec<_> = sent
                .iter()
                .filter(|(height, _, signed)| {
                    *height < before && signed.transaction.parties().contains(&address)
                })
                .map(|(height, index, _)| TransactionPlace { height: *height, index: *index })
                .collect();
            assert_eq!(got, expected, "before {before}");

            let got: Vec<_> =
                reader.prover_shares(&address, before).unwrap().map(Result::unwrap).collect();
            let of_prover = counted
                .iter()
                .filter(|(height, _, share)| *height < before && share.prover == address);
            assert_eq!(
                got,
                of_prover.map(|(height, index, _)| (*height, *index)).collect::<Vec<_>>()
            );

            let got: Vec<_> =
                reader.producer_blocks(&address, before).unwrap().map(Result::unwrap).collect();
            let of_producer = blocks.iter().rev().map(|block| &block.header).filter(|header| {
                header.height > 0 && header.height < before && header.producer == address
            });
            assert_eq!(got, of_producer.map(|header| header.height).collect::<Vec<_>>());
        }
    }
}

#[test]
fn blocks_are_found_by_height_and_by_hash_on_the_chain_and_off_it() {
    let (maker, _folder, ledger, chain) = ledger();
    let reader = ledger.read();
    for (height, hash) in (0..).zip(&chain) {
        let block = maker.block(hash);
        assert_eq!(reader.block_at(height).unwrap(), Some((*hash, block.clone())));
        assert_eq!(reader.block_hash_at(height).unwrap(), Some(*hash));
        assert_eq!(reader.block(hash).unwrap().as_ref(), Some(block));
        assert_eq!(reader.entry(hash).unwrap().unwrap().work, maker.work(hash));
        assert!(reader.is_on_chain(hash, height).unwrap());
    }
    assert_eq!(
        (reader.block_at(41).unwrap(), reader.block_hash_at(Height::MAX).unwrap()),
        (None, None)
    );
    assert_eq!(
        (reader.block(&Hash([1; 32])).unwrap(), reader.entry(&Hash([1; 32])).unwrap()),
        (None, None)
    );
    assert_eq!(reader.work().unwrap(), maker.work(&chain[40]));
}

#[test]
fn the_context_on_top_of_any_stored_block_is_the_rules() {
    let mut maker = Maker::new(network("smallnet"), 63);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 20, Plan::EMPTY);
    let side = maker.extend(&chain[9], 8, Plan { solve_ms: 1_500, ..Plan::EMPTY });
    store_all(&ledger, &maker, &chain);
    store_all(&ledger, &maker, &side);
    for hash in [maker.genesis()].iter().chain(&chain).chain(&side) {
        assert_eq!(ledger.read().context(hash).unwrap(), maker.context(hash));
    }
    let error = ledger.read().context(&Hash([1; 32])).unwrap_err();
    assert!(matches!(error, LedgerError::Orphan { .. }), "{error}");
}

#[test]
fn the_root_of_a_block_in_the_making_is_that_of_the_block() {
    let mut maker = Maker::new(network("smallnet"), 64);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    for _ in 0..20 {
        let (_, tip) = ledger.read().tip().unwrap();
        let next = maker.make(&tip, Plan::FULL);
        let block = maker.block(&next);
        let reader = ledger.read();
        let (context, state) = (reader.context(&tip).unwrap(), reader.state().unwrap());
        let mut executor =
            Executor::new(ledger.params(), &context, &state, ledger.proofs()).unwrap();
        for signed in &block.body.transactions {
            let id = signed.id(&context.genesis_hash);
            executor.transaction(&signed.transaction, id).unwrap().unwrap();
        }
        let provers: Vec<Address> = block.body.shares.iter().map(|share| share.prover).collect();
        let applied = executor.finish(block.header.producer, &provers).unwrap();
        for _ in 0..2 {
            assert_eq!(reader.state_root_after(&applied.changes).unwrap(), block.header.state_root);
        }
        store_all(&ledger, &maker, &[next]);
    }
    // A block that changes nothing has its parent's root.
    let unchanged = ledger.read().state_root_after(&Default::default()).unwrap();
    assert_eq!(unchanged, maker.block(&ledger.read().tip().unwrap().1).header.state_root);
}

#[test]
fn a_reader_sees_one_moment() {
    let mut maker = Maker::new(network("smallnet"), 65);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let old = maker.extend(&maker.genesis(), 3, Plan::FULL);
    let new = maker.extend(&maker.genesis(), 4, Plan::FULL);
    store_all(&ledger, &maker, &old);
    let reader = ledger.read();
    store_all(&ledger, &maker, &new);
    assert_eq!(ledger.read().tip().unwrap(), (4, new[3]));
    assert_eq!(reader.tip().unwrap(), (3, old[2]));
    assert_eq!(reader.supply().unwrap(), maker.state(&old[2]).supply);
    for address in addresses(&maker) {
        let proof = reader.account_proof(&address, 3).unwrap();
        let root = maker.block(&old[2]).header.state_root;
        proof.proof.verify(&root, &StateKey::Account(address), proof.value.as_deref()).unwrap();
    }
}

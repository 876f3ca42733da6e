//! Golden vectors: bytes, hashes and numbers that an independent implementation computed
//! (`vectors/generate.py`).
//!
//! A failure here means that this implementation no longer speaks the protocol, whatever else it
//! does. `./x vectors` writes the files anew.

use std::{collections::BTreeMap, path::Path, process::Command, str::FromStr};

use lode_consensus::{
    Account, Action, Address, Block, Body, ChainSpec, Decode, Encode, Hash, Header, SealedHeader,
    Share, SignedTransaction, StateKey, Transaction, difficulty, epoch,
    leaf::Leaf,
    merkle,
    params::MarketSpec,
    reward::{self, Emission},
    selection::{self, Weight, Weights},
    state::{Amount, Credit, Pending, Supply},
    transaction::Transfer,
    transition,
    tree::{self, Changes, StateProof},
};
use lode_puzzle::{LogSize, Proof, Seed, Target, Ticket};
use serde_json::Value;

// --- Reading the vectors -------------------------------------------------------------------------

macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("vectors/", $name, ".json"))).unwrap()
    };
}

/// An integer, which stands as a decimal string if it exceeds what JSON numbers hold.
fn int<T: FromStr>(value: &Value) -> T {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("{text} is no integer of this width"))
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn hash(value: &Value) -> Hash {
    Hash(array(value))
}

fn address(value: &Value) -> Address {
    Address(array(value))
}

fn target(value: &Value) -> Target {
    Target::new(int(value)).unwrap()
}

fn items(value: &Value) -> &[Value] {
    let items = value.as_array().unwrap();
    assert!(!items.is_empty(), "a list of vectors is empty");
    items
}

/// An object whose keys are addresses.
fn by_address(value: &Value) -> BTreeMap<Address, u64> {
    let object = value.as_object().unwrap();
    object
        .iter()
        .map(|(key, value)| (Address(hex::decode(key).unwrap().try_into().unwrap()), int(value)))
        .collect()
}

fn proof(value: &Value) -> Proof {
    Proof { commitment: array(&value["commitment"]), opening: array(&value["opening"]) }
}

fn header(value: &Value) -> Header {
    Header {
        height: int(&value["height"]),
        parent_hash: hash(&value["parent_hash"]),
        anchor_hash: hash(&value["anchor_hash"]),
        timestamp_ms: int(&value["timestamp_ms"]),
        transactions_root: hash(&value["transactions_root"]),
        shares_root: hash(&value["shares_root"]),
        state_root: hash(&value["state_root"]),
        producer: address(&value["producer"]),
        target: target(&value["target"]),
    }
}

fn share(value: &Value) -> Share {
    Share {
        anchor_hash: hash(&value["anchor_hash"]),
        content_hash: hash(&value["content_hash"]),
        prover: address(&value["prover"]),
        nonce: int(&value["nonce"]),
        proof: proof(value),
    }
}

fn transaction(value: &Value) -> Transaction {
    assert_eq!(value["type"], "transfer");
    Transaction {
        from: address(&value["from"]),
        fee: int(&value["fee"]),
        nonce: int(&value["nonce"]),
        expiry: int(&value["expiry"]),
        action: Action::Transfer(Transfer {
            to: address(&value["to"]),
            amount: int(&value["amount"]),
        }),
    }
}

fn params(value: &Value) -> ChainSpec {
    ChainSpec {
        name: value["name"].as_str().unwrap().to_owned(),
        log_n: LogSize::new(int(&value["log_n"])).unwrap(),
        block_interval_ms: int(&value["block_interval_ms"]),
        asert_tau_ms: int(&value["asert_tau_ms"]),
        future_limit_ms: int(&value["future_limit_ms"]),
        epoch_length: int(&value["epoch_length"]),
        shares_per_block: int(&value["shares_per_block"]),
        share_window: int(&value["share_window"]),
        anchor_depth: int(&value["anchor_depth"]),
        maturity: int(&value["maturity"]),
        market: MarketSpec {
            deposit: int(&value["deposit"]),
            min_request_bond: int(&value["min_request_bond"]),
            min_bond: int(&value["min_bond"]),
            false_proof: int(&value["false_proof"]),
            reputation_unit: int(&value["reputation_unit"]),
            proof_budget: int(&value["proof_budget"]),
        },
        genesis_timestamp_ms: int(&value["genesis_timestamp_ms"]),
        genesis_target: target(&value["genesis_target"]),
        allocations: value["allocations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (address(&pair[0]), int(&pair[1])))
            .collect(),
        srs_checksum: array(&value["srs_checksum"]),
    }
}

/// The value encodes to these bytes, and they decode to the value.
fn pinned<T: Encode + Decode + PartialEq + std::fmt::Debug>(value: &T, expected: &Value) {
    assert_eq!(hex::encode(value.encode()), expected.as_str().unwrap());
    assert_eq!(&T::decode(&bytes(expected)).unwrap(), value);
}

// --- Encodings and hashes ------------------------------------------------------------------------

#[test]
fn networks_and_their_genesis() {
    for network in items(&vectors!("encodings")["networks"]) {
        let params = params(&network["params"]);
        params.check().unwrap();
        assert_eq!(params.canonical_bytes(), bytes(&network["bytes"]));
        assert_eq!(params.network_hash(), hash(&network["network_hash"]));

        let (changes, supply) = transition::genesis(&params);
        let state_root = tree::genesis_root(&changes).unwrap();
        assert_eq!(state_root, hash(&network["genesis_state_root"]));
        assert_eq!(supply.genesis, int::<u64>(&network["genesis_supply"]));
        assert_eq!(supply.share_fund, int::<u64>(&network["genesis_share_fund"]));
        supply.check().unwrap();

        let genesis = Block::genesis(&params, state_root);
        pinned(&genesis.header, &network["genesis_header"]);
        pinned(&genesis, &network["genesis_block"]);
        assert_eq!(genesis.header.content_hash(), hash(&network["genesis_content_hash"]));
        assert_eq!(genesis.hash(), hash(&network["genesis_hash"]));
    }
}

#[test]
fn headers() {
    let vector = &vectors!("encodings")["header"];
    let header = header(&vector["fields"]);
    pinned(&header, &vector["bytes"]);
    assert_eq!(header.encode().len(), Header::BYTES);
    assert_eq!(Header::BYTES, 222);
    assert_eq!(header.content_hash(), hash(&vector["content_hash"]));
}

#[test]
fn shares() {
    let vector = &vectors!("encodings")["share"];
    let share = share(&vector["fields"]);
    pinned(&share, &vector["bytes"]);
    assert_eq!(share.encode().len(), Share::BYTES);
    let statement =
        share.statement(&hash(&vector["genesis_hash"]), &hash(&vector["epoch_challenge"]));
    assert_eq!(statement.0, hash(&vector["statement"]).0);
    let ticket = Ticket::new(&Seed::new(&statement, share.nonce), &share.proof);
    assert_eq!(ticket.0, hash(&vector["ticket"]).0);
    let id = share.id(&hash(&vector["genesis_hash"]), &hash(&vector["epoch_challenge"]));
    assert_eq!((id.statement, id.nonce), (statement, share.nonce));
}

#[test]
fn transactions() {
    let vector = &vectors!("encodings")["transaction"];
    let transaction = transaction(&vector["fields"]);
    pinned(&transaction, &vector["bytes"]);
    assert_eq!((transaction.encoded_len(), transaction.action.tag()), (53 + Transfer::BYTES, 1));
    assert_eq!(transaction.id(&hash(&vector["genesis_hash"])), hash(&vector["id"]));
    let signed = SignedTransaction { transaction, signature: array(&vector["signature"]) };
    pinned(&signed, &vector["signed_bytes"]);
    assert_eq!(signed.encoded_len(), bytes(&vector["signed_bytes"]).len());
    assert_eq!(signed.id(&hash(&vector["genesis_hash"])), hash(&vector["id"]));
}

#[test]
fn blocks() {
    let vectors = vectors!("encodings");
    let vector = &vectors["block"];
    let body = Body::decode(&bytes(&vector["body"])).unwrap();
    pinned(&body, &vector["body"]);
    assert_eq!((body.transactions.len(), body.shares.len()), (1, 2));
    assert_eq!(body.encoded_len(), bytes(&vector["body"]).len());
    assert_eq!(body.transactions_root(), hash(&vector["transactions_root"]));
    assert_eq!(body.shares_root(), hash(&vector["shares_root"]));

    let header = header(&vectors["header"]["fields"]);
    let block = Block {
        header,
        nonce: int(&vector["proof"]["nonce"]),
        proof: proof(&vector["proof"]),
        body,
    };
    pinned(&block, &vector["bytes"]);
    assert_eq!(block.hash(), hash(&vector["hash"]));

    // Header, nonce and proof: where a block's bytes begin, and all that its hash covers.
    let sealed = SealedHeader::from(&block);
    assert_eq!(sealed.encode(), block.encode()[..SealedHeader::BYTES]);
    assert_eq!(SealedHeader::decode(&sealed.encode()).unwrap(), sealed);
    assert_eq!(sealed.hash(), hash(&vector["hash"]));
    assert_eq!(sealed.as_share(), block.as_share());
    assert_eq!(sealed.with_body(block.body.clone()), block);

    let own = block.as_share();
    assert_eq!(own.content_hash, hash(&vectors["header"]["content_hash"]));
    assert_eq!((own.anchor_hash, own.prover), (block.header.anchor_hash, block.header.producer));
    assert_eq!((own.nonce, own.proof), (block.nonce, block.proof));
}

#[test]
fn leaves_and_supply() {
    let vectors = vectors!("encodings");
    let account = &vectors["account"];
    pinned(
        &Account { balance: int(&account["balance"]), nonce: int(&account["nonce"]) },
        &account["bytes"],
    );
    pinned(&Amount(int(&vectors["amount"]["amount"])), &vectors["amount"]["bytes"]);
    let credits = items(&vectors["pending"]["credits"]);
    let credits =
        credits.iter().map(|pair| Credit { address: address(&pair[0]), amount: int(&pair[1]) });
    pinned(&Pending(credits.collect()), &vectors["pending"]["bytes"]);
    let weight = &vectors["weight"];
    let leaf = Weight {
        epoch: int(&weight["epoch"]),
        carried: int(&weight["carried"]),
        shares: int(&weight["shares"]),
    };
    pinned(&leaf, &weight["bytes"]);
    assert_eq!(leaf.encode().len(), Weight::BYTES);
    let amounts: Vec<u64> = items(&vectors["supply"]["amounts"]).iter().map(int).collect();
    let [genesis, emitted, burned, balances, pending, share_fund, proving_pools, bonds, escrows] =
        amounts[..]
    else {
        panic!()
    };
    let supply = Supply {
        genesis,
        emitted,
        burned,
        balances,
        pending,
        share_fund,
        proving_pools,
        bonds,
        escrows,
    };
    pinned(&supply, &vectors["supply"]["bytes"]);
}

#[test]
fn merkle_roots() {
    for vector in items(&vectors!("encodings")["merkle_roots"]) {
        let items: Vec<Vec<u8>> = vector["items"].as_array().unwrap().iter().map(bytes).collect();
        assert_eq!(merkle::root(&items), hash(&vector["root"]), "{} items", items.len());
    }
}

#[test]
fn addresses() {
    let vectors = vectors!("addresses");
    for vector in items(&vectors["accepted"]) {
        let (address, text) = (address(&vector["bytes"]), vector["text"].as_str().unwrap());
        address.check().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(text.parse::<Address>().unwrap(), address);
    }
    for vector in items(&vectors["refused"]) {
        assert!(address(&vector["bytes"]).check().is_err(), "{}", vector["why"]);
    }
}

// --- Numbers -------------------------------------------------------------------------------------

#[test]
fn targets() {
    let vectors = vectors!("chain");
    for vector in items(&vectors["next_targets"]) {
        let next = difficulty::next_target(
            target(&vector["target"]),
            int(&vector["solve_time_ms"]),
            int(&vector["interval_ms"]),
            int(&vector["tau_ms"]),
        );
        assert_eq!(next, target(&vector["next"]), "{vector}");
    }
    for vector in items(&vectors["targets"]) {
        let target = target(&vector["target"]);
        assert_eq!(target.work().to_string(), int::<String>(&vector["work"]), "{vector}");
        assert_eq!(target.difficulty(), int::<u128>(&vector["difficulty"]), "{vector}");
    }
}

#[test]
fn epochs_and_anchors() {
    let vectors = vectors!("chain");
    for vector in items(&vectors["epoch_challenges"]) {
        assert_eq!(epoch::challenge(&hash(&vector["hash"])), hash(&vector["challenge"]));
    }
    for vector in items(&vectors["share_targets"]) {
        let share_target =
            epoch::share_target(target(&vector["first_target"]), int(&vector["shares_per_block"]));
        assert_eq!(share_target, target(&vector["share_target"]), "{vector}");
    }
    for vector in items(&vectors["anchor_heights"]) {
        let params = ChainSpec {
            epoch_length: int(&vector["epoch_length"]),
            share_window: int(&vector["share_window"]),
            ..params(&vectors!("encodings")["networks"][0]["params"])
        };
        let expected = int::<u32>(&vector["first"])..int::<u32>(&vector["end"]);
        assert_eq!(params.anchor_heights(int(&vector["height"])), expected, "{vector}");
    }
}

#[test]
fn rewards() {
    let vectors = vectors!("chain");
    for vector in items(&vectors["emissions"]) {
        let height = int(&vector["height"]);
        assert_eq!(reward::subsidy(height), int::<u64>(&vector["subsidy"]), "{vector}");
        let expected = Emission {
            producer: int(&vector["producer"]),
            proving_pool: int(&vector["proving_pool"]),
            share_fund: int(&vector["share_fund"]),
        };
        assert_eq!(Emission::of(height), expected, "{vector}");
    }
    for vector in items(&vectors["share_pays"]) {
        let share_pay = reward::share_pay(
            int(&vector["height"]),
            target(&vector["target"]),
            target(&vector["first_target"]),
            int(&vector["shares_per_block"]),
        );
        assert_eq!(share_pay, int::<u64>(&vector["share_pay"]), "{vector}");
        assert_eq!(
            reward::inclusion_fee(share_pay),
            int::<u64>(&vector["inclusion_fee"]),
            "{vector}"
        );
    }
}

#[test]
fn proving_rights() {
    let vectors = vectors!("rights");
    for vector in items(&vectors["lg"]) {
        assert_eq!(selection::lg(int(&vector["x"])), int::<u64>(&vector["lg"]), "{vector}");
    }
    let mut leaves: BTreeMap<Address, Weight> = BTreeMap::new();
    let mut sum = Weight::default();
    for (epoch, vector) in (0..).zip(items(&vectors["epochs"])) {
        for (prover, shares) in by_address(&vector["shares"]) {
            let shares = u16::try_from(shares).unwrap();
            let leaf = leaves.entry(prover).or_default();
            *leaf = leaf.counting(epoch, shares).unwrap();
            sum = sum.counting(epoch, shares).unwrap();
        }
        for (prover, bytes) in &leaves {
            assert_eq!(
                hex::encode(bytes.encode()),
                vector["leaves"][hex::encode(prover.0)],
                "{vector}"
            );
        }
        assert_eq!(
            Leaf::Weight(sum).to_bytes().map(hex::encode),
            vector["sum_leaf"].as_str().map(str::to_owned),
            "{vector}"
        );
        let mut weights: Weights =
            leaves.iter().map(|(prover, leaf)| (*prover, leaf.at_end_of(epoch).unwrap())).collect();
        weights.retain(|_, weight| *weight > 0);
        assert_eq!(weights, by_address(&vector["weights"]), "{vector}");
        assert_eq!(sum.at_end_of(epoch), Some(int(&vector["weight_sum"])), "{vector}");
        assert_eq!(vector["leaves"].as_object().unwrap().len(), leaves.len());
    }
    for vector in items(&vectors["rosters"]) {
        let weights = by_address(&vector["weights"]);
        let ranked =
            selection::roster(&weights, &hash(&vector["parent_hash"]), int(&vector["height"]));
        let expected: Vec<Address> =
            vector["roster"].as_array().unwrap().iter().map(address).collect();
        assert_eq!(ranked, expected, "{vector}");
    }
}

// --- The state tree ------------------------------------------------------------------------------

#[test]
fn state_keys() {
    let vectors = vectors!("state");
    for vector in items(&vectors["account_keys"]) {
        assert_eq!(StateKey::Account(address(&vector["address"])).hash(), hash(&vector["key"]));
    }
    for vector in items(&vectors["pending_keys"]) {
        assert_eq!(StateKey::Pending(int(&vector["height"])).hash(), hash(&vector["key"]));
    }
    for vector in items(&vectors["proving_pool_keys"]) {
        assert_eq!(StateKey::ProvingPool(int(&vector["epoch"])).hash(), hash(&vector["key"]));
    }
    assert_eq!(StateKey::ShareFund.hash(), hash(&vectors["share_fund_key"]));
    for vector in items(&vectors["weight_keys"]) {
        assert_eq!(StateKey::Weight(address(&vector["address"])).hash(), hash(&vector["key"]));
    }
    assert_eq!(StateKey::WeightSum.hash(), hash(&vectors["weight_sum_key"]));
}

#[test]
fn state_trees_and_proofs() {
    for vector in items(&vectors!("state")["trees"]) {
        let mut changes = Changes::new();
        for account in vector["accounts"].as_array().unwrap() {
            let leaf = Account { balance: int(&account[1]), nonce: int(&account[2]) };
            changes.insert(StateKey::Account(address(&account[0])), Some(leaf.encode()));
        }
        let root = hash(&vector["root"]);
        if !changes.is_empty() {
            assert_eq!(tree::genesis_root(&changes).unwrap(), root, "{} leaves", changes.len());
        }
        for proof in items(&vector["proofs"]) {
            let leaf = proof["leaf"].as_array().map(|pair| (hash(&pair[0]), hash(&pair[1])));
            let siblings = proof["siblings"].as_array().unwrap().iter().map(hash).collect();
            let value = proof["value"].as_str().map(|value| hex::decode(value).unwrap());
            let key = StateKey::Account(address(&proof["address"]));
            StateProof { leaf, siblings }.verify(&root, &key, value.as_deref()).unwrap();
        }
    }
}

// --- The vectors themselves ----------------------------------------------------------------------

#[test]
fn the_vectors_are_what_the_second_implementation_writes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/generate.py");
    match Command::new("python3").arg(script).arg("--check").output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr))
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "python3 is needed: {error}");
            println!("skipped: python3 is needed: {error}");
        }
    }
}

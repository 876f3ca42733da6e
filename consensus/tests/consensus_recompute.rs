//! The outside program `tests/recompute.py` against a chain of this implementation: it comes to the
//! same results, and it notices every single value that is not what the rules say.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lode_consensus::{
    Action, Address, Block, Body, ChainSpec, ChainWork, Decode, Encode, Share, SignedTransaction,
    StateKey, Transaction, epoch, reward, rules::ChainContext, selection, selection::Weight,
    transition::AppliedBlock,
};
use lode_puzzle::{Proof, Seed, Statement, Ticket};
use lode_testkit::{
    chain::{Chain, account, params, weights_after},
    memory_tree::MemoryTree,
};
use serde_json::{Value, json};
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::FromBytes,
};

/// A chain, and what each of its blocks was judged against and did.
struct Recorded {
    chain: Chain,
    contexts: Vec<ChainContext>,
    applied: Vec<AppliedBlock>,
}

/// Blocks with shares of three provers, transfers, and solve times of all kinds; the first epochs
/// and maturities pass.
fn record(blocks: u32) -> Recorded {
    let checksum = "eb7040c25ce1a19a5a9a1d12046c5820ba9c2768c606290f8a80fa2bd0e1e5ed\
                    fd0a8538d4ad4f60694b5e81dec6687d8672480ea6b878205eef0c1bd51dc3bc";
    let srs_checksum = hex::decode(checksum).unwrap().try_into().unwrap();
    let chain = Chain::new(ChainSpec { srs_checksum, ..params() });
    let mut recorded = Recorded { chain, contexts: Vec::new(), applied: Vec::new() };
    let mut nonce = 0;
    for height in 1..=blocks {
        let chain = &recorded.chain;
        let context = chain.context();
        let provers = [(height % 3, height), (height / 3 % 3, height + 100), (1, height + 200)];
        let shares = provers.iter().take((height * 7 % 5) as usize % 4);
        let shares = shares.map(|(prover, label)| {
            chain.share(account(*prover as usize), height - 1, *label as u8)
        });
        let mut body = Body { shares: shares.collect(), ..Body::default() };
        if height % 2 == 0 {
            let to = if height % 4 == 0 { account(4) } else { account(1) };
            body.transactions = vec![chain.transfer(1, to, 100 + u64::from(height), 3, nonce)];
            nonce += 1;
        }
        let mut block = chain.block(body);
        // Fast, slow, below its parent, and once so slow that the step of the target is capped.
        let step_ms = if height == 9 { 60_000 } else { [99, 2_500, -200, 9][height as usize % 4] };
        let parent_ms = chain.blocks[height as usize - 1].header.timestamp_ms;
        block.header.timestamp_ms =
            parent_ms.saturating_add_signed(step_ms).max(context.median_time_ms + 1);
        block.header.producer = account(height as usize % 2 * 3);
        let block = chain.seal(block);
        recorded.contexts.push(context);
        recorded.applied.push(recorded.chain.push(block));
    }
    recorded
}

// --- The answers of docs/src/api.md --------------------------------------------------------------

fn transaction_json(chain: &Chain, signed: &SignedTransaction) -> Value {
    let Transaction { from, fee, nonce, expiry, action } = &signed.transaction;
    let Action::Transfer(transfer) = action else { panic!("the chain has transfers alone") };
    json!({
        "id": signed.id(&chain.genesis_hash()).to_string(),
        "type": action.name(),
        "from": from.to_string(),
        "to": transfer.to.to_string(),
        "amount": transfer.amount,
        "fee": fee,
        "nonce": nonce.to_string(),
        "expiry": expiry,
        "signature": Signature::<MainnetV0>::read_le(&signed.signature[..]).unwrap().to_string(),
        "bytes": hex::encode(signed.encode()),
        "outcome": "applied",
        "proof_holds": null,
    })
}

fn proof_json(statement: &Statement, nonce: u64, proof: &Proof) -> Value {
    json!({
        "nonce": nonce.to_string(),
        "commitment": hex::encode(proof.commitment),
        "opening": hex::encode(proof.opening),
        "ticket": Ticket::new(&Seed::new(statement, nonce), proof).to_string(),
    })
}

impl Recorded {
    fn work(&self, height: usize) -> ChainWork {
        self.chain.blocks[1..=height]
            .iter()
            .fold(ChainWork::ZERO, |work, block| work.after(block.header.target))
    }

    fn share_json(&self, height: usize, share: &Share) -> Value {
        let statement = share.statement(&self.chain.genesis_hash(), &self.challenge(height));
        let mut json = proof_json(&statement, share.nonce, &share.proof);
        json["anchor_hash"] = share.anchor_hash.to_string().into();
        json["content_hash"] = share.content_hash.to_string().into();
        json["prover"] = share.prover.to_string().into();
        json["statement"] = statement.to_string().into();
        json
    }

    fn challenge(&self, height: usize) -> lode_consensus::Hash {
        match height {
            0 => epoch::challenge(&self.chain.genesis_hash()),
            _ => self.contexts[height - 1].epoch_challenge,
        }
    }

    fn block_json(&self, height: usize) -> Value {
        let (chain, block): (&Chain, &Block) = (&self.chain, &self.chain.blocks[height]);
        let (header, genesis_hash) = (&block.header, chain.genesis_hash());
        let statement = block.as_share().statement(&genesis_hash, &self.challenge(height));
        let applied = height.checked_sub(1).map(|index| &self.applied[index]);
        json!({
            "hash": block.hash().to_string(),
            "height": height,
            "epoch": chain.params.epoch_of(height as u32),
            "genesis_hash": genesis_hash.to_string(),
            "epoch_challenge": self.challenge(height).to_string(),
            "header": {
                "version": 1,
                "height": header.height,
                "parent_hash": header.parent_hash.to_string(),
                "anchor_hash": header.anchor_hash.to_string(),
                "timestamp_ms": header.timestamp_ms,
                "transactions_root": header.transactions_root.to_string(),
                "shares_root": header.shares_root.to_string(),
                "state_root": header.state_root.to_string(),
                "producer": header.producer.to_string(),
                "target": header.target.to_string(),
            },
            "header_bytes": hex::encode(header.encode()),
            "content_hash": header.content_hash().to_string(),
            "statement": statement.to_string(),
            "proof": proof_json(&statement, block.nonce, &block.proof),
            "shares": block.body.shares.iter()
                .map(|share| self.share_json(height, share)).collect::<Vec<_>>(),
            "transactions": block.body.transactions.iter()
                .map(|signed| transaction_json(chain, signed)).collect::<Vec<_>>(),
            "work": self.work(height).to_string(),
            "size_bytes": block.encode().len(),
            "subsidy": reward::subsidy(height as u32),
            "fees": applied.map_or(0, |applied| applied.fees),
        })
    }

    fn status_json(&self) -> Value {
        let (chain, tip) = (&self.chain, self.chain.tip());
        let (context, header) = (chain.context(), &chain.blocks[tip as usize].header);
        let epoch = chain.params.epoch_of(tip);
        let supply = chain.state().supply;
        json!({
            "network": chain.params.name,
            "genesis_hash": chain.genesis_hash().to_string(),
            "height": tip,
            "tip_hash": chain.hashes[tip as usize].to_string(),
            "tip_timestamp_ms": header.timestamp_ms,
            "epoch": epoch,
            "epoch_length": chain.params.epoch_length,
            "epoch_first_height": chain.params.epoch_start(epoch),
            "block_interval_ms": chain.params.block_interval_ms,
            "log_n": chain.params.log_n.log_n(),
            "target": header.target.to_string(),
            "share_target": self.contexts[tip as usize - 1].share_target.to_string(),
            "difficulty": header.target.difficulty().to_string(),
            "work": self.work(tip as usize).to_string(),
            "next_target": context.target.to_string(),
            "subsidy": reward::subsidy(tip),
            "supply": {
                "genesis": supply.genesis,
                "emitted": supply.emitted,
                "burned": supply.burned,
                "balances": supply.balances,
                "pending": supply.pending,
                "share_fund": supply.share_fund,
                "proving_pools": supply.proving_pools,
                "bonds": supply.bonds,
                "escrows": supply.escrows,
            },
        })
    }

    fn account_json(&self, tree: &MemoryTree, address: Address) -> Value {
        let (state, tip) = (self.chain.state(), self.chain.tip() as usize);
        let key = StateKey::Account(address);
        let account = state.account(address);
        let credits = state.pending().into_iter().filter(|credit| credit.address == address);
        json!({
            "address": address.to_string(),
            "exists": account.is_some(),
            "balance": account.unwrap_or_default().balance,
            "nonce": account.unwrap_or_default().nonce.to_string(),
            "immature": credits.map(|credit| credit.amount).sum::<u64>(),
            "height": tip,
            "block_hash": self.chain.hashes[tip].to_string(),
            "state_root": self.chain.blocks[tip].header.state_root.to_string(),
            "proof": leaf_proof_json(tree, &key),
        })
    }

    fn weight_json(&self, tree: &MemoryTree, address: Address) -> Value {
        let (chain, tip) = (&self.chain, self.chain.tip());
        let epoch = chain.params.epoch_of(tip);
        let proven = |key: StateKey| {
            let (value, _) = tree.prove(0, &key);
            let leaf = value.map(|bytes| Weight::decode(&bytes).unwrap()).unwrap_or_default();
            let at_end_of = |epoch| leaf.at_end_of(epoch).unwrap().to_string();
            json!({
                "frozen": epoch.checked_sub(1).map_or_else(|| "0".to_owned(), at_end_of),
                "current": at_end_of(epoch),
                "proof": leaf_proof_json(tree, &key),
            })
        };
        json!({
            "address": address.to_string(),
            "height": tip,
            "epoch": epoch,
            "block_hash": chain.hashes[tip as usize].to_string(),
            "state_root": chain.blocks[tip as usize].header.state_root.to_string(),
            "weight": proven(StateKey::Weight(address)),
            "sum": proven(StateKey::WeightSum),
        })
    }

    /// Writes all answers below a folder, and the network's file.
    fn write(&self, folder: &Path) {
        let write = |path: String, answer: Value| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, answer.to_string()).unwrap();
        };
        let chain = &self.chain;
        write("status.json".to_owned(), self.status_json());

        let by_text = |map: &BTreeMap<Address, u64>| {
            map.iter().map(|(a, n)| (a.to_string(), *n)).collect::<BTreeMap<_, _>>()
        };
        let (mut shares, mut weights) = (vec![BTreeMap::new()], vec![BTreeMap::new()]);
        for (height, block) in chain.blocks.iter().enumerate() {
            write(format!("block/{height}.json"), self.block_json(height));
            let epoch = chain.params.epoch_of(height as u32) as usize;
            shares.resize(epoch + 1, BTreeMap::new());
            for share in &block.body.shares {
                *shares[epoch].entry(share.prover).or_default() += 1;
            }
            let before =
                epoch.checked_sub(1).map_or_else(BTreeMap::new, |before| weights[before].clone());
            weights.resize(epoch + 1, BTreeMap::new());
            weights[epoch] = weights_after(&before, &shares[epoch]);
        }
        for height in 1..=chain.tip() + 1 {
            let weights = chain
                .params
                .epoch_of(height)
                .checked_sub(1)
                .map(|epoch| weights[epoch as usize].clone());
            let ranked = selection::roster(
                &weights.unwrap_or_default(),
                &chain.hashes[height as usize - 1],
                height,
            );
            write(
                format!("roster/{height}.json"),
                ranked.iter().map(ToString::to_string).collect(),
            );
        }
        for (epoch, (shares, weights)) in shares.iter().zip(&weights).enumerate() {
            let (first, last) =
                (chain.params.epoch_start(epoch as u32), chain.params.epoch_end(epoch as u32));
            let weights: BTreeMap<_, _> =
                by_text(weights).into_iter().map(|(a, w)| (a, w.to_string())).collect();
            let first_target = chain.blocks[first as usize].header.target;
            let answer = json!({
                "epoch": epoch,
                "challenge": self.challenge(first as usize).to_string(),
                "first_height": first,
                "last_height": last,
                "share_target":
                    epoch::share_target(first_target, chain.params.shares_per_block).to_string(),
                "weights": weights,
                "shares": by_text(shares),
                "complete": last <= chain.tip(),
                "proving_pool": chain.state().proving_pool(epoch as u32),
            });
            write(format!("epoch/{epoch}.json"), answer);
        }
        let mut tree = MemoryTree::default();
        tree.write(0, &chain.state().all_leaves());
        for address in (0..5).map(account).chain([Address([0; 32])]) {
            write(format!("account/{address}.json"), self.account_json(&tree, address));
            write(format!("weight/{address}.json"), self.weight_json(&tree, address));
        }
        fs::write(folder.join("network.toml"), network_file(&chain.params)).unwrap();
    }
}

/// A leaf, or its absence, with its proof.
fn leaf_proof_json(tree: &MemoryTree, key: &StateKey) -> Value {
    let (value, proof) = tree.prove(0, key);
    json!({
        "key": key.hash().to_string(),
        "value": value.map(hex::encode),
        "leaf": proof.leaf.map(|(key, value)| {
            json!({"key_hash": key.to_string(), "value_hash": value.to_string()})
        }),
        "siblings": proof.siblings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// The parameters as a network's file has them.
fn network_file(params: &ChainSpec) -> String {
    let allocations: String = params
        .allocations
        .iter()
        .map(|(address, amount)| format!("\"{address}\" = {amount}\n"))
        .collect();
    let market: String =
        params.market.fields().iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!(
        "name = \"{}\" # a chain in memory\nlog_n = {}\nblock_interval_ms = 1_000\nasert_tau_ms = \
         {}\nfuture_limit_ms = {}\nepoch_length = {}\nshares_per_block = {}\nshare_window = \
         {}\nanchor_depth = {}\nmaturity = {}\n{market}genesis_timestamp_ms = {}\ngenesis_target \
         = \"{:#x}\"\n\n[allocations]\n{allocations}",
        params.name,
        params.log_n.log_n(),
        params.asert_tau_ms,
        params.future_limit_ms,
        params.epoch_length,
        params.shares_per_block,
        params.share_window,
        params.anchor_depth,
        params.maturity,
        params.genesis_timestamp_ms,
        params.genesis_target.get(),
    )
}

// --- Running the program -------------------------------------------------------------------------

/// A folder below the build directory that this test alone uses, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs Python with these arguments: exit code, standard output and standard error. `None` without
/// Python, which CI must have.
fn python(arguments: &[&OsStr]) -> Option<(i32, String, String)> {
    match Command::new("python3").arg("-B").args(arguments).output() {
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Some((output.status.code().unwrap(), text(&output.stdout), text(&output.stderr)))
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "python3 is needed: {error}");
            println!("skipped: python3 is needed: {error}");
            None
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recompute.py")
}

fn recompute(folder: &Path) -> Option<(i32, String, String)> {
    let base = format!("file://{}", folder.display());
    let network = folder.join("network.toml");
    python(&[script().as_os_str(), base.as_ref(), "--network".as_ref(), network.as_os_str()])
}

#[test]
fn an_outside_program_comes_to_the_same_chain() {
    let recorded = record(32);
    let targets: BTreeSet<_> =
        recorded.chain.blocks.iter().map(|block| block.header.target).collect();
    assert!(targets.len() > 20, "the difficulty moves");
    let shares: usize = recorded.chain.blocks.iter().map(|block| block.body.shares.len()).sum();
    let folder = folder("recompute");
    recorded.write(&folder);
    let Some((code, stdout, stderr)) = recompute(&folder) else { return };
    assert_eq!(
        stdout,
        format!("recomputed 33 blocks, {shares} shares, 16 transactions, 7 epochs: all equal\n"),
        "{stderr}"
    );
    assert_eq!(code, 0);
}

/// The values of an answer, one after another, each once changed to another of its type.
fn changes(answer: &Value) -> Vec<Value> {
    match answer {
        Value::Null => vec![json!("00")],
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(value) => vec![json!(value.as_u64().unwrap() + 1)],
        Value::String(text) => vec![changed_text(text)],
        Value::Array(items) => {
            let mut all = vec![json!(items[..items.len().saturating_sub(1)])];
            for (index, item) in items.iter().enumerate() {
                all.extend(changes(item).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[index] = item;
                    Value::Array(items)
                }));
            }
            all.retain(|changed| changed != answer);
            all
        }
        Value::Object(fields) => {
            let mut all = Vec::new();
            for (key, value) in fields {
                let mut fields = fields.clone();
                fields.remove(key);
                all.push(Value::Object(fields.clone()));
                all.extend(changes(value).into_iter().map(|value| {
                    fields.insert(key.clone(), value);
                    Value::Object(fields.clone())
                }));
            }
            all
        }
    }
}

fn changed_text(text: &str) -> Value {
    if text.starts_with("aleo1") {
        let other = [account(0), account(1)].map(|address| address.to_string());
        return json!(other.iter().find(|other| *other != text));
    }
    let last = if text.ends_with('7') { '8' } else { '7' };
    json!(format!("{}{last}", &text[..text.len() - 1]))
}

/// Puts one changed answer after another in its place, and prints those after which all is still
/// equal.
const TRY_CHANGES: &str = r#"
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import recompute
folder = pathlib.Path(sys.argv[2])
for name, changed in json.loads((folder / "changes.json").read_text()):
    path = folder / name
    good = path.read_text()
    path.write_text(json.dumps(changed))
    try:
        recompute.run(folder.as_uri(), folder / "network.toml")
        print(name, json.dumps(changed))
    except (recompute.Difference, *recompute.MALFORMED):
        pass
    path.write_text(good)
"#;

#[test]
fn an_outside_program_notices_every_change() {
    let folder = folder("recompute-changes");
    record(12).write(&folder);
    let files =
        ["status", "block/0", "block/8", "epoch/1", "epoch/2", "roster/11"].map(str::to_owned);
    let accounts =
        [account(1), account(3), Address([0; 32])].map(|address| format!("account/{address}"));
    let weights = [account(1), account(3)].map(|address| format!("weight/{address}"));
    let mut all = Vec::new();
    for name in files.into_iter().chain(accounts).chain(weights).map(|name| format!("{name}.json"))
    {
        let answer = serde_json::from_slice(&fs::read(folder.join(&name)).unwrap()).unwrap();
        all.extend(changes(&answer).into_iter().map(|changed| json!([name, changed])));
    }
    assert!(all.len() > 200, "{}", all.len());
    fs::write(folder.join("changes.json"), json!(all).to_string()).unwrap();
    let tests = script().parent().unwrap().to_owned();
    let Some(output) =
        python(&["-c".as_ref(), TRY_CHANGES.as_ref(), tests.as_os_str(), folder.as_os_str()])
    else {
        return;
    };
    assert_eq!(output, (0, String::new(), String::new()), "not noticed");
}

#[test]
fn an_outside_program_says_what_differs_in_one_line() {
    let recorded = record(3);
    let folder = folder("recompute-difference");
    recorded.write(&folder);
    let path = folder.join("block/2.json");
    let mut block = recorded.block_json(2);
    block["fees"] = json!(4);
    fs::write(&path, block.to_string()).unwrap();
    let Some(output) = recompute(&folder) else { return };
    assert_eq!(
        output,
        (
            1,
            String::new(),
            "different: block 2: block: fees: computed 3, the node says 4\n".to_owned()
        )
    );

    block["fees"] = json!(3.0);
    fs::write(&path, block.to_string()).unwrap();
    let Some((code, _, stderr)) = recompute(&folder) else { return };
    assert_eq!(
        (code, stderr.as_str()),
        (1, "different: block 2: block: fees: computed 3, the node says 3.0\n")
    );

    fs::remove_file(&path).unwrap();
    let Some((code, stdout, stderr)) = recompute(&folder) else { return };
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 1));
    assert!(stderr.starts_with("different: GET /block/2"), "{stderr}");
}

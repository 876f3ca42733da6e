//! `/account`, `/epoch`, `/roster`, `/shares`: what the chain says of one address, and of all of
//! them.

mod common;

use std::collections::BTreeMap;

use common::Server;
use lode_consensus::{
    Account, Address, Decode, Hash, StateKey,
    selection::{self, Weight},
    tree::StateProof,
};
use lode_testkit::{
    backend::TestNode,
    mined::{Chain, actors},
};
use serde_json::{Value, json};

fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

/// Checks the proof of a leaf as a client would that holds only the state root, and gives the leaf.
fn check_proof<T: Decode>(state_root: &Value, proof: &Value, key: &StateKey) -> Option<T> {
    let leaf = &proof["leaf"];
    let state_proof = StateProof {
        leaf: leaf.is_object().then(|| (parse(&leaf["key_hash"]), parse(&leaf["value_hash"]))),
        siblings: proof["siblings"].as_array().unwrap().iter().map(parse).collect(),
    };
    assert_eq!(parse::<Hash>(&proof["key"]), key.hash());
    let value = proof["value"].as_str().map(|value| hex::decode(value).unwrap());
    state_proof.verify(&parse(state_root), key, value.as_deref()).unwrap();
    value.map(|value| T::decode(&value).unwrap())
}

#[test]
fn an_account_comes_with_a_proof_at_any_height() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let chain = &server.node.chain;
    let [alice, bob, carol] = actors();
    let nobody: Address = chain.block(0).1.header.producer;
    for height in 0..=10 {
        let (block_hash, block) = chain.block(height);
        for address in [alice.address, bob.address, carol.address, nobody] {
            let answer = server.get(&format!("/account/{address}?height={height}")).ok();
            assert_eq!(answer["address"], text(address));
            assert_eq!(answer["height"], height);
            assert_eq!(answer["block_hash"], text(block_hash));
            assert_eq!(answer["state_root"], text(block.header.state_root));
            let account: Option<Account> =
                check_proof(&answer["state_root"], &answer["proof"], &StateKey::Account(address));
            assert_eq!(answer["exists"], account.is_some());
            assert_eq!(answer["balance"], account.unwrap_or_default().balance);
            assert_eq!(answer["nonce"], text(account.unwrap_or_default().nonce));
            assert_eq!(answer.as_object().unwrap().len(), 9);
            if height < 10 {
                assert_eq!(answer["immature"], Value::Null);
            } else {
                assert_eq!(answer, server.get(&format!("/account/{address}")).ok());
            }
        }
    }
    let balance = |who: &Address| server.get(&format!("/account/{who}")).ok();
    assert_eq!(balance(&carol.address)["balance"], 6_000_000);
    assert_eq!(balance(&alice.address)["nonce"], "6");
    assert_eq!(balance(&nobody)["exists"], false);
    assert_eq!(server.get(&format!("/account/{}?height=2", carol.address)).ok()["exists"], false);
}

#[test]
fn a_weight_comes_with_proofs_at_any_height_and_is_what_the_epoch_says() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let chain = &server.node.chain;
    let [alice, bob, carol] = actors();
    for height in 0..=10 {
        let (block_hash, block) = chain.block(height);
        let epoch = chain.params().epoch_of(height);
        for address in [alice.address, bob.address, carol.address] {
            let answer = server.get(&format!("/weight/{address}?height={height}")).ok();
            assert_eq!((&answer["address"], &answer["height"]), (&text(address), &json!(height)));
            assert_eq!(
                (&answer["epoch"], &answer["block_hash"]),
                (&json!(epoch), &text(block_hash))
            );
            assert_eq!(answer["state_root"], text(block.header.state_root));
            for (part, key) in [("weight", StateKey::Weight(address)), ("sum", StateKey::WeightSum)]
            {
                let proven: Option<Weight> =
                    check_proof(&answer["state_root"], &answer[part]["proof"], &key);
                let leaf = proven.unwrap_or_default();
                assert_eq!(answer[part]["current"], text(leaf.at_end_of(epoch).unwrap_or(0)));
                let frozen =
                    epoch.checked_sub(1).map_or(0, |before| leaf.at_end_of(before).unwrap_or(0));
                assert_eq!(answer[part]["frozen"], text(frozen));
            }
        }
    }
    // The same as the listing of the epoch, and of the one before it.
    let (current, before) = (server.get("/epoch/2").ok(), server.get("/epoch/1").ok());
    let answer = server.get(&format!("/weight/{}", alice.address)).ok();
    assert_eq!(answer["weight"]["current"], current["weights"][alice.address.to_string()]);
    assert_eq!(answer["weight"]["frozen"], before["weights"][alice.address.to_string()]);
    assert_ne!(answer["weight"]["frozen"], "0");
    assert_eq!(server.get(&format!("/weight/{}", carol.address)).ok()["weight"]["current"], "0");
    assert!(
        server
            .get(&format!("/weight/{}?height=11", alice.address))
            .error(404)
            .contains("not retained")
    );
}

#[test]
fn immature_amounts_add_up_to_what_waits() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let supply = server.get("/status").ok()["supply"]["pending"].as_u64().unwrap();
    let immature = actors()
        .map(|actor| server.get(&format!("/account/{}", actor.address)).ok()["immature"].as_u64());
    assert!(immature[0] > Some(0) && immature[1] > Some(0));
    assert_eq!(immature[2], Some(0));
    assert_eq!(immature.iter().flatten().sum::<u64>(), supply);
}

#[test]
fn heights_that_are_not_retained_are_404() {
    let server = Server::start(TestNode::new(Chain::new()));
    let [alice, ..] = actors();
    let path = format!("/account/{}", alice.address);
    assert!(server.get(&format!("{path}?height=1")).error(404).contains("not retained"));
    for bad in ["-1", "", "1.5", "4294967296", "tip", "1&height=1", "0&depth=2"] {
        server.get(&format!("{path}?height={bad}")).error(400);
    }
}

#[test]
fn unreadable_addresses_are_400_everywhere() {
    let server = Server::start(TestNode::new(Chain::new()));
    let [alice, ..] = actors();
    let good = alice.address.to_string();
    let mut flipped = good.clone().into_bytes();
    flipped[20] = if flipped[20] == b'q' { b'p' } else { b'q' };
    let flipped = String::from_utf8(flipped).unwrap();
    let bad = [
        "aleo1",
        "0",
        "-",
        "%00",
        "%F0%9F%A6%80",
        &flipped,
        &good[..62],
        &format!("{good}q"),
        &"q".repeat(5_000),
    ];
    for bad in bad {
        server.get(&format!("/account/{bad}")).error(400);
        server.get(&format!("/account/{bad}/transactions")).error(400);
        server.get(&format!("/weight/{bad}")).error(400);
        server.get(&format!("/shares/{bad}")).error(400);
        server.get(&format!("/mining/job?address={bad}")).error(400);
    }
}

/// QR codes hold upper case in less space; what mixes the cases is refused, and the reason said.
#[test]
fn an_address_in_upper_case_is_the_same_everywhere() {
    let server = Server::start(TestNode::new(Chain::new()));
    let [alice, ..] = actors();
    let lower = alice.address.to_string();
    let (upper, mixed) = (lower.to_ascii_uppercase(), format!("ALEO1{}", &lower[5..]));
    for path in [
        "/account/{}",
        "/account/{}/transactions",
        "/weight/{}",
        "/shares/{}",
        "/mining/job?address={}",
    ] {
        let path = |address: &str| path.replace("{}", address);
        let answer = server.get(&path(&upper)).ok();
        for key in ["address", "prover"] {
            assert!(answer.get(key).is_none_or(|shown| *shown == lower.as_str()), "{answer}");
        }
        assert!(server.get(&path(&mixed)).error(400).contains("mixes upper and lower case"));
    }
}

/// All pages of a list, with the number of items on each.
fn pages(server: &Server, path: &str, list: &str, limit: usize) -> (Vec<Value>, Vec<usize>) {
    let (mut items, mut sizes, mut before) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}?limit={limit}{before}")).ok();
        let found = page[list].as_array().unwrap();
        sizes.push(found.len());
        items.extend(found.iter().cloned());
        let Some(next) = page["next"].as_u64() else {
            return (items, sizes);
        };
        before = format!("&before={next}");
    }
}

#[test]
fn an_accounts_transactions_come_newest_first_in_pages_of_whole_blocks() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let chain = &server.node.chain;
    let [alice, bob, carol] = actors();
    let mut expected = Vec::new();
    for height in (0..=10_u32).rev() {
        for (index, signed) in chain.block(height).1.body.transactions.iter().enumerate().rev() {
            let id = signed.id(&chain.genesis_hash());
            expected.push(json!({
                "id": text(id), "type": "transfer", "height": height, "index": index,
                "from": text(alice.address),
                "to": text(carol.address), "amount": 1_000_000, "fee": 500,
                "nonce": text(signed.transaction.nonce),
                "expiry": signed.transaction.expiry,
                "outcome": "applied", "reason": null, "proof_holds": null,
            }));
        }
    }
    assert_eq!(expected.len(), 6);
    for who in [&alice, &carol] {
        let path = format!("/account/{}/transactions", who.address);
        let whole = json!({"address": text(who.address), "transactions": expected, "next": null});
        assert_eq!(server.get(&path).ok(), whole);
        for (limit, sizes) in [
            (1, vec![3, 2, 1]),
            (2, vec![3, 2, 1]),
            (3, vec![3, 3]),
            (4, vec![5, 1]),
            (6, vec![6]),
            (200, vec![6]),
        ] {
            assert_eq!(
                pages(&server, &path, "transactions", limit),
                (expected.clone(), sizes),
                "limit {limit}"
            );
        }
    }
    let none = server.get(&format!("/account/{}/transactions", bob.address)).ok();
    assert_eq!(none, json!({"address": text(bob.address), "transactions": [], "next": null}));
}

#[test]
fn a_provers_shares_come_newest_first_with_statement_and_ticket() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let [alice, bob, carol] = actors();
    for (who, total) in [(&alice, 8), (&bob, 4), (&carol, 0)] {
        let path = format!("/shares/{}", who.address);
        // The same shares, from the blocks.
        let mut expected = Vec::new();
        for height in (0..=10).rev() {
            let block = server.get(&format!("/block/{height}")).ok();
            for (index, share) in block["shares"].as_array().unwrap().iter().enumerate().rev() {
                if share["prover"] == text(who.address) {
                    let mut share = share.clone();
                    share["height"] = json!(height);
                    share["index"] = json!(index);
                    expected.push(share);
                }
            }
        }
        assert_eq!(expected.len(), total);
        let whole =
            json!({"address": text(who.address), "total": total, "shares": expected, "next": null});
        assert_eq!(server.get(&path).ok(), whole);
        assert_eq!(pages(&server, &path, "shares", 3).0, expected);
    }
    // The total is that of the prover, not that of the page.
    let page = server.get(&format!("/shares/{}?limit=1&before=5", alice.address)).ok();
    assert_eq!(
        (&page["total"], &page["next"], &page["shares"][0]["height"]),
        (&json!(8), &json!(4), &json!(4))
    );
}

#[test]
fn unreadable_pages_are_400() {
    let server = Server::start(TestNode::new(Chain::new()));
    let [alice, ..] = actors();
    for list in ["account/{}/transactions", "shares/{}"] {
        let path = list.replace("{}", &alice.address.to_string());
        for bad in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=",
            "limit=1.0",
            "limit=99999999999999999999",
            "before=-1",
            "before=4294967296",
            "before=x",
            "limit=1&limit=2",
            "page=2",
            "limit=%FF",
        ] {
            server.get(&format!("/{path}?{bad}")).error(400);
        }
        server.get(&format!("/{path}?before=0&limit=200")).ok();
    }
}

#[test]
fn epochs_rosters_and_weights_can_be_recomputed_from_blocks_alone() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let mut weights = selection::Weights::new();
    let mut roster_weights = vec![];
    for epoch in 0..=2_u32 {
        roster_weights.push(weights.clone());
        let mut counts: BTreeMap<Address, u64> = BTreeMap::new();
        let mut first_target = None;
        for height in epoch * 4..(epoch * 4 + 4).min(11) {
            let block = server.get(&format!("/block/{height}")).ok();
            first_target.get_or_insert(block["header"]["target"].clone());
            for share in block["shares"].as_array().unwrap() {
                *counts.entry(parse(&share["prover"])).or_default() += 1;
            }
        }
        weights.values_mut().for_each(|weight| *weight /= 2);
        for (prover, count) in &counts {
            *weights.entry(*prover).or_default() += 65_536 * count;
        }
        let last_hash = match epoch {
            0 => server.get("/block/0").ok()["hash"].clone(),
            _ => server.get(&format!("/block/{}", epoch * 4 - 1)).ok()["hash"].clone(),
        };
        // Targets are at their maximum, and so is what they are multiplied to.
        assert_eq!(first_target.unwrap(), text(u128::MAX));
        let expected = json!({
            "epoch": epoch,
            "challenge": text(lode_consensus::epoch::challenge(&parse(&last_hash))),
            "first_height": epoch * 4,
            "last_height": epoch * 4 + 3,
            "share_target": text(u128::MAX),
            "weights": weights.iter()
                .map(|(who, weight)| (who.to_string(), text(weight))).collect::<BTreeMap<_, _>>(),
            "shares": counts.iter()
                .map(|(who, count)| (who.to_string(), json!(count))).collect::<BTreeMap<_, _>>(),
            "complete": epoch < 2,
            // 20 % of the subsidy of each block; genesis has none. When the third epoch began, half
            // of what was left of the first one's moved into the second one's.
            "proving_pool": 6_000_000 * [0, 8 + 3, 6][epoch as usize],
        });
        assert_eq!(server.get(&format!("/epoch/{epoch}")).ok(), expected);
    }
    assert_eq!(server.get("/epoch/current"), server.get("/epoch/2"));
    let weights = &server.get("/epoch/1").ok()["weights"];
    assert_eq!(weights.as_object().unwrap().len(), 2, "both miners have a weight: {weights}");

    // The roster of a height comes from the weights of the epoch before and the hash of the block
    // before.
    let mut orders = std::collections::BTreeSet::new();
    for height in 0..=11_u32 {
        let mut expected = Vec::new();
        if height > 0 {
            let parent: Hash = parse(&server.get(&format!("/block/{}", height - 1)).ok()["hash"]);
            expected = selection::roster(&roster_weights[height as usize / 4], &parent, height);
        }
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(expected.len(), if height < 4 { 0 } else { 2 });
        assert_eq!(server.get(&format!("/roster/{height}")).ok(), json!(expected));
        orders.insert(expected);
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[test]
fn epochs_and_rosters_to_come_are_404() {
    let server = Server::start(TestNode::new(Chain::standard()));
    assert!(server.get("/roster/12").error(404).contains("the tip is at 10"));
    assert!(server.get("/roster/4294967295").error(404).contains("4294967295"));
    assert!(server.get("/epoch/3").error(404).contains("epoch 2 is the last"));
    assert!(server.get("/epoch/4294967295").error(404).contains("4294967295"));
    for bad in ["-1", "x", "4294967296", "1.0", "%20", "last"] {
        server.get(&format!("/roster/{bad}")).error(400);
        server.get(&format!("/epoch/{bad}")).error(400);
    }
}

#[test]
fn an_epochs_roster_is_known_one_block_ahead_at_its_edge() {
    let [alice, bob, _] = actors();
    let chain = Chain::new();
    for _ in 1..=3 {
        chain.grow(&bob, 0, vec![], vec![chain.share(&alice, 1)]);
    }
    let server = Server::start(TestNode::new(chain));
    // Epoch 0 has ended with its block 3; epoch 1 has no block yet, and its first height already
    // has a roster.
    assert_eq!(server.get("/epoch/0").ok()["complete"], true);
    assert_eq!(server.get("/epoch/current").ok()["epoch"], 0);
    server.get("/epoch/1").error(404);
    assert_eq!(server.get("/roster/4").ok(), json!([text(alice.address)]));
    server.get("/roster/5").error(404);
}

//! The market's golden vectors, which a second implementation made
//! (`tests/vectors/market_bytes.py`, `market_rules.py`): bytes of transactions and leaves, and the
//! arithmetic of the rules.

use lode_consensus::{
    Address, Decode, Encode, Hash, SignedTransaction, StateKey, Transaction,
    leaf::Leaf,
    market::{
        Operator, Policy, ProvingPool, contest,
        job::{Delivery, Job, Status},
        matching::Draw,
        proofs::{ProofSystems, Systems},
        settlement::{self, Split},
        value::{self, Terms},
    },
    params::MarketSpec,
    state::Supply,
};
use serde_json::Value;

fn bytes_vectors() -> Value {
    serde_json::from_str(include_str!("vectors/market_bytes.json")).unwrap()
}

fn rules() -> Value {
    serde_json::from_str(include_str!("vectors/market_rules.json")).unwrap()
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value[name].as_array().unwrap();
    assert!(!items.is_empty(), "{name}");
    items
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// A number, which stands as text from 2^53 on.
fn wide(value: &Value) -> u128 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        number => number.as_u64().unwrap().into(),
    }
}

fn int<T: TryFrom<u128>>(value: &Value) -> T {
    T::try_from(wide(value)).ok().unwrap()
}

fn hash(value: &Value) -> Hash {
    value.as_str().unwrap().parse().unwrap()
}

fn address(value: &Value) -> Address {
    Address(hash(value).0)
}

#[test]
fn transactions_have_their_bytes_and_ids() {
    let vectors = bytes_vectors();
    let genesis_hash = hash(&vectors["genesis_hash"]);
    for policy in items(&vectors, "policies") {
        let expected = bytes(&policy["bytes"]);
        assert_eq!(Policy::decode(&expected).unwrap().encode(), expected);
    }
    let mut kinds = std::collections::BTreeSet::new();
    for vector in items(&vectors, "transactions") {
        let expected = bytes(&vector["bytes"]);
        let transaction = Transaction::decode(&expected).unwrap();
        assert_eq!(transaction.encode(), expected, "{vector}");
        assert_eq!(transaction.encoded_len(), expected.len(), "{vector}");
        assert_eq!(transaction.id(&genesis_hash), hash(&vector["id"]), "{vector}");
        assert_eq!(transaction.action.name(), vector["fields"]["type"].as_str().unwrap());
        assert_eq!(transaction.check_static().err(), None, "{vector}");
        kinds.insert(transaction.action.tag());
        let signed = bytes(&vector["signed_bytes"]);
        assert_eq!(SignedTransaction::decode(&signed).unwrap().encode(), signed);
        // No shorter, no longer.
        for end in 0..expected.len() {
            assert!(Transaction::decode(&expected[..end]).is_err(), "{end} of {vector}");
        }
        assert!(Transaction::decode(&[&expected[..], &[0]].concat()).is_err());
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
}

#[test]
fn what_is_malformed_is_refused() {
    for vector in items(&bytes_vectors(), "refused_transactions") {
        let refused = match Transaction::decode(&bytes(&vector["bytes"])) {
            Err(_) => true,
            Ok(transaction) => transaction.check_static().is_err(),
        };
        assert!(refused, "{vector}");
    }
    for vector in items(&bytes_vectors(), "refused_leaves") {
        let key = key(vector["name"].as_str().unwrap(), &[]);
        assert!(Leaf::decode(&key, &bytes(&vector["bytes"])).is_err(), "{vector}");
    }
}

fn key(name: &str, ids: &[Value]) -> StateKey {
    let id = || ids.first().map_or(Hash::ZERO, hash);
    let number = |place: usize| ids.get(place).map_or(0, int);
    match name {
        "account" => StateKey::Account(Address(id().0)),
        "pending" => StateKey::Pending(number(0)),
        "share-fund" => StateKey::ShareFund,
        "proving-pool" => StateKey::ProvingPool(number(0)),
        "weight" => StateKey::Weight(Address(id().0)),
        "weight-sum" => StateKey::WeightSum,
        "appoint" => StateKey::Appoint(Address(id().0)),
        "operator" => StateKey::Operator(Address(id().0)),
        "class" => StateKey::Class(id()),
        "key" => StateKey::Key(id()),
        "book" => StateKey::Book(id()),
        "waiting" => StateKey::Waiting(id()),
        "job" => StateKey::Job(id()),
        "queue" => StateKey::Queue(number(0)),
        "agenda" => StateKey::Agenda(number(0), number(1)),
        "agenda-last" => StateKey::AgendaLast(number(0)),
        "agenda-oldest" => StateKey::AgendaOldest,
        other => panic!("no leaf is called {other}"),
    }
}

#[test]
fn leaves_have_their_places_and_bytes() {
    let vectors = bytes_vectors();
    for vector in items(&vectors, "leaves") {
        let key = key(vector["name"].as_str().unwrap(), vector["ids"].as_array().unwrap());
        assert_eq!(key.hash(), hash(&vector["key"]), "{key:?}");
        let expected = bytes(&vector["bytes"]);
        let leaf = Leaf::decode(&key, &expected).unwrap();
        assert_eq!(leaf.to_bytes(), Some(expected), "{key:?}");
    }
    let expected = bytes(&vectors["supply"]["bytes"]);
    let supply = Supply::decode(&expected).unwrap();
    assert_eq!(supply.encode(), expected);
    assert_eq!(supply.bonds, int::<u64>(&vectors["supply"]["fields"]["bonds"]));
    assert_eq!(supply.escrows, int::<u64>(&vectors["supply"]["fields"]["escrows"]));
}

fn market(value: &Value) -> MarketSpec {
    MarketSpec {
        deposit: int(&value["deposit"]),
        min_request_bond: int(&value["min_request_bond"]),
        min_bond: int(&value["min_bond"]),
        false_proof: int(&value["false_proof"]),
        reputation_unit: int(&value["reputation_unit"]),
        proof_budget: int(&value["proof_budget"]),
    }
}

#[test]
fn values_and_bonds() {
    let rules = rules();
    assert_eq!(market(&rules["constants"]["mainnet"]), MarketSpec::MAINNET);
    let market = MarketSpec::MAINNET;
    for vector in items(&rules, "values") {
        let terms = Terms {
            price: int(&vector["price"]),
            late_price: int(&vector["late_price"]),
            soft: int(&vector["soft"]),
            hard: int(&vector["hard"]),
        };
        assert_eq!(terms.value(int(&vector["height"])), int::<u64>(&vector["value"]), "{vector}");
    }
    for vector in items(&rules, "bonds") {
        let policy = Policy {
            bond_bps: int(&vector["bond_bps"]),
            min_bond: int(&vector["min_bond"]),
            ..policy()
        };
        let expected = wide(&vector["base"]).min(u64::MAX.into());
        let got = value::operator_bond(&market, &policy, int(&vector["price"]));
        assert_eq!(u128::from(got), expected, "{vector}");
    }
    for vector in items(&rules, "request_bonds") {
        let got = value::request_bond(&market, int(&vector["price"]));
        assert_eq!(got, int::<u64>(&vector["bond"]), "{vector}");
    }
    for vector in items(&rules, "rents") {
        let got = value::rent(wide(&vector["size"]), int(&vector["hard_blocks"]));
        assert_eq!(got, wide(&vector["burned"]), "{vector}");
    }
    for vector in items(&rules, "decline_burns") {
        let [base, assigned, height] = ["base", "assigned", "height"].map(|name| &vector[name]);
        let got = value::decline_burn(int(base), int(assigned), int(height));
        assert_eq!(u128::from(got), wide(&vector["burned"]).min(u64::MAX.into()), "{vector}");
    }
}

fn policy() -> Policy {
    Policy { claim_blocks: 1, ..lode_testkit::market::policy() }
}

#[test]
fn pays_and_slashes() {
    let rules = rules();
    for vector in items(&rules, "pays") {
        let got = settlement::split(int(&vector["pay"]), int(&vector["royalty_bps"]));
        let expected = Split {
            burned: int(&vector["burned"]),
            royalty: int(&vector["royalty"]),
            rest: int(&vector["rest"]),
        };
        assert_eq!(got, expected, "{vector}");
    }
    let terms = |price| Terms { price, late_price: 0, soft: 10, hard: 20 };
    for vector in items(&rules, "failures") {
        let (bond, price): (u64, u64) = (int(&vector["bond"]), int(&vector["price"]));
        let slash = settlement::slash_failed(&terms(price), bond);
        assert_eq!(slash.to_requester, int::<u64>(&vector["to_requester"]), "{vector}");
        assert_eq!((slash.taken(), slash.unlocked), (bond, 0));
    }
    for vector in items(&rules, "late_slashes") {
        let (bond, price): (u64, u64) = (int(&vector["bond"]), int(&vector["price"]));
        // A job whose value at its hard limit is the one in the vector.
        let terms = Terms { late_price: int(&vector["value"]), ..terms(price) };
        let own = vector["by_misser"].as_bool().unwrap();
        let slash = settlement::slash_delivered(&terms, bond, terms.hard, own);
        assert_eq!(terms.late_bps(terms.hard), int::<u16>(&vector["bps"]), "{vector}");
        assert_eq!(slash.taken(), int::<u64>(&vector["slashed"]), "{vector}");
        assert_eq!(slash.to_requester, int::<u64>(&vector["to_requester"]), "{vector}");
        assert_eq!(slash.to_deliverer, int::<u64>(&vector["to_deliverer"]), "{vector}");
        assert_eq!(slash.taken() + slash.unlocked, bond);
    }
    for vector in items(&rules, "subsidies") {
        let pool = ProvingPool { granted: int(&vector["granted"]), left: int(&vector["left"]) };
        let [burned, weight, sum, taken] =
            ["burned", "weight", "weight_sum", "taken"].map(|name| int(&vector[name]));
        assert_eq!(pool.subsidy(burned, weight, sum, taken), int::<u64>(&vector["paid"]));
    }
}

#[test]
fn reputations() {
    let rules = rules();
    for vector in items(&rules["reputations"], "after_epoch") {
        let before = Operator {
            reputation: int(&vector["reputation"]),
            burned: int(&vector["earned"]),
            ..Operator::default()
        };
        let after = before.rolled(1, int(&vector["unit"]));
        assert_eq!(after.reputation, int::<u16>(&vector["after"]), "{vector}");
    }
    for vector in items(&rules["reputations"], "fallen") {
        for (name, part) in [("missed", 4), ("declined", 64)] {
            let mut operator =
                Operator { reputation: int(&vector["reputation"]), ..Operator::default() };
            operator.lose_reputation(part);
            assert_eq!(operator.reputation, int::<u16>(&vector[name]), "{vector}");
        }
    }
    for vector in items(&rules, "rolls") {
        let leaf = Operator::decode(&bytes(&vector["leaf"])).unwrap();
        let unit = market(&rules["constants"]["devnet"]).reputation_unit;
        let rolled = leaf.rolled(int(&vector["epoch"]), unit).encode();
        assert_eq!(hex::encode(rolled), vector["rolled"].as_str().unwrap(), "{vector}");
    }
}

#[test]
fn draws_and_contests() {
    let rules = rules();
    for vector in items(&rules, "draws") {
        let (parent_hash, place) = (hash(&vector["block_hash"]), hash(&vector["place"]));
        let group = int(&vector["group"]);
        let draw = Draw { parent_hash: &parent_hash, class: &place, group };
        let got = draw.numerator(&address(&vector["operator"]));
        assert_eq!(got, int::<u64>(&vector["clock"]), "{vector}");
    }
    for vector in items(&rules, "contests") {
        let deliveries = items(vector, "deliveries").iter();
        let deliveries = deliveries.map(|delivery| Delivery {
            operator: address(&delivery["operator"]),
            height: int(&delivery["height"]),
        });
        let job = Job { deliveries: deliveries.collect(), ..job() };
        let randomised = int::<u8>(&vector["randomised"]) == 1;
        let id = hash(&vector["job"]);
        let got = contest::ranked(&id, &job, randomised, &hash(&vector["block_hash"]));
        let expected: Vec<Address> = items(vector, "order").iter().map(address).collect();
        assert_eq!(got, expected, "{vector}");
    }
    for vector in items(&rules, "deliver_costs") {
        let [count, values] = ["count", "values"].map(|name| int(&vector[name]));
        assert_eq!(Systems.cost(1, count, values), int::<u64>(&vector["units"]), "{vector}");
    }
}

fn job() -> Job {
    Job {
        class: Hash::ZERO,
        terms: Terms { price: 1, late_price: 0, soft: 1, hard: 1 },
        damage: 0,
        min_reputation: 0,
        immediate: false,
        operator: None,
        values: Vec::new(),
        requester: Address([0; 32]),
        created: 0,
        place: 0,
        escrow: 1,
        bond: 0,
        status: Status::Open,
        cancelled: None,
        opened: Some(0),
        open_price: None,
        misses: Vec::new(),
        declines: Vec::new(),
        deliveries: Vec::new(),
    }
}

//! The market's routes on a real ledger with real proofs: a class, a bond, an ask, jobs that match,
//! wait, are delivered, proven falsely and void, and what every route says of them.

mod common;

use common::{Listener, Server};
use lode_consensus::{
    Account, Address, Decode, Hash, Height, StateKey,
    market::{
        Appointed, Book, BookAsk, Class, ClassKey, JobLeaf, Operator, Policy, ProvingPool,
        Selection, Value as PublicValue, Waiting,
        queue::{AgendaLast, AgendaOldest, AgendaPage, QueuePage},
    },
    transaction::{Action, Appoint, Ask, Bond, Cancel, Deliver, Raise, RegisterClass, Request},
    tree::StateProof,
};
use lode_proofs::testing;
use lode_testkit::{
    backend::TestNode,
    keys::Actor,
    mined::{Chain, actors},
};
use serde_json::{Value, json};

const FEE: u64 = 1_000;
const BOND: u64 = 50_000_000;
const ASK: u64 = 800_000;
const FALSE_PROOF: u64 = 1_000_000;

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

/// Holds the proof of a leaf against the state root of its answer, as a client would that has the
/// block's header, and gives the leaf.
fn proven<T: Decode>(chain: &Chain, answer: &Value, proof: &str, key: &StateKey) -> Option<T> {
    let height = Height::try_from(answer["height"].as_u64().unwrap()).unwrap();
    let (hash, block) = chain.block(height);
    assert_eq!(parse::<Hash>(&answer["block_hash"]), hash);
    assert_eq!(parse::<Hash>(&answer["state_root"]), block.header.state_root);
    let proof = &answer[proof];
    let leaf = &proof["leaf"];
    let state_proof = StateProof {
        leaf: leaf.is_object().then(|| (parse(&leaf["key_hash"]), parse(&leaf["value_hash"]))),
        siblings: proof["siblings"].as_array().unwrap().iter().map(parse).collect(),
    };
    assert_eq!(parse::<Hash>(&proof["key"]), key.hash());
    let value = proof["value"].as_str().map(|value| hex::decode(value).unwrap());
    state_proof.verify(&block.header.state_root, key, value.as_deref()).unwrap();
    value.map(|value| T::decode(&value).unwrap())
}

/// What happened on the way.
struct Story {
    server: Server,
    class: Hash,
    /// Matched in block 4, delivered in block 5.
    matched: Hash,
    /// Below the ask's price: Open from block 4 on; raised in block 6, and assigned in block 7.
    cheap: Hash,
    ids: Vec<Hash>,
}

struct Teller {
    chain: Chain,
    ids: Vec<Hash>,
    nonces: [u64; 3],
}

impl Teller {
    fn sign(&mut self, actor: usize, action: Action) -> lode_consensus::SignedTransaction {
        let actors: [Actor; 3] = actors();
        let nonce = self.nonces[actor];
        self.nonces[actor] += 1;
        let genesis_hash = self.chain.genesis_hash();
        let signed = actors[actor].sign(&genesis_hash, action, FEE, nonce, 10_000);
        self.ids.push(signed.id(&genesis_hash));
        signed
    }

    fn last(&self) -> Hash {
        *self.ids.last().unwrap()
    }

    fn grow(&self, transactions: Vec<lode_consensus::SignedTransaction>) {
        let [_, _, carol] = actors();
        self.chain.grow(&carol, 0, transactions, Vec::new());
    }

    fn deliver(&mut self, jobs: Vec<Hash>, instance: &[[u8; 32]]) -> Action {
        let [_, bob, _] = actors();
        let mut deliver = Deliver { jobs, proof: Vec::new() };
        let binding = deliver.binding(&self.chain.genesis_hash(), &bob.address);
        deliver.proof = testing::class(3, 1).prove(&binding.0, &[instance]);
        Action::Deliver(deliver)
    }
}

fn policy() -> Policy {
    Policy {
        selection: Selection::Rights,
        winners: 1,
        window: 1,
        randomised: false,
        band_bps: 500,
        bond_bps: 10_000,
        min_bond: 0,
        min_reputation: 0,
        tier_unit: 0,
        min_weight: 0,
        share_cap_bps: 10_000,
        max_operators: 8,
        claim_blocks: 4,
        open_at: 0,
        permitted: Vec::new(),
    }
}

fn request(class: Hash, price: u64, instance: &[[u8; 32]]) -> Action {
    Action::Request(Request {
        class,
        price,
        late_price: price / 2,
        soft_blocks: 10,
        hard_blocks: 20,
        damage: 0,
        min_reputation: 0,
        immediate: false,
        operator: None,
        values: instance.iter().map(|value| PublicValue(*value)).collect(),
        witness: b"seed".to_vec(),
    })
}

/// Blocks 1 to `until` of the same history.
fn story(until: Height) -> Story {
    let [alice, bob, _] = actors();
    let circuit = testing::class(3, 1);
    let instances = [circuit.instance(1), circuit.instance(2)];
    let mut teller = Teller { chain: Chain::new(), ids: Vec::new(), nonces: [0; 3] };
    let register = RegisterClass {
        system: RegisterClass::SYSTEM,
        policy: policy(),
        royalty_bps: 1_000,
        key: circuit.key().to_vec(),
        source: b"a circuit".to_vec(),
    };
    let register = teller.sign(0, Action::RegisterClass(register));
    let class = teller.last();
    let bond = teller.sign(1, Action::Bond(Bond { amount: BOND }));
    let appoint = teller.sign(0, Action::Appoint(Appoint { operator: bob.address }));
    teller.grow(vec![register, bond, appoint]);
    let ask = Ask { class, price: ASK, blocks: 4, capacity: 2, max_bond: BOND, until: 1_000 };
    let ask = teller.sign(1, Action::Ask(ask));
    teller.grow(vec![ask]);
    let first = teller.sign(0, request(class, 1_000_000, &instances[0]));
    let matched = teller.last();
    let second = teller.sign(0, request(class, 500_000, &instances[1]));
    let cheap = teller.last();
    teller.grow(vec![first, second]);
    if until >= 4 {
        teller.grow(Vec::new());
    }
    if until >= 5 {
        let action = teller.deliver(vec![matched], &instances[0]);
        let deliver = teller.sign(1, action);
        let forged = Deliver { jobs: vec![cheap], proof: vec![7; 100] };
        let forged = teller.sign(1, Action::Deliver(forged));
        // It has ended by then.
        let cancel = teller.sign(0, Action::Cancel(Cancel { job: matched }));
        teller.grow(vec![deliver, forged, cancel]);
    }
    if until >= 6 {
        let raise = Raise { job: cheap, price: ASK, late_price: ASK };
        let raise = teller.sign(0, Action::Raise(raise));
        teller.grow(vec![raise]);
    }
    for _ in 7..=until {
        teller.grow(Vec::new());
    }
    assert_eq!(alice.address, actors()[0].address);
    let Teller { chain, ids, .. } = teller;
    Story { server: Server::start(TestNode::new(chain)), class, matched, cheap, ids }
}

impl Story {
    fn get(&self, path: &str) -> Value {
        self.server.get(path).ok()
    }

    fn proven<T: Decode>(&self, answer: &Value, key: &StateKey) -> Option<T> {
        proven(&self.server.node.chain, answer, "proof", key)
    }
}

#[test]
fn every_leaf_is_told_with_its_proof_at_any_height() {
    let story = story(6);
    let (class, [alice, bob, _]) = (story.class, actors());
    for height in 1..=6 {
        let at = format!("?height={height}");
        let answer = story.get(&format!("/class/{class}{at}"));
        let leaf: Class = story.proven(&answer, &StateKey::Class(class)).unwrap();
        assert_eq!(
            json!([answer["values"], answer["live"], answer["assigned"], answer["delivered"]]),
            json!([leaf.values, leaf.live, leaf.assigned, leaf.delivered])
        );
        assert_eq!(answer["last_price"], leaf.last_price.to_string());
        assert_eq!(answer["policy"]["band_bps"], 500);
        let answer = story.get(&format!("/class/{class}/key{at}"));
        let ClassKey(key) = story.proven(&answer, &StateKey::Key(class)).unwrap();
        assert_eq!(answer["key"], hex::encode(&key));
        assert_eq!(key, testing::class(3, 1).key());

        let answer = story.get(&format!("/class/{class}/book{at}"));
        let Book(asks) = story.proven(&answer, &StateKey::Book(class)).unwrap_or_default();
        assert_eq!(answer["asks"], json!(asks.iter().map(ask_json).collect::<Vec<_>>()));
        assert_eq!(asks.len(), usize::from(height >= 2));
        let answer = story.get(&format!("/class/{class}/waiting{at}"));
        let Waiting(jobs) = story.proven(&answer, &StateKey::Waiting(class)).unwrap_or_default();
        let ids: Vec<String> = jobs.iter().map(|entry| entry.job.to_string()).collect();
        let told = answer["jobs"].as_array().unwrap().iter().map(|job| &job["id"]);
        assert_eq!(json!(ids), json!(told.collect::<Vec<_>>()));

        let answer = story.get(&format!("/operator/{}{at}", bob.address));
        let leaf: Operator = story.proven(&answer, &StateKey::Operator(bob.address)).unwrap();
        assert_eq!(
            json!([answer["bond"], answer["locked"], answer["held"], answer["exists"]]),
            json!([leaf.bond, leaf.locked, leaf.held, true])
        );
        let answer = story.get(&format!("/appoint/{}{at}", alice.address));
        let leaf: Appointed = story.proven(&answer, &StateKey::Appoint(alice.address)).unwrap();
        assert_eq!(
            (&answer["next"], &answer["from"]),
            (&json!(bob.address.to_string()), &json!(1))
        );
        assert_eq!(leaf.next, bob.address);
        let answer = story.get(&format!("/pool/0{at}"));
        let pool: Option<ProvingPool> = story.proven(&answer, &StateKey::ProvingPool(0));
        let pool = pool.unwrap_or_default();
        assert_eq!(json!([answer["granted"], answer["left"]]), json!([pool.granted, pool.left]));

        let answer = story.get(&format!("/queue{at}"));
        let queue: Option<QueuePage> = story.proven(&answer, &StateKey::Queue(0));
        let count = queue.map(|QueuePage(events)| events.len());
        assert_eq!(answer["events"].as_array().map(Vec::len), count);
        let answer = story.get(&format!("/agenda{at}"));
        let oldest: Option<AgendaOldest> = story.proven(&answer, &StateKey::AgendaOldest);
        assert_eq!(answer["oldest_height"], json!(oldest.map(|oldest| oldest.height)));
        // The hard limit of both jobs is 23.
        let answer = story.get(&format!("/agenda/24{at}"));
        let page: Option<AgendaPage> = story.proven(&answer, &StateKey::Agenda(24, 0));
        let ids = page.map(|AgendaPage(jobs)| jobs.iter().map(Hash::to_string).collect::<Vec<_>>());
        assert_eq!(answer["jobs"], json!(ids));
        assert_eq!(ids.map(|ids| ids.len()), (height >= 3).then_some(2));
        let chain = &story.server.node.chain;
        let last = StateKey::AgendaLast(24);
        assert!(proven::<AgendaLast>(chain, &answer, "last_page_proof", &last).is_none());
        assert_eq!(answer["last_page"], 0);
    }
    assert!(story.get(&format!("/operator/{}?height=0", bob.address))["exists"] == false);
}

#[test]
fn the_supply_adds_up_at_any_height() {
    let story = story(6);
    for height in 1..=6 {
        let supply = story.get(&format!("/supply?height={height}"));
        assert_eq!(supply["height"], height);
        let part = |name: &str| supply["supply"][name].as_u64().unwrap();
        assert_eq!(
            part("genesis") + part("emitted") - part("burned"),
            ["balances", "pending", "share_fund", "proving_pools", "bonds", "escrows"]
                .map(part)
                .iter()
                .sum::<u64>()
        );
        assert_eq!(part("bonds"), if height >= 5 { BOND - FALSE_PROOF } else { BOND });
    }
}

fn ask_json(ask: &BookAsk) -> Value {
    json!({
        "operator": ask.operator.to_string(), "price": ask.price.to_string(),
        "blocks": ask.blocks, "capacity": ask.capacity, "max_bond": ask.max_bond.to_string(),
        "until": ask.until, "since": ask.since, "open": ask.open,
    })
}

#[test]
fn a_job_is_told_from_its_request_to_its_end() {
    let story = story(8);
    let (matched, cheap, [alice, bob, _]) = (story.matched, story.cheap, actors());
    let job = |id: Hash, height: u32| story.get(&format!("/job/{id}?height={height}"));
    let states = |id: Hash| -> Vec<Value> {
        (2..=8).map(|height| job(id, height)["status"].clone()).collect()
    };
    assert_eq!(
        states(matched),
        ["absent", "waiting", "assigned", "delivered", "delivered", "delivered", "delivered"]
    );
    assert_eq!(
        states(cheap),
        ["absent", "waiting", "open", "open", "open", "assigned", "assigned"]
    );
    for height in 2..=8 {
        for id in [matched, cheap] {
            let answer = job(id, height);
            let leaf: Option<JobLeaf> = story.proven(&answer, &StateKey::Job(id));
            assert_eq!(leaf.is_some(), height >= 3);
            assert_eq!(
                (&answer["request_height"], answer["request_index"].is_u64()),
                (&json!(3), true)
            );
        }
    }
    let live = &job(matched, 4)["live"];
    assert_eq!(
        live["assignment"],
        json!({"operator": bob.address.to_string(), "ask_price": ASK, "promise": 7,
            "bond": 1_000_000, "assigned": 4})
    );
    assert_eq!(
        json!([
            live["requester"],
            live["price"],
            live["late_price"],
            live["soft"],
            live["escrow"],
            live["bond"],
            live["created"],
            live["place"]
        ]),
        json!([alice.address.to_string(), "1000000", "500000", 13, 1_000_000, 100_000, 3, 0])
    );
    assert_eq!(job(cheap, 4)["live"]["opened"], 4);
    assert_eq!(
        (job(matched, 5)["live"].clone(), job(matched, 5)["hard"].clone()),
        (Value::Null, json!(23))
    );

    // What happened, with the amounts.
    let events = story.get(&format!("/job/{matched}/events"));
    let told: Vec<(&Value, &Value)> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["what"], &event["height"]))
        .collect();
    assert_eq!(json!(told), json!([["requested", 3], ["assigned", 4], ["delivered", 5]]));
    let delivered = &events["events"][2];
    assert_eq!(
        json!([delivered["paid"], delivered["burned"], delivered["royalty"], delivered["refund"]]),
        json!([[{"operator": bob.address.to_string(), "amount": ASK - 40_000 - 80_000}], 40_000,
            80_000, 1_000_000 - ASK + 100_000])
    );
    assert_eq!((&events["status"], &events["next"]), (&json!("delivered"), &Value::Null));
    let page = story.get(&format!("/job/{matched}/events?limit=1"));
    let next = &page["next"];
    let rest = format!("from_height={}&from_index={}", next["height"], next["index"]);
    let rest = story.get(&format!("/job/{matched}/events?{rest}"));
    assert_eq!(json!([page["events"][0], rest["events"][0], rest["events"][1]]), events["events"]);
}

#[test]
fn lists_go_back_from_the_newest() {
    let story = story(8);
    let (class, [alice, bob, carol]) = (story.class, actors());
    let classes = story.get("/classes");
    assert_eq!(classes["classes"][0]["id"], class.to_string());
    assert_eq!(
        json!([classes["classes"][0]["live"], classes["classes"][0]["delivered"], classes["next"]]),
        json!([1, 1, null])
    );
    let ids = |path: &str| {
        let answer = story.get(path);
        answer["jobs"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect::<Vec<_>>()
    };
    let both = [json!(story.cheap.to_string()), json!(story.matched.to_string())];
    assert_eq!(ids(&format!("/class/{class}/jobs")), both);
    assert_eq!(ids(&format!("/account/{}/jobs", alice.address)), both);
    assert_eq!(ids(&format!("/operator/{}/jobs", bob.address)), both);
    assert_eq!(ids(&format!("/operator/{}/jobs", carol.address)), Vec::<Value>::new());
    assert_eq!(ids("/jobs?status=assigned"), both[..1]);
    assert_eq!(ids("/jobs?status=delivered"), both[1..]);
    assert_eq!(ids("/jobs?status=open"), Vec::<Value>::new());
    // A page ends where a block does.
    assert_eq!(ids(&format!("/class/{class}/jobs?limit=1")), both);
    let page = story.get(&format!("/operator/{}/jobs?limit=1", bob.address));
    assert_eq!((page["jobs"].as_array().unwrap().len(), &page["next"]), (1, &json!(7)));
    assert_eq!(ids(&format!("/operator/{}/jobs?before=7", bob.address)), both[1..]);

    let deliveries = story.get(&format!("/operator/{}/deliveries", bob.address));
    let told: Vec<Value> = deliveries["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!([item["height"], item["outcome"], item["proof_holds"], item["jobs"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!([5, "false_proof", false, [story.cheap.to_string()]]),
            json!([5, "applied", true, [story.matched.to_string()]])
        ]
    );
    let price = ASK.to_string();
    let prices = story.get(&format!("/class/{class}/prices"));
    let of = |height: u32| {
        json!({
            "height": height, "last": price, "low": price, "high": price, "count": 1,
        })
    };
    assert_eq!(prices["prices"], json!([of(7), of(4)]));
    let page = story.get(&format!("/class/{class}/prices?limit=1"));
    assert_eq!((&page["prices"], &page["next"]), (&json!([of(7)]), &json!(7)));
}

#[test]
fn what_became_of_a_transaction_is_told_with_it() {
    let story = story(6);
    let fate = |id: &Hash| {
        let answer = story.get(&format!("/transaction/{id}"));
        json!([answer["type"], answer["outcome"], answer["proof_holds"], answer["reason"]])
    };
    let applied = |kind: &str| json!([kind, "applied", null, null]);
    let expected = [
        applied("register_class"),
        applied("bond"),
        applied("appoint"),
        applied("ask"),
        applied("request"),
        applied("request"),
        json!(["deliver", "applied", true, null]),
        json!(["deliver", "false_proof", false, null]),
        json!(["cancel", "void", null, "there is no such job, or it has ended"]),
        applied("raise"),
    ];
    assert_eq!(story.ids.iter().map(fate).collect::<Vec<_>>(), expected);
    let register = story.get(&format!("/transaction/{}", story.class));
    assert_eq!(register["values"], testing::class(3, 1).values());
    // The same in the block, and beside an account.
    let block = story.get("/block/5");
    let told = block["transactions"].as_array().unwrap().iter().map(|item| &item["outcome"]);
    assert_eq!(json!(told.collect::<Vec<_>>()), json!(["applied", "false_proof", "void"]));
    let [alice, ..] = actors();
    let own = story.get(&format!("/account/{}/transactions", alice.address));
    assert_eq!(
        json!([own["transactions"][0]["type"], own["transactions"][0]["outcome"]]),
        json!(["raise", "applied"])
    );
    let account: Account = story
        .proven(
            &story.get(&format!("/account/{}", alice.address)),
            &StateKey::Account(alice.address),
        )
        .unwrap();
    assert_eq!(account.nonce, 6);
}

#[test]
fn why_names_the_rule_that_fails_and_what_would_help() {
    let bob: Address = actors()[1].address;
    // Before its matching: it fits, and an event is queued.
    let waiting = story(3);
    let why = waiting.get(&format!("/job/{}/why", waiting.matched));
    assert_eq!(
        json!([why["status"], why["event"], why["chosen"], why["height"], why["bond"]]),
        json!(["waiting", 4, bob.to_string(), 4, "1000000"])
    );
    let ask = &why["asks"][0];
    assert_eq!(
        json!([ask["fits"], ask["misfit"], ask["effective"], ask["promise"], ask["value"]]),
        json!([true, null, ASK.to_string(), 7, "1000000"])
    );
    // And so it is assigned.
    let story = story(4);
    let why = story.get(&format!("/job/{}/why", story.matched));
    assert!(why["summary"].as_str().unwrap().starts_with("assigned to "), "{why}");

    // The other one is worth too little.
    let why = story.get(&format!("/job/{}/why", story.cheap));
    let raise = json!({"price": ASK.to_string(), "late_price": "250000"});
    assert_eq!(
        json!([why["status"], why["event"], why["chosen"], why["raise"]]),
        json!(["open", null, null, raise])
    );
    assert_eq!(
        why["asks"][0]["misfit"],
        json!({"rule": "price", "needed": ASK.to_string(), "got": "500000",
            "reason": "the ask's price is 800000, and the job is worth 500000 when it is \
                delivered"})
    );
    assert!(why["summary"].as_str().unwrap().contains("Raise the price to 800000"), "{why}");
    let class = story.class;
    let estimate = |query: &str| story.get(&format!("/class/{class}/estimate?{query}"));
    let answer = estimate("price=900000&soft_blocks=10");
    assert_eq!(
        json!([answer["fitting"], answer["lowest"], answer["requester_bond"], answer["ahead"]]),
        json!([1, ASK.to_string(), "90000", 0])
    );
    // Included in block 5, matched in block 6, promised by block 9.
    assert_eq!(
        json!([
            answer["height"],
            answer["promise_to"],
            answer["wait_blocks"],
            answer["last_price"]
        ]),
        json!([6, 9, 4, ASK.to_string()])
    );
    for (query, rule, needed) in [
        ("price=700000&soft_blocks=10", "price", json!("800000")),
        ("price=900000&soft_blocks=1&hard_blocks=3", "time", json!("9")),
        ("price=900000&soft_blocks=10&damage=60000000", "max_bond", json!("60000000")),
        ("price=900000&soft_blocks=10&damage=49500000", "bond", json!("50500000")),
        ("price=900000&soft_blocks=10&min_reputation=7", "reputation", json!("7")),
    ] {
        let answer = estimate(query);
        let misfit = &answer["asks"][0]["misfit"];
        assert_eq!((&misfit["rule"], &misfit["needed"]), (&json!(rule), &needed), "{answer}");
        assert_eq!((&answer["fitting"], &answer["wait_blocks"]), (&json!(0), &Value::Null));
    }
    let other = actors()[2].address;
    let answer = estimate(&format!("price=900000&soft_blocks=10&operator={other}"));
    assert_eq!(answer["asks"][0]["misfit"]["rule"], "named");
}

#[test]
fn what_happens_to_jobs_is_told_as_it_happens() {
    let story = story(3);
    let chain = &story.server.node.chain;
    let mut listener = Listener::start(&story.server);
    let [_, _, carol] = actors();
    let block = chain.build(&carol, 0, Vec::new(), Vec::new());
    let outcome = chain.store(block);
    story.server.node.events.publish_chain(&outcome.events, |height| height / 4);
    assert_eq!(listener.next().0, "block");
    let (name, data) = listener.next();
    assert_eq!(name, "jobs");
    assert_eq!(
        json!([data["what"], data["job"], data["class"], data["height"], data["promise"]]),
        json!(["assigned", story.matched.to_string(), story.class.to_string(), 4, 7])
    );
    let (name, data) = listener.next();
    assert_eq!((name.as_str(), &data["what"]), ("jobs", &json!("opened")));
    assert_eq!(data["job"], story.cheap.to_string());
}

#[test]
fn what_there_is_not_is_404_and_what_cannot_be_read_400() {
    let story = story(3);
    let unknown = Hash([9; 32]);
    for path in [
        format!("/class/{unknown}"),
        format!("/class/{unknown}/key"),
        format!("/class/{unknown}/book"),
        format!("/class/{unknown}/waiting"),
        format!("/class/{unknown}/jobs"),
        format!("/class/{unknown}/prices"),
        format!("/class/{unknown}/estimate?price=1&soft_blocks=1"),
    ] {
        let line = story.server.get(&path).error(404);
        assert_eq!(line, format!("no class {unknown}"), "{path}");
    }
    for path in ["", "/events", "/why"] {
        let line = story.server.get(&format!("/job/{unknown}{path}")).error(404);
        assert_eq!(line, format!("no job {unknown}"), "{path}");
    }
    let ended = self::story(5);
    let line = ended.server.get(&format!("/job/{}/why", ended.matched)).error(404);
    assert_eq!(line, format!("job {} has ended", ended.matched));
    // A class is no job, and at its first height there was none.
    story.server.get(&format!("/job/{}", story.class)).error(404);
    story.server.get(&format!("/class/{}?height=0", story.class)).error(404);
    for path in ["/supply?height=4", "/queue?height=4", "/agenda?height=4", "/pool/0?height=4"] {
        story.server.get(path).error(404);
    }
    let class = story.class;
    for path in [
        "/class/00".to_owned(),
        "/job/x".to_owned(),
        "/operator/aleo1".to_owned(),
        "/appoint/aleo1".to_owned(),
        "/pool/x".to_owned(),
        "/agenda/x".to_owned(),
        "/queue?page=-1".to_owned(),
        "/jobs".to_owned(),
        "/jobs?status=absent".to_owned(),
        "/jobs?status=lost".to_owned(),
        "/classes?limit=0".to_owned(),
        "/classes?limit=201".to_owned(),
        format!("/class/{class}?depth=1"),
        format!("/class/{class}/estimate"),
        format!("/class/{class}/estimate?price=0&soft_blocks=1"),
        format!("/class/{class}/estimate?price=5&late_price=6&soft_blocks=1"),
        format!("/class/{class}/estimate?price=5&soft_blocks=2&hard_blocks=1"),
        format!("/class/{class}/estimate?price=5&soft_blocks=1&hard_blocks=100001"),
        format!("/class/{class}/estimate?price=5&soft_blocks=1&min_reputation=9970"),
    ] {
        story.server.get(&path).error(400);
    }
}

/// `tests/recompute.py` has the market's rules in another language: states, outcomes and money of
/// every block must be what it comes to.
#[test]
fn an_outside_program_recomputes_the_market_from_the_api_alone() {
    let story = story(8);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.toml");
    let network = lode_testkit::networks::file(story.server.node.chain.params());
    std::fs::write(&file, network).unwrap();
    let done = std::process::Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recompute.py"))
        .arg(format!("http://{}/tiny", story.server.address))
        .arg("--network")
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("recomputed 9 blocks, 0 shares, 10 transactions"), "{said}");
}

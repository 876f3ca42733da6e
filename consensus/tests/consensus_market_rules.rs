//! What makes a transaction of the market invalid, and what makes it void: a case for each reason,
//! each beside the neighbour that is just allowed. What is refused changes nothing; what is void
//! pays its fee, uses its nonce and changes nothing else ([`World::judge`] holds it to that).

use lode_consensus::{
    Account, Action, Address, Decode, DecodeError, Encode, Hash, Height, StateKey, Transaction,
    market::{
        Operator, Policy, Selection, Value,
        event::{Outcome, Void},
        job::Status,
    },
    transaction::{Appoint, Ask, Deliver, RegisterClass, Request, StaticError},
    transition::TransactionError,
};
use lode_testkit::world::{
    BALANCE, CREATOR, FEE, World, actor, appoint, ask, bond, cancel, decline, deliver,
    deliver_false, policy, raise, register, request, sent, unbond,
};

type Judged = Result<Outcome, TransactionError>;

const APPLIED: Judged = Ok(Outcome::Applied);
/// What a false proof costs, and what stays free besides every bond.
const FALSE_PROOF: u64 = 1_000_000;
/// What verifying a proof of one job with one value costs here: 12,000 + 600 + 40.
const ONE_PROOF: u64 = 12_640;

fn void(reason: Void) -> Judged {
    Ok(Outcome::Void(reason))
}

fn malformed(error: StaticError) -> Judged {
    Err(TransactionError::Static(error))
}

fn out_of(what: &'static str, low: u64, high: u64, got: u64) -> Judged {
    malformed(StaticError::Range { what, low, high, got })
}

fn registered(change: impl FnOnce(&mut RegisterClass)) -> Action {
    let mut class = register(policy());
    change(&mut class);
    Action::RegisterClass(class)
}

fn asked(class: Hash, change: impl FnOnce(&mut Ask)) -> Action {
    let mut ask = ask(class);
    change(&mut ask);
    Action::Ask(ask)
}

fn requested(class: Hash, change: impl FnOnce(&mut Request)) -> Action {
    let mut request = request(class);
    change(&mut request);
    Action::Request(request)
}

fn class_with(world: &mut World, change: impl FnOnce(&mut Policy)) -> Hash {
    let mut policy = policy();
    change(&mut policy);
    world.class(policy)
}

/// A market after block 1005: a job that `op` is to deliver by 1007, and may give back until 1006,
/// and one that is open since 1005.
struct Stage {
    world: World,
    class: Hash,
    assigned: Hash,
    open: Hash,
}

fn stage_with(change: impl FnOnce(&mut Policy)) -> Stage {
    let mut world = World::new(&["idle", "op", "req", "rival"]);
    world.operate("op", 100_000_000);
    world.operate("rival", 100_000_000);
    let class = class_with(&mut world, change);
    world.act("op", asked(class, |ask| ask.capacity = 1));
    let assigned = world.act("req", Action::Request(request(class)));
    let open = world.act("req", Action::Request(request(class)));
    world.skip(1);
    assert_eq!(world.height(), 1_005);
    assert_eq!(world.assignee(&assigned), Some(actor("op")));
    assert_eq!(world.job(&open).status, Status::Open);
    Stage { world, class, assigned, open }
}

fn stage() -> Stage {
    stage_with(|_| {})
}

/// One action of each kind from tag 2 on, with a sender who may do it now.
fn one_of_each(stage: &Stage) -> Vec<(&'static str, Action)> {
    let all = vec![
        ("req", registered(|_| {})),
        ("op", bond(5)),
        ("op", unbond(5)),
        ("op", asked(stage.class, |_| {})),
        ("req", requested(stage.class, |_| {})),
        ("req", raise(stage.open, 10_001, 0)),
        ("req", cancel(stage.open)),
        ("op", decline(stage.assigned)),
        ("op", deliver("op", &[stage.assigned])),
        ("op", appoint("rival")),
    ];
    assert!(all.iter().map(|(_, action)| action.tag()).eq(2..=11));
    all
}

// --- Invalid: the envelope -----------------------------------------------------------------------

#[test]
fn expiry_nonce_sender_and_fee_hold_for_every_kind() {
    let stage = stage();
    let Stage { world, .. } = &stage;
    let height = world.height() + 1;
    for (from, action) in one_of_each(&stage) {
        let name = action.name();
        let plain = sent(from, action);
        assert_eq!(world.judge_transaction(&plain), APPLIED, "{name}");

        let last = Transaction { expiry: height, ..plain.clone() };
        assert_eq!(world.judge_transaction(&last), APPLIED, "{name}");
        let late = Transaction { expiry: height - 1, ..plain.clone() };
        let expired = TransactionError::Expired { expiry: height - 1, height };
        assert_eq!(world.judge_transaction(&late), Err(expired), "{name}");

        let expected = world.account(from).nonce;
        for got in [expected.wrapping_sub(1), expected + 1] {
            if got == u64::MAX {
                continue;
            }
            let other = Transaction { nonce: got, ..plain.clone() };
            let wrong = TransactionError::Nonce { expected, got };
            assert_eq!(world.judge_transaction(&other), Err(wrong), "{name}");
        }

        let stranger = Transaction { from: actor("nobody"), ..plain.clone() };
        let unknown = TransactionError::NoAccount(actor("nobody"));
        assert_eq!(world.judge_transaction(&stranger), Err(unknown), "{name}");

        let dear = Transaction { fee: world.balance(from) + 1, ..plain.clone() };
        let judged = world.judge_transaction(&dear);
        assert!(matches!(judged, Err(TransactionError::Balance { .. })), "{name}: {judged:?}");
    }
}

/// No account gets there: it would have made 2^64 transactions.
#[test]
fn the_last_nonce_is_never_used() {
    let mut stage = stage();
    let Account { balance, .. } = stage.world.account("op");
    for (nonce, expected) in
        [(u64::MAX - 1, APPLIED), (u64::MAX, Err(TransactionError::Overflow("the sender's nonce")))]
    {
        stage.world.put(StateKey::Account(actor("op")), Account { balance, nonce });
        assert_eq!(stage.world.judge("op", decline(stage.assigned)), expected);
    }
}

/// A fee of all that there is leaves nothing for what a kind takes besides; what takes nothing is
/// applied.
#[test]
fn the_fee_may_be_the_whole_balance() {
    let stage = stage();
    for (from, action) in one_of_each(&stage) {
        let takes_more = matches!(
            action,
            Action::RegisterClass(_) | Action::Bond(_) | Action::Request(_) | Action::Raise(_)
        );
        let name = action.name();
        let all = Transaction { fee: stage.world.balance(from), ..sent(from, action) };
        let judged = stage.world.judge_transaction(&all);
        if takes_more {
            assert!(matches!(judged, Err(TransactionError::Balance { .. })), "{name}: {judged:?}");
        } else {
            assert_eq!(judged, APPLIED, "{name}");
        }
    }
}

/// What is void takes its fee before anything else: without it, it is invalid.
#[test]
fn a_void_transaction_that_cannot_pay_its_fee_is_invalid() {
    let mut stage = stage();
    stage.world.fund("idle", FEE);
    assert_eq!(stage.world.judge("idle", cancel(Hash::ZERO)), void(Void::NoJob));
    stage.world.fund("idle", FEE - 1);
    let short = TransactionError::Balance { needed: FEE, balance: FEE - 1 };
    assert_eq!(stage.world.judge("idle", cancel(Hash::ZERO)), Err(short));
}

// --- Invalid: forms and ranges -------------------------------------------------------------------

#[test]
fn policies_keep_their_ranges() {
    type Field = (&'static str, u64, u64, fn(&mut Policy, u64));
    let world = World::new(&[]);
    let latest = u64::from(world.height()) + 1 + 2_102_400;
    let fields: [Field; 9] = [
        ("winners", 1, 16, |policy, got| policy.winners = got as u8),
        ("window", 1, 65_535, |policy, got| policy.window = got as u16),
        ("band_bps", 0, 1_000, |policy, got| policy.band_bps = got as u16),
        ("bond_bps", 1_000, 65_535, |policy, got| policy.bond_bps = got as u16),
        ("min_reputation", 0, 9_969, |policy, got| policy.min_reputation = got as u16),
        ("share_cap_bps", 0, 10_000, |policy, got| {
            (policy.share_cap_bps, policy.min_weight) = (got as u16, 1);
        }),
        ("max_operators", 1, 64, |policy, got| policy.max_operators = got as u16),
        ("claim_blocks", 1, 32, |policy, got| policy.claim_blocks = got as u8),
        ("open_at", 0, latest, |policy, got| policy.open_at = got as Height),
    ];
    for (name, low, high, set) in fields {
        let judge = |got| world.judge(CREATOR, registered(|class| set(&mut class.policy, got)));
        assert_eq!(judge(low), APPLIED, "{name}");
        assert_eq!(judge(high), APPLIED, "{name}");
        if let Some(below) = low.checked_sub(1) {
            assert_eq!(judge(below), out_of(name, low, high, below));
        }
        if high < 65_535 || name == "open_at" {
            assert_eq!(judge(high + 1), out_of(name, low, high, high + 1));
        }
    }
}

/// It would count addresses, which are free.
#[test]
fn a_share_cap_needs_weight_or_bonds() {
    let world = World::new(&[]);
    let judge = |share_cap_bps, min_weight, min_bond| {
        let set = |class: &mut RegisterClass| {
            class.policy = Policy { share_cap_bps, min_weight, min_bond, ..policy() };
        };
        world.judge(CREATOR, registered(set))
    };
    let refused = malformed(StaticError::ShareCap { false_proof: FALSE_PROOF });
    assert_eq!(judge(9_999, 0, FALSE_PROOF - 1), refused);
    assert_eq!(judge(0, 0, 0), refused);
    assert_eq!(judge(9_999, 0, FALSE_PROOF), APPLIED);
    assert_eq!(judge(9_999, 1, 0), APPLIED);
    assert_eq!(judge(10_000, 0, 0), APPLIED);
}

#[test]
fn a_permission_list_ascends() {
    let world = World::new(&[]);
    let judge = |names: &[&str]| {
        let permitted = names.iter().map(|name| actor(name)).collect();
        world.judge(CREATOR, registered(|class| class.policy.permitted = permitted))
    };
    let refused = malformed(StaticError::NotAscending("permitted"));
    assert_eq!(judge(&["a", "b"]), APPLIED);
    assert_eq!(judge(&["b", "a"]), refused);
    assert_eq!(judge(&["a", "a"]), refused);
}

#[test]
fn a_registration_keeps_its_ranges_and_has_a_key_that_the_system_takes() {
    let world = World::new(&[]);
    let royalty = |bps| world.judge(CREATOR, registered(|class| class.royalty_bps = bps));
    assert_eq!(royalty(2_000), APPLIED);
    assert_eq!(royalty(2_001), out_of("royalty_bps", 0, 2_000, 2_001));
    let key = |key: &[u8]| world.judge(CREATOR, registered(|class| class.key = key.to_vec()));
    assert_eq!(key(&[1]), APPLIED);
    assert_eq!(key(&[0]), Err(TransactionError::Key { system: 1 }));
    assert_eq!(key(&[]), Err(TransactionError::Key { system: 1 }));
}

#[test]
fn bonds_are_of_something_and_fit_a_sum() {
    let stage = stage();
    let zero = malformed(StaticError::ZeroAmount);
    assert_eq!(stage.world.judge("op", bond(0)), zero);
    assert_eq!(stage.world.judge("op", bond(1)), APPLIED);
    assert_eq!(stage.world.judge("op", unbond(0)), zero);
    assert_eq!(stage.world.judge("op", unbond(1)), APPLIED);
    let overflow = malformed(StaticError::Overflow("amount + fee"));
    assert_eq!(stage.world.judge("op", bond(u64::MAX - FEE + 1)), overflow);
    let most = stage.world.judge("op", bond(u64::MAX - FEE));
    assert!(matches!(most, Err(TransactionError::Balance { needed: u64::MAX, .. })), "{most:?}");
}

/// Also one that takes an ask back.
#[test]
fn asks_keep_their_ranges() {
    let Stage { world, class, .. } = stage();
    for capacity in [0, 1] {
        let judge = |price, blocks| {
            let set = |ask: &mut Ask| {
                (ask.price, ask.blocks, ask.capacity) = (price, blocks, capacity);
            };
            world.judge("op", asked(class, set))
        };
        assert_eq!(judge(1, 2), APPLIED);
        assert_eq!(judge(1, 100_000), APPLIED);
        assert_eq!(judge(0, 2), out_of("price", 1, u64::MAX, 0));
        assert_eq!(judge(1, 1), out_of("blocks", 2, 100_000, 1));
        assert_eq!(judge(1, 100_001), out_of("blocks", 2, 100_000, 100_001));
    }
}

#[test]
fn requests_keep_their_ranges() {
    let Stage { world, class, .. } = stage();
    let judge = |price, late_price, soft_blocks, hard_blocks| {
        let set = |request: &mut Request| {
            (request.price, request.late_price) = (price, late_price);
            (request.soft_blocks, request.hard_blocks) = (soft_blocks, hard_blocks);
        };
        world.judge("req", requested(class, set))
    };
    assert_eq!(judge(1, 0, 1, 2), APPLIED);
    assert_eq!(judge(0, 0, 1, 2), out_of("price", 1, u64::MAX, 0));
    assert_eq!(judge(5, 5, 1, 2), APPLIED);
    assert_eq!(judge(5, 6, 1, 2), out_of("late_price", 0, 5, 6));
    assert_eq!(judge(1, 0, 1, 0), out_of("hard_blocks", 1, 100_000, 0));
    assert_eq!(judge(1, 0, 100_000, 100_000), APPLIED);
    assert_eq!(judge(1, 0, 1, 100_001), out_of("hard_blocks", 1, 100_000, 100_001));
    assert_eq!(judge(1, 0, 0, 2), out_of("soft_blocks", 1, 2, 0));
    assert_eq!(judge(1, 0, 2, 2), APPLIED);
    assert_eq!(judge(1, 0, 3, 2), out_of("soft_blocks", 1, 2, 3));
    let reputation =
        |least| world.judge("req", requested(class, |request| request.min_reputation = least));
    assert_eq!(reputation(9_969), APPLIED);
    assert_eq!(reputation(9_970), out_of("min_reputation", 0, 9_969, 9_970));
}

/// Whatever the job is: also of one that there is not.
#[test]
fn a_raise_has_no_late_price_above_its_price() {
    let Stage { world, open, .. } = stage();
    assert_eq!(world.judge("req", raise(open, 10_000, 10_000)), APPLIED);
    for job in [open, Hash::ZERO] {
        let judged = world.judge("req", raise(job, 10_000, 10_001));
        assert_eq!(judged, out_of("late_price", 0, 10_000, 10_001));
    }
}

#[test]
fn a_deliver_lists_jobs_in_order_each_once() {
    let Stage { world, assigned, open, .. } = stage();
    let judge = |jobs: &[Hash]| {
        let delivery = Deliver { jobs: jobs.to_vec(), proof: vec![7; 32] };
        world.judge("op", Action::Deliver(delivery))
    };
    let (low, high) = (assigned.min(open), assigned.max(open));
    assert_eq!(judge(&[low, high]), Ok(Outcome::FalseProof));
    assert_eq!(judge(&[high, low]), malformed(StaticError::NotAscending("jobs")));
    assert_eq!(judge(&[low, low]), malformed(StaticError::NotAscending("jobs")));
    assert_eq!(judge(&[]), out_of("jobs", 1, 16, 0));
    let numbered: Vec<Hash> = (0..17).map(|number| Hash([number; 32])).collect();
    assert_eq!(judge(&numbered[..16]), void(Void::MixedJobs));
    assert_eq!(judge(&numbered), out_of("jobs", 1, 16, 17));
}

/// What the decoder refuses stands in no block.
#[test]
fn lengths_and_codes_are_held_to_by_the_decoder() {
    let decoded = |action: Action| Transaction::decode(&sent("a", action).encode());
    let too_many = |what, limit| DecodeError::TooMany { what, limit, got: limit + 1 };
    let key = |bytes| decoded(registered(|class| class.key = vec![1; bytes]));
    assert!(key(8_192).is_ok());
    assert_eq!(key(8_193), Err(too_many("key bytes", 8_192)));
    let source = |bytes| decoded(registered(|class| class.source = vec![1; bytes]));
    assert!(source(32_768).is_ok());
    assert_eq!(source(32_769), Err(too_many("source bytes", 32_768)));
    let permitted = |count: u8| {
        let list = (0..count).map(|number| Address([number; 32])).collect();
        decoded(registered(|class| class.policy.permitted = list))
    };
    assert!(permitted(64).is_ok());
    assert!(matches!(permitted(65), Err(DecodeError::TooMany { limit: 64, got: 65, .. })));
    let system = |system| decoded(registered(|class| class.system = system));
    assert!(system(1).is_ok());
    assert!(system(0).is_err() && system(2).is_err());
    let witness = |bytes| decoded(requested(Hash::ZERO, |it| it.witness = vec![1; bytes]));
    assert!(witness(16_384).is_ok());
    assert_eq!(witness(16_385), Err(too_many("witness bytes", 16_384)));
    let values =
        |count| decoded(requested(Hash::ZERO, |it| it.values = vec![Value([0; 32]); count]));
    assert!(values(64).is_ok());
    assert_eq!(values(65), Err(too_many("values", 64)));
    let delivery = |jobs, bytes| {
        decoded(Action::Deliver(Deliver { jobs: vec![Hash::ZERO; jobs], proof: vec![1; bytes] }))
    };
    assert!(delivery(16, 32_768).is_ok());
    assert_eq!(delivery(17, 0), Err(too_many("jobs", 16)));
    assert_eq!(delivery(1, 32_769), Err(too_many("proof bytes", 32_768)));
}

#[test]
fn unknown_tags_flags_and_selections_are_refused() {
    let set = |action: Action, place: usize, byte: u8| {
        let mut bytes = sent("a", action).encode();
        bytes[place] = byte;
        Transaction::decode(&bytes)
    };
    // The tag of the transaction, the first byte.
    assert!(set(appoint("b"), 0, 11).is_ok());
    assert!(set(appoint("b"), 0, 0).is_err() && set(appoint("b"), 0, 12).is_err());
    // The envelope has 53 bytes; the policy follows the system, and begins with the selection,
    // winners (1) and window (2).
    for code in 0..=2 {
        assert!(set(registered(|_| {}), 54, code).is_ok());
    }
    assert!(set(registered(|_| {}), 54, 3).is_err());
    assert!(set(registered(|_| {}), 58, 1).is_ok());
    assert!(set(registered(|_| {}), 58, 2).is_err(), "randomised");
    // Class, prices, blocks, damage and reputation stand before the flags: 66 bytes.
    let plain = || requested(Hash::ZERO, |_| {});
    assert!(set(plain(), 119, 1).is_ok());
    assert!(set(plain(), 119, 4).is_err());
    assert!(set(plain(), 119, 0x80).is_err());
}

#[test]
fn values_are_below_the_order_of_the_field() {
    let order = "12ab655e9a2ca55660b44d1e5c37b00159aa76fed00000010a11800000000001";
    let mut order: [u8; 32] = hex::decode(order).unwrap().try_into().unwrap();
    order.reverse();
    let decoded = |value: [u8; 32]| {
        let action = requested(Hash::ZERO, |request| request.values = vec![Value(value)]);
        Transaction::decode(&sent("a", action).encode())
    };
    let mut greatest = order;
    greatest[0] -= 1;
    assert!(decoded(greatest).is_ok());
    assert!(decoded(order).is_err());
    assert!(decoded([0xff; 32]).is_err());
}

// --- Invalid: classes ----------------------------------------------------------------------------

#[test]
fn a_request_fits_its_class() {
    let Stage { mut world, class, .. } = stage();
    let unknown = Hash([9; 32]);
    let judged = world.judge("req", requested(unknown, |_| {}));
    assert_eq!(judged, Err(TransactionError::NoClass(unknown)));
    for got in [0, 2] {
        let values = vec![Value([0; 32]); got];
        let judged = world.judge("req", requested(class, |request| request.values = values));
        assert_eq!(judged, Err(TransactionError::Values { expected: 1, got }));
    }
    let hard = |class, blocks| {
        let set = |request: &mut Request| {
            (request.soft_blocks, request.hard_blocks) = (1, blocks);
        };
        requested(class, set)
    };
    assert_eq!(world.judge("req", hard(class, 2)), APPLIED);
    let refused = Err(TransactionError::HardBlocks { least: 2 });
    assert_eq!(world.judge("req", hard(class, 1)), refused);

    let contest = class_with(&mut world, |policy| policy.selection = Selection::Contest);
    assert_eq!(world.judge("req", hard(contest, 1)), APPLIED);
    let immediate = |class| requested(class, |request| request.immediate = true);
    let direct = |class| requested(class, |request| request.operator = Some(actor("op")));
    let flags = Err(TransactionError::ContestFlags);
    assert_eq!(world.judge("req", immediate(contest)), flags);
    assert_eq!(world.judge("req", direct(contest)), flags);
    assert_eq!(world.judge("req", immediate(class)), APPLIED);
    assert_eq!(world.judge("req", direct(class)), APPLIED);
}

/// Those in a policy and the operator of a direct Request are bytes; that of an Appoint is checked
/// with the block's signatures, as a transfer's recipient is.
#[test]
fn only_an_appointments_operator_must_be_an_address() {
    let bytes = Address([0xff; 32]);
    assert!(bytes.check().is_err());
    let Stage { world, class, .. } = stage();
    let listed = registered(|register| register.policy.permitted = vec![bytes]);
    let direct = requested(class, |request| request.operator = Some(bytes));
    for action in [listed, direct] {
        assert_eq!(world.judge("req", action.clone()), APPLIED);
        assert_eq!(sent("req", action).recipient(), None);
    }
    let appoint = sent("req", Action::Appoint(Appoint { operator: bytes }));
    assert_eq!(appoint.recipient(), Some(bytes));
}

// --- Invalid: balances ---------------------------------------------------------------------------

/// Every kind that takes something, with a balance of just that and one below.
#[test]
fn the_balance_covers_fee_and_all_that_is_taken() {
    let Stage { world, class, open, .. } = stage();
    let cases = [
        // 106 bytes: an envelope of 53, system 1, policy 45, royalty 2, key 2 + 1, source 2;
        // 10 microcredits each.
        ("registration", registered(|_| {}), 1_060),
        ("bond", bond(5), 5),
        // Escrow 10,000; bond max(10,000, 1,000); 156 bytes: 53, 67 fixed, values 2 + 32, witness
        // 2; floor(156 · 1,012 / 1,000) = 157.
        ("request", requested(class, |_| {}), 10_000 + 10_000 + 157),
        // Bond max(10,000, 30,000); floor(156 · 101,000 / 1,000) = 15,756.
        (
            "long request",
            requested(class, |request| (request.price, request.hard_blocks) = (300_000, 100_000)),
            300_000 + 30_000 + 15_756,
        ),
        // The price is 10,000: the bond does not change up to 100,000.
        ("raise", raise(open, 100_000, 0), 90_000),
        ("higher raise", raise(open, 200_000, 0), 190_000 + 10_000),
    ];
    for (name, action, taken) in cases {
        let (mut rich, mut poor) = (world.clone(), world.clone());
        rich.fund("req", taken + FEE);
        assert_eq!(rich.judge("req", action.clone()), APPLIED, "{name}");
        rich.act("req", action.clone());
        assert_eq!(rich.balance("req"), 0, "{name}");
        poor.fund("req", taken + FEE - 1);
        let short = TransactionError::Balance { needed: taken + FEE, balance: taken + FEE - 1 };
        assert_eq!(poor.judge("req", action), Err(short), "{name}");
    }
}

/// Sums are taken in 128 bits: what no balance can hold is refused as what this one cannot.
#[test]
fn what_no_balance_can_hold_is_invalid() {
    let Stage { world, class, open, .. } = stage();
    let all = requested(class, |request| request.price = u64::MAX);
    let judged = world.judge("req", all);
    assert!(matches!(judged, Err(TransactionError::Balance { needed: u64::MAX, .. })));
    let judged = world.judge("req", raise(open, u64::MAX, u64::MAX));
    assert!(matches!(judged, Err(TransactionError::Balance { needed: u64::MAX, .. })));
}

/// What is void is void whatever the balance is; what is not is held to it.
#[test]
fn a_balance_is_looked_at_last() {
    let Stage { mut world, class, open, .. } = stage();
    world.fund("req", FEE);
    assert_eq!(world.judge("req", raise(open, 9_999, 0)), void(Void::Lowered));
    assert_eq!(world.judge("req", raise(open, 10_000, 0)), APPLIED);
    let one_more = TransactionError::Balance { needed: FEE + 1, balance: FEE };
    assert_eq!(world.judge("req", raise(open, 10_001, 0)), Err(one_more));
    let judged = world.judge("req", requested(class, |_| {}));
    assert!(matches!(judged, Err(TransactionError::Balance { .. })));
}

// --- Invalid: what a block holds -----------------------------------------------------------------

/// A market where `op` has three jobs and three are open, after block 1007.
fn busy(change: impl FnOnce(&mut World)) -> (World, Vec<Hash>, Vec<Hash>) {
    let mut world = World::new(&["op", "req", "rival"]);
    change(&mut world);
    world.operate("op", 100_000_000);
    world.operate("rival", 100_000_000);
    let class = world.class(policy());
    world.act("op", asked(class, |ask| (ask.capacity, ask.blocks) = (3, 8)));
    world.skip(1);
    let three = [(); 3].map(|()| ("req", requested(class, |_| {})));
    let own = world.must(&three);
    world.skip(1);
    let open = world.must(&three);
    world.skip(1);
    assert!(own.iter().all(|job| world.assignee(job) == Some(actor("op"))));
    assert!(open.iter().all(|job| world.job(job).status == Status::Open));
    (world, own, open)
}

fn over(limit: u64, units: u64) -> Judged {
    Err(TransactionError::ProofBudget { limit, units })
}

#[test]
fn assignees_may_use_the_whole_proof_budget_and_others_half_of_it() {
    for (budget, both) in [(2 * ONE_PROOF, true), (2 * ONE_PROOF - 1, false)] {
        let (world, own, open) = busy(|world| world.params.market.proof_budget = budget);
        let deliveries: Vec<_> = own.iter().map(|job| ("op", deliver("op", &[*job]))).collect();
        let outcomes = world.clone().block(&deliveries).outcomes;
        assert_eq!(outcomes[0], APPLIED);
        assert_eq!(outcomes[1], if both { APPLIED } else { over(budget, ONE_PROOF) });
        assert_eq!(outcomes[2], over(budget, ONE_PROOF));

        let others: Vec<_> = open.iter().map(|job| ("rival", deliver("rival", &[*job]))).collect();
        let outcomes = world.clone().block(&others).outcomes;
        // The half floors.
        assert_eq!(outcomes[0], if both { APPLIED } else { over(budget / 2, ONE_PROOF) });
        assert_eq!(outcomes[1], over(budget / 2, ONE_PROOF));
    }
}

/// Twice 12,640, and 13,280 for a Deliver of two jobs: 12,000 + 2 · 640.
#[test]
fn a_deliver_is_its_assignees_only_if_all_its_jobs_are() {
    let (world, own, open) = busy(|world| world.params.market.proof_budget = 26_560 - 1);
    let limit = 13_279;
    let judge = |from: &str, jobs: &[Hash]| world.judge(from, deliver(from, jobs));
    assert_eq!(judge("op", &own[..2]), APPLIED);
    assert_eq!(judge("op", &[own[0], open[0]]), over(limit, 13_280));
    assert_eq!(judge("rival", &open[..2]), over(limit, 13_280));
    // Jobs that there are not have no assignee, nor have jobs that ended.
    assert_eq!(judge("op", &[Hash::ZERO, own[0]]), over(limit, 13_280));
    let mut world = world.clone();
    world.act("op", deliver("op", &own[..1]));
    let judged = world.judge("op", deliver("op", &own[..2]));
    assert_eq!(judged, over(limit, 13_280));
}

/// The values of the first listed job that has a leaf, for as many jobs as are listed.
#[test]
fn a_void_deliver_counts_and_is_priced_by_its_first_known_job() {
    let mut world = World::new(&["op", "req"]);
    // 12,000 + 2 · 600 + 2 · 3 · 40, and 12,000 + 2 · 600 for jobs that are not known.
    let (known, unknown) = (13_440, 13_200);
    world.params.market.proof_budget = 2 * known;
    let class = world.act(CREATOR, registered(|class| class.key = vec![3]));
    let values = vec![Value([0; 32]); 3];
    let job = world.act("req", requested(class, |request| request.values = values));
    let judge = |world: &World, jobs: &[Hash]| world.judge("op", deliver("op", jobs));
    assert_eq!(judge(&world, &[Hash::ZERO, job]), void(Void::MixedJobs));
    let strangers = [Hash::ZERO, Hash([1; 32])];
    let two = [("op", deliver("op", &[Hash::ZERO, job])), ("op", deliver("op", &strangers))];
    let outcomes = world.clone().block(&two).outcomes;
    assert_eq!(outcomes, [void(Void::MixedJobs), over(known, unknown)]);
    world.params.market.proof_budget = 2 * known - 2;
    assert_eq!(judge(&world, &[Hash::ZERO, job]), over(known - 1, known));
    assert_eq!(judge(&world, &strangers), void(Void::MixedJobs));
    // Of two classes: the first one's values, three or one, for both.
    let narrow = world.class(policy());
    let others = world.must(&[(); 4].map(|()| ("req", requested(narrow, |_| {}))));
    world.params.market.proof_budget = 2;
    let cost = |first| if first == job { known } else { 13_280 };
    for other in others {
        assert_eq!(judge(&world, &[other, job]), over(2, cost(job.min(other))));
    }
}

#[test]
fn registrations_count_against_the_budget() {
    let mut world = World::new(&["req"]);
    world.params.market.proof_budget = 6_000;
    let three = [(); 3].map(|()| ("req", registered(|_| {})));
    let outcomes = world.block(&three).outcomes;
    assert_eq!(outcomes, [APPLIED, APPLIED, over(6_000, 3_000)]);
    world.params.market.proof_budget = 5_999;
    let outcomes = world.block(&three).outcomes;
    assert_eq!(outcomes, [APPLIED, over(5_999, 3_000), over(5_999, 3_000)]);
}

/// What is refused uses nothing of the block's bounds.
#[test]
fn what_is_refused_leaves_the_budget_as_it_was() {
    let (mut world, own, _) = busy(|world| world.params.market.proof_budget = 13_280);
    let outcomes = world
        .block(&[
            ("op", deliver("op", &own)),
            ("op", deliver("op", &own[..2])),
            ("req", registered(|_| {})),
        ])
        .outcomes;
    let [three, two, registration] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(*three, over(13_280, 13_920));
    assert_eq!(*two, APPLIED);
    assert_eq!(*registration, over(13_280, 3_000));
}

/// As they stand there, void or not, a Raise by its job's leaf.
#[test]
fn a_block_names_at_most_256_classes() {
    let Stage { world, class, open, assigned } = stage();
    let invented = |number: u16| Hash::of("invented", &[&number.to_le_bytes()]);
    let asks = |count| (0..count).map(move |number| ("op", asked(invented(number), |_| {})));
    let many = Err(TransactionError::Classes { limit: 256 });
    let after = |count, from, action: Action| {
        let actions: Vec<_> = asks(count).chain([(from, action)]).collect();
        let outcomes = world.clone().block(&actions).outcomes;
        let (last, before) = outcomes.split_last().unwrap();
        assert!(before.iter().all(|outcome| *outcome == void(Void::NoClass)));
        last.clone()
    };
    let ask_more = || asked(invented(999), |_| {});
    assert_eq!(after(255, "op", ask_more()), void(Void::NoClass));
    assert_eq!(after(256, "op", ask_more()), many);
    for (from, action) in [
        ("req", requested(class, |_| {})),
        ("req", raise(open, 10_000, 0)),
        // One that is void.
        ("req", raise(assigned, 10_000, 0)),
        ("op", asked(class, |ask| ask.capacity = 0)),
    ] {
        assert_ne!(after(255, from, action.clone()), many);
        assert_eq!(after(256, from, action), many);
    }
    // A class that was named before, a job that there is not, and what names no class.
    assert_eq!(after(256, "rival", asked(invented(3), |_| {})), void(Void::NoClass));
    assert_eq!(after(256, "req", raise(Hash::ZERO, 1, 0)), void(Void::NoJob));
    assert_eq!(after(256, "req", cancel(open)), APPLIED);
    assert_eq!(after(256, "op", deliver("op", &[assigned])), APPLIED);
}

/// An ended job's leaf names its class; once it is gone, it names none.
#[test]
fn a_raise_of_an_ended_job_names_its_class() {
    let Stage { mut world, open, .. } = stage();
    world.limits.classes = 0;
    let many = Err(TransactionError::Classes { limit: 0 });
    // Open since 1005 and under Cancel in 1006, the job ends in 1009; it could have been delivered
    // until 1016, so that its leaf goes in 1081.
    world.act("req", cancel(open));
    world.skip_to(1_009);
    assert!(world.end(&open).is_some());
    world.skip_to(1_079);
    assert_eq!(world.judge("req", raise(open, 1, 0)), many);
    world.skip(1);
    assert_eq!(world.judge("req", raise(open, 1, 0)), void(Void::NoJob));
}

// --- Void: bonds and asks ------------------------------------------------------------------------

#[test]
fn an_unbond_takes_from_the_free_bond_and_leaves_a_false_proof_while_jobs_are_held() {
    let Stage { mut world, .. } = stage();
    // 100 credits, 10,000 of them locked for the job.
    let free = 99_990_000;
    assert_eq!(world.operator("op").free(), free);
    assert_eq!(world.judge("op", unbond(free - FALSE_PROOF)), APPLIED);
    let needed = u128::from(free) + 1;
    let short = void(Void::FreeBond { needed, free });
    assert_eq!(world.judge("op", unbond(free - FALSE_PROOF + 1)), short);
    // Without jobs, all of it.
    assert_eq!(world.judge("rival", unbond(100_000_000)), APPLIED);
    let short = void(Void::FreeBond { needed: 100_000_001, free: 100_000_000 });
    assert_eq!(world.judge("rival", unbond(100_000_001)), short);
    let none = void(Void::FreeBond { needed: 1, free: 0 });
    assert_eq!(world.judge("idle", unbond(1)), none);
    let most = void(Void::FreeBond { needed: u64::MAX.into(), free: 0 });
    assert_eq!(world.judge("idle", unbond(u64::MAX)), most);
    world.act("rival", unbond(100_000_000));
    assert_eq!(world.leaf::<Operator>(StateKey::Operator(actor("rival"))), None);
}

#[test]
fn only_an_own_ask_is_taken_back() {
    let Stage { world, class, .. } = stage();
    let back = |class, until| asked(class, |ask| (ask.capacity, ask.until) = (0, until));
    assert_eq!(world.judge("op", back(class, 0)), APPLIED);
    assert_eq!(world.judge("op", back(class, Height::MAX)), APPLIED);
    assert_eq!(world.judge("rival", back(class, 2_000)), void(Void::NoAsk));
    assert_eq!(world.judge("op", back(Hash::ZERO, 2_000)), void(Void::NoAsk));
}

#[test]
fn an_ask_needs_a_class_that_is_no_contest() {
    let Stage { mut world, class, .. } = stage();
    let contest = class_with(&mut world, |policy| policy.selection = Selection::Contest);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
    assert_eq!(world.judge("op", asked(Hash::ZERO, |_| {})), void(Void::NoClass));
    assert_eq!(world.judge("op", asked(contest, |_| {})), void(Void::ContestAsk));
}

/// N = max(min_bond of the class, 10,000, a tenth of the price, rounded up).
#[test]
fn an_ask_needs_a_free_bond_and_accepts_one() {
    for (min_bond, price, bond) in [
        (0, 1_000, 10_000),
        (0, 100_000, 10_000),
        (0, 100_001, 10_001),
        (0, 200_000, 20_000),
        (50_000, 200_000, 50_000),
        (50_000, 500_001, 50_001),
    ] {
        let mut world = World::new(&["op"]);
        let class = class_with(&mut world, |policy| policy.min_bond = min_bond);
        let judge = |world: &World, max_bond| {
            let set = |ask: &mut Ask| (ask.price, ask.max_bond) = (price, max_bond);
            world.judge("op", asked(class, set))
        };
        let needed = bond + FALSE_PROOF;
        world.operate("op", needed - 1);
        let short = Void::FreeBond { needed: needed.into(), free: needed - 1 };
        assert_eq!(judge(&world, bond), void(short));
        world.operate("op", needed);
        assert_eq!(judge(&world, bond), APPLIED);
        let low = Void::MaxBond { needed: bond, got: bond - 1 };
        assert_eq!(judge(&world, bond - 1), void(low));
    }
}

/// What was bonded just now counts for an ask; matching waits for it.
#[test]
fn a_fresh_bond_is_enough_for_an_ask() {
    let mut world = World::new(&["op"]);
    let class = world.class(policy());
    world.must(&[("op", bond(1_010_000)), ("op", asked(class, |_| {}))]);
}

#[test]
fn an_ask_needs_the_reputation_of_its_class() {
    let mut world = World::new(&["op"]);
    let class = class_with(&mut world, |policy| policy.min_reputation = 5);
    world.operate("op", 10_000_000);
    world.repute("op", 4);
    assert_eq!(world.judge("op", asked(class, |_| {})), void(Void::Gate));
    world.repute("op", 5);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

/// At most 100 for each point of reputation and one.
#[test]
fn a_tier_bounds_the_price_of_an_ask() {
    let mut world = World::new(&["op"]);
    let class = class_with(&mut world, |policy| policy.tier_unit = 100);
    world.operate("op", 10_000_000);
    let judge = |world: &World, price| world.judge("op", asked(class, |ask| ask.price = price));
    assert_eq!(judge(&world, 100), APPLIED);
    assert_eq!(judge(&world, 101), void(Void::Gate));
    world.repute("op", 9);
    assert_eq!(judge(&world, 1_000), APPLIED);
    assert_eq!(judge(&world, 1_001), void(Void::Gate));
}

#[test]
fn an_ask_needs_the_weight_of_its_class() {
    let mut world = World::new(&["op"]);
    let class = class_with(&mut world, |policy| policy.min_weight = 65_536);
    world.operate("op", 10_000_000);
    world.weigh("op", 65_535);
    assert_eq!(world.judge("op", asked(class, |_| {})), void(Void::Gate));
    world.weigh("op", 65_536);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

/// The list holds for blocks below `open_at`.
#[test]
fn an_ask_needs_permission_until_the_class_opens() {
    let mut world = World::new(&["member", "op"]);
    let class = class_with(&mut world, |policy| {
        (policy.permitted, policy.open_at) = (vec![actor("member")], 1_004);
    });
    let open = class_with(&mut world, |policy| policy.open_at = 1_004);
    world.operate("member", 10_000_000);
    world.operate("op", 10_000_000);
    assert_eq!(world.height(), 1_002);
    assert_eq!(world.judge("member", asked(class, |_| {})), APPLIED);
    assert_eq!(world.judge("op", asked(class, |_| {})), void(Void::Gate));
    assert_eq!(world.judge("op", asked(open, |_| {})), APPLIED, "an empty list");
    world.skip(1);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

/// The cap bounds what is assigned, not what is offered.
#[test]
fn a_share_cap_does_not_keep_an_ask_out() {
    let Stage { world, class, .. } = stage_with(|policy| {
        (policy.share_cap_bps, policy.min_bond) = (0, FALSE_PROOF);
    });
    assert_eq!(world.ask_of(&class, "op").unwrap().open, 1);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

#[test]
fn an_ask_ends_in_time() {
    let Stage { world, class, .. } = stage();
    let height = world.height() + 1;
    let judge = |until| world.judge("op", asked(class, |ask| ask.until = until));
    let (low, high) = (height + 2, height + 100_000);
    assert_eq!(judge(low), APPLIED);
    assert_eq!(judge(high), APPLIED);
    for got in [low - 1, high + 1] {
        assert_eq!(judge(got), void(Void::Until { low, high, got }));
    }
}

/// An own ask is replaced whatever the book holds.
#[test]
fn a_full_book_takes_only_those_with_more_at_stake() {
    let mut world = World::new(&["a", "b", "new"]);
    world.operate("a", 5_000_000);
    world.operate("b", 7_000_000);
    let class = class_with(&mut world, |policy| policy.max_operators = 2);
    world.operate("new", 5_000_000);
    world.act("a", asked(class, |_| {}));
    assert_eq!(world.judge("new", asked(class, |_| {})), APPLIED);
    world.act("b", asked(class, |_| {}));
    assert_eq!(world.judge("new", asked(class, |_| {})), void(Void::BookFull));
    assert_eq!(world.judge("a", asked(class, |_| {})), APPLIED);
    world.operate("new", 5_000_001);
    assert_eq!(world.judge("new", asked(class, |_| {})), APPLIED);
    // What was bonded since the epoch began does not count.
    let epoch_bond = Operator { epoch_bond: 5_000_000, ..world.operator("new") };
    world.put(StateKey::Operator(actor("new")), epoch_bond);
    assert_eq!(world.judge("new", asked(class, |_| {})), void(Void::BookFull));
}

// --- Void: jobs ----------------------------------------------------------------------------------

/// 2,048 jobs that have not ended, nearly all of them assigned.
#[test]
fn a_class_takes_2048_live_jobs() {
    let mut world = World::new(&["op", "req"]);
    world.operate("op", 100_000_000);
    let class = world.class(policy());
    world.act("op", asked(class, |ask| (ask.capacity, ask.blocks) = (3_000, 500)));
    world.skip(1);
    let long =
        || requested(class, |request| (request.soft_blocks, request.hard_blocks) = (600, 600));
    for count in [256; 7].into_iter().chain([255]) {
        let posted: Vec<_> = (0..count).map(|_| ("req", long())).collect();
        world.must(&posted);
    }
    assert_eq!(world.class_leaf(&class).live, 2_047);
    assert_eq!(world.judge("req", long()), APPLIED);
    world.act("req", long());
    assert_eq!(world.class_leaf(&class).live, 2_048);
    assert_eq!(world.judge("req", long()), void(Void::ClassFull));
    let dear = requested(class, |request| request.price = 1_000_000);
    assert_eq!(world.judge("req", dear), void(Void::ClassFull));
}

/// 512 that are not assigned, those under Cancel included; while 256 others are there, a job finds
/// room only for a higher price.
#[test]
fn a_waiting_list_takes_512_jobs_and_256_that_are_not_under_cancel() {
    let mut world = World::new(&["req"]);
    let class = class_with(&mut world, |policy| policy.claim_blocks = 32);
    let post = |world: &mut World, count: usize| {
        world.must(&vec![("req", requested(class, |_| {})); count])
    };
    let judge = |world: &World, price| {
        world.judge("req", requested(class, |request| request.price = price))
    };
    let jobs = post(&mut world, 255);
    assert_eq!(judge(&world, 1), APPLIED);
    let last = post(&mut world, 1);
    assert_eq!(judge(&world, 10_000), void(Void::PriceTooLow));
    assert_eq!(judge(&world, 10_001), APPLIED);
    world.skip(1);
    let cancels: Vec<_> = jobs.iter().chain(&last).map(|job| ("req", cancel(*job))).collect();
    world.must(&cancels);
    assert_eq!(world.waiting(&class).len(), 256);

    post(&mut world, 255);
    assert_eq!(world.waiting(&class).len(), 511);
    assert_eq!(judge(&world, 10_000), APPLIED);
    post(&mut world, 1);
    assert_eq!(judge(&world, 10_000), void(Void::ClassFull));
    assert_eq!(judge(&world, 1_000_000), void(Void::ClassFull));
}

/// A Raise and a Cancel need an own job that is neither assigned nor bound.
#[test]
fn a_job_is_changed_by_its_requester_while_it_binds_nobody() {
    let Stage { mut world, open, assigned, .. } = stage();
    world.limits.assignments = 0;
    let both = |world: &World, from: &str, job| {
        let raised = world.judge(from, raise(job, 10_000, 0));
        let cancelled = world.judge(from, cancel(job));
        assert_eq!(raised, cancelled);
        raised
    };
    assert_eq!(both(&world, "req", open), APPLIED);
    assert_eq!(both(&world, "req", Hash::ZERO), void(Void::NoJob));
    assert_eq!(both(&world, "op", open), void(Void::NotRequester));
    assert_eq!(both(&world, "req", assigned), void(Void::JobAssigned));

    // A decline does not bind it.
    let mut declined = world.clone();
    declined.act("op", decline(assigned));
    assert_eq!(declined.job(&assigned).status, Status::Waiting);
    assert_eq!(both(&declined, "req", assigned), APPLIED);

    let mut cancelled = world.clone();
    cancelled.act("req", cancel(open));
    assert_eq!(both(&cancelled, "req", open), void(Void::JobBound));

    // `op` promised 1007.
    world.skip_to(1_007);
    assert_eq!(both(&world, "req", assigned), void(Void::JobBound), "the miss is noted first");
    world.skip(1);
    assert_eq!(world.job(&assigned).misses.len(), 1);
    assert_eq!(both(&world, "req", assigned), void(Void::JobBound));

    world.act("rival", deliver("rival", &[open]));
    assert_eq!(both(&world, "req", open), void(Void::NoJob), "it has ended");
}

#[test]
fn a_contest_is_bound_by_its_first_delivery() {
    let mut world = World::new(&["op", "req"]);
    world.operate("op", 10_000_000);
    let class = class_with(&mut world, |policy| {
        (policy.selection, policy.window) = (Selection::Contest, 4);
    });
    let job = world.act("req", requested(class, |_| {}));
    assert_eq!(world.judge("req", raise(job, 10_000, 0)), APPLIED);
    assert_eq!(world.judge("req", cancel(job)), APPLIED);
    world.act("op", deliver("op", &[job]));
    assert_eq!(world.judge("req", raise(job, 10_000, 0)), void(Void::JobBound));
    assert_eq!(world.judge("req", cancel(job)), void(Void::JobBound));
}

#[test]
fn a_raise_lowers_nothing() {
    let Stage { mut world, class, .. } = stage();
    let job = world.act("req", requested(class, |request| request.late_price = 500));
    let judge = |price, late_price| world.judge("req", raise(job, price, late_price));
    assert_eq!(judge(10_000, 500), APPLIED);
    assert_eq!(judge(9_999, 500), void(Void::Lowered));
    assert_eq!(judge(10_000, 499), void(Void::Lowered));
    assert_eq!(judge(20_000, 499), void(Void::Lowered));
    assert_eq!(judge(0, 0), void(Void::Lowered));
    assert_eq!(judge(10_000, 501), APPLIED);
}

#[test]
fn only_the_assignee_declines() {
    let Stage { world, open, assigned, .. } = stage();
    assert_eq!(world.judge("op", decline(assigned)), APPLIED);
    assert_eq!(world.judge("rival", decline(assigned)), void(Void::NotAssignee));
    assert_eq!(world.judge("req", decline(assigned)), void(Void::NotAssignee));
    assert_eq!(world.judge("op", decline(open)), void(Void::NotAssignee));
    assert_eq!(world.judge("op", decline(Hash::ZERO)), void(Void::NoJob));
    let mut delivered = world.clone();
    delivered.act("op", deliver("op", &[assigned]));
    assert_eq!(delivered.judge("op", decline(assigned)), void(Void::NoJob));
}

/// Assigned in 1004 for 1007: until claim_blocks later, and before the promised height.
#[test]
fn a_decline_comes_in_time() {
    for (claim_blocks, last) in [(1, 1_005), (2, 1_006), (3, 1_006), (32, 1_006)] {
        let mut world = World::new(&["op", "req"]);
        world.operate("op", 10_000_000);
        let class = class_with(&mut world, |policy| policy.claim_blocks = claim_blocks);
        world.act("op", asked(class, |_| {}));
        let job = world.act("req", requested(class, |_| {}));
        world.skip_to(last - 1);
        assert_eq!(world.judge("op", decline(job)), APPLIED, "{claim_blocks}");
        world.skip(1);
        assert_eq!(world.judge("op", decline(job)), void(Void::DeclineLate { last }));
        // After its promise it is no assignee any more.
        world.skip_to(1_007);
        assert_eq!(world.judge("op", decline(job)), void(Void::NotAssignee));
    }
}

// --- Void: deliveries ----------------------------------------------------------------------------

/// An ended job is known for 65 blocks after `hard`: 1015 of the one, 1016 of the other.
#[test]
fn a_deliver_lists_jobs_of_one_class_that_are_known() {
    let Stage { mut world, class, open, assigned } = stage();
    let other = world.class(Policy { band_bps: 1, ..policy() });
    assert_ne!(class, other);
    let foreign = world.act("req", requested(other, |_| {}));
    let judge = |world: &World, jobs: &[Hash]| world.judge("rival", deliver("rival", jobs));
    assert_eq!(judge(&world, &[open]), APPLIED);
    assert_eq!(judge(&world, &[open, foreign]), void(Void::MixedJobs));
    assert_eq!(judge(&world, &[open, Hash([3; 32])]), void(Void::MixedJobs));

    let limits = [assigned, open].map(|job| world.job(&job).terms.hard);
    assert_eq!(limits, [1_015, 1_016]);
    world.act("rival", deliver("rival", &[open]));
    let long = requested(class, |request| {
        (request.operator, request.hard_blocks) = (Some(actor("rival")), 1_000);
    });
    let next = world.act("req", long);
    world.skip_to(1_078);
    assert_eq!(judge(&world, &[assigned, next]), APPLIED);
    assert_eq!(judge(&world, &[open, next]), APPLIED);
    world.skip(1);
    assert_eq!(judge(&world, &[assigned, next]), void(Void::MixedJobs));
    assert_eq!(judge(&world, &[open, next]), APPLIED);
    world.skip(1);
    assert_eq!(judge(&world, &[open, next]), void(Void::MixedJobs));
}

#[test]
fn a_deliver_needs_the_free_bond_of_a_false_proof() {
    let Stage { mut world, open, assigned, .. } = stage();
    let short = |free| void(Void::FreeBond { needed: FALSE_PROOF.into(), free });
    world.operate("rival", FALSE_PROOF - 1);
    assert_eq!(world.judge("rival", deliver("rival", &[open])), short(FALSE_PROOF - 1));
    world.operate("rival", FALSE_PROOF);
    assert_eq!(world.judge("rival", deliver("rival", &[open])), APPLIED);
    assert_eq!(world.judge("idle", deliver("idle", &[open])), short(0));
    // What is locked does not count, an assignee's neither.
    let lean = |world: &mut World, bond| {
        let operator = Operator { bond, ..world.operator("op") };
        world.put(StateKey::Operator(actor("op")), operator);
    };
    lean(&mut world, 10_000 + FALSE_PROOF - 1);
    assert_eq!(world.judge("op", deliver("op", &[assigned])), short(FALSE_PROOF - 1));
    lean(&mut world, 10_000 + FALSE_PROOF);
    assert_eq!(world.judge("op", deliver("op", &[assigned])), APPLIED);
}

#[test]
fn a_deliver_has_something_to_deliver_now() {
    let Stage { mut world, class, open, assigned } = stage();
    let nothing = void(Void::NothingToDeliver);
    let judge = |world: &World, from: &str, jobs: &[Hash]| world.judge(from, deliver(from, jobs));
    assert_eq!(judge(&world, "rival", &[assigned]), nothing, "it is another's");
    assert_eq!(judge(&world, "rival", &[assigned, open]), APPLIED, "one of them is not");
    // Waiting since 1006; the matching of 1007 makes it open, from the next block on.
    let fresh = world.act("req", requested(class, |_| {}));
    assert_eq!(world.job(&fresh).status, Status::Waiting);
    assert_eq!(judge(&world, "rival", &[fresh]), nothing, "open in this very block");
    world.skip(1);
    assert_eq!(world.job(&fresh).opened, Some(1_007));
    assert_eq!(judge(&world, "rival", &[fresh]), APPLIED);
    // Matching comes first: within the block of its Request a job can only be waiting.
    let post = requested(class, |request| request.hard_blocks = 50);
    let id = {
        let mut ahead = world.clone();
        ahead.act("req", post.clone())
    };
    let outcomes = world.block(&[("req", post), ("rival", deliver("rival", &[id]))]).outcomes;
    assert_eq!(outcomes, [APPLIED, nothing.clone()]);
    world.act("rival", deliver("rival", &[fresh]));
    assert_eq!(judge(&world, "rival", &[fresh]), nothing, "it has ended");
}

/// Gate 4 of an open job, with its value for the price, and its named operator.
#[test]
fn an_open_job_is_delivered_by_those_who_pass_its_gates() {
    let nothing = void(Void::NothingToDeliver);
    let post = |policy: Policy, change: fn(&mut Request)| {
        let mut world = World::new(&["op", "req", "rival"]);
        world.operate("op", 10_000_000);
        world.operate("rival", 10_000_000);
        let class = world.class(policy);
        let job = world.act("req", requested(class, change));
        world.skip(1);
        assert_eq!(world.job(&job).opened, Some(1_003));
        (world, job)
    };
    let judge = |world: &World, job: Hash| world.judge("op", deliver("op", &[job]));

    let (world, job) = post(policy(), |request| request.operator = Some(actor("rival")));
    assert_eq!(judge(&world, job), nothing);
    assert_eq!(world.judge("rival", deliver("rival", &[job])), APPLIED);

    // The greater of class and job.
    for (of_class, of_job) in [(7, 0), (3, 7)] {
        let gate = Policy { min_reputation: of_class, ..policy() };
        let change: fn(&mut Request) =
            if of_job == 7 { |request| request.min_reputation = 7 } else { |_| {} };
        let (mut world, job) = post(gate, change);
        world.repute("op", 6);
        assert_eq!(judge(&world, job), nothing);
        world.repute("op", 7);
        assert_eq!(judge(&world, job), APPLIED);
    }

    // A value of 10,000 needs a reputation of 9; at 1012, two blocks after soft, it is 5,000.
    let (mut world, job) = post(Policy { tier_unit: 1_000, ..policy() }, |_| {});
    world.repute("op", 8);
    assert_eq!(judge(&world, job), nothing);
    world.repute("op", 9);
    assert_eq!(judge(&world, job), APPLIED);
    world.skip_to(1_011);
    world.repute("op", 3);
    assert_eq!(judge(&world, job), nothing);
    world.repute("op", 4);
    assert_eq!(judge(&world, job), APPLIED);

    let (mut world, job) = post(Policy { min_weight: 9, ..policy() }, |_| {});
    world.weigh("op", 8);
    assert_eq!(judge(&world, job), nothing);
    world.weigh("op", 9);
    assert_eq!(judge(&world, job), APPLIED);

    let closed = Policy { permitted: vec![actor("rival")], open_at: 1_005, ..policy() };
    let (mut world, job) = post(closed, |_| {});
    assert_eq!(judge(&world, job), nothing);
    assert_eq!(world.judge("rival", deliver("rival", &[job])), APPLIED);
    world.skip(1);
    assert_eq!(judge(&world, job), APPLIED);
}

/// A share cap of nothing does not count for open jobs.
#[test]
fn an_open_job_knows_no_share_cap() {
    let Stage { world, open, .. } = stage_with(|policy| {
        (policy.share_cap_bps, policy.min_bond) = (0, FALSE_PROOF);
    });
    assert_eq!(world.judge("op", deliver("op", &[open])), APPLIED);
}

#[test]
fn a_contest_takes_one_delivery_of_each_who_has_the_bond_for_it() {
    let nothing = void(Void::NothingToDeliver);
    let mut world = World::new(&["op", "req"]);
    let class = class_with(&mut world, |policy| {
        (policy.selection, policy.window, policy.min_bond) = (Selection::Contest, 4, 300);
    });
    let jobs = world.must(&vec![("req", requested(class, |_| {})); 2]);
    let needed = FALSE_PROOF + 300;
    world.operate("op", needed - 1);
    assert_eq!(world.judge("op", deliver("op", &jobs[..1])), nothing);
    world.operate("op", needed);
    assert_eq!(world.judge("op", deliver("op", &jobs[..1])), APPLIED);
    // Locks add up: the bond is enough for one of two.
    let mut both = world.clone();
    both.act("op", deliver("op", &jobs));
    assert_eq!(both.operator("op").held, 1);
    both = world.clone();
    both.operate("op", needed + 299);
    both.act("op", deliver("op", &jobs));
    assert_eq!(both.operator("op").held, 1);
    both = world.clone();
    both.operate("op", needed + 300);
    both.act("op", deliver("op", &jobs));
    assert_eq!((both.operator("op").held, both.operator("op").locked), (2, 600));

    world.operate("op", 10_000_000);
    world.act("op", deliver("op", &jobs[..1]));
    assert_eq!(world.judge("op", deliver("op", &jobs[..1])), nothing, "once only");
    assert_eq!(world.judge("op", deliver("op", &jobs)), APPLIED, "the other one");
}

/// In the block of its Request a contest takes none, with sixteen deliveries no more, and none
/// after its window.
#[test]
fn a_contest_takes_sixteen_deliveries_within_its_window() {
    const NAMES: [&str; 17] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"];
    let nothing = void(Void::NothingToDeliver);
    let mut world = World::new(&["req"]);
    for name in NAMES {
        world.fund(name, BALANCE);
        world.operate(name, 10_000_000);
    }
    let class = class_with(&mut world, |policy| {
        (policy.selection, policy.window) = (Selection::Contest, 3);
    });
    let post = requested(class, |_| {});
    let id = world.clone().act("req", post.clone());
    let enter = |name: &'static str| (name, deliver(name, &[id]));
    let outcomes = world.block(&[("req", post), enter("a")]).outcomes;
    assert_eq!(outcomes, [APPLIED, nothing.clone()]);

    // The first in 1003: others until 1006.
    world.must(&[enter("a")]);
    assert_eq!(world.height(), 1_003);
    let mut late = world.clone();
    late.skip_to(1_005);
    assert_eq!(late.judge("b", enter("b").1), APPLIED);
    late.skip(1);
    assert_eq!(late.judge("b", enter("b").1), nothing, "it is settled first");

    let more: Vec<_> = NAMES[1..15].iter().map(|name| enter(name)).collect();
    world.must(&more);
    assert_eq!(world.job(&id).deliveries.len(), 15);
    assert_eq!(world.judge("q", enter("q").1), APPLIED);
    world.must(&[enter("p")]);
    assert_eq!(world.job(&id).deliveries.len(), 16);
    assert_eq!(world.judge("q", enter("q").1), nothing);
}

/// What is void is not judged: a false proof costs nothing then.
#[test]
fn a_proof_is_judged_only_if_it_would_deliver() {
    let Stage { world, open, assigned, .. } = stage();
    let judge = |from: &str, jobs: &[Hash]| world.judge(from, deliver_false(jobs));
    assert_eq!(judge("op", &[assigned]), Ok(Outcome::FalseProof));
    assert_eq!(judge("rival", &[open]), Ok(Outcome::FalseProof));
    assert_eq!(judge("rival", &[assigned]), void(Void::NothingToDeliver));
    assert_eq!(judge("rival", &[Hash::ZERO]), void(Void::MixedJobs));
    let short = Void::FreeBond { needed: FALSE_PROOF.into(), free: 0 };
    assert_eq!(judge("idle", &[open]), void(short));
}

// --- Never void ----------------------------------------------------------------------------------

#[test]
fn an_appointment_is_always_applied() {
    let Stage { world, .. } = stage();
    for operator in ["idle", "op", "nobody"] {
        assert_eq!(world.judge("idle", appoint(operator)), APPLIED);
    }
}

/// Each kind that can be void, in one block: fees and nonces are used, and the rest of the state is
/// as if the block were empty.
#[test]
fn void_transactions_cost_their_fees_and_nonces() {
    let Stage { mut world, class, assigned, .. } = stage();
    let before = world.account("idle");
    let actions = [
        unbond(1),
        asked(class, |_| {}),
        raise(assigned, 10_000, 0),
        cancel(assigned),
        decline(assigned),
        deliver("idle", &[assigned]),
    ]
    .map(|action| ("idle", action));
    let mut quiet = world.clone();
    quiet.skip(1);
    let done = world.block(&actions);
    assert!(done.outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Void(_)))));
    assert_eq!(done.applied.fees, 6 * FEE);
    let after = world.account("idle");
    assert_eq!((after.balance, after.nonce), (BALANCE - 6 * FEE, before.nonce + 6));
    let rest = |world: &World| {
        let mut leaves = world.state().leaves.clone();
        leaves.remove(&StateKey::Account(actor("idle")));
        leaves.remove(&StateKey::Pending(world.height()));
        leaves
    };
    assert_eq!(rest(&world), rest(&quiet));
}

//! Invalid by their own form: ranges, classes, and what the balance must cover.

use lode_consensus::{
    Action, Address, Decode, DecodeError, Encode, Hash, Height, Transaction,
    market::{
        Policy, Selection, Value,
        event::{Outcome, Void},
    },
    transaction::{Appoint, Ask, Deliver, RegisterClass, Request, StaticError},
    transition::TransactionError,
};
use lode_testkit::world::{
    APPLIED, CREATOR, FEE, World, actor, appoint, asked, bond, policy, raise, requested, sent,
    unbond, void,
};

use crate::{FALSE_PROOF, Stage, class_with, malformed, out_of, registered, stage};

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

//! All four rules and the choice at once, against a plain restatement of the text.

use lode_consensus::{
    Address, Hash,
    market::{
        BookAsk, Class, Job, Policy, WaitingJob,
        job::{Decline, Miss, Status},
        matching::{Candidate, Drawn, Round, Standing},
        value::Terms,
    },
    params::MarketSpec,
};
use lode_testkit::world::{actor, policy};
use proptest::prelude::*;

/// Rules 1 to 4 for one ask, as the specification says them.
fn fits_by_the_text(round: &Round<'_>, job: &Job, candidate: &Candidate) -> bool {
    let Candidate { ask, standing } = candidate;
    let (policy, h) = (&round.class.policy, u64::from(round.height));
    let promise = h - 1 + u64::from(ask.blocks);
    let lists: Vec<Address> = job
        .misses
        .iter()
        .map(|miss| miss.operator)
        .chain(job.declines.iter().map(|decline| decline.operator))
        .collect();
    let first = u64::from(ask.until) >= h
        && u64::from(ask.since) + 2 <= h
        && ask.open < ask.capacity
        && !lists.contains(&ask.operator)
        && job.operator.is_none_or(|operator| operator == ask.operator);
    let Terms { price, late_price, soft, hard } = job.terms;
    let (soft, hard) = (u64::from(soft), u64::from(hard));
    let value = if promise <= soft {
        u128::from(price)
    } else if promise <= hard {
        let lost = u128::from(price - late_price) * u128::from(promise - soft);
        u128::from(price) - lost / u128::from(hard - soft)
    } else {
        0
    };
    let second = value >= u128::from(ask.price) && promise <= hard;
    let part = (u128::from(price) * u128::from(policy.bond_bps)).div_ceil(10_000);
    let bond = [policy.min_bond, round.market.min_bond, job.damage]
        .map(u128::from)
        .into_iter()
        .fold(part, u128::max);
    let third = bond <= u128::from(ask.max_bond)
        && u128::from(standing.free)
            >= bond + u128::from(round.market.false_proof) + u128::from(standing.fresh);
    let reputation = u128::from(standing.reputation);
    let all = u128::from(round.class.assigned) + 1;
    let cap = (u128::from(policy.share_cap_bps) * all).div_ceil(10_000).max(1);
    let fourth = standing.reputation >= policy.min_reputation.max(job.min_reputation)
        && (policy.tier_unit == 0
            || u128::from(ask.price) <= u128::from(policy.tier_unit) * (reputation + 1))
        && standing.weight >= policy.min_weight
        && (h >= u64::from(policy.open_at)
            || policy.permitted.is_empty()
            || policy.permitted.contains(&ask.operator))
        && u128::from(ask.open) < cap;
    first && second && third && fourth
}

fn any_operator() -> impl Strategy<Value = Address> {
    prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(actor)
}

/// Mostly what fits, often what is near the bound, at times any.
fn amount(fits: u64, bound: u64) -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(fits), 3 => bound - 3..bound + 4, 1 => any::<u64>()]
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let ask = (
        (any_operator(), amount(75, 100)),
        (2_u32..9, prop_oneof![3 => Just(4_u16), 1 => 0_u16..4], amount(1_000_000, 10_000)),
        (prop_oneof![6 => Just(110_u32), 1 => 98_u32..103], 0_u16..3),
        prop_oneof![6 => Just(50_u32), 1 => 96_u32..101],
    );
    let state = (
        amount(5_000_000, 1_010_000),
        0_u64..3,
        prop_oneof![3 => Just(20_u16), 1 => 8_u16..12],
        prop_oneof![3 => Just(9_u64), 1 => 4_u64..7],
    );
    (ask, state).prop_map(|(ask, (free, fresh, reputation, weight))| {
        let ((operator, price), (blocks, capacity, max_bond), (until, open), since) = ask;
        Candidate {
            ask: BookAsk { operator, price, blocks, capacity, max_bond, until, since, open },
            standing: Standing { free, epoch_bond: free / 2, fresh, reputation, weight },
        }
    })
}

fn any_job() -> impl Strategy<Value = Job> {
    let terms = (amount(100, 100), any::<u64>(), 101_u32..106, 0_u32..4);
    let more = (amount(0, 10_000), 7_u16..12);
    let operator = prop_oneof![4 => Just(None), 1 => any_operator().prop_map(Some)];
    let lists =
        (prop::collection::vec(any_operator(), 0..2), prop::collection::vec(any_operator(), 0..2));
    (terms, more, operator, lists).prop_map(|(terms, (damage, min_reputation), operator, lists)| {
        let (price, late, soft, span) = terms;
        let price = price.max(1);
        let late_price = late % price.saturating_add(1);
        let miss = |operator| Miss { operator, promise: 90, bond: 1, ask_price: 1 };
        let decline = |operator| Decline { operator, ask_price: 1, burned: 1 };
        Job {
            class: Hash::ZERO,
            terms: Terms { price, late_price, soft, hard: soft + span },
            damage,
            min_reputation,
            immediate: false,
            operator,
            values: Vec::new(),
            requester: actor("req"),
            created: 90,
            place: 0,
            escrow: price,
            bond: 0,
            status: Status::Open,
            cancelled: None,
            opened: Some(91),
            open_price: None,
            misses: lists.0.into_iter().map(miss).collect(),
            declines: lists.1.into_iter().map(decline).collect(),
            deliveries: Vec::new(),
        }
    })
}

fn any_class() -> impl Strategy<Value = Class> {
    let gates = (
        7_u16..12,
        prop_oneof![2 => Just(0_u64), 1 => Just(10), 1 => 3_u64..12],
        4_u64..7,
        0_u16..4,
    );
    let bonds =
        (prop_oneof![3 => Just(1_000_u16), 1 => any::<u16>()], amount(0, 10_000), 0_u16..1_001);
    let more = (prop_oneof![Just(10_000_u16), 0_u16..10_001], 99_u32..102, any::<bool>());
    (gates, bonds, more).prop_map(|(gates, bonds, (share_cap_bps, open_at, is_listed))| {
        let (min_reputation, tier_unit, min_weight, assigned) = gates;
        let (bond_bps, min_bond, band_bps) = bonds;
        let permitted = if is_listed { vec![actor("a")] } else { Vec::new() };
        let policy =
            Policy { min_reputation, tier_unit, min_weight, bond_bps, min_bond, ..policy() };
        Class {
            creator: actor("creator"),
            system: 1,
            policy: Policy { band_bps, share_cap_bps, open_at, permitted, ..policy },
            royalty_bps: 0,
            values: 1,
            live: 9,
            assigned,
            delivered: 0,
            last_price: 0,
            last_height: 0,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Every ask that fits and no other, whatever else is told of it: by the whole job, by its
    /// place in the waiting list, and with the reason why not.
    #[test]
    fn what_fits_is_what_the_text_says(
        class in any_class(),
        job in any_job(),
        asks in prop::collection::vec(any_candidate(), 1..5),
    ) {
        let round = Round {
            market: &MarketSpec::MAINNET,
            height: 100,
            parent_hash: &Hash([3; 32]),
            id: &Hash::ZERO,
            class: &class,
            matched: 0,
        };
        let by_text: Vec<bool> =
            asks.iter().map(|candidate| fits_by_the_text(&round, &job, candidate)).collect();
        let in_time: Vec<bool> =
            asks.iter().map(|candidate| 99 + candidate.ask.blocks <= job.terms.soft).collect();
        let has_soft = by_text.iter().zip(&in_time).any(|(fits, soft)| *fits && *soft);
        let expected: Vec<usize> = (0..asks.len())
            .filter(|place| by_text[*place] && (in_time[*place] || !has_soft))
            .collect();
        prop_assert_eq!(&round.fitting(&job, &asks), &expected);

        let misfits = round.misfits(&job, &asks);
        let without_reason =
            (0..asks.len()).filter(|place| misfits[*place].is_ok()).collect::<Vec<_>>();
        prop_assert_eq!(&without_reason, &expected);
        for (candidate, fits) in asks.iter().zip(&by_text) {
            prop_assert_eq!(round.fits(&job, round.bond(&job), candidate).is_ok(), *fits);
        }
        let entry = WaitingJob::of(Hash::ZERO, &job);
        prop_assert!(round.may_fit(&entry, &asks) || expected.is_empty());

        let costs: Vec<u128> =
            asks.iter().map(|candidate| round.effective(&job, &candidate.ask)).collect();
        match round.choose(&job, &asks, &mut Drawn::default()) {
            None => prop_assert!(expected.is_empty()),
            Some(place) => {
                prop_assert!(expected.contains(&place));
                let lowest = expected.iter().map(|place| costs[*place]).min().unwrap();
                let band = u128::from(class.policy.band_bps);
                prop_assert!(costs[place] <= lowest * (10_000 + band) / 10_000);
            }
        }
    }
}

//! Invalid in a block that has no more room: classes, deliveries and their budget.

use lode_consensus::{
    Action, Hash,
    market::{Value, event::Void, job::Status},
    transition::TransactionError,
};
use lode_testkit::world::{
    APPLIED, CREATOR, Judged, World, actor, asked, cancel, deliver, policy, raise, requested, void,
};

use crate::{ONE_PROOF, Stage, registered, stage};

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

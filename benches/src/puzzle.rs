//! Cases of whole attempts and verifications.

use crate::{
    Contender, Crew, PerThread, Setup,
    data::{STATEMENT, TABLE_BYTES, strings},
    kernels::{assert_equal, backends},
    limit,
    peers::{arkworks, snarkvm},
};
use lode_algebra::Backend;
use lode_puzzle::{
    Claim, Engine, Item, Proof, Prover, ReferenceEngine, ReferenceVerifier, Tables, Verifier,
};
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Proofs in a batch.
const BATCH: usize = 64;

/// A nonce that was not tried before.
#[derive(Clone, Default)]
struct Nonces(Arc<AtomicU64>);

impl Nonces {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

pub(crate) fn attempt(setup: &Setup, crew: &Arc<Crew>) -> Vec<Contender> {
    let threads = crew.threads();
    let mut results: Vec<Proof> = Vec::new();
    let mut contenders = Vec::new();

    for (backend, name) in backends() {
        let tables =
            Tables::new(&setup.srs, backend, TABLE_BYTES).expect("the powers make a table");
        let tables = Arc::new(tables);
        let provers = PerThread::new(crew, || Prover::new(tables.clone()));
        let prove = move |thread, nonce| {
            let attempt = provers.of(thread).attempt(&STATEMENT, nonce, &AtomicBool::new(false));
            attempt.expect("an attempt is void once in 2^240").proof
        };
        results.push(prove(0, 0));
        let (crew, nonces) = (crew.clone(), Nonces::default());
        contenders.push(Contender::new(name, threads, move || {
            crew.each(|thread| {
                black_box(prove(thread, nonces.next()));
            });
        }));
    }

    let reference = ReferenceEngine::new(setup.srs.clone());
    let prove = move |nonce| {
        reference.attempt(&STATEMENT, nonce).expect("an attempt is void once in 2^240").proof
    };
    results.push(crew.together(|| prove(0)));
    contenders.push(Contender::new(Contender::REFERENCE, 1, {
        let (crew, nonces, prove) = (crew.clone(), Nonces::default(), prove.clone());
        move || {
            black_box(crew.together(|| prove(nonces.next())));
        }
    }));
    {
        let prover = arkworks::Prover::new(arkworks::points(&setup.bases));
        results.push(
            crew.together(|| prover.attempt(&STATEMENT, 0))
                .expect("an attempt is void once in 2^240"),
        );
        let (crew, nonces) = (crew.clone(), Nonces::default());
        contenders.push(Contender::new(Contender::ARKWORKS, 1, move || {
            black_box(crew.together(|| prover.attempt(&STATEMENT, nonces.next())));
        }));
    }
    assert_equal(&results, &contenders);

    // What follows makes no attempts, or the same ones in another order.
    if threads > 1 {
        let (crew, nonces) = (crew.clone(), Nonces::default());
        contenders.push(Contender::new(Contender::REFERENCE_EACH, threads, move || {
            crew.each(|_| {
                black_box(prove(nonces.next()));
            });
        }));
    }
    {
        let (crew, srs) = (crew.clone(), setup.srs.clone());
        let (coefficients, point) = (strings("coefficient", setup.n() - 1), strings("point", 1)[0]);
        let work = snarkvm::Kzg10::new(&coefficients, &point);
        contenders.push(Contender::new(Contender::KZG10, 1, move || {
            black_box(crew.together(|| work.prove(&srs)));
        }));
    }
    if setup.log_n() == limit::LOG_N && limit::spend() {
        let crew = crew.clone();
        contenders.push(Contender::new(Contender::LIMIT, threads, move || {
            crew.each(|_| {
                limit::spend();
            });
        }));
    }
    contenders
}

/// Checks one proof or a batch, as its slices say.
type Check = Box<dyn Fn(&[Item], &[u128]) -> bool + Send + Sync>;

pub(crate) fn verify(setup: &Setup, crew: &Arc<Crew>) -> Vec<Contender> {
    let arkworks = arkworks::Verifier::new(&setup.srs);
    let peers: [(_, Check); 2] = [
        (Contender::SNARKVM, snarkvm_single(setup)),
        (
            Contender::ARKWORKS,
            Box::new(move |items, _| items.iter().all(|item| arkworks.verify(item))),
        ),
    ];
    let items = items(setup, 1);
    ours(setup).chain(peers).map(|(name, check)| checking(name, crew, &items, check)).collect()
}

pub(crate) fn verify_batch(setup: &Setup, crew: &Arc<Crew>) -> Vec<Contender> {
    let arkworks = arkworks::Verifier::new(&setup.srs);
    let peer: (_, Check) = (
        Contender::ARKWORKS,
        Box::new(move |items, weights| arkworks.verify_batch(items, weights)),
    );
    let items = items(setup, BATCH);
    let batches =
        ours(setup).chain([peer]).map(|(name, check)| checking(name, crew, &items, check));
    batches
        .chain([checking(Contender::SNARKVM_SINGLE, crew, &items[..1], snarkvm_single(setup))])
        .collect()
}

/// Our verifier with each back end.
fn ours(setup: &Setup) -> impl Iterator<Item = (&'static str, Check)> {
    backends().map(|(backend, name)| {
        let verifier = Verifier::with_backend(&setup.srs, backend)
            .expect("the processor has the instructions");
        let check = move |items: &[Item], weights: &[u128]| {
            verifier.verify_batch(items, weights).iter().all(Result::is_ok)
        };
        (name, Box::new(check) as Check)
    })
}

/// The verifier on snarkVM's primitives, one proof after the other.
fn snarkvm_single(setup: &Setup) -> Check {
    let verifier = ReferenceVerifier::new(&setup.srs);
    Box::new(move |items, _| {
        items.iter().all(|item| {
            verifier.verify(&item.statement, item.nonce, &item.proof, item.claim).is_ok()
        })
    })
}

/// The contender that checks these items on every thread.
///
/// # Panics
/// If it refuses them, or accepts them with the last proof moved to another nonce.
fn checking(name: &'static str, crew: &Arc<Crew>, items: &[Item], check: Check) -> Contender {
    let (crew, items) = (crew.clone(), items.to_vec());
    // As long as those of the operating system, which is all that the time depends on.
    let weights: Vec<u128> = (1u128..).take(items.len()).map(|i| u128::MAX / (2 * i + 1)).collect();
    let mut forged = items.clone();
    if let Some(last) = forged.last_mut() {
        last.nonce += 1;
    }
    assert!(crew.together(|| check(&items, &weights)), "{name} refuses proofs that hold");
    assert!(
        !crew.together(|| check(&forged, &weights)),
        "{name} accepts a proof that does not hold"
    );
    Contender::new(name, crew.threads() * items.len(), move || {
        crew.each(|_| {
            black_box(check(black_box(&items), black_box(&weights)));
        });
    })
}

/// Proofs that hold.
fn items(setup: &Setup, count: usize) -> Vec<Item> {
    let tables =
        Tables::new(&setup.srs, Backend::best(), TABLE_BYTES).expect("the powers make a table");
    let mut prover = Prover::new(tables.into());
    let mut item = |nonce| {
        let attempt = prover.attempt(&STATEMENT, nonce, &AtomicBool::new(false));
        let proof = attempt.expect("an attempt is void once in 2^240").proof;
        Item { statement: STATEMENT, nonce, proof, claim: Claim::None }
    };
    (0..count as u64).map(&mut item).collect()
}

//! The reference prover and the verifier at the size of the public networks, on one rayon pool of all cores.

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lode_genesis::srs;
use lode_puzzle::{Claim, Engine, Item, LogSize, ReferenceEngine, Statement, Verifier};

const STATEMENT: Statement = Statement([7; 32]);
/// Large batches are those of a block with its shares.
const BATCHES: [usize; 3] = [1, 8, 32];

fn puzzle(criterion: &mut Criterion) {
    // One pool for everything: without one, snarkVM starts a pool per transform.
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads start");
    let srs = Arc::new(srs::load(LogSize::MAINNET).expect("the embedded setup loads"));
    let engine = ReferenceEngine::new(srs.clone());
    let verifier = Verifier::new(&srs);
    let attempt = |nonce| pool.install(|| engine.attempt(&STATEMENT, nonce)).expect("an attempt is void once in 2^240");

    let mut group = criterion.benchmark_group("puzzle");
    group.sample_size(10);
    let mut nonce = 0;
    group.bench_function("reference attempt", |bencher| {
        bencher.iter(|| {
            nonce += 1;
            black_box(attempt(nonce))
        });
    });

    let proof = attempt(0).proof;
    group.bench_function("verify", |bencher| {
        bencher.iter(|| black_box(pool.install(|| verifier.verify(&STATEMENT, 0, &proof, Claim::None))));
    });

    for size in BATCHES {
        let item = |nonce| Item { statement: STATEMENT, nonce, proof: attempt(nonce).proof, claim: Claim::None };
        let items: Vec<Item> = (0u64..).take(size).map(item).collect();
        // As long as those of the operating system, which is all that the time depends on.
        let weights: Vec<u128> = (1u128..).take(size).map(|i| u128::MAX / (2 * i + 1)).collect();
        assert!(verifier.verify_batch(&items, &weights).iter().all(Result::is_ok));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("verify batch", size), &items, |bencher, items| {
            bencher.iter(|| black_box(pool.install(|| verifier.verify_batch(items, &weights))));
        });
    }
    group.finish();
}

criterion_group!(benches, puzzle);
criterion_main!(benches);

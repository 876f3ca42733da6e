//! Benchmarks; see `benches/`. `cargo bench --workspace --bench puzzle` measures the reference prover and the verifier.

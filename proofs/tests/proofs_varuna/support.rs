//! Statements with proofs, snarkVM called directly, and an allocator that counts.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use lode_proofs::{
    Key, KeyError, ProofError, Value, system,
    testing::Class,
    varuna::{self, Binding, BoundVaruna, VERSION},
};
use snarkvm::{
    algorithms::{
        SNARK,
        polycommit::kzg10::UniversalParams,
        snark::varuna::{CircuitVerifyingKey, Proof},
        srs::UniversalVerifier,
    },
    curves::bls12_377::{Bls12_377, Fr},
    fields::One,
    utilities::{FromBytes, ToBytes},
};

// --- Statements ----------------------------------------------------------------------------------

/// Some instances of a class, and an honest proof of them.
pub(crate) struct Statement {
    pub(crate) key: Vec<u8>,
    pub(crate) binding: [u8; 32],
    pub(crate) instances: Vec<Vec<Value>>,
    pub(crate) proof: Vec<u8>,
}

impl Statement {
    pub(crate) fn new(class: &Class, binding: [u8; 32], seeds: std::ops::Range<u64>) -> Self {
        let instances: Vec<Vec<Value>> = seeds.map(|seed| class.instance(seed)).collect();
        let proof = class.prove(&binding, &slices(&instances));
        Self { key: class.key().to_vec(), binding, instances, proof }
    }

    pub(crate) fn verify(&self) -> Result<(), ProofError> {
        parse(&self.key).unwrap().verify(&self.binding, &slices(&self.instances), &self.proof)
    }
}

pub(crate) fn parse(key: &[u8]) -> Result<Arc<dyn Key>, KeyError> {
    system(varuna::ID).unwrap().parse_key(key)
}

pub(crate) fn slices(instances: &[Vec<Value>]) -> Vec<&[Value]> {
    instances.iter().map(|values| &values[..]).collect()
}

// --- snarkVM, without what stands before it ------------------------------------------------------

/// The verifier as snarkVM loads it, with the whole setup.
pub(crate) fn universal() -> &'static UniversalVerifier<Bls12_377> {
    static VERIFIER: LazyLock<UniversalVerifier<Bls12_377>> =
        LazyLock::new(|| UniversalParams::load().unwrap().to_universal_verifier().unwrap());
    &VERIFIER
}

/// Whether snarkVM parses a key, to the same bytes.
pub(crate) fn parses_directly(key: &[u8]) -> bool {
    catch_unwind(|| {
        CircuitVerifyingKey::<Bls12_377>::read_le(key)
            .is_ok_and(|parsed| parsed.to_bytes_le().unwrap() == key)
    })
    .unwrap_or(false)
}

/// snarkVM's verdict.
pub(crate) fn holds_directly(
    key: &[u8],
    binding: &[u8; 32],
    instances: &[&[Value]],
    proof: &[u8],
) -> bool {
    let parameters = Binding::new(binding);
    holds_under::<BoundVaruna>(&parameters, key, instances, proof)
}

/// snarkVM's verdict under any sponge.
pub(crate) fn holds_under<S>(
    parameters: &S::FSParameters,
    key: &[u8],
    instances: &[&[Value]],
    proof: &[u8],
) -> bool
where
    S: SNARK<
            Proof = Proof<Bls12_377>,
            UniversalVerifier = UniversalVerifier<Bls12_377>,
            VerifierInput = [Fr],
            VerifyingKey = CircuitVerifyingKey<Bls12_377>,
        >,
{
    let verdict = || -> Option<bool> {
        let key = CircuitVerifyingKey::read_le(key).ok()?;
        let proof = Proof::read_le(proof).ok()?;
        let inputs: Vec<Vec<Fr>> = instances
            .iter()
            .map(|values| std::iter::once(Fr::one()).chain(values.iter().map(element)).collect())
            .collect();
        S::verify_batch(
            universal(),
            parameters,
            VERSION,
            &BTreeMap::from([(&key, &inputs[..])]),
            &proof,
        )
        .ok()
    };
    catch_unwind(AssertUnwindSafe(verdict)).ok().flatten().unwrap_or(false)
}

fn element(value: &Value) -> Fr {
    Fr::read_le(&value[..]).unwrap()
}

// --- Memory --------------------------------------------------------------------------------------

/// The system's allocator, which counts by thread.
struct Counting;

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most that it ever had. Freeing
    /// what another thread has allocated counts too, hence the sign.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: every call is passed on to the system's allocator with its own arguments; counting
// touches no memory of it and allocates nothing, since the cells are initialised by constants and
// need no destructor.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: what the caller guarantees.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: what the caller guarantees.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both blocks may exist for a moment.
        count(size.cast_signed());
        count(-layout.size().cast_signed());
        // SAFETY: what the caller guarantees.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What a call returns, and the most bytes that it had allocated at one time. All of its work has
/// to run on this thread: in a rayon pool of one.
pub(crate) fn measured<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = call();
    (result, PEAK.get().saturating_sub(before).max(0).cast_unsigned())
}

/// Runs something in a rayon pool of so many threads.
pub(crate) fn in_pool<T: Send>(threads: usize, call: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(call)
}

#[test]
fn the_allocator_counts_what_a_call_has_at_one_time() {
    let ((), bytes) = measured(|| {
        for _ in 0..3 {
            std::hint::black_box(Vec::<u8>::with_capacity(100_000));
        }
        let mut growing = std::hint::black_box(Vec::<u8>::with_capacity(50_000));
        growing.reserve_exact(100_000);
    });
    assert_eq!(bytes, 150_000);
}

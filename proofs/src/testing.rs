//! Small classes and real proofs, for tests.
//!
//! A class is a key of Varuna over a circuit of some dozen constraints with a chosen number of
//! public values; its proofs take some tens of milliseconds. Everything is a function of the
//! arguments: the same call gives the same bytes. Keys are made once in a process, and the first of
//! them loads the universal setup, which takes about half a second.
//!
//! Must not be broken: no program that is shipped turns this on. What is misused here panics.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "for tests alone: a test that misuses it has to stop"
)]

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use rand::{SeedableRng, rngs::StdRng};
use snarkvm::{
    algorithms::{
        AlgebraicSponge, SNARK,
        polycommit::kzg10::UniversalParams,
        r1cs::{ConstraintSynthesizer, ConstraintSystem, LinearCombination, SynthesisError},
        snark::varuna::{CircuitProvingKey, VarunaHidingMode, VarunaSNARK},
        srs::UniversalProver,
    },
    curves::bls12_377::{Bls12_377, Fq, Fr},
    fields::{Field, One, Zero},
    utilities::{FromBytes, ToBytes},
};

use crate::{
    Value,
    varuna::{Binding, BoundSponge, BoundVaruna, VERSION},
};

/// Squarings behind the last public value.
const ROUNDS: usize = 8;
/// What the prover knows and does not tell.
const SECRET: u64 = 5;

/// `y = f(x_0, x_1, …; s)`: from `t = s`, each step is `t ← (t + x_i + c_i)²`, with `x_i = 0` once
/// they are used up. Public: all `x_i`, then `y`. One constraint for each step.
#[derive(Clone)]
struct Circuit {
    variant: u64,
    /// The public values, `y` last.
    public: Vec<Fr>,
}

impl Circuit {
    /// Never 0, which snarkVM refuses as a coefficient.
    fn constant(&self, step: usize) -> Fr {
        let spread = self.variant.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Fr::from(spread.wrapping_add(step as u64)) + Fr::one()
    }

    fn inputs(&self) -> &[Fr] {
        &self.public[..self.public.len() - 1]
    }

    fn steps(&self) -> usize {
        self.inputs().len() + ROUNDS
    }

    fn step(&self, step: usize, t: Fr) -> Fr {
        let x = self.inputs().get(step).copied().unwrap_or_else(Fr::zero);
        (t + x + self.constant(step)).square()
    }

    fn output(&self) -> Fr {
        (0..self.steps()).fold(Fr::from(SECRET), |t, step| self.step(step, t))
    }
}

impl ConstraintSynthesizer<Fr> for Circuit {
    fn generate_constraints<CS: ConstraintSystem<Fr>>(
        &self,
        cs: &mut CS,
    ) -> Result<(), SynthesisError> {
        let mut inputs = Vec::new();
        for x in self.inputs() {
            inputs.push(cs.alloc_input(|| "x", || Ok(*x))?);
        }
        let output = cs.alloc_input(|| "y", || Ok(self.output()))?;
        let mut t = Fr::from(SECRET);
        let mut variable = cs.alloc(|| "s", || Ok(t))?;
        for step in 0..self.steps() {
            t = self.step(step, t);
            let next = if step + 1 == self.steps() { output } else { cs.alloc(|| "t", || Ok(t))? };
            let root = |sum: LinearCombination<Fr>| {
                let sum = sum + variable + (self.constant(step), CS::one());
                if let Some(x) = inputs.get(step) { sum + *x } else { sum }
            };
            cs.enforce(|| "step", root, root, |lc| lc + next);
            variable = next;
        }
        Ok(())
    }
}

/// A class's key, and what proves for it.
#[derive(Debug)]
pub struct Class {
    values: usize,
    variant: u64,
    key: Vec<u8>,
    proving_key: CircuitProvingKey<Bls12_377, VarunaHidingMode>,
}

/// The class of a circuit with so many public values, 1 to 63. Its key has as many as fill a power
/// of two with the leading 1, and those behind the circuit's own are 0. Other variants are other
/// circuits, and other keys.
///
/// # Panics
/// If there can be no such key.
pub fn class(values: usize, variant: u64) -> &'static Class {
    static CLASSES: Mutex<BTreeMap<(usize, u64), &'static Class>> = Mutex::new(BTreeMap::new());
    let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    classes
        .entry((values, variant))
        .or_insert_with(|| Box::leak(Box::new(Class::new(values, variant))))
}

impl Class {
    fn new(values: usize, variant: u64) -> Self {
        assert!((1..=63).contains(&values), "no key has {values} values");
        let circuit = Circuit { variant, public: vec![Fr::zero(); values] };
        let (proving_key, key) =
            BoundVaruna::circuit_setup(&universal().0, &circuit).expect("a small circuit");
        Self { values, variant, key: key.to_bytes_le().expect("memory"), proving_key }
    }

    /// The bytes of the verifying key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Public values of each instance, the zeros behind the circuit's own included: as many as the
    /// key has.
    pub fn values(&self) -> usize {
        (self.values + 1).next_power_of_two() - 1
    }

    /// The public values of a true statement, which the seed chooses. A circuit of one value has
    /// one statement.
    pub fn instance(&self, seed: u64) -> Vec<Value> {
        let first = Fr::from(seed).square();
        let mut public: Vec<Fr> = (0..self.values).map(|i| first + Fr::from(i as u64)).collect();
        let output = Circuit { variant: self.variant, public: public.clone() }.output();
        public[self.values - 1] = output;
        public.resize(self.values(), Fr::zero());
        public
            .iter()
            .map(|value| value.to_bytes_le().expect("memory").try_into().expect("32 bytes"))
            .collect()
    }

    /// One proof of all instances, in this order, for a binding.
    ///
    /// # Panics
    /// Unless all instances are true statements of the class.
    pub fn prove(&self, binding: &[u8; 32], instances: &[&[Value]]) -> Vec<u8> {
        self.prove_again(binding, instances, 0)
    }

    /// [`Class::prove`], with other random numbers: another proof of the same.
    ///
    /// # Panics
    /// As `prove` does.
    pub fn prove_again(
        &self,
        binding: &[u8; 32],
        instances: &[&[Value]],
        randomness: u64,
    ) -> Vec<u8> {
        let parameters = Binding::new(binding);
        self.prove_with::<BoundSponge>(&parameters, instances, randomness)
    }

    /// A proof under another sponge than the chain's.
    ///
    /// # Panics
    /// As `prove` does.
    pub fn prove_with<S: AlgebraicSponge<Fq, 2>>(
        &self,
        parameters: &S::Parameters,
        instances: &[&[Value]],
        randomness: u64,
    ) -> Vec<u8>
    where
        VarunaSNARK<Bls12_377, S, VarunaHidingMode>: SNARK<
                ScalarField = Fr,
                ProvingKey = CircuitProvingKey<Bls12_377, VarunaHidingMode>,
                UniversalProver = UniversalProver<Bls12_377>,
                FSParameters = S::Parameters,
            >,
    {
        let circuits: Vec<Circuit> = instances.iter().map(|values| self.circuit(values)).collect();
        let circuits = BTreeMap::from([(&self.proving_key, &circuits[..])]);
        let mut rng = StdRng::seed_from_u64(randomness);
        VarunaSNARK::<Bls12_377, S, VarunaHidingMode>::prove_batch(
            &universal().1,
            parameters,
            VERSION,
            &circuits,
            &mut rng,
        )
        .expect("true statements")
        .to_bytes_le()
        .expect("memory")
    }

    fn circuit(&self, values: &[Value]) -> Circuit {
        let element = |value: &Value| Fr::read_le(&value[..]).expect("a canonical value");
        let mut public: Vec<Fr> = values.iter().map(element).collect();
        assert_eq!(public.len(), self.values(), "the class has another number of values");
        assert!(
            public.drain(self.values..).all(|value| value.is_zero()),
            "the values behind the circuit's own are 0"
        );
        let circuit = Circuit { variant: self.variant, public };
        assert_eq!(circuit.public.last(), Some(&circuit.output()), "the statement is false");
        circuit
    }
}

/// Aleo's setup, and what provers take of it.
fn universal() -> &'static (UniversalParams<Bls12_377>, UniversalProver<Bls12_377>) {
    static UNIVERSAL: LazyLock<(UniversalParams<Bls12_377>, UniversalProver<Bls12_377>)> =
        LazyLock::new(|| {
            // 2^15 powers are compiled in, which is far more than these circuits take: nothing is
            // downloaded.
            let setup = UniversalParams::load().expect("the setup is compiled in");
            let prover = setup.to_universal_prover().expect("a setup");
            (setup, prover)
        });
    &UNIVERSAL
}

//! A Fiat–Shamir sponge that is bound to 32 bytes: a proof made under one binding holds under no
//! other.

use std::sync::Arc;

use smallvec::SmallVec;
use snarkvm::{
    algorithms::{
        AlgebraicSponge,
        crypto_hash::PoseidonSponge,
        snark::varuna::{VarunaHidingMode, VarunaSNARK, VarunaVersion},
    },
    curves::bls12_377::{Bls12_377, Fq},
    fields::{PoseidonParameters, PrimeField, ToConstraintField},
};

use super::setup::setup;

/// The prover and the verifier, for `snarkvm::algorithms::SNARK`. Its keys are those of Aleo's
/// Varuna.
pub type BoundVaruna = VarunaSNARK<Bls12_377, BoundSponge, VarunaHidingMode>;

/// Which transcript prover and verifier write.
pub const VERSION: VarunaVersion = VarunaVersion::V3;

/// Absorbed before the binding.
pub const DOMAIN: [u8; 14] = *b"LODE/VARUNA/v1";

/// Bytes that a sponge absorbs when it is made.
const PREFIX_BYTES: usize = 14 + 32;
// One field element, so that the sponge's state after them costs nothing but one addition: the
// field has 377 bits.
const _: () = assert!(PREFIX_BYTES * 8 <= 376);

type Inner = PoseidonSponge<Fq, 2, 1>;

/// What Varuna's prover and verifier take as the parameters of their sponge.
#[derive(Clone, Debug)]
pub struct Binding {
    poseidon: Arc<PoseidonParameters<Fq, 2, 1>>,
    binding: [u8; 32],
}

impl Binding {
    /// A sponge's parameters for these 32 bytes.
    pub fn new(binding: &[u8; 32]) -> Self {
        Self { poseidon: Arc::clone(&setup().poseidon), binding: *binding }
    }
}

/// Poseidon over the base field, as Varuna uses it, that has absorbed `b"LODE/VARUNA/v1" ‖ binding`
/// when it is made. The 46 bytes are one field element, read as a big-endian number.
#[derive(Clone, Debug)]
pub struct BoundSponge(Inner);

impl AlgebraicSponge<Fq, 2> for BoundSponge {
    type Parameters = Binding;

    /// Asked for by the trait; there is no sponge without a binding, and neither prover nor
    /// verifier calls it.
    fn sample_parameters() -> Binding {
        unreachable!("a bound sponge has no parameters but those of Binding::new")
    }

    fn new_with_parameters(parameters: &Binding) -> Self {
        let mut sponge = Inner::new_with_parameters(&parameters.poseidon);
        let mut prefix = [0; PREFIX_BYTES];
        let (domain, binding) = prefix.split_at_mut(DOMAIN.len());
        domain.copy_from_slice(&DOMAIN);
        binding.copy_from_slice(&parameters.binding);
        sponge.absorb_bytes(&prefix);
        Self(sponge)
    }

    fn absorb_native_field_elements<T: ToConstraintField<Fq>>(&mut self, elements: &[T]) {
        self.0.absorb_native_field_elements(elements);
    }

    fn absorb_nonnative_field_elements<Target: PrimeField>(
        &mut self,
        elements: impl IntoIterator<Item = Target>,
    ) {
        self.0.absorb_nonnative_field_elements(elements);
    }

    fn squeeze_native_field_elements(&mut self, number: usize) -> SmallVec<[Fq; 10]> {
        self.0.squeeze_native_field_elements(number)
    }

    fn squeeze_nonnative_field_elements<Target: PrimeField>(
        &mut self,
        number: usize,
    ) -> SmallVec<[Target; 10]> {
        self.0.squeeze_nonnative_field_elements(number)
    }

    fn squeeze_short_nonnative_field_elements<Target: PrimeField>(
        &mut self,
        number: usize,
    ) -> SmallVec<[Target; 10]> {
        self.0.squeeze_short_nonnative_field_elements(number)
    }
}

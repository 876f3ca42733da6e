//! Kernels without protocol: the fields Fq and Fr of BLS12-377, its curve G1, multi-scalar
//! multiplication over fixed bases ([`FixedBase`]), products of pairings with fixed points of G2
//! ([`PairingProduct`]), transforms and polynomials over a domain ([`Domain`]), and BLAKE2b of many
//! short messages ([`mod@blake2b`]).
//!
//! Every kernel exists for each [`Backend`], chosen at run time; all give the same bits. Tables are
//! built once and shared; what a computation works in ([`Scratch`], [`Workspace`]) is made once for
//! each thread, and nothing is allocated after that.
//!
//! ```text
//!           pairing          poly                     straus (sums of few points), blake2b
//!              |              |
//!             msm            ntt                      each: mod.rs picks the back end; one
//!              |              |                       algorithm over `Lanes` or `Element`
//!    +---------+------+-------+-------+
//!  avx512           field::adx      field::montgomery elements of Fq or Fr: eight in
//!    |                 |              |               registers, one in assembly, one in
//!    +-----------------+--------------+               portable Rust
//!            field (Fq, Fr), curve (Affine, Projective)
//! ```
//!
//! A kernel that is to be faster is changed in one of two places: in the algorithm, for all back
//! ends, or in the arithmetic below it. Functions of a back end carry its `target_feature`, and
//! what they call is inlined into them: a call that is not would be compiled without the
//! instructions. `examples/kernels.rs` times single kernels, `benches/` sets them beside other
//! implementations.
//!
//! Threads and queues: none. Nothing here is constant-time: no input is secret.
//!
//! What must not be broken: instructions beyond the architecture's are reached only through a back
//! end that was checked ([`Backend::checked`]), and results are complete: no input gives a wrong
//! sum.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod backend;
pub mod blake2b;
mod curve;
mod field;
mod memory;
mod msm;
mod ntt;
mod pairing;
mod poly;
mod products;
mod straus;

pub use backend::{Backend, BackendError, CPU_VARIABLE};
pub use curve::{Affine, Projective, ZETA};
pub use field::{Fq, FqParams, Fr, FrParams};
pub use msm::{FixedBase, MAX_BASES, Scratch, Stopped, TableError, are_in_subgroup};
pub use ntt::{Domain, DomainError, Workspace};
pub use pairing::{G2, PairingProduct};
pub use poly::DomainValues;
pub use products::{multiply_fq, multiply_fr};
pub use straus::sum_of_multiples;

//! Multi-scalar multiplication over fixed bases: `Σ kᵢ·Pᵢ` for points Pᵢ that stay the same.
//!
//! Every base's multiples by 2^(c·j) are tabulated, so that the digits of all positions j of all
//! scalars go to one set of buckets. What is left is a sum of n·⌈126/c⌉ points into 4^c/6 buckets,
//! and the buckets' weighted sum: for n = 2^13 and c = 8, 131,072 + 2·10,923 additions less one for
//! each bucket's first point, each of about 6 multiplications in Fq.
//!
//! - [`window`](self) digits are Eisenstein integers, after the endomorphism: a third of the
//!   buckets that signed digits have;
//! - points are affine and added in batches with one inversion, lanes running over buckets;
//! - the table takes 16·4 cells for each base, 32 MiB for n = 2^13 with lanes, and is built in a
//!   fifth of a second: there is no point in keeping it on disk.
//!
//! No threads: a multiplication runs on the caller's, in a [`Scratch`] of its own. The table is
//! shared.
//!
//! What must not be broken: any scalars give the right sum. Points that meet their double or their
//! negative, in buckets or in sums of buckets, are taken out of their batch and added by complete
//! formulas; a bucket with too many points spills them.

mod affine;
mod digits;
#[cfg(target_arch = "x86_64")]
mod digits_eight;
#[cfg(target_arch = "x86_64")]
mod eight;
mod entry;
mod lanes;
mod rounds;
mod scalar;
mod schedule;
mod subgroup;
mod sum;
mod table;
mod tree;
mod window;

pub(crate) use digits::split;
#[cfg(target_arch = "x86_64")]
pub(crate) use scalar::Adx;
pub(crate) use scalar::{Multiply, Portable};

#[cfg(target_arch = "x86_64")]
use crate::avx512::fq::Fq8;
use crate::{Affine, Backend, BackendError, Fr, Projective};
use core::sync::atomic::AtomicBool;
use lanes::Lanes;
use scalar::One;
pub use subgroup::are_in_subgroup;
use table::Table;
use window::Window;

/// The most bases of a table.
pub const MAX_BASES: usize = 1 << 20;

/// Points whose multiples are tabulated, to be multiplied by scalars and summed again and again.
pub struct FixedBase(Tables);

enum Tables {
    #[cfg(target_arch = "x86_64")]
    Ifma(Table<Fq8<true>>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Table<Fq8<false>>),
    #[cfg(target_arch = "x86_64")]
    Scalar(Table<One<Adx>>),
    Portable(Table<One<Portable>>),
}

/// The memory that a multiplication works in: one for each thread.
pub struct Scratch(Scratches);

#[allow(clippy::large_enum_variant, reason = "a thread has one, and never moves it")]
enum Scratches {
    #[cfg(target_arch = "x86_64")]
    Ifma(sum::Scratch<Fq8<true>>),
    #[cfg(target_arch = "x86_64")]
    Avx512(sum::Scratch<Fq8<false>>),
    #[cfg(target_arch = "x86_64")]
    Scalar(sum::Scratch<One<Adx>>),
    Portable(sum::Scratch<One<Portable>>),
}

/// A computation was given up because its flag was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("told to stop")]
pub struct Stopped;

/// Why there is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Too few or too many bases.
    #[error("expected 1 to {MAX_BASES} bases, got {0}")]
    Size(usize),
    /// A base is not on the curve, or not in the subgroup of order r, where the endomorphism
    /// multiplies by x².
    #[error("base {0} is not a point of the subgroup of order r")]
    Subgroup(usize),
    /// No table is as small as that.
    #[error("expected at least {expected} bytes for the table, got {got}")]
    Memory {
        /// The size of the smallest table.
        expected: usize,
        /// The bytes allowed.
        got: usize,
    },
    /// The processor lacks the instructions.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl FixedBase {
    /// Tabulates the multiples of bases in the subgroup of order r, in at most `max_bytes`: the
    /// fastest table that fits.
    ///
    /// # Errors
    /// [`TableError`]; in particular, no table takes less than 4 cells of 64 bytes, or 48 without
    /// lanes, for each of 16 multiples of each base.
    pub fn new(backend: Backend, bases: &[Affine], max_bytes: usize) -> Result<Self, TableError> {
        let backend = backend.checked()?;
        if bases.is_empty() || bases.len() > MAX_BASES {
            return Err(TableError::Size(bases.len()));
        }
        let members = are_in_subgroup(backend, bases);
        if let Some(base) =
            bases.iter().zip(members).position(|(base, member)| !base.is_on_curve() || !member)
        {
            return Err(TableError::Subgroup(base));
        }
        let position_bytes = match backend {
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma | Backend::Avx512 => Table::<Fq8<true>>::position_bytes(bases.len()),
            _ => Table::<One<Portable>>::position_bytes(bases.len()),
        };
        let window = Window::for_bases(bases.len(), max_bytes / position_bytes).ok_or(
            TableError::Memory { expected: Window::MIN_POSITIONS * position_bytes, got: max_bytes },
        )?;
        Ok(Self(match backend {
            // SAFETY: the back end was checked.
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => Tables::Ifma(unsafe { table_ifma(bases, window) }),
            // SAFETY: the back end was checked.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512 => Tables::Avx512(unsafe { table_avx512(bases, window) }),
            #[cfg(target_arch = "x86_64")]
            Backend::Scalar => Tables::Scalar(Table::new(bases, window)),
            _ => Tables::Portable(Table::new(bases, window)),
        }))
    }

    /// How many bases.
    pub fn bases(&self) -> usize {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(table) => table.bases,
            #[cfg(target_arch = "x86_64")]
            Tables::Avx512(table) => table.bases,
            #[cfg(target_arch = "x86_64")]
            Tables::Scalar(table) => table.bases,
            Tables::Portable(table) => table.bases,
        }
    }

    /// The table's size in memory.
    pub fn size_bytes(&self) -> usize {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(table) => size_of_val(table.cells.as_slice()),
            #[cfg(target_arch = "x86_64")]
            Tables::Avx512(table) => size_of_val(table.cells.as_slice()),
            #[cfg(target_arch = "x86_64")]
            Tables::Scalar(table) => size_of_val(table.cells.as_slice()),
            Tables::Portable(table) => size_of_val(table.cells.as_slice()),
        }
    }

    /// Memory for [`Self::multiply`].
    pub fn scratch(&self) -> Scratch {
        Scratch(match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(table) => Scratches::Ifma(sum::Scratch::new(&table.window, table.bases)),
            #[cfg(target_arch = "x86_64")]
            Tables::Avx512(table) => {
                Scratches::Avx512(sum::Scratch::new(&table.window, table.bases))
            }
            #[cfg(target_arch = "x86_64")]
            Tables::Scalar(table) => {
                Scratches::Scalar(sum::Scratch::new(&table.window, table.bases))
            }
            Tables::Portable(table) => {
                Scratches::Portable(sum::Scratch::new(&table.window, table.bases))
            }
        })
    }

    /// `Σ scalars[i]·bases[i]` over the scalars given, or `None` if that is the point at infinity.
    /// Variable time.
    ///
    /// # Panics
    /// If there are more scalars than bases, or the scratch is another table's.
    pub fn multiply(&self, scratch: &mut Scratch, scalars: &[Fr]) -> Option<Affine> {
        match self.multiply_unless(&AtomicBool::new(false), scratch, scalars) {
            Ok(sum) => sum,
            Err(Stopped) => unreachable!("nobody else has the flag"),
        }
    }

    /// [`Self::multiply`], given up soon after the flag is set: it is looked at every millisecond
    /// or so.
    ///
    /// # Errors
    /// [`Stopped`] if it was given up.
    ///
    /// # Panics
    /// As [`Self::multiply`].
    pub fn multiply_unless(
        &self,
        stop: &AtomicBool,
        scratch: &mut Scratch,
        scalars: &[Fr],
    ) -> Result<Option<Affine>, Stopped> {
        assert!(
            scalars.len() <= self.bases(),
            "{} scalars for {} bases",
            scalars.len(),
            self.bases()
        );
        let sum = match (&self.0, &mut scratch.0) {
            // SAFETY: a table of this kind exists only where the back end was checked.
            #[cfg(target_arch = "x86_64")]
            (Tables::Ifma(table), Scratches::Ifma(scratch)) => unsafe {
                multiply_ifma(table, scratch, scalars, stop)
            },
            // SAFETY: a table of this kind exists only where the back end was checked.
            #[cfg(target_arch = "x86_64")]
            (Tables::Avx512(table), Scratches::Avx512(scratch)) => unsafe {
                multiply_avx512(table, scratch, scalars, stop)
            },
            #[cfg(target_arch = "x86_64")]
            (Tables::Scalar(table), Scratches::Scalar(scratch)) => {
                multiply_one(table, scratch, scalars, stop)
            }
            (Tables::Portable(table), Scratches::Portable(scratch)) => {
                multiply_one(table, scratch, scalars, stop)
            }
            #[cfg(target_arch = "x86_64")]
            _ => panic!("the scratch is that of a table for another back end"),
        };
        sum.map(|sum| sum.to_affine()).ok_or(Stopped)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512ifma")]
fn table_ifma(bases: &[Affine], window: Window) -> Table<Fq8<true>> {
    Table::new(bases, window)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply_ifma(
    table: &Table<Fq8<true>>,
    scratch: &mut sum::Scratch<Fq8<true>>,
    scalars: &[Fr],
    stop: &AtomicBool,
) -> Option<Projective> {
    sum::multiply(table, scratch, scalars, stop)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn table_avx512(bases: &[Affine], window: Window) -> Table<Fq8<false>> {
    Table::new(bases, window)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn multiply_avx512(
    table: &Table<Fq8<false>>,
    scratch: &mut sum::Scratch<Fq8<false>>,
    scalars: &[Fr],
    stop: &AtomicBool,
) -> Option<Projective> {
    sum::multiply(table, scratch, scalars, stop)
}

#[inline(never)]
fn multiply_one<L: Lanes>(
    table: &Table<L>,
    scratch: &mut sum::Scratch<L>,
    scalars: &[Fr],
    stop: &AtomicBool,
) -> Option<Projective> {
    sum::multiply(table, scratch, scalars, stop)
}

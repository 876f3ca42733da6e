//! Benchmarks beside snarkVM and arkworks, in one process: `./x bench`.
//!
//! A [`Case`] is one operation at one size on some threads; its contenders are our kernels and the
//! peers', and building it asserts that all of them compute the same. `benches/groups.rs` hands the
//! cases to criterion, one contender after the other; `benches/ratios.rs` runs them in turns
//! ([`rounds`]), which is what ratios can be taken from on a machine that does other things too,
//! and writes the [`report`].
//!
//! ```text
//! data (the same input for all) -> kernels, puzzle: contenders, ours and those of peers/ -> Case
//! Case -> rounds (in turns) -> Samples -> report (JSON)
//!      -> markdown, with goals and limit -> docs/performance.md
//! ```
//!
//! A new contender is a closure in `kernels` or `puzzle` and a name in [`Contender`]; what it is to
//! reach is a line in `goals`.
//!
//! Threads: those of a [`Crew`]. Ours work on one item each, since that is how a miner and a node
//! use them; the peers' parallel kernels share one item, as they were made to.
//!
//! What must not be broken: contenders of a case do the same work on the same input, with
//! everything that they may prepare prepared, and nothing in the timed closures but that work.

mod case;
mod cases;
mod crew;
mod data;
mod goals;
mod kernels;
pub mod limit;
mod load;
mod machine;
mod markdown;
mod peers;
mod puzzle;
pub mod report;
pub mod rounds;

pub use case::{Case, Contender, Operation};
pub use crew::{Crew, PerThread};
pub use data::Setup;

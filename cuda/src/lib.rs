//! The miner on NVIDIA GPUs: [`devices`] lists them, [`CudaEngine`] proves on them.
//!
//! Each device belongs to a process of its own, which runs [`worker::run`] and talks over its
//! standard input and output (`wire`): an error that sticks to a CUDA context ends with that
//! process, and the others go on. `prover` holds the device's memory, `lane` that of a batch, and
//! launches the kernels of `cuda/kernels` (`kernels`), which are compiled in as PTX; the driver,
//! found at run time, makes machine code of them. What Rust, C and Python share is typed in
//! `constants`. `docs/src/cuda.md` is the design.
//!
//! Threads: the engine has none; the thread that calls [`lode_puzzle::Engine::run`] feeds a device
//! and waits for it. Each worker process adds two here, which read its output and its complaints
//! (`process`), and has two of its own (`worker`). Queues: requests to a worker, `IN_FLIGHT`;
//! replies from it, as many.
//!
//! Must not be broken: no CUDA context in this process; no result that the CPU has not checked; no
//! run on the CPU in place of a device that is missing; and every size that comes out of a pipe is
//! bounded.

mod clocks;
mod constants;
mod devices;
mod engine;
mod error;
mod kernels;
mod lane;
mod process;
mod prover;
mod shared;
mod slot;
mod tables;
mod wire;
pub mod worker;

pub use clocks::Clocks;
pub use devices::{Device, DeviceSelection, DeviceSelectionError, devices};
pub use engine::CudaEngine;
pub use error::CudaError;
pub use process::WorkerProgram;
pub use slot::{DeviceState, DeviceStatus};
pub use wire::Stages;

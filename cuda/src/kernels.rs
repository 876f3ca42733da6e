//! The kernels: their arguments by name, and how they are launched.
//!
//! Each kernel of `attempt.cu` and `table.cu` is declared once, with the block size that it is
//! compiled for and its arguments in the order of its signature. From that follow its arguments'
//! struct, its handle in a loaded module, and what a test compares with the PTX.
#![allow(unsafe_code, reason = "kernels are launched with untyped arguments, with the reason")]

use std::sync::Arc;

use cudarc::driver::{
    CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig,
    PushKernelArg,
};

use crate::{
    CudaError,
    constants::{
        MSM_SORT_THREADS, NTT_THREADS, OPENING_THREADS, POINT_THREADS, TABLE_THREADS, THREADS,
    },
    error::During,
};

/// A kernel's arguments.
pub(crate) trait Kernel {
    /// The kernels of its module.
    type Module;
    const BLOCK_THREADS: u32;

    fn function(module: &Self::Module) -> &CudaFunction;

    /// In the order of the kernel's signature.
    fn arguments(&self) -> Vec<Argument>;
}

macro_rules! kernels {
    ($module:ident of $ptx:literal: $(
        $(#[$doc:meta])*
        $name:ident, $kernel:ident, $threads:ident { $($argument:ident: $kind:ty),* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub(crate) struct $name {
                $(pub(crate) $argument: $kind,)*
            }

            impl Kernel for $name {
                type Module = $module;
                const BLOCK_THREADS: u32 = $threads;

                fn function(module: &$module) -> &CudaFunction {
                    &module.$kernel
                }

                fn arguments(&self) -> Vec<Argument> {
                    vec![$(self.$argument.into()),*]
                }
            }
        )*

        #[doc = concat!("The kernels of `", $ptx, "`.")]
        pub(crate) struct $module {
            $($kernel: CudaFunction,)*
        }

        impl $module {
            pub(crate) const PTX: &str = include_str!(concat!("../ptx/", $ptx));

            pub(crate) fn load(module: &Arc<CudaModule>) -> Result<Self, DriverError> {
                Ok(Self { $($kernel: module.load_function(stringify!($kernel))?,)* })
            }

            /// Each kernel's name, threads of a block, and bytes of each argument.
            #[cfg(test)]
            fn signatures() -> Vec<(&'static str, u32, Vec<usize>)> {
                vec![$((stringify!($kernel), $threads, vec![$(size_of::<$kind>()),*])),*]
            }
        }
    };
}

kernels! { AttemptKernels of "attempt.ptx":
    /// The seeds of consecutive nonces.
    Seeds, attempt_seeds, POINT_THREADS {
        statement: Pointer, first_nonce: u64, seeds: Pointer, batch: u32
    }
    /// The values of a, b and c that the seeds expand into.
    Expand, attempt_expand, THREADS { seeds: Pointer, a: Pointer, b: Pointer, c: Pointer, n: u32 }
    /// `stages` stages of transforms to coefficients, from the stage `first`.
    NttInverse, ntt_inverse_pass, NTT_THREADS {
        data: Pointer, roots: Pointer, log_n: u32, first: u32, stages: u32
    }
    /// The same of transforms to values.
    NttForward, ntt_forward_pass, NTT_THREADS {
        data: Pointer, roots: Pointer, log_n: u32, first: u32, stages: u32
    }
    /// From coefficients to those on the coset.
    Twist, attempt_twist, THREADS { data: Pointer, factors: Pointer, n: u32, count: u32 }
    /// The values of a·b, in place of a's.
    Product, attempt_product, THREADS { a: Pointer, b: Pointer, count: u32 }
    /// h from the coefficients of c and of u = a·b on the coset.
    Quotient, attempt_quotient, THREADS {
        c: Pointer, u: Pointer, scale: Pointer, untwist: Pointer, h: Pointer, log_n: u32, count: u32
    }
    /// The digits of each vector, by bucket.
    Sort, msm_sort_digits, MSM_SORT_THREADS {
        scalars: Pointer, n: u32, entries: Pointer, starts: Pointer, order: Pointer
    }
    /// The sum of each bucket.
    Accumulate, msm_accumulate, POINT_THREADS {
        table: Pointer, n: u32, entries: Pointer, starts: Pointer, order: Pointer, buckets: Pointer
    }
    /// Folds of `MSM_RUN` buckets each.
    FoldFirst, msm_fold_first, POINT_THREADS { buckets: Pointer, folds: Pointer, count: u32 }
    /// Folds of `width` folds each, which are of 2^`unit_log` buckets.
    FoldNext, msm_fold_next, POINT_THREADS {
        from: Pointer, to: Pointer, width: u32, unit_log: u32, count: u32
    }
    /// The commitments, and the points where they are opened.
    Point, attempt_point, POINT_THREADS {
        folds: Pointer, seeds: Pointer, commitments: Pointer, z_montgomery: Pointer, z: Pointer,
        state: Pointer, log_n: u32, batch: u32
    }
    /// The values at these points, and the division by X - z.
    Opening, attempt_opening, OPENING_THREADS {
        h: Pointer, z_montgomery: Pointer, q: Pointer, values: Pointer, n: u32
    }
    /// The openings, and the tickets.
    TicketKernel, attempt_ticket, POINT_THREADS {
        folds: Pointer, seeds: Pointer, commitments: Pointer, openings: Pointer, tickets: Pointer,
        state: Pointer, batch: u32
    }
    /// Records of the attempts that meet a target; a target's low half is first.
    Filter, attempt_filter, POINT_THREADS {
        commitments: Pointer, points: Pointer, values: Pointer, openings: Pointer, tickets: Pointer,
        state: Pointer, block_low: u64, block_high: u64, share_low: u64, share_high: u64,
        records: Pointer, winners: Pointer, batch: u32
    }
}

kernels! { TableKernels of "table.ptx":
    /// The window multiples of each base.
    BuildTable, msm_build_table, TABLE_THREADS { bases: Pointer, table: Pointer, n: u32 }
}

/// Where something lies in the device's memory.
#[derive(Clone, Copy)]
pub(crate) struct Pointer(u64);

/// An argument of a kernel.
#[derive(Clone, Copy)]
pub(crate) enum Argument {
    U32(u32),
    U64(u64),
}

impl From<u32> for Argument {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<u64> for Argument {
    fn from(value: u64) -> Self {
        Self::U64(value)
    }
}

impl From<Pointer> for Argument {
    fn from(pointer: Pointer) -> Self {
        Self::U64(pointer.0)
    }
}

/// Device memory, and where it lies.
pub(crate) struct Buffer {
    pub(crate) slice: CudaSlice<u8>,
    address: u64,
}

impl Buffer {
    /// Uninitialised memory.
    pub(crate) fn new(stream: &Arc<CudaStream>, bytes: usize) -> Result<Self, CudaError> {
        // SAFETY: every kernel's buffers are written before they are read, by this lane's stream.
        let slice = unsafe { stream.alloc(bytes) }.during("taking device memory")?;
        let address = slice.device_ptr(stream).0;
        Ok(Self { slice, address })
    }

    /// Its first byte.
    pub(crate) fn start(&self) -> Pointer {
        self.at(0)
    }

    /// `offset` bytes into the buffer.
    pub(crate) fn at(&self, offset: usize) -> Pointer {
        Pointer(self.address + offset as u64)
    }
}

/// Blocks of a kernel that cover `count` threads.
pub(crate) fn blocks<K: Kernel>(count: u32) -> u32 {
    count.div_ceil(K::BLOCK_THREADS)
}

/// Launches a kernel on a grid of (blocks in x, blocks in y).
pub(crate) fn launch<K: Kernel>(
    stream: &Arc<CudaStream>,
    module: &K::Module,
    (x, y): (u32, u32),
    kernel: K,
) -> Result<(), DriverError> {
    let arguments = kernel.arguments();
    let mut builder = stream.launch_builder(K::function(module));
    for argument in &arguments {
        match argument {
            Argument::U32(value) => builder.arg(value),
            Argument::U64(value) => builder.arg(value),
        };
    }
    let config = LaunchConfig {
        grid_dim: (x, y, 1),
        block_dim: (K::BLOCK_THREADS, 1, 1),
        shared_mem_bytes: 0,
    };
    // SAFETY: number, order and widths of the arguments are those of the kernel's signature, which
    // a test compares, and each pointer is to a buffer of at least what its description says for
    // the batch. Tests run every launch in the emulator, where an access outside of a buffer is
    // fatal.
    unsafe { builder.launch(config) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PTX says of its kernels: name, most threads of a block, bytes of each parameter.
    fn signatures(ptx: &str) -> Vec<(&str, u32, Vec<usize>)> {
        ptx.split(".visible .entry ")
            .skip(1)
            .map(|entry| {
                let (name, rest) = entry.split_once('(').unwrap();
                let (parameters, rest) = rest.split_once(')').unwrap();
                let width = |line: &str| match line.split_whitespace().nth(1) {
                    Some(".u32") => 4,
                    Some(".u64") => 8,
                    other => panic!("a parameter of type {other:?}"),
                };
                let (head, _) = rest.split_once('{').unwrap();
                let threads =
                    head.split_once(".maxntid ").map(|(_, it)| it.split_once(',').unwrap().0);
                let widths = parameters.split(',').map(|it| width(it.trim())).collect();
                (name, threads.map_or(u32::MAX, |it| it.parse().unwrap()), widths)
            })
            .collect()
    }

    #[test]
    fn launches_are_as_the_ptx_says() {
        for (ptx, mut declared) in [
            (AttemptKernels::PTX, AttemptKernels::signatures()),
            (TableKernels::PTX, TableKernels::signatures()),
        ] {
            let mut compiled = signatures(ptx);
            compiled.sort();
            declared.sort();
            assert_eq!(declared.len(), compiled.len());
            for ((name, threads, widths), (kernel, most, parameters)) in
                declared.into_iter().zip(compiled)
            {
                assert_eq!((name, &widths), (kernel, &parameters));
                // Seeds are compiled without a bound.
                assert!(
                    threads == most || most == u32::MAX,
                    "{name}: {threads} threads, compiled for {most}"
                );
            }
        }
    }
}

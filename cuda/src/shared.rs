//! What the lanes of a device share: the kernels, and the tables that they read.

use std::sync::Arc;

use cudarc::{driver::CudaContext, nvrtc::Ptx};
use lode_puzzle::Srs;

use crate::{
    CudaError,
    constants::{ENTRY_BYTES, MSM_WINDOWS},
    error::During,
    kernels::{AttemptKernels, Buffer, BuildTable, TableKernels, blocks, launch},
    tables::Tables,
};

/// Kernels and tables.
pub(crate) struct Shared {
    pub(crate) n: usize,
    pub(crate) log_n: u32,
    pub(crate) kernels: AttemptKernels,
    pub(crate) roots: Buffer,
    pub(crate) inverse_roots: Buffer,
    pub(crate) twist: Buffer,
    pub(crate) untwist: Buffer,
    pub(crate) scale: Buffer,
    pub(crate) table: Buffer,
}

impl Shared {
    pub(crate) fn new(context: &Arc<CudaContext>, srs: &Srs) -> Result<Self, CudaError> {
        let tables = Tables::new(srs).ok_or(CudaError::Size)?;
        let n = srs.log_n().n();
        const LOAD: &str = "loading the kernels";
        let load = |ptx| context.load_module(Ptx::from_src(ptx)).during(LOAD);
        let kernels = AttemptKernels::load(&load(AttemptKernels::PTX)?).during(LOAD)?;
        let table_kernels = TableKernels::load(&load(TableKernels::PTX)?).during(LOAD)?;

        const UPLOAD: &str = "uploading tables";
        let stream = context.new_stream().during(UPLOAD)?;
        let upload = |words: &[u64]| -> Result<Buffer, CudaError> {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut buffer = Buffer::new(&stream, bytes.len())?;
            stream.memcpy_htod(&bytes, &mut buffer.slice).during(UPLOAD)?;
            Ok(buffer)
        };
        let bases = upload(&tables.bases)?;
        let shared = Self {
            n,
            log_n: u32::from(srs.log_n().log_n()),
            kernels,
            roots: upload(&tables.roots)?,
            inverse_roots: upload(&tables.inverse_roots)?,
            twist: upload(&tables.twist)?,
            untwist: upload(&tables.untwist)?,
            scale: upload(&tables.scale)?,
            table: Buffer::new(&stream, n * MSM_WINDOWS * ENTRY_BYTES)?,
        };
        const BUILD: &str = "building the table";
        let build = BuildTable { bases: bases.start(), table: shared.table.start(), n: n as u32 };
        launch(&stream, &table_kernels, (blocks::<BuildTable>(n as u32), 1), build)
            .during(BUILD)?;
        stream.synchronize().during(BUILD)?;
        Ok(shared)
    }
}

//! Reading a chain's headers for the second time: one that was proven, whose work suffices, and
//! that was too long to be kept. Every header is recognised by the hash of a later one, so that no
//! proof is checked again.

use std::collections::VecDeque;

use lode_consensus::{
    ChainSpec, ChainWork, Hash, Height, SealedHeader,
    headers::{ContextualHeader, HeaderChain, HeaderChainError, VerifiedHeader},
    rules::{Ancestry, ChainContext},
};
use lode_ledger::LedgerError;

use super::tree::Standing;

/// The second reading of a chain that was proven and is too long to be kept.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) fork_hash: Hash,
    chain: HeaderChain,
    /// The last header that is back.
    tip_hash: Hash,
    /// The work there.
    pub(super) work: ChainWork,
    /// Heights and hashes of proven headers; a header is proven if one that follows it is here.
    checkpoints: VecDeque<(Height, Hash)>,
    /// Headers on top of the last one, on their way to the next checkpoint.
    buffer: Vec<SealedHeader>,
    /// The headers above the last checkpoint.
    pub(super) tail: VecDeque<VerifiedHeader>,
    /// The work of the whole chain.
    pub(super) goal: ChainWork,
    pub(super) assumed_to: Option<Height>,
}

impl Replay {
    /// The chain on top of `base`: the hashes that were kept of it, lowest first, the headers
    /// behind the last of them, and its whole work.
    pub(super) fn new(
        (base_hash, base): (Hash, Standing),
        checkpoints: VecDeque<(Height, Hash)>,
        tail: VecDeque<VerifiedHeader>,
        goal: ChainWork,
        assumed_to: Option<Height>,
    ) -> Self {
        Self {
            fork_hash: base_hash,
            chain: HeaderChain::above(base.height),
            tip_hash: base_hash,
            work: base.work,
            checkpoints,
            buffer: Vec::new(),
            tail,
            goal,
            assumed_to,
        }
    }

    /// The last header received.
    pub(super) fn last_hash(&self) -> Hash {
        self.buffer.last().map_or(self.tip_hash, SealedHeader::hash)
    }

    /// Whether only the tail is left.
    pub(super) fn is_complete(&self) -> bool {
        self.checkpoints.is_empty()
    }

    /// Headers that no checkpoint has confirmed yet.
    pub(super) fn unconfirmed(&self) -> usize {
        self.buffer.len()
    }

    /// Forgets what no checkpoint has confirmed.
    pub(super) fn rewind(&mut self) {
        self.buffer.clear();
    }

    /// Takes the headers that follow the last one. Gives those that a checkpoint confirms, with the
    /// work below each, and whether all of them may be the headers that were proven.
    pub(super) fn extend<A: Ancestry<Error = LedgerError>>(
        &mut self,
        headers: Vec<SealedHeader>,
        params: &ChainSpec,
        genesis_hash: Hash,
        base: &A,
    ) -> Result<(Vec<(VerifiedHeader, ChainWork)>, bool), LedgerError> {
        let mut confirmed = Vec::new();
        for sealed in headers {
            let Some((height, expected)) = self.checkpoints.front().copied() else {
                break;
            };
            if sealed.header.parent_hash != self.last_hash() {
                return Ok((confirmed, false));
            }
            // By count and not by what the headers say, so that no lie makes the buffer longer than
            // the interval.
            let reached = self
                .chain
                .tip()
                .saturating_add(u32::try_from(self.buffer.len()).unwrap_or(u32::MAX));
            let hash = sealed.hash();
            self.buffer.push(sealed);
            if reached.saturating_add(1) < height {
                continue;
            }
            if hash != expected {
                return Ok((confirmed, false));
            }
            for sealed in std::mem::take(&mut self.buffer) {
                let context = ChainContext::gather(
                    params,
                    genesis_hash,
                    self.chain.tip(),
                    &self.chain.on(base),
                );
                let context = context.map_err(own_fault)?;
                let Ok(contextual) = ContextualHeader::new(sealed, &context) else {
                    return Ok((confirmed, false));
                };
                let header = contextual.assume_verified();
                self.tip_hash = header.hash();
                self.chain.push(header.hash(), header.header().clone());
                let below = self.work;
                self.work = below.after(header.header().target);
                confirmed.push((header, below));
            }
            self.chain.forget(params);
            self.checkpoints.pop_front();
        }
        Ok((confirmed, true))
    }
}

pub(super) fn own_fault(error: HeaderChainError<LedgerError>) -> LedgerError {
    match error {
        HeaderChainError::Base(error) => error,
        HeaderChainError::Absent { .. } => {
            LedgerError::Contradiction { what: "a header in memory is missing" }
        }
    }
}

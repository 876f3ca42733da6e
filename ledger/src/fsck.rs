//! Checks a whole ledger: first that the tree of blocks hangs together, then a replay of the chain
//! from genesis into a scratch ledger, with every record that follows from the chain compared.
//!
//! What must not be broken: the comparison is of raw bytes, column by column, so that an index or
//! an undo that leaves anything behind is found without a check of its own.

mod blocks;
mod error;
mod verdicts;

pub use error::FsckError;

use std::{path::Path, sync::Arc};

use lode_consensus::{
    Height, Obligation,
    obligation::{ObligationError, ProofChecker, Verdict},
    rules::{BlockError, ContextualBlock},
};

use crate::{
    Ledger, LedgerOptions,
    columns::{Chain, OF_THE_CHAIN},
    database::{Place, RawRecord},
    reader::require,
};
use verdicts::Verdicts;

/// What [`Ledger::fsck`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Rules, state and indexes; the proofs and signatures were checked when the blocks came, and
    /// sold proofs hold or not as it was recorded then.
    Replay,
    /// The proofs and signatures too, and whether sold proofs hold.
    Proofs,
}

/// What a check went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Blocks replayed, genesis included.
    pub blocks: u64,
    /// Records compared.
    pub records: u64,
}

impl Ledger {
    /// Checks the whole chain. `scratch` is an empty folder for the replay, which the caller
    /// removes; `progress` is told each height as it is done; `entropy` gives the verifier its
    /// random weights.
    pub fn fsck(
        &self,
        depth: Depth,
        checker: &impl ProofChecker,
        mut entropy: impl FnMut(usize) -> Vec<u128>,
        scratch: &Path,
        mut progress: impl FnMut(Height, Height),
    ) -> Result<Report, FsckError> {
        let reader = self.read();
        let tip = blocks::check(&reader)?;
        // What is retained goes by the floor, which a reorg or another history may have left
        // anywhere: the replay ends with the same one.
        let history = tip.saturating_sub(reader.state_floor()?);
        let judged = Arc::new(Verdicts::new(Arc::clone(&self.proofs), depth == Depth::Proofs));
        let options = LedgerOptions { history, proofs: Arc::clone(&judged) as _ };
        let replay = Ledger::open_with(Place::Scratch(scratch), self.network.clone(), options)?;
        for height in 1..=tip {
            let (hash, block) = require::<Chain, _>(reader.block_at(height)?, height)?;
            let broken = |error: &dyn std::fmt::Display| FsckError::Block {
                height,
                hash,
                error: error.to_string(),
            };
            let context =
                replay.read().context(&block.header.parent_hash).map_err(|error| broken(&error))?;
            let contextual = ContextualBlock::new(block, context, self.params())
                .map_err(|error| broken(&error))?;
            let proven = match depth {
                Depth::Replay => contextual.assume_verified(),
                Depth::Proofs => {
                    let weights = entropy(contextual.weights_needed());
                    contextual
                        .prove(checker, &weights)
                        .map_err(|error: BlockError| broken(&error))?
                }
            };
            judged.expect(reader.outcomes(height)?.into_iter().zip(proven.transaction_ids()));
            let outcome = replay.store(proven)?;
            if let Some((delivery, recorded)) = judged.wrong() {
                return Err(FsckError::Verdict { height, delivery, recorded });
            }
            if let Some((_, error)) = outcome.refused {
                return Err(broken(&error));
            }
            progress(height, tip);
        }
        let records = compare(&reader, &replay)?;
        Ok(Report { blocks: u64::from(tip).saturating_add(1), records })
    }
}

/// Compares the raw bytes of every column that follows from the chain.
fn compare(reader: &crate::Reader<'_>, replay: &Ledger) -> Result<u64, FsckError> {
    let expected_reader = replay.read();
    let mut records = 0_u64;
    for column in OF_THE_CHAIN {
        let mut got = reader.view.raw(column)?;
        let mut expected = expected_reader.view.raw(column)?;
        loop {
            let (got, expected) = (got.next().transpose()?, expected.next().transpose()?);
            if got == expected {
                if got.is_none() {
                    break;
                }
                records = records.saturating_add(1);
                continue;
            }
            return Err(difference(column, got, expected));
        }
    }
    Ok(records)
}

/// Names the first key at which two columns part.
fn difference(
    column: &'static str,
    got: Option<RawRecord>,
    expected: Option<RawRecord>,
) -> FsckError {
    let key = match (&got, &expected) {
        (Some((got, _)), Some((expected, _))) => got.min(expected).clone(),
        (Some((key, _)), None) | (None, Some((key, _))) => key.clone(),
        (None, None) => Box::default(),
    };
    let show = |record: Option<RawRecord>| match record {
        Some((record_key, value)) if record_key == key => hex::encode(value),
        _ => "nothing".to_owned(),
    };
    FsckError::Record { column, key: hex::encode(&key), expected: show(expected), got: show(got) }
}

/// A checker that is never called: for [`Depth::Replay`].
#[derive(Debug, Clone, Copy)]
pub struct NoChecker;

impl ProofChecker for NoChecker {
    fn check(&self, obligations: &[Obligation], _: &[u128]) -> Vec<Verdict> {
        // Should it be asked all the same, nothing passes.
        obligations.iter().map(|_| Err(ObligationError::Unjudged)).collect()
    }
}

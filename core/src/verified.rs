//! What was found good and comes again: the same attempt as a block's header and as a share, often
//! within a millisecond; shares and transactions first on their own and then in blocks, and in the
//! blocks that compete with those; the same few provers' addresses all the time. Each is checked
//! once.
//!
//! Purpose: a memory in front of a checker. What Bitcoin Core's signature cache is to signatures.
//!
//! Threads: any. Two that ask for the same single obligation at the same time share one check; the
//! second waits.
//!
//! Bounds: one for each kind; the oldest gives way. Bad ones are not kept, so that they cannot
//! evict the good ones.
//!
//! What must not be broken: only what the checker accepted is remembered, by all that the verdict
//! depends on or a hash of it; what an attempt claims of its ticket is judged each time.

use std::collections::BTreeSet;

use lode_consensus::{
    Address, Hash, Obligation,
    obligation::{Kind, ObligationError, ProofChecker, Verdict},
};
use lode_puzzle::{Seed, Ticket};
use parking_lot::{Condvar, Mutex};

use crate::sync::bounded::Recent;

/// Addresses that are remembered: provers, and the recipients of as many transactions as are.
const MAX_ADDRESSES: usize = 131_072;
/// Proofs that are remembered: two full pools of shares.
const MAX_PUZZLES: usize = 2 * crate::share_pool::MAX_SHARES;
/// Signatures that are remembered: more than a mempool of the usual size holds.
const MAX_SIGNATURES: usize = 131_072;

/// A checker with a memory.
#[derive(Debug)]
pub struct VerifiedCache<C> {
    checker: C,
    state: Mutex<State>,
    /// Something is not being checked any more.
    done: Condvar,
}

/// All that the verdict on an obligation depends on, but for what an attempt claims of its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Address(Address),
    /// A ticket is the hash of statement, nonce and proof.
    Puzzle(Ticket),
    /// The hash of sender, message and signature.
    Signature(Hash),
}

impl Key {
    fn of(obligation: &Obligation) -> Self {
        match obligation {
            Obligation::Address(address) => Self::Address(*address),
            Obligation::Puzzle(item) => {
                Self::Puzzle(Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof))
            }
            Obligation::Signature(claim) => {
                let parts: [&[u8]; 3] = [&claim.from.0, &claim.message.0, &claim.signature];
                Self::Signature(Hash::of("lode/core/verified-signature/v1", &parts))
            }
        }
    }
}

#[derive(Debug)]
struct State {
    addresses: Recent<Key>,
    puzzles: Recent<Key>,
    signatures: Recent<Key>,
    /// What is being checked, each alone.
    running: BTreeSet<Key>,
}

impl State {
    fn of_kind(&mut self, kind: Kind) -> &mut Recent<Key> {
        match kind {
            Kind::Address => &mut self.addresses,
            Kind::Puzzle => &mut self.puzzles,
            Kind::Signature => &mut self.signatures,
        }
    }
}

impl<C: ProofChecker> VerifiedCache<C> {
    /// An empty memory in front of `checker`.
    pub fn new(checker: C) -> Self {
        let state = State {
            addresses: Recent::new(MAX_ADDRESSES),
            puzzles: Recent::new(MAX_PUZZLES),
            signatures: Recent::new(MAX_SIGNATURES),
            running: BTreeSet::new(),
        };
        Self { checker, state: Mutex::new(state), done: Condvar::new() }
    }

    /// Waits while another thread checks the same thing. Returns the duty to check it, or nothing
    /// if it is known to be good.
    ///
    /// Only for what is checked alone: that takes a millisecond, a batch may take fifty.
    fn begin(&self, kind: Kind, key: Key) -> Option<Running<'_, C>> {
        let mut state = self.state.lock();
        self.done.wait_while(&mut state, |state| state.running.contains(&key));
        if state.of_kind(kind).contains(&key) {
            return None;
        }
        state.running.insert(key);
        Some(Running { cache: self, key })
    }
}

impl<C: ProofChecker> ProofChecker for VerifiedCache<C> {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        let keys: Vec<Key> = obligations.iter().map(Key::of).collect();
        let kinds = || obligations.iter().map(Obligation::kind).zip(&keys);
        let running = if let [key] = *keys {
            kinds().next().and_then(|(kind, _)| self.begin(kind, key))
        } else {
            None
        };
        let known: Vec<bool> = {
            let mut state = self.state.lock();
            kinds().map(|(kind, key)| state.of_kind(kind).contains(key)).collect()
        };
        // What is new, with the weights that were drawn for it.
        let (mut new, mut new_weights, mut weights) = (Vec::new(), Vec::new(), weights.iter());
        for (obligation, known) in obligations.iter().zip(&known) {
            let weight = if obligation.kind().needs_weight() { weights.next() } else { None };
            if !known {
                new.push(*obligation);
                new_weights.extend(weight);
            }
        }
        let judged =
            if new.is_empty() { Vec::new() } else { self.checker.check(&new, &new_weights) };
        let mut judged = judged.into_iter();
        let mut verdict = |((obligation, key), known): ((&Obligation, &Key), bool)| match (
            known, obligation, key,
        ) {
            (true, Obligation::Puzzle(item), Key::Puzzle(ticket)) => {
                Ok(item.claim.check(ticket)?)
            }
            (true, ..) => Ok(()),
            (false, ..) => judged.next().unwrap_or(Err(ObligationError::Unjudged)),
        };
        let verdicts: Vec<Verdict> =
            obligations.iter().zip(&keys).zip(known).map(&mut verdict).collect();
        let mut state = self.state.lock();
        for ((kind, key), _) in kinds().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()) {
            state.of_kind(kind).insert(*key);
        }
        drop(state);
        drop(running);
        verdicts
    }
}

/// The duty to check something. Ends however the check ends.
struct Running<'a, C: ProofChecker> {
    cache: &'a VerifiedCache<C>,
    key: Key,
}

impl<C: ProofChecker> Drop for Running<'_, C> {
    fn drop(&mut self) {
        self.cache.state.lock().running.remove(&self.key);
        self.cache.done.notify_all();
    }
}

#[cfg(test)]
mod tests;

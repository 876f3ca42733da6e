//! Proofs that held: the same attempt comes as a block's header and as a share, often within a millisecond, and its proof is
//! checked once.
//!
//! Purpose: a memory in front of a checker. What Bitcoin Core's signature cache is to signatures.
//!
//! What must not be broken: only what the checker accepted is remembered, by the hash of all that the verdict depends on;
//! what an attempt claims of its ticket is judged each time.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use lode_consensus::rules::ProofChecker;
use lode_puzzle::{Item, Seed, Ticket, VerifyError};

use crate::sync::bounded::Recent;

/// Proofs that are remembered: what comes twice comes twice soon.
const MAX_PROOFS: usize = 1_024;

/// A checker with a memory.
#[derive(Debug)]
pub struct ProofCache<C> {
    checker: C,
    state: Mutex<State>,
    /// A proof is not being checked any more.
    done: Condvar,
}

#[derive(Debug)]
struct State {
    /// Tickets of proofs that hold. A ticket is the hash of statement, nonce and proof.
    good: Recent<Ticket>,
    /// Tickets of proofs that are being checked, each alone.
    running: BTreeSet<Ticket>,
}

impl<C: ProofChecker> ProofCache<C> {
    /// An empty memory in front of `checker`.
    pub fn new(checker: C) -> Self {
        let state = State { good: Recent::new(MAX_PROOFS), running: BTreeSet::new() };
        Self { checker, state: Mutex::new(state), done: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while somebody else checks a proof. Returns the duty to check it, or nothing if it is known to hold.
    ///
    /// Only for a proof that is checked alone: that takes a millisecond, a batch may take fifty.
    fn begin(&self, ticket: Ticket) -> Option<Running<'_, C>> {
        let is_running = |state: &mut State| state.running.contains(&ticket);
        let mut state = self.done.wait_while(self.state(), is_running).unwrap_or_else(PoisonError::into_inner);
        if state.good.contains(&ticket) {
            return None;
        }
        state.running.insert(ticket);
        Some(Running { cache: self, ticket })
    }
}

impl<C: ProofChecker> ProofChecker for ProofCache<C> {
    fn check(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        if weights.len() < items.len() {
            return self.checker.check(items, weights);
        }
        let tickets: Vec<Ticket> =
            items.iter().map(|item| Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof)).collect();
        let running = if let [ticket] = *tickets { self.begin(ticket) } else { None };
        let known: Vec<bool> = {
            let state = self.state();
            tickets.iter().map(|ticket| state.good.contains(ticket)).collect()
        };
        let (new_items, new_weights): (Vec<Item>, Vec<u128>) =
            items.iter().zip(weights).zip(&known).filter(|(_, known)| !**known).map(|((i, w), _)| (*i, *w)).unzip();
        let mut verdicts = match &*new_items {
            [] => Vec::new(),
            new_items => self.checker.check(new_items, &new_weights),
        }
        .into_iter();
        let verdicts: Vec<Result<Ticket, VerifyError>> = items
            .iter()
            .zip(tickets)
            .zip(known)
            .map_while(|((item, ticket), known)| match known {
                true => Some(item.claim.check(&ticket).map(|()| ticket)),
                false => verdicts.next(),
            })
            .collect();
        let mut state = self.state();
        verdicts.iter().flatten().for_each(|ticket| {
            state.good.insert(*ticket);
        });
        drop(state);
        drop(running);
        verdicts
    }
}

/// The duty to check a proof. Ends however the check ends.
struct Running<'a, C: ProofChecker> {
    cache: &'a ProofCache<C>,
    ticket: Ticket,
}

impl<C: ProofChecker> Drop for Running<'_, C> {
    fn drop(&mut self) {
        self.cache.state().running.remove(&self.ticket);
        self.cache.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{Barrier, Mutex},
        thread,
        time::Duration,
    };

    use lode_puzzle::{Claim, Half, Proof, Statement, Target};

    use super::*;

    /// Takes all proofs for good but those with an opening of ones, and notes what it was asked.
    #[derive(Default)]
    struct Clerk {
        asked: Mutex<Vec<(u64, u128)>>,
        /// What it does before it answers.
        pause: Option<Box<dyn Fn() + Send + Sync>>,
    }

    impl ProofChecker for Clerk {
        fn check(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
            if weights.len() < items.len() {
                return vec![
                    Err(VerifyError::MissingWeights { expected: items.len(), got: weights.len() });
                    items.len()
                ];
            }
            self.asked.lock().unwrap().extend(items.iter().map(|item| item.nonce).zip(weights.iter().copied()));
            if let Some(pause) = &self.pause {
                pause();
            }
            let judge = |item: &Item| {
                let ticket = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
                if item.proof.opening == [1; 96] {
                    return Err(VerifyError::PairingFailed);
                }
                item.claim.check(&ticket).map(|()| ticket)
            };
            items.iter().map(judge).collect()
        }
    }

    fn cache() -> ProofCache<Clerk> {
        ProofCache::new(Clerk::default())
    }

    fn asked(cache: &ProofCache<Clerk>) -> Vec<u64> {
        cache.checker.asked.lock().unwrap().iter().map(|(nonce, _)| *nonce).collect()
    }

    fn item(nonce: u64) -> Item {
        Item { statement: Statement([3; 32]), nonce, proof: Proof::ZERO, claim: Claim::None }
    }

    fn bad(nonce: u64) -> Item {
        Item { proof: Proof { opening: [1; 96], ..Proof::ZERO }, ..item(nonce) }
    }

    #[test]
    fn an_attempt_is_checked_once_and_each_of_its_claims_is_judged() {
        let cache = cache();
        let share = Item { claim: Claim::Share(Target::MAX), ..item(7) };
        let ticket = cache.check(&[share], &[1])[0].unwrap();
        let block = Item { claim: Claim::Block(Target::MAX), ..share };
        assert_eq!(cache.check(&[block], &[1]), [Ok(ticket)]);
        let missed = Item { claim: Claim::Block(Target::MIN), ..share };
        assert!(matches!(
            cache.check(&[missed], &[1])[..],
            [Err(VerifyError::TargetMissed { half: Half::Block, target: Target::MIN, .. })]
        ));
        assert_eq!(asked(&cache), [7]);
    }

    #[test]
    fn anything_else_is_another_attempt() {
        let cache = cache();
        let first = item(7);
        assert!(cache.check(&[first], &[1])[0].is_ok());
        let others = [
            Item { statement: Statement([4; 32]), ..first },
            Item { nonce: 8, ..first },
            Item { proof: Proof { commitment: [2; 96], ..Proof::ZERO }, ..first },
            Item { proof: Proof { opening: [2; 96], ..Proof::ZERO }, ..first },
        ];
        others.iter().for_each(|other| assert!(cache.check(&[*other], &[1])[0].is_ok()));
        assert_eq!(asked(&cache), [7, 7, 8, 7, 7]);
    }

    #[test]
    fn bad_proofs_and_unjudged_ones_are_not_remembered() {
        let cache = cache();
        for _ in 0..2 {
            assert_eq!(cache.check(&[bad(7)], &[1]), [Err(VerifyError::PairingFailed)]);
            assert!(cache.check(&[item(8)], &[])[0].is_err());
        }
        // Nor are those whose ticket missed what was claimed, though their proof might hold.
        let missed = Item { claim: Claim::Block(Target::MIN), ..item(9) };
        assert!(cache.check(&[missed], &[1])[0].is_err());
        assert!(cache.check(&[item(9)], &[1])[0].is_ok());
        assert_eq!(asked(&cache), [7, 7, 9, 9]);
    }

    #[test]
    fn of_a_batch_only_what_is_new_is_checked_with_its_own_weights() {
        let cache = cache();
        cache.check(&[item(2), item(4)], &[20, 40]);
        let verdicts = cache.check(&[item(1), item(2), bad(3), item(4), item(5)], &[10, 21, 30, 41, 50]);
        let good: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, true, false, true, true]);
        let ticket = |item: Item| Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
        assert_eq!((verdicts[1], verdicts[4]), (Ok(ticket(item(2))), Ok(ticket(item(5)))));
        let asked = cache.checker.asked.lock().unwrap().clone();
        assert_eq!(asked, [(2, 20), (4, 40), (1, 10), (3, 30), (5, 50)]);
    }

    #[test]
    fn two_who_ask_at_the_same_time_share_one_check() {
        let both = std::sync::Arc::new(Barrier::new(2));
        let at_clerk = both.clone();
        let pause = move || {
            at_clerk.wait();
            // The other one has begun to ask.
            thread::sleep(Duration::from_millis(50));
        };
        let cache = ProofCache::new(Clerk { pause: Some(Box::new(pause)), ..Clerk::default() });
        thread::scope(|scope| {
            scope.spawn(|| assert!(cache.check(&[item(7)], &[1])[0].is_ok()));
            both.wait();
            assert!(cache.check(&[item(7)], &[1])[0].is_ok());
        });
        assert_eq!(asked(&cache), [7]);
    }

    #[test]
    fn a_checker_that_panics_holds_up_nobody() {
        let times = Mutex::new(0);
        let pause = move || {
            let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
            *times += 1;
            assert!(*times > 1, "the first time");
        };
        let cache = ProofCache::new(Clerk { pause: Some(Box::new(pause)), ..Clerk::default() });
        assert!(catch_unwind(AssertUnwindSafe(|| cache.check(&[item(7)], &[1]))).is_err());
        assert!(cache.check(&[item(7)], &[1])[0].is_ok());
    }

    #[test]
    fn the_oldest_proof_gives_way() {
        let cache = cache();
        let last = MAX_PROOFS as u64;
        (0..=last).for_each(|nonce| assert!(cache.check(&[item(nonce)], &[1])[0].is_ok()));
        cache.check(&[item(last)], &[1]);
        cache.check(&[item(0)], &[1]);
        assert_eq!(asked(&cache).len() as u64, last + 2);
    }
}

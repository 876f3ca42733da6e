//! Invalid by the envelope: expiry, nonce, sender, fee and signature.

use lode_consensus::{
    Account, Action, Hash, StateKey, Transaction, market::event::Void, transition::TransactionError,
};
use lode_testkit::world::{APPLIED, FEE, actor, cancel, decline, sent, void};

use crate::{Stage, one_of_each, stage};

#[test]
fn expiry_nonce_sender_and_fee_hold_for_every_kind() {
    let stage = stage();
    let Stage { world, .. } = &stage;
    let height = world.height() + 1;
    for (from, action) in one_of_each(&stage) {
        let name = action.name();
        let plain = sent(from, action);
        assert_eq!(world.judge_transaction(&plain), APPLIED, "{name}");

        let last = Transaction { expiry: height, ..plain.clone() };
        assert_eq!(world.judge_transaction(&last), APPLIED, "{name}");
        let late = Transaction { expiry: height - 1, ..plain.clone() };
        let expired = TransactionError::Expired { expiry: height - 1, height };
        assert_eq!(world.judge_transaction(&late), Err(expired), "{name}");

        let expected = world.account(from).nonce;
        for got in [expected.wrapping_sub(1), expected + 1] {
            if got == u64::MAX {
                continue;
            }
            let other = Transaction { nonce: got, ..plain.clone() };
            let wrong = TransactionError::Nonce { expected, got };
            assert_eq!(world.judge_transaction(&other), Err(wrong), "{name}");
        }

        let stranger = Transaction { from: actor("nobody"), ..plain.clone() };
        let unknown = TransactionError::NoAccount(actor("nobody"));
        assert_eq!(world.judge_transaction(&stranger), Err(unknown), "{name}");

        let dear = Transaction { fee: world.balance(from) + 1, ..plain.clone() };
        let judged = world.judge_transaction(&dear);
        assert!(matches!(judged, Err(TransactionError::Balance { .. })), "{name}: {judged:?}");
    }
}

/// No account gets there: it would have made 2^64 transactions.
#[test]
fn the_last_nonce_is_never_used() {
    let mut stage = stage();
    let Account { balance, .. } = stage.world.account("op");
    for (nonce, expected) in
        [(u64::MAX - 1, APPLIED), (u64::MAX, Err(TransactionError::Overflow("the sender's nonce")))]
    {
        stage.world.put(StateKey::Account(actor("op")), Account { balance, nonce });
        assert_eq!(stage.world.judge("op", decline(stage.assigned)), expected);
    }
}

/// A fee of all that there is leaves nothing for what a kind takes besides; what takes nothing is
/// applied.
#[test]
fn the_fee_may_be_the_whole_balance() {
    let stage = stage();
    for (from, action) in one_of_each(&stage) {
        let takes_more = matches!(
            action,
            Action::RegisterClass(_) | Action::Bond(_) | Action::Request(_) | Action::Raise(_)
        );
        let name = action.name();
        let all = Transaction { fee: stage.world.balance(from), ..sent(from, action) };
        let judged = stage.world.judge_transaction(&all);
        if takes_more {
            assert!(matches!(judged, Err(TransactionError::Balance { .. })), "{name}: {judged:?}");
        } else {
            assert_eq!(judged, APPLIED, "{name}");
        }
    }
}

/// What is void takes its fee before anything else: without it, it is invalid.
#[test]
fn a_void_transaction_that_cannot_pay_its_fee_is_invalid() {
    let mut stage = stage();
    stage.world.fund("idle", FEE);
    assert_eq!(stage.world.judge("idle", cancel(Hash::ZERO)), void(Void::NoJob));
    stage.world.fund("idle", FEE - 1);
    let short = TransactionError::Balance { needed: FEE, balance: FEE - 1 };
    assert_eq!(stage.world.judge("idle", cancel(Hash::ZERO)), Err(short));
}

//! Transactions: one after the other, each whole or not at all.

use super::{ApplyError, Overlay, StateView, TransactionError};
use crate::{
    Account, Encode, Height, StateKey, Transaction,
    transaction::{Action, Transfer},
};

/// Applies one transaction, whose signature the caller has checked, and adds its fee to the
/// block's. The outer error is the store's.
pub(super) fn apply<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    height: Height,
    fees: &mut u64,
    transaction: &Transaction,
) -> Result<Result<(), TransactionError>, ApplyError<V::Error>> {
    let from_key = StateKey::Account(transaction.from);
    let sender: Account = leaves.get(from_key)?.unwrap_or_default();
    let (sender, sum) = match debit(transaction, sender, height, *fees) {
        Ok(debited) => debited,
        Err(error) => return Ok(Err(error)),
    };
    let applied = match &transaction.action {
        Action::Transfer(transfer) => self::transfer(leaves, transfer, from_key, sender)?,
    };
    if applied.is_ok() {
        *fees = sum;
    }
    Ok(applied)
}

/// The sender after it has paid for the transaction, and the block's fees with it: the same for all
/// kinds.
fn debit(
    transaction: &Transaction,
    sender: Account,
    height: Height,
    fees: u64,
) -> Result<(Account, u64), TransactionError> {
    transaction.check_static()?;
    let Transaction { fee, nonce, expiry, .. } = *transaction;
    if expiry < height {
        return Err(TransactionError::Expired { expiry, height });
    }
    if nonce != sender.nonce {
        return Err(TransactionError::Nonce { expected: sender.nonce, got: nonce });
    }
    let needed = transaction.cost()?;
    let balance = sender
        .balance
        .checked_sub(needed)
        .ok_or(TransactionError::Balance { needed, balance: sender.balance })?;
    let nonce = nonce.checked_add(1).ok_or(TransactionError::Overflow("the sender's nonce"))?;
    let fees = fees.checked_add(fee).ok_or(TransactionError::Overflow("the block's fees"))?;
    Ok((Account { balance, nonce }, fees))
}

/// Writes both accounts of a transfer. `sender` has been debited already; nothing is written if the
/// receiver's balance would overflow.
fn transfer<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    transfer: &Transfer,
    from_key: StateKey,
    sender: Account,
) -> Result<Result<(), TransactionError>, ApplyError<V::Error>> {
    let to_key = StateKey::Account(transfer.to);
    // A transfer to oneself is debited first, so the recipient is read after that.
    let recipient =
        if from_key == to_key { sender } else { leaves.get(to_key)?.unwrap_or_default() };
    let Some(balance) = recipient.balance.checked_add(transfer.amount) else {
        return Ok(Err(TransactionError::Overflow("the recipient's balance")));
    };
    leaves.set(from_key, Some(sender.encode()));
    leaves.set(to_key, Some(Account { balance, ..recipient }.encode()));
    Ok(Ok(()))
}
